"""What comes of a stream that was asked for: server-sent events, or a body in one piece."""

from dragoman.frames.sse import MAX_FRAME, SSE, FrameTooLargeError, SSEDecoder, parse_frame


class StreamFrames:
    """Cuts the bytes of an upstream into events. Some hosts answer a request for a stream with one JSON
    object: that is kept until it is whole.
    """

    __slots__ = ("_began", "_body", "_sse", "pending")

    def __init__(self) -> None:
        self._sse = SSEDecoder()
        self._body: bytearray | None = None
        self._began = False
        self.pending = 0
        """Bytes at the end of what was fed that belong to no whole event yet."""

    @property
    def body(self) -> bytes | None:
        """The body so far, where it is no stream."""
        return None if self._body is None else bytes(self._body)

    def feed(self, data: bytes) -> list[SSE]:
        """The events that `data` completes. Raises as `cut`."""
        return [event for frame in self.cut(data) if (event := parse_frame(frame)) is not None]

    def cut(self, data: bytes) -> list[bytes]:
        """The frames that `data` completes, unread, as of `SSEDecoder.cut`. Raises `FrameTooLargeError` for
        more than `MAX_FRAME` bytes that belong together.
        """
        if not self._began and data:
            self._began = True
            if data[:1] == b"{":
                self._body = bytearray()
        if self._body is None:
            try:
                return self._sse.cut(data)
            finally:
                self.pending = self._sse.pending
        if len(self._body) <= MAX_FRAME:
            self._body += data
        self.pending = len(self._body)
        if self.pending > MAX_FRAME:
            raise FrameTooLargeError(f"the answer is larger than {MAX_FRAME} bytes")
        return []

    def close(self) -> list[SSE]:
        """What was left without the blank line that ends an event."""
        if self._body is not None:
            return []
        self.pending = 0
        return self._sse.close()
