"""Whoever runs the gateway learns whether it works, whether to send requests, and how the targets are."""

import signal
import socket
import time
from pathlib import Path

import pytest
from tests.conftest import CLIENT_KEY, CONFIG, UPSTREAM_KEY, LiveGateway
from tests.live.client import Client
from tests.live.command import serving
from tests.live.plain import ask
from tests.live.raw_upstream import saying
from tests.server.toy import hear, rest

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_nobody_needs_a_key_to_ask_for_its_health(gateway: LiveGateway, path: str) -> None:
    reply = ask(gateway, path, None, "GET", authorization=None)
    assert reply.status == 200
    assert reply.object == {"status": path.rpartition("/")[2]}
    assert reply.headers["cache-control"] == "no-store"
    head = ask(gateway, path, None, "HEAD", authorization=None)
    assert (head.status, head.body) == (200, b"")
    assert ask(gateway, path, {}, "POST", authorization=None).status == 405


def test_who_is_being_stopped_is_alive_but_not_ready(tmp_path: Path, fake: FakeServer) -> None:
    config = CONFIG.format(url=fake.url, client_key=CLIENT_KEY, upstream_key=UPSTREAM_KEY)
    (tmp_path / "dragoman.toml").write_text(config)
    with serving(tmp_path) as service:
        gateway = service.wait()
        # connections that have begun to ask when the stop begins: nobody else is let in any more
        with (
            socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as live,
            socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as ready,
        ):
            live.sendall(b"GET /health/live HT")
            ready.sendall(b"GET /health/ready HT")
            time.sleep(0.5)
            service.tell(signal.SIGTERM)
            time.sleep(0.1)
            live.sendall(b"TP/1.1\r\nhost: x\r\n\r\n")
            ready.sendall(b"TP/1.1\r\nhost: x\r\n\r\n")
            assert hear(live, b"}").endswith(b'{"status":"live"}')
            told = rest(ready)
            assert told.startswith(b"HTTP/1.1 503")
            assert told.endswith(b'{"status":"unready","reason":"the gateway is being stopped"}')
        assert service.end(5) == 0


def test_with_a_key_one_learns_how_each_target_is(tmp_path: Path, fake: FakeServer) -> None:
    config = CONFIG.format(url=fake.url, client_key=CLIENT_KEY, upstream_key=UPSTREAM_KEY)
    assert "cooldown = 0" in config
    config = config.replace("cooldown = 0", "cooldown = 10")
    (tmp_path / "dragoman.toml").write_text(config)
    with serving(tmp_path) as service:
        gateway = service.wait()
        assert ask(gateway, "/dragoman/health", None, "GET", authorization=None).status == 401
        fake.script.add(
            Scripted(saying("fine"), model="gpt-4o"),
            Scripted(Failure(FailureKind.RATE_LIMIT, "slow down", retry_after=60), model="claude-sonnet-4-5"),
        )
        assert Client("openai_chat", gateway).get("gpt-4o").status == 200
        assert Client("openai_chat", gateway).get("sonnet").status == 429
        reply = ask(gateway, "/dragoman/health", None, "GET")
        assert reply.status == 200
        targets = reply.object["targets"]
        assert isinstance(targets, list)
        states = {one["name"]: one for one in targets if isinstance(one, dict)}
        assert states["openai/gpt-4o"]["state"] == "healthy"
        resting = states["anthropic/claude-sonnet-4-5"]
        assert resting["state"] == "limited"
        left = resting["seconds_left"]
        assert isinstance(left, float)
        assert 50 < left <= 60
        assert UPSTREAM_KEY.encode() not in reply.body


def test_metrics_are_for_those_with_a_key(gateway: LiveGateway) -> None:
    assert ask(gateway, "/metrics", None, "GET", authorization=None).status == 401
    page = ask(gateway, "/metrics", None, "GET")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/plain")
    assert b"dragoman_build_info" in page.body
    modern = ask(gateway, "/metrics", None, "GET", accept="application/openmetrics-text; version=1.0.0")
    assert modern.headers["content-type"].startswith("application/openmetrics-text")
    assert ask(gateway, "/metrics", {}).status == 405
