"""Entries of the ledger, as a gateway writes them down."""

import msgspec

from dragoman.store.database_ledger import DatabaseLedger
from dragoman.store.engine import Database
from dragoman.store.entry import AttemptEntry, Charge, CostRow, Entry, UsageCounts

BEGAN = 1_795_354_200.0
"""Half an hour before the clock of the tests."""

USAGE = UsageCounts(input=1000, output=100, cache_read=50)


def entry(number: int, **fields: object) -> Entry:
    """One request; the higher its number, the later."""
    attempt = AttemptEntry(
        target="openai/gpt-4o",
        credential="openai",
        upstream_dialect="openai_chat",
        plan="translation",
        outcome="answered",
        began=BEGAN + number,
        first_token=0.25,
        total=1.5,
        upstream_status=200,
        upstream_request_id=f"up_{number}",
        usage=USAGE,
        cost=3_500_000,
        cost_rows=(CostRow("input", 1000, "2.5"), CostRow("output", 100, "10")),
        price_source="the configuration",
    )
    made = Entry(
        request_id=f"req_{number}",
        began=BEGAN + number,
        key_id="key_1",
        key_name="ada",
        dialect="anthropic",
        model="gpt-4o",
        status=200,
        route="gpt-4o",
        target="openai/gpt-4o",
        upstream_dialect="openai_chat",
        plan="translation",
        first_token=0.25,
        total=1.5,
        stop="end_turn",
        usage=USAGE,
        cost=3_500_000,
        node="node-1",
        attempts=(attempt,),
        charges=(Charge("key:key_1/month/UTC/0", "", 3_500_000),),
    )
    return msgspec.structs.replace(made, **fields)


async def written(database: Database, *entries: Entry) -> None:
    """Have these in the ledger."""
    await DatabaseLedger(database).add("tests", 1, entries, BEGAN)
