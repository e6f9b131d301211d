"""SQLite: one file, only for its owner, whose readers and writer do not wait for each other."""

import contextlib
import errno
import os
import sqlite3
import stat
import tempfile
import time
from pathlib import Path

import aiosqlite
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from dragoman.store.backend import Dialect
from dragoman.store.error import StoreError

_CONNECTIONS = 4
_PAUSE = 0.02
"""Seconds between two tries to set the file up."""

_WRITES = "dragoman_writes"
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class SqliteFile:
    """See `Backend`. `lock_limit` is how long to wait while another process writes, in seconds."""

    dialect: Dialect = "sqlite"
    one_writer = True
    answer_limit = None

    def __init__(self, path: Path, lock_limit: float) -> None:
        self.path = path
        self._lock_limit = lock_limit

    @property
    def place(self) -> str:
        """See `Backend.place`."""
        return str(self.path)

    def engine(self) -> AsyncEngine:
        """See `Backend.engine`. Each connection works in a thread of its own, and holds up nobody else."""
        engine = create_async_engine(
            URL.create("sqlite+aiosqlite", database=str(self.path)),
            # errors are logged, and parameters are what clients wrote
            hide_parameters=True,
            pool_size=_CONNECTIONS,
            max_overflow=0,
            # what one connection has in memory is worth nothing any more once another has written
            pool_use_lifo=True,
            pool_timeout=2 * self._lock_limit,
            connect_args=self._arguments(),
        )
        _listen(engine.sync_engine)
        return engine

    def sync_engine(self, *, writes: bool = False) -> Engine:
        """See `Backend.sync_engine`."""
        engine = create_engine(
            URL.create("sqlite", database=str(self.path)),
            hide_parameters=True,
            poolclass=NullPool,
            connect_args=self._arguments(),
        )
        _listen(engine)
        return engine.execution_options(**{_WRITES: writes})

    def prepare(self) -> None:
        """See `Backend.prepare`."""
        create_file(self.path)
        with contextlib.closing(sqlite3.connect(self.path, timeout=self._lock_limit)) as connection:
            end = time.monotonic() + self._lock_limit
            while True:
                try:
                    connection.execute("PRAGMA journal_mode = WAL")
                except sqlite3.OperationalError as error:
                    # SQLite does not wait for others while it changes the journal mode
                    if not _busy(error) or time.monotonic() > end:
                        raise
                    time.sleep(_PAUSE)
                else:
                    return

    def lock(self, connection: Connection) -> None:
        """See `Backend.lock`. A transaction that writes is the only one that does."""

    async def begin(self, connection: AsyncConnection, *, writes: bool, limit: float | None) -> None:
        """See `Backend.begin`."""
        await connection.execution_options(**{_WRITES: writes})
        await connection.begin()

    async def sever(self, connection: AsyncConnection) -> None:
        """See `Backend.sever`."""
        driver = (await connection.get_raw_connection()).driver_connection
        if isinstance(driver, aiosqlite.Connection):
            await driver.interrupt()

    def momentary(self, error: DBAPIError) -> bool:
        """See `Backend.momentary`."""
        return _busy(error.orig)

    def reason(self, error: DBAPIError) -> str:
        """See `Backend.reason`. What SQLite says holds names of tables and columns only."""
        return str(error.orig)

    def _arguments(self) -> dict[str, object]:
        # transactions are begun here: the driver would begin none for what only reads
        return {"timeout": self._lock_limit, "isolation_level": None}


def _busy(error: BaseException | None) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF in _BUSY


def create_file(path: Path) -> None:
    """Make sure that the file is there, and only for its owner; the files that SQLite puts beside it take its
    mode. One of this user's that others could read is closed to them. Raises `OSError`, and `StoreError`
    where the folder cannot be written to and for a link that somebody else has put there.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.is_symlink() and path.lstat().st_uid not in {0, os.geteuid()}:
        raise StoreError(f"The database {path} cannot be used: it is a link of another user's.")
    file = path.resolve()
    # It is never opened here: to close it would take away all locks that SQLite has on it in this process.
    if not file.exists():
        _create(file)
    found = file.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not os.access(file, os.R_OK | os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    if found.st_mode & 0o077 and found.st_uid == os.geteuid():
        file.chmod(0o600)
    if not os.access(file.parent, os.W_OK):
        # SQLite would say that it cannot open the file
        raise StoreError(
            f"The database {path} cannot be used: the folder {file.parent} cannot be written to."
        )


def _create(file: Path) -> None:
    """Make an empty file, which appears when it is closed already."""
    descriptor, draft = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)  # mode 0600
    os.close(descriptor)
    try:
        os.link(draft, file)
    except FileExistsError:
        pass  # somebody else was faster
    except OSError:
        # not every file system has links
        with contextlib.suppress(FileExistsError):
            os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    finally:
        Path(draft).unlink()


def _listen(engine: Engine) -> None:
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)


def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """Set up a new connection: a crash of the machine may cost the last moments but not the file."""
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA foreign_keys = ON")
    finally:
        cursor.close()


def _begin(connection: Connection) -> None:
    """Begin a transaction. One that will write says so at once: if it began as a reader, others could write
    in between, and what it has read would no longer hold.
    """
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
