"""The store of a gateway, which costs nothing before it is used."""

import asyncio
from pathlib import Path

from dragoman.store.error import StoreError
from dragoman.store.memory_responses import MemoryResponses
from dragoman.store.responses import KeptResponse, ResponseStore

FILE = "dragoman.db"
"""The database's name in the data directory."""


def open_responses(folder: Path | None) -> ResponseStore:
    """Kept answers in the data directory `folder`, in a file that only its owner may read; without a
    folder, in this process. Nothing is opened, and nothing can fail, before the first use.
    """
    return MemoryResponses() if folder is None else _DeferredResponses(folder)


class _DeferredResponses:
    """See `ResponseStore`. The database and what it needs are loaded at the first use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._store: ResponseStore | None = None
        self._loading = asyncio.Lock()
        self._closed = False

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
        if self._store is None and not await asyncio.to_thread((self._folder / FILE).exists):
            return 0
        return await (await self._loaded()).prune(now)

    async def close(self) -> None:
        """See `ResponseStore.close`."""
        self._closed = True
        async with self._loading:
            if self._store is not None:
                await self._store.close()

    async def _loaded(self) -> ResponseStore:
        if self._store is None:
            async with self._loading:
                if self._closed:
                    raise StoreError("The database is closed.")
                if self._store is None:
                    # in a thread: loading takes long enough for other requests to notice
                    self._store = await asyncio.to_thread(_load, self._folder)
        return self._store


def _load(folder: Path) -> ResponseStore:
    from dragoman.store.database_responses import DatabaseResponses  # noqa: PLC0415 - slow to import
    from dragoman.store.engine import Database  # noqa: PLC0415 - slow to import

    return DatabaseResponses(Database(folder / FILE))
