"""The ledger in a database that is opened when it is first written to."""

from collections.abc import Sequence

from dragoman.store.entry import Entry
from dragoman.store.ledger import LedgerStore
from dragoman.store.opening import SharedDatabase


class DeferredLedger:
    """See `LedgerStore`. Nothing is loaded, and nothing can fail, before the first use."""

    def __init__(self, database: SharedDatabase) -> None:
        self._database = database
        self._ledger: LedgerStore | None = None

    async def position(self, journal: str) -> int:
        """See `LedgerStore.position`."""
        return await (await self._opened()).position(journal)

    async def add(self, journal: str, position: int, entries: Sequence[Entry], now: float) -> int:
        """See `LedgerStore.add`."""
        return await (await self._opened()).add(journal, position, entries, now)

    async def forget(self, journals: Sequence[str]) -> None:
        """See `LedgerStore.forget`."""
        await (await self._opened()).forget(journals)

    async def _opened(self) -> LedgerStore:
        if self._ledger is None:
            database = await self._database.get()
            from dragoman.store.database_ledger import DatabaseLedger  # noqa: PLC0415 - slow to import

            self._ledger = DatabaseLedger(database)
        return self._ledger
