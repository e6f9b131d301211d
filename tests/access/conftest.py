"""What the tests of keys share: a store of keys in a folder of its own, and who issues them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dragoman.access.issuing import Issuing
from dragoman.access.secret import KeySecret
from dragoman.config.secret import Secret
from dragoman.store.opening import SharedDatabase
from dragoman.store.shared_keys import SharedKeys

SECRET = KeySecret(b"a secret for tests, 32 bytes long")


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def anyio_backend() -> str:
    """The event loop."""
    return "asyncio"


@pytest.fixture
def clock() -> Clock:
    """The time, in Unix seconds."""
    return Clock()


@pytest.fixture
async def database(store_url: Secret | None, tmp_path: Path) -> AsyncIterator[SharedDatabase]:
    """An empty database, SQLite and Postgres."""
    shared = SharedDatabase(store_url, tmp_path)
    yield shared
    await shared.close()


@pytest.fixture
def store(database: SharedDatabase) -> SharedKeys:
    """The keys of that database."""
    return SharedKeys(database)


@pytest.fixture
def secret() -> KeySecret:
    """What keys are hashed with."""
    return SECRET


@pytest.fixture
def issuing(store: SharedKeys, clock: Clock, secret: KeySecret) -> Issuing:
    """Who makes keys there."""
    return Issuing(store, lambda: secret, clock)
