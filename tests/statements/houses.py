"""Gateways with an upstream of every dialect, for the statements about translation."""

import contextlib
from collections.abc import Generator
from pathlib import Path

from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway, serving

from dragoman.testing.server import FakeServer

CONFIG = """
[server]
port = 0
[retries]
attempts = 1
[health]
cooldown = 0
[auth]
keys = ["{client_key}"]
[log]
level = "error"
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


@contextlib.contextmanager
def every_dialect_at(fake: FakeServer, folder: Path) -> Generator[LiveGateway]:
    """A gateway with one provider for each dialect, which speaks nothing else."""
    config = CONFIG.format(url=fake.url, client_key=CLIENT_KEY, upstream_key=UPSTREAM_KEY)
    with serving(config, folder) as running:
        yield running
