"""The HTTP server's protocol: how much memory and time a client may take, and noticing that it has left."""

# pyright: reportImplicitOverride=false
# `typing.override` begins with Python 3.12

import asyncio
import http
from typing import Any

import msgspec
from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

MAX_HEAD = 64 * 1024
"""Bytes that a request line and its headers may have: several times what other servers take. The same holds
for what stands around the chunks of a body and behind them."""
MAX_AHEAD = 256 * 1024
"""Bytes of further requests that a client may send while it is being answered (HTTP/1.1 pipelining).

What is more waits in the network until the answer has ended. The end of the connection is behind it
then: that such a client has left is noticed by what is written to it, and not at once.
"""
_SLICE = 16 * 1024
"""Bytes that the parser gets at once: they bound how many requests it can find in one go."""


class Patience(msgspec.Struct, frozen=True):
    """How long clients may take where the application does not look, in seconds."""

    head: float = 60.0
    """For the head of a request, from the connection's beginning or from its own first byte on; and for a
    body that nobody reads any more, from its answer on."""
    stall: float = 300.0
    """For taking more of an answer that has ended. Systems keep megabytes on the way, so that nothing seems
    to be taken for a while although it is."""
    first_words: float = 0.5
    """For the first request of a connection, from when the server is told to stop."""


class ConnectionState(ServerState):
    """What all connections of a server share."""

    def __init__(self, patience: Patience) -> None:
        super().__init__()
        self.patience = patience
        self.stopping = False
        """Whether connections end with the answer that they are waiting for."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 over httptools, with limits, and with an ear for clients that leave.

    A client has left when its side of the connection is closed, also if it could still read (half
    closed). Bytes go on being read while a request is answered, or that would not be noticed; those of
    further requests wait unparsed for their turn.
    """

    server_state: ConnectionState
    _reading: "_Flow"

    def __init__(
        self,
        config: Config,
        server_state: ConnectionState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._answering: RequestResponseCycle | None = None
        """The request whose turn it is, or was last."""
        self.ahead = bytearray()
        """What has come behind a request that is not answered yet."""
        self._head = 0
        """Bytes that have come since the last ones of a head or a body."""
        self._in_head = True
        self._begun = False
        """Whether a part of a head has come."""
        self._patience: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None

    # --- the connection

    def connection_made(self, transport: asyncio.Transport) -> None:
        """A client has connected."""
        super().connection_made(transport)
        self.flow = self._reading = _Flow(transport)
        if self.server_state.stopping:
            self.shutdown()
        else:
            self._watch_pace()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has left, or was let go: whoever answers it is told."""
        for cycle in (self._answering, *(cycle for cycle, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self.pipeline.clear()
        self.ahead.clear()
        for timer in (self._patience, self._stall):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def eof_received(self) -> None:
        """The client says no more. Nobody is left to answer, unless an answer is on its way out."""
        if self._answering is not None and not self._answering.response_complete:
            self.transport.abort()

    def shutdown(self) -> None:
        """The server is being stopped: end now, or with the answer that the client is waiting for."""
        if self._answering is None:
            self._set_patience(self.server_state.patience.first_words)
        elif not self._answering.response_complete:
            self._answering.keep_alive = False
        elif not self._begun:
            self._close()

    # --- bytes of the client's

    def data_received(self, data: bytes) -> None:
        """Take bytes of the client's."""
        if self.ahead or self._busy or len(data) > _SLICE:
            self.ahead += data
            self._read_on()
        else:
            self._feed(data)
        self._watch_pace()

    @property
    def _busy(self) -> bool:
        """Whether the request whose turn it is has come to its end, and its answer has not."""
        cycle = self._answering
        return (
            cycle is not None
            and not cycle.response_complete
            and (self.cycle is not cycle or not cycle.more_body)
        )

    def _read_on(self) -> None:
        """Let the parser have what has come, until a request is complete that is not answered yet."""
        while self.ahead and not self._busy and not self.transport.is_closing():
            piece = bytes(self.ahead[:_SLICE])
            del self.ahead[:_SLICE]
            self._feed(piece)
        self._reading.fill(len(self.ahead) > MAX_AHEAD)

    def _feed(self, data: bytes) -> None:
        self._head += len(data)
        super().data_received(data)
        if self.pipeline:
            # the parser stops reading at a second request: nobody would notice that the client leaves
            self.flow.resume_reading()
        if self._head > MAX_HEAD and not self.transport.is_closing():
            self._refuse(431, "The headers of the request are too large.")

    def on_message_begin(self) -> None:
        """The parser has come to a request."""
        self._begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The parser has come to a body, if there is one."""
        self._in_head = self._begun = False
        self._head = 0
        super().on_headers_complete()
        if self.server_state.stopping:
            self.cycle.keep_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """The parser has come to a header. Those behind a body (trailers) are left out."""
        if self._in_head:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """The parser has come to a piece of a body."""
        self._head = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The parser has come to the end of a request."""
        self._in_head = True
        self._head = 0
        super().on_message_complete()

    # --- answers

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, self._quietly(cycle, app))

    def _quietly(self, cycle: RequestResponseCycle, app: ASGI3Application) -> ASGI3Application:
        async def answer(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
            try:
                await app(scope, receive, send)
            except asyncio.CancelledError:
                # the server is being stopped and nothing more can be said: this is no error to log
                cycle.disconnected = True
                self.transport.abort()

        return answer

    def on_response_complete(self) -> None:
        """An answer has gone out: on to the next request."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._close()
            return
        self._read_on()
        self._watch_pace()

    # --- time

    def _watch_pace(self) -> None:
        """Bound how long the client may take, wherever it keeps the server waiting and nobody else looks."""
        cycle = self._answering
        if cycle is None or (cycle.response_complete and (self._begun or not self._in_head)):
            if self._patience is None:
                self._set_patience(self.server_state.patience.head)
        elif self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _set_patience(self, seconds: float) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._patience = self.loop.call_later(seconds, self._waited_enough)

    def _waited_enough(self) -> None:
        if self._begun:
            self._refuse(408, "The headers of the request took too long.")
        else:
            self._close()

    def timeout_keep_alive_handler(self) -> None:
        """The client has asked for nothing more."""
        self._close()

    def _refuse(self, status: int, words: str) -> None:
        """Say in plain text why a request that has no endpoint yet is not read on, and close."""
        reason = http.HTTPStatus(status).phrase
        head = f"HTTP/1.1 {status} {reason}\r\ncontent-type: text/plain; charset=utf-8\r\n"
        head += f"content-length: {len(words)}\r\nconnection: close\r\n\r\n"
        if not self.transport.is_closing():
            self.transport.write((head + words).encode("ascii"))
        self._close()

    def _close(self) -> None:
        """Close the connection once everything is sent, and also if the client does not take it."""
        self.transport.close()
        unsent = self.transport.get_write_buffer_size()
        if unsent and self._stall is None:
            self._stall = self.loop.call_later(self.server_state.patience.stall, self._see_progress, unsent)

    def _see_progress(self, before: int) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent >= before:
            self.transport.abort()
        else:
            self._stall = self.loop.call_later(self.server_state.patience.stall, self._see_progress, unsent)


class _Flow(FlowControl):
    """Stops and goes on with reading; never goes on while too much has been read already."""

    _full = False

    def fill(self, full: bool) -> None:
        """Say whether too much has been read."""
        if full:
            self.pause_reading()
            self._full = True
        elif self._full:
            self._full = False
            self.resume_reading()

    def resume_reading(self) -> None:
        """Go on reading, if that is possible."""
        if not self._full:
            super().resume_reading()
