"""The models to ask for, and what must hold in every test."""

from collections.abc import Iterator

import pytest
from tests.conftest import ROUTES, LiveGateway

from dragoman.testing.server import FakeServer


@pytest.fixture(params=list(ROUTES.values()))
def model(request: pytest.FixtureRequest) -> str:
    """A model behind each kind of upstream in turn."""
    name: str = request.param
    return name


@pytest.fixture(autouse=True)
def _client_key_goes_nowhere(fake: FakeServer, gateway: LiveGateway) -> Iterator[None]:
    """In every test: no upstream sees the client's key."""
    yield
    for received in fake.script.received:
        seen = (received.path, str(received.query), str(received.headers), received.body.decode())
        assert all(gateway.key not in text for text in seen)
