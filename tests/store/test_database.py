"""What a database promises, of either kind."""

import asyncio
import time
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.config.secret import Secret
from dragoman.store.engine import Database
from dragoman.store.error import StoreError
from dragoman.store.opening import SharedDatabase, open_database
from dragoman.store.tables import ACCOUNTS, FACTS

pytestmark = pytest.mark.anyio

SPENT = select(ACCOUNTS.c.spent).where(ACCOUNTS.c.id == "one").with_for_update()


async def add(connection: AsyncConnection) -> None:
    await connection.execute(insert(ACCOUNTS), {"id": "one", "spent": 0, "updated": 0.0})


async def spent(connection: AsyncConnection) -> int:
    return (await connection.execute(select(ACCOUNTS.c.spent))).scalar_one()


async def spend(connection: AsyncConnection) -> None:
    """One more than was found, with time for others in between."""
    found = (await connection.execute(SPENT)).scalar_one()
    await asyncio.sleep(0.001)
    await connection.execute(update(ACCOUNTS).values(spent=found + 1))


async def test_what_is_read_to_be_changed_is_not_changed_by_others(
    database: Database, store_url: Secret | None, tmp_path: Path
) -> None:
    await database.run(add, writes=True)
    others = [open_database(store_url, tmp_path) for _ in range(2)]
    await asyncio.gather(*(one.run(spend, writes=True) for one in [database, *others] * 20))
    assert await database.run(spent) == 60
    for other in others:
        await other.close()


async def test_failed_work_changes_nothing(database: Database) -> None:
    async def fail(connection: AsyncConnection) -> None:
        await add(connection)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.run(fail, writes=True)
    await database.run(add, writes=True)
    assert await database.run(spent) == 0


async def test_a_wrong_statement_is_said_without_what_is_in_it(database: Database) -> None:
    await database.run(add, writes=True)

    async def again(connection: AsyncConnection) -> None:
        await connection.execute(insert(ACCOUNTS), {"id": "one", "spent": 12345678, "updated": 0.0})

    with pytest.raises(StoreError, match=r"cannot be used: .*(UNIQUE|unique)") as raised:
        await database.run(again, writes=True)
    assert "12345678" not in str(raised.value)
    assert "one" not in str(raised.value).removeprefix(f"The database {database.place}")
    assert raised.value.__cause__ is None


async def test_work_that_takes_too_long_is_ended(database: Database) -> None:
    """On Postgres a question that takes its time, on SQLite one that never ends."""
    forever = {
        "postgresql": text("SELECT pg_sleep(60)"),
        "sqlite": text(
            "WITH RECURSIVE counting(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counting) "
            "SELECT count(*) FROM counting"
        ),
    }[database.dialect]
    began = time.monotonic()
    with pytest.raises(StoreError, match=r"it took longer than 0\.3 seconds"):
        await database.run(lambda connection: connection.execute(forever), limit=0.3)
    assert time.monotonic() - began < 3
    await database.run(add, writes=True)
    assert await database.run(spent) == 0


async def test_a_question_that_was_given_up_ends_in_the_server_too(
    database: Database,
) -> None:
    if database.dialect != "postgresql":
        return
    with pytest.raises(StoreError, match="it took longer"):
        await database.run(lambda connection: connection.execute(text("SELECT pg_sleep(60)")), limit=0.1)
    asked = text("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(6%' AND state = 'active'")

    async def sleeping(connection: AsyncConnection) -> int:
        return (await connection.execute(asked.bindparams())).scalar_one() - 1  # the question itself

    for _ in range(100):
        if await database.run(sleeping) == 0:
            return
        await asyncio.sleep(0.1)
    pytest.fail("the server still works at it")


async def test_many_readers_and_writers_get_their_turns(database: Database) -> None:
    await database.run(add, writes=True)
    readers = [database.run(spent) for _ in range(60)]
    writers = [database.run(spend, writes=True) for _ in range(30)]
    await asyncio.gather(*readers[:30], *writers, *readers[30:])
    assert await database.run(spent) == 30


@pytest.mark.parametrize(
    "value",
    [
        "",
        "\x00",
        "a\x00b\x00\x00",
        "\x10",
        "\x100",
        "\x10\x10\x00\x10",
        "".join(map(chr, range(0x80))),
        "\u2028 \x85 ö 🙂 \ufffe",
        "'; DROP TABLE facts; --",
        "%s %(name)s :name ? $1",
        "x" * 100_000,
    ],
)
async def test_any_text_comes_back_as_it_was(database: Database, value: str) -> None:
    async def work(connection: AsyncConnection) -> tuple[str, str | None]:
        await connection.execute(insert(FACTS), {"name": value, "value": value})
        await connection.execute(insert(FACTS), {"name": f"not {value}", "value": "another"})
        found = await connection.execute(select(FACTS).where(FACTS.c.name == value))
        name, kept = found.one()
        assert kept == value
        return name, (await connection.execute(select(func.min(FACTS.c.value)))).scalar_one()

    name, least = await database.run(work, writes=True)
    assert name == value
    assert least == min(value, "another")


async def test_half_a_character_becomes_a_question_mark(database: Database) -> None:
    async def work(connection: AsyncConnection) -> str:
        await connection.execute(insert(FACTS), {"name": "half", "value": "a\ud83d!"})
        return (await connection.execute(select(FACTS.c.value).where(FACTS.c.name == "half"))).scalar_one()

    assert await database.run(work, writes=True) == "a?!"


async def test_text_is_ordered_by_its_bytes(database: Database) -> None:
    names = ["a", "B", "aa", "ä", "Z", "z", "_", "a b", "🙂", "ﬀ"]

    async def work(connection: AsyncConnection) -> list[str]:
        await connection.execute(insert(FACTS), [{"name": name, "value": ""} for name in names])
        return list((await connection.execute(select(FACTS.c.name).order_by(FACTS.c.name))).scalars())

    assert await database.run(work, writes=True) == sorted(names, key=str.encode)


async def test_a_closed_database_says_so(database: Database) -> None:
    await database.run(add, writes=True)
    await database.close()
    with pytest.raises(StoreError, match=r"The database .* is closed\."):
        await database.run(spent)


async def test_closing_waits_for_what_is_at_work(database: Database) -> None:
    await database.run(add, writes=True)
    task = asyncio.create_task(database.run(spend, writes=True))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await database.close()
    await task


async def test_one_database_is_loaded_for_all(store_url: Secret | None, tmp_path: Path) -> None:
    shared = SharedDatabase(store_url, tmp_path / "home")
    assert await shared.exists() is (store_url is not None)
    first, second = await asyncio.gather(shared.get(), shared.get())
    assert first is second
    await first.run(add, writes=True)
    assert await shared.exists()
    await shared.close()
    with pytest.raises(StoreError, match="closed"):
        await shared.get()
