"""A client that is being answered, as the application sees it: its request, its departure, its answer."""

import asyncio
from types import TracebackType
from typing import Protocol

from starlette.types import Receive, Scope, Send

from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.gateway.call import Client

_DISCARDED = 256 * 1024 * 1024
"""Bytes of an oversize body that are read and thrown away, so that the client can read its error."""

_GONE = Failure(FailureKind.CLIENT_CLOSED, "The client left before its request was complete.")


class Connection(Client, Protocol):
    """One HTTP request of a client: reading it, answering it, noticing that the client has left.

    What runs inside `with` is cancelled as soon as the client closes its connection, and that cancellation
    ends there.
    """

    @property
    def method(self) -> str:
        """In capital letters."""
        ...

    @property
    def path(self) -> str:
        """The path, decoded."""
        ...

    @property
    def raw_path(self) -> str:
        """The path as it came, still percent-encoded."""
        ...

    @property
    def query(self) -> bytes:
        """What stands behind the question mark."""
        ...

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Lower-case names, undecoded values."""
        ...

    async def read_body(self, limit: int, patience: float) -> bytes:
        """The whole request body.

        Raises `FailureError`: too large for more than `limit` bytes, request timeout where the next piece
        does not come within `patience` seconds, client closed for a client that leaves before the end.
        """
        ...

    def __enter__(self) -> None:
        """From here on, the client's departure cancels the task that runs."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """From here on, it does not."""
        ...


async def read_body(receive: Receive, limit: int, patience: float) -> bytes:
    """The whole request body, over ASGI. Raises as `Connection.read_body` does."""
    loop = asyncio.get_running_loop()
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(patience) as waiting:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise FailureError(_GONE)
                piece: bytes = message.get("body", b"")
                size += len(piece)
                if size <= limit:
                    pieces.append(piece)
                else:
                    pieces.clear()
                if not message.get("more_body", False) or size > limit + _DISCARDED:
                    break
                waiting.reschedule(loop.time() + patience)
    except TimeoutError:
        words = f"Nothing more of the request body came for {patience:g} s (server.body_timeout)."
        raise FailureError(Failure(FailureKind.REQUEST_TIMEOUT, words)) from None
    if size > limit:
        words = f"The request body is larger than {limit} bytes, the limit here (server.max_body_bytes)."
        raise FailureError(Failure(FailureKind.TOO_LARGE, words))
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class AsgiConnection:
    """A connection of whatever server, over ASGI."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.raw_path: str = scope["raw_path"].decode("ascii", "replace")
        self.query: bytes = scope["query_string"]
        self.headers: list[tuple[bytes, bytes]] = scope["headers"]
        self._receive = receive
        self._send = send
        self._task: asyncio.Task[object] | None = None
        self._watch: asyncio.Task[None] | None = None
        self.started = False
        self.finished = False
        self.left = False

    async def read_body(self, limit: int, patience: float) -> bytes:
        """The whole request body."""
        return await read_body(self._receive, limit, patience)

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._watch = asyncio.ensure_future(self._wait())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if self._watch is not None:
            self._watch.cancel()
        ours = self.left and self._task is not None and self._task.uncancel() == 0
        return ours and kind is asyncio.CancelledError

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            continue
        # servers report the end of an answered request as a disconnect too
        if not self.finished and self._task is not None:
            self.left = True
            self._task.cancel()

    async def respond(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Send a whole answer."""
        self.started = True
        raw = [*_encoded(headers), (b"content-length", str(len(body)).encode())]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})
        self.finished = True
        await self._send({"type": "http.response.body", "body": body})

    async def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Send the head of a streamed answer."""
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": _encoded(headers)})

    async def write(self, data: bytes) -> None:
        """Send a piece of a streamed answer; waits while the client reads slowly."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self) -> None:
        """End a streamed answer."""
        self.finished = True
        await self._send({"type": "http.response.body", "body": b""})


def _encoded(headers: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
