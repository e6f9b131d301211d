"""The HTTP server's protocol: how much memory and time a client may take, and noticing that it has left."""

# pyright: reportImplicitOverride=false
# `typing.override` begins with Python 3.12

import asyncio
from typing import cast

import httptools
import structlog

from dragoman.server.connections import Connections
from dragoman.server.http_head import render_head
from dragoman.server.http_request import HttpRequest
from dragoman.sockets.gathering import GatheringTransport

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
_NEVER = float("inf")
_EARLY = 0.002
"""Seconds by which timers may ring too early."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger("dragoman.server")


class HttpProtocol(asyncio.Protocol):
    """HTTP/1.1 over httptools, with limits, and with an ear for clients that leave.

    A client has left when its side of the connection is closed, also if it could still read (half
    closed). Bytes go on being read while a request is answered, or that would not be noticed; those of
    further requests wait unparsed for their turn.
    """

    transport: GatheringTransport

    def __init__(self, shared: Connections) -> None:
        self._shared = shared
        self.loop = shared.loop
        self.clock = shared.clock
        self._parser = httptools.HttpRequestParser(self)
        # a client may say that a request is its last one, and yet send more
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._asked = False
        """Whether a whole head has ever come."""
        self._answering: HttpRequest | None = None
        """The request whose turn it is."""
        self.pipeline: list[HttpRequest] = []
        """Those that the parser has found behind it."""
        self._incoming: HttpRequest | None = None
        """The request whose body is coming."""
        self.ahead = bytearray()
        """What has come behind a request that is not answered yet."""
        self._deaf = False
        """Whether nothing more of what comes is understood."""
        self._lingering = False
        """Whether all has been said, and the rest of the last request is only waited for."""
        self._unparsed = 0
        """Bytes of a body that the parser leaves alone, as behind it another protocol could begin."""
        self._head = 0
        """Bytes that have come since the last ones of a head or a body."""
        self._begun = False
        """Whether a part of a head has come."""
        self._target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        """Those of the head that is coming."""
        self._reading = True
        self.clogged = False
        """Whether the client does not take what is sent to it."""
        self._clearing: list[asyncio.Future[None]] = []
        self._due = _NEVER
        """When it has taken too long, on the event loop's clock."""
        self._hurried = False
        """Whether `_due` is about something that has begun and has to come to its end."""
        self._unsent = 0
        """Bytes that were not taken yet when it was looked at last, of a connection that is to be closed."""
        self._timer: asyncio.TimerHandle | None = None
        self._armed = _NEVER
        """When it rings."""

    # --- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self.transport = GatheringTransport(cast("asyncio.Transport", transport), self._shared.gathering)
        self._shared.open.add(self)
        if self._shared.stopping:
            self.shutdown()
        else:
            self._watch_pace()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has left, or was let go: whoever answers it is told."""
        self._shared.open.discard(self)
        self._deaf = True
        self.ahead.clear()
        if self._timer is not None:
            self._timer.cancel()
        for request in (self._answering, *self.pipeline):
            if request is not None:
                request.depart()
        self.pipeline.clear()
        self._answering = self._incoming = None
        self.resume_writing()
        # it holds this object, which without it is freed at once
        del self._parser

    def eof_received(self) -> None:
        """The client says no more. Nobody is left to answer, unless an answer is on its way out."""
        if self._answering is not None:
            self.transport.abort()
        else:
            self._close()

    def shutdown(self) -> None:
        """The server is being stopped: end now, or with the answer that the client is waiting for."""
        if self._answering is not None:
            self._answering.keep_alive = False
        elif not self._asked:
            self._expect(self._shared.patience.first_words)
            self._hurried = True
        elif not self._begun:
            self._close()

    # --- bytes of the client's

    def data_received(self, data: bytes) -> None:
        """Take bytes of the client's."""
        if self.ahead or self._busy or len(data) > self._bite:
            self.ahead += data
            self._read_on()
        else:
            self._feed(data)
        self._watch_pace()

    @property
    def _bite(self) -> int:
        """How many bytes the parser may have: in the rest of a body, there is no further request."""
        return _SLICE if self._incoming is None else max(_SLICE, self._incoming.missing)

    @property
    def _busy(self) -> bool:
        """Whether the request whose turn it is has come to its end, and its answer has not."""
        return self._answering is not None and self._answering.complete

    def _read_on(self) -> None:
        """Let the parser have what has come, until a request is complete that is not answered yet."""
        while self.ahead and not self._busy and not self.transport.is_closing():
            size = self._bite
            piece = bytes(memoryview(self.ahead)[:size])
            del self.ahead[:size]
            self._feed(piece)
        self.regulate()

    def _feed(self, data: bytes) -> None:
        if self._deaf:
            return
        self._head += len(data)
        while data:
            if self._unparsed:
                body, data = data[: self._unparsed], data[self._unparsed :]
                self._unparsed -= len(body)
                self.on_body(body)
                self.on_message_complete()
                continue
            try:
                self._parser.feed_data(data)
                data = b""
            except httptools.HttpParserUpgrade as error:
                # no other protocol is spoken here: the request is one like any other (RFC 9110, 7.8)
                data = data[error.args[0] :]
            except httptools.HttpParserError:
                self._misunderstand()
                return
        if self._lingering and self._incoming is None:
            self._close()
        elif self._head > MAX_HEAD and not self.transport.is_closing():
            self._refuse(431, "The headers of the request are too large.")

    def _misunderstand(self) -> None:
        """What came is not HTTP. What came before it gets its answer, if that is a whole request."""
        if self._lingering:
            self._close()
            return
        _log.info("request refused", error="it is not valid HTTP")
        last = self.pipeline[-1] if self.pipeline else self._answering
        if last is not None and last.complete:
            last.keep_alive = False
            self._deaf = True
        elif last is not None and last.started:
            self.transport.abort()
        else:
            self._refuse(400, "Invalid HTTP request received.")

    def on_message_begin(self) -> None:
        """The parser has come to a request."""
        self._begun = True
        self._target = b""
        self.headers = []

    def on_url(self, part: bytes) -> None:
        """The parser has come to a part of the target."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """The parser has come to a header. Those behind a body (trailers) are left out."""
        if self._begun:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The parser has come to a body, if there is one."""
        self._begun = False
        self._asked = True
        self._head = 0
        parser = self._parser
        version = parser.get_http_version()
        target = self._target
        if not target.startswith(b"/") or b"#" in target:
            url = httptools.parse_url(target)
            target = (url.path or b"/") + (b"?" + url.query if url.query else b"")
        if self._lingering:
            raise ValueError("nobody answers it any more")
        if parser.should_upgrade() and any(name == b"transfer-encoding" for name, _ in self.headers):
            raise ValueError("nobody reads its body")
        request = HttpRequest(
            self,
            parser.get_method().decode(),
            target,
            version,
            self.headers,
            keep_alive=version == "1.1" and parser.should_keep_alive() and not self._shared.stopping,
        )
        self.headers = []
        self._incoming = request
        if parser.should_upgrade():
            self._unparsed = request.missing
        if self._answering is None:
            self._answer(request)
        else:
            self.pipeline.append(request)

    def on_body(self, piece: bytes) -> None:
        """The parser has come to a piece of a body."""
        self._head = 0
        if self._incoming is not None:
            self._incoming.take(piece)
            if self._incoming.full:
                self.regulate()

    def on_message_complete(self) -> None:
        """The parser has come to the end of a request."""
        self._head = 0
        if self._incoming is not None and not self._unparsed:
            self._incoming.end()
            self._incoming = None

    def regulate(self) -> None:
        """Go on reading or stop, by how much is held."""
        request = self._answering
        reading = len(self.ahead) <= MAX_AHEAD and not (request is not None and request.full)
        if reading is not self._reading and not self.transport.is_closing():
            self._reading = reading
            if reading:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    # --- answers

    def _answer(self, request: HttpRequest) -> None:
        self._answering = request
        tasks = self._shared.tasks
        request.task = task = self.loop.create_task(request.run(self._shared.app))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def answered(self, request: HttpRequest) -> None:
        """An answer has gone out: on to the next request."""
        if request is not self._answering:
            return
        self._answering = None
        if not request.keep_alive or self.transport.is_closing():
            self._end(request)
            return
        if self.pipeline:
            self._answer(self.pipeline.pop(0))
        if self.ahead or not self._reading:
            self._read_on()
        self._watch_pace()

    def pause_writing(self) -> None:
        """The client does not take what is sent to it."""
        self.clogged = True

    def resume_writing(self) -> None:
        """The client has taken most of what was sent to it, or has left."""
        self.clogged = False
        for waiting in self._clearing:
            if not waiting.done():
                waiting.set_result(None)
        self._clearing.clear()

    async def cleared(self) -> None:
        """Wait until the client has taken most of what was sent to it, or has left."""
        while self.clogged:
            waiting = self.loop.create_future()
            self._clearing.append(waiting)
            await waiting

    def _refuse(self, status: int, words: str) -> None:
        """Say in plain text why a request that has no endpoint yet is not read on, and close."""
        if not self.transport.is_closing() and not self._lingering:
            framing = f"content-length: {len(words)}\r\nconnection: close\r\n"
            headers = [("content-type", "text/plain; charset=utf-8")]
            head = render_head(status, headers, self.clock.date_line(), framing)
            self.transport.write(head + words.encode("ascii"))
        self._close()

    # --- time

    def _watch_pace(self) -> None:
        """Bound how long the client may take, wherever it keeps the server waiting and nobody else looks."""
        if self._answering is not None:
            self._due = _NEVER
            self._hurried = False
        elif self.transport.is_closing():
            return
        elif self._begun or self._incoming is not None or not self._asked:
            if not self._hurried:
                self._expect(self._shared.patience.head)
                self._hurried = True
        else:
            self._expect(self._shared.patience.idle)
            self._hurried = False

    def _expect(self, seconds: float) -> None:
        self._due = due = self.loop.time() + seconds
        # a timer that rings too early looks again: only one that would ring too late is set anew
        if due < self._armed:
            self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed = self._due
        self._timer = self.loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        self._timer, self._armed = None, _NEVER
        if self._due > self.loop.time() + _EARLY:
            if self._due != _NEVER:
                self._set_timer()
        elif self.transport.is_closing():
            self._see_progress()
        elif self._begun:
            self._refuse(408, "The headers of the request took too long.")
        else:
            self._close()

    def _end(self, request: HttpRequest) -> None:
        """Close the connection behind its last answer. A client that is still sending must not be cut off:
        its system would throw away what it has not read of the answer (RFC 9112, 9.6).
        """
        if request.complete or self._deaf or self.transport.is_closing():
            self._close()
            return
        self._lingering = True
        try:
            self.transport.write_eof()
        except OSError:
            # reset by the client
            self.transport.abort()
        self._read_on()
        self._watch_pace()

    def _close(self) -> None:
        """Close the connection once everything is sent, and also if the client does not take it."""
        self._deaf = True
        self.transport.close()
        self._unsent = self.transport.get_write_buffer_size()
        if self._unsent:
            self._expect(self._shared.patience.stall)
        else:
            self._due = _NEVER

    def _see_progress(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent >= self._unsent:
            self.transport.abort()
        else:
            self._unsent = unsent
            self._expect(self._shared.patience.stall)
