"""The configuration is read again while the gateway runs: when it is asked to, or when the file changes."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from dragoman.config.source import ConfigError
from dragoman.server.configuration import Configuration, Difference, difference

INTERVAL = 1.0
"""Seconds between two looks at the file."""
SETTLING = 0.2
"""Seconds that a file has to stay as it is, before it is read: it may be half written."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger("dragoman.server")


Renewal = Callable[[Configuration], Callable[[], None]]
"""Prepares to go on with another configuration, off the event loop; what it gives back does so, at once."""


class Reload:
    """Reads the configuration anew and goes on with it, or keeps the one that there is and says why."""

    def __init__(
        self,
        current: Configuration,
        read: Callable[[], Configuration],
        renewal: Renewal,
        outcome: Callable[[bool], None] = lambda _: None,
        *,
        quiet: bool = False,
    ) -> None:
        """Take what is running now, and what reads it anew, which may raise `ConfigError`. `outcome` is told
        whether that went well. With `quiet`, only failures are logged.
        """
        self.current = current
        self._running = current.settings
        self._read = read
        self._renewal = renewal
        self._outcome = outcome
        self._quiet = quiet

    def prepare(self) -> Callable[[], None]:
        """Read the configuration. What is given back takes it over, or does nothing if it cannot be used."""
        try:
            new = self._read()
            renew = self._renewal(new)
        except ConfigError as error:
            _log.error(_FAILED, error=str(error))
        except Exception:  # noqa: BLE001 - whatever is wrong, requests go on being served
            _log.exception(_FAILED)
        else:
            return lambda: self._accept(new, renew)
        return lambda: self._outcome(False)

    def _accept(self, new: Configuration, renew: Callable[[], None]) -> None:
        try:
            renew()
        except Exception:  # noqa: BLE001 - as above
            _log.exception(_FAILED)
            self._outcome(False)
            return
        changed = difference(self._running, self.current, new)
        self.current = new
        self._outcome(True)
        if not self._quiet:
            _say(changed)


_FAILED = "the configuration was read again and cannot be used: the old one stays"


def _say(changed: Difference) -> None:
    if changed.changes:
        _log.info("the configuration was read again", **changed.changes)
    else:
        _log.info("the configuration was read again: nothing has changed")
    if changed.fixed:
        _log.warning("some settings take effect with a restart only", settings=" ".join(changed.fixed))


Identity = tuple[int, ...] | None
"""What tells one state of a file from another; None for a file that cannot be seen."""


class FileWatch:
    """Tells when a file has become another one: written anew, replaced, or reached through another link."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = self._seen = identity(path)

    def changed(self) -> bool:
        """Whether the file is another one than when this was last true, and the same as at the last look."""
        now = identity(self._path)
        settled = now == self._seen
        self._seen = now
        if not settled or now == self._known:
            return False
        self._known = now
        return True

    @property
    def pause(self) -> float:
        """Seconds until the next look."""
        return INTERVAL if self._seen == self._known else SETTLING

    def skip(self) -> None:
        """Take the file as it is now for known: it is about to be read."""
        self._known = self._seen = identity(self._path)


def identity(path: Path) -> Identity:
    """The state of the file that a path leads to, links followed."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


class Reloading:
    """Reads again inside an event loop, which goes on meanwhile. One reading at a time."""

    def __init__(self, reload: Reload, file: FileWatch | None) -> None:
        """`file` is what to look at, as long as the settings want that."""
        self._reload = reload
        self._file = file
        self._turn = asyncio.Lock()

    async def read_again(self) -> None:
        """Read the configuration again, now."""
        async with self._turn:
            if self._file is not None:
                await asyncio.to_thread(self._file.skip)
            take_over = await asyncio.to_thread(self._reload.prepare)
            take_over()

    async def watch(self) -> None:
        """Read the configuration again whenever the file has changed, until cancelled."""
        while self._file is not None:
            await asyncio.sleep(self._file.pause)
            wanted = self._reload.current.settings.server.watch
            # in a thread: the file may be on a disk far away
            if wanted and await asyncio.to_thread(self._file.changed):
                await self.read_again()
