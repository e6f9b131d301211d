"""Searching the ledger: what is found, in which order, and how quickly it gives up."""

import math
import random
from collections.abc import Sequence

import anyio
import anyio.lowlevel
import msgspec
import pytest

from dragoman.store import ledger_filters, ledger_walk
from dragoman.store.database_ledger import DatabaseLedger
from dragoman.store.engine import Database
from dragoman.store.entry import AttemptEntry, BodyEntry, Charge, CostRow, Entry, UsageCounts
from dragoman.store.ledger_filters import FilterError, Filters, Scope
from dragoman.store.ledger_findings import By, CostItem, Page, Span, Sums
from dragoman.store.ledger_search import LedgerSearch
from dragoman.store.time_limit import SearchLimitError

pytestmark = pytest.mark.anyio

DAY = 86_400
BEGINS = 20_000 * DAY
DAYS = 12
ENDS = BEGINS + DAYS * DAY


@pytest.fixture(params=[("asyncio", {"use_uvloop": True})], ids=["uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """The engine's own tests run on both event loops."""
    return request.param


def entry(number: int, began: float = BEGINS, **said: object) -> Entry:
    """A request like many, but for what is said."""
    usual = Entry(f"req_{number:04}", began, "k1", "one", "openai_chat", "gpt", 200, total=1.0)
    return msgspec.structs.replace(usual, **said)


def drawn(seed: int, count: int) -> list[Entry]:
    """Requests of every kind, in no order; several begin at the same moment."""
    draw = random.Random(seed)  # noqa: S311 - the same each time
    found: list[Entry] = []
    for number in range(count):
        status, failure = draw.choices(
            [
                (200, ""),
                (429, "rate_limit"),
                (503, "overloaded"),
                (499, ""),
                (200, "bad_gateway"),
                (404, "not_found"),
            ],
            [80, 5, 5, 4, 2, 4],
        )[0]
        key = draw.choices(range(30), [60] + [1] * 29)[0]
        attempt = AttemptEntry(
            *("o/g", "1", "openai_chat", "translate", "answered", 0.0),
            upstream_request_id=f"up_{number:04}" if draw.random() < 0.5 else "",
        )
        found.append(
            Entry(
                f"req_{draw.getrandbits(48):012x}",
                BEGINS + draw.randrange(DAYS * 24 * 60) * 60.0,
                *(f"k{key}", f"key {key}"),
                draw.choices(["openai_chat", "anthropic"], [40, 1])[0],
                draw.choice(["gpt", "claude", "pattern_%"]),
                status,
                failure=failure,
                owner=draw.choice(["", "ann", "bob"]),
                team_id="" if key % 3 == 0 else f"t{key % 3}",
                route=draw.choice(["a", "b", ""]),
                target=draw.choices(["o/g", "a/c", "rare/x"], [50, 50, 1])[0],
                stream=draw.random() < 0.5,
                cached=draw.random() < 0.1,
                unpriced=draw.random() < 0.03,
                estimated=draw.random() < 0.05,
                cost=None if draw.random() < 0.1 else int(10 ** draw.uniform(3, 9)),
                total=draw.choice([None, 2.0]),
                attempts=() if status == 404 else (attempt,),
            )
        )
    return found


def fits(entry: Entry, filters: Filters) -> bool:
    """What the filters say, said once more."""
    same = (
        "owner",
        "route",
        "model",
        "target",
        "dialect",
        "status",
        "failure",
        "stream",
        "cached",
        "unpriced",
    )
    outcomes = {
        "ok": entry.status < 400 and not entry.failure,
        "failed": entry.failure != "" and entry.status != 499,
        "left": entry.status == 499,
        "4xx": entry.status in {*range(400, 499)},
        "5xx": entry.status >= 500,
    }
    ids = (entry.request_id, *(attempt.upstream_request_id for attempt in entry.attempts))
    cost = math.nan if entry.cost is None else entry.cost
    return (
        all(getattr(filters, name) in (None, getattr(entry, name)) for name in (*same, "estimated"))
        and (filters.begins is None or entry.began >= filters.begins)
        and (filters.ends is None or entry.began < filters.ends)
        and filters.key in (None, entry.key_id, entry.key_name)
        and filters.team in (None, entry.team_id)
        and (filters.outcome is None or outcomes[filters.outcome])
        and (filters.cost_at_least is None or cost >= filters.cost_at_least)
        and (filters.cost_at_most is None or cost <= filters.cost_at_most)
        and (filters.text is None or any(known.startswith(filters.text) for known in ids))
    )


def some_filters(draw: random.Random, entries: Sequence[Entry]) -> Filters:
    """Something to look for, most of it said of some request."""
    one = draw.choice(entries)
    said: dict[str, object] = {
        "begins": BEGINS + draw.randrange(DAYS * DAY),
        "ends": BEGINS + draw.randrange(DAYS * DAY),
        "key": draw.choice([one.key_id, one.key_name, "nobody"]),
        "team": one.team_id or "t1",
        "owner": one.owner or "ann",
        "route": one.route or "a",
        "model": one.model,
        "target": one.target,
        "dialect": one.dialect,
        "status": one.status,
        "outcome": draw.choice(["ok", "failed", "left", "4xx", "5xx"]),
        "failure": one.failure or "overloaded",
        "cost_at_least": one.cost or 0,
        "cost_at_most": one.cost or 2000,
        "stream": one.stream,
        "cached": one.cached,
        "unpriced": one.unpriced,
        "estimated": one.estimated,
        "text": draw.choice([one.request_id, one.request_id[:7], "req_", "up_01", "up_0100", "%"]),
    }
    chosen = draw.sample(sorted(said), draw.choice([0, 1, 1, 2, 2, 3, 4]))
    if {"begins", "ends"} <= {*chosen} and said["begins"] == said["ends"]:
        chosen.remove("ends")
    wanted = {name: said[name] for name in chosen}
    if "begins" in wanted and "ends" in wanted:
        wanted["begins"], wanted["ends"] = sorted([said["begins"], said["ends"]], key=str)
    return msgspec.convert(wanted, Filters)


async def write(database: Database, entries: Sequence[Entry], journal: str = "j") -> None:
    ledger = DatabaseLedger(database)
    for first in range(0, len(entries), 500):
        await ledger.add(journal, first + 1, entries[first : first + 500], 1.0)


async def everything(search: LedgerSearch, filters: Filters, count: int) -> list[str]:
    """The ids of all pages."""
    found: list[str] = []
    before = None
    for _ in range(1000):
        page = await search.page(filters, before, count)
        found += [row.request_id for row in page.rows]
        if page.next is None:
            return found
        before = page.next
    pytest.fail("There is no end of pages.")


@pytest.fixture
def search(database: Database) -> LedgerSearch:
    """A search that is patient."""
    return LedgerSearch(database, patience=30, limit=30)


@pytest.mark.parametrize(
    "sizes", [(10_000, 500, 16_000), (15, 20, 60), (2, 3, 3)], ids=["usual", "small", "tiny"]
)
async def test_pages_hold_exactly_what_was_asked_for_in_order(
    database: Database, search: LedgerSearch, monkeypatch: pytest.MonkeyPatch, sizes: tuple[int, int, int]
) -> None:
    few, first, largest = sizes
    monkeypatch.setattr(ledger_walk, "MOST_FOUND", few)
    monkeypatch.setattr(ledger_filters, "MOST_FOUND", few)
    monkeypatch.setattr(ledger_filters, "MOST_SORTED", 4 * few)
    monkeypatch.setattr(ledger_walk, "SORTED_SLICE", first)
    monkeypatch.setattr(ledger_walk, "FIRST_SLICE", first)
    monkeypatch.setattr(ledger_walk, "LARGEST_SLICE", largest)
    entries = drawn(1, 100 if few == 2 else 300)
    await write(database, entries)
    draw = random.Random(few)  # noqa: S311 - as above
    # those of one moment are in the order in which they were written
    newest = sorted(enumerate(entries), key=lambda pair: (pair[1].began, pair[0]), reverse=True)
    for _ in range(50):
        filters = some_filters(draw, entries)
        expected = [one.request_id for _, one in newest if fits(one, filters)]
        assert await everything(search, filters, draw.choice([7, 50, 500])) == expected, filters


async def test_rows_that_come_meanwhile_neither_show_twice_nor_shift_pages(
    database: Database, search: LedgerSearch
) -> None:
    await write(database, [entry(number, BEGINS + number) for number in range(10)])
    first = await search.page(Filters(), None, 4)
    await write(database, [entry(number, BEGINS + number) for number in range(100, 110)], "later")
    second = await search.page(Filters(), first.next, 100)
    assert [row.request_id for row in (*first.rows, *second.rows)] == [
        f"req_{n:04}" for n in range(9, -1, -1)
    ]
    assert second.next is None


async def test_an_impatient_search_gives_what_it_has_and_goes_on_from_there(
    database: Database, search: LedgerSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_walk, "MOST_FOUND", 3)
    monkeypatch.setattr(ledger_walk, "FIRST_SLICE", 5)
    monkeypatch.setattr(ledger_walk, "LARGEST_SLICE", 5)
    entries = [entry(number, BEGINS + number, stream=number < 3) for number in range(40)]
    await write(database, entries)
    hasty = LedgerSearch(database, patience=0.0)
    first = await hasty.page(Filters(stream=True))
    assert first.rows == ()
    assert first.next is not None
    assert first.searched is not None
    assert BEGINS + 3 < first.searched < BEGINS + 39
    assert await everything(hasty, Filters(stream=True), 50) == ["req_0002", "req_0001", "req_0000"]
    assert (await search.page(Filters(stream=True))).searched is None


async def test_a_question_that_takes_too_long_is_stopped_with_words_and_the_next_is_answered(
    database: Database,
) -> None:
    await write(database, drawn(2, 2000))
    stopped = LedgerSearch(database, limit=0.001)
    words = r"stopped after 0\.001 seconds\. Ask for a shorter time"
    with pytest.raises(SearchLimitError, match=words):
        await stopped.chart(Scope(), BEGINS, ENDS, "hour", "key")
    # on the same connections
    patient = LedgerSearch(database)
    for _ in range(5):
        chart = await patient.chart(Scope(), BEGINS, ENDS, "hour", "key")
        assert sum(point.sums.requests for line in chart.series for point in line.points) == 2000


@pytest.mark.parametrize(
    "cursor", ["", "!", "AAAA", "x" * 100, "é", "\x00", "\ud800", "f_gAAAAAAAAAAAAAAAAAAA"]
)
async def test_a_wrong_cursor_is_refused(search: LedgerSearch, cursor: str) -> None:
    with pytest.raises(FilterError, match="before: this is no `next` of an earlier page"):
        await search.page(Filters(), cursor)


@pytest.mark.parametrize("count", [0, -1, 501])
async def test_a_page_of_no_size_is_refused(search: LedgerSearch, count: int) -> None:
    with pytest.raises(FilterError, match="count: this has to be from 1 to 500"):
        await search.page(Filters(), None, count)


async def test_a_time_that_ends_before_it_begins_is_refused(search: LedgerSearch) -> None:
    with pytest.raises(FilterError, match="ends: this has to be later than `begins`"):
        await search.page(Filters(begins=5.0, ends=5.0))
    with pytest.raises(FilterError, match="ends: this has to be later than `begins`"):
        await search.chart(Scope(), 5.0, 5.0, "day")
    with pytest.raises(FilterError, match="begins: this is no moment"):
        await search.summary(Scope(), math.nan, 5.0)
    with pytest.raises(FilterError, match="ends: a chart by hour has at most 1488"):
        await search.chart(Scope(), BEGINS, BEGINS + 100 * DAY, "hour")


_NAMES = ("key_id", "key_name", "owner", "team_id", "route", "model", "target", "dialect", "failure")
HOSTILE = (
    "'; DROP TABLE requests; --",
    "%",
    "_",
    "\\",
    "a\x00b",
    "\x10",
    "\x100",
    "\ud800",
    '"',
    "\r\n",
    "é" * 400,
)


@pytest.mark.parametrize("words", HOSTILE, ids=[str(number) for number in range(len(HOSTILE))])
async def test_any_text_can_be_looked_for_and_means_only_itself(
    database: Database, search: LedgerSearch, words: str
) -> None:
    attempt = AttemptEntry("t", "1", "d", "p", "answered", 0.0, upstream_request_id=words)
    named = dict.fromkeys(_NAMES, words)
    hostile = msgspec.structs.replace(entry(2), **named, attempts=(attempt,))
    await write(database, [entry(1), hostile, entry(3)])
    for name in ("key", "team", "owner", "route", "model", "target", "dialect", "failure", "text"):
        page = await search.page(msgspec.structs.replace(Filters(), **{name: words}))
        assert [row.request_id for row in page.rows] == ["req_0002"], name
    assert (await search.summary(Scope(key=words, target=words), BEGINS, ENDS)).requests == 1
    assert await search.entry(words) is None
    assert await search.body(words, words) is None


async def test_a_request_is_shown_with_its_attempts_and_the_cost_line_by_line(
    database: Database, search: LedgerSearch
) -> None:
    attempts = tuple(
        AttemptEntry(
            *(target, "1", "anthropic", "translate", outcome, BEGINS + 1),
            usage=UsageCounts(input=1000, output=20, searches=3),
            cost=33_000_000,
            cost_rows=(
                CostRow("input", 1000, "3"),
                CostRow("output", 20, "0.075"),
                CostRow("searches", 3, "10"),
            ),
            price_source="a list, 2026-11-22",
            upstream_request_id=f"up_{target}",
        )
        for target, outcome in (("a/x", "failed"), ("b/y", "answered"))
    )
    bodies = (
        BodyEntry("request", "application/json", b"{}"),
        BodyEntry("answer", "text/plain", b"Good day", True),
    )
    whole = entry(
        7,
        tags=("x", "y"),
        charges=(Charge("key:k1/month/UTC/0", "", 5),),
        usage=UsageCounts(input=1000),
        attempts=attempts,
        bodies=bodies,
    )
    await write(database, [whole])
    detail = await search.entry("req_0007")
    assert detail is not None
    row = detail.request
    assert (row.tags, row.charges, row.usage, row.attempts) == (whole.tags, whole.charges, whole.usage, 2)
    assert [(one.number, one.target, one.outcome) for one in detail.attempts] == [
        (1, "a/x", "failed"),
        (2, "b/y", "answered"),
    ]
    assert detail.attempts[0].cost_rows == (
        CostItem("input", 1000, "3", "0.003"),
        CostItem("output", 20, "0.075", "0.0000015"),
        CostItem("searches", 3, "10", "0.03"),
    )
    assert {(body.kind, body.size, body.truncated) for body in detail.bodies} == {
        ("request", 2, False),
        ("answer", 8, True),
    }
    answer = await search.body("req_0007", "answer")
    assert answer is not None
    assert (answer.content, answer.media_type, answer.truncated) == (b"Good day", "text/plain", True)
    assert await search.body("req_0007", "other") is None
    assert await search.entry("req_0008") is None
    assert msgspec.json.decode(msgspec.json.encode(detail), type=type(detail)) == detail


_SPANS: tuple[tuple[Span, int], ...] = (("hour", 3600), ("day", DAY))
_FIELDS: tuple[tuple[By | None, str], ...] = (
    *(("key", "key_id"), ("team", "team_id"), ("route", "route"), ("target", "target")),
    (None, ""),
)


async def test_charts_and_totals_are_the_sums_of_the_rows(database: Database, search: LedgerSearch) -> None:
    entries = drawn(3, 500)
    await write(database, entries)
    for span, seconds in _SPANS:
        begins, ends = BEGINS + DAY + 100, BEGINS + 9 * DAY + 7300
        first, last = begins // seconds * seconds, -(-ends // seconds) * seconds
        inside = [one for one in entries if first <= one.began < last]
        for by, field in _FIELDS:
            chart = await search.chart(Scope(), begins, ends, span, by)
            assert (chart.begins, chart.ends) == (first, last)
            for line in chart.series:
                for point in line.points:
                    own = [
                        one
                        for one in inside
                        if (not field or getattr(one, field) == line.id)
                        and point.begins <= one.began < point.begins + seconds
                    ]
                    assert point.sums.requests == len(own) > 0
                    assert point.sums.cost == sum(one.cost or 0 for one in own)
            assert sum(point.sums.requests for line in chart.series for point in line.points) == len(inside)
            costs = [sum(point.sums.cost for point in line.points) for line in chart.series]
            assert costs == sorted(costs, reverse=True)


@pytest.mark.parametrize(("hour", "hours"), [(0, 24), (5, 7), (5, 30), (5, 100), (0, 48), (23, 2)])
async def test_totals_are_of_whole_hours_wherever_days_begin(
    database: Database, search: LedgerSearch, hour: int, hours: int
) -> None:
    entries = [entry(number, BEGINS + number * 1800, cost=2**number % 1009) for number in range(300)]
    await write(database, entries)
    begins = BEGINS + DAY + hour * 3600
    inside = [one for one in entries if begins <= one.began < begins + hours * 3600]
    total = await search.summary(Scope(), begins + 1, begins + hours * 3600 - 1)
    assert total == Sums(len(inside), cost=sum(one.cost or 0 for one in inside), total=float(len(inside)))
    assert await search.summary(Scope(key="two"), begins, begins + 3600) == Sums()


async def test_the_first_of_a_list_have_most(database: Database, search: LedgerSearch) -> None:
    entries = drawn(4, 400)
    await write(database, entries)
    by_cost = await search.top(Scope(), BEGINS, ENDS, "key", 3)
    costs = {
        key: sum(one.cost or 0 for one in entries if one.key_id == key)
        for key in {one.key_id for one in entries}
    }
    assert [(share.id, share.sums.cost) for share in by_cost] == sorted(
        costs.items(), key=lambda pair: -pair[1]
    )[:3]
    assert by_cost[0].name == f"key {by_cost[0].id[1:]}"
    failures = await search.top(Scope(team="t1"), BEGINS, ENDS, "target", 10, "failures")
    assert sum(share.sums.failures for share in failures) == sum(
        one.failure != "" for one in entries if one.team_id == "t1"
    )
    measures = [share.sums.failures for share in failures]
    assert measures == sorted(measures, reverse=True)


async def test_an_empty_ledger_has_empty_answers(search: LedgerSearch) -> None:
    for filters in (
        Filters(),
        Filters(key="k"),
        Filters(target="t"),
        Filters(outcome="failed"),
        Filters(text="r"),
    ):
        assert await search.page(filters) == Page(())
    assert (await search.chart(Scope(), BEGINS, ENDS, "day", "key")).series == ()
    assert await search.summary(Scope(), BEGINS, ENDS) == Sums()
    assert await search.top(Scope(), BEGINS, ENDS, "route") == ()


async def test_no_more_than_two_searches_take_connections(database: Database, search: LedgerSearch) -> None:
    await write(database, drawn(5, 300))
    done: list[int] = []

    async def one(number: int) -> None:
        await search.chart(Scope(), BEGINS, ENDS, "hour", "key")
        done.append(number)

    async with anyio.create_task_group() as group:
        for number in range(12):
            group.start_soon(one, number)
        await anyio.lowlevel.checkpoint()
        await write(database, [entry(9999)], "another")
    assert sorted(done) == list(range(12))


async def test_a_row_that_was_replaced_is_found_as_it_is_now(
    database: Database, search: LedgerSearch
) -> None:
    ledger = DatabaseLedger(database)
    await ledger.add("j", 1, [entry(1, target="a/b", cost=5)], 1.0)
    await ledger.add(
        "j", 2, [entry(1, target="c/d", cost=7, status=503, failure="overloaded", revision=1)], 1.0
    )
    assert (await search.page(Filters(target="a/b"))).rows == ()
    (row,) = (await search.page(Filters(target="c/d", outcome="failed"))).rows
    assert (row.cost, row.revision) == (7, 1)
    chart = await search.chart(Scope(), BEGINS, ENDS, "day", "target")
    assert [(line.id, line.points[0].sums.cost) for line in chart.series] == [("c/d", 7)]
