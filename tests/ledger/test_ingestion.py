"""What journals hold comes into the store, once, whatever happens on the way."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
import structlog
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.ledger_books import check_books, entry, rows
from tests.postgres_server import PostgresServer

from dragoman.config.bookkeeping import Ledger
from dragoman.config.secret import Secret
from dragoman.ledger import ingestion as ingestion_module
from dragoman.ledger import journal as journal_module
from dragoman.ledger.journal import LedgerJournal
from dragoman.ledger.record import HEAD_BYTES, seal
from dragoman.store.database_ledger import DatabaseLedger
from dragoman.store.engine import Database
from dragoman.store.entry import BodyEntry, Charge
from dragoman.store.opening import open_database
from dragoman.store.tables import ACCOUNTS, BODIES, JOURNALS, REQUESTS

pytestmark = pytest.mark.anyio


@contextlib.asynccontextmanager
async def following(
    folder: Path, database: Database, settings: Ledger | None = None
) -> AsyncGenerator[LedgerJournal]:
    """A journal that is read into the store."""
    journal = LedgerJournal(folder, settings or Ledger(), "node")
    task = asyncio.create_task(journal.follow(DatabaseLedger(database)))
    await asyncio.sleep(0)
    try:
        yield journal
        await journal.close()
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


async def until(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for something that nobody tells."""
    end = time.monotonic() + 20
    while True:
        found = holds()
        if found if isinstance(found, bool) else await found:
            return
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


def listed(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern))


def journals(folder: Path) -> list[Path]:
    return listed(folder, "journal/*.journal")


async def ids(database: Database) -> list[str]:
    return [str(row["request_id"]) for row in await rows(database, REQUESTS)]


async def left_behind(folder: Path, *numbers: int) -> Path:
    """A journal with entries, of a process that is no more."""
    journal = LedgerJournal(folder, Ledger(), "node")
    before = set(journals(folder))
    assert [journal.write(entry(number)) for number in numbers] == [True] * len(numbers)
    await journal.close()
    (path,) = set(journals(folder)) - before
    return path


async def test_what_is_written_is_in_the_store_soon(database: Database, tmp_path: Path) -> None:
    async with following(tmp_path, database) as journal:
        began = time.time()
        for number in range(30):
            assert journal.write(entry(number))
        oldest = journal.oldest_unread
        assert oldest is not None
        assert began <= oldest <= time.time()
        await until(lambda: not journal.counts.unread_bytes)
        assert journal.oldest_unread is None
        assert journal.counts.rows_written == 30
        assert await ids(database) == [f"req_{number}" for number in range(30)]
        # and again, after it has waited
        journal.write(entry(30))
        await journal.flush()
        assert len(await ids(database)) == 31
    await check_books(database)


async def test_nothing_is_asked_of_the_store_before_there_is_an_entry(tmp_path: Path) -> None:
    database = open_database(None, tmp_path)
    async with following(tmp_path, database):
        await asyncio.sleep(0.05)
    assert listed(tmp_path, "*") == []
    await database.close()


async def test_a_flush_waits_for_what_was_written_and_no_longer(database: Database, tmp_path: Path) -> None:
    async with following(tmp_path, database) as journal:
        await journal.flush()
        flushes = [asyncio.create_task(journal.flush())]
        for number in range(5):
            journal.write(entry(number))
            flushes.append(asyncio.create_task(journal.flush()))
        await asyncio.gather(*flushes)
        assert len(await ids(database)) == 5


async def test_bodies_and_charges_come_along(database: Database, tmp_path: Path) -> None:
    body = BodyEntry("answer", "text/plain", b"\x00\xff" * 1_500_000)
    async with following(tmp_path, database) as journal:
        for number in range(3):
            journal.write(entry(number, bodies=(body,), charges=(Charge("a", "", 5),)))
    assert [row["content"] for row in await rows(database, BODIES)] == [body.content] * 3
    assert [row["spent"] for row in await rows(database, ACCOUNTS)] == [15]


async def test_files_that_are_read_are_deleted_and_their_positions_too(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "FILE_BYTES", 1000)
    monkeypatch.setattr(ingestion_module, "SCAN_PAUSE", 0.05)
    async with following(tmp_path, database) as journal:
        for number in range(50):
            assert journal.write(entry(number))
        assert len(journals(tmp_path)) > 4
        await journal.flush()
        await until(lambda: len(journals(tmp_path)) == 1)

        async def forgotten() -> bool:
            return len(await rows(database, JOURNALS)) == 1

        await until(forgotten)
    assert journals(tmp_path) == []
    assert len(await ids(database)) == 50


async def test_what_a_dead_process_has_left_is_adopted_at_once(database: Database, tmp_path: Path) -> None:
    await left_behind(tmp_path, 1, 2)
    await left_behind(tmp_path, *range(10, 1500))
    async with following(tmp_path, database) as journal:
        await until(lambda: not journals(tmp_path))
        assert len(await ids(database)) == 1492
        assert journal.counts.rows_written == 1492
        assert journal.counts.unread_bytes == 0


