"""Budgets of one process: what is set aside, what is charged, and what is said where it does not fit."""

import asyncio
import datetime as dt
import gc
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.access.budgeting import (
    DOLLAR,
    NOON,
    Clock,
    Store,
    covers,
    following,
    held,
    ingest,
    release,
    totals,
    until,
)

from dragoman.access.holder import Budget, Holder
from dragoman.access.purse import BudgetSpentError, Purse, Reservation, Wallet, budget_failure
from dragoman.config.secret import Secret
from dragoman.conversation.failure import FailureKind
from dragoman.dialects.anthropic.errors import render_error as anthropic_error
from dragoman.dialects.gemini.errors import render_error as gemini_error
from dragoman.dialects.openai_chat.errors import render_error as openai_error
from dragoman.store.engine import Database

pytestmark = pytest.mark.anyio

DAY = Budget(10 * DOLLAR, "day")
MONTH = Budget(100 * DOLLAR, "month", "Europe/Berlin")
KEY = held("key", "ci", DAY, MONTH)
TEAM = held("team", "x", Budget(5 * DOLLAR, "month"))


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
    purse = Purse(store, "worker", clock, patience=0.3)
    yield purse
    store.away = False
    await purse.close()


async def refused(purse: Purse, budgets: Sequence[tuple[Holder, Budget]], nanos: int) -> BudgetSpentError:
    with pytest.raises(BudgetSpentError) as raised:
        await purse.reserve(budgets, nanos)
    return raised.value


