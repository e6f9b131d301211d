"""Copies of the whole store, while it is in use, and the way back."""

import contextlib
import sqlite3
import stat
import threading
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, insert, select, text
from tests.postgres_server import PostgresServer
from tests.store.kept import a_request, a_row, keep_now, one_of_each

from dragoman.config.secret import Secret
from dragoman.store.backend import Backend
from dragoman.store.backup import back_up, restore
from dragoman.store.engine import backend_at
from dragoman.store.error import StoreError
from dragoman.store.migration import bring_up_to_date
from dragoman.store.tables import ACCOUNTS, FACTS, METADATA, REQUESTS

KINDS = ["sqlite", "postgresql"]


@pytest.fixture(params=KINDS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """A store with something in every table."""
    backend = backend_at(
        tmp_path / "dragoman.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    )
    bring_up_to_date(backend)
    with connected(backend) as connection:
        keep_now(connection, one_of_each())
    return backend


@pytest.fixture(params=KINDS)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    """A place for another one."""
    if request.param == "sqlite":
        yield backend_at(tmp_path / "new" / "dragoman.db")
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    with postgres.database("restored") as url:
        yield backend_at(url)


@contextlib.contextmanager
def connected(backend: Backend) -> Generator[Connection]:
    engine = backend.sync_engine(writes=True)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def everything(backend: Backend) -> dict[str, list[tuple[object, ...]]]:
    with connected(backend) as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in METADATA.sorted_tables
        }


def silent(_table: str, _rows: int) -> None:
    """Nobody is told."""


def test_a_backup_holds_everything_in_one_file_for_its_owner_only(source: Backend, tmp_path: Path) -> None:
    file = tmp_path / "copies" / "backup.db"
    file.parent.mkdir()
    back_up(source, file, silent)
    assert [path.name for path in file.parent.iterdir()] == ["backup.db"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert everything(backend_at(file)) == everything(source)
    with contextlib.closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_what_was_backed_up_can_be_restored_to_either_kind(
    source: Backend, target: Backend, tmp_path: Path
) -> None:
    file = tmp_path / "backup.db"
    back_up(source, file, silent)
    content = file.read_bytes()
    told: dict[str, int] = {}
    restore(target, file, told.__setitem__)
    assert everything(target) == everything(source)
    assert told == {name: len(rows) for name, rows in everything(source).items()}
    assert file.read_bytes() == content
    with connected(target) as connection:  # rows that come later have numbers of their own
        connection.execute(insert(REQUESTS), a_request(3, 1.0))


def test_a_store_that_a_gateway_has_begun_to_use_but_kept_nothing_in_can_be_restored_to(
    source: Backend, target: Backend, tmp_path: Path
) -> None:
    file = tmp_path / "backup.db"
    back_up(source, file, silent)
    bring_up_to_date(target)
    with connected(target) as connection:
        connection.execute(insert(FACTS), [{"name": "", "value": "other"}, {"name": "secret", "value": "no"}])
    restore(target, file, silent)
    assert everything(target) == everything(source)


def test_nothing_is_restored_over_what_is_there(source: Backend, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    back_up(source, file, silent)
    with connected(source) as connection:
        for table in METADATA.sorted_tables:
            if table is not ACCOUNTS:
                connection.execute(delete(table))
    before = everything(source)
    with pytest.raises(StoreError, match="is not empty: there are rows in accounts"):
        restore(source, file, silent)
    assert everything(source) == before


def test_a_backup_of_the_first_version_can_be_restored(target: Backend, tmp_path: Path) -> None:
    file = tmp_path / "old.db"
    bring_up_to_date(backend_at(file))
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("INSERT INTO responses VALUES ('a', 'b', 1, 2, NULL, x'00', x'01')")
        for table in [*METADATA.tables, "alembic_version"]:
            if table != "responses":
                connection.execute(f"DROP TABLE {table}")
        connection.commit()
    restore(target, file, silent)
    assert everything(target)["responses"] == [("a", "b", 1.0, 2.0, None, b"\x00", b"\x01")]


@pytest.mark.parametrize("content", [b"this is no database at all" * 1000, b""])
def test_a_file_that_is_no_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other.db"
    file.write_bytes(content)
    target = backend_at(tmp_path / "dragoman.db")
    with pytest.raises(StoreError, match=r"other\.db is no backup of a store"):
        restore(target, file, silent)
    assert file.read_bytes() == content
    assert not (tmp_path / "dragoman.db").exists()


def test_a_file_that_is_there_is_left_alone(source: Backend, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    file.write_text("mine")
    (tmp_path / "link.db").symlink_to(tmp_path / "nowhere")
    for name in ("backup.db", "link.db"):
        with pytest.raises(StoreError, match="is there already"):
            back_up(source, tmp_path / name, silent)
    assert file.read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


def test_a_place_that_cannot_be_written_to_is_said(source: Backend, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"/missing/backup\.db cannot be written: No such file or directory"):
        back_up(source, tmp_path / "missing" / "backup.db", silent)


def test_a_backup_is_of_one_moment_while_others_write(source: Backend, tmp_path: Path) -> None:
    """Two accounts change in the same transactions, all the time: in the copy they are the same."""
    done = threading.Event()
    with connected(source) as connection:
        connection.execute(delete(ACCOUNTS))
        connection.execute(insert(ACCOUNTS), [a_row(ACCOUNTS, id="one"), a_row(ACCOUNTS, id="two")])

    def write() -> None:
        engine = source.sync_engine(writes=True)
        while not done.wait(0.001):
            with engine.begin() as connection:
                connection.execute(text("UPDATE accounts SET spent = spent + 1"))
        engine.dispose()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            file = tmp_path / f"backup-{number}.db"
            back_up(source, file, silent)
            with contextlib.closing(sqlite3.connect(file)) as connection:
                assert len(connection.execute("SELECT DISTINCT spent FROM accounts").fetchall()) == 1
    finally:
        done.set()
        writer.join()


def test_a_url_is_not_in_the_backup(postgres_url: Secret, tmp_path: Path) -> None:
    backend = backend_at(postgres_url)
    back_up(backend, tmp_path / "backup.db", silent)
    assert b"127.0.0.1" not in (tmp_path / "backup.db").read_bytes()
