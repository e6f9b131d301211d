"""A gateway with an upstream of every dialect, for the statements about translation."""

from collections.abc import Iterator

import pytest
from tests.conftest import LiveGateway
from tests.statements.asking import House
from tests.statements.houses import every_dialect_at

from dragoman.testing.server import FakeServer


@pytest.fixture(scope="session")
def every_dialect(
    fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveGateway]:
    """A gateway with one provider for each dialect, which speaks nothing else."""
    with every_dialect_at(fake_upstream, tmp_path_factory.mktemp("every_dialect")) as running:
        yield running


@pytest.fixture
def house(every_dialect: LiveGateway, fake: FakeServer) -> House:
    """The gateway, and the upstreams behind it with nothing laid out and nothing remembered."""
    return House(every_dialect, fake)
