"""A real server that does what a test scripts, and the transports that the suite runs over."""

import asyncio
import dataclasses
import fcntl
import os
import socket
import ssl
import struct
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import pytest

from dragoman.upstream.aiohttp_transport import AiohttpTransport
from dragoman.upstream.http1_transport import Http1Transport
from dragoman.upstream.opening import open_transport
from dragoman.upstream.transport import Transport, UpstreamRequest

TransportFactory = Callable[[ssl.SSLContext | None], Transport]
"""Makes a transport; the context replaces the system's trust settings."""

FACTORIES: dict[str, TransportFactory] = {"http1": open_transport, "aiohttp": AiohttpTransport}
"""Every transport over sockets. The whole suite holds for each."""


@dataclasses.dataclass(frozen=True)
class Seen:
    """One request as it came in. Header names are as they were written."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]


class Line:
    """One connection that a client made to the server."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        """Counts connections, from 1."""
        self.reader = reader
        self.writer = writer
        self.drained = 0
        """Bytes that came in while `gone` waited."""

    async def head(self) -> Seen:
        """Read up to a request's blank line. Raises `EOFError` when the client has gone."""
        text = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *rest = text[:-4].split("\r\n")
        method, target, _ = first.split(" ")
        pairs = [line.split(": ", 1) for line in rest]
        return Seen(method, target, [(pair[0], pair[1]) for pair in pairs], b"")

    async def request(self) -> Seen:
        """Read a whole request."""
        seen = await self.head()
        length = int((seen.values("content-length") or ["0"])[0])
        return dataclasses.replace(seen, body=await self.reader.readexactly(length))

    async def send(self, data: bytes) -> None:
        """Send bytes, and wait while the client takes in less than comes."""
        self.writer.write(data)
        # over TLS, asyncio tells of a lost connection on its next turn, and `drain` alone may take none
        await asyncio.sleep(0)
        await self.writer.drain()

    async def answer_slowly(self) -> None:
        """Take a request and let the client see the head of the answer before its body, `ok`."""
        await self.request()
        await self.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n")
        await asyncio.sleep(0.002)
        await self.send(b"ok")

    async def gone(self) -> None:
        """Wait until the client has closed the connection, in whichever way."""
        with suppress(ConnectionError):
            while data := await self.reader.read(65536):
                self.drained += len(data)

    def unsent(self) -> int:
        """Bytes that the client's machine has not taken in yet."""
        line: socket.socket = self.writer.get_extra_info("socket")
        waiting = fcntl.ioctl(line.fileno(), termios.TIOCOUTQ, bytes(4))
        return self.writer.transport.get_write_buffer_size() + int.from_bytes(waiting, sys.byteorder)

    async def taken(self) -> None:
        """Wait until the client's machine has all that was sent."""
        for _ in range(500):
            if not self.unsent():
                return
            await asyncio.sleep(0.01)
        raise AssertionError("the client's machine does not take in what was sent")

    def reset(self) -> None:
        """Break the connection off as a crashed machine's would be: with RST in place of FIN."""
        line: socket.socket = self.writer.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Line], Awaitable[None]]
"""What the server does with a connection; when it returns, the connection is closed."""


class Server:
    """Plays one script for each connection, on a port of its own."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None) -> None:
        self._script = script
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()
        self._errors: list[BaseException] = []
        self._listener: asyncio.Server | None = None
        self.accepted = 0
        self.port = 0

    async def start(self) -> None:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls, backlog=1000)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop everything. Raises what a script raised."""
        if self._listener is not None:
            self._listener.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._errors:
            raise self._errors[0]

    @property
    def where(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, target: str = "/v1/chat") -> str:
        return f"{'http' if self._tls is None else 'https'}://{self.where}{target}"

    def post(
        self, body: bytes = b"{}", target: str = "/v1/chat", headers: tuple[tuple[str, str], ...] = ()
    ) -> UpstreamRequest:
        return UpstreamRequest("POST", self.url(target), headers, body)

    def get(self, target: str = "/v1/models") -> UpstreamRequest:
        return UpstreamRequest("GET", self.url(target), (), b"")

    async def ask(self, transport: Transport, body: bytes = b"{}") -> bytes:
        """What a transport gets from this server for one request."""
        response = await transport.send(self.post(body), 5)
        try:
            return await response.read(1 << 20)
        finally:
            response.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.ensure_future(self._play(Line(self.accepted, reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _play(self, line: Line) -> None:
        try:
            await self._script(line)
        except (EOFError, ConnectionError):
            pass  # the client went away: tests that care look for it themselves
        except Exception as error:  # noqa: BLE001 - raised again when the server stops
            self._errors.append(error)
        finally:
            line.writer.close()


class Serve(Protocol):
    """Starts a server; it stops with the test."""

    async def __call__(
        self, script: Script, *, secure: bool = False, context: ssl.SSLContext | None = None
    ) -> Server:
        """`secure` puts it behind TLS; with a `context` of its own, where one is given."""
        ...


@dataclasses.dataclass(frozen=True)
class TLS:
    """A certificate that signs itself, and both sides' view of it."""

    server: ssl.SSLContext
    client: ssl.SSLContext
    """Trusts the certificate."""


@pytest.fixture(
    params=[("asyncio", {"use_uvloop": False}), ("asyncio", {"use_uvloop": True})], ids=["asyncio", "uvloop"]
)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both event loops: uvloop runs in production, asyncio where uvloop cannot be installed."""
    return request.param


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's own proxies stay out of it."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(params=list(FACTORIES.values()), ids=list(FACTORIES))
def make_transport(request: pytest.FixtureRequest) -> TransportFactory:
    return request.param


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def secure(request: pytest.FixtureRequest) -> bool:
    """For tests that hold in the clear and over TLS."""
    return request.param


@pytest.fixture
async def transport(make_transport: TransportFactory, tls: TLS) -> AsyncIterator[Transport]:
    """A transport that trusts the servers of these tests."""
    made = make_transport(tls.client)
    yield made
    await made.close()


@pytest.fixture
async def strict_transport(tls: TLS) -> AsyncIterator[Transport]:
    """Our own, for what aiohttp lets pass."""
    made = Http1Transport(tls.client)
    yield made
    await made.close()


@pytest.fixture
async def serve(tls: TLS) -> AsyncIterator[Serve]:
    servers: list[Server] = []

    async def start(script: Script, *, secure: bool = False, context: ssl.SSLContext | None = None) -> Server:
        server = Server(script, (context or tls.server) if secure else None)
        await server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.stop()


@pytest.fixture
def tls(certificates: dict[str, Path]) -> TLS:
    return make_tls(certificates["127.0.0.1"])


@pytest.fixture
def tls_elsewhere(certificates: dict[str, Path]) -> TLS:
    """A certificate that is trusted, but is for another address."""
    return make_tls(certificates["192.0.2.1"])


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders with a `certificate.pem` that signs itself and its `key.pem`, by address."""
    folders = {address: tmp_path_factory.mktemp("tls") for address in ("127.0.0.1", "192.0.2.1")}
    for address, folder in folders.items():
        command = ["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=test"]
        command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        command += ["-addext", f"subjectAltName=IP:{address}"]
        command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
        subprocess.run(command, check=True, capture_output=True)
    return folders


def make_tls(folder: Path) -> TLS:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return TLS(server, ssl.create_default_context(cafile=str(folder / "certificate.pem")))
