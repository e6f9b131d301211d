"""What the ledger writes: each request once, sums that are right, whatever clients write into a row."""

import msgspec
import pytest
from tests.ledger_books import DAY, NOON, check_books, entry, rows

from dragoman.config.secret import Secret
from dragoman.store.database_leases import DatabaseLeases
from dragoman.store.database_ledger import DatabaseLedger
from dragoman.store.deferred_ledger import DeferredLedger
from dragoman.store.engine import Database
from dragoman.store.entry import AttemptEntry, BodyEntry, Charge, CostRow, Entry, UsageCounts
from dragoman.store.leases import Account, Lease, Wish
from dragoman.store.ledger import UnfitEntriesError
from dragoman.store.ledger_rows import ATTEMPT, BODY, MOST_COST, REQUEST, ROLLUP
from dragoman.store.opening import SharedDatabase
from dragoman.store.tables import ACCOUNTS, ATTEMPTS, BODIES, JOURNALS, REQUESTS

pytestmark = pytest.mark.anyio

ATTEMPT_1 = AttemptEntry(
    target="openai/gpt-4o",
    credential="key 1",
    upstream_dialect="openai_chat",
    plan="passthrough",
    outcome="failed",
    began=NOON + 1.5,
    failure="overloaded",
    error="Overloaded.",
    upstream_status=503,
)
ATTEMPT_2 = AttemptEntry(
    target="azure/gpt-4o",
    credential="key 2",
    upstream_dialect="openai_chat",
    plan="translation",
    outcome="answered",
    began=NOON + 2.5,
    hedge=True,
    resent=1,
    queue=0.25,
    connect=0.5,
    first_byte=0.75,
    first_token=1.0,
    total=2.0,
    upstream_status=200,
    upstream_request_id="req-upstream",
    usage=UsageCounts(*range(1, 12)),
    estimated=True,
    cost=77,
    cost_rows=(CostRow("input", 1, "2.5"), CostRow("output", 2, "10")),
    price_source="genai-prices 0.2.3, 2026-11-22",
)
FULL = Entry(
    request_id="req_1",
    began=NOON + 1.0,
    key_id="abcdef",
    key_name="a key",
    dialect="anthropic",
    model="smart",
    status=200,
    revision=0,
    owner="somebody",
    team_id="t1",
    team_name="the team",
    tags=("a", "b"),
    route="smart",
    target="azure/gpt-4o",
    upstream_dialect="openai_chat",
    plan="translation",
    purpose="",
    stream=True,
    cached=False,
    queue=0.25,
    first_token=1.5,
    total=4.0,
    stop="end",
    losses="top_k",
    usage=UsageCounts(*range(1, 12)),
    estimated=True,
    cost=77,
    node="node 1",
    attempts=(ATTEMPT_1, ATTEMPT_2),
    charges=(Charge("key:abcdef/month/UTC/0", "", 77),),
    bodies=(BodyEntry("request", "application/json", b'{"a": "\xff\x00"}', truncated=True),),
)


@pytest.fixture
def ledger(database: Database) -> DatabaseLedger:
    return DatabaseLedger(database)


async def test_a_request_is_written_with_all_that_is_known_of_it(
    ledger: DatabaseLedger, database: Database
) -> None:
    assert await ledger.add("j", 10, [FULL], 1.0) == 1
    (request,) = await rows(database, REQUESTS)
    usage = msgspec.structs.asdict(FULL.usage)
    simple = {
        name: value
        for name, value in msgspec.structs.asdict(FULL).items()
        if name not in ("usage", "attempts", "charges", "bodies", "tags")
    }
    assert request == {
        **simple,
        **usage,
        "id": request["id"],
        "tags": '["a","b"]',
        "charges": '[["key:abcdef/month/UTC/0","",77]]',
        "attempts": 2,
    }
    first, second = await rows(database, ATTEMPTS)
    assert (first["number"], first["failure"], first["input"], first["cost"]) == (1, "overloaded", None, None)
    assert (second["number"], second["cost_rows"]) == (2, '[["input",1,"2.5"],["output",2,"10"]]')
    said = msgspec.structs.asdict(ATTEMPT_2)
    assert {name: second[name] for name in said if name in second and name != "cost_rows"} == {
        name: value for name, value in said.items() if name not in ("usage", "cost_rows")
    }
    assert {name: second[name] for name in usage} == usage
    (body,) = await rows(database, BODIES)
    assert body == {
        "request_id": "req_1",
        "kind": "request",
        "began": FULL.began,
        "media_type": "application/json",
        "content": FULL.bodies[0].content,
        "truncated": True,
    }
    await check_books(database)


