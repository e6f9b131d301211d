"""What tests of budgets have in common: a store that can go away, a ledger that takes what is charged."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.access.holder import Budget, Holder
from dragoman.access.purse import Purse, Reservation, Wallet
from dragoman.store.database_leases import DatabaseLeases, charge
from dragoman.store.engine import Database
from dragoman.store.entry import Charge
from dragoman.store.error import StoreError
from dragoman.store.leases import Account, Balance, Lease, Short, Wish
from dragoman.store.tables import ACCOUNTS, LEASES

DOLLAR = 1_000_000_000
NOON = 1_795_348_800.0
"""2026-11-22, 12:00 UTC."""


def held(kind: str, name: str, *budgets: Budget) -> list[tuple[Holder, Budget]]:
    """The budgets of one holder, as a purse takes them."""
    match kind:
        case "key" | "team" | "route":
            holder = Holder(kind, f"{name}-id", name, budgets=budgets)
            return [(holder, budget) for budget in budgets]
        case _:
            raise ValueError(kind)


class Clock:
    """A clock that stands still."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Store:
    """A real store that can go away, and that remembers what it was asked."""

    def __init__(self, database: Database) -> None:
        self._leases = DatabaseLeases(database)
        self.asked: list[str] = []
        self.away = False
        self.mute = False
        """Whether it does what it is asked, and then is not there to say so."""
        self.slow: asyncio.Event | None = None

    async def take(
        self, account: Account, limit: int, wish: Wish, worker: str, lease: str, expires: float, now: float
    ) -> Lease | Short:
        async with self._asked("take"):
            return await self._leases.take(account, limit, wish, worker, lease, expires, now)

    async def renew(self, leases: Sequence[str], expires: float) -> list[str]:
        async with self._asked("renew"):
            return await self._leases.renew(leases, expires)

    async def give_back(self, amounts: Mapping[str, int]) -> None:
        async with self._asked("give_back"):
            await self._leases.give_back(amounts)

    async def balances(self, accounts: Sequence[str], now: float) -> list[Balance]:
        async with self._asked("balances"):
            return await self._leases.balances(accounts, now)

    async def prune(self, now: float) -> int:
        async with self._asked("prune"):
            return await self._leases.prune(now)

    @contextlib.asynccontextmanager
    async def _asked(self, what: str) -> AsyncGenerator[None]:
        self.asked.append(what)
        if self.away:
            raise StoreError("The database is away.")
        if self.slow is not None:
            await self.slow.wait()
        yield
        if self.mute:
            raise StoreError("The connection was lost.")


async def ingest(database: Database, charges: Iterable[Charge]) -> None:
    """Do what the ledger does with charges."""
    batch = list(charges)

    async def work(connection: AsyncConnection) -> None:
        await charge(connection, batch, NOON)

    await database.run(work, writes=True)


async def totals(database: Database) -> tuple[int, int]:
    """What all accounts have spent, and what all leases hold, as the tables have it."""

    async def work(connection: AsyncConnection) -> tuple[int, int]:
        spent = (await connection.execute(select(func.coalesce(func.sum(ACCOUNTS.c.spent), 0)))).scalar_one()
        lent = (await connection.execute(select(func.coalesce(func.sum(LEASES.c.amount), 0)))).scalar_one()
        return int(spent), int(lent)

    return await database.run(work)


@contextlib.asynccontextmanager
async def following(*purses: Purse) -> AsyncGenerator[None]:
    """Let purses do what they do beside requests."""
    tasks = [asyncio.ensure_future(purse.follow()) for purse in purses]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for end in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(end, asyncio.CancelledError), end


async def until(happened: Callable[[], bool]) -> None:
    """Wait for something that happens within some seconds."""
    for _ in range(400):
        if happened():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it has not happened")


def release(reservations: Iterable[object]) -> None:
    """Let go of those of these that are reservations."""
    for one in reservations:
        if isinstance(one, Reservation):
            one.release()


def covers(purse: Purse, budgets: Sequence[tuple[Holder, Budget]], nanos: int) -> bool:
    """Whether a purse holds so much of these budgets."""
    reservation = purse.reserve_held(Wallet(budgets), nanos)
    if reservation is not None:
        reservation.release()
    return reservation is not None
