"""AWS event streams (`application/vnd.amazon.eventstream`): binary messages with typed headers.

A message is a prelude (length of the message, length of its headers, CRC of these two), the headers,
the payload, and a CRC over everything before it. Numbers are big endian. Work is linear in the bytes
fed, whatever their split.
"""

import struct
import uuid
import zlib
from collections.abc import Mapping
from typing import assert_never

import msgspec

from dragoman.frames.sse import MAX_FRAME, FrameTooLargeError

MAX_HEADERS = 128 * 1024
"""Bytes that the headers of one message may take, as AWS has it."""

_PRELUDE = struct.Struct(">III")
_CHECKSUM = struct.Struct(">I")
_FRAMING = _PRELUDE.size + _CHECKSUM.size
"""Bytes of a message without headers and payload."""

_TRUE, _FALSE, _BYTES, _TEXT, _TIMESTAMP, _UUID = 0, 1, 6, 7, 8, 9
_INTEGERS = {2: struct.Struct(">b"), 3: struct.Struct(">h"), 4: struct.Struct(">i"), 5: struct.Struct(">q")}
_LENGTH = struct.Struct(">H")


class EventStreamError(ValueError):
    """The bytes are not an event stream, or it was damaged or cut off on its way."""


class Timestamp(msgspec.Struct, frozen=True):
    """A moment, in milliseconds since the Unix epoch; may lie before it."""

    milliseconds: int


Header = bool | int | bytes | str | Timestamp | uuid.UUID
"""A header's value. Integers come in four widths on the wire, which make no difference here."""


class Message(msgspec.Struct, frozen=True):
    """One message: its headers by name, in their order, and its payload.

    Exceptions and errors are messages as well: `kind` tells.
    """

    headers: dict[str, Header]
    payload: bytes

    @property
    def kind(self) -> str:
        """`event`, `exception` for an error that the service's API knows, `error` for any other."""
        return self._text(":message-type") or "event"

    @property
    def name(self) -> str:
        """The event's type, the exception's type or the error's code; empty where none is given."""
        match self.kind:
            case "exception":
                return self._text(":exception-type")
            case "error":
                return self._text(":error-code")
            case _:
                return self._text(":event-type")

    @property
    def error_message(self) -> str:
        """What an `error` says about itself; an `exception` says it in its payload."""
        return self._text(":error-message")

    def _text(self, name: str) -> str:
        value = self.headers.get(name)
        return value if isinstance(value, str) else ""


