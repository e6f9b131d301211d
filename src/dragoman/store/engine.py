"""The database: one SQLite file, opened when it is first needed."""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.schema import CreateIndex, CreateTable

from dragoman.store.error import StoreError
from dragoman.store.tables import METADATA

T = TypeVar("T")

LOCK_LIMIT = 5.0
"""Seconds to wait while another process writes."""

_CONNECTIONS = 4
_PAUSE = 0.02
"""Seconds between two tries to set the file up."""


class Database:
    """The database at a path.

    SQLite runs in threads of its own: a call that has to wait holds up nobody else. `lock_limit` is
    in seconds.
    """

    def __init__(self, path: Path, lock_limit: float = LOCK_LIMIT) -> None:
        self._path = path
        self._lock_limit = lock_limit
        self._engine: AsyncEngine | None = None
        self._opening = asyncio.Lock()
        self._closed = False
        self._running: set[asyncio.Future[Any]] = set()

    async def run(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """The outcome of `work` in a transaction of its own: its changes are all there in the end, or none.

        A caller that is cancelled leaves the work to its end: a connection that is let go of in the
        middle would stay open. Raises `StoreError` for whatever goes wrong with the database, or in
        the work.
        """
        task = asyncio.ensure_future(self._run(work))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Let go of the file, once nothing is at work there. What comes after raises `StoreError`."""
        self._closed = True
        if self._running:
            await asyncio.wait(self._running)
        async with self._opening:
            if self._engine is not None:
                await self._engine.dispose()
                self._engine = None

    async def _run(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        with self._failures():
            engine = await self._opened()
            async with engine.begin() as connection:
                return await work(connection)

    def _ended(self, task: "asyncio.Future[Any]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # nobody may be left to hear of it

    async def _opened(self) -> AsyncEngine:
        if self._engine is None:
            async with self._opening:
                if self._closed:
                    raise StoreError(f"The database {self._path} is closed.")
                if self._engine is None:
                    self._engine = await self._open()
        return self._engine

    async def _open(self) -> AsyncEngine:
        await asyncio.to_thread(_create_file, self._path)
        engine = _engine(self._path, self._lock_limit)
        loop = asyncio.get_running_loop()
        end = loop.time() + self._lock_limit
        try:
            while True:
                try:
                    await _set_up(engine)
                except OperationalError as error:
                    # SQLite does not wait for others while it changes the journal mode
                    if "locked" not in str(error.orig) or loop.time() > end:
                        raise
                    await asyncio.sleep(_PAUSE)
                else:
                    return engine
        except BaseException:
            await engine.dispose()
            raise

    @contextlib.contextmanager
    def _failures(self) -> Generator[None]:
        try:
            yield
        except DBAPIError as error:
            raise StoreError(f"The database {self._path} cannot be used: {error.orig}.") from None
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise StoreError(f"The database {self._path} cannot be used: {error}.") from None
        except OSError as error:
            raise StoreError(f"The database {self._path} cannot be used: {error.strerror}.") from None


async def _set_up(engine: AsyncEngine) -> None:
    """Make the file what it has to be: in a mode in which readers and the writer do not wait for each other,
    and with every table. Processes that start at once all do this; the second finds nothing left to do.
    """
    async with engine.connect() as connection:
        await connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    async with engine.begin() as connection:
        for table in METADATA.sorted_tables:
            await connection.execute(CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                await connection.execute(CreateIndex(index, if_not_exists=True))


def _create_file(path: Path) -> None:
    """Make sure that the file is there, and only for its owner; the files that SQLite puts beside it
    take its mode.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _engine(path: Path, lock_limit: float) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        # errors are logged, and parameters are what clients wrote
        hide_parameters=True,
        pool_size=_CONNECTIONS,
        max_overflow=0,
        pool_timeout=2 * lock_limit,
        connect_args={"timeout": lock_limit},
    )
    event.listen(engine.sync_engine, "connect", _prepare)
    return engine


def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """Set up a new connection: a crash of the machine may cost the last moments but not the file."""
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute("PRAGMA foreign_keys = ON")
    finally:
        cursor.close()
