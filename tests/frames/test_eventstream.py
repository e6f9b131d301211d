"""The decoder of AWS event streams, and the encoder that tests and the fake provider use."""

import itertools
import struct
import uuid
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.frames import eventstream
from dragoman.frames.eventstream import (
    EventStreamDecoder,
    EventStreamError,
    Header,
    Message,
    Timestamp,
    encode_message,
    parse_message,
)
from dragoman.frames.sse import FrameTooLargeError

EVENT = Message(
    {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"},
    b'{"bytes":"eyJ0eXBlIjoicGluZyJ9"}',
)
EXCEPTION = Message(
    {":exception-type": "throttlingException", ":message-type": "exception"}, b'{"message":"Too many tokens"}'
)
ERROR = Message({":message-type": "error", ":error-code": "InternalFailure", ":error-message": "größer"}, b"")
MESSAGES = [EVENT, Message({}, b""), EXCEPTION, ERROR]
STREAM = b"".join(encode_message(message.headers, message.payload) for message in MESSAGES)

header_blocks = st.dictionaries(
    st.text(min_size=1, max_size=8),
    st.one_of(
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.binary(max_size=12),
        st.text(max_size=8),
        st.integers(-(2**63), 2**63 - 1).map(Timestamp),
        st.uuids(),
    ),
    max_size=5,
)
messages = st.builds(Message, header_blocks, st.binary(max_size=40))


def framed(
    block: bytes, payload: bytes = b"", *, size: int | None = None, block_size: int | None = None
) -> bytes:
    """A message with right checksums around headers and lengths that need not be right."""
    lengths = struct.pack(
        ">II",
        16 + len(block) + len(payload) if size is None else size,
        len(block) if block_size is None else block_size,
    )
    message = lengths + struct.pack(">I", zlib.crc32(lengths)) + block + payload
    return message + struct.pack(">I", zlib.crc32(message))


def decoded(pieces: list[bytes]) -> list[Message]:
    decoder = EventStreamDecoder()
    found = [message for piece in pieces for message in decoder.feed(piece)]
    decoder.close()
    return found


def test_a_message_lies_on_the_wire_byte_by_byte_as_aws_lays_it_out() -> None:
    empty = bytes.fromhex("00000010 00000000 05c248eb 7d98c8ff")
    assert parse_message(empty) == Message({}, b"")
    assert encode_message({}, b"") == empty
    wire = bytes.fromhex(
        "0000002d 00000010 41c424b8"  # 45 bytes, 16 of them headers
        "0a 6576656e742d74797065"  # a name of 10 bytes: event-type
        "04 0000a00c"  # an integer of 32 bits
        "7b27666f6f273a27626172277d"
        "36f480a0"
    )
    assert parse_message(wire) == Message({"event-type": 0xA00C}, b"{'foo':'bar'}")
    assert encode_message({"event-type": 0xA00C}, b"{'foo':'bar'}") == wire


def test_every_type_of_header_is_read() -> None:
    block = (
        b"\x01t\x00"
        b"\x01f\x01"
        b"\x01b\x02\xff"
        b"\x01s\x03\xff\xfe"
        b"\x01i\x04\x7f\xff\xff\xff"
        b"\x01l\x05\x80\x00\x00\x00\x00\x00\x00\x00"
        b"\x01y\x06\x00\x02\x00\xff"
        b"\x02\xc3\xb6\x07\x00\x03\xe2\x82\xac"
        b"\x01m\x08\xff\xff\xff\xff\xff\xff\xff\xff"
        b"\x01u\x09" + bytes(range(16))
    )
    assert parse_message(framed(block)).headers == {
        "t": True,
        "f": False,
        "b": -1,
        "s": -2,
        "i": 2**31 - 1,
        "l": -(2**63),
        "y": b"\x00\xff",
        "ö": "€",
        "m": Timestamp(-1),
        "u": uuid.UUID("00010203-0405-0607-0809-0a0b0c0d0e0f"),
    }


@pytest.mark.parametrize(
    ("value", "size"),
    [(0, 1), (-128, 1), (127, 1), (128, 2), (-32_769, 4), (2**31, 8), (-(2**63), 8)],
)
def test_integers_take_the_narrowest_width_that_holds_them(value: int, size: int) -> None:
    wire = encode_message({"n": value}, b"")
    assert len(wire) == 16 + 3 + size
    assert parse_message(wire).headers == {"n": value}


@given(messages)
@settings(max_examples=100)
def test_what_is_encoded_is_decoded_again(message: Message) -> None:
    assert parse_message(encode_message(message.headers, message.payload)) == message


def test_every_split_into_two_gives_the_same_messages() -> None:
    for place in range(len(STREAM) + 1):
        assert decoded([STREAM[:place], STREAM[place:]]) == MESSAGES, place


def test_byte_by_byte_gives_the_same_messages() -> None:
    assert decoded([STREAM[place : place + 1] for place in range(len(STREAM))]) == MESSAGES


@given(st.lists(messages, max_size=4), st.lists(st.integers(0, 300), max_size=8))
@settings(max_examples=100)
def test_any_split_of_any_messages_gives_the_same_messages(expected: list[Message], cuts: list[int]) -> None:
    stream = b"".join(encode_message(message.headers, message.payload) for message in expected)
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    assert decoded([stream[start:end] for start, end in itertools.pairwise(places)]) == expected


def test_exceptions_and_errors_are_messages_that_say_what_they_are() -> None:
    assert [(message.kind, message.name) for message in decoded([STREAM])] == [
        ("event", "chunk"),
        ("event", ""),
        ("exception", "throttlingException"),
        ("error", "InternalFailure"),
    ]
    assert ERROR.error_message == "größer"
    assert EXCEPTION.error_message == ""
    assert Message({":message-type": 7, ":event-type": b"chunk"}, b"").name == ""


def test_a_stream_that_ends_between_messages_closes_quietly() -> None:
    decoder = EventStreamDecoder()
    decoder.feed(STREAM)
    assert decoder.pending == 0
    decoder.close()
    EventStreamDecoder().close()


def test_a_stream_cut_off_anywhere_within_a_message_is_reported_at_its_close() -> None:
    first = len(encode_message(EVENT.headers, EVENT.payload))
    for place in range(1, first):
        decoder = EventStreamDecoder()
        assert decoder.feed(STREAM[:place]) == []
        assert decoder.pending == place
        assert decoder.remainder == STREAM[:place]
        with pytest.raises(EventStreamError, match=f"breaks off {place} bytes into a message"):
            decoder.close()


def test_every_single_damaged_bit_is_noticed_and_what_came_before_is_not_lost() -> None:
    before = encode_message(EXCEPTION.headers, EXCEPTION.payload)
    message = encode_message(EVENT.headers, EVENT.payload)
    for place in range(len(message) * 8):
        damaged = bytearray(message)
        damaged[place // 8] ^= 1 << place % 8
        decoder = EventStreamDecoder()
        assert decoder.feed(before + damaged) == [EXCEPTION]
        assert decoder.remainder == damaged
        for _ in range(2):
            with pytest.raises(EventStreamError, match="does not match its checksum"):
                decoder.feed(message)
        with pytest.raises(EventStreamError):
            decoder.close()


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=4))
@settings(max_examples=100)
def test_arbitrary_bytes_raise_nothing_but_the_documented_errors(data: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    decoder = EventStreamDecoder()
    try:
        for start, end in itertools.pairwise(places):
            decoder.feed(data[start:end])
        decoder.close()
    except (EventStreamError, FrameTooLargeError):
        return
    assert data == b""


@given(st.binary(max_size=60), st.binary(max_size=20))
@settings(max_examples=100)
def test_arbitrary_headers_under_right_checksums_raise_nothing_else_either(
    block: bytes, payload: bytes
) -> None:
    try:
        message = parse_message(framed(block, payload))
    except EventStreamError:
        return
    assert message.payload == payload


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
@settings(max_examples=100)
def test_arbitrary_lengths_under_right_checksums_raise_nothing_else_either(
    size: int, block_size: int
) -> None:
    with pytest.raises((EventStreamError, FrameTooLargeError)):
        parse_message(framed(b"", b"x", size=size, block_size=block_size))


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        (b"\x05ab", "beyond the headers' end"),
        (b"\x01a", "beyond the headers' end"),
        (b"\x01a\x07\x00\x05abc", "beyond the headers' end"),
        (b"\x01a\x09short", "beyond the headers' end"),
        (b"\x01a\x0a", "unknown type 10"),
        (b"\x00\x00", "has no name"),
        (b"\x01a\x00\x01a\x01", "comes twice"),
        (b"\x01\xff\x00", "not UTF-8"),
        (b"\x01a\x07\x00\x01\xff", "not UTF-8"),
    ],
)
def test_headers_that_make_no_sense_are_refused(block: bytes, complaint: str) -> None:
    with pytest.raises(EventStreamError, match=complaint):
        EventStreamDecoder().feed(framed(block))


