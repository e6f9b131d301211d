"""Budgets of several processes: what they set aside together is never more than there is, nor much less."""

import asyncio
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.access.budgeting import DOLLAR, NOON, Store, following, held, ingest, release, totals

from dragoman.access.holder import Budget, Holder
from dragoman.access.purse import BudgetSpentError, Purse, Reservation
from dragoman.config.secret import Secret
from dragoman.store.database_leases import DatabaseLeases
from dragoman.store.engine import Database
from dragoman.store.entry import Charge
from dragoman.store.leases import Balance

SEEDS = range(20 if os.environ.get("DRAGOMAN_MONEY") else 4)
NEED = DOLLAR // 7
ADMITS = 50
REQUESTS = 200

Pair = tuple[Holder, Budget]


@pytest.fixture
async def database(store_url: Secret | None, tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(store_url or tmp_path / "dragoman.db")
    yield database
    await database.close()


def chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - no secret, the same every time


def budgets_of(seed: int) -> list[Pair]:
    """A key and its team: the team's month is what admits 50 requests, and a little that is of no use."""
    return [
        *held("key", f"key {seed}", Budget(1000 * DOLLAR, "day", "Asia/Kolkata")),
        *held("team", f"team {seed}", Budget(ADMITS * NEED + NEED - 1, "month")),
    ]


async def attempt(purse: Purse, budgets: Sequence[Pair], nanos: int) -> Reservation | BudgetSpentError:
    try:
        return await purse.reserve(budgets, nanos)
    except BudgetSpentError as error:
        return error


def reservations(outcomes: Sequence[object]) -> list[Reservation]:
    return [one for one in outcomes if isinstance(one, Reservation)]


@pytest.mark.anyio
@pytest.mark.parametrize("processes", [1, 4])
async def test_of_200_requests_at_once_as_many_are_admitted_as_the_budget_admits(
    database: Database, processes: int
) -> None:
    purses = [Purse(DatabaseLeases(database), f"w{one}", time.time, patience=0.3) for one in range(processes)]
    async with following(*purses):
        for seed in SEEDS:
            draw, budgets = chance(seed), budgets_of(seed)

            async def arrive(
                budgets: list[Pair], purse: Purse, delay: float
            ) -> Reservation | BudgetSpentError:
                await asyncio.sleep(delay)
                return await attempt(purse, budgets, NEED)

            outcomes = await asyncio.gather(
                *(arrive(budgets, draw.choice(purses), draw.uniform(0, 0.05)) for _ in range(REQUESTS))
            )
            assert len(reservations(outcomes)) == ADMITS
            refusals = [one for one in outcomes if isinstance(one, BudgetSpentError)]
            assert {one.holder.kind for one in refusals} == {"team"}
            assert max(one.left for one in refusals) < NEED
            charges = [charge for one in reservations(outcomes) for charge in one.settle(NEED)]
            await ingest(database, charges)
            assert (await totals(database))[0] == 2 * ADMITS * NEED * (seed + 1)
    for purse in purses:
        await purse.close()


@pytest.mark.anyio
@pytest.mark.parametrize("processes", [1, 4])
async def test_what_requests_do_not_use_is_used_by_others_to_the_last_request(
    database: Database, processes: int
) -> None:
    """Clients that try until they are refused: what is charged is never more than the budget, and what is
    left of it is less than a request may cost.
    """
    purses = [
        Purse(DatabaseLeases(database), f"w{one}", time.time, idle_time=0.2, patience=1)
        for one in range(processes)
    ]
    async with following(*purses):
        for seed in range(5):
            draw, budgets = chance(seed), budgets_of(seed)
            charged = 0

            async def client(budgets: list[Pair], draw: random.Random, purse: Purse) -> int:
                charged = 0
                while isinstance(reservation := await attempt(purse, budgets, NEED), Reservation):
                    await asyncio.sleep(draw.uniform(0, 0.01))
                    charges = reservation.settle(draw.randint(0, NEED))
                    charged += sum(one.amount for one in charges) // 2
                    await ingest(database, charges)
                return charged

            charged = sum(await asyncio.gather(*(client(budgets, draw, purse) for purse in purses * 3)))
            most = budgets[1][1].most
            assert most - NEED < charged <= most
    for purse in purses:
        await purse.close()


@pytest.mark.anyio
async def test_slices_that_lie_idle_elsewhere_refuse_nobody(database: Database) -> None:
    purses = [Purse(DatabaseLeases(database), f"w{one}", time.time) for one in range(4)]
    budget = held("key", "k", Budget(16 * DOLLAR, "day"))
    async with following(*purses):
        for purse in purses:
            (await purse.reserve(budget, DOLLAR // 10)).release()
        # each holds a slice for later requests
        assert (await totals(database))[1] > 3 * DOLLAR
        began = time.monotonic()
        (await purses[0].reserve(budget, 16 * DOLLAR)).release()
        assert time.monotonic() - began < 5
    for purse in purses:
        await purse.close()


@pytest.mark.anyio
async def test_processes_that_each_hold_too_little_do_not_wait_for_each_other(database: Database) -> None:
    """Each of four holds a quarter and needs a half: two of them get it, at once."""
    purses = [Purse(DatabaseLeases(database), f"w{one}", time.time, idle_time=60) for one in range(4)]
    budget = held("key", "k", Budget(16 * DOLLAR, "day"))
    for purse in purses:
        (await purse.reserve(budget, 4 * DOLLAR)).release()
    outcomes = await asyncio.gather(*(attempt(purse, budget, 8 * DOLLAR) for purse in purses))
    assert len(reservations(outcomes)) == 2
    release(outcomes)
    for purse in purses:
        await purse.close()


@pytest.mark.anyio
async def test_a_refusal_waits_no_longer_than_it_may(database: Database) -> None:
    first, second = (Purse(DatabaseLeases(database), name, time.time, patience=0.5) for name in "ab")
    budget = held("key", "k", Budget(10 * DOLLAR, "day"))
    reservation = await first.reserve(budget, 8 * DOLLAR)
    began = time.monotonic()
    assert isinstance(await attempt(second, budget, 5 * DOLLAR), BudgetSpentError)
    assert time.monotonic() - began >= 0.5
    # what cannot come back from anybody is not waited for
    began = time.monotonic()
    assert isinstance(await attempt(second, budget, 11 * DOLLAR), BudgetSpentError)
    assert isinstance(await attempt(first, budget, 3 * DOLLAR), BudgetSpentError)
    assert time.monotonic() - began < 0.5
    reservation.release()
    await first.close()
    await second.close()


PROCESS = """
import asyncio, os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from dragoman.access.holder import Budget
from dragoman.access.purse import BudgetSpentError, Purse
from dragoman.config.secret import Secret
from dragoman.store.database_leases import DatabaseLeases
from dragoman.store.engine import Database
from tests.access.budgeting import DOLLAR, following, held, ingest
from tests.access.test_purses_together import NEED, attempt, budgets_of, reservations

async def main():
    folder, url, how, _ = sys.argv[1:]
    database = Database(Secret(url) if url else Path(folder) / "dragoman.db")
    purse = Purse(DatabaseLeases(database), str(os.getpid()), time.time, lease_time=2.0)
    async with following(purse):
        if how == "die":
            mine = await purse.reserve(budgets_of(0), 30 * NEED)
            await ingest(database, (await purse.reserve(budgets_of(0), 10 * NEED)).settle(5 * NEED))
            print("ready", flush=True)
            await asyncio.sleep(600)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        found = reservations(await asyncio.gather(*(attempt(purse, budgets_of(0), NEED) for _ in range(50))))
        charges = [charge for one in found for charge in one.settle(NEED)]
        await ingest(database, charges)
        print(len(found), flush=True)
        await purse.close()
    await database.close()

asyncio.run(main())
"""


async def start(folder: Path, url: Secret | None, how: str) -> asyncio.subprocess.Process:
    """A process with a purse, ready to begin."""
    root = str(Path(__file__).parents[2])
    text = "" if url is None else url.reveal()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROCESS,
        str(folder),
        text,
        how,
        root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 60) == b"ready\n"
    return process


@pytest.mark.anyio
async def test_four_processes_admit_together_what_the_budget_admits(
    database: Database, store_url: Secret | None, tmp_path: Path
) -> None:
    await totals(database)
    running = await asyncio.gather(*(start(tmp_path, store_url, "spend") for _ in range(4)))
    said = await asyncio.wait_for(asyncio.gather(*(one.communicate(b"go\n") for one in running)), 60)
    assert [one.returncode for one in running] == [0] * 4
    assert sum(int(out) for out, _ in said) == ADMITS
    assert await totals(database) == (2 * ADMITS * NEED, 0)


@pytest.mark.anyio
async def test_after_kill_all_comes_back_but_what_was_charged(
    database: Database, store_url: Secret | None, tmp_path: Path
) -> None:
    await totals(database)
    dying = await start(tmp_path, store_url, "die")
    purse = Purse(DatabaseLeases(database), "w", time.time, lease_time=2.0, patience=0)
    assert isinstance(await attempt(purse, budgets_of(0), 20 * NEED), BudgetSpentError)
    dying.send_signal(signal.SIGKILL)
    await dying.wait()
    # nobody takes it away before its time
    assert isinstance(await attempt(purse, budgets_of(0), 20 * NEED), BudgetSpentError)
    await asyncio.sleep(2.1)
    (await purse.reserve(budgets_of(0), 45 * NEED)).release()
    assert isinstance(await attempt(purse, budgets_of(0), 46 * NEED), BudgetSpentError)
    await purse.close()
    # what nobody needed is still there, and has ended
    await DatabaseLeases(database).prune(time.time())
    assert await totals(database) == (2 * 5 * NEED, 0)


# --- money is neither made nor lost, whatever happens -----------------------------------------------

T = TypeVar("T")

Step = tuple[str, int, int]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("reserve", "settle") * 4,
                "overspend",
                "ingest",
                "ingest",
                "idle",
                "wait",
                "away",
                "mute",
                "back",
            ]
        ),
        st.integers(0, 2),
        st.integers(0, 400),
    ),
    max_size=60,
)


