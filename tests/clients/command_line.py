"""A command run to its end in folders of its own, and with it everything that it has started."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

PATIENCE = 60.0
"""Seconds that a command may take on a busy machine."""


class Finished(NamedTuple):
    """How a command ended, and what it wrote."""

    status: int
    output: str
    errors: str


def run(arguments: list[str], folder: Path, environment: Mapping[str, str]) -> Finished:
    """Run a command that knows nothing of the user: only the search path is the caller's own.

    Raises `subprocess.TimeoutExpired` when it does not end. Nothing that it started is left running.
    """
    with subprocess.Popen(
        arguments,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=PATIENCE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return Finished(process.returncode, output, errors)
