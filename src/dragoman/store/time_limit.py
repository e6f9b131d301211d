"""A limit for what is asked of the database: whoever asks for too much is stopped, and holds up nobody."""

import contextlib
import time
from collections.abc import AsyncGenerator

from aiosqlite import Connection
from sqlalchemy import bindparam, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from dragoman.store.error import StoreError

_STEPS = 20_000
"""Steps of SQLite's machine between two looks at the clock: about a millisecond."""
_INTERRUPTED = "SQLITE_INTERRUPT"
_CANCELED = "57014"

_LIMIT = select(func.set_config("statement_timeout", bindparam("limit"), True))


class SearchLimitError(StoreError):
    """The database was asked for more than it can find in time. The message says what to do."""


@contextlib.asynccontextmanager
async def time_limit(connection: AsyncConnection, seconds: float) -> AsyncGenerator[None]:
    """What is asked inside of this ends after so many seconds: all together on SQLite, each question by
    itself on Postgres. Then it raises `SearchLimitError`.
    """
    driver = (await connection.get_raw_connection()).driver_connection
    try:
        if isinstance(driver, Connection):
            end = time.monotonic() + seconds
            await driver.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
        else:
            # for this transaction only
            await connection.execute(_LIMIT, {"limit": f"{max(1, round(seconds * 1000))}ms"})
        yield
    except DBAPIError as error:
        if (
            getattr(error.orig, "sqlite_errorname", None) == _INTERRUPTED
            or getattr(error.orig, "sqlstate", None) == _CANCELED
        ):
            raise SearchLimitError(
                f"The search was stopped after {seconds:g} seconds. Ask for a shorter time, or for something "
                "rarer, such as a key or a status."
            ) from None
        raise
    finally:
        if isinstance(driver, Connection):
            await driver.set_progress_handler(lambda: None, 0)
