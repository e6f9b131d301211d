"""Costs in the ledger, put right afterwards: in rows, in sums and in what accounts have spent, at once."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import RowMapping, Select, bindparam, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.store.database_leases import charge
from dragoman.store.engine import Database
from dragoman.store.entry import Charge, CostRow, UsageCounts
from dragoman.store.ledger_filters import Position
from dragoman.store.ledger_findings import read_lines, read_usage
from dragoman.store.tables import ATTEMPTS, REQUESTS, ROLLUPS

_HOUR, _DAY = 3600, 86_400

_C = REQUESTS.c
_A = ATTEMPTS.c
_PLACE = ("key_id", "team_id", "route", "target")
_KEY = ("span", "begins", *_PLACE)

_SET_ATTEMPT = (
    update(ATTEMPTS)
    .where(_A.id == bindparam("its_id"))
    .values(
        {name: bindparam(f"new_{name}") for name in ("cost", "unpriced", "cost_rows", "price_source")},
    )
)
_SET_REQUEST = (
    update(REQUESTS)
    .where(_C.id == bindparam("its_id"))
    .values({name: bindparam(f"new_{name}") for name in ("cost", "unpriced", "charges")})
)
_ADD_SUMS = (
    update(ROLLUPS)
    .where(*(ROLLUPS.c[name] == bindparam(f"its_{name}") for name in _KEY))
    .values(
        cost=ROLLUPS.c.cost + bindparam("more_cost"), unpriced=ROLLUPS.c.unpriced + bindparam("more_unpriced")
    )
)

_read_charges = msgspec.json.Decoder(tuple[Charge, ...]).decode
_encode = msgspec.json.Encoder().encode


class AttemptCost(msgspec.Struct, frozen=True):
    """What one attempt has cost, as the ledger has it. Money is in nano-dollars."""

    target: str
    """`provider/model`."""
    usage: UsageCounts
    cost: int | None
    rows: tuple[CostRow, ...]
    source: str
    unpriced: bool


class Corrected(msgspec.Struct):
    """What became of some requests. Costs are of all of them together, in nano-dollars."""

    requests: int = 0
    changed: int = 0
    """How many of them cost something else now."""
    attempts: int = 0
    """How many of their attempts do."""
    before: int = 0
    after: int = 0
    unpriced: int = 0
    """How many have used something that still has no price."""

    def add(self, other: "Corrected") -> None:
        """Count others in."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


Correct = Callable[[AttemptCost], AttemptCost]
"""What an attempt costs rightly; the same again where it does."""


class _Stored(NamedTuple):
    """A row of an attempt, and what it says."""

    number: int
    cost: AttemptCost


