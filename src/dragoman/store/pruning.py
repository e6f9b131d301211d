"""Forgetting what is old: in small steps, between which others can write."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
from sqlalchemy import ColumnElement, Table, bindparam, delete, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.config.bookkeeping import Ledger
from dragoman.store.engine import Database
from dragoman.store.tables import ATTEMPTS, BODIES, LEASES, REQUESTS, RESPONSES

_DAY = 86_400.0
_ROWS = 200
"""Requests that are forgotten in one transaction: while it runs, nobody else can write to SQLite."""

_BODIES = 20
"""The same for bodies and kept answers, which may be large."""

_PAUSE = 0.01
"""Seconds between two transactions."""

_OLD = select(REQUESTS.c.request_id).where(REQUESTS.c.began < bindparam("before"))
_SOME = _OLD.order_by(REQUESTS.c.began).limit(_ROWS)
_OF_REQUESTS = {
    table: delete(table).where(table.c.request_id.in_(bindparam("ids", expanding=True)))
    for table in (ATTEMPTS, BODIES, REQUESTS)
}


class Limits(msgspec.Struct, frozen=True):
    """Before which moments things are forgotten, in Unix seconds; None for never. A body goes at the latest
    with its request.
    """

    now: float
    """Kept answers and leases go when their own time is over."""
    requests: float | None = None
    bodies: float | None = None


class Pruned(msgspec.Struct, frozen=True):
    """How much was forgotten, or would be."""

    requests: int = 0
    attempts: int = 0
    bodies: int = 0
    responses: int = 0
    leases: int = 0


def limits_of(settings: Ledger, now: float) -> Limits:
    """What the configuration lets go of, at a time in Unix seconds."""

    def since(days: float) -> float | None:
        return now - days * _DAY if days else None

    return Limits(now, since(settings.retention), since(settings.bodies_retention))


async def prune(database: Database, limits: Limits) -> Pruned:
    """Forget what is older than the limits. Sums for charts stay, and what accounts have spent.

    It can be broken off at any time, and several may be at it at once. Raises `StoreError`.
    """
    requests = attempts = bodies = 0
    if limits.requests is not None:
        before = limits.requests
        async for counts in _steps(database, lambda connection: _forget_requests(connection, before)):
            requests, attempts, bodies = (requests + counts[0], attempts + counts[1], bodies + counts[2])
    if limits.bodies is not None:
        bodies += await _forget(database, BODIES, BODIES.c.began < limits.bodies)
    responses = await _forget(database, RESPONSES, RESPONSES.c.expires <= limits.now)
    leases = await _forget(database, LEASES, LEASES.c.expires <= limits.now)
    return Pruned(requests, attempts, bodies, responses, leases)


async def prunable(database: Database, limits: Limits) -> Pruned:
    """What `prune` would forget. Raises `StoreError`."""

    async def work(connection: AsyncConnection) -> Pruned:
        async def count(table: Table, condition: ColumnElement[bool]) -> int:
            return (
                await connection.execute(select(func.count()).select_from(table).where(condition))
            ).scalar_one()

        requests = attempts = 0
        old = BODIES.c.began < (limits.bodies or 0.0)
        if limits.requests is not None:
            of_old = _OLD.params(before=limits.requests)
            requests = await count(REQUESTS, REQUESTS.c.began < limits.requests)
            attempts = await count(ATTEMPTS, ATTEMPTS.c.request_id.in_(of_old))
            old |= BODIES.c.request_id.in_(of_old)
        bodies = await count(BODIES, old)
        responses = await count(RESPONSES, RESPONSES.c.expires <= limits.now)
        leases = await count(LEASES, LEASES.c.expires <= limits.now)
        return Pruned(requests, attempts, bodies, responses, leases)

    return await database.run(work, limit=None)


async def _steps(
    database: Database, work: Callable[[AsyncConnection], Awaitable[tuple[int, ...]]]
) -> AsyncIterator[tuple[int, ...]]:
    """What each step forgets, until one finds nothing."""
    while True:
        counts = await database.run(work, writes=True)
        if not counts[0]:
            return
        yield counts
        await asyncio.sleep(_PAUSE)


async def _forget_requests(connection: AsyncConnection, before: float) -> tuple[int, int, int]:
    ids = (await connection.execute(_SOME, {"before": before})).scalars().all()
    gone = [
        (await connection.execute(_OF_REQUESTS[table], {"ids": ids})).rowcount if ids else 0
        for table in (ATTEMPTS, BODIES, REQUESTS)
    ]
    return len(ids), gone[0], gone[1]


async def _forget(database: Database, table: Table, old: ColumnElement[bool]) -> int:
    key = tuple_(*table.primary_key.columns)
    some = delete(table).where(key.in_(select(*table.primary_key.columns).where(old).limit(_BODIES)))

    async def work(connection: AsyncConnection) -> tuple[int]:
        return ((await connection.execute(some)).rowcount,)

    return sum([counts[0] async for counts in _steps(database, work)])
