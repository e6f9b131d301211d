"""The store of a gateway, which costs nothing before it is used."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from dragoman.config.secret import Secret
from dragoman.store.error import StoreError
from dragoman.store.memory_responses import MemoryResponses
from dragoman.store.responses import KeptResponse, ResponseStore

if TYPE_CHECKING:
    from dragoman.store.engine import Database

FILE = "dragoman.db"
"""The database's name in the data directory."""


def open_database(url: Secret | None, folder: Path) -> "Database":
    """The Postgres database of `url`; without one, the SQLite file in the data directory `folder`, which only
    its owner may read.

    Nothing is opened before the first use. Raises `StoreError` for a URL that cannot be read. What is needed
    to speak to a database is loaded here, which takes long enough to be done in a thread.
    """
    from dragoman.store.engine import Database  # noqa: PLC0415 - slow to import

    return Database(folder / FILE if url is None else url)


class SharedDatabase:
    """The one database of a process, for everything that is kept. It is loaded at the first use."""

    def __init__(self, url: Secret | None, folder: Path) -> None:
        self._url = url
        self._folder = folder
        self._database: Database | None = None
        self._loading = asyncio.Lock()
        self._closed = False

    async def get(self) -> "Database":
        """The database. Raises `StoreError` once this is closed, and for a URL that cannot be read."""
        if self._database is None:
            async with self._loading:
                if self._database is None and not self._closed:
                    # in a thread: loading takes long enough for other requests to notice
                    self._database = await asyncio.to_thread(open_database, self._url, self._folder)
        if self._database is None or self._closed:
            raise StoreError("The database is closed.")
        return self._database

    async def exists(self) -> bool:
        """Whether there may be anything in it: False while there is no file yet."""
        if self._url is not None or self._database is not None:
            return True
        return await asyncio.to_thread((self._folder / FILE).exists)

    async def close(self) -> None:
        """Let go of the database, for good."""
        self._closed = True
        async with self._loading:
            if self._database is not None:
                await self._database.close()


def open_responses(place: SharedDatabase | Path | None) -> ResponseStore:
    """Kept answers in a database, or in the one of a data directory, which is closed with them; without a
    place, in this process. Nothing is opened, and nothing can fail, before the first use.
    """
    match place:
        case None:
            return MemoryResponses()
        case SharedDatabase():
            return _DeferredResponses(place, owned=False)
        case Path():
            return _DeferredResponses(SharedDatabase(None, place), owned=True)


class _DeferredResponses:
    """See `ResponseStore`. The database and what it needs are loaded at the first use."""

    def __init__(self, database: SharedDatabase, *, owned: bool) -> None:
        self._database = database
        self._owned = owned

    async def put(self, response: KeptResponse, /) -> None:
        """See `ResponseStore.put`."""
        await (await self._loaded()).put(response)

    async def get(self, response_id: str, key: str, now: float) -> KeptResponse | None:
        """See `ResponseStore.get`."""
        return await (await self._loaded()).get(response_id, key, now)

    async def delete(self, response_id: str, key: str) -> bool:
        """See `ResponseStore.delete`."""
        return await (await self._loaded()).delete(response_id, key)

    async def prune(self, now: float) -> int:
        """See `ResponseStore.prune`. Where there is no file yet, none is made."""
        if not await self._database.exists():
            return 0
        return await (await self._loaded()).prune(now)

    async def close(self) -> None:
        """See `ResponseStore.close`."""
        if self._owned:
            await self._database.close()

    async def _loaded(self) -> ResponseStore:
        database = await self._database.get()
        from dragoman.store.database_responses import DatabaseResponses  # noqa: PLC0415 - slow to import

        return DatabaseResponses(database)
