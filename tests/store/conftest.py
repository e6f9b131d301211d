"""The stores that the suite runs over."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dragoman.store.database_responses import DatabaseResponses
from dragoman.store.engine import Database
from dragoman.store.memory_responses import MemoryResponses
from dragoman.store.opening import open_responses
from dragoman.store.responses import ResponseStore


@pytest.fixture(
    params=[("asyncio", {"use_uvloop": False}), ("asyncio", {"use_uvloop": True})], ids=["asyncio", "uvloop"]
)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both event loops: uvloop runs in production, asyncio where uvloop cannot be installed."""
    return request.param


@pytest.fixture(params=["memory", "database file", "data directory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ResponseStore]:
    """Every kind of store. The whole suite holds for each."""
    stores: dict[str, ResponseStore] = {
        "memory": MemoryResponses(),
        "database file": DatabaseResponses(Database(tmp_path / "dragoman.db")),
        "data directory": open_responses(tmp_path / "not there yet"),
    }
    store = stores[request.param]
    yield store
    await store.close()
