"""The `dragoman` command as a process of its own."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway

COMMAND = str(Path(sys.executable).with_name("dragoman"))

PATIENCE = 15.0
"""Seconds that a start may take on a busy machine."""


def environment(folder: Path, **more: str) -> dict[str, str]:
    """An environment without any key, whose home is the folder."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return {**kept, "HOME": str(folder), "DRAGOMAN_HOME": str(folder / "data"), **more}


def run(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=folder,
        env=environment(folder, **more),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


class Service:
    """`dragoman serve`, running in a folder. What it writes goes to files there."""

    def __init__(self, folder: Path, *arguments: str, **more: str) -> None:
        number = len(list(folder.glob("stdout-*")))
        self._paths = (folder / f"stdout-{number}", folder / f"stderr-{number}")
        with self._paths[0].open("wb") as out, self._paths[1].open("wb") as errors:
            self._process = subprocess.Popen(
                [COMMAND, "serve", "--port", "0", *arguments],
                cwd=folder,
                env=environment(folder, **more),
                stdout=out,
                stderr=errors,
            )

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    @property
    def output(self) -> str:
        """What it has written to standard output."""
        return self._paths[0].read_text()

    @property
    def log(self) -> str:
        """What it has written to standard error."""
        return self._paths[1].read_text()

    def wait(self) -> LiveGateway:
        """Wait until it listens; where that is."""
        until = time.monotonic() + PATIENCE
        while not (found := re.search(r" on (http://[^ ]+:(\d+))\n(?:.*\n)*.*key", self.output)):
            assert self._process.poll() is None, self.log
            assert time.monotonic() < until, self.output + self.log
            time.sleep(0.01)
        return LiveGateway(found[1], CLIENT_KEY, UPSTREAM_KEY, int(found[2]))

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def end(self, seconds: float = PATIENCE) -> int:
        """Wait until it has ended; its exit status."""
        return self._process.wait(seconds)

    def stop(self, number: signal.Signals) -> int:
        """Ask it to stop, and wait until it has; its exit status."""
        self.tell(number)
        return self.end()

    def wait_log(self, text: str, times: int = 1) -> None:
        """Wait until the log holds this text so many times."""
        until = time.monotonic() + PATIENCE
        while self.log.count(text) < times:
            assert self._process.poll() is None, self.log
            assert time.monotonic() < until, self.log
            time.sleep(0.01)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def serving(folder: Path, *arguments: str, **more: str) -> Generator[Service]:
    """A service that is gone afterwards, whatever happened."""
    service = Service(folder, *arguments, **more)
    try:
        yield service
    finally:
        service.kill()