async def test_what_is_not_known_stays_unknown(ledger: DatabaseLedger, database: Database) -> None:
    await ledger.add("j", 10, [entry(1)], 1.0)
    (request,) = await rows(database, REQUESTS)
    unknown = ("first_token", "total", "cost", *UsageCounts.__struct_fields__)
    assert [request[name] for name in unknown] == [None] * len(unknown)
    await check_books(database)


async def test_the_columns_are_those_of_the_tables() -> None:
    entry_fields = [name for name in Entry.__struct_fields__ if name not in ("bodies", "usage")]
    assert sorted(REQUEST) == sorted([*entry_fields, *UsageCounts.__struct_fields__])
    attempt_fields = [name for name in AttemptEntry.__struct_fields__ if name != "usage"]
    assert sorted(ATTEMPT) == sorted(
        [*attempt_fields, "request_id", "number", *UsageCounts.__struct_fields__]
    )
    assert sorted(BODY) == sorted([*BodyEntry.__struct_fields__, "request_id", "began"])
    assert len(ROLLUP) == 18


async def test_the_position_is_written_with_the_rows(ledger: DatabaseLedger, database: Database) -> None:
    assert await ledger.position("j") == 0
    await ledger.add("j", 10, [entry(1)], 1.0)
    await ledger.add("j", 20, [], 2.0)
    await ledger.add("other", 5, [entry(2)], 3.0)
    assert await ledger.position("j") == 20
    assert await rows(database, JOURNALS) == [
        {"name": "j", "position": 20, "updated": 2.0},
        {"name": "other", "position": 5, "updated": 3.0},
    ]
    await ledger.forget(["j", "never known"])
    await ledger.forget([])
    assert await ledger.position("j") == 0
    assert await ledger.position("other") == 5


async def test_what_is_there_already_is_not_written_again(ledger: DatabaseLedger, database: Database) -> None:
    charge = Charge("a", "", 7)
    one = entry(1, cost=7, charges=(charge,), attempts=(ATTEMPT_1,), bodies=FULL.bodies)
    assert await ledger.add("j", 10, [one, one], 1.0) == 1
    assert await ledger.add("k", 10, [entry(2), one], 1.0) == 1
    assert await ledger.add("k", 20, [one], 1.0) == 0
    assert len(await rows(database, REQUESTS)) == 2
    assert len(await rows(database, ATTEMPTS)) == 1
    assert len(await rows(database, BODIES)) == 1
    assert [row["spent"] for row in await rows(database, ACCOUNTS)] == [7]
    await check_books(database)


@pytest.mark.parametrize("together", [True, False])
async def test_a_later_revision_takes_the_place_of_the_earlier(
    ledger: DatabaseLedger, database: Database, *, together: bool
) -> None:
    first = entry(1, cost=7, charges=(Charge("a", "", 7),), attempts=(ATTEMPT_1, ATTEMPT_2), total=1.0)
    second = entry(
        1,
        revision=1,
        began=NOON + DAY,
        key_id="other",
        cost=5,
        charges=(Charge("a", "", 4), Charge("b", "", 5)),
        attempts=(ATTEMPT_2,),
        bodies=FULL.bodies,
    )
    if together:
        await ledger.add("j", 20, [first, second, first], 1.0)
    else:
        await ledger.add("j", 10, [first, entry(2, total=0.5)], 1.0)
        await ledger.add("j", 20, [second], 1.0)
        await ledger.add("j", 20, [first], 1.0)
    request = next(row for row in await rows(database, REQUESTS) if row["request_id"] == "req_1")
    assert (request["revision"], request["cost"], request["key_id"]) == (1, 5, "other")
    assert [row["outcome"] for row in await rows(database, ATTEMPTS)] == ["answered"]
    assert {row["id"]: row["spent"] for row in await rows(database, ACCOUNTS)} == {"a": 4, "b": 5}
    await check_books(database)


