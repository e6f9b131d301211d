"""The fake provider on a real socket: HTTP/1.1 as plain as it gets, and every way to break it.

In an event loop: `async with FakeServer() as fake: ... fake.url`. For synchronous code:
`with fake_server() as fake: ... fake.url`, which runs it in a thread of its own.
"""

import asyncio
import collections
import concurrent.futures
import contextlib
import http
import socket
import struct
import threading
from collections.abc import Generator
from typing import Self

import httptools

from dragoman.testing.exchange import Answer, Ending, Incoming, read_query
from dragoman.testing.provider import FakeProvider
from dragoman.testing.script import Received, Script

_SETTLING = 0.01
"""Seconds between the last byte and a reset, so that the client can read what came before."""


class FakeServer:
    """A fake provider that listens on a port of its own at a loopback address."""

    def __init__(
        self, provider: FakeProvider | None = None, *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.provider = provider or FakeProvider()
        self.accepted = 0
        """How many connections were opened so far."""
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    @property
    def url(self) -> str:
        """`http://host:port`, without a slash at the end. OpenAI's paths begin with `/v1` after it."""
        return f"http://{self._host}:{self._port}"

    @property
    def script(self) -> Script:
        """What is laid out for the next requests, and the requests that came."""
        return self.provider.script

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return len(self._connections)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, self._host, self._port)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop listening and abort every connection."""
        if self._server is None:
            return
        self._server.close()
        for connection in self._connections:
            connection.abort()
        await asyncio.gather(*(connection.ended.wait() for connection in self._connections))
        await self._server.wait_closed()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self.provider, writer)
        self.accepted += 1
        self._connections.add(connection)
        try:
            await connection.read(reader)
        finally:
            self._connections.discard(connection)
            connection.ended.set()


@contextlib.contextmanager
def fake_server(provider: FakeProvider | None = None, *, port: int = 0) -> Generator[FakeServer]:
    """A `FakeServer` in a thread of its own, for code that has no event loop. Raises `OSError` when
    the port cannot be had.
    """
    server = FakeServer(provider, port=port)
    running: concurrent.futures.Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]
    running = concurrent.futures.Future()

    async def serve() -> None:
        async with server:
            stopped = asyncio.Event()
            running.set_result((asyncio.get_running_loop(), stopped))
            await stopped.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except OSError as error:
            running.set_exception(error)

    thread = threading.Thread(target=run, name="fake-provider", daemon=True)
    thread.start()
    try:
        loop, stopped = running.result()
        try:
            yield server
        finally:
            loop.call_soon_threadsafe(stopped.set)
    finally:
        thread.join()


class _Connection:
    """One client's connection: requests are read as they come and answered one after another.

    Reading never stops while an answer is on its way, so that a client that leaves is seen at once.
    """

    def __init__(self, provider: FakeProvider, writer: asyncio.StreamWriter) -> None:
        self.ended = asyncio.Event()
        self._provider = provider
        self._writer = writer
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: collections.deque[tuple[Incoming, bool]] = collections.deque()
        self._task: asyncio.Task[None] | None = None
        self._answering: Received | None = None
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    async def read(self, reader: asyncio.StreamReader) -> None:
        """Read until the client leaves, or the connection is closed from here."""
        try:
            while data := await reader.read(65_536):
                self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._writer.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            self._writer.close()
        except ConnectionError:
            pass
        finally:
            if self._answering is not None:
                self._answering.leave()
            if self._task is not None:
                self._task.cancel()
            self._writer.close()

    def abort(self) -> None:
        """Close the connection at once."""
        self._answering = None
        self._writer.transport.abort()

    # what the parser calls

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers = {}
        self._body = bytearray()

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue":
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        path, _, query = self._target.decode("latin-1").partition("?")
        incoming = Incoming(
            self._parser.get_method().decode(),
            path,
            read_query(query),
            self._headers,
            bytes(self._body),
        )
        self._waiting.append((incoming, self._parser.should_keep_alive()))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._answer_all())
            self._task.add_done_callback(self._finished)

    # answering

    def _finished(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, ConnectionError):
            # a fault of the fake itself: the test that meets it has to see it
            context = {"message": "The fake provider failed.", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)
            self.abort()

    async def _answer_all(self) -> None:
        while self._waiting:
            incoming, keep_alive = self._waiting.popleft()
            received, answer = self._provider.receive(incoming)
            self._answering = received
            received.send(0)
            try:
                await self._send(answer, received, keep_alive=keep_alive, bodiless=incoming.method == "HEAD")
            finally:
                received.finish()
            self._answering = None
            if not keep_alive or answer.ending is not Ending.WHOLE:
                self._writer.close()
                return

    async def _send(self, answer: Answer, received: Received, *, keep_alive: bool, bodiless: bool) -> None:
        self._writer.write(_head(answer, keep_alive=keep_alive))
        for count, chunk in enumerate(answer.chunks, 1):
            if chunk.delay:
                await asyncio.sleep(chunk.delay)
            if chunk.data and not bodiless:
                framed = b"%x\r\n%b\r\n" % (len(chunk.data), chunk.data)
                self._writer.write(framed if answer.streamed else chunk.data)
                received.send(count)
                await self._writer.drain()
            received.send(count)
        match answer.ending:
            case Ending.WHOLE:
                if answer.streamed:
                    self._writer.write(b"0\r\n\r\n")
            case Ending.CLOSED:
                self._answering = None
            case Ending.RESET:
                await asyncio.sleep(_SETTLING)
                self._answering = None
                self._reset()
            case Ending.STALLED:
                await asyncio.Event().wait()

    def _reset(self) -> None:
        """Close so that the client sees a reset: with nothing lingering, the kernel sends RST."""
        sock: socket.socket | None = self._writer.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


def _head(answer: Answer, *, keep_alive: bool) -> bytes:
    phrase = http.HTTPStatus(answer.status).phrase if answer.status in _STATUSES else "Unknown"
    lines = [f"HTTP/1.1 {answer.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    if answer.streamed:
        lines.append("transfer-encoding: chunked")
    else:
        # an answer that is to break off promises a byte more than it has
        length = len(answer.body) + (answer.ending is not Ending.WHOLE)
        lines.append(f"content-length: {length}")
    if not keep_alive:
        lines.append("connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


_STATUSES = frozenset(int(status) for status in http.HTTPStatus)
