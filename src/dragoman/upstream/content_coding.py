"""Compressed answers, decoded as they arrive.

Requests ask for `identity`: a compressing proxy in front of an upstream collects whole blocks and so
holds a stream's tokens back. Some servers compress regardless.
"""

import zlib
from collections.abc import Mapping

MAX_PIECE = 256 * 1024
"""Bytes that one step may unpack to, however small its input: a few packed kilobytes can hold
gigabytes."""

_GZIP = 16 + zlib.MAX_WBITS
_CODINGS = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": zlib.MAX_WBITS}


class ContentCodingError(ValueError):
    """The body is not what its `content-encoding` says, ends too early, or is in a coding that is
    not known here.
    """


def content_decoder(headers: Mapping[str, str]) -> "ContentDecoder | None":
    """The decoder that an answer with these headers (names in lower case) needs; None for plain
    bodies.

    Raises `ContentCodingError` for any coding but gzip and deflate, and for several of them.
    """
    value = headers.get("content-encoding", "")
    codings = [name for part in value.split(",") if (name := part.strip().lower()) not in ("", "identity")]
    if not codings:
        return None
    if len(codings) > 1 or codings[0] not in _CODINGS:
        raise ContentCodingError("it is compressed in a way that was not asked for")
    return ContentDecoder(_CODINGS[codings[0]])


class ContentDecoder:
    """Packed bytes in, plain bytes out, at most `MAX_PIECE` at a time.

    `pending` tells whether `feed(b"")` may have more to give without new input.
    """

    __slots__ = ("_inflater", "_packed", "_started", "_window", "pending")

    def __init__(self, window: int) -> None:
        self._window = window
        self._inflater = zlib.decompressobj(window)
        self._packed = b""
        self._started = False
        self.pending = False

    def feed(self, data: bytes) -> bytes:
        """The next plain bytes; none where `data` completes nothing.

        Raises `ContentCodingError` for bytes that the coding does not allow.
        """
        packed = self._packed + data
        if not self._started and not self._begin(packed):
            self._packed = packed
            return b""
        piece = b""
        while not piece and (packed or self.pending):
            try:
                piece = self._inflate(packed)
            except zlib.error:
                raise ContentCodingError("its compressed body is damaged") from None
            ended = self._inflater.eof
            packed = self._inflater.unused_data if ended else self._inflater.unconsumed_tail
            self.pending = bool(packed) or (len(piece) == MAX_PIECE and not ended)
        self._packed = packed
        return piece

    def close(self) -> None:
        """Raises `ContentCodingError` when the body ended before its coding did."""
        if self._packed or (self._started and not self._inflater.eof):
            raise ContentCodingError("its compressed body breaks off")

    def _begin(self, packed: bytes) -> bool:
        """Choose between the two things that servers call deflate: with zlib's header, as RFC 9110
        (section 8.4.1.2) has it, and without. It shows in the first two bytes; False before those.
        """
        if self._window == zlib.MAX_WBITS:
            if len(packed) < 2:
                return False
            if packed[0] & 0x0F != zlib.DEFLATED or (packed[0] << 8 | packed[1]) % 31:
                self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._started = bool(packed)
        return self._started

    def _inflate(self, packed: bytes) -> bytes:
        if self._inflater.eof:
            if self._window != _GZIP:
                raise zlib.error
            # a gzip body may be several members, one after the other
            self._inflater = zlib.decompressobj(_GZIP)
        return self._inflater.decompress(packed, MAX_PIECE)
