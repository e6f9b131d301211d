"""A client that stops reading stops its upstream: nothing piles up, and it goes on when it is read."""

import socket
import threading
import time
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
MOST = 2 * MEBIBYTE
"""Bytes that may be on the way to a client that reads nothing: most of them in buffers of the system."""
LARGE = 5 * MEBIBYTE
"""Bytes of an answer that no buffers on the way can hold."""
ENDLESS = 100 * MEBIBYTE
READERS = 20
STILL = 0.4
"""Seconds without a byte after which an upstream counts as stopped."""
GROWTH = 40 * MEBIBYTE
"""Bytes by which a gateway may grow with twenty such clients. Without bounds it would be two gigabytes."""
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

    def stopped(self) -> bool:
        """Whether nothing has gone out for a while."""
        return time.monotonic() - self._moved > STILL


class Reader:
    """A client with a small buffer, that reads when the test says so."""

    def __init__(self, client: Client, model: str) -> None:
        self._client = client
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 * 1024)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(("127.0.0.1", client.gateway.port))
        self._socket.sendall(client.ask(model, stream=True).text())
        self._heard = b""

    def hear(self, mark: bytes) -> None:
        """Read until a mark has come."""
        while mark not in self._heard:
            piece = self._socket.recv(65536)
            assert piece, f"the gateway hung up after {self._heard[-500:]!r}"
            self._heard = self._heard[-len(mark) :] + piece

    def close(self) -> None:
        self._socket.close()


def configuration(raw: RawUpstream, upstream: str) -> str:
    url = f"http://127.0.0.1:{raw.port}"
    return provider("raw", url, upstream) + f'[routes.long]\ntargets = ["raw/{MODELS[upstream]}"]\n'


@pytest.mark.parametrize(("client", "upstream"), PAIRS, indirect=["client"])
def test_a_client_that_stops_reading_stops_its_upstream(
    serve: Serve, client: Client, upstream: str, raw: RawUpstream
) -> None:
    talker = raw.play = Talker(upstream, LARGE)
    reader = Reader(client.at(serve(configuration(raw, upstream))), "long")
    try:
        reader.hear(WORD)
        assert settled(talker.stopped)
        (said,) = talker.said.values()
        assert said < MOST
        reader.hear(b"\r\n0\r\n\r\n")
        (said,) = talker.said.values()
        assert said >= LARGE
    finally:
        reader.close()


def memory_of(pid: int) -> int:
    """The bytes of a process that are in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize(("client", "upstream"), PAIRS[:2], indirect=["client"])
def test_clients_that_read_nothing_take_no_memory(
    client: Client, upstream: str, raw: RawUpstream, tmp_path: Path
) -> None:
    talker = raw.play = Talker(upstream, ENDLESS)
    keys = f'[auth]\nkeys = ["{CLIENT_KEY}"]\n'
    (tmp_path / "dragoman.toml").write_text(keys + configuration(raw, upstream))
    readers: list[Reader] = []
    with serving(tmp_path) as service:
        here = client.at(service.wait())
        readers.append(Reader(here, "long"))
        readers[0].hear(WORD)
        before = memory_of(service.pid)
        try:
            while len(readers) < READERS:
                readers.append(Reader(here, "long"))
            for reader in readers[1:]:
                reader.hear(WORD)
            assert settled(talker.stopped)
            print(memory_of(service.pid)- before, talker.said.values())
            assert memory_of(service.pid) - before < GROWTH
            assert len(talker.said) == READERS
            assert max(talker.said.values()) < MOST
            # whoever reads on is served
            heard = max(talker.said.values())
            for _ in range(30):
                readers[0].hear(WORD)
            assert here.gateway.port
            assert heard > 0
        finally:
            for reader in readers:
                reader.close()
