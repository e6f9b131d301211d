"""A small application behind the real HTTP server, for what concerns only connections."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Generator

from starlette.types import Receive, Scope, Send

from dragoman.server.connections import Patience
from dragoman.server.http_server import HttpServer, listen

PIECE = b"x" * 1000


class Toy:
    """Answers by path, and takes note of what happens to its answers.

    `/slow` sends one piece and then nothing for ever; `/flood` sends without end; `/silent` never begins;
    `/pause/N` answers after N seconds; `/unread` answers without reading the body; anything else answers
    at once.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.left: list[float] = []
        """When clients left whose answer was not complete, on the monotonic clock."""
        self.cancelled = 0
        self.closed = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        path: str = scope["path"]
        self.asked.append(path)
        if path != "/unread":
            while (message := await receive()).get("more_body"):
                pass
            if message["type"] == "http.disconnect":
                return
        watch = asyncio.ensure_future(self._watch(receive))
        try:
            await self._answer(path, send)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            watch.cancel()

    async def _answer(self, path: str, send: Send) -> None:
        body = path.encode()
        if path.startswith("/pause/"):
            await asyncio.sleep(float(path.rpartition("/")[2]))
        if path == "/silent":
            await asyncio.sleep(60)
        if path == "/large":
            body = PIECE * 20_000
        length = [] if path in {"/slow", "/flood"} else [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        if path == "/slow":
            await send({"type": "http.response.body", "body": b"begun", "more_body": True})
            await asyncio.sleep(60)
        while path == "/flood":
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": body})

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
        self.left.append(time.monotonic())

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.closed = True
        await send({"type": "lifespan.shutdown.complete"})


class Serving:
    """A server in a thread of its own."""

    def __init__(self, toy: Toy, shutdown_timeout: float, patience: Patience | None) -> None:
        self.toy = toy
        listener = listen("127.0.0.1", 0)
        self.port: int = listener.getsockname()[1]
        self.server = HttpServer(toy, lambda: shutdown_timeout, patience=patience)
        self.thread = threading.Thread(target=self.server.run, args=([listener],), name="toy")
        self.thread.start()

    def connect(self, data: bytes = b"") -> socket.socket:
        """A connection over which this has been sent."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        connection.sendall(data)
        return connection

    def wait(self, seconds: float = 10) -> bool:
        """Whether the server ends in time."""
        self.thread.join(seconds)
        return not self.thread.is_alive()


@contextlib.contextmanager
def serving(shutdown_timeout: float = 5, patience: Patience | None = None) -> Generator[Serving]:
    """A server that is gone afterwards, whatever happened."""
    running = Serving(Toy(), shutdown_timeout, patience)
    try:
        settled(lambda: running.server.started)
        yield running
    finally:
        running.server.force()
        assert running.wait()


def request(path: str, *headers: str, body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    lines = [f"POST {path} HTTP/1.1", "host: x", *headers]
    if not any(line.startswith("content-length") for line in headers):
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def settled(condition: Callable[[], bool], seconds: float = 5) -> bool:
    """Whether the condition comes true in time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.002)
    return True


def hear(connection: socket.socket, mark: bytes) -> bytes:
    """Read until the mark has come."""
    data = b""
    while mark not in data:
        piece = connection.recv(65536)
        assert piece, f"the connection was closed after {data!r}"
        data += piece
    return data


def rest(connection: socket.socket) -> bytes:
    """Read until the connection is closed."""
    pieces: list[bytes] = []
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(1_000_000):
            pieces.append(piece)
    return b"".join(pieces)
