"""What every ledger has to fulfil, whatever has happened: its sums are those of its rows."""

from collections import defaultdict
from collections.abc import Iterable

import msgspec
from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.store.engine import Database
from dragoman.store.entry import Charge, Entry
from dragoman.store.tables import ACCOUNTS, REQUESTS, ROLLUPS

HOUR, DAY = 3600, 86_400
NOON = 20_000 * DAY + 12 * HOUR


def entry(number: int, **fields: object) -> Entry:
    """A small one, with fields of its own."""
    found = Entry(f"req_{number}", NOON, "k", "key", "openai_chat", "m", 200)
    return msgspec.structs.replace(found, **fields)


async def rows(database: Database, table: Table) -> list[dict[str, object]]:
    async def work(connection: AsyncConnection) -> list[dict[str, object]]:
        found = await connection.execute(select(table).order_by(*table.primary_key))
        return [dict(row) for row in found.mappings()]

    return await database.run(work)


def recounted(requests: Iterable[dict[str, object]]) -> dict[tuple[object, ...], list[float]]:
    """Sums by hour and day, out of the rows of requests."""
    sums: defaultdict[tuple[object, ...], list[float]] = defaultdict(lambda: [0] * 12)
    for row in requests:
        began = row["began"]
        assert isinstance(began, float)
        for span in (1, 24):
            seconds = span * HOUR
            place = (span, int(began // seconds) * seconds)
            key = (*place, row["key_id"], row["team_id"], row["route"], row["target"])
            counts = [row[name] or 0 for name in ("input", "output", "cache_read", "cache_write", "cost")]
            added = [
                *(1, bool(row["failure"]), row["cached"], row["unpriced"], *counts),
                *(row["total"] or 0.0, row["first_token"] or 0.0, row["first_token"] is not None),
            ]
            for at, value in enumerate(added):
                assert isinstance(value, int | float)
                sums[key][at] += value
    return dict(sums)


async def check_books(database: Database) -> None:
    """Sums are those of the rows, and accounts have spent what rows say."""
    requests = await rows(database, REQUESTS)
    sums = {tuple(row.values())[:6]: list(row.values())[6:] for row in await rows(database, ROLLUPS)}
    assert sums == recounted(requests)
    spent: defaultdict[object, int] = defaultdict(int)
    for request in requests:
        for charge in msgspec.json.decode(str(request["charges"]), type=list[Charge]):
            spent[charge.account] += charge.amount
    accounts = {row["id"]: row["spent"] for row in await rows(database, ACCOUNTS)}
    assert {name: amount for name, amount in accounts.items() if amount} == {
        name: amount for name, amount in spent.items() if amount
    }
