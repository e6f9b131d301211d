"""A live gateway in front of a live fake provider, both on real sockets, for every test that asks."""

import contextlib
import os
import threading
import time
import uuid
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path
from typing import NamedTuple

import hypothesis
import pytest
from tests.postgres_server import PostgresServer

from dragoman.config.secret import Secret
from dragoman.store.engine import LOCK_LIMIT, Database
from dragoman.store.migration import bring_up_to_date
from dragoman.store.opening import open_database
from dragoman.store.postgres import Postgres
from dragoman.testing.provider import FakeProvider
from dragoman.testing.server import FakeServer, fake_server
from dragoman.upstream.aiohttp_transport import AiohttpTransport

# Speed is measured by the benchmarks: a busy machine must not fail a property test.
hypothesis.settings.register_profile("dragoman", deadline=None)
hypothesis.settings.load_profile("dragoman")

_TRANSPORT = os.environ.get("DRAGOMAN_TRANSPORT", "")


@pytest.fixture(scope="session", autouse=True)
def _transport() -> Iterator[None]:
    """`scripts/test --aiohttp`: gateways reach every upstream as they reach hosts behind proxies."""
    with pytest.MonkeyPatch.context() as patch:
        if _TRANSPORT == "aiohttp":
            patch.setattr("dragoman.server.service.open_transport", AiohttpTransport)
        yield


CLIENT_KEY = "sk-client-0123456789"
UPSTREAM_KEY = "sk-upstream-9876543210"

CONFIG = """
[server]
port = 0
[auth]
keys = ["{client_key}"]
[log]
level = "error"
[retries]
attempts = 1
[health]
cooldown = 0
[providers.openai]
dialect = "openai_chat"
base_url = "{url}/v1"
api_key = "{upstream_key}"
[providers.responses]
dialect = "openai_responses"
base_url = "{url}/v1"
api_key = "{upstream_key}"
[providers.anthropic]
base_url = "{url}"
api_key = "{upstream_key}"
[providers.gemini]
base_url = "{url}"
api_key = "{upstream_key}"
[routes."gpt-4o"]
targets = ["openai/gpt-4o"]
[routes."gpt-4.1"]
targets = ["responses/gpt-4.1"]
[routes."sonnet"]
targets = ["anthropic/claude-sonnet-4-5"]
[routes."flash"]
targets = ["gemini/gemini-2.5-flash"]
"""

ROUTES = {"openai_chat": "gpt-4o", "openai_responses": "gpt-4.1", "anthropic": "sonnet", "gemini": "flash"}
"""The route to an upstream of each dialect."""


class LiveGateway(NamedTuple):
    """A running gateway: where it is, the key that it takes, and the key that it presents upstream."""

    url: str
    key: str
    upstream_key: str
    port: int


@contextlib.contextmanager
def serving(config: str, folder: Path) -> Generator[LiveGateway]:
    """A gateway with this configuration, on a free port, in a thread of its own."""
    # loaded by tests that start one only: those of single parts need not wait for it
    from dragoman.access.keys import KeyRing  # noqa: PLC0415
    from dragoman.config.file import load_settings  # noqa: PLC0415
    from dragoman.providers.environment import build_providers  # noqa: PLC0415
    from dragoman.server.http_server import listen  # noqa: PLC0415
    from dragoman.server.service import build, http_server  # noqa: PLC0415

    path = folder / "dragoman.toml"
    path.write_text(config)
    settings = load_settings(path, {}, None, None)
    keys = KeyRing.from_settings(settings, folder)
    listener = listen(settings.server.host, settings.server.port)
    server = http_server(build(settings, build_providers(settings, {}), keys, folder))
    thread = threading.Thread(target=server.run, args=([listener],), name="gateway")
    thread.start()
    port = listener.getsockname()[1]
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        yield LiveGateway(f"http://127.0.0.1:{port}", CLIENT_KEY, UPSTREAM_KEY, port)
    finally:
        server.stop()
        thread.join(10)
        listener.close()


@pytest.fixture(scope="session")
def thorough() -> bool:
    """Whether what is about money is tried as often as it takes, and not only a few times."""
    return bool(os.environ.get("DRAGOMAN_MONEY"))


@pytest.fixture(scope="session")
def fake_upstream() -> Iterator[FakeServer]:
    """One fake provider for the whole run, which knows only the gateway's own key."""
    with fake_server(FakeProvider(keys=frozenset({UPSTREAM_KEY}))) as fake:
        yield fake


@pytest.fixture
def fake(fake_upstream: FakeServer) -> Iterator[FakeServer]:
    """The fake provider, with nothing laid out and nothing remembered of earlier tests."""
    fake_upstream.script.clear()
    yield fake_upstream
    fake_upstream.script.clear()


@pytest.fixture(scope="session")
def gateway(fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    """A gateway with a route to each kind of upstream, all of them the fake provider."""
    config = CONFIG.format(url=fake_upstream.url, client_key=CLIENT_KEY, upstream_key=UPSTREAM_KEY)
    with serving(config, tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One real Postgres for the whole run (of each process, where several run tests). It is never stopped."""
    with contextlib.closing(PostgresServer()) as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A Postgres that a test may stop, crash and start."""
    with contextlib.closing(PostgresServer()) as server:
        yield server


@pytest.fixture(scope="session")
def _postgres_template(postgres: PostgresServer) -> str:
    """The name of a database with all tables, to copy."""
    name = "all_tables"
    postgres.execute(f"CREATE DATABASE {name}")
    bring_up_to_date(Postgres(postgres.url(name), LOCK_LIMIT))
    return name


@pytest.fixture
def postgres_url(postgres: PostgresServer, _postgres_template: str) -> Iterator[Secret]:
    """The URL of a Postgres database of the test's own, with all tables and nothing in them."""
    with postgres.database(f"test_{uuid.uuid4().hex}", _postgres_template) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> Secret | None:
    """What `[store] url` says: nothing for an SQLite file in `tmp_path`; a Postgres database of its own."""
    return None if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
async def database(store_url: Secret | None, tmp_path: Path) -> AsyncIterator[Database]:
    """A fresh database of each kind. Others of the same: `open_database(store_url, tmp_path)`."""
    opened = open_database(store_url, tmp_path)
    yield opened
    await opened.close()
