"""The HTTP server's protocol, with a limit on what stands before a request's body."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 64 * 1024
"""Bytes that a request line and its headers may have: several times what other servers take."""

_REFUSAL = "The headers of the request are too large."


class LimitedHttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 over httptools, which by itself would keep headers of any length in memory."""

    _head = 0
    """Bytes that have come since the end of the last head or body."""
    _in_head = True

    def data_received(self, data: bytes) -> None:  # pyright: ignore[reportImplicitOverride] - `typing.override` begins with Python 3.12
        """Take bytes of the client's."""
        if self._in_head:
            self._head += len(data)
        super().data_received(data)
        if self._in_head and self._head > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response(_REFUSAL)

    def on_headers_complete(self) -> None:  # pyright: ignore[reportImplicitOverride] - as above
        """The parser has come to a body, if there is one."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:  # pyright: ignore[reportImplicitOverride] - as above
        """The parser has come to the end of a request."""
        self._in_head = True
        self._head = 0
        super().on_message_complete()
