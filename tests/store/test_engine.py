"""The database file, and what is said when it cannot be used."""

import asyncio
import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.store.database_responses import DatabaseResponses
from dragoman.store.engine import Database
from dragoman.store.error import StoreError
from dragoman.store.opening import open_responses
from dragoman.store.responses import KeptResponse

pytestmark = pytest.mark.anyio

SECRET = b"what a client wrote"
RESPONSE = KeptResponse("resp_1", "key 1", 0, 1e10, None, SECRET, SECRET)


@contextlib.asynccontextmanager
async def opened(path: Path, lock_limit: float = 5) -> AsyncGenerator[DatabaseResponses]:
    store = DatabaseResponses(Database(path, lock_limit))
    try:
        yield store
    finally:
        await store.close()


async def refused(store: DatabaseResponses) -> str:
    """What the store says about itself, the same for reading and for writing."""
    messages: set[str] = set()
    for use in (store.put(RESPONSE), store.delete("resp_1", "key 1"), store.prune(1)):
        with pytest.raises(StoreError) as raised:
            await use
        messages.add(str(raised.value))
        assert SECRET.decode() not in repr(raised.value) + str(raised.value)
    (message,) = messages
    return message


async def test_what_is_kept_outlives_the_process(tmp_path: Path) -> None:
    path = tmp_path / "dragoman.db"
    async with opened(path) as store:
        await store.put(RESPONSE)
    async with opened(path) as store:
        assert await store.get("resp_1", "key 1", 1) == RESPONSE