class World:
    """Three purses over one account, a ledger that takes charges when it is told to, and a clock."""

    def __init__(self, database: Database, number: int) -> None:
        self.database = database
        self.now = NOON
        self.limit = 1000
        self.budgets = held("key", f"key {number}", Budget(self.limit, "day"))
        self.account = f"key:key {number}-id/day/UTC/1795305600"
        self.stores = [Store(database) for _ in range(3)]
        self.purses = [
            Purse(store, "w", self._clock, patience=0, idle_time=1.0, lease_time=60.0)
            for store in self.stores
        ]
        self.leases = DatabaseLeases(database)
        self.open: list[tuple[Reservation, int]] = []
        self.waiting: list[Charge] = []
        self.charged = 0
        self.exact = True
        """Whether nothing has happened that lets processes spend too much."""

    def _clock(self) -> float:
        return self.now

    async def step(self, what: str, who: int, amount: int) -> None:
        purse, store = self.purses[who], self.stores[who]
        match what:
            case "reserve":
                found = await attempt(purse, self.budgets, amount)
                if isinstance(found, Reservation):
                    self.open.append((found, amount))
            case "settle" | "overspend" if self.open:
                reservation, most = self.open.pop(amount % len(self.open))
                cost = amount % (most + 1) if what == "settle" else most + amount
                self.exact = self.exact and cost <= most
                charges = reservation.settle(cost)
                assert sum(one.amount for one in charges) == cost
                self.charged += cost
                self.waiting += charges
            case "ingest":
                count = amount % (len(self.waiting) + 1)
                await ingest(self.database, self.waiting[:count])
                del self.waiting[:count]
            case "idle":
                self.now += 2
                await purse.tend()
            case "wait":
                self.now += 30
                await purse.tend()
            case "away" | "mute":
                self.exact = False
                store.away, store.mute = what == "away", what == "mute"
            case _:
                store.away = store.mute = False
                await purse.tend()
        if self.exact:
            assert self.charged + sum(most for _, most in self.open) <= self.limit

    async def end(self) -> None:
        """Everybody comes to an end: what the tables say is what was charged."""
        for reservation, most in self.open:
            self.waiting += reservation.settle(most)
            self.charged += most
        for store, purse in zip(self.stores, self.purses, strict=True):
            store.away = store.mute = False
            await purse.close()
        await ingest(self.database, self.waiting)
        (balance,) = await self.leases.balances([self.account], 0) or [Balance(self.account, 0, 0)]
        assert balance.spent == self.charged
        if self.exact:
            assert balance.lent == 0
        # what was lent without a word, or for what was spent beyond a lease, ends by itself
        last = Purse(self.leases, "last", lambda: self.now + 61, patience=0)
        if self.charged < self.limit:
            (await last.reserve(self.budgets, self.limit - self.charged)).release()
        assert isinstance(
            await attempt(last, self.budgets, max(self.limit - self.charged, 0) + 1), BudgetSpentError
        )
        await last.close()


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


def test_money_is_neither_made_nor_lost_whatever_happens(
    runner: asyncio.Runner, store_url: Secret | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dragoman.access.lending._PAUSE", 0)
    database = Database(store_url or tmp_path / "dragoman.db")
    numbers = itertools.count()

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(STEPS)
    def check(steps: list[Step]) -> None:
        async def run() -> None:
            world = World(database, next(numbers))
            for step in steps:
                await world.step(*step)
            await world.end()

        runner.run(run())

    check()
    runner.run(database.close())
