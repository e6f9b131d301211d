"""A copy of the whole store in one SQLite file, and the way back. Everything here blocks."""

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

from sqlalchemy import delete, inspect
from sqlalchemy.exc import DatabaseError

from dragoman.store import migrations
from dragoman.store.backend import Backend
from dragoman.store.copying import copy_tables, tables_in_use
from dragoman.store.error import StoreError
from dragoman.store.migration import bring_up_to_date, stored_version
from dragoman.store.sqlite_file import SqliteFile
from dragoman.store.tables import FACTS, RESPONSES

_LOCK_LIMIT = 30.0


def back_up(backend: Backend, target: Path, report: Callable[[str, int], None]) -> None:
    """Write everything that is in the store at this moment to a new SQLite file, which only its owner may
    read. Whoever uses the store goes on meanwhile.

    The file is there when it is complete, not before. `report` is told of tables that are copied, and of the
    rows of each. Raises `StoreError` for a file that is there already or cannot be written, and for what
    `bring_up_to_date` raises it; `OSError`, and the errors of SQLAlchemy and of SQLite.
    """
    with _draft(target) as draft:
        if isinstance(backend, SqliteFile):
            backend.prepare()
            _copy_file(backend.path, draft)
        else:
            _copy_out(backend, draft, report)
        _finish(draft)


def restore(backend: Backend, source: Path, report: Callable[[str, int], None]) -> None:
    """Put what is in a backup into the store, which has to be empty; nobody may use it meanwhile.

    All of it is there in the end, or nothing. Raises what `back_up` does, and `StoreError` for a store that
    is not empty and for a file that is no backup.
    """
    with tempfile.TemporaryDirectory(prefix="dragoman-") as folder:
        copy = SqliteFile(source, _LOCK_LIMIT)
        if _version_of(copy) != migrations.NEWEST:
            # the backup is not to be changed
            copy = SqliteFile(Path(folder) / "backup.db", _LOCK_LIMIT)
            _copy_file(source, copy.path)
            bring_up_to_date(copy)
        bring_up_to_date(backend)
        reading, writing = copy.sync_engine(), backend.sync_engine(writes=True)
        try:
            with reading.begin() as old, writing.begin() as new:
                backend.lock(new)
                if used := tables_in_use(new):
                    raise StoreError(
                        f"The database {backend.place} is not empty: there are rows in {', '.join(used)}. "
                        "Restore into a new one."
                    )
                new.execute(delete(FACTS))
                copy_tables(old, new, report)
        finally:
            reading.dispose()
            writing.dispose()


def _version_of(file: SqliteFile) -> str | None:
    """The version of the tables in a backup. Raises `StoreError` for what is none."""
    engine = file.sync_engine()
    try:
        with engine.begin() as connection:
            version = stored_version(connection)
            if version is None and not inspect(connection).has_table(RESPONSES.name):
                raise StoreError(f"{file.place} is no backup of a store.")
            return version
    except DatabaseError as error:
        raise StoreError(f"{file.place} is no backup of a store: {file.reason(error)}.") from None
    finally:
        engine.dispose()


def _copy_file(source: Path, target: Path) -> None:
    """Copy an SQLite file as it is at this moment, with what is in the file beside it, while others write."""
    address = f"{source.absolute().as_uri()}?mode=rw"
    with (
        contextlib.closing(sqlite3.connect(address, uri=True, timeout=_LOCK_LIMIT)) as old,
        contextlib.closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)


def _copy_out(backend: Backend, target: Path, report: Callable[[str, int], None]) -> None:
    file = SqliteFile(target, _LOCK_LIMIT)
    bring_up_to_date(file)
    engine = backend.sync_engine()
    reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    writing = file.sync_engine(writes=True)
    try:
        with reading.begin() as old, writing.begin() as new:
            version = stored_version(old)
            if version != migrations.NEWEST:
                raise StoreError(
                    f"The tables of the database {backend.place} are of version {version}, not of version "
                    f"{migrations.NEWEST}. Start the gateway once, or use its own version for the backup."
                )
            copy_tables(old, new, report)
    finally:
        engine.dispose()
        writing.dispose()


@contextlib.contextmanager
def _draft(target: Path) -> Generator[Path]:
    """A new file beside the target, which takes its place in the end."""
    if os.path.lexists(target):
        raise StoreError(f"{target} is there already. Give the backup a name of its own.")
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # mode 0600
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror}.") from None
    os.close(descriptor)
    draft = Path(name)
    try:
        yield draft
        try:
            os.link(draft, target)  # unlike a new name, a link never takes the place of another file
        except FileExistsError:
            raise StoreError(f"{target} is there already. Give the backup a name of its own.") from None
    finally:
        for file in (draft, Path(f"{name}-wal"), Path(f"{name}-shm")):
            file.unlink(missing_ok=True)


def _finish(draft: Path) -> None:
    """Make one file of it, look whether it is sound, and see to it that it is on the disk."""
    with contextlib.closing(sqlite3.connect(draft)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise StoreError(f"The copy is damaged, and so is the database: {found}.")
    descriptor = os.open(draft, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
