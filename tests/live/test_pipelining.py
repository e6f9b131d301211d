"""Clients that send ahead, that close half, and that hardly send at all, at a live gateway."""

import socket
import time
from pathlib import Path

import pytest
from tests.conftest import CLIENT_KEY, CONFIG, UPSTREAM_KEY, serving
from tests.live.client import Client, Reply
from tests.live.raw_upstream import saying
from tests.server.toy import hear, rest

from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

AT_ONCE = 1.0
LONG = saying(" ".join(["marzipan"] * 400))


def connect(client: Client, data: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", client.gateway.port), timeout=10)
    connection.sendall(data)
    return connection


@pytest.mark.parametrize("half", [False, True], ids=["closed", "half closed"])
@pytest.mark.parametrize("ahead", [0, 5])
def test_a_client_that_leaves_stops_the_upstream_whatever_it_has_sent_ahead(
    client: Client, stream: bool, fake: FakeServer, ahead: int, *, half: bool
) -> None:
    fake.script.add(Scripted(LONG, delay=0 if stream else 30, pace=0.02))
    text = client.ask("sonnet", stream=stream).text()
    with connect(client, text) as visitor:
        if stream:
            hear(visitor, b"marzipan")
        (received,) = fake.script.wait_received(1, 5)
        visitor.sendall(text * ahead)
        time.sleep(0.05)
        began = time.monotonic()
        if half:
            visitor.shutdown(socket.SHUT_WR)
        else:
            visitor.close()
        assert received.wait_left(5) - began < AT_ONCE
    time.sleep(0.05)
    assert len(fake.script.received) == 1


def test_what_is_sent_ahead_of_a_stream_is_answered_behind_it(client: Client, fake: FakeServer) -> None:
    fake.script.add(Scripted(saying("first"), pace=0.02), Scripted(saying("second"), delay=0.1))
    ends = client.ask("flash", stream=True)._replace(
        headers={"connection": "close", **client.ask("x").headers}
    )
    with connect(client, client.ask("flash", stream=True).text() + client.ask("flash").text()) as visitor:
        fake.script.wait_received(1, 5)
        visitor.sendall(ends.text())
        first, second, third = rest(visitor).split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert b"first" in first
    assert b"text/event-stream" in first
    assert b"second" in second
    assert b"application/json" in second
    assert b"text/event-stream" in third


def test_a_body_that_stops_coming_is_refused_in_the_clients_format(
    client: Client, fake: FakeServer, tmp_path: Path
) -> None:
    config = CONFIG.format(url=fake.url, client_key=CLIENT_KEY, upstream_key=UPSTREAM_KEY)
    with serving(config.replace("port = 0", "port = 0\nbody_timeout = 0.2"), tmp_path) as gateway:
        client = client.at(gateway)
        began = time.monotonic()
        with connect(client, client.ask("gpt-4o").text()[:-5]) as visitor:
            head, _, body = rest(visitor).partition(b"\r\n\r\n")
        assert 0.15 < time.monotonic() - began < 2
    lines = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:])
    assert head.startswith(b"HTTP/1.1 408 Request Timeout")
    assert lines["connection"] == "close"
    told = client.read_error(Reply(408, lines, body))
    assert "server.body_timeout" in told.message
    words = {"anthropic": "timeout_error", "gemini": "DEADLINE_EXCEEDED"}
    assert told.word == words.get(client.name, "invalid_request_error")
    assert fake.script.received == ()