async def test_what_a_process_leaves_while_others_live_is_adopted_too(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingestion_module, "SCAN_PAUSE", 0.05)
    async with following(tmp_path, database):
        await asyncio.sleep(0.1)
        await left_behind(tmp_path, 1)
        await until(lambda: not journals(tmp_path))
        assert await ids(database) == ["req_1"]


async def test_an_adopted_journal_is_read_on_from_its_position(database: Database, tmp_path: Path) -> None:
    path = await left_behind(tmp_path, 1, 2)
    half = path.stat().st_size // 2
    await DatabaseLedger(database).add(path.name, half, [], 0.0)
    async with following(tmp_path, database):
        await until(lambda: not journals(tmp_path))
    assert await ids(database) == ["req_2"]


async def test_a_journal_whose_position_was_lost_is_not_counted_twice(
    database: Database, tmp_path: Path
) -> None:
    path = await left_behind(tmp_path, 1, 2)
    content = path.read_bytes()
    async with following(tmp_path, database):
        await until(lambda: not journals(tmp_path))

    async def lose(connection: AsyncConnection) -> None:
        await connection.execute(delete(JOURNALS))

    await database.run(lose, writes=True)
    path.write_bytes(content)
    async with following(tmp_path, database) as journal:
        await until(lambda: not journals(tmp_path))
        assert journal.counts.rows_written == 0
    assert await ids(database) == ["req_1", "req_2"]
    await check_books(database)


async def test_several_that_look_for_dead_journals_share_them(
    store_url: Secret | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingestion_module, "SCAN_PAUSE", 0.02)
    for number in range(12):
        await left_behind(tmp_path, *range(number * 10, number * 10 + 10))
    databases = [open_database(store_url, tmp_path) for _ in range(3)]
    async with contextlib.AsyncExitStack() as stack:
        each = [await stack.enter_async_context(following(tmp_path, database)) for database in databases]
        await until(lambda: not journals(tmp_path))
        assert sum(journal.counts.rows_written for journal in each) == 120
    assert len(await ids(databases[0])) == 120
    await check_books(databases[0])
    for database in databases:
        await database.close()


