"""Where wanted requests are in time, as far as sums tell: hours without any need not be looked at."""

import math
from collections.abc import AsyncGenerator
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.store.ledger_filters import Position, Wanted
from dragoman.store.tables import ROLLUPS

HOUR = 3600
DAY = 24 * HOUR

FEW_KEYS = 16
"""Keys whose rows are looked up one key after the other, rather than all rows of an hour."""

_DAYS = 7
"""Days that are looked at in one step; four times as many in each later one."""

_C = ROLLUPS.c
_FIRST = select(func.min(_C.begins)).where(_C.span == 24)
_LAST = select(func.max(_C.begins)).where(_C.span == 24)


class Zone(NamedTuple):
    """A time in which there may be wanted requests: from `begins` on, before `ends`."""

    begins: float
    ends: float
    keys: frozenset[str] | None = None
    """The ids of the keys that they are of, if these are few; else None."""


async def find_zones(
    connection: AsyncConnection, wanted: Wanted, position: Position, since: float
) -> AsyncGenerator[Zone]:
    """The times in which wanted requests may be that come after a place, the newest first."""
    if not wanted.sums:
        yield Zone(since, math.inf)
        return
    first = (await connection.execute(_FIRST)).scalar_one()
    last = (await connection.execute(_LAST)).scalar_one()
    if first is None or last is None:
        return
    first = max(first, int(max(since, 0) // DAY) * DAY)
    ends = min(last, int(min(position.began, 1e12) // DAY) * DAY) + DAY
    days = _DAYS
    while ends > first:
        begins = max(first, ends - days * DAY)
        found = await connection.execute(
            select(_C.begins, _C.key_id)
            .where(_C.span == 24, _C.begins >= begins, _C.begins < ends, *wanted.sums)
            .distinct()
        )
        by_day: dict[int, set[str]] = {}
        for day, key in found:
            by_day.setdefault(day, set()).add(key)
        for day in sorted(by_day, reverse=True):
            async for zone in _hours(connection, wanted, position, day, by_day[day]):
                yield zone
        ends, days = begins, days * 4


async def _hours(
    connection: AsyncConnection, wanted: Wanted, position: Position, day: int, keys: set[str]
) -> AsyncGenerator[Zone]:
    """The hours of a day in which there are requests of these keys. Several that follow on each other and are
    of the same keys, or each of many, are one zone.
    """
    if len(keys) <= FEW_KEYS:
        # each hour's sums of each key, rather than all sums of the day
        hours = [begins for begins in range(day, day + DAY, HOUR) if begins <= position.began]
        where = (_C.begins.in_(hours), _C.key_id.in_(sorted(keys)))
    else:
        where = (_C.begins >= day, _C.begins < day + DAY, _C.begins <= position.began)
    found = await connection.execute(
        select(_C.begins, _C.key_id).where(_C.span == 1, *where, *wanted.sums).distinct()
    )
    by_hour: dict[int, set[str]] = {}
    for begins, key in found:
        by_hour.setdefault(begins, set()).add(key)
    begins = ends = day + DAY
    known: set[str] = set()
    for hour in sorted(by_hour, reverse=True):
        alike = known == by_hour[hour] or min(len(known), len(by_hour[hour])) > FEW_KEYS
        if not (known and alike and hour + HOUR == begins):
            if known:
                yield _zone(begins, ends, known)
            ends = hour + HOUR
        begins, known = hour, by_hour[hour]
    if known:
        yield _zone(begins, ends, known)


def _zone(begins: int, ends: int, keys: set[str]) -> Zone:
    return Zone(begins, ends, frozenset(keys) if len(keys) <= FEW_KEYS else None)
