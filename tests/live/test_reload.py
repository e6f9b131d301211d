"""A running gateway goes on with another configuration, and nobody who is being served notices."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.conftest import CLIENT_KEY, CONFIG, ROUTES, UPSTREAM_KEY, LiveGateway
from tests.live.client import Client
from tests.live.command import Service, serving
from tests.live.metrics_page import Page
from tests.live.plain import ask
from tests.live.raw_upstream import saying
from tests.server.toy import settled

from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

AGAIN = "the configuration was read again"
EXTRA = '[routes.extra]\ntargets = ["openai/gpt-4o"]\n'


class House:
    """A gateway and its configuration file."""

    def __init__(self, folder: Path, fake: FakeServer, service: Service) -> None:
        self.path = folder / "dragoman.toml"
        self.text = CONFIG.format(url=fake.url, client_key=CLIENT_KEY, upstream_key=UPSTREAM_KEY).replace(
            'level = "error"', 'level = "info"'
        )
        self.service = service

    def write(self, text: str) -> None:
        """Put another text into the file, in one step."""
        draft = self.path.with_suffix(".draft")
        draft.write_text(text)
        draft.replace(self.path)

    def reload(self, text: str) -> str:
        """Put another text into the file and have it read; what the log says of that."""
        before = len(self.service.log)
        self.write(text)
        self.service.tell(signal.SIGHUP)
        assert settled(lambda: AGAIN in self.service.log[before:])
        return self.service.log[before:]


@pytest.fixture
def house(tmp_path: Path, fake: FakeServer) -> Iterator[House]:
    """A gateway that looks for itself whether its file has changed."""
    text = House(tmp_path, fake, None).text  # pyright: ignore[reportArgumentType] - there is none yet
    (tmp_path / "dragoman.toml").write_text(text)
    with serving(tmp_path) as service:
        service.wait()
        yield House(tmp_path, fake, service)
        assert "Traceback" not in service.log


def status(gateway: LiveGateway, model: str, key: str = CLIENT_KEY) -> int:
    return Client("openai_chat", gateway._replace(key=key)).get(model).status


def test_routes_and_keys_come_and_go_on_request(house: House) -> None:
    gateway = house.service.wait()
    assert status(gateway, "extra") == 404
    told = house.reload(house.text + EXTRA + '[keys.alice]\nkey = "sk-alice-0123456789"\n')
    assert "routes=+extra" in told
    assert "keys=+alice" in told
    assert "sk-alice" not in told
    assert status(gateway, "extra") == 200
    assert status(gateway, "extra", "sk-alice-0123456789") == 200
    assert "routes=-extra keys=-alice" in house.reload(house.text)
    assert status(gateway, "extra") == 404
    assert status(gateway, "gpt-4o", "sk-alice-0123456789") == 401


def test_a_changed_file_is_seen_and_a_bad_one_changes_nothing(house: House) -> None:
    gateway, service = house.service.wait(), house.service
    house.write(house.text + EXTRA)
    service.wait_log(AGAIN)
    assert status(gateway, "extra") == 200
    house.write(house.text + "[routes.extra]\ntargets = ['nowhere/x']\n")
    service.wait_log("cannot be used: the old one stays")
    line = house.text.count("\n") + 2
    assert re.search(rf"ERROR .*dragoman\.toml:{line}: routes\.extra\.targets\[0\]: ", service.log)
    time.sleep(1.5)
    assert service.log.count("cannot be used") == 1
    assert status(gateway, "extra") == 200
    house.write(house.text)
    service.wait_log("routes=-extra")
    assert status(gateway, "extra") == 404


def test_streams_go_on_through_everything(house: House, fake: FakeServer) -> None:
    """Also those whose route, key and provider are no more: they keep what they began with."""
    gateway = house.service.wait()
    words = [f"word{number}" for number in range(20)]
    fake.script.add(*[Scripted(saying(" ".join(words)), pace=0.1)] * 4)
    other = house.text.replace(CLIENT_KEY, "sk-other-0123456789").replace("[routes.", "[routes.new_")
    other = other.replace('[routes.new_"', '[routes."new_').replace(UPSTREAM_KEY, "sk-nobodys-key")
    with ThreadPoolExecutor(4) as pool:
        clients = [Client(name, gateway) for name in ROUTES]
        coming = [pool.submit(client.get, ROUTES[client.name], stream=True) for client in clients]
        fake.script.wait_received(4, 10)
        time.sleep(0.3)
        for text in (other, house.text, other):
            house.reload(text)
        assert not any(reply.done() for reply in coming)
        for client, reply in zip(clients, coming, strict=True):
            assert client.stream_error(reply.result()) is None
            assert client.words(reply.result()).split() == words
    assert status(gateway, "gpt-4o") == 401
    assert status(gateway, "new_gpt-4o", "sk-other-0123456789") != 404


def test_what_was_worked_out_for_many_requests_is_worked_out_anew(house: House, fake: FakeServer) -> None:
    """What upstreams are sent, what answers cost, and what a key is held to."""
    gateway = house.service.wait()
    lent = '[keys.lent]\nkey = "sk-lent-0123456789"\nlimits = [{ requests = MOST, per = "day" }]\n'
    priced = '[prices."openai/gpt-4o"]\ninput = IN\noutput = 0\n'

    def text(most: int, price: int, header: str, key: str) -> str:
        provider = f'api_key = "{key}"\nheaders = {{ "x-house" = "{header}" }}\n[providers.responses]'
        kept = house.text.replace(f'api_key = "{UPSTREAM_KEY}"\n[providers.responses]', provider)
        return kept + lent.replace("MOST", str(most)) + priced.replace("IN", str(price))

    house.reload(text(100, 1, "first", UPSTREAM_KEY))
    for _ in range(3):
        assert status(gateway, "gpt-4o", "sk-lent-0123456789") == 200
    before = Page(gateway).value("cost_dollars_total")
    assert before > 0
    house.reload(text(5, 2, "second", UPSTREAM_KEY))
    statuses = [status(gateway, "gpt-4o", "sk-lent-0123456789") for _ in range(3)]
    assert statuses == [200, 200, 429]
    house.reload(text(100, 2, "second", "sk-nobodys-key"))
    assert status(gateway, "gpt-4o", "sk-lent-0123456789") >= 400
    received = fake.script.wait_received(6, 10)
    assert [one.incoming.headers["x-house"] for one in received] == ["first"] * 3 + ["second"] * 3
    sent = [one.incoming.headers["authorization"] for one in received]
    assert sent == [f"Bearer {UPSTREAM_KEY}"] * 5 + ["Bearer sk-nobodys-key"]
    assert Page(gateway).value("cost_dollars_total") == pytest.approx(before + 4 / 3 * before)


def test_what_takes_a_restart_is_said(house: House) -> None:
    told = house.reload(
        house.text.replace("port = 0", "port = 0\nworkers = 2") + "[memory]\nsignatures = 0\n"
    )
    assert (
        'WARNING some settings take effect with a restart only settings="server.workers memory.signatures"'
        in told
    )


def test_a_new_secret_is_kept_out_of_the_log_from_the_first_moment_on(house: House) -> None:
    gateway = house.service.wait()
    secret = "my-own-way-of-writing-keys"
    house.reload(house.text + f'[keys.bob]\nkey = "{secret}"\n')
    assert ask(gateway, f"/v1/{secret}", None, "GET").status == 404
    assert status(gateway, secret) == 404
    house.service.wait_log("[redacted]")
    assert secret not in house.service.log


def test_what_clients_may_send_and_see_follows_too(house: House) -> None:
    gateway = house.service.wait()
    assert ask(gateway, "/metrics", None, "GET", authorization=None).status == 401
    text = house.text.replace("port = 0", "port = 0\nmax_body_bytes = 1024\ncors_origins = []")
    house.reload(text + "[metrics]\nopen = true\n")
    assert ask(gateway, "/metrics", None, "GET", authorization=None).status == 200
    assert ask(gateway, "/v1/messages", b" " * 2000).status == 413
    shown = ask(gateway, "/v1/models", None, "GET", origin="https://chat.example.com")
    assert "access-control-allow-origin" not in shown.headers


def test_the_end_of_the_terminal_is_the_end_of_the_gateway(tmp_path: Path) -> None:
    """Whoever starts it by hand and closes the window does not mean to have it read its configuration."""
    code = (
        "import os, pty, subprocess, sys, time\n"
        "ours, theirs = os.openpty()\n"
        "process = subprocess.Popen(sys.argv[1:], stdin=theirs, stdout=subprocess.PIPE)\n"
        "os.close(theirs)\n"
        "while b'key' not in process.stdout.readline(): pass\n"
        "time.sleep(0.5)\n"
        "os.close(ours)\n"
        "process.send_signal(1)\n"
        "sys.exit(process.wait(10))\n"
    )
    command = [str(Path(sys.executable).with_name("dragoman")), "serve", "--port", "0"]
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "DRAGOMAN_HOME": str(tmp_path / "data")},
        timeout=30,
        check=False,
    )
    assert done.returncode == 0
