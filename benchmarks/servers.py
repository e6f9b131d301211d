"""Running gateways, and the upstream behind them. The one under test has core 0 for itself; upstreams and
load have core 1.
"""

import contextlib
import http.client
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import installation, process_tree
from benchmarks.configurations import DRAGOMAN, LITELLM, NGINX, Ports
from benchmarks.questions import SAME, Pair, Question, question

ROOT = Path(__file__).parent.parent
GATEWAY_CORE, OTHER_CORE = 0, min(1, (os.cpu_count() or 1) - 1)
UPSTREAM_KEY = "sk-up"
ADMIN_KEY = "sk-benchmark-0123456789"
"""The key that LiteLLM's clients present."""
PATIENCE = 120.0
"""Seconds that a gateway may take to start."""

PORTS = Ports(upstream=9710, brisk=9711, patient=9712)
DRAGOMAN_PORT, NGINX_PORTS, LITELLM_PORT, PORTKEY_PORT, COPYING_PORT = 9720, (9730, 9731), 9740, 9750, 9760

OWN = {**os.environ, "PYTHONPATH": str(ROOT)}
"""The environment of programs of this folder."""

Headers = Callable[[Pair], dict[str, str]]


def own(module: str, *options: str) -> list[str]:
    """The command that runs a module of this folder."""
    return [sys.executable, "-m", f"benchmarks.{module}", *options]


