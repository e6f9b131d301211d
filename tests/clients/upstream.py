"""Upstreams of every dialect whose model follows a script, and a gateway in front of them."""

import contextlib
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import NamedTuple

from tests.clients.scripted_model import ScriptedModel
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway, serving

from dragoman.testing.provider import FakeProvider
from dragoman.testing.script import Script, Scripted
from dragoman.testing.server import fake_server

CONFIG = """
[server]
port = 0
[auth]
keys = ["{client_key}"]
[log]
level = "error"
[providers.upstream]
dialect = "{dialect}"
base_url = "{base_url}"
api_key = "{upstream_key}"
"""
ROUTE = """
[routes."{name}"]
targets = ["upstream/{model}"]
"""


class Upstream(NamedTuple):
    """A vendor's format, and a model of that vendor."""

    dialect: str
    model: str

    @property
    def signs(self) -> bool:
        """Whether the model signs its reasoning."""
        return self.dialect != "openai_chat"


class Way(NamedTuple):
    """The gateway that leads to an upstream, and what came there."""

    gateway: LiveGateway
    script: Script


UPSTREAMS = (
    Upstream("openai_chat", "gpt-4.1"),
    Upstream("openai_responses", "gpt-5.5"),
    Upstream("anthropic", "claude-opus-4-5"),
    Upstream("anthropic", "claude-opus-5-5"),
    Upstream("gemini", "gemini-2.5-flash"),
    Upstream("gemini", "gemini-3.1-pro-preview"),
)
"""The models that answer: of each vendor those that differ in how they reason and sign."""

LATEST = tuple({upstream.dialect: upstream for upstream in UPSTREAMS}.values())
"""The last one of each vendor."""


@contextlib.contextmanager
def way_to(
    upstream: Upstream, actor: ScriptedModel, names: Iterable[str], folder: Path, *troubles: Scripted
) -> Generator[Way]:
    """A gateway whose routes of these names lead to the upstream. The `troubles` come first there."""
    provider = FakeProvider(keys=frozenset({UPSTREAM_KEY}), actor=actor)
    provider.script.add(*troubles)
    with fake_server(provider) as fake:
        config = CONFIG.format(
            dialect=upstream.dialect,
            base_url=f"{fake.url}/v1" if upstream.dialect.startswith("openai") else fake.url,
            client_key=CLIENT_KEY,
            upstream_key=UPSTREAM_KEY,
        )
        config += "".join(ROUTE.format(name=name, model=upstream.model) for name in names)
        with serving(config, folder) as gateway:
            yield Way(gateway, fake.script)
