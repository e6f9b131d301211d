"""Looking for requests, the newest first, without reading the whole ledger.

Three ways, in this order:

1. Something that is wanted is rare, and an index has it: its few rows are all looked at.
2. The sums of hours and days say where wanted rows are: only those hours are looked at, and where few keys
   are concerned, only the rows of these.
3. What is left is common, or unknown to any index: rows are looked at from the newest on, in slices, until
   the page is full or the patience is over. The next page goes on from there.

No statement reads more than a slice or the few rows of the first way, whatever the database makes of it:
indexes are offered one at a time.
"""

import contextlib
import math
import time
from typing import NamedTuple

from sqlalchemy import ColumnElement, RowMapping, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.store.ledger_filters import MOST_FOUND, Path, Position, Wanted, after, after_plain
from dragoman.store.ledger_zones import Zone, find_zones
from dragoman.store.tables import REQUESTS

_C = REQUESTS.c
FIRST_SLICE, LARGEST_SLICE = 500, 8_000
"""Rows that are looked at in one step: as many as take some milliseconds, and more and more of them."""
_QUICK = 0.05
"""Seconds that a step takes at most, if the next is to be larger; else it is smaller."""
_ALL = Path(())
_NO_WHOLE_TABLE = select(func.set_config("enable_seqscan", "off", True))
"""Postgres is not to read all of a table, whatever it thinks of the alternatives; in this transaction."""
_OLDEST = select(func.min(_C.began))
_PLAIN_BEGAN = func.coalesce(_C.began, _C.began)
_NEWEST = (_PLAIN_BEGAN.desc(), _C.id.desc())
SORTED_SLICE = 500
"""The same at first, where they have to be put in order."""
_MOST_NUMBERS = 2_000
"""Numbers of rows in a statement."""
_NO_LIMIT = 2**31 - 1
"""With a limit, whatever it is, a part of a question is answered by itself."""


class Walked(NamedTuple):
    """What was found, and down to where rows were looked at; None where that is to the end, or to the last
    one that was wanted.
    """

    rows: list[RowMapping]
    stopped: Position | None = None


class Walk:
    """One search. `since` is when the oldest rows began, `most` how many are wanted, `end` when patience is
    over, on the clock of `time.monotonic`.
    """

    def __init__(
        self, connection: AsyncConnection, wanted: Wanted, since: float, most: int, end: float
    ) -> None:
        self._connection = connection
        self._wanted = wanted
        self._since = since
        self._most = most
        self._end = end
        self._rows: list[RowMapping] = []
        self._slice = FIRST_SLICE
        # without statistics SQLite chooses an index by chance, but for the one that has all that is asked for
        self._uninformed = connection.dialect.name == "sqlite"

    async def after(self, start: Position) -> Walked:
        """The first wanted rows after a place."""
        wanted = self._wanted
        if not self._uninformed:
            await self._connection.execute(_NO_WHOLE_TABLE)
        path = next((path for path in wanted.paths if path.most is None), _ALL)
        # most of what people ask for is among the newest
        position = await self._step(path, start, self._since)
        if position is None or self._full:
            return Walked(self._rows)
        if wanted.paths:
            rare, path = await self._choose(path, position)
            if rare:
                left = await self._read_all(path, position)
                return Walked(self._rows, None if self._full else left)
        oldest = (await self._connection.execute(_OLDEST)).scalar_one()
        since = self._since if oldest is None else max(self._since, oldest)
        async with contextlib.aclosing(find_zones(self._connection, wanted, position, since)) as zones:
            async for zone in zones:
                left = await self._through(zone, path, position, since)
                if self._full:
                    break
                if left is not None:
                    return Walked(self._rows, left)
        return Walked(self._rows)

    @property
    def _full(self) -> bool:
        return len(self._rows) >= self._most

    async def _choose(self, path: Path, position: Position) -> tuple[bool, Path]:
        """The index to follow from a place on, and whether what it has there is rare: one of which no more
        than `MOST_FOUND` rows are left, else the one whose next rows reach back furthest.
        """
        reach = math.inf
        for other in self._wanted.paths:
            if other.most is not None:
                few = select(literal(1)).where(*other.conditions).limit(other.most + 1).subquery()
                count = await self._connection.execute(select(func.count()).select_from(few))
                if count.scalar_one() <= other.most:
                    return True, other
                continue
            began = await self._began(other, position, self._since, MOST_FOUND)
            if began is None:
                return True, other
            if began < reach:
                reach, path = began, other
        return False, path

    async def _through(self, zone: Zone, path: Path, position: Position, since: float) -> Position | None:
        """Look at the rows of a zone. Where patience ends, what is left of it begins after the place that is
        given back.
        """
        if zone.keys is not None:
            path = Path((_C.key_id.in_(sorted(zone.keys)),))
        place: Position | None = min(position, Position(zone.ends, 0))
        while place is not None and not self._full:
            if time.monotonic() > self._end:
                return place
            place = await self._step(path, place, max(since, zone.begins))
        return None

    async def _step(self, path: Path, position: Position, since: float) -> Position | None:
        """Look at the next slice; the place after it, or None where there is nothing more."""
        start = time.monotonic()
        began = await self._began(path, position, since, self._slice - 1)
        await self._fetch(*self._rows_of(path, position, since if began is None else began))
        # rows that are on the disk take a hundred times as long as those in memory
        quick = time.monotonic() - start < _QUICK
        self._slice = min(2 * self._slice, LARGEST_SLICE) if quick else max(self._slice // 2, FIRST_SLICE)
        # all rows that began at that very moment were in the slice
        return None if began is None else Position(began, 0)

    async def _began(self, path: Path, position: Position, since: float, skipped: int) -> float | None:
        """When the row began that comes after a place and so many others, without reading any row."""
        found = await self._connection.execute(
            select(_C.began)
            .where(*path.conditions, after(position), _C.began >= since)
            .order_by(_C.began.desc())
            .offset(skipped)
            .limit(1)
        )
        return found.scalar_one_or_none()

    async def _read_all(self, path: Path, position: Position) -> Position | None:
        """Look at all rows that an index has after a place. Where patience ends, what is left comes after the
        place that is given back.
        """
        if path.most is None:
            return await self._through(Zone(self._since, math.inf), path, position, self._since)
        many = SORTED_SLICE
        while not self._full:
            if time.monotonic() > self._end:
                return position
            found = await self._connection.execute(
                select(_C.began, _C.id)
                .where(*path.conditions, after_plain(position), self._since <= _PLAIN_BEGAN)
                .order_by(*_NEWEST)
                .limit(many)
            )
            places = [Position(*row) for row in found]
            if not places:
                return None
            position = places[-1]
            await self._fetch(_C.id.in_([place.number for place in places]))
            if len(places) < many:
                return None
            many = min(2 * many, _MOST_NUMBERS)
        return None

    def _rows_of(self, path: Path, position: Position, since: float) -> tuple[ColumnElement[bool], ...]:
        """The rows that an index has after a place and down to a time."""
        conditions = (*path.conditions, after(position), _C.began >= since)
        if not (path.alone or self._uninformed):
            return conditions
        few = select(_C.id).where(*conditions).limit(_NO_LIMIT).subquery()
        return (_C.id.in_(select(few.c.id)),)

    async def _fetch(self, *conditions: ColumnElement[bool]) -> None:
        """Read those of some rows that are wanted."""
        found = await self._connection.execute(
            select(REQUESTS)
            .where(*conditions, *self._wanted.rows)
            .order_by(*_NEWEST)
            .limit(self._most - len(self._rows))
        )
        self._rows += found.mappings()