class EventStreamDecoder:
    """Bytes in, whole messages out.

    `pending` counts the bytes fed that belong to no whole message yet. After an error, it counts
    everything from the message at fault on.
    """

    __slots__ = ("_buffer", "_fault")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._fault: ValueError | None = None

    @property
    def pending(self) -> int:
        """Bytes at the end of what was fed that are not part of a whole message."""
        return len(self._buffer)

    @property
    def remainder(self) -> bytes:
        """Those bytes: servers that fail in the middle may leave an error there that is no message."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> list[Message]:
        """The messages that `data` completes.

        Raises `EventStreamError` for bytes that are no message or do not match their checksum, and
        `FrameTooLargeError` for a message beyond `MAX_FRAME`, as soon as its length is known. Messages
        that came before are given first, and the next call raises; so does every call after it.
        """
        if self._fault is not None:
            raise self._fault
        buffer = self._buffer
        buffer += data
        messages: list[Message] = []
        start = 0
        try:
            while (end := self._message_end(start)) >= 0:
                messages.append(parse_message(bytes(buffer[start:end])))
                start = end
        except (EventStreamError, FrameTooLargeError) as error:
            self._fault = error
            if not messages:
                raise
        finally:
            del buffer[:start]
        return messages

    def close(self) -> None:
        """Raises `EventStreamError` when the stream ended within a message, or with an error that
        `feed` has not raised yet.
        """
        if self._fault is not None:
            raise self._fault
        if self._buffer:
            raise EventStreamError(f"the stream breaks off {len(self._buffer)} bytes into a message")

    def _message_end(self, start: int) -> int:
        """Where the message that begins at `start` ends; -1 if it is not all there."""
        if len(self._buffer) - start < _PRELUDE.size:
            return -1
        size, _ = _parse_prelude(self._buffer[start : start + _PRELUDE.size])
        end = start + size
        return end if end <= len(self._buffer) else -1


def parse_message(data: bytes) -> Message:
    """One whole message.

    Raises `EventStreamError` for anything else, and `FrameTooLargeError` for one beyond `MAX_FRAME`.
    """
    if len(data) < _FRAMING:
        raise EventStreamError(f"a message has at least {_FRAMING} bytes, not {len(data)}")
    size, headers_size = _parse_prelude(data[: _PRELUDE.size])
    if size != len(data):
        raise EventStreamError(f"a message of {size} bytes has {len(data)}")
    body = memoryview(data)[: -_CHECKSUM.size]
    if zlib.crc32(body) != _CHECKSUM.unpack_from(data, len(body))[0]:
        raise EventStreamError("a message does not match its checksum")
    payload = _PRELUDE.size + headers_size
    return Message(_parse_headers(data[_PRELUDE.size : payload]), bytes(body[payload:]))


def encode_message(headers: Mapping[str, Header], payload: bytes) -> bytes:
    """A message on the wire; integers take the narrowest width that holds them.

    Raises `ValueError` for a name of no or more than 255 bytes, a text or bytes of more than 65,535,
    an integer of more than 64 bits, and headers or a message beyond their limits.
    """
    block = b"".join(_encode_header(name, value) for name, value in headers.items())
    size = _FRAMING + len(block) + len(payload)
    if len(block) > MAX_HEADERS or size > MAX_FRAME:
        raise ValueError(f"a message of {size} bytes, {len(block)} of them headers, is too large")
    prelude = _PRELUDE.pack(size, len(block), zlib.crc32(struct.pack(">II", size, len(block))))
    message = prelude + block + payload
    return message + _CHECKSUM.pack(zlib.crc32(message))


def _parse_prelude(prelude: bytes | bytearray) -> tuple[int, int]:
    """The length of the message and that of its headers."""
    size: int
    headers: int
    checksum: int
    size, headers, checksum = _PRELUDE.unpack(prelude)
    if zlib.crc32(prelude[:8]) != checksum:
        # checked first: damaged lengths would have us wait for bytes that never come
        raise EventStreamError("the beginning of a message does not match its checksum")
    if size > MAX_FRAME:
        raise FrameTooLargeError(f"a message of the stream is larger than {MAX_FRAME} bytes")
    if headers > MAX_HEADERS or size < _FRAMING + headers:
        raise EventStreamError(f"a message of {size} bytes cannot have {headers} bytes of headers")
    return size, headers


def _parse_headers(block: bytes) -> dict[str, Header]:
    reader = _Reader(block)
    headers: dict[str, Header] = {}
    while not reader.ended:
        try:
            name = reader.take(reader.take(1)[0]).decode()
            if not name or name in headers:
                raise EventStreamError(
                    "a header of a message has no name" if not name else "a header comes twice"
                )
            headers[name] = _parse_value(reader)
        except UnicodeDecodeError:
            raise EventStreamError("a header of a message is not UTF-8") from None
    return headers


def _parse_value(reader: "_Reader") -> Header:
    kind = reader.take(1)[0]
    if kind in (_TRUE, _FALSE):
        return kind == _TRUE
    if kind in _INTEGERS:
        return reader.integer(_INTEGERS[kind])
    if kind in (_BYTES, _TEXT):
        value = reader.take(reader.integer(_LENGTH))
        return value if kind == _BYTES else value.decode()
    if kind == _TIMESTAMP:
        return Timestamp(reader.integer(_INTEGERS[5]))
    if kind == _UUID:
        return uuid.UUID(bytes=reader.take(16))
    raise EventStreamError(f"a header of a message is of the unknown type {kind}")


class _Reader:
    """The header block, read from its beginning. Raises `EventStreamError` beyond its end."""

    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def ended(self) -> bool:
        return self._position == len(self._data)

    def take(self, size: int) -> bytes:
        end = self._position + size
        if end > len(self._data):
            raise EventStreamError("a header of a message goes beyond the headers' end")
        piece = self._data[self._position : end]
        self._position = end
        return piece

    def integer(self, form: struct.Struct) -> int:
        value: int = form.unpack(self.take(form.size))[0]
        return value


def _encode_header(name: str, value: Header) -> bytes:
    written = name.encode()
    if not 1 <= len(written) <= 255:
        raise ValueError(f"the header's name {name!r} must have 1 to 255 bytes")
    return bytes([len(written)]) + written + _encode_value(value)


def _encode_value(value: Header) -> bytes:
    match value:
        case bool():
            return bytes([_TRUE if value else _FALSE])
        case int():
            return _encode_integer(value)
        case bytes():
            return bytes([_BYTES]) + _sized(value)
        case str():
            return bytes([_TEXT]) + _sized(value.encode())
        case Timestamp():
            if _width(value.milliseconds) > 64:
                raise ValueError("a header's timestamp has more than 64 bits")
            return bytes([_TIMESTAMP]) + _INTEGERS[5].pack(value.milliseconds)
        case uuid.UUID():
            return bytes([_UUID]) + value.bytes
        case _:
            assert_never(value)


def _encode_integer(value: int) -> bytes:
    for kind, form in _INTEGERS.items():
        if _width(value) <= 8 * form.size:
            return bytes([kind]) + form.pack(value)
    raise ValueError(f"the header's value {value} has more than 64 bits")


def _width(value: int) -> int:
    """The bits that an integer takes in two's complement."""
    return (value if value >= 0 else ~value).bit_length() + 1


def _sized(value: bytes) -> bytes:
    if len(value) > 0xFFFF:
        raise ValueError(f"a header's value of {len(value)} bytes is longer than 65,535")
    return _LENGTH.pack(len(value)) + value
