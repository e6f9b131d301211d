"""Server-sent events, or a body in one piece."""

import pytest

from dragoman.dialects.stream_frames import StreamFrames
from dragoman.frames.sse import MAX_FRAME, FrameTooLargeError


def test_events_come_when_they_are_whole() -> None:
    frames = StreamFrames()
    assert frames.feed(b"") == []
    assert frames.feed(b"data: a\n\nda") != []
    assert (frames.pending, frames.body) == (2, None)
    assert frames.feed(b"ta: {") == []
    assert [frame.data for frame in frames.close()] == [b"{"]


def test_an_object_is_a_body_and_waits_until_it_is_whole() -> None:
    frames = StreamFrames()
    assert frames.feed(b'{"a":') == []
    assert frames.feed(b"1}\n\n") == []
    assert (frames.pending, frames.body) == (9, b'{"a":1}\n\n')
    assert frames.close() == []


@pytest.mark.parametrize("beginning", [b"{", b"data: "])
def test_nothing_grows_without_end(beginning: bytes) -> None:
    frames = StreamFrames()
    frames.feed(beginning)
    with pytest.raises(FrameTooLargeError):
        frames.feed(b"x" * (MAX_FRAME + 1))
