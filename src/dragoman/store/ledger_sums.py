"""Charts and totals of the ledger, out of the sums that are kept as rows arrive."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, and_, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.store.ledger_filters import FilterError
from dragoman.store.ledger_findings import By, Chart, Order, Point, Series, Share, Span, Sums
from dragoman.store.ledger_holders import names_of
from dragoman.store.ledger_zones import DAY, HOUR
from dragoman.store.tables import ROLLUPS

MOST_POINTS = {"hour": 62 * 24, "day": 3_700}
"""The longest charts."""

_C = ROLLUPS.c
_COLUMNS: dict[By, Column[Any]] = {
    "key": _C.key_id,
    "team": _C.team_id,
    "route": _C.route,
    "target": _C.target,
}
# Postgres would add up whole numbers to decimal ones
_SUMS = tuple(cast(func.coalesce(func.sum(_C[name]), 0), _C[name].type) for name in Sums.__struct_fields__)
_SECONDS: dict[Span, int] = {"hour": HOUR, "day": DAY}

_Conditions = Sequence[ColumnElement[bool]]


async def read_chart(
    connection: AsyncConnection, scope: _Conditions, begins: float, ends: float, span: Span, by: By | None
) -> Chart:
    """See `LedgerSearch.chart`."""
    seconds = _SECONDS[span]
    first, last = _bounds(begins, ends, seconds)
    if (last - first) // seconds > MOST_POINTS[span]:
        raise FilterError("ends", f"a chart by {span} has at most {MOST_POINTS[span]} of them")
    column = () if by is None else (_COLUMNS[by],)
    found = await connection.execute(
        select(_C.begins, *_SUMS, *column)
        .where(_C.span == seconds // HOUR, _C.begins >= first, _C.begins < last, *scope)
        .group_by(_C.begins, *column)
        .order_by(_C.begins)
    )
    points: dict[str, list[Point]] = {}
    costs: dict[str, int] = {}
    for moment, *values in found:
        line = "" if by is None else values.pop()
        sums = Sums(*values)
        points.setdefault(line, []).append(Point(moment, sums))
        costs[line] = costs.get(line, 0) + sums.cost
    names = await names_of(connection, by, points)
    lines = sorted(points, key=lambda line: (-costs[line], line))
    return Chart(
        span, first, last, tuple(Series(line, names.get(line, line), tuple(points[line])) for line in lines)
    )


async def read_summary(connection: AsyncConnection, scope: _Conditions, begins: float, ends: float) -> Sums:
    """See `LedgerSearch.summary`."""
    total = Sums()
    for part in _parts(begins, ends):
        found = await connection.execute(select(*_SUMS).where(part, *scope))
        total = total.plus(Sums(*found.one()))
    return total


async def read_top(
    connection: AsyncConnection,
    scope: _Conditions,
    begins: float,
    ends: float,
    by: By,
    count: int,
    order: Order,
) -> tuple[Share, ...]:
    """See `LedgerSearch.top`."""
    column = _COLUMNS[by]
    shares: dict[str, Sums] = {}
    for part in _parts(begins, ends):
        found = await connection.execute(select(*_SUMS, column).where(part, *scope).group_by(column))
        for *values, line in found:
            shares[line] = shares.get(line, Sums()).plus(Sums(*values))
    lines = sorted(shares, key=lambda line: (-shares[line].measure(order), line))[:count]
    names = await names_of(connection, by, lines)
    return tuple(Share(line, names.get(line, line), shares[line]) for line in lines)


def _parts(begins: float, ends: float) -> list[ColumnElement[bool]]:
    """The sums of a time: of its whole days, and of the hours before and after these."""
    first, last = _bounds(begins, ends, HOUR)
    first_day, last_day = -(-first // DAY) * DAY, last // DAY * DAY
    if first_day >= last_day:
        return [_part(1, first, last)]
    parts = [(1, first, first_day), (24, first_day, last_day), (1, last_day, last)]
    return [_part(*part) for part in parts if part[1] < part[2]]


def _part(span: int, first: int, last: int) -> ColumnElement[bool]:
    return and_(_C.span == span, _C.begins >= first, _C.begins < last)


def _bounds(begins: float, ends: float, seconds: int) -> tuple[int, int]:
    """The beginning of the first span and the end of the last one."""
    if not 0 <= begins <= 1e12:
        raise FilterError("begins", "this is no moment in Unix seconds")
    if not begins < ends <= 1e12:
        raise FilterError("ends", "this has to be later than `begins`")
    return int(begins // seconds) * seconds, -int(-ends // seconds) * seconds
