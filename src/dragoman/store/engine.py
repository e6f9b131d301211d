"""The database: opened when it is first needed, SQLite or Postgres with the same code."""

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from dragoman.config.secret import Secret
from dragoman.store.backend import Backend, Dialect
from dragoman.store.error import StoreError
from dragoman.store.migration import bring_up_to_date
from dragoman.store.sqlite_file import SqliteFile

T = TypeVar("T")

LOCK_LIMIT = 5.0
"""Seconds to wait while others write."""

WORK_LIMIT = 60.0
"""Seconds that a transaction may take."""

_CUT_AGAIN = 0.2
_LONGEST_PAUSE = 0.1
_MOST_LOST = 2
"""Connections that may turn out to be dead before a call fails: each kept one could be, after a restart."""


class Database:
    """The SQLite file at a path, or the Postgres database of a URL.

    An object belongs to one event loop of one process. It connects at the first use, so that one that was
    made before a fork can be used after it. `lock_limit` is in seconds. Raises `StoreError` for a URL that
    cannot be read.
    """

    def __init__(self, location: Path | Secret, lock_limit: float = LOCK_LIMIT) -> None:
        self._backend = backend_at(location, lock_limit)
        self._lock_limit = lock_limit
        self._engine: AsyncEngine | None = None
        self._opening = asyncio.Lock()
        self._writing = asyncio.Lock()
        self._closed = False
        self._running: set[asyncio.Future[Any]] = set()

    @property
    def dialect(self) -> Dialect:
        """The kind of database."""
        return self._backend.dialect

    @property
    def place(self) -> str:
        """Where the database is, for people: a file, or the name and host of a Postgres database."""
        return self._backend.place

    async def run(
        self,
        work: Callable[[AsyncConnection], Awaitable[T]],
        *,
        writes: bool = False,
        limit: float | None = WORK_LIMIT,
    ) -> T:
        """The outcome of `work` in a transaction of its own: its changes are all there in the end, or none.

        Work that writes says so with `writes`. What it reads stays true on SQLite until it has written; on
        Postgres, rows that have to stay as they are must be selected `with_for_update`. Where others are in
        the way, and where a connection turns out to be dead before anything was committed, `work` is run
        again from its beginning: it has to bear that. `limit` is the longest that it may take, in seconds.

        A caller that is cancelled leaves the work to its end: a connection that is let go of in the
        middle would stay open. Raises `StoreError` for whatever goes wrong with the database, or in
        the work.
        """
        task = asyncio.ensure_future(self._run(work, writes, limit))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Let go of the database, once nothing is at work there. What comes after raises `StoreError`."""
        self._closed = True
        if self._running:
            await asyncio.wait(self._running)
        async with self._opening:
            if self._engine is not None:
                await self._engine.dispose()
                self._engine = None

    async def _run(
        self, work: Callable[[AsyncConnection], Awaitable[T]], writes: bool, limit: float | None
    ) -> T:
        loop = asyncio.get_running_loop()
        with failures(self._backend):
            engine = await self._opened()
            end = loop.time() + self._lock_limit
            lost = 0
            pause = 0.005
            while True:
                try:
                    async with self._turn(writes):
                        return await self._attempt(engine, work, writes, limit)
                except DBAPIError as error:
                    if error.connection_invalidated:
                        lost += 1
                        if lost > _MOST_LOST or loop.time() > end:
                            raise
                    elif not self._backend.momentary(error) or loop.time() + pause > end:
                        raise
                    else:
                        await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - no secret
                        pause = min(2 * pause, _LONGEST_PAUSE)

    async def _attempt(
        self,
        engine: AsyncEngine,
        work: Callable[[AsyncConnection], Awaitable[T]],
        writes: bool,
        limit: float | None,
    ) -> T:
        async with engine.connect() as connection:
            async with self._limited(connection, self._backend.answer_limit):
                await self._backend.begin(connection, writes=writes, limit=limit)
            async with self._limited(connection, limit):
                try:
                    outcome = await work(connection)
                except BaseException:
                    with contextlib.suppress(SQLAlchemyError):
                        await connection.rollback()
                    raise
                await self._commit(connection)
            return outcome

    async def _commit(self, connection: AsyncConnection) -> None:
        try:
            await connection.commit()
        except DBAPIError as error:
            if error.connection_invalidated:
                # not tried again: it could be done twice
                raise self._unusable(
                    "the connection was lost at the end of a transaction, whose changes may be there or not"
                ) from None
            raise

    @contextlib.asynccontextmanager
    async def _limited(self, connection: AsyncConnection, limit: float | None) -> AsyncGenerator[None]:
        """What is done with the connection here is cut off when it takes longer than `limit` seconds."""
        cutting: list[asyncio.Task[None]] = []

        async def cut() -> None:
            while True:
                await self._backend.sever(connection)
                await asyncio.sleep(_CUT_AGAIN)

        if limit is None:
            yield
            return
        timer = asyncio.get_running_loop().call_later(
            limit, lambda: cutting.append(asyncio.create_task(cut()))
        )
        try:
            yield
        except DBAPIError:
            if cutting:
                raise self._unusable(f"it took longer than {limit:g} seconds") from None
            raise
        finally:
            timer.cancel()
            for task in cutting:
                task.cancel()
            await asyncio.gather(*cutting, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def _turn(self, writes: bool) -> AsyncGenerator[None]:
        """Writers of this process wait for each other in a line: the waiting of SQLite's own is not fair."""
        if not (writes and self._backend.one_writer):
            yield
            return
        try:
            async with asyncio.timeout(2 * self._lock_limit):
                await self._writing.acquire()
        except TimeoutError:
            raise self._unusable("too many want to write") from None
        try:
            yield
        finally:
            self._writing.release()

    def _ended(self, task: "asyncio.Future[Any]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # nobody may be left to hear of it

    async def _opened(self) -> AsyncEngine:
        if self._engine is None:
            async with self._opening:
                if self._closed:
                    raise StoreError(f"The database {self.place} is closed.")
                if self._engine is None:
                    await asyncio.to_thread(bring_up_to_date, self._backend)
                    self._engine = self._backend.engine()
        return self._engine

    def _unusable(self, reason: str) -> StoreError:
        return StoreError(f"The database {self.place} cannot be used: {reason}.")


@contextlib.contextmanager
def failures(backend: Backend) -> Generator[None]:
    """Whatever goes wrong with a database inside of this is raised as `StoreError`."""

    def unusable(reason: str) -> StoreError:
        return StoreError(f"The database {backend.place} cannot be used: {reason}.")

    try:
        yield
    except DBAPIError as error:
        raise unusable(backend.reason(error)) from None
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise unusable(str(error)) from None
    except OSError as error:
        raise unusable(error.strerror or type(error).__name__) from None


def backend_at(location: Path | Secret, lock_limit: float = LOCK_LIMIT) -> Backend:
    """What a `Database` there is over."""
    if isinstance(location, Path):
        return SqliteFile(location, lock_limit)
    from dragoman.store.postgres import Postgres  # noqa: PLC0415 - its driver is loaded only where it is used

    return Postgres(location, lock_limit)