async def test_what_is_set_aside_is_charged_to_every_budget(purse: Purse) -> None:
    reservation = await purse.reserve(KEY + TEAM, DOLLAR)
    charges = reservation.settle(DOLLAR // 4)
    assert [(one.account, one.amount) for one in charges] == [
        ("key:ci-id/day/UTC/1795305600", DOLLAR // 4),
        ("key:ci-id/month/Europe/Berlin/1793487600", DOLLAR // 4),
        ("team:x-id/month/UTC/1793491200", DOLLAR // 4),
    ]
    assert len({one.lease for one in charges}) == 3


async def test_the_rest_of_what_was_set_aside_is_free_at_once(purse: Purse, store: Store) -> None:
    for _ in range(40):
        (await purse.reserve(KEY, 10 * DOLLAR)).settle(0)
    assert store.asked == ["take", "take"]
    first = await purse.reserve(KEY, 6 * DOLLAR)
    assert (await refused(purse, KEY, 6 * DOLLAR)).left == 4 * DOLLAR
    first.settle(4 * DOLLAR)
    second = await purse.reserve(KEY, 6 * DOLLAR)
    assert (await refused(purse, KEY, 1)).left == 0
    second.release()


async def test_all_budgets_are_set_aside_or_none(purse: Purse) -> None:
    for _ in range(3):
        error = await refused(purse, KEY + TEAM, 6 * DOLLAR)
        assert error.holder.name == "x"
        assert (error.left, error.needed, error.budget.most) == (5 * DOLLAR, 6 * DOLLAR, 5 * DOLLAR)
    (await purse.reserve(KEY, 10 * DOLLAR)).release()


async def test_a_lease_that_is_large_enough_is_spent_without_waiting(purse: Purse, store: Store) -> None:
    (await purse.reserve(KEY, DOLLAR // 1000)).release()
    assert store.asked == ["take", "take"]
    reservations: list[Reservation] = []
    for _ in range(50):
        waiting = purse.reserve(KEY, DOLLAR // 1000)
        # a coroutine that never waits ends with the first step
        with pytest.raises(StopIteration) as ended:
            waiting.send(None)
        reservations.append(ended.value.value)
    assert store.asked == ["take", "take"]
    release(reservations)


async def test_whoever_spends_much_asks_seldom_and_whoever_pauses_gets_little_again(
    purse: Purse, store: Store, clock: Clock
) -> None:
    budgets = held("key", "busy", Budget(1_000_000 * DOLLAR, "month"))

    async def spend(count: int) -> int:
        store.asked.clear()
        for _ in range(count):
            (await purse.reserve(budgets, DOLLAR)).settle(DOLLAR)
        return store.asked.count("take")

    assert await spend(64) == 1
    assert await spend(256 + 1024 + 4096) == 3
    clock.now += 30
    assert await spend(1) == 1
    assert purse.held()[0] == 1023 * DOLLAR


async def test_more_is_asked_for_before_it_is_needed_while_there_is_plenty(
    purse: Purse, store: Store, clock: Clock
) -> None:
    rich = held("key", "rich", Budget(1_000_000 * DOLLAR, "month"))
    poor = held("key", "poor", Budget(80 * DOLLAR, "month"))

    async def spend(budgets: Sequence[tuple[Holder, Budget]], count: int) -> None:
        for _ in range(count):
            (await purse.reserve(budgets, DOLLAR)).settle(DOLLAR)

    await spend(rich, 40)
    await purse.tend()
    assert store.asked.count("take") == 1
    await spend(rich, 12)
    await purse.tend()
    assert store.asked.count("take") == 2
    store.asked.clear()
    await spend(rich, 12 + 250)
    assert store.asked.count("take") == 0
    await purse.tend()
    # of what is little, others may need the rest
    await spend(poor, 4)
    store.asked.clear()
    await purse.tend()
    assert store.asked.count("take") == 0


async def test_many_that_need_more_at_once_ask_once(purse: Purse, store: Store) -> None:
    async def attempt() -> Reservation | BudgetSpentError:
        try:
            return await purse.reserve(KEY[:1], DOLLAR)
        except BudgetSpentError as error:
            return error

    outcomes = await asyncio.gather(*(attempt() for _ in range(200)))
    assert sum(isinstance(one, Reservation) for one in outcomes) == 10
    # one question lends what there is, one more makes sure that this was all
    assert store.asked == ["take", "take"]
    release(outcomes)


async def test_whoever_leaves_while_the_store_is_asked_loses_nothing(purse: Purse, store: Store) -> None:
    store.slow = asyncio.Event()
    waiting = [asyncio.ensure_future(purse.reserve(KEY[:1], 10 * DOLLAR)) for _ in range(2)]
    await asyncio.sleep(0.01)
    waiting[0].cancel()
    store.slow.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    (await waiting[1]).release()
    assert store.asked == ["take"]
    task = asyncio.ensure_future(purse.reserve(KEY[1:], 100 * DOLLAR))
    store.slow.clear()
    await asyncio.sleep(0.01)
    task.cancel()
    store.slow.set()
    (await purse.reserve(KEY[1:], 100 * DOLLAR)).release()


async def test_more_than_was_set_aside_is_charged_and_seen_by_those_that_follow(
    purse: Purse, database: Database
) -> None:
    first = await purse.reserve(KEY[:1], DOLLAR)
    second = await purse.reserve(KEY[:1], 4 * DOLLAR)
    charges = first.settle(7 * DOLLAR)
    # as much as there is out of the lease, the rest out of none
    assert [one.amount for one in charges] == [5 * DOLLAR, 2 * DOLLAR]
    assert charges[0].lease
    assert not charges[1].lease
    assert (await refused(purse, KEY[:1], DOLLAR)).left == 0
    charges += second.settle(DOLLAR)
    (await purse.reserve(KEY[:1], 2 * DOLLAR)).release()
    assert (await refused(purse, KEY[:1], 2 * DOLLAR + 1)).left == 2 * DOLLAR
    await ingest(database, charges)
    assert (await totals(database))[0] == 8 * DOLLAR


async def test_a_reservation_is_settled_once(purse: Purse) -> None:
    reservation = await purse.reserve(KEY, DOLLAR)
    reservation.settle(5)
    reservation.release()
    with pytest.raises(RuntimeError):
        reservation.settle(5)


async def test_what_costs_nothing_is_set_aside_and_charged_nowhere(purse: Purse, store: Store) -> None:
    (await purse.reserve(KEY[:1], 10 * DOLLAR)).settle(10 * DOLLAR)
    assert (await purse.reserve(KEY[:1], 0)).settle(0) == ()
    assert (await purse.reserve([], 5)).settle(5) == ()
    assert store.asked == ["take"]


async def test_what_was_said_to_cost_nothing_counts_when_it_has_cost_something(purse: Purse) -> None:
    (await purse.reserve(KEY[:1], 0)).settle(2 * DOLLAR)
    assert (await refused(purse, KEY[:1], 9 * DOLLAR)).left == 8 * DOLLAR


async def test_a_reservation_that_nobody_settles_is_a_bug_that_is_told(
    purse: Purse,
) -> None:
    reservation = await purse.reserve(KEY[:1], 10 * DOLLAR)
    with capture_logs() as entries:
        del reservation
        gc.collect()
    assert [(one["log_level"], one["nanos"]) for one in entries] == [("error", 10 * DOLLAR)]
    assert entries[0]["accounts"] == ["key:ci-id/day/UTC/1795305600"]
    (await purse.reserve(KEY[:1], 10 * DOLLAR)).release()


async def test_of_two_budgets_of_one_account_the_smaller_holds_and_pays_once(purse: Purse) -> None:
    budgets = held("key", "ci", Budget(10 * DOLLAR, "day"), Budget(3 * DOLLAR, "day"))
    for _ in range(2):
        assert (await refused(purse, budgets, 4 * DOLLAR)).budget.most == 3 * DOLLAR
        reservation = await purse.reserve(budgets, 3 * DOLLAR)
        assert [one.amount for one in reservation.settle(DOLLAR)] == [DOLLAR]
        assert (await refused(purse, budgets, 3 * DOLLAR)).left == 2 * DOLLAR
        budgets = held("key", "other", *(budget for _, budget in budgets))
    (await purse.reserve(TEAM * 2, DOLLAR)).release()
    assert [one.amount for one in (await purse.reserve(TEAM * 2, DOLLAR)).settle(5)] == [5]


async def test_what_is_covered_can_be_known_without_asking(purse: Purse, store: Store) -> None:
    assert not covers(purse, KEY, 1)
    (await purse.reserve(KEY, 10 * DOLLAR)).release()
    asked = list(store.asked)
    assert covers(purse, KEY, 10 * DOLLAR)
    assert not covers(purse, KEY, 10 * DOLLAR + 1)
    assert not covers(purse, KEY + TEAM, 1)
    assert covers(purse, [], 1)
    assert store.asked == asked


async def found_again(purse: Purse, budgets: Sequence[tuple[Holder, Budget]], nanos: int) -> Wallet:
    """A wallet that has found what the purse holds."""
    (await purse.reserve(budgets, nanos)).release()
    wallet = Wallet(budgets)
    reservation = purse.reserve_held(wallet, nanos)
    assert reservation is not None
    reservation.release()
    return wallet


async def test_what_was_found_before_is_not_spent_beyond_the_end_of_its_period(
    purse: Purse, clock: Clock
) -> None:
    wallet = await found_again(purse, KEY[:1], DOLLAR)
    clock.now += 12 * 3600
    assert purse.reserve_held(wallet, DOLLAR) is None
    (await purse.reserve(KEY[:1], DOLLAR)).release()
    reservation = purse.reserve_held(wallet, DOLLAR)
    assert reservation is not None
    assert [one.account for one in reservation.settle(DOLLAR)] == ["key:ci-id/day/UTC/1795392000"]


async def test_what_was_found_before_is_held_to_a_limit_that_was_lowered_meanwhile(purse: Purse) -> None:
    wallet = await found_again(purse, KEY[:1], 10 * DOLLAR)
    lower = held("key", "ci", Budget(6 * DOLLAR, "day"))
    (await purse.reserve(lower, 6 * DOLLAR)).release()
    assert purse.reserve_held(wallet, DOLLAR) is None
    assert purse.reserve_held(wallet, DOLLAR) is None
    assert covers(purse, lower, 6 * DOLLAR)


async def test_what_was_found_before_is_not_spent_when_its_lease_is_over(purse: Purse, clock: Clock) -> None:
    wallet = await found_again(purse, KEY, DOLLAR)
    clock.now += 55
    assert purse.reserve_held(wallet, 1) is None


async def test_what_was_found_before_is_found_again_after_it_was_given_back(
    purse: Purse, clock: Clock, database: Database
) -> None:
    wallet = await found_again(purse, KEY, DOLLAR)
    clock.now += 5
    await purse.tend()
    assert (await totals(database))[1] == 0
    assert purse.reserve_held(wallet, 1) is None
    (await purse.reserve(KEY, DOLLAR)).release()
    reservation = purse.reserve_held(wallet, DOLLAR)
    assert reservation is not None
    assert sum(one.amount for one in reservation.settle(DOLLAR)) == 2 * DOLLAR


async def test_what_is_left_of_one_budget_is_not_set_aside_where_another_lacks(purse: Purse) -> None:
    wallet = await found_again(purse, KEY, DOLLAR)
    open_ = await purse.reserve(KEY[:1], 10 * DOLLAR)
    assert purse.reserve_held(wallet, DOLLAR) is None
    open_.release()
    assert purse.held()[1] == 0


async def test_a_period_ends_for_new_requests_only(purse: Purse, clock: Clock, database: Database) -> None:
    before = await purse.reserve(KEY[:1], 7 * DOLLAR)
    clock.now += 12 * 3600
    after = await purse.reserve(KEY[:1], 10 * DOLLAR)
    charges = before.settle(6 * DOLLAR) + after.settle(9 * DOLLAR)
    assert [(one.account, one.amount) for one in charges] == [
        ("key:ci-id/day/UTC/1795305600", 6 * DOLLAR),
        ("key:ci-id/day/UTC/1795392000", 9 * DOLLAR),
    ]
    await ingest(database, charges)
    assert (await refused(purse, KEY[:1], 2 * DOLLAR)).left == DOLLAR


async def test_a_lowered_budget_refuses_at_once_and_a_raised_one_admits_at_once(purse: Purse) -> None:
    spent = await purse.reserve(KEY[:1], 5 * DOLLAR)
    spent.settle(5 * DOLLAR)
    (await purse.reserve(KEY[:1], 5 * DOLLAR)).release()
    lower = held("key", "ci", Budget(6 * DOLLAR, "day"))
    assert (await refused(purse, lower, 2 * DOLLAR)).left == DOLLAR
    (await purse.reserve(lower, DOLLAR)).release()
    lowest = held("key", "ci", Budget(4 * DOLLAR, "day"))
    assert (await refused(purse, lowest, 1)).left == 0
    higher = held("key", "ci", Budget(20 * DOLLAR, "day"))
    (await purse.reserve(higher, 15 * DOLLAR)).release()
    assert (await refused(purse, higher, 16 * DOLLAR)).left == 15 * DOLLAR


async def test_a_lease_that_was_not_renewed_in_time_is_not_spent(
    purse: Purse, store: Store, clock: Clock, database: Database
) -> None:
    (await purse.reserve(KEY[:1], 10 * DOLLAR)).release()
    clock.now += 61
    other = Purse(Store(database), "other", clock, patience=0)
    taken = await other.reserve(KEY[:1], 6 * DOLLAR)
    assert (await refused(purse, KEY[:1], 5 * DOLLAR)).left == 4 * DOLLAR
    (await purse.reserve(KEY[:1], 4 * DOLLAR)).release()
    taken.settle(6 * DOLLAR)
    await other.close()


async def test_a_lease_that_nobody_else_needed_lives_on(purse: Purse, store: Store, clock: Clock) -> None:
    reservation = await purse.reserve(KEY[:1], DOLLAR)
    (await purse.reserve(KEY[:1], 9 * DOLLAR)).release()
    clock.now += 3600
    (await purse.reserve(KEY[:1], 9 * DOLLAR)).release()
    assert store.asked == ["take", "take", "renew"]
    reservation.release()


async def test_open_requests_whose_lease_was_taken_away_count_all_the_same(
    purse: Purse, clock: Clock, database: Database
) -> None:
    open_ = await purse.reserve(KEY[:1], 4 * DOLLAR)
    clock.now += 61
    other = Purse(Store(database), "other", clock, patience=0)
    taken = await other.reserve(KEY[:1], 6 * DOLLAR + 1)
    taken.release()
    await other.close()
    # here 4 dollars are open: no more than 6 are free
    assert (await refused(purse, KEY[:1], 6 * DOLLAR + 1)).left == 6 * DOLLAR
    last = await purse.reserve(KEY[:1], 6 * DOLLAR)
    await ingest(database, open_.settle(4 * DOLLAR) + last.settle(6 * DOLLAR))
    assert await totals(database) == (10 * DOLLAR, 0)


async def test_closing_gives_back_what_is_not_used(purse: Purse, database: Database) -> None:
    reservation = await purse.reserve(KEY, 4 * DOLLAR)
    other = await purse.reserve(TEAM, DOLLAR)
    charges = reservation.settle(3 * DOLLAR)
    await purse.close()
    # what is charged and what is open is kept for it
    assert await totals(database) == (0, 7 * DOLLAR)
    await ingest(database, charges + other.settle(DOLLAR))
    assert await totals(database) == (7 * DOLLAR, 0)


async def test_what_is_idle_goes_back_and_all_of_it_at_once(database: Database) -> None:
    store = Store(database)
    loop = asyncio.get_running_loop()
    purse = Purse(store, "worker", lambda: NOON + loop.time(), idle_time=0.2)
    budgets = [pair for number in range(20) for pair in held("key", f"key {number}", DAY)]
    open_ = await purse.reserve(budgets[:1], DOLLAR)
    for pair in budgets:
        (await purse.reserve([pair], DOLLAR // 100)).settle(5)
    spent, lent = await totals(database)
    assert lent > DOLLAR + 20 * DOLLAR // 100
    async with following(purse):
        await until(lambda: "give_back" in store.asked)
    # one is open, and of each as much is kept as was charged
    assert await totals(database) == (spent, DOLLAR + 20 * 5)
    assert store.asked.count("give_back") == 1
    open_.release()
    await purse.close()


async def test_leases_are_renewed_as_long_as_something_of_them_is_in_use(database: Database) -> None:
    store, loop = Store(database), asyncio.get_running_loop()

    def now() -> float:
        return NOON + loop.time()

    purse = Purse(store, "worker", now, lease_time=0.9, idle_time=0.1)
    reservation = await purse.reserve(KEY[:1], 4 * DOLLAR)
    other = Purse(Store(database), "other", now, patience=0)
    async with following(purse):
        await asyncio.sleep(1.5)
        assert (await refused(other, KEY[:1], 7 * DOLLAR)).left == 6 * DOLLAR
        charges = reservation.settle(4 * DOLLAR)
        # what the ledger has not taken yet is held for it
        await asyncio.sleep(1.5)
        assert (await refused(other, KEY[:1], 7 * DOLLAR)).left == 6 * DOLLAR
        await ingest(database, charges)
        store.asked.clear()
        await asyncio.sleep(1)
        assert store.asked.count("renew") == 1  # the one that finds that nothing is left of it
    await other.close()
    await purse.close()


async def test_a_process_without_budgets_asks_nothing(purse: Purse, store: Store) -> None:
    async with following(purse):
        await asyncio.sleep(0.6)
    await purse.close()
    assert store.asked == []


# --- what the client is told -----------------------------------------------------------------------


def told(budget: Budget, left: int, resets_at: float | None = None, least: int = 0, name: str = "ci") -> str:
    holder = Holder("key", "id", name, budgets=(budget,))
    return budget_failure(BudgetSpentError(holder, budget, left, 2 * DOLLAR, resets_at), least).message


def test_a_refusal_says_which_budget_how_much_is_left_and_when_it_resets() -> None:
    ends = dt.datetime(2026, 12, 1, tzinfo=dt.UTC).timestamp() - 3600
    assert told(MONTH, DOLLAR // 4, ends, least=DOLLAR // 4) == (
        "The monthly budget of the key 'ci' does not admit this request: $0.25 of $100.00 can be spent now, "
        "and it may cost up to $2.00. It resets at 2026-12-01T00:00:00+01:00 (Europe/Berlin)."
    )
    assert told(MONTH, DOLLAR // 4 + 1, ends, least=DOLLAR // 4).endswith(
        " A request that may cost less is still admitted: lower max_tokens."
    )


def test_a_budget_for_good_never_resets() -> None:
    assert told(Budget(DOLLAR, "total"), 0) == (
        "The budget of the key 'ci' does not admit this request: $0.00 of $1.00 can be spent now, and it may "
        "cost up to $2.00."
    )


def test_a_name_cannot_write_lines_of_its_own() -> None:
    assert "\n" not in told(DAY, 0, NOON, name="a\nb\x1b[31m\u2028")


def test_every_format_tells_it_in_its_own_way() -> None:
    holder = Holder("team", "id", "x", budgets=(DAY,))
    failure = budget_failure(BudgetSpentError(holder, DAY, 0, DOLLAR, NOON))
    assert (failure.kind, failure.code, failure.retryable) == (FailureKind.BILLING, "budget_exceeded", False)
    openai, anthropic, gemini = (
        render(failure, "req_1") for render in (openai_error, anthropic_error, gemini_error)
    )
    assert (openai.status, json.loads(openai.body)["error"]["code"]) == (429, "insufficient_quota")
    assert (anthropic.status, json.loads(anthropic.body)["error"]["type"]) == (402, "billing_error")
    assert (gemini.status, json.loads(gemini.body)["error"]["status"]) == (400, "FAILED_PRECONDITION")
    for body in (openai.body, anthropic.body, gemini.body):
        assert json.loads(body)["error"]["message"] == failure.message
