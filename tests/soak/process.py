"""Processes of a soak: what they hold by the operating system's account, and what the gateway logs."""

import collections
import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import IO, NamedTuple, cast

import msgspec
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY
from tests.live.command import COMMAND, PATIENCE, environment
from tests.soak.traffic import Report

ROOT = Path(__file__).parents[2]


class Held(NamedTuple):
    """What a process holds of the operating system, besides memory."""

    files: int
    """Open file descriptors that are no sockets."""
    sockets: int
    threads: int


class Process:
    """A running process as `/proc` shows it."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")

    def resident(self) -> int:
        """Memory in RAM, in bytes."""
        pages = int((self._folder / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        fields = (self._folder / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def held(self) -> Held:
        """Open files, sockets and threads."""
        links = list(self._links())
        sockets = sum(link.startswith("socket:") for link in links)
        return Held(len(links) - sockets, sockets, len(list((self._folder / "task").iterdir())))

    def _links(self) -> Iterator[str]:
        for link in (self._folder / "fd").iterdir():
            try:
                yield str(link.readlink())
            except FileNotFoundError:
                continue  # closed meanwhile


class _Entry(msgspec.Struct):
    event: str = ""
    error: str = ""
    level: str = ""
    request_id: str = ""
    outcome: str = ""
    first_byte_ms: float | None = None
    attempts: int = 0
    resent: int = 0


class Noted:
    """What the gateway has logged so far."""

    def __init__(self) -> None:
        self.exchanges: collections.Counter[str] = collections.Counter()
        """By request id."""
        self.attempts = 0
        self.cut = 0
        """Attempts that were given up before their answer's head came: their request need not have reached
        the upstream.
        """
        self.problems: list[str] = []
        """Entries that are no JSON, that tell of errors of the gateway's own, or that hold a secret."""
        self.others: collections.Counter[str] = collections.Counter()
        """Entries of other kinds, by what they are about."""

    def read(self, stream: IO[bytes]) -> None:
        """Take in all of it, to the end."""
        decoder = msgspec.json.Decoder(_Entry)
        # of an exchange, those with a line of their own: one attempt that answers has none
        told: collections.Counter[str] = collections.Counter()
        for line in stream:
            try:
                entry = decoder.decode(line)
            except msgspec.DecodeError:
                self.problems.append(line.decode("utf-8", "replace"))
                continue
            if entry.event.startswith("exchange"):
                self.exchanges[entry.request_id] += 1
                self.attempts += entry.attempts
                if told[entry.request_id] not in {0, entry.attempts}:
                    self.problems.append(line.decode("utf-8", "replace"))
            elif entry.event.startswith("attempt"):
                told[entry.request_id] += 1 + entry.resent
                self.cut += entry.outcome in {"abandoned", "lost"} and entry.first_byte_ms is None
            else:
                self.others[f"{entry.event} {entry.error}".strip()] += 1
            if entry.level not in {"debug", "info", "warning"} or UPSTREAM_KEY.encode() in line:
                self.problems.append(line.decode("utf-8", "replace"))


class Service(NamedTuple):
    """A running gateway."""

    port: int
    process: Process
    noted: Noted

    def gauges(self) -> dict[str, float]:
        """What `GET /metrics` shows, the values of each name added up."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", "/metrics", headers={"authorization": f"Bearer {CLIENT_KEY}"})
            text = connection.getresponse().read().decode()
        values: collections.defaultdict[str, float] = collections.defaultdict(float)
        for line in text.splitlines():
            if not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                values[name.partition("{")[0]] += float(value)
        return values


@contextlib.contextmanager
def gateway(config: str, folder: Path) -> Generator[Service]:
    """`dragoman serve` with this configuration."""
    path = folder / "dragoman.toml"
    path.write_text(config)
    with (
        subprocess.Popen(
            [COMMAND, "serve", "--config", str(path)],
            cwd=folder,
            env=environment(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
        _ended(process),
    ):
        noted = Noted()
        reader = threading.Thread(target=noted.read, args=(process.stderr,), name="log")
        reader.start()
        try:
            port = _port(cast("IO[bytes]", process.stdout))
            if port is None:
                reader.join(PATIENCE)
                raise RuntimeError(f"the gateway did not start: {noted.problems}")
            yield Service(port, Process(process.pid), noted)
        finally:
            process.terminate()
            reader.join(PATIENCE)


def _port(stdout: IO[bytes]) -> int | None:
    for line in stdout:
        if found := re.search(rb" on http://[^ ]+:(\d+)$", line.rstrip()):
            return int(found[1])
    return None


class Traffic:
    """The process that holds the clients and the upstream."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._out = cast("IO[bytes]", process.stdout)
        self._orders = cast("IO[bytes]", process.stdin)
        self.upstream_port: int = json.loads(self._out.readline())

    def run(self, port: int, seconds: float) -> Report:
        """Send through the gateway on this port for so long; what has come of all the traffic so far."""
        return msgspec.json.decode(self._order(f"run {port} {seconds}"), type=Report)

    def close(self) -> None:
        """Close the upstream's connections."""
        self._order("close")

    def _order(self, words: str) -> bytes:
        self._orders.write(f"{words}\n".encode())
        self._orders.flush()
        answer = self._out.readline()
        if not answer:
            raise RuntimeError("the traffic has come to an early end")
        return answer


@contextlib.contextmanager
def traffic(seed: int) -> Generator[Traffic]:
    """Clients and an upstream that follow this seed."""
    with (
        subprocess.Popen(
            [sys.executable, "-m", "tests.soak.traffic", str(seed)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process,
        _ended(process),
    ):
        yield Traffic(process)


@contextlib.contextmanager
def _ended(process: "subprocess.Popen[bytes]") -> Generator[None]:
    """Whatever happens, the process is gone afterwards."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()


class Memory:
    """Samples of a process's memory, taken in a thread of its own while `sampling` lasts."""

    INTERVAL = 0.25

    def __init__(self, process: Process) -> None:
        self._process = process
        self.samples: list[int] = []

    @contextlib.contextmanager
    def sampling(self) -> Generator[None]:
        over = threading.Event()

        def sample() -> None:
            while not over.wait(self.INTERVAL):
                self.samples.append(self._process.resident())

        thread = threading.Thread(target=sample, name="memory")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def settled(process: Process, quiet: float = 1.0, patience: float = 10.0) -> Held:
    """What a process holds as soon as that has not changed for a while."""
    until = time.monotonic() + patience
    held, since = process.held(), time.monotonic()
    while time.monotonic() - since < quiet and time.monotonic() < until:
        time.sleep(0.05)
        now = process.held()
        if now != held:
            held, since = now, time.monotonic()
    return held
