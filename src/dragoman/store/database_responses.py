"""Kept answers in the database."""

import msgspec
from sqlalchemy import bindparam, delete, insert, select, tuple_

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
        async with self._database.transaction() as connection:
            await connection.execute(_DELETE, {"its_id": response.id, "its_key": response.key})
            await connection.execute(_INSERT, msgspec.structs.asdict(response))

    async def get(self, response_id: str, key: str, now: float) -> KeptResponse | None:
        """See `ResponseStore.get`."""
        async with self._database.transaction() as connection:
            found = await connection.execute(_SELECT, {"its_id": response_id, "its_key": key, "now": now})
            row = found.mappings().one_or_none()
        return None if row is None else msgspec.convert(row, KeptResponse)

    async def delete(self, response_id: str, key: str) -> bool:
        """See `ResponseStore.delete`."""
        async with self._database.transaction() as connection:
            return (await connection.execute(_DELETE, {"its_id": response_id, "its_key": key})).rowcount > 0

    async def prune(self, now: float) -> int:
        """See `ResponseStore.prune`."""
        pruned = 0
        while True:
            async with self._database.transaction() as connection:
                gone = (await connection.execute(_PRUNE, {"now": now})).rowcount
            pruned += gone
            if gone < _BATCH:
                return pruned

    async def close(self) -> None:
        """See `ResponseStore.close`."""
        await self._database.close()