class Server:
    """A running process that is measured or asked: where it listens for whole answers and for streams, and
    what its clients have to send.
    """

    def __init__(
        self, name: str, process: "subprocess.Popen[bytes]", ports: tuple[int, int], headers: Headers
    ) -> None:
        self.name = name
        self.headers = headers
        self._process = process
        self._ports = ports
        self.started_in = 0.0
        """Seconds from the start to the first answer."""

    @property
    def pid(self) -> int:
        """The process, or the first of them."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def port(self, *, stream: bool) -> int:
        """Where it listens."""
        return self._ports[stream]

    def cpu_seconds(self) -> float:
        """User and system time so far, of all its processes."""
        return process_tree.cpu_seconds(self.pid)

    def resident_mb(self) -> float:
        """Resident memory of all its processes, in MB."""
        return process_tree.resident_bytes(self.pid) / 1e6

    def pause(self) -> None:
        """Let it take nothing of its core while others are measured."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def settle(self, most: float = 4.0) -> None:
        """Wait until it has done what it puts off: the ledger is read in the background, say."""
        ends = time.monotonic() + most
        before = self.cpu_seconds()
        while time.monotonic() < ends:
            time.sleep(0.25)
            now = self.cpu_seconds()
            if now - before < 0.015:
                return
            before = now

    def await_answer(self, began: float) -> None:
        """Wait until it answers a question as it should. Raises `AbsentError` if it does not."""
        asked = question(SAME, stream=False)
        words = "it does not listen"
        while time.perf_counter() - began < PATIENCE and self.alive:
            try:
                status, body = ask(self, SAME, asked)
            except (OSError, http.client.HTTPException):
                time.sleep(0.005)
                continue
            if status == 200:
                self.started_in = time.perf_counter() - began
                return
            words = f"{status}: {body[:200].decode('utf-8', 'replace')}"
            time.sleep(0.05)
        raise installation.AbsentError(f"{self.name} has not started: {words}")

    def _signal(self, number: signal.Signals) -> None:
        for pid in process_tree.members(self.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def ask(server: Server, pair: Pair, asked: Question) -> tuple[int, bytes]:
    """Ask once: the status and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port(stream=asked.stream), timeout=60)
    with contextlib.closing(connection):
        headers = {"Content-Type": "application/json", **server.headers(pair)}
        connection.request("POST", asked.path, asked.body.encode(), headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


@contextlib.contextmanager
def running(
    command: list[str], core: int, log: Path, environment: Mapping[str, str] | None = None
) -> Generator["subprocess.Popen[bytes]"]:
    """A process on one core, stopped at the end with all that it has started."""
    pinned = ["taskset", "-c", str(core), *command]
    with log.open("ab") as out:
        process = subprocess.Popen(
            pinned, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd=log.parent, env=environment
        )
    try:
        yield process
    finally:
        pids = process_tree.members(process.pid) if process.poll() is None else []
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pid in pids[1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def upstream(folder: Path, port: int, gap: float) -> Generator[Server]:
    """An upstream with so many seconds between the pieces of its streams."""
    command = own("upstream", "--port", str(port), "--gap", str(gap))
    with running(command, OTHER_CORE, folder / f"upstream-{port}.log", OWN) as process:
        _await_listening(port)
        yield Server("direct", process, (port, port), _upstream_key)


@contextlib.contextmanager
def upstreams(folder: Path) -> Generator[tuple[Server, Server]]:
    """The upstreams, with pauses of 3 ms, 1 ms and 250 ms in streams: the first and the last."""
    with (
        upstream(folder, PORTS.upstream, 0.003) as usual,
        upstream(folder, PORTS.brisk, 0.001),
        upstream(folder, PORTS.patient, 0.25) as patient,
    ):
        yield usual, patient


@contextlib.contextmanager
def nginx(folder: Path) -> Generator[Server]:
    """Nginx as a bare reverse proxy: buffered for whole answers, unbuffered for streams."""
    program = installation.debian_program("nginx", "nginx-light")
    (folder / "nginx").mkdir(exist_ok=True)
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder / "nginx", upstream=PORTS.upstream, ports=NGINX_PORTS))
    command = [program, "-c", str(config), "-p", str(folder / "nginx")]
    with started("nginx", command, folder, NGINX_PORTS, _upstream_key) as server:
        yield server


@contextlib.contextmanager
def dragoman(
    folder: Path, port: int = DRAGOMAN_PORT, ports: Ports = PORTS, watched: Sequence[str] = ()
) -> Generator[Server]:
    """Dragoman with everything on: a virtual key with two limits and two budgets, routes, the ledger in
    SQLite, metrics. `watched` is a command to run it by, in place of its own.
    """
    home = folder / f"dragoman-{port}"
    home.mkdir(exist_ok=True)
    config = home / "dragoman.toml"
    config.write_text(DRAGOMAN.format(port=port, key=UPSTREAM_KEY, ports=ports))
    program = str(Path(sys.executable).with_name("dragoman"))
    environment = {**OWN, "DRAGOMAN_HOME": str(home / "data")}
    key_file = home / "key"
    if not key_file.exists():
        allowed = ["--requests", "100000000/day", "--tokens", "100000000000/day"]
        allowed += ["--budget", "1000000/day", "--budget", "1000000/month"]
        create = [program, "keys", "create", "--config", str(config), "--name", "benchmark", *allowed]
        made = subprocess.run(create, capture_output=True, text=True, check=True, env=environment)
        key_file.write_text(made.stdout.strip())
    key = key_file.read_text()
    command = [*(watched or [program]), "serve", "--config", str(config)]
    with started("Dragoman", command, home, (port, port), lambda _: _bearer(key), environment) as server:
        yield server


@contextlib.contextmanager
def litellm(folder: Path) -> Generator[Server]:
    """LiteLLM with a master key; it has virtual keys and budgets only with a Postgres, which is spared it."""
    programs = installation.litellm()
    config = folder / "litellm.yaml"
    config.write_text(LITELLM.format(key=UPSTREAM_KEY, master_key=ADMIN_KEY, ports=PORTS))
    command = [str(programs / "litellm"), "--config", str(config), "--host", "127.0.0.1"]
    command += ["--port", str(LITELLM_PORT), "--telemetry", "False"]
    # its price list is in the package too; without this it is fetched at each start
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    ports = (LITELLM_PORT, LITELLM_PORT)
    with started("LiteLLM", command, folder, ports, lambda _: _bearer(ADMIN_KEY), environment) as server:
        yield server


@contextlib.contextmanager
def portkey(folder: Path) -> Generator[Server]:
    """Portkey's gateway, which is told by headers where to go; its clients present the upstream's key."""
    script = installation.portkey()
    command = [shutil.which("node") or "node", str(script), "--headless", f"--port={PORTKEY_PORT}"]
    environment = {**os.environ, "NODE_ENV": "production"}
    ports = (PORTKEY_PORT, PORTKEY_PORT)
    with started("Portkey", command, folder, ports, _portkey_headers, environment) as server:
        yield server


@contextlib.contextmanager
def copying_proxy(folder: Path) -> Generator[Server]:
    """The least that a gateway can do: see `copying_proxy.py`."""
    command = own("copying_proxy", "--port", str(COPYING_PORT), "--upstream", str(PORTS.upstream))
    ports = (COPYING_PORT, COPYING_PORT)
    with started("copying proxy", command, folder, ports, _upstream_key, OWN) as server:
        yield server


@contextlib.contextmanager
def started(
    name: str,
    command: list[str],
    folder: Path,
    ports: tuple[int, int],
    headers: Headers,
    environment: Mapping[str, str] | None = None,
) -> Generator[Server]:
    """A gateway that answers. Raises `AbsentError` if it does not."""
    log = folder / f"{name.replace(' ', '-').lower()}.log"
    began = time.perf_counter()
    with running(command, GATEWAY_CORE, log, environment) as process:
        server = Server(name, process, ports, headers)
        try:
            server.await_answer(began)
        except installation.AbsentError as error:
            words = log.read_text(errors="replace").strip().splitlines()
            raise installation.AbsentError(f"{error}; its last words: {words[-1:]}") from None
        yield server


class Absent(NamedTuple):
    """A peer that is not measured, and why."""

    name: str
    reason: str


@contextlib.contextmanager
def peers(folder: Path, wanted: Mapping[str, bool]) -> Generator[tuple[list[Server], list[Absent]]]:
    """The others that are wanted and can be had."""
    kinds = {"nginx": nginx, "LiteLLM": litellm, "Portkey": portkey}
    found: list[Server] = []
    absent: list[Absent] = []
    with contextlib.ExitStack() as stack:
        for name, kind in kinds.items():
            if not wanted.get(name):
                continue
            try:
                server = stack.enter_context(kind(folder))
            except installation.AbsentError as error:
                absent.append(Absent(name, str(error)))
            else:
                found.append(server)
        yield found, absent


def allow_many_files() -> None:
    """Let this process and those that it starts open as many files as may be."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _await_listening(port: int) -> None:
    for _ in range(400):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.025)
    raise installation.AbsentError(f"the upstream does not listen on port {port}")


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _upstream_key(pair: Pair) -> dict[str, str]:
    del pair
    return _bearer(UPSTREAM_KEY)


def _portkey_headers(pair: Pair) -> dict[str, str]:
    provider = {"openai": "openai", "anthropic": "anthropic", "gemini": "google"}[pair.upstream]
    suffix = "" if provider == "google" else "/v1"
    return {
        **_bearer(UPSTREAM_KEY),
        "x-portkey-provider": provider,
        "x-portkey-custom-host": f"http://127.0.0.1:{PORTS.upstream}{suffix}",
    }
