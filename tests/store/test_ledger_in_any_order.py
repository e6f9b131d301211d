"""Sums that are kept as rows arrive are those that a recount gives, whatever arrives in whatever order."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.ledger_books import HOUR, NOON, check_books, entry, rows

from dragoman.config.secret import Secret
from dragoman.store.database_ledger import DatabaseLedger
from dragoman.store.entry import Charge, Entry, UsageCounts
from dragoman.store.opening import open_database
from dragoman.store.tables import ACCOUNTS, JOURNALS, REQUESTS, ROLLUPS

COUNTS = st.none() | st.integers(0, 100)
# quarters of seconds: their sums are exact
SECONDS = st.none() | st.integers(0, 40).map(lambda quarters: quarters / 4)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    names = st.sampled_from(["", "a", "b"])
    return entry(
        draw(st.integers(0, 5)),
        revision=draw(st.integers(0, 3)),
        began=NOON + draw(st.integers(-30, 30)) * HOUR / 2,
        key_id=draw(names),
        team_id=draw(names),
        route=draw(names),
        target=draw(names),
        failure=draw(st.sampled_from(["", "timeout"])),
        cached=draw(st.booleans()),
        unpriced=draw(st.booleans()),
        usage=UsageCounts(draw(COUNTS), draw(COUNTS), draw(COUNTS), draw(COUNTS)),
        cost=draw(COUNTS),
        total=draw(SECONDS),
        first_token=draw(SECONDS),
        charges=tuple(
            Charge(
                draw(st.sampled_from(["x", "y"])),
                draw(st.sampled_from(["", "lease"])),
                draw(st.integers(0, 9)),
            )
            for _ in range(draw(st.integers(0, 2)))
        ),
    )


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(batches=st.lists(st.lists(entries(), max_size=5), max_size=5))
def test_sums_equal_a_recount(
    store_url: Secret | None, tmp_path: Path, batches: Sequence[Sequence[Entry]]
) -> None:
    async def run() -> None:
        database = open_database(store_url, tmp_path)

        async def clear(connection: AsyncConnection) -> None:
            for table in (REQUESTS, ROLLUPS, ACCOUNTS, JOURNALS):
                await connection.execute(delete(table))

        await database.run(clear, writes=True)
        ledger = DatabaseLedger(database)
        written: dict[str, Entry] = {}
        for position, batch in enumerate(batches):
            await ledger.add("j", position, batch, 0.0)
            for one in batch:
                if one.request_id not in written or written[one.request_id].revision < one.revision:
                    written[one.request_id] = one
            await check_books(database)
        found = {row["request_id"]: row["revision"] for row in await rows(database, REQUESTS)}
        assert found == {name: one.revision for name, one in written.items()}
        costs = sum(int(str(row["cost"] or 0)) for row in await rows(database, REQUESTS))
        assert costs == sum(one.cost or 0 for one in written.values())
        await database.close()

    asyncio.run(run())


@pytest.mark.anyio
async def test_ledgers_that_write_the_same_at_once_write_it_once(
    store_url: Secret | None, tmp_path: Path
) -> None:
    databases = [open_database(store_url, tmp_path) for _ in range(4)]
    many = [entry(number, cost=1, charges=(Charge("x", "", 1),)) for number in range(40)]

    async def write(name: str, ledger: DatabaseLedger, batch: Sequence[Entry]) -> None:
        for start in range(0, len(batch), 8):
            await ledger.add(name, start, batch[start : start + 8], 0.0)

    writers = [
        write(str(place), DatabaseLedger(database), many[place * 10 :] + many[: place * 10])
        for place, database in enumerate(databases)
    ]
    outcomes = await asyncio.gather(*writers, return_exceptions=True)
    # on Postgres two may meet; whoever is second is told so, writes nothing, and tries again
    for place, database in enumerate(databases):
        if outcomes[place] is not None:
            await write(str(place), DatabaseLedger(database), many)
    assert len(await rows(databases[0], REQUESTS)) == 40
    assert [row["spent"] for row in await rows(databases[0], ACCOUNTS)] == [40]
    await check_books(databases[0])
    for database in databases:
        await database.close()
