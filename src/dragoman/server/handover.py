"""A rolling restart: the process that looks after the workers goes on with the program that is on the disk
now, under the same number, and its workers come with it.

The socket stays open, and the workers serve, until the new program has put others in their place.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from typing import NoReturn

import msgspec

VARIABLE = "DRAGOMAN_HANDOVER"
"""What the new program finds here, it takes over."""


class HandedWorker(msgspec.Struct, frozen=True):
    """A worker of the program before."""

    number: int
    pid: int
    channel: int
    """The descriptor of the socket to it."""
    ready: bool
    retired: bool
    """Whether it was told to stop."""


class Handover(msgspec.Struct, frozen=True):
    """What one program leaves to the next in the same process."""

    version: str
    """That of the program before. Files of another version are left alone."""
    listener: int
    """The descriptor of the listening socket."""
    folder: str
    """Where the workers' metrics come together."""
    shared: tuple[str, ...]
    """The files in which the workers count together."""
    workers: tuple[HandedWorker, ...]


def take_over() -> Handover | None:
    """What the program before has left; None at an ordinary start. Once."""
    text = os.environ.pop(VARIABLE, None)
    return None if text is None else msgspec.json.decode(text, type=Handover)


def hand_over(handover: Handover, command: Sequence[str]) -> NoReturn:
    """Go on with another program in this process. Raises `OSError` where it cannot be run."""
    descriptors = [handover.listener, *(worker.channel for worker in handover.workers)]
    for descriptor in descriptors:
        os.set_inheritable(descriptor, True)
    environment = {**os.environ, VARIABLE: msgspec.json.encode(handover).decode()}
    try:
        os.execve(command[0], list(command), environment)  # noqa: S606 - the command that has started us
    finally:
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)


class Restart:
    """Tells whether the program that is on the disk now can read the configuration, before it takes over."""

    def __init__(self, command: Sequence[str], check: Sequence[str]) -> None:
        """Take the command that has started this process, and one that ends with status 0 if it may start."""
        self.command = tuple(command)
        self._check = tuple(check)
        self._checking: subprocess.Popen[bytes] | None = None

    @property
    def begun(self) -> bool:
        """Whether the check is going on."""
        return self._checking is not None

    def begin(self) -> None:
        """Begin to check. Raises `OSError` where that cannot be."""
        # what is wrong goes to standard error
        self._checking = subprocess.Popen(  # noqa: S603 - the program that runs here
            self._check, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )

    def outcome(self) -> bool | None:
        """Whether all is well; None as long as that is not known. Once."""
        status = None if self._checking is None else self._checking.poll()
        if status is None:
            return None
        self._checking = None
        return status == 0


def restart_of(arguments: Sequence[str], config: str | None) -> Restart:
    """The restart of a process that was started with these arguments, as `sys.orig_argv` has them."""
    command = [sys.executable, *arguments[1:]]
    program = command[: command.index("serve")]
    return Restart(command, [*program, "check", *([] if config is None else ["--config", config])])


def shared_files(handover: Handover | None, version: str) -> tuple[str, ...]:
    """The files of the program before, if this one can count along in them."""
    return handover.shared if handover is not None and handover.version == version else ()
