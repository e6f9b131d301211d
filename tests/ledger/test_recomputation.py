"""Computing costs once more: exact, at any number of times, broken off at any moment."""

import random
from decimal import Decimal

import msgspec
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.config.bookkeeping import Ledger
from dragoman.config.price_settings import PriceSettings
from dragoman.ledger import recomputation
from dragoman.ledger.pricing import Pricing
from dragoman.ledger.recomputation import Correction, recompute
from dragoman.models.price import Price
from dragoman.models.prices import Prices
from dragoman.store.database_leases import DatabaseLeases
from dragoman.store.database_ledger import DatabaseLedger
from dragoman.store.engine import Database
from dragoman.store.entry import AttemptEntry, Charge, CostRow, Entry, UsageCounts
from dragoman.store.ledger_costs import AttemptCost, Corrected, DatabaseCosts
from dragoman.store.ledger_filters import Filters, Scope
from dragoman.store.ledger_search import LedgerSearch
from dragoman.store.tables import ATTEMPTS, REQUESTS

pytestmark = pytest.mark.anyio

BEGINS = 20_000 * 86_400
ENDS = BEGINS + 3 * 86_400
KEY, TEAM = "key:k1/month/UTC/0", "team:t1/total/UTC/0"


@pytest.fixture(params=[("asyncio", {"use_uvloop": True})], ids=["uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """What runs in production."""
    return request.param


def prices(**said: str) -> Pricing:
    """Prices of the models `own/NAME`: so many dollars for a million input tokens, four times that for
    output.
    """
    known = {f"own/{name}": Price(Decimal(price), 4 * Decimal(price)) for name, price in said.items()}
    return Pricing(Prices(known), Ledger())


def attempt(pricing: Pricing, model: str, usage: UsageCounts) -> AttemptEntry:
    """An attempt, with what it costs at these prices."""
    correction = Correction(pricing)
    cost = correction(AttemptCost(f"own/{model}", usage, None, (), "", usage != UsageCounts()))
    return AttemptEntry(
        *(f"own/{model}", "1", "openai_chat", "translate", "answered", 0.0),
        usage=usage,
        cost=cost.cost,
        cost_rows=cost.rows,
        price_source=cost.source,
        unpriced=cost.unpriced,
    )


def entries(pricing: Pricing, count: int = 60, seed: int = 1) -> list[Entry]:
    """Requests with up to three attempts at two models, of which two accounts pay all."""
    draw = random.Random(seed)  # noqa: S311 - the same each time
    found: list[Entry] = []
    for number in range(count):
        attempts = tuple(
            attempt(
                pricing,
                draw.choice(["a", "b", "free"]),
                UsageCounts(input=draw.randrange(5000), output=draw.randrange(500))
                if draw.random() < 0.9
                else UsageCounts(),
            )
            for _ in range(draw.randrange(4))
        )
        known = [one.cost for one in attempts if one.cost is not None]
        charges = [Charge(account, "", cost) for account in (KEY, TEAM) for cost in known]
        found.append(
            Entry(
                f"req_{number}",
                BEGINS + draw.randrange(2 * 86_400),
                *("k1", "one", "openai_chat", "gpt", 200),
                team_id="t1",
                target=attempts[-1].target if attempts else "",
                cost=sum(known) if known else None,
                unpriced=any(one.unpriced for one in attempts),
                attempts=attempts,
                charges=tuple(charges),
            )
        )
    return found


async def write(database: Database, rows: list[Entry], journal: str = "j") -> None:
    await DatabaseLedger(database).add(journal, 1, rows, 1.0)


async def corrected(
    database: Database, pricing: Pricing, *, dry: bool = False, pattern: str | None = None
) -> Corrected:
    return await recompute(
        DatabaseCosts(database),
        Correction(pricing, pattern),
        BEGINS,
        ENDS,
        lambda: 2.0,
        lambda _: None,
        dry=dry,
    )


async def state(database: Database) -> dict[str, object]:
    """All that a correction may change."""

    async def work(connection: AsyncConnection) -> dict[str, object]:
        requests = await connection.execute(
            select(REQUESTS.c.request_id, REQUESTS.c.cost, REQUESTS.c.unpriced, REQUESTS.c.charges).order_by(
                REQUESTS.c.request_id
            )
        )
        attempts = await connection.execute(
            select(
                ATTEMPTS.c.request_id,
                ATTEMPTS.c.number,
                ATTEMPTS.c.cost,
                ATTEMPTS.c.cost_rows,
                ATTEMPTS.c.unpriced,
            ).order_by(ATTEMPTS.c.request_id, ATTEMPTS.c.number)
        )
        return {"requests": [*map(tuple, requests)], "attempts": [*map(tuple, attempts)]}

    found = await database.run(work)
    search = LedgerSearch(database)
    charts = [await search.chart(Scope(), BEGINS, ENDS, span, "target") for span in ("hour", "day")]
    balances = await DatabaseLeases(database).balances([KEY, TEAM], 2.0)
    return {**found, "charts": charts, "spent": [(one.account, one.spent) for one in balances]}


async def assert_sums_agree(database: Database, *, charged: bool = True) -> int:
    """Attempts, requests, sums of hours and of days, and both accounts tell of the same amount of money.
    Without `charged`, accounts may tell of less.
    """

    async def work(connection: AsyncConnection) -> list[int]:
        return [
            int((await connection.execute(select(func.coalesce(func.sum(table.c.cost), 0)))).scalar_one())
            for table in (REQUESTS, ATTEMPTS)
        ]

    whole, parts = await database.run(work)
    search = LedgerSearch(database)
    assert whole == parts
    for span in ("hour", "day"):
        chart = await search.chart(Scope(), BEGINS, ENDS, span)
        assert sum(point.sums.cost for line in chart.series for point in line.points) == whole
        rows = await search.page(Filters(unpriced=True), None, 500)
        assert sum(point.sums.unpriced for line in chart.series for point in line.points) == len(rows.rows)
    for balance in await DatabaseLeases(database).balances([KEY, TEAM], 2.0):
        assert balance.spent == whole or not charged
    return whole


async def test_everything_is_as_if_it_had_had_the_new_prices_from_the_start(database: Database) -> None:
    old, new = prices(a="3", b="0.5"), prices(a="2.5", b="0.75")
    await write(database, entries(old))
    before = await assert_sums_agree(database)
    done = await corrected(database, new)
    expected = entries(new)
    assert await assert_sums_agree(database) == done.after == sum(one.cost or 0 for one in expected)
    assert (done.requests, done.before) == (60, before)
    search = LedgerSearch(database)
    for one in expected:
        detail = await search.entry(one.request_id)
        assert detail is not None
        assert (detail.request.cost, detail.request.unpriced) == (one.cost, one.unpriced)
        for row, own in zip(detail.attempts, one.attempts, strict=True):
            assert (row.cost, row.unpriced, row.price_source) == (own.cost, own.unpriced, own.price_source)
            assert [(line.kind, line.count, line.price) for line in row.cost_rows] == [
                (line.kind, line.count, line.price) for line in own.cost_rows
            ]


async def test_twice_is_once(database: Database) -> None:
    await write(database, entries(prices(a="3", b="0.5")))
    new = prices(a="2.5", b="0.75", free="1")
    first = await corrected(database, new)
    there = await state(database)
    second = await corrected(database, new)
    assert second == Corrected(60, 0, 0, first.after, first.after, second.unpriced)
    assert await state(database) == there


async def test_a_dry_run_says_the_same_and_changes_nothing(database: Database) -> None:
    await write(database, entries(prices(a="3")))
    there = await state(database)
    new = prices(a="4", b="1")
    said = await corrected(database, new, dry=True)
    assert await state(database) == there
    assert said.changed > 0
    assert await corrected(database, new) == said


async def test_what_had_no_price_gets_one_and_is_not_marked_any_more(database: Database) -> None:
    usage = UsageCounts(input=1000, output=100)
    await write(
        database,
        [
            Entry(
                "r", BEGINS, "k", "k", "d", "m", 200, unpriced=True, attempts=(attempt(prices(), "a", usage),)
            )
        ],
    )
    done = await corrected(database, prices(a="2"))
    assert (done.before, done.after, done.unpriced) == (0, 2_800_000, 0)
    (row,) = (await LedgerSearch(database).page(Filters())).rows
    assert (row.cost, row.unpriced) == (2_800_000, False)
    assert (await LedgerSearch(database).summary(Scope(), BEGINS, ENDS)).unpriced == 0


async def test_what_has_no_price_any_more_keeps_its_cost(database: Database) -> None:
    await write(database, entries(prices(a="3", b="0.5")))
    there = await state(database)
    done = await corrected(database, prices(b="0.5"))
    assert done.changed == 0
    assert await state(database) == there


async def test_an_assumed_price_takes_no_real_ones_place(database: Database) -> None:
    await write(database, entries(prices(a="3")))
    assumed = Pricing(
        Prices({"own/a": Price(Decimal(3), Decimal(12))}),
        Ledger(unpriced="assume", assumed_price=PriceSettings(input=1.0, output=1.0)),
    )
    done = await corrected(database, assumed)
    assert done.unpriced == 0
    assert done.after > done.before
    there = await state(database)
    settings = Ledger(unpriced="assume", assumed_price=PriceSettings(input=1.0, output=1.0))
    assert (await corrected(database, Pricing(Prices(), settings))).changed == 0
    assert await state(database) == there
    # what was assumed is put right when it is known
    assert (await corrected(database, prices(a="3", b="9", free="9"))).after > done.after
    # what had no price was charged to nobody, and still is not
    await assert_sums_agree(database, charged=False)


@pytest.mark.parametrize(
    ("pattern", "changed"), [("own/a", "a"), ("B", "b"), ("*", "ab"), ("other/*", ""), ("own/?", "ab")]
)
async def test_only_models_like_the_pattern_are_touched(
    database: Database, pattern: str, changed: str
) -> None:
    await write(database, entries(prices(a="3", b="0.5")))
    await corrected(database, prices(a="4", b="1"), pattern=pattern)
    shown = {"a": "4" if "a" in changed else "3", "b": "1" if "b" in changed else "0.5"}
    assert await assert_sums_agree(database) == sum(one.cost or 0 for one in entries(prices(**shown)))


async def test_only_requests_of_the_time_are_touched(database: Database) -> None:
    rows = [
        msgspec.structs.replace(one, began=BEGINS + number)
        for number, one in enumerate(entries(prices(a="1")))
    ]
    await write(database, rows)
    new = prices(a="2")
    done = await recompute(
        DatabaseCosts(database), Correction(new), BEGINS + 10, BEGINS + 20, lambda: 2.0, lambda _: None
    )
    assert done.requests == 10
    expected = entries(new)
    costs = {one.request_id: one.cost for one in (*rows[:10], *expected[10:20], *rows[20:])}
    page = await LedgerSearch(database).page(Filters(), None, 500)
    assert {row.request_id: row.cost for row in page.rows} == costs


@pytest.mark.parametrize("steps", [1, 3, 5])
async def test_broken_off_in_the_middle_and_run_again_it_is_as_if_it_had_not_been(
    database: Database, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    monkeypatch.setattr(recomputation, "BATCH", 7)
    await write(database, entries(prices(a="3", b="0.5")))
    new = prices(a="2.5", b="0.75")
    done = 0

    class BrokenOffError(Exception):
        pass

    right = Correction(new)

    def broken(one: AttemptCost) -> AttemptCost:
        nonlocal done
        done += 1
        if done > 11 * steps:
            raise BrokenOffError
        return right(one)

    with pytest.raises(BrokenOffError):
        await recompute(DatabaseCosts(database), broken, BEGINS, ENDS, lambda: 2.0, lambda _: None)
    middle = await assert_sums_agree(database)
    after = await corrected(database, new)
    assert after.before == middle
    assert await assert_sums_agree(database) == sum(one.cost or 0 for one in entries(new))


async def test_a_later_revision_takes_the_corrected_rows_place_exactly(database: Database) -> None:
    old, new = prices(a="3", b="0.5"), prices(a="2.5", b="0.75")
    await write(database, entries(old))
    await corrected(database, new)
    later = [msgspec.structs.replace(one, revision=1) for one in entries(old)]
    await write(database, later, "later")
    assert await assert_sums_agree(database) == sum(one.cost or 0 for one in later)


async def test_many_requests_of_one_moment_are_all_seen(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recomputation, "BATCH", 4)
    rows = [msgspec.structs.replace(one, began=float(BEGINS)) for one in entries(prices(a="1"))]
    await write(database, rows)
    told: list[int] = []
    done = await recompute(
        DatabaseCosts(database),
        Correction(prices(a="2")),
        BEGINS,
        ENDS,
        lambda: 2.0,
        lambda so_far: told.append(so_far.requests),
    )
    assert done.requests == 60
    assert told == [*range(4, 61, 4)]


def test_an_attempt_without_counts_costs_nothing_new() -> None:
    unknown = AttemptCost("own/a", UsageCounts(), None, (), "", False)
    assert Correction(prices(a="1"))(unknown) is unknown


def test_an_attempt_with_the_right_cost_stays_as_it_is_whatever_its_source_says() -> None:
    there = AttemptCost(
        "own/a", UsageCounts(input=1000), 1_000_000, (CostRow("input", 1000, "1"),), "long ago", False
    )
    assert Correction(prices(a="1"))(there) is there
