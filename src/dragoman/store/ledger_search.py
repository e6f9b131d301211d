"""Reading the ledger: pages of requests, all of one request, charts and totals.

No question holds up the gateway: a search gives what it has found when its patience is over, anything else is
stopped after some seconds, and of many questions at once only two are asked at a time.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.store.engine import Database
from dragoman.store.ledger_filters import (
    FilterError,
    Filters,
    Position,
    Scope,
    build_wanted,
    parse_position,
    render_position,
    scope_conditions,
)
from dragoman.store.ledger_findings import (
    Body,
    BodyInfo,
    By,
    Chart,
    Order,
    Page,
    RequestDetail,
    Share,
    Span,
    Sums,
    read_attempt,
    read_request,
)
from dragoman.store.ledger_holders import find_holders
from dragoman.store.ledger_rows import name
from dragoman.store.ledger_sums import read_chart, read_summary, read_top
from dragoman.store.ledger_walk import Walk
from dragoman.store.tables import ATTEMPTS, BODIES, REQUESTS
from dragoman.store.time_limit import time_limit

T = TypeVar("T")

PATIENCE = 0.6
"""Seconds after which a search gives what it has found."""

LIMIT = 5.0
"""Seconds after which a question is stopped."""

MOST_ROWS = 500
"""The largest page."""

_AT_ONCE = 2
"""Questions that are asked at a time: the writers of the ledger need connections too."""


class LedgerSearch:
    """The ledger of a database. Every method raises `StoreError` when the store cannot be used,
    `SearchLimitError`, which is one, for what cannot be found in time, and `FilterError` for what makes no
    sense.
    """

    def __init__(self, database: Database, *, patience: float = PATIENCE, limit: float = LIMIT) -> None:
        self._database = database
        self._patience = patience
        self._limit = limit
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def page(self, filters: Filters, before: str | None = None, count: int = 50) -> Page:
        """Up to `count` requests, the newest first: from the newest on, or from where another page's `next`
        says.
        """
        if not 1 <= count <= MOST_ROWS:
            raise FilterError("count", f"this has to be from 1 to {MOST_ROWS}")
        since = filters.begins or 0.0
        ends = math.inf if filters.ends is None else filters.ends
        if not since < ends:
            raise FilterError("ends", "this has to be later than `begins`")
        start = Position(ends, 0)
        if before is not None:
            start = min(start, parse_position(before))

        async def work(connection: AsyncConnection) -> Page:
            end = time.monotonic() + self._patience
            wanted = build_wanted(filters, await find_holders(connection, filters))
            found = await Walk(connection, wanted, since, count + 1, end).after(start)
            rows = tuple(read_request(row) for row in found.rows[:count])
            if len(found.rows) > count:
                last = found.rows[count - 1]
                return Page(rows, render_position(Position(last["began"], last["id"])))
            if found.stopped is not None:
                return Page(rows, render_position(found.stopped), found.stopped.began)
            return Page(rows)

        return await self._ask(work)

    async def entry(self, request_id: str) -> RequestDetail | None:
        """One request with its attempts, the cost of each line by line, and what is kept of bodies."""

        async def work(connection: AsyncConnection) -> RequestDetail | None:
            its = name(request_id)
            found = await connection.execute(select(REQUESTS).where(REQUESTS.c.request_id == its))
            row = found.mappings().one_or_none()
            if row is None:
                return None
            attempts = await connection.execute(
                select(ATTEMPTS).where(ATTEMPTS.c.request_id == its).order_by(ATTEMPTS.c.number)
            )
            bodies = await connection.execute(
                select(
                    BODIES.c.kind,
                    BODIES.c.media_type,
                    func.length(BODIES.c.content),
                    BODIES.c.truncated,
                )
                .where(BODIES.c.request_id == its)
                .order_by(BODIES.c.kind.desc())
            )
            return RequestDetail(
                read_request(row),
                tuple(read_attempt(attempt) for attempt in attempts.mappings()),
                tuple(BodyInfo(kind, media, size, cut) for kind, media, size, cut in bodies),
            )

        return await self._ask(work)

    async def body(self, request_id: str, kind: str) -> Body | None:
        """What is kept of a body; None where nothing is."""

        async def work(connection: AsyncConnection) -> Body | None:
            found = await connection.execute(
                select(BODIES.c.kind, BODIES.c.media_type, BODIES.c.content, BODIES.c.truncated).where(
                    BODIES.c.request_id == name(request_id), BODIES.c.kind == name(kind)
                )
            )
            row = found.one_or_none()
            return None if row is None else Body(*row)

        return await self._ask(work)

    async def chart(
        self, scope: Scope, begins: float, ends: float, span: Span, by: By | None = None
    ) -> Chart:
        """Sums of the hours or days, in UTC, from the one in which `begins` is to the one in which `ends` is,
        in one line, or in one for each key, team, route or target.
        """

        async def work(connection: AsyncConnection) -> Chart:
            conditions = scope_conditions(scope, await find_holders(connection, scope))
            return await read_chart(connection, conditions, begins, ends, span, by)

        return await self._ask(work)

    async def summary(self, scope: Scope, begins: float, ends: float) -> Sums:
        """The sums of a time, of whole hours."""

        async def work(connection: AsyncConnection) -> Sums:
            conditions = scope_conditions(scope, await find_holders(connection, scope))
            return await read_summary(connection, conditions, begins, ends)

        return await self._ask(work)

    async def top(
        self, scope: Scope, begins: float, ends: float, by: By, count: int = 10, order: Order = "cost"
    ) -> tuple[Share, ...]:
        """The keys, teams, routes or targets that have most of a time's sums, of whole hours."""

        async def work(connection: AsyncConnection) -> tuple[Share, ...]:
            conditions = scope_conditions(scope, await find_holders(connection, scope))
            return await read_top(connection, conditions, begins, ends, by, count, order)

        return await self._ask(work)

    async def _ask(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        async def limited(connection: AsyncConnection) -> T:
            async with time_limit(connection, self._limit):
                return await work(connection)

        async with self._turn:
            return await self._database.run(limited)
