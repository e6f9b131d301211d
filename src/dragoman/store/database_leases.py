"""Accounts and leases in the database.

On Postgres whoever lends or charges holds the row of the account, so that there is one at a time; rows of
leases are locked after those of accounts, and all in the order of their names.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Insert, bindparam, case, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.store.engine import Database
from dragoman.store.entry import Charge
from dragoman.store.leases import Account, Balance, Lease, Short, Wish
from dragoman.store.tables import ACCOUNTS, LEASES

SHARE = 16
"""What is lent for later requests is at most this part of what an account has left."""

_BATCH = 500
"""Names in one statement."""

_LESS = case((LEASES.c.amount > bindparam("less"), LEASES.c.amount - bindparam("less")), else_=0)

_SPENT = select(ACCOUNTS.c.spent).where(ACCOUNTS.c.id == bindparam("account")).with_for_update()
_HELD = select(LEASES.c.id, LEASES.c.amount, LEASES.c.expires).where(LEASES.c.account == bindparam("account"))
_END = (
    delete(LEASES)
    .where(
        LEASES.c.account == bindparam("account"),
        LEASES.c.expires <= bindparam("now"),
        LEASES.c.id != bindparam("but"),
    )
    .returning(LEASES.c.amount)
)
_ADD = (
    update(LEASES)
    .where(LEASES.c.id == bindparam("lease"))
    .values(amount=LEASES.c.amount + bindparam("more"), expires=bindparam("until"))
)
_MAKE = LEASES.insert()
_TAKE_OFF = update(LEASES).where(LEASES.c.id == bindparam("lease")).values(amount=_LESS)
_DROP = delete(LEASES).where(LEASES.c.id == bindparam("lease"), LEASES.c.amount <= 0)
_PRUNE = delete(LEASES).where(LEASES.c.expires <= bindparam("now"))
_LENT = (
    select(LEASES.c.account, func.sum(LEASES.c.amount).label("lent"))
    .where(LEASES.c.expires > bindparam("now"), LEASES.c.account.in_(bindparam("accounts", expanding=True)))
    .group_by(LEASES.c.account)
    .subquery()
)
_BALANCES = (
    select(ACCOUNTS.c.id, ACCOUNTS.c.spent, func.coalesce(_LENT.c.lent, 0))
    .select_from(ACCOUNTS.outerjoin(_LENT, _LENT.c.account == ACCOUNTS.c.id))
    .where(ACCOUNTS.c.id.in_(bindparam("accounts", expanding=True)))
)


def _adding(rows: sqlite.Insert | postgresql.Insert) -> Insert:
    return rows.on_conflict_do_update(
        index_elements=[ACCOUNTS.c.id],
        set_={"spent": ACCOUNTS.c.spent + rows.excluded.spent, "updated": rows.excluded.updated},
    )


_ADDING = {
    "sqlite": _adding(sqlite.insert(ACCOUNTS)),
    "postgresql": _adding(postgresql.insert(ACCOUNTS)),
}
"""Adds to what accounts have spent, or makes them."""


class DatabaseLeases:
    """See `LeaseStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(
        self, account: Account, limit: int, wish: Wish, worker: str, lease: str, expires: float, now: float
    ) -> Lease | Short:
        """See `LeaseStore.take`."""

        async def work(connection: AsyncConnection) -> Lease | Short:
            spent = await _opened(connection, account.id, now)
            held = (await connection.execute(_HELD, {"account": account.id})).all()
            own = sum(amount for name, amount, _ in held if name == lease)
            lent = sum(amount for _, amount, _ in held) - own
            left = limit - spent - own - lent
            if left < wish.enough and any(end <= now and name != lease for name, _, end in held):
                found = await connection.execute(_END, {"account": account.id, "now": now, "but": lease})
                ended = sum(found.scalars())
                left, lent = left + ended, lent - ended
            if left < wish.least:
                return Short(left, lent)
            granted = min(left, max(wish.enough, min(wish.most, left // SHARE)))
            more = {"lease": lease, "more": granted, "until": expires}
            if lease and (await connection.execute(_ADD, more)).rowcount:
                return Lease(lease, granted, left - granted)
            made = uuid.uuid4().hex
            await connection.execute(
                _MAKE,
                {"id": made, "account": account.id, "worker": worker, "amount": granted, "expires": expires},
            )
            return Lease(made, granted, left - granted)

        return await self._database.run(work, writes=True)

    async def renew(self, leases: Sequence[str], expires: float) -> list[str]:
        """See `LeaseStore.renew`."""
        ordered = sorted(leases)

        async def work(connection: AsyncConnection) -> list[str]:
            kept: list[str] = []
            for start in range(0, len(ordered), _BATCH):
                names = LEASES.c.id.in_(ordered[start : start + _BATCH])
                asked = select(LEASES.c.id).where(names).order_by(LEASES.c.id).with_for_update()
                kept += (await connection.execute(asked)).scalars()
                await connection.execute(update(LEASES).where(names).values(expires=expires))
            return kept

        return await self._database.run(work, writes=True)

    async def give_back(self, amounts: Mapping[str, int]) -> None:
        """See `LeaseStore.give_back`."""
        less = sorted((name, amount) for name, amount in amounts.items() if amount > 0)

        async def work(connection: AsyncConnection) -> None:
            await _take_off(connection, less)

        if less:
            await self._database.run(work, writes=True)

    async def balances(self, accounts: Sequence[str], now: float) -> list[Balance]:
        """See `LeaseStore.balances`."""

        async def work(connection: AsyncConnection) -> list[Balance]:
            found: list[Balance] = []
            for start in range(0, len(accounts), _BATCH):
                asked = {"accounts": accounts[start : start + _BATCH], "now": now}
                for name, spent, lent in await connection.execute(_BALANCES, asked):
                    found.append(Balance(name, spent, int(lent)))
            return found

        return await self._database.run(work)

    async def prune(self, now: float) -> int:
        """See `LeaseStore.prune`."""

        async def work(connection: AsyncConnection) -> int:
            return (await connection.execute(_PRUNE, {"now": now})).rowcount

        return await self._database.run(work, writes=True)


async def charge(connection: AsyncConnection, charges: Iterable[Charge], now: float) -> None:
    """Move charges from leases to what their accounts have spent, at the end of a transaction that writes.

    A charge may be less than 0 (a request that was charged before has cost less); then it names no lease.
    Leases that are no more are no error: what they held has gone back to the account.
    """
    spent: dict[str, int] = {}
    less: dict[str, int] = {}
    for one in charges:
        spent[one.account] = spent.get(one.account, 0) + one.amount
        if one.lease:
            less[one.lease] = less.get(one.lease, 0) + one.amount
    rows = [{"id": name, "spent": amount, "updated": now} for name, amount in sorted(spent.items()) if amount]
    if rows:
        await connection.execute(_ADDING[connection.dialect.name], rows)
    await _take_off(connection, sorted((name, amount) for name, amount in less.items() if amount > 0))


async def _opened(connection: AsyncConnection, account: str, now: float) -> int:
    """What an account has spent. Its row is this transaction's alone until that ends."""
    asked = {"account": account}
    row = (await connection.execute(_SPENT, asked)).one_or_none()
    if row is not None:
        return row.spent
    await connection.execute(_ADDING[connection.dialect.name], {"id": account, "spent": 0, "updated": now})
    return (await connection.execute(_SPENT, asked)).one().spent


async def _take_off(connection: AsyncConnection, amounts: Sequence[tuple[str, int]]) -> None:
    """Make leases smaller, and end those that hold nothing any more."""
    if amounts:
        await connection.execute(_TAKE_OFF, [{"lease": name, "less": amount} for name, amount in amounts])
        await connection.execute(_DROP, [{"lease": name} for name, _ in amounts])
