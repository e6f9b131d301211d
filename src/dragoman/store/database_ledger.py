"""The ledger in the database, as it is written."""

import asyncio
import contextlib
from collections.abc import Collection, Generator, Mapping, Sequence

import msgspec
from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.store.bulk_insert import BulkInsert
from dragoman.store.database_leases import charge
from dragoman.store.engine import Database
from dragoman.store.entry import Entry
from dragoman.store.ledger import UnfitEntriesError
from dragoman.store.ledger_rows import (
    ATTEMPT,
    BODY,
    REQUEST,
    ROLLUP,
    Batch,
    CountedRow,
    Row,
    Taken,
    fitting_names,
)
from dragoman.store.tables import ATTEMPTS, BODIES, JOURNALS, REQUESTS, ROLLUPS

_SLICE = 200
"""Entries that are dealt with at once: the event loop serves others in between."""

_KEY = [column.name for column in ROLLUPS.primary_key]

_KNOWN = (
    select(*(REQUESTS.c[column] for column in CountedRow.__struct_fields__))
    .where(REQUESTS.c.request_id.in_(bindparam("ids", expanding=True)))
    .order_by(REQUESTS.c.request_id)
    .with_for_update()
)
_BODIES = insert(BODIES)
_REMOVE = [
    delete(table).where(table.c.request_id == bindparam("its_id")) for table in (REQUESTS, ATTEMPTS, BODIES)
]
_EMPTY = delete(ROLLUPS).where(
    ROLLUPS.c.requests == 0, *(ROLLUPS.c[column] == bindparam(f"its_{column}") for column in _KEY)
)
_POSITION = select(JOURNALS.c.position).where(JOURNALS.c.name == bindparam("its_name"))
_FORGET = delete(JOURNALS).where(JOURNALS.c.name == bindparam("its_name"))


class DatabaseLedger:
    """See `LedgerStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._requests = BulkInsert(REQUESTS, REQUEST, database.dialect)
        self._attempts = BulkInsert(ATTEMPTS, ATTEMPT, database.dialect)
        upsert = postgresql.insert if database.dialect == "postgresql" else sqlite.insert
        rollups = upsert(ROLLUPS)
        self._sum_up = rollups.on_conflict_do_update(
            index_elements=_KEY,
            set_={
                column: ROLLUPS.c[column] + rollups.excluded[column]
                for column in ROLLUP
                if column not in _KEY
            },
        )
        journals = upsert(JOURNALS)
        self._move_on = journals.on_conflict_do_update(
            index_elements=["name"],
            set_={column: journals.excluded[column] for column in ("position", "updated")},
        )

    async def position(self, journal: str) -> int:
        """See `LedgerStore.position`."""

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(_POSITION, {"its_name": journal})).scalar_one_or_none() or 0

        return await self._database.run(work)

    async def add(self, journal: str, position: int, entries: Sequence[Entry], now: float) -> int:
        """See `LedgerStore.add`."""
        latest: dict[str, Taken] = {}
        ids = fitting_names([entry.request_id for entry in entries])
        for request_id, entry in zip(ids, entries, strict=True):
            there = latest.get(request_id)
            if there is None:
                latest[request_id] = Taken(request_id, entry, entry)
            elif there.entry.revision < entry.revision:
                latest[request_id] = there._replace(entry=entry)
        read = {"name": journal, "position": position, "updated": now}
        with _fitting():
            everything = await _batch(list(latest.values()), {})

        async def work(connection: AsyncConnection, ids: Collection[str]) -> int:
            with _fitting():
                batch = everything
                if ids and (known := await _known(connection, ids)):
                    batch = await _batch(list(latest.values()), known)
                await self._write(connection, batch, now)
                await connection.execute(self._move_on, read)
            return len(batch.requests[0])

        # hardly any is there already, unless it is said to be a later revision: the database tells
        later = [request_id for request_id, taken in latest.items() if taken.first.revision]
        try:
            return await self._database.run(lambda connection: work(connection, later), writes=True)
        except UnfitEntriesError:
            return await self._database.run(lambda connection: work(connection, latest), writes=True)

    async def forget(self, journals: Sequence[str]) -> None:
        """See `LedgerStore.forget`."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(_FORGET, [{"its_name": journal} for journal in journals])

        if journals:
            await self._database.run(work, writes=True)

    async def _write(self, connection: AsyncConnection, batch: Batch, now: float) -> None:
        if batch.replaced:
            gone = [{"its_id": request_id} for request_id in batch.replaced]
            for removal in _REMOVE:
                await connection.execute(removal, gone)
        await self._requests.run(connection, batch.requests)
        await self._attempts.run(connection, batch.attempts)
        if batch.bodies:
            await connection.execute(_BODIES, _named(BODY, batch.bodies))
        # last comes what others wait for: these rows are locked until the transaction ends
        if sums := _named(ROLLUP, batch.rollups):
            await connection.execute(self._sum_up, sums)
            if batch.replaced:
                await connection.execute(
                    _EMPTY, [{f"its_{part}": row[part] for part in _KEY} for row in sums]
                )
        if batch.charges:
            await charge(connection, batch.charges, now)


@contextlib.contextmanager
def _fitting() -> Generator[None]:
    try:
        yield
    except (DataError, IntegrityError, OverflowError, ValueError) as error:
        raise UnfitEntriesError(type(error).__name__) from None


async def _known(connection: AsyncConnection, ids: Collection[str]) -> dict[str, CountedRow]:
    """What there is of these requests."""
    found = await connection.execute(_KNOWN, {"ids": list(ids)})
    rows = msgspec.convert(found.mappings().all(), list[CountedRow])
    return {row.request_id: row for row in rows}


async def _batch(entries: Sequence[Taken], known: Mapping[str, CountedRow]) -> Batch:
    """What is written for these requests, where these rows are there."""
    batch = Batch()
    for start in range(0, len(entries), _SLICE):
        if start:
            await asyncio.sleep(0)
        batch.add(_still_to_write(entries[start : start + _SLICE], known))
    return batch


def _still_to_write(entries: Sequence[Taken], known: Mapping[str, CountedRow]) -> Sequence[Taken]:
    if not known:
        return entries
    found = [(taken, known.get(taken.request_id)) for taken in entries]
    return [
        taken._replace(earlier=earlier)
        for taken, earlier in found
        if earlier is None or earlier.revision < taken.entry.revision
    ]


def _named(columns: Sequence[str], rows: Sequence[Row]) -> list[dict[str, object]]:
    return [dict(zip(columns, row, strict=True)) for row in rows]