class DatabaseCosts:
    """The costs in a database's ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def correct(
        self,
        after: Position,
        until: float,
        most: int,
        correct: Correct,
        now: float,
        *,
        dry: bool = False,
    ) -> tuple[Corrected, Position | None]:
        """Put the costs of up to `most` requests right, in one transaction: those after a place in the order
        of time, the oldest first, that began before `until`. Also where the last of them is; None if there
        were none. With `dry`, nothing is changed. `correct` may be asked about an attempt more than once.

        Raises `StoreError` when the store cannot be used.
        """

        async def work(connection: AsyncConnection) -> tuple[Corrected, Position | None]:
            found = await connection.execute(_requests(after, until, most, lock=not dry))
            # in the order in which whoever writes the ledger locks them, too
            rows = found.mappings().all()
            step = _Step(correct)
            attempts = await _attempts(connection, rows)
            for row in rows:
                step.look(row, attempts.get(row["request_id"], []))
            if not dry:
                await step.write(connection, now)
            last = max(((row["began"], row["id"]) for row in rows), default=None)
            return step.outcome, None if last is None else Position(*last)

        return await self._database.run(work, writes=not dry)


class _Step:
    """The changes of one transaction."""

    def __init__(self, correct: Correct) -> None:
        self._correct = correct
        self._attempts: list[dict[str, object]] = []
        self._requests: list[dict[str, object]] = []
        self._sums: dict[tuple[int | str, ...], list[int]] = {}
        self._charges: list[Charge] = []
        self.outcome = Corrected()

    def look(self, row: RowMapping, attempts: Sequence[_Stored]) -> None:
        """Take a request with its attempts."""
        right = [(stored, self._correct(stored.cost)) for stored in attempts]
        changed = [(stored.number, cost) for stored, cost in right if cost != stored.cost]
        # what the attempts cost in all, and what is not in any of them stays as it is
        more = sum((cost.cost or 0) - (stored.cost.cost or 0) for stored, cost in right)
        before: int | None = row["cost"]
        unknown = before is None and all(cost.cost is None for _, cost in right)
        after = None if unknown else max(0, (before or 0) + more)
        unpriced = any(cost.unpriced for _, cost in right) if right else bool(row["unpriced"])
        outcome = self.outcome
        outcome.requests += 1
        outcome.attempts += len(changed)
        outcome.before += before or 0
        outcome.after += after or 0
        outcome.unpriced += unpriced
        self._attempts += [_attempt_values(number, cost) for number, cost in changed]
        if not changed and (before, unpriced) == (after, row["unpriced"]):
            return
        outcome.changed += 1
        more = (after or 0) - (before or 0)
        charges = _read_charges(row["charges"])
        now_due = _shifted(charges, more)
        self._requests.append(
            {
                "its_id": row["id"],
                "new_cost": after,
                "new_unpriced": unpriced,
                "new_charges": _encode(now_due).decode(),
            }
        )
        self._charges += [Charge(one.account, "", one.amount) for one in now_due]
        self._charges += [Charge(one.account, "", -one.amount) for one in charges]
        place = tuple(row[name] for name in _PLACE)
        for span, seconds in ((1, _HOUR), (24, _DAY)):
            known = self._sums.setdefault((span, int(row["began"] // seconds) * seconds, *place), [0, 0])
            known[0] += more
            known[1] += int(unpriced) - int(row["unpriced"])

    async def write(self, connection: AsyncConnection, now: float) -> None:
        """Write everything down. Rows are locked in the order in which whoever writes the ledger does it."""
        if self._attempts:
            await connection.execute(_SET_ATTEMPT, self._attempts)
        if self._requests:
            await connection.execute(_SET_REQUEST, self._requests)
        sums = [
            {
                **{f"its_{name}": part for name, part in zip(_KEY, key, strict=True)},
                "more_cost": cost,
                "more_unpriced": unpriced,
            }
            for key, (cost, unpriced) in sorted(self._sums.items())
            if cost or unpriced
        ]
        if sums:
            await connection.execute(_ADD_SUMS, sums)
        if self._charges:
            await charge(connection, self._charges, now)


def _requests(after: Position, until: float, most: int, *, lock: bool) -> Select[Any]:
    columns = ("id", "request_id", "began", "cost", "unpriced", "charges", *_PLACE)
    few = (
        select(_C.id)
        .where(
            _C.began >= after.began,
            or_(_C.began > after.began, _C.id > after.number),
            _C.began < until,
        )
        .order_by(_C.began, _C.id)
        .limit(most)
    )
    found = (
        select(*(_C[name] for name in columns))
        .where(_C.id.in_(few.subquery().select()))
        .order_by(_C.request_id)
    )
    return found.with_for_update() if lock else found


async def _attempts(connection: AsyncConnection, rows: Sequence[RowMapping]) -> dict[str, list[_Stored]]:
    ids = [row["request_id"] for row in rows]
    found = await connection.execute(select(ATTEMPTS).where(_A.request_id.in_(ids)).order_by(_A.number))
    attempts: dict[str, list[_Stored]] = {}
    for row in found.mappings():
        cost = AttemptCost(
            row["target"],
            read_usage(row),
            row["cost"],
            read_lines(row["cost_rows"]),
            row["price_source"],
            row["unpriced"],
        )
        attempts.setdefault(row["request_id"], []).append(_Stored(row["id"], cost))
    return attempts


def _attempt_values(number: int, cost: AttemptCost) -> dict[str, object]:
    return {
        "its_id": number,
        "new_cost": cost.cost,
        "new_unpriced": cost.unpriced,
        "new_cost_rows": _encode(cost.rows).decode(),
        "new_price_source": cost.source,
    }


def _shifted(charges: Sequence[Charge], more: int) -> list[Charge]:
    """Charges of a request that costs so much more: each account pays all of it."""
    due: dict[str, Charge] = {}
    for one in charges:
        known = due.get(one.account)
        due[one.account] = (
            Charge(one.account, one.lease, one.amount)
            if known is None
            else Charge(one.account, known.lease, known.amount + one.amount)
        )
    return [Charge(one.account, one.lease, max(0, one.amount + more)) for one in due.values()]