@pytest.mark.parametrize(("size", "block_size"), [(15, 0), (0, 0), (16, 1), (20, 5), (200_000, 131_073)])
def test_lengths_that_contradict_each_other_are_refused_before_the_message_is_there(
    size: int, block_size: int
) -> None:
    with pytest.raises(EventStreamError, match=f"{size} bytes cannot have {block_size} bytes of headers"):
        EventStreamDecoder().feed(framed(b"", size=size, block_size=block_size)[:12])


@pytest.mark.parametrize("data", [b"", STREAM[:15], STREAM, STREAM[:40]])
def test_what_is_not_exactly_one_message_is_none(data: bytes) -> None:
    with pytest.raises(EventStreamError):
        parse_message(data)


def test_a_message_beyond_the_limit_is_refused_as_soon_as_its_length_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(eventstream, "MAX_FRAME", 64)
    decoder = EventStreamDecoder()
    assert decoder.feed(encode_message({}, b"x" * 48)) == [Message({}, b"x" * 48)]
    with pytest.raises(FrameTooLargeError, match="larger than 64 bytes"):
        decoder.feed(framed(b"", size=65)[:12])
    with pytest.raises(FrameTooLargeError):
        decoder.feed(b"x" * 1000)
    assert decoder.pending == 12


@pytest.mark.parametrize(
    ("headers", "payload"),
    [
        ({"": "x"}, b""),
        ({"x" * 256: "x"}, b""),
        ({"a": "x" * 65_536}, b""),
        ({"a": b"x" * 65_536}, b""),
        ({"a": 2**63}, b""),
        ({"a": Timestamp(2**63)}, b""),
        ({"a": "x" * 65_535, "b": "x" * 65_535}, b""),
        ({}, bytes(64 * 1024 * 1024)),
    ],
    ids=["no name", "long name", "long text", "long bytes", "integer", "timestamp", "headers", "payload"],
)
def test_what_the_wire_cannot_say_is_not_encoded(headers: dict[str, Header], payload: bytes) -> None:
    with pytest.raises(ValueError, match=r"must have|longer than|more than 64 bits|too large"):
        encode_message(headers, payload)


def test_a_large_message_in_small_pieces_takes_linear_work(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = 0
    original = zlib.crc32

    def crc32(data: bytes | memoryview) -> int:
        nonlocal hashed
        hashed += len(data)
        return original(data)

    message = encode_message({}, bytes(100_000))
    monkeypatch.setattr(eventstream.zlib, "crc32", crc32)
    assert len(decoded([message[place : place + 100] for place in range(0, len(message), 100)])) == 1
    assert hashed < 2 * len(message)
