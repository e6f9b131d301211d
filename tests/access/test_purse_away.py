"""Budgets while the store is away: nobody is refused for it, and what is spent is bounded and counted."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.access.budgeting import DOLLAR, Clock, Store, following, held, ingest, totals, until
from tests.postgres_server import PostgresServer

from dragoman.access.holder import Budget, Holder
from dragoman.access.purse import BudgetSpentError, Purse
from dragoman.config.secret import Secret
from dragoman.store.database_leases import DatabaseLeases
from dragoman.store.engine import Database
from dragoman.store.entry import Charge

pytestmark = pytest.mark.anyio

KEY = held("key", "ci", Budget(10 * DOLLAR, "day"))
UNKNOWN = held("key", "unknown", Budget(3 * DOLLAR, "month"))


@pytest.fixture
async def database(store_url: Secret | None, tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(store_url or tmp_path / "dragoman.db")
    yield database
    await database.close()


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def purse(store: Store, clock: Clock) -> AsyncIterator[Purse]:
    purse = Purse(store, "worker", clock, patience=0)
    yield purse
    store.away = store.mute = False
    await purse.close()


async def spend(purse: Purse, budgets: Sequence[tuple[Holder, Budget]], nanos: int) -> tuple[Charge, ...]:
    return (await purse.reserve(budgets, nanos)).settle(nanos)


async def left(purse: Purse, budgets: Sequence[tuple[Holder, Budget]]) -> int:
    """What could be set aside now."""
    with pytest.raises(BudgetSpentError) as raised:
        await purse.reserve(budgets, 1000 * DOLLAR)
    return raised.value.left


async def back(purse: Purse, store: Store) -> None:
    """The store is there again, and the purse knows."""
    store.away = store.mute = False
    await until(lambda: not purse.degraded)


async def test_a_process_goes_on_with_its_lease_and_then_with_what_was_left(
    purse: Purse, store: Store
) -> None:
    await spend(purse, KEY, 4 * DOLLAR)
    (await purse.reserve(KEY, DOLLAR)).release()
    store.away = True
    charges = [await spend(purse, KEY, DOLLAR) for _ in range(6)]
    assert await left(purse, KEY) == 0
    assert purse.degraded
    # out of the lease, and out of none
    assert [bool(charge.lease) for (charge,) in charges] == [True] + [False] * 5


async def test_what_another_process_holds_is_not_taken_to_be_left(
    purse: Purse, store: Store, database: Database
) -> None:
    other = Purse(Store(database), "other", Clock())
    reservation = await other.reserve(KEY, 7 * DOLLAR)
    await spend(purse, KEY, DOLLAR)
    store.away = True
    assert await left(purse, KEY) == 2 * DOLLAR
    reservation.release()
    await other.close()


async def test_of_an_unknown_account_the_whole_budget_counts_as_left(purse: Purse, store: Store) -> None:
    store.away = True
    for _ in range(3):
        await spend(purse, UNKNOWN, DOLLAR)
    assert await left(purse, UNKNOWN) == 0


async def test_a_limit_that_changes_while_the_store_is_away_holds_at_once(purse: Purse, store: Store) -> None:
    await spend(purse, KEY, 4 * DOLLAR)
    store.away = True
    assert await left(purse, held("key", "ci", Budget(5 * DOLLAR, "day"))) == DOLLAR
    assert await left(purse, held("key", "ci", Budget(3 * DOLLAR, "day"))) == 0
    assert await left(purse, held("key", "ci", Budget(20 * DOLLAR, "day"))) == 16 * DOLLAR


async def test_nobody_waits_for_a_store_that_is_known_to_be_away(purse: Purse, store: Store) -> None:
    store.away = True
    await spend(purse, KEY, DOLLAR)
    store.asked.clear()
    for _ in range(5):
        await spend(purse, KEY, DOLLAR)
    assert store.asked == []


async def test_a_lease_that_could_not_be_renewed_goes_on(purse: Purse, store: Store, clock: Clock) -> None:
    (await purse.reserve(KEY, 6 * DOLLAR)).release()
    store.away = True
    clock.now += 100
    (charge,) = await spend(purse, KEY, 6 * DOLLAR)
    assert charge.lease
    assert purse.degraded


async def test_it_is_said_once_that_the_store_is_away_and_once_that_it_is_there(
    purse: Purse, store: Store
) -> None:
    store.away = True
    with capture_logs() as entries:
        for _ in range(3):
            await spend(purse, KEY, DOLLAR)
        async with following(purse):
            await asyncio.sleep(1.3)
            assert purse.degraded
            await back(purse, store)
            await spend(purse, KEY, DOLLAR)
    assert [one["log_level"] for one in entries] == ["warning", "info"]
    assert entries[0]["reason"] == "The database is away."


async def test_what_was_spent_meanwhile_counts_before_it_has_come_to_the_store_and_after(
    purse: Purse, store: Store, clock: Clock, database: Database
) -> None:
    charges = list(await spend(purse, KEY, DOLLAR))
    store.away = True
    open_ = await purse.reserve(KEY, 2 * DOLLAR)
    charges += await spend(purse, KEY, 4 * DOLLAR)
    clock.now += 50
    async with following(purse):
        await back(purse, store)
        await asyncio.sleep(0.6)
        # nothing of it is in the store
        assert await left(purse, KEY) == 3 * DOLLAR
        other = Purse(Store(database), "other", clock, patience=0)
        await until(lambda: store.asked[-1] == "take")
        assert await left(other, KEY) == 3 * DOLLAR
        charges += open_.settle(2 * DOLLAR)
        await ingest(database, charges)
        clock.now += 31
        await asyncio.sleep(0.6)
        assert await left(purse, KEY) == 3 * DOLLAR
        await spend(purse, KEY, 3 * DOLLAR)
        assert await left(purse, KEY) == 0


async def test_what_was_spent_of_an_unknown_account_is_seen_by_others_too(
    purse: Purse, store: Store, clock: Clock, database: Database
) -> None:
    store.away = True
    charges = await spend(purse, KEY, DOLLAR)
    # by now the store is known to be away, and nobody asks it of this one
    charges += await spend(purse, UNKNOWN, DOLLAR)
    open_ = await purse.reserve(UNKNOWN, DOLLAR)
    other = Purse(Store(database), "other", clock, patience=0)
    async with following(purse):
        await back(purse, store)
        await until(lambda: store.asked.count("take") >= 2)
        await asyncio.sleep(0.2)
        assert await left(other, UNKNOWN) == DOLLAR
        charges += open_.settle(0)
        await ingest(database, charges)
        clock.now += 31
        await asyncio.sleep(0.6)
        assert await left(other, UNKNOWN) == 2 * DOLLAR
        assert await left(other, KEY) == 9 * DOLLAR
    await other.close()


async def test_what_is_open_is_covered_again_where_the_lease_is_in_doubt(
    purse: Purse, store: Store, database: Database, clock: Clock
) -> None:
    open_ = await purse.reserve(KEY, 2 * DOLLAR)
    (await purse.reserve(KEY, 6 * DOLLAR)).release()
    async with following(purse):
        # the first renewal, and all that comes with it, is over
        await until(lambda: "prune" in store.asked)
        await asyncio.sleep(0.5)
        store.mute = True
        clock.now += 1
        await until(lambda: purse.degraded)
        assert store.asked[-1] == "give_back"
        await back(purse, store)
        await asyncio.sleep(1.3)
        clock.now += 61
        await asyncio.sleep(0.6)
        # the lease in doubt has ended; another one is held for what is open
        other = Purse(Store(database), "other", clock, patience=0)
        assert await left(other, KEY) == 8 * DOLLAR
    (charge,) = open_.settle(DOLLAR)
    assert charge.lease
    await other.close()


async def test_processes_overrun_at_most_by_what_was_left_for_each(database: Database, clock: Clock) -> None:
    stores = [Store(database) for _ in range(4)]
    purses = [Purse(store, "w", clock, patience=0) for store in stores]
    charges = [charge for purse in purses for charge in await spend(purse, KEY, DOLLAR)]
    for purse in purses:
        assert await left(purse, KEY) == 6 * DOLLAR
    for store in stores:
        store.away = True
    for purse in purses:
        while await left(purse, KEY) >= DOLLAR // 3:
            charges += await spend(purse, KEY, DOLLAR // 3)
    most = 10 * DOLLAR + 3 * 6 * DOLLAR
    # each can use what is left for it up to less than one request
    assert most - 4 * DOLLAR // 3 < sum(charge.amount for charge in charges) <= most


async def test_leases_of_living_processes_outlive_an_absence_of_the_store(
    database: Database, clock: Clock
) -> None:
    """The first that finds the store again does not take away what the others could not renew."""
    stores = [Store(database), Store(database)]
    first, second = (Purse(store, "w", clock, patience=0) for store in stores)
    reservation = await second.reserve(KEY, 6 * DOLLAR)
    for store, purse in zip(stores, (first, second), strict=True):
        store.away = True
        await spend(purse, UNKNOWN, 1)
    clock.now += 600
    async with following(first):
        await back(first, stores[0])
        assert await left(first, KEY) == 4 * DOLLAR
    async with following(second):
        await back(second, stores[1])
    assert await left(first, KEY) == 4 * DOLLAR
    (charge,) = reservation.settle(6 * DOLLAR)
    assert charge.lease
    await first.close()
    await second.close()


async def test_what_the_store_did_without_saying_so_is_free_again_after_its_time(
    purse: Purse, store: Store, clock: Clock, database: Database
) -> None:
    await spend(purse, KEY, DOLLAR)
    store.mute = True
    charges = list(await spend(purse, KEY, 2 * DOLLAR))
    assert purse.degraded
    async with following(purse):
        await back(purse, store)
        await asyncio.sleep(0.6)
        charges += await spend(purse, KEY, DOLLAR)
        clock.now += 31
        await asyncio.sleep(0.6)
    await purse.close()
    assert (await totals(database))[1] > 2 * DOLLAR
    clock.now += 61
    other = Purse(Store(database), "other", clock, patience=0)
    assert await left(other, KEY) == 10 * DOLLAR
    await other.close()


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_a_store_that_hangs_holds_up_nobody_for_good(
    purse: Purse, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dragoman.access.lending._ANSWER_LIMIT", 0.2)
    store.slow = asyncio.Event()
    await spend(purse, KEY, DOLLAR)
    assert purse.degraded
    # what it lends at last is received
    store.slow.set()
    await until(lambda: purse.held()[0] > 0)
    async with following(purse):
        await back(purse, store)
    assert await left(purse, KEY) == 9 * DOLLAR


async def test_a_server_that_is_stopped_and_started_fails_no_request(own_postgres: PostgresServer) -> None:
    database, clock = Database(own_postgres.url("postgres")), Clock()
    purse = Purse(DatabaseLeases(database), "worker", clock, patience=0)
    charges = list(await spend(purse, KEY, DOLLAR))
    async with following(purse):
        await asyncio.to_thread(own_postgres.stop)
        for _ in range(8):
            charges += await spend(purse, KEY, DOLLAR)
        assert purse.degraded
        await asyncio.to_thread(own_postgres.start)
        await until(lambda: not purse.degraded)
        await ingest(database, charges)
        clock.now += 31
        await asyncio.sleep(0.6)
        charges += await spend(purse, KEY, DOLLAR)
        assert await left(purse, KEY) == 0
    await ingest(database, charges[-1:])
    await purse.close()
    assert (await totals(database))[0] == 10 * DOLLAR
    await database.close()
