"""The decoder of server-sent events."""

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.frames import sse
from dragoman.frames.sse import (
    SSE,
    FrameTooLargeError,
    SSEDecoder,
    encode_data,
    encode_event,
    on_one_line,
    parse_frame,
)

STREAM = (
    'event: message_start\ndata: {"a":"größe \u2028 \u0085 und mehr"}\n\n'
    ": a comment\n\n"
    "data: one\ndata: two\n\n"
    "id: 7\nretry: 10\ndata:no space\n\n"
    "data:\n\n"
    "data: last\n\n"
).encode()

EVENTS = [
    SSE("message_start", '{"a":"größe \u2028 \u0085 und mehr"}'.encode()),
    SSE("", b"one\ntwo"),
    SSE("", b"no space"),
    SSE("", b""),
    SSE("", b"last"),
]


def decoded(pieces: list[bytes]) -> list[SSE]:
    decoder = SSEDecoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.close()


def state(decoder: SSEDecoder, name: str) -> object:
    return getattr(decoder, name)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_every_kind_of_line_end_separates_events(line_end: bytes) -> None:
    assert decoded([STREAM.replace(b"\n", line_end)]) == EVENTS


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_every_single_split_gives_the_same_events(line_end: bytes) -> None:
    stream = STREAM.replace(b"\n", line_end)
    for place in range(len(stream) + 1):
        assert decoded([stream[:place], stream[place:]]) == EVENTS, place


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_byte_by_byte_gives_the_same_events(line_end: bytes) -> None:
    stream = STREAM.replace(b"\n", line_end)
    assert decoded([stream[place : place + 1] for place in range(len(stream))]) == EVENTS


@given(
    stream=st.lists(
        st.sampled_from(
            [b"data: x", b"data", b": c", b"event: e", b"\n", b"\r", b"\r\n", b"\xef\xbb\xbf", b" "]
        )
    ).map(b"".join),
    cuts=st.lists(st.integers(0, 80), max_size=8),
)
@settings(max_examples=100)
def test_any_split_of_anything_gives_the_same_events(stream: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    pieces = [stream[start:end] for start, end in itertools.pairwise(places)]
    assert decoded(pieces) == decoded([stream])


WHOLE = [
    b"data: x\n\n",
    b"event: e\ndata: y\n\n",
    b"data: z\r\n\r\n",
    b": c\n\n",
    b"\n",
    b"\r",
    b"data: q",
    b"\r\n",
]


@given(
    stream=st.lists(st.sampled_from([*WHOLE, b"data: q", b"data: r\r\r", b"\n", b"\r", b"\r\n"])).map(
        b"".join
    ),
    cuts=st.lists(st.integers(0, 80), max_size=8),
)
@settings(max_examples=100)
def test_whole_frames_are_no_different_from_their_bytes_one_by_one(stream: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    fast, slow = SSEDecoder(), SSEDecoder()
    for start, end in itertools.pairwise(places):
        expected = [event for at in range(start, end) for event in slow.feed(stream[at : at + 1])]
        assert fast.feed(stream[start:end]) == expected
        assert (fast.pending, fast.remainder) == (slow.pending, slow.remainder)
    assert fast.close() == slow.close()


def test_line_ends_may_be_mixed() -> None:
    assert decoded([b"data: a\r\n\ndata: b\n\r\n"]) == [SSE("", b"a"), SSE("", b"b")]


def test_a_byte_order_mark_is_skipped_once() -> None:
    assert decoded([b"\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n"]) == [SSE("", b"a")]
    assert decoded([b"\xef", b"\xbb", b"\xbf", b"data: a\n\n"]) == [SSE("", b"a")]


def test_separators_that_models_write_do_not_end_a_line() -> None:
    text = "one\u2028two\u2029three\u0085four\x0bfive\x0csix".encode()
    assert decoded([b"data: " + text + b"\n\n"]) == [SSE("", text)]


def test_comments_and_frames_without_data_give_nothing() -> None:
    assert decoded([b": keepalive\n\nevent: ping\n\nid: 3\n\n\n\n"]) == []


def test_one_space_after_the_colon_is_not_data() -> None:
    assert parse_frame(b"data:  two spaces\n") == SSE("", b" two spaces")


def test_the_last_event_may_lack_its_blank_line() -> None:
    decoder = SSEDecoder()
    assert decoder.feed(b"data: a\n\ndata: b") == [SSE("", b"a")]
    assert decoder.close() == [SSE("", b"b")]
    assert decoder.close() == []


def test_pending_and_remainder_are_the_bytes_of_the_unfinished_frame() -> None:
    decoder = SSEDecoder()
    decoder.feed(b'data: a\r\n\r\n{"error": 1}\r\n')
    assert decoder.remainder == b'{"error": 1}\r\n'
    assert decoder.pending == len(decoder.remainder)
    decoder.feed(b"\r\n")
    assert decoder.pending == 0


def test_a_frame_fed_in_pieces_is_searched_only_once() -> None:
    decoder = SSEDecoder()
    for _ in range(200):
        decoder.feed(b"data: some text")
        # the next search begins where this one ended
        assert state(decoder, "_scanned") == decoder.pending


def test_the_next_line_feed_is_not_searched_again_for_every_carriage_return(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searches: list[int] = []

    def found(place: int, otherwise: int) -> int:
        searches.append(place)
        return otherwise if place < 0 else place

    monkeypatch.setattr(sse, "_found", found)
    lines = 500
    decoder = SSEDecoder()
    decoder.feed(b"data: x\r" * lines + b"z")
    assert len(searches) <= lines + 3


def test_a_frame_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_FRAME", 32)
    decoder = SSEDecoder()
    assert decoder.feed(b"data: " + b"x" * 20 + b"\n\n") == [SSE("", b"x" * 20)]
    decoder.feed(b"data: " + b"x" * 20)
    with pytest.raises(FrameTooLargeError, match="larger than 32 bytes"):
        decoder.feed(b"x" * 20)


def test_events_before_a_frame_beyond_the_limit_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_FRAME", 32)
    decoder = SSEDecoder()
    assert decoder.feed(b"data: a\n\ndata: " + b"x" * 40) == [SSE("", b"a")]
    with pytest.raises(FrameTooLargeError):
        decoder.feed(b"x")


@given(st.binary(max_size=200))
@settings(max_examples=100)
def test_arbitrary_bytes_never_raise(data: bytes) -> None:
    decoder = SSEDecoder()
    decoder.feed(data)
    decoder.close()


def test_encoded_events_are_decoded_again() -> None:
    assert decoded([encode_data(b"{}") + encode_event("ping", b"{}")]) == [SSE("", b"{}"), SSE("ping", b"{}")]


@pytest.mark.parametrize("laid_out", [b'{"a": 1}', b'{\n  "a": "x\\ny",\r\n "b": 2\r}'])
def test_json_that_is_laid_out_over_lines_fits_into_one(laid_out: bytes) -> None:
    frame = encode_data(on_one_line(laid_out))
    assert frame.count(b"\n") == 2
    assert json.loads(frame[6:]) == json.loads(laid_out)
