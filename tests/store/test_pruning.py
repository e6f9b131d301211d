"""What is forgotten, and what is not."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.store.kept import a_request, a_row, keep, rows_of

from dragoman.config.bookkeeping import Ledger
from dragoman.config.secret import Secret
from dragoman.store.engine import Database
from dragoman.store.opening import open_database
from dragoman.store.pruning import Limits, Pruned, limits_of, prunable, prune
from dragoman.store.tables import ACCOUNTS, ATTEMPTS, BODIES, LEASES, REQUESTS, RESPONSES, ROLLUPS

pytestmark = pytest.mark.anyio

NOW = 100_000.0


async def filled(database: Database, requests: int = 500) -> None:
    async def work(connection: AsyncConnection) -> None:
        await keep(connection, rows_of([a_request(number, float(number)) for number in range(requests)]))
        expiring = [a_row(RESPONSES, id=str(number), expires=NOW + 50 - number) for number in range(100)]
        await connection.execute(insert(RESPONSES), expiring)
        leases = [a_row(LEASES, id=str(number), expires=NOW + 50 - number) for number in range(100)]
        await connection.execute(insert(LEASES), leases)
        await connection.execute(insert(ROLLUPS), a_row(ROLLUPS))
        await connection.execute(insert(ACCOUNTS), a_row(ACCOUNTS))

    await database.run(work, writes=True)


async def counts(database: Database) -> list[int]:
    async def work(connection: AsyncConnection) -> list[int]:
        tables = (REQUESTS, ATTEMPTS, BODIES, RESPONSES, LEASES, ROLLUPS, ACCOUNTS)
        return [
            (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for table in tables
        ]

    return await database.run(work)


async def test_old_requests_go_with_all_that_belongs_to_them_and_sums_stay(database: Database) -> None:
    await filled(database)
    limits = Limits(NOW, requests=450.0, bodies=460.0)
    expected = Pruned(requests=450, attempts=900, bodies=920, responses=50, leases=50)
    assert await prunable(database, limits) == expected
    assert await counts(database) == [500, 1000, 1000, 100, 100, 1, 1]
    assert await prune(database, limits) == expected
    assert await counts(database) == [50, 100, 80, 50, 50, 1, 1]
    assert await prune(database, limits) == Pruned()

    async def oldest(connection: AsyncConnection) -> list[float]:
        columns = (REQUESTS.c.began, ATTEMPTS.c.began, BODIES.c.began)
        return [(await connection.execute(select(func.min(column)))).scalar_one() for column in columns]

    assert await database.run(oldest) == [450.0, 450.0, 460.0]


async def test_bodies_may_go_before_their_requests(database: Database) -> None:
    await filled(database, 60)
    assert await prune(database, Limits(0.0, bodies=50.0)) == Pruned(bodies=100)
    assert await counts(database) == [60, 120, 20, 100, 100, 1, 1]


async def test_what_is_kept_for_good_stays(database: Database) -> None:
    await filled(database, 10)
    limits = limits_of(Ledger(), 1e12)
    assert limits == Limits(1e12, None, 1e12 - 30 * 86_400)
    assert (await prunable(database, Limits(0.0))) == Pruned()
    assert (await prune(database, Limits(0.0))) == Pruned()


def test_the_configuration_says_how_long_in_days() -> None:
    assert limits_of(Ledger(retention=2.0, bodies_retention=0.0), 1e6) == Limits(1e6, 1e6 - 2 * 86_400, None)


async def test_several_at_once_forget_everything_once(
    database: Database, store_url: Secret | None, tmp_path: Path
) -> None:
    await filled(database)
    limits = Limits(NOW, requests=1e9, bodies=1e9)
    other = open_database(store_url, tmp_path)
    both = await asyncio.gather(prune(database, limits), prune(other, limits))
    await other.close()
    assert await counts(database) == [0, 0, 0, 50, 50, 1, 1]
    assert sum(one.attempts for one in both) == 1000
    assert sum(one.leases for one in both) == 50


async def test_others_write_while_it_is_at_work(database: Database) -> None:
    await filled(database, 1000)
    task = asyncio.create_task(prune(database, Limits(NOW, requests=1e9)))
    longest = 0.0
    loop = asyncio.get_running_loop()
    number = 0
    while not task.done():
        began = loop.time()
        number += 1
        row = a_row(ACCOUNTS, id=str(number))
        await database.run(lambda connection, row=row: connection.execute(insert(ACCOUNTS), row), writes=True)
        longest = max(longest, loop.time() - began)
    assert number > 3
    assert longest < 1
