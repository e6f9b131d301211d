"""One request on a connection of the HTTP server: its body as it comes in, and the answer that goes out."""

import asyncio
from collections.abc import Awaitable, Iterable
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import unquote

import structlog
from starlette.types import ASGIApp, Message, Scope

from dragoman.server.connection import read_body
from dragoman.server.http_head import Clock, render_head
from dragoman.sockets.gathering import GatheringTransport

EXTENSION = "dragoman.request"
"""Under this name, a scope's extensions hold the `HttpRequest`."""

MAX_HELD = 64 * 1024
"""Bytes of a body that are kept for an application that does not ask for them; more wait in the network."""
_CLOSING = ("connection", "close")
"""The header that makes an answer the last one of its connection."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger("dragoman.server")


class Wire(Protocol):
    """The connection as its requests see it."""

    loop: asyncio.AbstractEventLoop
    transport: GatheringTransport
    clock: Clock
    clogged: bool
    """Whether the client does not take what is sent to it."""

    def cleared(self) -> Awaitable[None]:
        """Wait until the client has taken most of it, or has left."""
        ...

    def regulate(self) -> None:
        """Go on reading or stop, by how much is held."""
        ...

    def answered(self, request: "HttpRequest") -> None:
        """Its answer has been sent to its end."""
        ...


class HttpRequest:
    """A request whose head has come.

    An application gets it over ASGI (`receive`, `send`). One that finds it in the scope can do without
    messages: it is a `Connection` too, which has the whole body where that has come, and sends a whole
    answer in one go. An answer is sent in one of the two ways.
    """

    # those that most requests leave as they are cost nothing here
    held = 0
    """Bytes of the body that have come and are not asked for yet."""
    received = 0
    """Bytes of the body that have come."""
    complete = False
    """Whether the request has come to its end."""
    started = False
    finished = False
    left = False
    gone = False
    """Whether nobody is left to answer."""
    task: "asyncio.Task[None] | None" = None
    """What answers it; until it is its turn, nobody."""
    _told_end = False
    _watched = False
    _chunked = False
    _owed: int | None = None
    """Bytes of an answer over ASGI that are still to come, where it has said how many."""
    _opened = False
    """Whether an answer over ASGI has given its head."""
    _unsent = b""
    """The head of the answer, until something goes with it."""
    _news: asyncio.Event | None = None

    def __init__(
        self,
        wire: Wire,
        method: str,
        target: bytes,
        version: str,
        headers: list[tuple[bytes, bytes]],
        *,
        keep_alive: bool,
    ) -> None:
        """Take the target as it came. Raises `UnicodeDecodeError` for one that is not ASCII."""
        self._wire = wire
        self._transport = wire.transport
        self.method = method
        raw_path, _, self.query = target.partition(b"?")
        self.raw_path = raw_path.decode("ascii")
        self.path = unquote(self.raw_path) if "%" in self.raw_path else self.raw_path
        self.version = version
        self.headers = headers
        self.keep_alive = keep_alive
        """Whether another request may follow on the connection."""
        self._pieces: list[bytes] = []

    # --- what the connection tells

    def take(self, piece: bytes) -> None:
        """A piece of the body has come."""
        self.received += len(piece)
        if self.finished:
            return
        self._pieces.append(piece)
        self.held += len(piece)
        if self._news is not None:
            self._news.set()

    def end(self) -> None:
        """The request has come to its end."""
        self.complete = True
        if self._news is not None:
            self._news.set()

    def depart(self) -> None:
        """The client has gone away."""
        if self.gone or self.finished:
            return
        self.gone = True
        if self._news is not None:
            self._news.set()
        if self._watched:
            self._cancel()

    @property
    def missing(self) -> int:
        """Bytes of the body that are still to come, where the client has said how many."""
        if self.complete:
            return 0
        length = next((int(value) for name, value in self.headers if name == b"content-length"), 0)
        return length - self.received

    @property
    def full(self) -> bool:
        """Whether no more of the body should be read before somebody asks for it."""
        return self.held > MAX_HELD and not self.finished

    async def run(self, app: ASGIApp) -> None:
        """Let the application answer."""
        try:
            await app(self._scope(), self.receive, self.send)
            if not self.finished and not self.gone:
                _log.error("an answer was not completed", path=self.path)
                self._fail()
        except asyncio.CancelledError:
            # the server is being stopped and nothing more can be said: this is no error to log
            self.gone = True
            self._transport.abort()
        except Exception:  # noqa: BLE001 - whatever it is, the client is told, and the server goes on
            _log.exception("an answer has failed", path=self.path)
            self._fail()

    def _fail(self) -> None:
        """Say in plain text that there is no answer; where it has begun, break it off."""
        if self.gone or self.finished:
            return
        if self.started:
            self._transport.close()
            return
        self.keep_alive = False
        self.started = True
        words = "Internal Server Error"
        head = self._head(500, [("content-type", "text/plain; charset=utf-8")], _length(len(words)))
        self._transport.write(head if self.method == "HEAD" else head + words.encode())
        self._finish()

    # --- the application's side: a connection (see `dragoman.server.connection`)

    async def read_body(self, limit: int, patience: float) -> bytes:
        """The whole request body. Raises `FailureError` as `read_body` of connections does."""
        if not self.complete or self.gone or self.held > limit:
            return await read_body(self.receive, limit, patience)
        return self._taken()

    def __enter__(self) -> None:
        self._watched = True
        if self.gone:
            self._cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._watched = False
        ours = self.left and self.task is not None and self.task.uncancel() == 0
        return ours and kind is asyncio.CancelledError

    def _cancel(self) -> None:
        self.left = True
        if self.task is not None:
            self.task.cancel()

    async def respond(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Send a whole answer."""
        if self._wire.clogged:
            await self._wire.cleared()
        head = self._head(status, headers, _length(len(body)))
        self.started = True
        if self.gone:
            return
        if self.method == "HEAD":
            self._transport.write(head)
        else:
            self._transport.write(head)
            self._transport.write(body)
        self._finish()

    async def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Send the head of a streamed answer."""
        if self._wire.clogged:
            await self._wire.cleared()
        self.started = True
        if not self.gone:
            self._transport.write(self._streamed_head(status, headers))

    async def write(self, data: bytes) -> None:
        """Send a piece of a streamed answer; waits while the client reads slowly."""
        if self._wire.clogged:
            await self._wire.cleared()
        if self.gone or not data:
            return
        if self._chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        elif self.method == "HEAD":
            data = b""
        self._transport.write(data)

    async def finish(self) -> None:
        """End a streamed answer."""
        # nothing is waited for: this little adds to what the client has not taken yet
        if self.gone:
            return
        if self._chunked:
            self._transport.write(b"0\r\n\r\n")
        self._finish()

    def _finish(self) -> None:
        self.finished = True
        self._pieces.clear()
        self.held = 0
        if self._news is not None:
            self._news.set()
        self._wire.answered(self)

    # --- the application's side: ASGI

    def _scope(self) -> Scope:
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": self.version,
            "method": self.method,
            "scheme": "http",
            "root_path": "",
            "path": self.path,
            "raw_path": self.raw_path.encode(),
            "query_string": self.query,
            "headers": self.headers,
            "extensions": {EXTENSION: self},
        }

    async def receive(self) -> Message:
        """The next part of the body, or that the client has left or has its answer (ASGI)."""
        if self._news is None:
            self._news = asyncio.Event()
            if not self.complete and not self.started and self._expects() and not self.gone:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not (self.gone or self.finished or self._pieces or (self.complete and not self._told_end)):
            self._news.clear()
            await self._news.wait()
        if self.gone or self.finished:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": self._taken(), "more_body": not self.complete}

    async def send(self, message: Message) -> None:
        """Send a part of the answer (ASGI). Its head goes out with the first part of its body."""
        if self._wire.clogged:
            await self._wire.cleared()
        if self.gone:
            return
        kind: str = message["type"]
        wanted = "http.response.body" if self._opened else "http.response.start"
        if kind != wanted or self.finished:
            raise RuntimeError(f"'{kind}' was sent out of order; '{wanted}' was due")
        if not self._opened:
            self._unsent, self._opened = self._head_of(message), True
            return
        body: bytes = message.get("body", b"")
        more: bool = message.get("more_body", False)
        if self.method == "HEAD":
            body, self._owed = b"", None
        if self._owed is not None:
            self._owed -= len(body)
            if self._owed < 0 or (self._owed and not more):
                raise RuntimeError("the body of an answer was not as long as its head said")
        elif self._chunked:
            piece = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body = piece if more else piece + b"0\r\n\r\n"
        self.started = True
        self._transport.write(self._unsent + body)
        self._unsent = b""
        if not more:
            self._finish()

    def _taken(self) -> bytes:
        """What has come of the body and was not asked for yet."""
        pieces, self._pieces, self.held = self._pieces, [], 0
        self._told_end = self.complete
        self._wire.regulate()
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _expects(self) -> bool:
        """Whether the client waits to be told that its body is wanted (RFC 9110, 10.1.1)."""
        if self.version != "1.1":
            return False
        return any(name == b"expect" and value.lower() == b"100-continue" for name, value in self.headers)

    # --- heads of answers

    def _head_of(self, opening: Message) -> bytes:
        """The head of an answer over ASGI, which may say by itself how long the body is."""
        status: int = opening["status"]
        raw: Iterable[tuple[bytes, bytes]] = opening.get("headers", ())
        headers = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in raw]
        self._owed = next((int(value) for name, value in headers if name == "content-length"), None)
        return self._streamed_head(status, headers) if self._owed is None else self._head(status, headers, "")

    def _streamed_head(self, status: int, headers: list[tuple[str, str]]) -> bytes:
        """The head of an answer whose length is not known."""
        self._chunked = self.version == "1.1" and self.method != "HEAD" and status not in {204, 304}
        return self._head(status, headers, "transfer-encoding: chunked\r\n" if self._chunked else "")

    def _head(self, status: int, headers: list[tuple[str, str]], framing: str) -> bytes:
        # who was not told to send its body may send the next request in its place
        if _CLOSING in headers:
            self.keep_alive = False
        elif not self.complete and self._news is None and self._expects():
            self.keep_alive = False
            framing += "connection: close\r\n"
        elif not self.keep_alive:
            framing += "connection: close\r\n"
        return render_head(status, headers, self._wire.clock.date_line(), framing)


def _length(size: int) -> str:
    return f"content-length: {size}\r\n"


def scope_request(scope: Scope) -> HttpRequest | None:
    """The request that a scope comes from; None for one of another server."""
    extensions: dict[str, Any] = scope.get("extensions") or {}
    found = extensions.get(EXTENSION)
    return found if isinstance(found, HttpRequest) else None
