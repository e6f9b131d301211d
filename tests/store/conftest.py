"""The stores that the suite runs over."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dragoman.store.database_responses import DatabaseResponses
from dragoman.store.engine import Database
from dragoman.store.memory_responses import MemoryResponses
from dragoman.store.opening import SharedDatabase, open_responses
from dragoman.store.responses import ResponseStore

LOOPS = [True, False] if os.environ.get("DRAGOMAN_MONEY") else [True]
"""Whether uvloop is used: it is in production. The other is for where it cannot be installed."""


@pytest.fixture(
    params=[("asyncio", {"use_uvloop": quick}) for quick in LOOPS],
    ids=["uvloop" if quick else "asyncio" for quick in LOOPS],
)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """The event loops; both where everything is tried."""
    return request.param


@pytest.fixture(params=["memory", "database file", "data directory", "postgres", "shared postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ResponseStore]:
    """Every kind of store. The whole suite holds for each."""
    match request.param:
        case "memory":
            store = MemoryResponses()
        case "database file":
            store = DatabaseResponses(Database(tmp_path / "dragoman.db"))
        case "data directory":
            store = open_responses(tmp_path / "not there yet")
        case "postgres":
            store = DatabaseResponses(Database(request.getfixturevalue("postgres_url")))
        case _:
            shared = SharedDatabase(request.getfixturevalue("postgres_url"), tmp_path)
            store = open_responses(shared)
            yield store
            await store.close()
            await shared.close()
            return
    yield store
    await store.close()
