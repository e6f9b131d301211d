"""Taking, charging, renewing, giving back and dying in any order, against a model in a few lines."""

import asyncio
import itertools
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.config.secret import Secret
from dragoman.store.database_leases import SHARE, DatabaseLeases, charge
from dragoman.store.engine import Database
from dragoman.store.entry import Charge
from dragoman.store.leases import Account, Balance, Lease, Short, Wish
from dragoman.store.tables import LEASES

T = TypeVar("T")

LIMIT = 500
WORKERS = st.integers(0, 2)
AMOUNTS = st.integers(1, 200)
LIFE = 60.0


class Setting:
    """One database for all runs; each run has an account of its own."""

    def __init__(self, runner: asyncio.Runner, database: Database) -> None:
        self.runner = runner
        self.database = database
        self.numbers = itertools.count()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)


class Lent:
    """What the model knows of a lease: what it holds, and until when it lives."""

    def __init__(self, worker: int, amount: int, expires: float) -> None:
        self.worker = worker
        self.amount = amount
        self.expires = expires


class Machine(RuleBasedStateMachine):
    setting: Setting

    def __init__(self) -> None:
        super().__init__()
        self.leases = DatabaseLeases(self.setting.database)
        self.account = Account(f"key:{next(self.setting.numbers)}", "day", "UTC", 0, 86_400)
        self.now = 1000.0
        self.spent = 0
        self.lent: dict[str, Lent] = {}
        self.own: dict[int, str] = {}
        """The lease that each worker believes to have."""

    @rule(worker=WORKERS, least=AMOUNTS, more=st.integers(0, 100), most=st.integers(0, 1000))
    def take(self, worker: int, least: int, more: int, most: int) -> None:
        own = self.own.get(worker, "")
        wish = Wish(least, least + more, most)
        found = self.setting.run(
            self.leases.take(self.account, LIMIT, wish, str(worker), own, self.now + LIFE, self.now)
        )
        if LIMIT - self.spent - self.held < wish.enough:
            self.lent = {n: one for n, one in self.lent.items() if one.expires > self.now or n == own}
        left = LIMIT - self.spent - self.held
        if left < least:
            others = sum(one.amount for name, one in self.lent.items() if name != own)
            assert found == Short(left, others)
            return
        assert isinstance(found, Lease)
        granted = min(left, max(wish.enough, min(most, left // SHARE)))
        assert (found.granted, found.left) == (granted, left - granted)
        if own in self.lent:
            assert found.id == own
            self.lent[own].amount += granted
            self.lent[own].expires = self.now + LIFE
        else:
            assert found.id not in {"", own}
            self.lent[found.id] = Lent(worker, granted, self.now + LIFE)
        self.own[worker] = found.id
        assert self.spent + self.held <= LIMIT

    @rule(worker=WORKERS, amount=AMOUNTS, known=st.booleans())
    def charge(self, worker: int, amount: int, known: bool) -> None:
        """A worker charges what it holds; one whose lease was taken away does not know."""
        own = self.own.get(worker, "") if known else ""

        async def work(connection: AsyncConnection) -> None:
            await charge(connection, [Charge(self.account.id, own, amount)], self.now)

        self.setting.run(self.setting.database.run(work, writes=True))
        self.spent += amount
        self._take_off(own, amount)

    @rule(worker=WORKERS, amount=AMOUNTS)
    def give_back(self, worker: int, amount: int) -> None:
        own = self.own.get(worker, "")
        self.setting.run(self.leases.give_back({own: amount}))
        self._take_off(own, amount)

    @rule(workers=st.sets(WORKERS))
    def renew(self, workers: set[int]) -> None:
        names = [self.own[worker] for worker in sorted(workers) if worker in self.own]
        kept = self.setting.run(self.leases.renew(names, self.now + LIFE))
        assert set(kept) == {name for name in names if name in self.lent}
        for name in kept:
            self.lent[name].expires = self.now + LIFE

    @rule(seconds=st.sampled_from([1.0, 20.0, 59.0, 60.0, 61.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(worker=WORKERS)
    def die(self, worker: int) -> None:
        """Another process takes its place and knows nothing."""
        self.own.pop(worker, None)

    @rule()
    def prune(self) -> None:
        self.setting.run(self.leases.prune(self.now))
        self.lent = {name: one for name, one in self.lent.items() if one.expires > self.now}

    @invariant()
    def the_tables_are_as_the_model(self) -> None:
        async def work(connection: AsyncConnection) -> dict[str, int]:
            rows = select(LEASES.c.id, LEASES.c.amount).where(LEASES.c.account == self.account.id)
            return {row.id: row.amount for row in await connection.execute(rows)}

        held = self.setting.run(self.setting.database.run(work))
        assert held == {name: one.amount for name, one in self.lent.items()}
        lives = sum(one.amount for one in self.lent.values() if one.expires > self.now)
        found = self.setting.run(self.leases.balances([self.account.id], self.now))
        assert found in ([Balance(self.account.id, self.spent, lives)], [])
        assert found or (self.spent, lives) == (0, 0)

    @property
    def held(self) -> int:
        return sum(one.amount for one in self.lent.values())

    def _take_off(self, name: str, amount: int) -> None:
        if name in self.lent:
            self.lent[name].amount -= amount
            if self.lent[name].amount <= 0:
                del self.lent[name]


@pytest.fixture
def setting(store_url: Secret | None, tmp_path: Path) -> Iterator[Setting]:
    with asyncio.Runner() as runner:
        database = Database(store_url or tmp_path / "dragoman.db")
        yield Setting(runner, database)
        runner.run(database.close())


def test_accounts_are_right_in_any_order(setting: Setting) -> None:
    class Run(Machine):
        pass

    Run.setting = setting
    checks = settings(
        max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    run_state_machine_as_test(Run, settings=checks)
