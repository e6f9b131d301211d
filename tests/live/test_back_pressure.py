"""A client that stops reading stops its upstream: nothing piles up, and it goes on when it is read."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import CLIENT_KEY, LiveGateway
from tests.live.client import MODELS, Client
from tests.live.command import serving
from tests.live.own_gateway import PATIENCE, Serve, provider, settled
from tests.live.raw_upstream import Line, RawUpstream, pieces_of, saying
from tests.live.stuck import FOREIGN

from dragoman.testing.script import Scripted

WORD = b"marzipan"
MEBIBYTE = 1024 * 1024
MOST = 16 * MEBIBYTE
"""Bytes that may be on the way to a client that reads nothing: nearly all of them in buffers of the system,
which has one for each end of two connections and gives some of them 4 MiB.
"""
LARGE = 24 * MEBIBYTE
ENDLESS = 200 * MEBIBYTE
READERS = 20
STILL = 0.4
"""Seconds without a byte after which an upstream counts as stopped."""
GROWTH = 100 * MEBIBYTE
"""Bytes by which a gateway may grow with twenty such clients. Without bounds it would be four gigabytes."""
PAIRS = [(name, upstream) for name, foreign in FOREIGN.items() for upstream in (name, foreign)]


class Talker:
    """An upstream that speaks as fast as it is let, up to `size` bytes to each; how much it has said."""

    def __init__(self, upstream: str, size: int) -> None:
        client = Client(upstream, LiveGateway("", CLIENT_KEY, "", 0))
        ask = client.ask(MODELS[upstream], stream=True)
        pieces = pieces_of(ask, Scripted(saying(" ".join([WORD.decode()] * 40))))
        again = next(number for number, piece in enumerate(pieces) if WORD in piece)
        self._opening = b"".join(pieces[: again + 1])
        self._word = pieces[again] * 50
        self._rest = b"".join(pieces[again + 1 :])
        self._size = size
        self._lock = threading.Lock()
        self._moved = time.monotonic()
        self.said: dict[int, int] = {}
        """The bytes that went out on each connection."""

    def __call__(self, line: Line) -> None:
        line.begin()
        self._say(line, self._opening)
        while self.said[id(line)] < self._size:
            self._say(line, self._word)
        self._say(line, self._rest)
        line.chunk(b"")

    def _say(self, line: Line, data: bytes) -> None:
        line.chunk(data)
        with self._lock:
            self.said[id(line)] = self.said.get(id(line), 0) + len(data)
            self._moved = time.monotonic()

    def total(self) -> int:
        """How many bytes went out on all connections."""
        with self._lock:
            return sum(self.said.values())

    def stopped(self) -> bool:
        """Whether nothing has gone out for a while."""
        return time.monotonic() - self._moved > STILL


class Reader:
    """A client with a small buffer, that reads when the test says so."""

    def __init__(self, client: Client, model: str) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(("127.0.0.1", client.gateway.port))
        self._socket.sendall(client.ask(model, stream=True).text())
        self.bytes = 0
        """How many it has read, its head included."""

    def hear(self, mark: bytes) -> None:
        """Read until a mark has come."""
        heard = b""
        while mark not in heard:
            piece = self._socket.recv(65536)
            assert piece, f"the gateway hung up after {heard!r}"
            self.bytes += len(piece)
            heard = heard[-len(mark) :] + piece

    def close(self) -> None:
        self._socket.close()


def configuration(raw: RawUpstream, upstream: str) -> str:
    url = f"http://127.0.0.1:{raw.port}"
    return provider("raw", url, upstream) + f'[routes.long]\ntargets = ["raw/{MODELS[upstream]}"]\n'


@pytest.fixture
def readers() -> Iterator[list[Reader]]:
    """Clients, who have left afterwards."""
    begun: list[Reader] = []
    yield begun
    for reader in begun:
        reader.close()


@pytest.mark.parametrize(("client", "upstream"), PAIRS, indirect=["client"])
def test_a_client_that_stops_reading_stops_its_upstream(
    serve: Serve, client: Client, upstream: str, raw: RawUpstream, readers: list[Reader]
) -> None:
    talker = raw.play = Talker(upstream, ENDLESS)
    reader = Reader(client.at(serve(configuration(raw, upstream))), "long")
    readers.append(reader)
    reader.hear(WORD)
    assert settled(talker.stopped)
    said = talker.total()
    assert said < MOST
    # and it goes on once the client does
    while talker.total() < said + MEBIBYTE:
        reader.hear(WORD)


@pytest.mark.parametrize("client", ["openai_chat"], indirect=True)
def test_who_reads_on_hears_it_to_the_end(
    serve: Serve, client: Client, raw: RawUpstream, readers: list[Reader]
) -> None:
    talker = raw.play = Talker(client.name, LARGE)
    reader = Reader(client.at(serve(configuration(raw, client.name))), "long")
    readers.append(reader)
    reader.hear(WORD)
    assert settled(talker.stopped)
    assert talker.total() < LARGE
    reader.hear(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    assert reader.bytes >= talker.total() >= LARGE


def memory_of(pid: int) -> int:
    """The bytes of a process that are in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize(("client", "upstream"), PAIRS[:2], indirect=["client"])
def test_clients_that_read_nothing_take_little_memory(
    client: Client, upstream: str, raw: RawUpstream, tmp_path: Path, readers: list[Reader]
) -> None:
    talker = raw.play = Talker(upstream, ENDLESS)
    keys = f'[auth]\nkeys = ["{CLIENT_KEY}"]\n'
    (tmp_path / "dragoman.toml").write_text(keys + configuration(raw, upstream))
    with serving(tmp_path) as service:
        here = client.at(service.wait())
        readers.append(Reader(here, "long"))
        readers[0].hear(WORD)
        before = memory_of(service.pid)
        readers.extend(Reader(here, "long") for _ in range(READERS - 1))
        for reader in readers[1:]:
            reader.hear(WORD)
        assert settled(talker.stopped)
        assert memory_of(service.pid) - before < GROWTH
        assert len(talker.said) == READERS
        assert max(talker.said.values()) < MOST
