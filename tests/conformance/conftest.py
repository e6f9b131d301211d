"""Gateways to measure: this project's own, live, and others made here to be wrong in one way each."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import CLIENT_KEY, serving

from dragoman.conformance.cell import Cell
from dragoman.conformance.runner import Pattern, run, vendors
from dragoman.conformance.subject import UPSTREAM_KEY, VENDOR_MODELS, Subject, default_name

_PROVIDER = """
[providers.{name}]
dialect = "{name}"
base_url = "{url}"
api_key = "{key}"
"""
_ROUTE = """
[routes.{name}]
targets = ["{target}"]
"""


def configuration(urls: dict[str, str]) -> str:
    """A configuration of Dragoman that leads to the fake vendors."""
    parts = [
        f'[server]\nport = 0\n[auth]\nkeys = ["{CLIENT_KEY}"]\n[log]\nlevel = "error"\n',
        # one cell's failure is to be seen as it is, and is no reason to spare the next one
        "[retries]\nattempts = 1\n[health]\ncooldown = 0\n",
    ]
    for name, url in urls.items():
        base = f"{url}/v1" if name.startswith("openai") else url
        parts.append(_PROVIDER.format(name=name, url=base, key=UPSTREAM_KEY))
    for target, model in VENDOR_MODELS.items():
        route = f"{target.partition('.')[0]}/{model}"
        parts.append(_ROUTE.format(name=default_name(target), target=route))
    return "".join(parts)


async def _measure(folder: Path, patterns: tuple[Pattern, ...]) -> list[Cell]:
    async with vendors("127.0.0.1", 0) as fakes:
        config = configuration({name: fake.url for name, fake in fakes.items()})
        with serving(config, folder) as gateway:
            return await run(Subject(gateway.url, gateway.key), fakes, patterns)


@pytest.fixture
def measured(tmp_path: Path) -> Callable[..., list[Cell]]:
    """Plays cells of the matrix with this project's own gateway."""
    return lambda *patterns: asyncio.run(_measure(tmp_path, patterns))
