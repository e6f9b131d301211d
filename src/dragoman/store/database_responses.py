"""Kept answers in the database."""

import msgspec
from sqlalchemy import bindparam, delete, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.store.engine import Database
from dragoman.store.responses import KeptResponse
from dragoman.store.tables import RESPONSES

_BATCH = 200
"""Rows that are forgotten in one transaction: while it runs, nobody else can write."""

_ITS = (RESPONSES.c.id == bindparam("its_id")) & (RESPONSES.c.key == bindparam("its_key"))
_INSERT = insert(RESPONSES)
_DELETE = delete(RESPONSES).where(_ITS)
_SELECT = select(RESPONSES).where(_ITS, RESPONSES.c.expires > bindparam("now"))
_PRUNE = delete(RESPONSES).where(
    tuple_(RESPONSES.c.id, RESPONSES.c.key).in_(
        select(RESPONSES.c.id, RESPONSES.c.key).where(RESPONSES.c.expires <= bindparam("now")).limit(_BATCH)
    )
)


class DatabaseResponses:
    """See `ResponseStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, response: KeptResponse, /) -> None:
        """See `ResponseStore.put`."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(_DELETE, {"its_id": response.id, "its_key": response.key})
            await connection.execute(_INSERT, msgspec.structs.asdict(response))

        await self._database.run(work, writes=True)

    async def get(self, response_id: str, key: str, now: float) -> KeptResponse | None:
        """See `ResponseStore.get`."""

        async def work(connection: AsyncConnection) -> KeptResponse | None:
            found = await connection.execute(_SELECT, {"its_id": response_id, "its_key": key, "now": now})
            row = found.mappings().one_or_none()
            return None if row is None else msgspec.convert(row, KeptResponse)

        return await self._database.run(work)

    async def delete(self, response_id: str, key: str) -> bool:
        """See `ResponseStore.delete`."""

        async def work(connection: AsyncConnection) -> bool:
            return (await connection.execute(_DELETE, {"its_id": response_id, "its_key": key})).rowcount > 0

        return await self._database.run(work, writes=True)

    async def prune(self, now: float) -> int:
        """See `ResponseStore.prune`."""

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(_PRUNE, {"now": now})).rowcount

        pruned = 0
        while True:
            gone = await self._database.run(work, writes=True)
            pruned += gone
            if gone < _BATCH:
                return pruned

    async def close(self) -> None:
        """See `ResponseStore.close`."""
        await self._database.close()