async def test_nothing_is_made_before_the_first_use(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    store = open_responses(folder)
    assert not folder.exists()
    assert await store.prune(1) == 0
    assert not folder.exists()
    assert await store.get("resp_1", "key 1", 1) is None
    assert (folder / "dragoman.db").exists()
    await store.close()


def modes(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


async def test_only_the_owner_may_read_the_file_and_what_lies_beside_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = open_responses(tmp_path / "home")
        await store.put(RESPONSE)
        files = modes(tmp_path / "home")
        await store.close()
    finally:
        os.umask(before)
    assert files == {"dragoman.db": 0o600, "dragoman.db-wal": 0o600, "dragoman.db-shm": 0o600}
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700


async def test_readers_do_not_wait_for_the_writer_and_a_crash_does_not_cost_the_file(tmp_path: Path) -> None:
    database = Database(tmp_path / "dragoman.db")

    async def ask(connection: AsyncConnection) -> list[object]:
        return [
            (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]

    pragmas = await database.run(ask)
    await database.close()
    assert pragmas == ["wal", 1, 1]


async def test_a_reader_sees_what_was_there_while_another_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "dragoman.db"
    async with opened(path) as store:
        await store.put(RESPONSE)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("DELETE FROM responses")
            assert await store.get("resp_1", "key 1", 1) == RESPONSE
            other.execute("COMMIT")
        assert await store.get("resp_1", "key 1", 1) is None


async def test_a_failed_block_changes_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "dragoman.db")
    store = DatabaseResponses(database)
    await store.put(RESPONSE)

    async def fail(connection: AsyncConnection) -> None:
        await connection.execute(text("DELETE FROM responses"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.run(fail)
    assert await store.get("resp_1", "key 1", 1) == RESPONSE
    await store.close()


async def test_a_locked_file_is_said_in_time_and_holds_up_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "dragoman.db"
    async with opened(path, lock_limit=0.5) as store:
        await store.put(RESPONSE)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            longest = 0.0
            task = asyncio.create_task(refused(store))
            while not task.done():
                began = time.perf_counter()
                await asyncio.sleep(0.005)
                longest = max(longest, time.perf_counter() - began)
            assert await task == f"The database {path} cannot be used: database is locked."
            other.execute("ROLLBACK")
        assert longest < 0.45
        assert await store.get("resp_1", "key 1", 1) == RESPONSE
        await store.delete("resp_1", "key 1")


async def test_a_full_disk_is_said_and_what_was_kept_can_still_be_read(tmp_path: Path) -> None:
    path = tmp_path / "dragoman.db"
    database = Database(path)
    store = DatabaseResponses(database)
    await store.put(RESPONSE)

    async def fill(connection: AsyncConnection) -> None:
        pages = (await connection.execute(text("PRAGMA page_count"))).scalar_one()
        await connection.execute(text(f"PRAGMA max_page_count = {pages}"))

    await database.run(fill)
    large = KeptResponse("resp_2", "key 1", 0, 1e10, None, SECRET * 10_000, SECRET)
    with pytest.raises(StoreError, match="cannot be used: database or disk is full") as raised:
        await store.put(large)
    assert SECRET.decode() not in str(raised.value)
    assert await store.get("resp_1", "key 1", 1) == RESPONSE
    assert await store.get("resp_2", "key 1", 1) is None
    await store.close()


def damage(path: Path) -> None:
    path.write_bytes(b"this is no database at all" * 1000)


def make_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "reason"), [(damage, "file is not a database"), (make_folder, "Is a directory")]
)
async def test_a_file_that_is_no_database_is_said_and_left_alone(
    tmp_path: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    path = tmp_path / "dragoman.db"
    spoil(path)
    async with opened(path) as store:
        assert await refused(store) == f"The database {path} cannot be used: {reason}."
    assert path.is_dir() or path.read_bytes().startswith(b"this is no database")


async def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    path = tmp_path / "file" / "dragoman.db"
    async with opened(path) as store:
        assert await refused(store) == f"The database {path} cannot be used: File exists."


async def test_a_second_user_in_the_process_takes_no_locks_from_the_first(tmp_path: Path) -> None:
    """Another process that closes the file must still see that this one has it open: it would take away what
    belongs to it.
    """
    path = tmp_path / "dragoman.db"
    async with opened(path) as first:
        await first.put(RESPONSE)
        async with opened(path) as second:
            await second.put(RESPONSE)
        program = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('DELETE FROM responses').close()"
        await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program, path], check=True)
        assert modes(tmp_path).keys() == {"dragoman.db", "dragoman.db-wal", "dragoman.db-shm"}


AS_NOBODY = """
import asyncio, os, pathlib, sys
from sqlalchemy import text
from dragoman.store.engine import Database
from dragoman.store.error import StoreError

asyncio.run(asyncio.to_thread(str))  # loads what this other user may not be able to read
os.setgroups([])
os.setgid(65534)
os.setuid(65534)

async def main():
    database = Database(pathlib.Path(sys.argv[1]))
    try:
        await database.run(lambda connection: connection.execute(text("SELECT 1")))
    except StoreError as error:
        print(error)

asyncio.run(main())
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can look into."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def said_to_nobody(path: Path) -> str:
    program = [sys.executable, "-c", AS_NOBODY, path]
    return subprocess.run(program, check=True, capture_output=True, text=True).stdout


only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user for a moment")


@only_root
def test_a_folder_that_cannot_be_written_to_is_said(open_folder: Path) -> None:
    path = open_folder / "dragoman.db"
    assert said_to_nobody(path) == f"The database {path} cannot be used: Permission denied.\n"
    path.touch()
    os.chown(path, 65534, -1)
    said = f"The database {path} cannot be used: the folder {open_folder} cannot be written to.\n"
    assert said_to_nobody(path) == said


@only_root
def test_a_file_of_another_user_is_said(open_folder: Path) -> None:
    open_folder.chmod(0o777)
    path = open_folder / "dragoman.db"
    path.touch(0o644)
    assert said_to_nobody(path) == f"The database {path} cannot be used: Permission denied.\n"


@only_root
async def test_a_link_that_somebody_else_has_put_there_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "dragoman.db"
    path.symlink_to(tmp_path / "elsewhere.db")
    os.chown(path, 65534, -1, follow_symlinks=False)
    async with opened(path) as store:
        assert await refused(store) == f"The database {path} cannot be used: it is a link of another user's."
    assert not (tmp_path / "elsewhere.db").exists()


async def test_a_link_of_the_users_own_leads_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "dragoman.db").symlink_to(tmp_path / "disk" / "file.db")
    async with opened(tmp_path / "dragoman.db") as store:
        await store.put(RESPONSE)
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["file.db"]


async def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "dragoman.db"
    path.touch(0o644)
    path.chmod(0o644)
    async with opened(path) as store:
        await store.put(RESPONSE)
        assert modes(tmp_path) == {"dragoman.db": 0o600, "dragoman.db-wal": 0o600, "dragoman.db-shm": 0o600}


async def test_once_the_trouble_is_over_the_same_store_works(tmp_path: Path) -> None:
    path = tmp_path / "dragoman.db"
    damage(path)
    async with opened(path) as store:
        await refused(store)
        path.unlink()
        await store.put(RESPONSE)
        assert await store.get("resp_1", "key 1", 1) == RESPONSE


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    path = tmp_path / "dragoman.db"
    async with opened(path) as store:
        await store.put(RESPONSE)
    assert await refused(store) == f"The database {path} is closed."
    deferred = open_responses(tmp_path)
    await deferred.close()
    with pytest.raises(StoreError, match=r"The database is closed\."):
        await deferred.put(RESPONSE)


def workers() -> int:
    return sum("_connection_worker_thread" in thread.name for thread in threading.enumerate())


async def test_connections_are_few_and_none_stays_behind(tmp_path: Path) -> None:
    before = workers()  # of gateways that other tests have running
    async with opened(tmp_path / "dragoman.db") as store:
        await asyncio.gather(*(store.get("resp_1", "key 1", 1) for _ in range(20)))
        assert 1 <= workers() - before <= 4
    for _ in range(1000):
        if workers() <= before:
            return
        # a thread says that it has ended before it has
        await asyncio.sleep(0.01)
    pytest.fail("connections are left behind")


STARTER = """
import asyncio, pathlib, sys
from dragoman.store.database_responses import DatabaseResponses
from dragoman.store.engine import Database
from dragoman.store.responses import KeptResponse

async def main():
    stores = [DatabaseResponses(Database(pathlib.Path(sys.argv[1]))) for _ in range(4)]
    print("ready", flush=True)
    sys.stdin.readline()
    await asyncio.gather(*(
        store.put(KeptResponse(f"{sys.argv[2]} {number}", "key", 0, 1e10, None, b"", b""))
        for number, store in enumerate(stores)
    ))
    await asyncio.gather(*(store.close() for store in stores))

asyncio.run(main())
"""


def test_processes_that_start_at_once_share_the_file(tmp_path: Path) -> None:
    path = tmp_path / "home" / "dragoman.db"
    pipe = subprocess.PIPE
    starters = [
        subprocess.Popen([sys.executable, "-c", STARTER, path, name], stdin=pipe, stdout=pipe, stderr=pipe)
        for name in ("one", "two")
    ]
    for starter in starters:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"ready\n"
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write(b"go\n")
        starter.stdin.flush()
    for starter in starters:
        _, complaint = starter.communicate(timeout=60)
        assert (starter.returncode, complaint) == (0, b"")
    with contextlib.closing(sqlite3.connect(path)) as connection:
        ids = {identity for (identity,) in connection.execute("SELECT id FROM responses")}
    assert ids == {f"{name} {number}" for name in ("one", "two") for number in range(4)}


def test_a_process_that_keeps_nothing_never_loads_the_database(tmp_path: Path) -> None:
    program = (
        "import asyncio, pathlib, sys\n"
        "from dragoman.store.opening import open_responses\n"
        "store = open_responses(pathlib.Path(sys.argv[1]))\n"
        "assert asyncio.run(store.prune(1e9)) == 0\n"
        "assert not {'sqlalchemy', 'aiosqlite', 'sqlite3'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path], check=True)