@pytest.mark.parametrize("together", [True, False])
async def test_what_a_later_revision_pays_more_is_taken_out_of_the_same_lease(
    ledger: DatabaseLedger, database: Database, *, together: bool
) -> None:
    leases = DatabaseLeases(database)
    account = Account("key:k", "total", "UTC", 0.0, None)
    lease = await leases.take(account, 10_000, Wish(100, 100, 100), "w", "", 1e12, 0.0)
    assert isinstance(lease, Lease)
    first = entry(1, charges=(Charge(account.id, lease.id, 30),))
    second = entry(1, revision=1, charges=(Charge(account.id, lease.id, 45),))
    batches = [[first, second]] if together else [[first], [second]]
    for batch in batches:
        await ledger.add("j", 10, batch, 1.0)
    (balance,) = await leases.balances([account.id], 1.0)
    assert (balance.spent, balance.lent) == (45, 55)
    await check_books(database)


HOSTILE = (
    "'); DROP TABLE requests; --",
    "\x00",
    "a\x00b",
    "\x10" + "0",
    "\ud800",
    "\udcff half",
    "\U0001f600" * 3000,
    "x" * 100_000,
    "%s %(name)s :name ? {}",
    '"}],"cost":0,"x":[{"',
    "\r\n\x1b[31m",
    "\u202e",
)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_any_text_of_a_client_is_only_text(
    ledger: DatabaseLedger, database: Database, text: str
) -> None:
    texts = {
        name: text
        for name in Entry.__struct_fields__
        if isinstance(getattr(FULL, name), str) and name != "request_id"
    }
    attempt_texts = {
        name: text for name in AttemptEntry.__struct_fields__ if isinstance(getattr(ATTEMPT_2, name), str)
    }
    hostile = msgspec.structs.replace(
        FULL,
        **texts,
        tags=(text,),
        attempts=(msgspec.structs.replace(ATTEMPT_2, **attempt_texts),),
        charges=(Charge(text, text, 1),),
        bodies=(BodyEntry("request", text, text.encode("utf-8", "surrogatepass")),),
    )
    assert await ledger.add("j", 10, [entry(1), msgspec.structs.replace(hostile, request_id="req_2")], 1) == 2
    first, second = await rows(database, REQUESTS)
    assert first["model"] == "m"
    written = second["model"]
    assert isinstance(written, str)
    assert written == text[: len(written)].translate(
        {0: "\ufffd", 16: "\ufffd", 0xD800: "\ufffd", 0xDCFF: "\ufffd"}
    )
    assert (second["cost"], second["status"]) == (77, 200)
    assert len(await rows(database, ATTEMPTS)) == 1
    await check_books(database)


async def test_numbers_beyond_reason_are_bounded(ledger: DatabaseLedger, database: Database) -> None:
    beyond = entry(
        1,
        status=10**6,
        usage=UsageCounts(10**18, -(10**18)),
        cost=10**18,
        charges=(Charge("a", "", 10**18),),
        attempts=(msgspec.structs.replace(ATTEMPT_1, upstream_status=10**9, resent=10**9, cost=2**63),),
    )
    assert await ledger.add("j", 10, [beyond], 1) == 1
    assert [row["cost"] for row in await rows(database, REQUESTS)] == [MOST_COST]
    await check_books(database)


@pytest.mark.parametrize("field", ["began", "queue"])
async def test_entries_that_no_row_can_hold_are_told_apart_and_nothing_is_written(
    ledger: DatabaseLedger, database: Database, field: str
) -> None:
    unfit = entry(2, **{field: float("nan")})
    with pytest.raises(UnfitEntriesError) as raised:
        await ledger.add("j", 10, [entry(1), unfit], 1)
    assert "req_" not in str(raised.value)
    assert await rows(database, REQUESTS) == []
    assert await ledger.position("j") == 0


async def test_many_entries_are_written_at_once(ledger: DatabaseLedger, database: Database) -> None:
    many = [entry(number, attempts=(ATTEMPT_1, ATTEMPT_2), cost=number) for number in range(1000)]
    assert await ledger.add("j", 10, many, 1) == 1000
    assert len(await rows(database, ATTEMPTS)) == 2000
    await check_books(database)


async def test_a_store_that_is_opened_later_is_the_same(
    store_url: Secret | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("later")
    shared = SharedDatabase(store_url, folder)
    deferred = DeferredLedger(shared)
    assert await deferred.add("j", 10, [entry(1)], 1.0) == 1
    assert await deferred.position("j") == 10
    await deferred.forget(["j"])
    assert await deferred.position("j") == 0
    await shared.close()
