"""What a gateway stands on: the store, and all that goes through it, or beside it, to others."""

import asyncio
import contextlib
import functools
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import structlog

from dragoman.access.directory import KeyDirectory
from dragoman.access.issuing import Issuing
from dragoman.access.purse import Purse
from dragoman.access.secret import find_secret, make_secret
from dragoman.config.settings import Settings
from dragoman.coordination.memory_meters import MemoryMeters
from dragoman.coordination.meters import Meters
from dragoman.coordination.opening import open_hints, open_meters
from dragoman.coordination.shared_hints import SharedHints
from dragoman.coordination.shared_meters import SharedMeters
from dragoman.ledger.journal import LedgerJournal
from dragoman.store.deferred_leases import DeferredLeases
from dragoman.store.deferred_ledger import DeferredLedger
from dragoman.store.error import StoreError
from dragoman.store.opening import SharedDatabase
from dragoman.store.shared_keys import SharedKeys
from dragoman.telemetry.backing_state import BackingState

if TYPE_CHECKING:
    from dragoman.store.ledger_search import LedgerSearch

_log: structlog.stdlib.BoundLogger = structlog.get_logger("dragoman.server")

_PRUNING = 3600.0
"""Seconds between two rounds of letting go of what is too old."""

_LAST_WORDS = 3.0
"""Seconds that the ledger gets at the end to reach the store; what does not, waits in the journal."""


class SharedFiles(NamedTuple):
    """What the workers of a node share, in files that their supervisor has made."""

    meters: Path
    hints: Path

    @classmethod
    def create(cls, folder: Path) -> "SharedFiles":
        """New files in a folder."""
        return cls(SharedMeters.create(folder), SharedHints.create(folder))


class Backing:
    """Keys, limits, budgets and the ledger of one process. Nothing is opened before it is used."""

    def __init__(self, settings: Settings, folder: Path | None, shared: SharedFiles | None = None) -> None:
        """Take the data directory; without one, what is kept is gone with it. `shared` are the files in which
        the workers of a node count together.
        """
        self._temporary = None
        if folder is None:
            self._temporary = folder = Path(tempfile.mkdtemp(prefix="dragoman-"))
        self.folder = folder
        host = socket.gethostname()
        self.node = f"{host}-{os.getpid()}"
        self.database = SharedDatabase(settings.store.url, folder)
        keys, secret = SharedKeys(self.database), settings.auth.secret
        self.directory = KeyDirectory(keys, functools.partial(find_secret, secret, folder))
        self.issuing = Issuing(keys, functools.partial(make_secret, secret, folder), time.time)
        self.leases = DeferredLeases(self.database)
        self.purse = Purse(self.leases, self.node, time.time)
        self.meters = open_meters(settings.coordination.url, _local_meters(shared))
        self.hints = open_hints(
            settings.coordination.url, None if shared is None else SharedHints.attach(shared.hints)
        )
        self.journal = LedgerJournal(folder, settings.ledger, host)
        self._ledger = DeferredLedger(self.database)
        self._search: LedgerSearch | None = None
        self._spends = any(
            one.budgets
            for one in (*settings.keys.values(), *settings.teams.values(), *settings.routes.values())
        )

    def follow(self) -> list[Callable[[], Awaitable[None]]]:
        """What goes on in the background, until it is cancelled."""
        return [
            self.warm_up,
            self.prune,
            self.directory.follow,
            self.purse.follow,
            functools.partial(self.journal.follow, self._ledger),
        ]

    async def warm_up(self) -> None:
        """Open the store at once where budgets will ask for it: the first request need not wait for that."""
        if self._spends:
            with contextlib.suppress(StoreError):
                await self.leases.balances((), time.time())

    def state(self) -> BackingState:
        """How all that is now, from memory."""
        counts = self.journal.counts
        leased, reserved = self.purse.held()
        return BackingState(
            store_usable=not (self.directory.degraded or self.purse.degraded),
            coordination_degraded=self.meters.degraded,
            journal_unread_bytes=counts.unread_bytes,
            journal_unread_since=self.journal.oldest_unread,
            rows_written=counts.rows_written,
            entries_dropped=counts.dropped,
            entries_rejected=counts.rejected,
            leased_nanos=leased,
            reserved_nanos=reserved,
        )

    async def prune(self) -> None:
        """Let go of rows of the ledger whose time is over, from time to time, until cancelled."""
        while True:
            await asyncio.sleep(_PRUNING)
            settings = self.journal.settings
            if not (settings.retention or settings.bodies_retention) or not await self.database.exists():
                continue
            from dragoman.store.pruning import limits_of, prune  # noqa: PLC0415 - slow to import

            try:
                await prune(await self.database.get(), limits_of(settings, time.time()))
            except StoreError as error:
                _log.warning("the ledger cannot be pruned", error=str(error))

    async def search(self) -> "LedgerSearch":
        """Opens the ledger for reading."""
        if self._search is None:
            database = await self.database.get()
            from dragoman.store.ledger_search import LedgerSearch  # noqa: PLC0415 - slow to import

            self._search = LedgerSearch(database)
        return self._search

    async def close(self) -> None:
        """Give back what others may use, bring to the store what can be brought, and let go of everything. No
        request may be on its way any more. One part that fails leaves none open.
        """
        async with contextlib.AsyncExitStack() as parts:
            if self._temporary is not None:
                parts.push_async_callback(
                    asyncio.to_thread, shutil.rmtree, self._temporary, ignore_errors=True
                )
            parts.push_async_callback(self.database.close)
            parts.push_async_callback(self.directory.close)
            parts.push_async_callback(self.journal.close, _LAST_WORDS)
            parts.push_async_callback(self.purse.close)
            parts.push_async_callback(self.meters.close)
            if self.hints is not None:
                parts.push_async_callback(self.hints.close)


def _local_meters(shared: SharedFiles | None) -> Meters:
    return MemoryMeters() if shared is None else SharedMeters.attach(shared.meters)