@pytest.mark.parametrize("damage", ["torn", "flipped", "zeros"])
async def test_a_damaged_journal_blocks_nothing(database: Database, tmp_path: Path, damage: str) -> None:
    broken = await left_behind(tmp_path, 1, 2, 3)
    await left_behind(tmp_path, 4)
    content = bytearray(broken.read_bytes())
    match damage:
        case "torn":
            content, lost = content[:-1], "req_3"
        case "flipped":
            content[len(content) // 2] ^= 255
            lost = "req_2"
        case _:
            content[:20] = bytes(20)
            lost = "req_1"
    broken.write_bytes(content)
    with structlog.testing.capture_logs() as logs:
        async with following(tmp_path, database) as journal:
            await until(lambda: not journals(tmp_path))
            assert journal.counts.damaged_bytes > 0
    assert [log["log_level"] for log in logs] == ["warning"]
    assert set(await ids(database)) == {"req_1", "req_2", "req_3", "req_4"} - {lost}


async def test_an_entry_that_no_row_can_hold_is_put_aside_and_the_others_go_on(
    database: Database, tmp_path: Path
) -> None:
    bad = {7, 8, 100, 499, 640}
    with structlog.testing.capture_logs() as logs:
        async with following(tmp_path, database) as journal:
            for number in range(700):
                one = entry(number, queue=float("nan")) if number in bad else entry(number)
                assert journal.write(one)
            await journal.flush()
            counts = journal.counts
            assert (counts.rejected, counts.rows_written, counts.unread_bytes) == (5, 695, 0)
    assert [log["log_level"] for log in logs] == ["error"] * 5
    assert set(await ids(database)) == {f"req_{number}" for number in range(700) if number not in bad}
    aside = listed(tmp_path, "journal/rejected/*")
    assert len(aside) == 5
    assert all(path.stat().st_mode & 0o077 == 0 for path in aside)
    await check_books(database)


async def test_what_was_put_aside_can_be_tried_again(database: Database, tmp_path: Path) -> None:
    """Moved back, it is a journal like any other: here, one of an entry that a later version can read."""
    path = await left_behind(tmp_path, 1)
    mark = bytes.fromhex(path.stem.rsplit("-", 1)[1])
    record = bytearray(HEAD_BYTES) + msgspec.msgpack.encode({"of": "another version"})
    seal(record, mark)
    path.write_bytes(path.read_bytes() + record)
    with structlog.testing.capture_logs() as logs:
        async with following(tmp_path, database) as journal:
            await until(lambda: not journals(tmp_path))
            assert journal.counts.rejected == 1
    assert await ids(database) == ["req_1"]
    (aside,) = listed(tmp_path, "journal/rejected/*")
    assert aside.read_bytes() == record
    record = bytearray(HEAD_BYTES) + msgspec.msgpack.encode(entry(2))
    seal(record, mark)
    (tmp_path / "journal" / aside.name).write_bytes(record)
    async with following(tmp_path, database):
        await until(lambda: not journals(tmp_path))
    assert await ids(database) == ["req_1", "req_2"]
    assert len(logs) == 1


async def test_a_store_that_is_away_holds_nobody_up_and_gets_everything_later(
    own_postgres: PostgresServer, tmp_path: Path
) -> None:
    # what was committed has to outlive a crash, as it does where nobody has said otherwise
    own_postgres.execute("ALTER DATABASE postgres SET synchronous_commit = on")
    database = open_database(own_postgres.url(), tmp_path)
    with structlog.testing.capture_logs() as logs:
        async with following(tmp_path, database) as journal:
            journal.write(entry(0))
            await journal.flush()
            await asyncio.to_thread(own_postgres.stop)
            for number in range(1, 200):
                assert journal.write(entry(number))
                await asyncio.sleep(0.005)
            assert journal.counts.unread_bytes > 0
            await left_behind(tmp_path, 500, 501)
            await asyncio.to_thread(own_postgres.start)
            async with asyncio.timeout(20):
                await journal.flush()
            await asyncio.to_thread(own_postgres.crash)
            for number in range(200, 300):
                assert journal.write(entry(number))
            await asyncio.to_thread(own_postgres.start)
            async with asyncio.timeout(20):
                await journal.flush()
    levels = [log["log_level"] for log in logs]
    assert levels == ["warning", "info"] * (len(levels) // 2)
    async with following(tmp_path, database):
        await until(lambda: not journals(tmp_path))
    assert set(await ids(database)) == {f"req_{number}" for number in (*range(300), 500, 501)}
    await check_books(database)
    await database.close()


async def test_closing_waits_no_longer_than_it_may(own_postgres: PostgresServer, tmp_path: Path) -> None:
    database = open_database(own_postgres.url(), tmp_path)
    await asyncio.to_thread(own_postgres.stop)
    async with following(tmp_path, database) as journal:
        journal.write(entry(1))
        began = time.monotonic()
        await journal.close(limit=0.3)
        assert time.monotonic() - began < 3
        assert len(journals(tmp_path)) == 1
    await asyncio.to_thread(own_postgres.start)
    async with following(tmp_path, database):
        await until(lambda: not journals(tmp_path))
    assert await ids(database) == ["req_1"]
    await database.close()


async def test_the_limit_counts_what_is_not_in_the_store_yet(database: Database, tmp_path: Path) -> None:
    settings = msgspec.convert({"max_journal_bytes": 1024 * 1024}, Ledger)
    body = BodyEntry("request", "text/plain", bytes(100_000))
    async with following(tmp_path, database, settings) as journal:
        for round_ in range(5):
            for number in range(10):
                assert journal.write(entry(10 * round_ + number, bodies=(body,)))
            await journal.flush()
    assert len(await ids(database)) == 50


async def test_an_empty_journal_of_a_dead_process_is_only_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    folder.mkdir()
    (folder / "node-1-0123456789abcdef.journal").touch()
    (folder / "notes.txt").touch()
    database = open_database(None, tmp_path)
    async with following(tmp_path, database):
        await until(lambda: not journals(tmp_path))
    assert (folder / "notes.txt").exists()
    await database.close()


CHILD = """
import sys
from pathlib import Path
from dragoman.config.bookkeeping import Ledger
from dragoman.ledger.journal import LedgerJournal
from dragoman.store.entry import Entry
journal = LedgerJournal(Path(sys.argv[1]), Ledger(), "node")
assert journal.write(Entry("req_1", 1.0, "k", "key", "openai_chat", "m", 200))
print("written", flush=True)
sys.stdin.read()
"""


async def test_a_journal_of_a_living_process_is_left_alone_until_it_dies(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingestion_module, "SCAN_PAUSE", 0.05)
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, tmp_path, stdin=pipe, stdout=pipe
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"written\n"
    async with following(tmp_path, database):
        await asyncio.sleep(0.3)
        assert len(journals(tmp_path)) == 1
        child.kill()
        await until(lambda: not journals(tmp_path))
        assert await ids(database) == ["req_1"]
    await child.communicate()


async def test_a_stopped_follower_can_follow_again(database: Database, tmp_path: Path) -> None:
    journal = LedgerJournal(tmp_path, Ledger(), "node")
    for number in range(3):
        task = asyncio.create_task(journal.follow(DatabaseLedger(database)))
        journal.write(entry(number))
        await journal.flush()
        journal.write(entry(10 + number))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    task = asyncio.create_task(journal.follow(DatabaseLedger(database)))
    await journal.flush()
    await journal.close()
    task.cancel()
    assert len(await ids(database)) == 6
    await check_books(database)
