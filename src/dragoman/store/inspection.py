"""A look at the whole store, which changes nothing. Everything here blocks."""

import datetime as dt
import stat
from pathlib import Path

import msgspec
from sqlalchemy import Connection, func, inspect, select, text

from dragoman.store import migrations
from dragoman.store.backend import Backend
from dragoman.store.migration import stored_version
from dragoman.store.sqlite_file import SqliteFile
from dragoman.store.tables import JOURNALS, METADATA, REQUESTS

_MOST_PROBLEMS = 10
JOURNAL = "journal"
"""The folder of journals, in the data directory."""


class Waiting(msgspec.Struct, frozen=True):
    """What of the journals in the data directory is not in the store yet."""

    files: int = 0
    bytes: int = 0


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to say about a store."""

    place: str
    dialect: str
    version: str | None
    """The version of its tables; None for a database without any."""
    newest: str
    """The version that this program makes."""
    problems: tuple[str, ...] = ()
    bytes: int = 0
    free_bytes: int = 0
    """What is free in an SQLite file, for new rows."""
    rows: dict[str, int] = {}
    """By table."""
    oldest: dt.datetime | None = None
    latest: dt.datetime | None = None
    """When the first and the last request of the ledger began."""
    waiting: Waiting = Waiting()


def look(backend: Backend, folder: Path) -> Findings | None:
    """Look at everything, which takes minutes in a large store. None for an SQLite file that is not there
    yet. Raises `OSError` and SQLAlchemy's errors.
    """
    problems: list[str] = []
    size = free = 0
    if isinstance(backend, SqliteFile):
        if not backend.path.exists():
            return None
        problems += _closed_to_others(backend.path)
        size = sum(file.stat().st_size for file in _files(backend.path) if file.exists())
    engine = backend.sync_engine()
    try:
        with engine.begin() as connection:
            if backend.dialect == "sqlite":
                problems += _integrity(connection)
                free = _number(connection, "PRAGMA freelist_count") * _number(connection, "PRAGMA page_size")
            else:
                size = _number(connection, "SELECT pg_database_size(current_database())")
            present = set(inspect(connection).get_table_names())
            rows = {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in METADATA.sorted_tables
                if table.name in present
            }
            oldest = latest = None
            if REQUESTS.name in present:
                oldest = connection.execute(select(func.min(REQUESTS.c.began))).scalar_one()
                latest = connection.execute(select(func.max(REQUESTS.c.began))).scalar_one()
            read: dict[str, int] = {}
            if JOURNALS.name in present:
                read = {row.name: row.position for row in connection.execute(select(JOURNALS))}
            version = stored_version(connection)
    finally:
        engine.dispose()
    if version == migrations.NEWEST and (missing := sorted(set(METADATA.tables) - present)):
        problems.append(f"Tables are missing: {', '.join(missing)}.")
    return Findings(
        place=backend.place,
        dialect=backend.dialect,
        version=version,
        newest=migrations.NEWEST,
        problems=tuple(problems),
        bytes=size,
        free_bytes=free,
        rows=rows,
        oldest=_moment(oldest),
        latest=_moment(latest),
        waiting=_waiting(folder / JOURNAL, read),
    )


def _integrity(connection: Connection) -> list[str]:
    found = connection.exec_driver_sql(f"PRAGMA integrity_check({_MOST_PROBLEMS})").scalars().all()
    return [] if found == ["ok"] else [f"The file is damaged: {line}." for line in found]


def _closed_to_others(path: Path) -> list[str]:
    return [
        f"Others may read {file}: its mode is {stat.S_IMODE(file.stat().st_mode):o}, and should be 600."
        for file in _files(path)
        if file.exists() and file.stat().st_mode & 0o077
    ]


def _files(path: Path) -> list[Path]:
    return [path, Path(f"{path}-wal"), Path(f"{path}-shm")]


def _number(connection: Connection, question: str) -> int:
    return int(connection.execute(text(question)).scalar_one())


def _moment(seconds: float | None) -> dt.datetime | None:
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC)


def _waiting(folder: Path, read: dict[str, int]) -> Waiting:
    left = [
        max(0, file.stat().st_size - read.get(file.name, 0))
        for file in folder.glob("*.journal")
        if file.is_file()
    ]
    return Waiting(sum(size > 0 for size in left), sum(left))
