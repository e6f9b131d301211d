"""Writing the ledger: what has been read out of a journal goes into the database, once."""

from collections.abc import Sequence
from typing import Protocol

from dragoman.store.entry import Entry


class UnfitEntriesError(Exception):
    """The database works, but does not take these entries: one of them, at least, holds what no row can hold.

    Nothing was written. The message holds nothing of what is in them.
    """


class LedgerStore(Protocol):
    """Where journals are read to. Every method raises `StoreError` when the store cannot be used."""

    async def position(self, journal: str) -> int:
        """How far a journal has been read, in bytes; 0 for one that is not known."""
        ...

    async def add(self, journal: str, position: int, entries: Sequence[Entry], now: float) -> int:
        """Write entries down, and that their journal has been read up to a position; all of it or nothing.

        Of a request that is there already, only a later revision is written, in place of the earlier. `now`
        is in Unix seconds. How many requests were written. Raises `UnfitEntriesError` for entries that can
        never be written.
        """
        ...

    async def forget(self, journals: Sequence[str]) -> None:
        """These journals are no more."""
        ...
