"""Frames taken strictly."""

import pytest

from dragoman.testing.grammar.framing import Frame, split_frames


def test_frames_are_taken_apart() -> None:
    found: list[str] = []

    assert split_frames(b"data: a\n\n: keepalive\n\ndata: b c\n\n", found) == [
        Frame(0, None, "a"),
        Frame(2, None, "b c"),
    ]
    assert found == []


def test_named_frames_are_taken_apart() -> None:
    found: list[str] = []

    assert split_frames(b"event: x\ndata: {}\n\n", found, named=True) == [Frame(0, "x", "{}")]
    assert found == []


def test_lines_may_end_with_carriage_returns_where_that_is_allowed() -> None:
    found: list[str] = []

    assert split_frames(b"data: a\r\n\r\ndata: b\r\n\r\n", found, carriage=True) == [
        Frame(0, None, "a"),
        Frame(1, None, "b"),
    ]
    assert found == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"data:a\n\n", "frame 0: is not one line that begins with `data: `"),
        (b"data: a\ndata: b\n\n", "frame 0: is not one line that begins with `data: `"),
        (b"event: x\ndata: a\n\n", "frame 0: is not one line that begins with `data: `"),
        (b"data: a\n", "the stream does not end with a blank line"),
        (b"data: a\r\n\r\n", "a carriage return stands in the stream"),
        (b"data: \xff\n\n", "the stream is not UTF-8"),
    ],
)
def test_loose_framing_is_found(body: bytes, problem: str) -> None:
    found: list[str] = []
    split_frames(body, found)

    assert any(problem in one for one in found)


def test_comments_are_found_where_they_are_not_allowed() -> None:
    found: list[str] = []
    split_frames(b": hello\n\n", found, named=True, comments=False)

    assert found == ["frame 0: a comment is not allowed here"]


def test_a_named_stream_wants_names() -> None:
    found: list[str] = []
    split_frames(b"data: {}\n\n", found, named=True)

    assert found == ["frame 0: does not begin with `event: `"]
