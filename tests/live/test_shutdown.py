"""The real command ends in order, whatever its clients are at: told in their format, or cut off."""

import contextlib
import re
import signal
import socket
import time
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.conftest import CLIENT_KEY, CONFIG, ROUTES, UPSTREAM_KEY, LiveGateway
from tests.live.client import MODELS, Client, Reply
from tests.live.command import Service, serving
from tests.live.raw_upstream import pieces_of, saying, stream_of
from tests.server.toy import hear, rest, settled

from dragoman.gateway.relay import STOPPING
from dragoman.testing.exchange import Answer, Chunk
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

LONG = saying(" ".join(["word"] * 500))


def configure(folder: Path, fake: FakeServer, shutdown_timeout: float) -> None:
    config = CONFIG.format(url=fake.url, client_key=CLIENT_KEY, upstream_key=UPSTREAM_KEY)
    config = config.replace("port = 0", f"port = 0\nshutdown_timeout = {shutdown_timeout}")
    config = config.replace('level = "error"', 'level = "info"')
    (folder / "dragoman.toml").write_text(config)


@contextlib.contextmanager
def running(
    folder: Path, fake: FakeServer, shutdown_timeout: float
) -> Generator[tuple[Service, LiveGateway]]:
    configure(folder, fake, shutdown_timeout)
    with serving(folder) as service:
        yield service, service.wait()
        assert service.end() == 0
        noise = re.findall(r".*(?:Traceback|ERROR|CRITICAL|Exception|uvicorn|Cancel).*", service.log)
        assert noise == []


def connect(gateway: LiveGateway, data: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", gateway.port), timeout=10)
    connection.sendall(data)
    return connection


def refused(gateway: LiveGateway) -> bool:
    try:
        connect(gateway, b"").close()
    except ConnectionError:
        return True
    return False


def test_nobody_new_is_let_in_and_everybody_who_waits_is_served(tmp_path: Path, fake: FakeServer) -> None:
    fake.script.add(*[Scripted(saying("one two three four"), delay=0.5, pace=0.1)] * 8)
    with (
        running(tmp_path, fake, 20) as (service, gateway),
        ThreadPoolExecutor(8) as pool,
        connect(gateway, b"GET /health/ready HTTP/1.1\r\nhost: x\r\n\r\n") as idle,
    ):
        assert b"ready" in hear(idle, b"}")
        clients = [Client(name, gateway) for name in ROUTES]
        coming = [
            pool.submit(client.get, ROUTES[client.name], stream=stream)
            for client in clients
            for stream in (False, True)
        ]
        fake.script.wait_received(8, 10)
        service.tell(signal.SIGTERM)
        began = time.monotonic()
        assert settled(lambda: refused(gateway), 1.0)
        assert rest(idle) == b""
        assert time.monotonic() - began < 1.0
        for client, reply in zip((one for one in clients for _ in range(2)), coming, strict=True):
            assert client.words(reply.result()).endswith("four")
        assert service.end(3) == 0


def test_who_cannot_be_waited_for_is_told_in_its_own_format(tmp_path: Path, fake: FakeServer) -> None:
    """At each stage: before the first token, in a stream, before a whole answer, in the request itself."""
    stages = {"silent": True, "begun": True, "whole": False}
    with running(tmp_path, fake, 0.5) as (service, gateway), ThreadPoolExecutor(12) as pool:
        coming: dict[tuple[str, str], Future[Reply]] = {}
        for name in ROUTES:
            for stage, stream in stages.items():
                delay = 0 if stage == "begun" else 60
                fake.script.add(Scripted(LONG, delay=delay, pace=0.2))
                asked = len(fake.script.received) + 1
                coming[name, stage] = pool.submit(Client(name, gateway).get, ROUTES[name], stream=stream)
                fake.script.wait_received(asked, 10)
        uploads = {name: Client(name, gateway).ask(ROUTES[name]) for name in ROUTES}
        sending = {name: connect(gateway, ask.text()[:-10]) for name, ask in uploads.items()}
        time.sleep(0.3)
        service.tell(signal.SIGTERM)
        assert service.end(3) == 0
        for (name, stage), reply in coming.items():
            client = Client(name, gateway)
            if stage == "begun":
                told = client.stream_error(reply.result())
                assert told is not None
                assert not client.finished(reply.result().body)
            else:
                assert reply.result().status == (529 if name == "anthropic" else 503)
                told = client.read_error(reply.result())
            assert told.message == STOPPING.message, (name, stage)
        for name, connection in sending.items():
            answer = rest(connection)
            assert answer.startswith(b"HTTP/1.1 5")
            assert STOPPING.message.encode() in answer, name
            connection.close()
        assert all(one.wait_left(5) for one in fake.script.received)


def test_clients_that_do_not_read_hold_nobody_up(tmp_path: Path, fake: FakeServer) -> None:
    with running(tmp_path, fake, 0.5) as (service, gateway), contextlib.ExitStack() as clients:
        for name in ROUTES:
            pieces = pieces_of(Client(name, gateway).ask(MODELS[name], stream=True), Scripted(LONG))
            again = next(number for number, piece in enumerate(pieces) if b"word" in piece)
            fake.script.add(stream_of([*pieces[: again + 1], *[pieces[again] * 1000] * 100]))
            asked = len(fake.script.received) + 1
            lazy = clients.enter_context(socket.socket())
            lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            lazy.connect(("127.0.0.1", gateway.port))
            lazy.sendall(Client(name, gateway).ask(ROUTES[name], stream=True).text())
            fake.script.wait_received(asked, 10)
        clients.enter_context(connect(gateway, b"POST /v1/messages HTTP/1.1\r\nhost: "))
        time.sleep(1)
        service.tell(signal.SIGTERM)
        assert service.end(5) == 0


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_waits_for_nobody(tmp_path: Path, fake: FakeServer, first: signal.Signals) -> None:
    fake.script.add(Scripted(LONG, pace=0.2))
    with running(tmp_path, fake, 60) as (service, gateway), ThreadPoolExecutor(1) as pool:
        client = Client("anthropic", gateway)
        coming = pool.submit(client.get, "sonnet", stream=True)
        fake.script.wait_received(1, 10)
        time.sleep(0.3)
        service.tell(first)
        time.sleep(0.3)
        assert not coming.done()
        service.tell(signal.SIGTERM)
        assert service.end(2) == 0
        told = client.stream_error(coming.result())
        assert told is not None
        assert told.message == STOPPING.message


def test_the_time_to_stop_is_also_that_of_a_reloaded_configuration(tmp_path: Path, fake: FakeServer) -> None:
    fake.script.add(Answer(200, {"content-type": "application/json"}, (Chunk(60, b"{}"),)))
    with running(tmp_path, fake, 60) as (service, gateway), ThreadPoolExecutor(1) as pool:
        client = Client("openai_chat", gateway)
        coming = pool.submit(client.get, "gpt-4o")
        fake.script.wait_received(1, 10)
        configure(tmp_path, fake, 0.1)
        service.tell(signal.SIGHUP)
        service.wait_log("read again")
        service.tell(signal.SIGTERM)
        assert service.end(2) == 0
        assert coming.result().status == 503


@pytest.mark.parametrize("delay", [0, 0.2])
def test_a_gateway_that_has_only_just_said_where_it_is_can_be_stopped(
    tmp_path: Path, fake: FakeServer, delay: float
) -> None:
    with running(tmp_path, fake, 5) as (service, _):
        time.sleep(delay)
        service.tell(signal.SIGTERM)
        assert service.end(5) == 0
