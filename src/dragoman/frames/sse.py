"""Server-sent events, as the WHATWG HTML standard has them (section "Server-sent events").

Lines end with CR, LF or CRLF and with nothing else: models write U+2028 and U+0085 inside JSON, so
`str.splitlines` would break frames. Work is linear in the bytes fed, whatever their split.
"""

import msgspec

MAX_FRAME = 64 * 1024 * 1024
"""Bytes that one frame may take; images come in frames of several megabytes."""


class SSE(msgspec.Struct, frozen=True, gc=False):
    """One event: its name (empty for the default) and its data lines joined with LF."""

    event: str
    data: bytes


class FrameTooLargeError(ValueError):
    """One frame is larger than `MAX_FRAME`."""


class SSEDecoder:
    """Bytes in, whole events out.

    `pending` counts the bytes fed that belong to no whole frame yet: a proxy that has forwarded all
    but these can still end the stream with a frame of its own.
    """

    __slots__ = ("_buffer", "_carriage", "_line_feed", "_scanned", "_started", "pending")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self._line_feed = -1
        self._carriage = -1
        self._started = False
        self.pending = 0
        """Bytes at the end of what was fed that are not part of a whole frame."""

    @property
    def remainder(self) -> bytes:
        """Those bytes: servers that fail in the middle may leave an error there that is no event."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> list[SSE]:
        """The events that `data` completes. Comments and frames without data give none.

        Raises `FrameTooLargeError` when a single frame grows beyond `MAX_FRAME`.
        """
        return [event for frame in self.cut(data) if (event := parse_frame(frame)) is not None]

    def cut(self, data: bytes) -> list[bytes]:
        """The frames that `data` completes, unread, for `parse_frame`; some may be empty. Where lines end in
        CRLF, they may end in LF here. Raises as `feed`.
        """
        if data.endswith((b"\n\n", b"\r\n\r\n")):
            end = len(data)
        else:
            end = max(data.rfind(b"\n\n") + 2, data.rfind(b"\r\n\r\n") + 4)
        if end < 4 or not self._started:
            return self._search(data, [])
        # the usual stream: whole frames, and every line end alike
        whole = data if end == len(data) else data[:end]
        if self.pending:
            whole = bytes(self._buffer) + whole
        if b"\r" in whole:
            whole = whole.replace(b"\r\n", b"\n")
            if b"\r" in whole:
                return self._search(data, [])
        if self.pending:
            self._buffer.clear()
            self._scanned = self.pending = 0
        frames = whole.split(b"\n\n")
        # behind the last blank line there is nothing, or one more of them
        del frames[-1]
        return frames if end == len(data) else self._search(data[end:], frames)

    def _search(self, data: bytes, frames: list[bytes]) -> list[bytes]:
        """As `cut`, for bytes in any pieces and with any line ends; `frames` came before them."""
        buffer = self._buffer
        buffer += data
        self._line_feed = self._carriage = -1
        if not self._started:
            if len(buffer) < 3 and b"\xef\xbb\xbf".startswith(bytes(buffer)):
                self.pending = len(buffer)
                return frames
            self._started = True
            if buffer.startswith(b"\xef\xbb\xbf"):
                del buffer[:3]
        start = 0
        while (end := self._frame_end(start)) >= 0:
            frames.append(bytes(buffer[start:end]))
            start = end
            self._scanned = end
        if start:
            del buffer[:start]
            self._scanned -= start
        self.pending = len(buffer)
        if self.pending > MAX_FRAME and not frames:
            raise FrameTooLargeError(f"an event of the stream is larger than {MAX_FRAME} bytes")
        return frames

    def close(self) -> list[SSE]:
        """The event that was left without its blank line, as some servers leave the last one."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        self._scanned = self.pending = 0
        event = parse_frame(rest) if rest else None
        return [] if event is None else [event]

    def _frame_end(self, start: int) -> int:
        """Where the frame that begins at `start` ends, blank line included; -1 if not yet known.

        `_scanned` remembers how far the search has come, `_line_feed` and `_carriage` where the
        next of each is (the buffer's size for none), so that no byte is searched twice.
        """
        buffer = self._buffer
        position = max(start, self._scanned)
        size = len(buffer)
        while True:
            if self._line_feed < position:
                self._line_feed = _found(buffer.find(b"\n", position), size)
            if self._carriage < position:
                self._carriage = _found(buffer.find(b"\r", position), size)
            first = min(self._line_feed, self._carriage)
            if first == size:
                self._scanned = size
                return -1
            after = first + 1
            if first == self._carriage:
                if after == size:
                    # a CR at the very end: a LF of the same line end may still come
                    self._scanned = first
                    return -1
                if buffer[after] == 0x0A:
                    after += 1
            if first == start or self._line_start(first) == first:
                return after
            position = after

    def _line_start(self, end: int) -> int:
        """Where the line that ends at `end` begins: `end` itself for a blank line."""
        return end if end > 0 and self._buffer[end - 1] in b"\r\n" else -1


def _found(place: int, otherwise: int) -> int:
    return otherwise if place < 0 else place


def parse_frame(frame: bytes) -> SSE | None:
    """One frame's event; None where it holds no `data` field (comments, lone `event` or `id`)."""
    lines = frame.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in frame else frame
    # the two forms of nearly every frame, which need not be taken apart line by line
    if lines.startswith(b"data: "):
        value = lines[6:].rstrip(b"\n")
        if b"\n" not in value:
            return SSE("", value)
    elif lines.startswith(b"event: "):
        title, _, value = lines[7:].rstrip(b"\n").partition(b"\ndata: ")
        if value and b"\n" not in value and b"\n" not in title:
            return SSE(title.decode("utf-8", "replace"), value)
    name = ""
    data: list[bytes] = []
    for line in lines.split(b"\n"):
        if not line or line[0] == 0x3A:
            continue
        field, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return SSE(name, data[0] if len(data) == 1 else b"\n".join(data)) if data else None


def on_one_line(json: bytes) -> bytes:
    """JSON text without line breaks: some vendors lay their JSON out over lines, and each would end a
    line of the event.
    """
    return msgspec.json.format(json, indent=-1) if b"\n" in json or b"\r" in json else json


def encode_data(data: bytes) -> bytes:
    """An unnamed event with one line of data."""
    return b"data: " + data + b"\n\n"


def encode_event(name: str, data: bytes) -> bytes:
    """A named event with one line of data."""
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
