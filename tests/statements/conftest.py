"""A gateway with an upstream of every dialect, for the statements about translation."""

from collections.abc import Iterator

import pytest
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway, serving
from tests.statements.asking import House

from dragoman.testing.server import FakeServer

CONFIG = """
[server]
port = 0
[auth]
keys = ["{client_key}"]
[log]
level = "error"
[media]
allow_private = true
[providers.openai_chat]
dialect = "openai_chat"
base_url = "{url}/v1"
api_key = "{upstream_key}"
[providers.openai_responses]
dialect = "openai_responses"
base_url = "{url}/v1"
api_key = "{upstream_key}"
[providers.anthropic]
base_url = "{url}"
api_key = "{upstream_key}"
[providers.gemini]
base_url = "{url}"
api_key = "{upstream_key}"
"""
"""Clients call models `openai_chat/gpt-4o`, `anthropic/claude-sonnet-4-5` and so on."""


@pytest.fixture(scope="session")
def every_dialect(
    fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveGateway]:
    """A gateway with one provider for each dialect, which speaks nothing else."""
    config = CONFIG.format(url=fake_upstream.url, client_key=CLIENT_KEY, upstream_key=UPSTREAM_KEY)
    with serving(config, tmp_path_factory.mktemp("every_dialect")) as running:
        yield running


@pytest.fixture
def house(every_dialect: LiveGateway, fake: FakeServer) -> House:
    """The gateway, and the upstreams behind it with nothing laid out and nothing remembered."""
    return House(every_dialect, fake)
