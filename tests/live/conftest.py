"""Gateways in front of upstreams that break in every way, and clients of every dialect."""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Iterator, MutableMapping
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.conftest import CLIENT_KEY, ROUTES, UPSTREAM_KEY, LiveGateway, serving
from tests.live.client import MODELS, Client
from tests.live.own_gateway import Serve, starting
from tests.live.raw_upstream import RawUpstream, close

from dragoman.testing.server import FakeServer

LONGEST_BODY = 65_536
"""Bytes of the largest request that the gateway with tight limits takes."""

CONNECT, SILENCE, TOTAL = 0.7, 0.9, 2.0
"""Seconds that an upstream gets from the gateway with tight limits."""

SECOND_MODELS = {
    "openai_chat": "gpt-4.1",
    "openai_responses": "gpt-4.1-mini",
    "anthropic": "claude-haiku-4-5",
    "gemini": "gemini-2.5-pro",
}
"""The model that a route falls back to."""

Journal = list[MutableMapping[str, object]]
"""What gateways log, an entry for each exchange."""

GATEWAY = """
[server]
port = 0
max_body_bytes = {longest}
[auth]
keys = ["{client_key}"]
[timeouts]
connect = {connect}
first_event = {silence}
between_events = {silence}
total = {total}
[retries]
attempts = 1
backoff = 0.01
[health]
cooldown = 0
"""
PROVIDER = """
[providers.{place}_{name}]
dialect = "{name}"
base_url = "{url}"
api_key = "{key}"
[routes.{place}_{name}]
targets = ["{place}_{name}/{model}"]
[routes.{place}_{name}_or_fake]
targets = ["{place}_{name}/{model}", "fake_{name}/{second}"]
attempts = 2
"""


@pytest.fixture(scope="session")
def raw_upstream() -> Iterator[RawUpstream]:
    server = RawUpstream()
    thread = threading.Thread(target=server.serve, name="raw-upstream")
    thread.start()
    yield server
    server.close()
    thread.join()


@pytest.fixture
def raw(raw_upstream: RawUpstream) -> RawUpstream:
    """A raw upstream that closes each connection without a word, until a test sets its `play`."""
    raw_upstream.play = close
    raw_upstream.reads = True
    raw_upstream.asked.clear()
    return raw_upstream


@pytest.fixture(scope="session")
def places(fake_upstream: FakeServer, raw_upstream: RawUpstream) -> Iterator[dict[str, str]]:
    """Upstream addresses: the fake, the raw one, one that refuses connections, one that ignores them."""
    with socket.socket() as refusing, socket.socket() as full, contextlib.ExitStack() as stack:
        refusing.bind(("127.0.0.1", 0))
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            # once its queue is full, the system lets further attempts wait
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        ports = {"raw": raw_upstream.port, "closed": refusing.getsockname()[1], "full": full.getsockname()[1]}
        yield {
            "fake": fake_upstream.url,
            **{name: f"http://127.0.0.1:{port}" for name, port in ports.items()},
        }


def configuration(places: dict[str, str], *, connect: float, silence: float, total: float) -> str:
    """A gateway with a route `PLACE_DIALECT` to each place in each dialect."""
    parts = [
        GATEWAY.format(
            longest=LONGEST_BODY, client_key=CLIENT_KEY, connect=connect, silence=silence, total=total
        )
    ]
    for place, url in places.items():
        for name, model in MODELS.items():
            base = f"{url}/v1" if name.startswith("openai_") else url
            models = {"model": model, "second": SECOND_MODELS[name]}
            parts.append(PROVIDER.format(place=place, name=name, url=base, key=UPSTREAM_KEY, **models))
    return "".join(parts)


@pytest.fixture(scope="session")
def hasty(places: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    """A gateway with tight limits."""
    config = configuration(places, connect=CONNECT, silence=SILENCE, total=TOTAL)
    with serving(config, tmp_path_factory.mktemp("hasty")) as running:
        yield running


@pytest.fixture(scope="session")
def patient(places: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    """A gateway that waits longer than any test."""
    config = configuration(places, connect=60, silence=60, total=60)
    with serving(config, tmp_path_factory.mktemp("patient")) as running:
        yield running


@pytest.fixture
def serve(fake: FakeServer, tmp_path: Path) -> Iterator[Serve]:
    """Starts gateways before the fake provider, which end with the test."""
    with starting(fake.url, tmp_path) as begin:
        yield begin


@pytest.fixture(params=list(ROUTES))
def client(request: pytest.FixtureRequest, gateway: LiveGateway) -> Client:
    """A client of each dialect, at the gateway before the fake provider."""
    return Client(request.param, gateway)


@pytest.fixture(params=list(ROUTES))
def upstream(request: pytest.FixtureRequest) -> str:
    """Each dialect that an upstream may speak."""
    return request.param


@pytest.fixture
def route(upstream: str) -> str:
    """The model name that leads to the fake provider in the upstream's dialect."""
    return ROUTES[upstream]


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def stream(request: pytest.FixtureRequest) -> bool:
    """Whether the client asks for a stream."""
    return request.param


@pytest.fixture(autouse=True)
def journal(caplog: pytest.LogCaptureFixture) -> Iterator[Journal]:
    """What the gateways log during a test. Whatever a test does, none of it may be a traceback."""
    with capture_logs() as entries:
        yield entries
    assert [entry for entry in entries if entry["log_level"] in {"error", "critical"}] == []
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def noted(journal: Journal) -> MutableMapping[str, object]:
    """The entry of the one exchange of a test, which is noted right behind its answer."""
    until = time.monotonic() + 1
    while not (entries := [entry for entry in journal if str(entry["event"]).startswith("exchange")]):
        assert time.monotonic() < until, "the exchange was not noted"
        time.sleep(0.002)
    assert len(entries) == 1
    return entries[0]
