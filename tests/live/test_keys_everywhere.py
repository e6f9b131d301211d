"""What is changed of a key at one process of a gateway holds at all of them: workers and other nodes."""

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.conftest import LiveGateway, serving
from tests.live import command
from tests.live.client import Client
from tests.live.held import ADMIN_KEY, asking, issued, manage
from tests.postgres_server import PostgresServer

CONFIG = f"""
[server]
port = 0
[auth]
keys = ["sk-client-0123456789"]
admin_key = "{ADMIN_KEY}"
secret = "0123456789abcdef0123456789abcdef"
[providers.demo]
"""
CROWD = 12
"""Connections, so many that every worker gets some of them."""
PATIENCE = 20.0


class House:
    """A gateway of several processes."""

    def __init__(self, doors: Sequence[LiveGateway], folder: Path) -> None:
        self.doors = doors
        self.folder = folder

    def statuses(self, key: str) -> set[int]:
        """What a key is answered, everywhere."""

        def ask(number: int) -> int:
            client = Client("openai_chat", self.doors[number % len(self.doors)])
            return client.send(asking(client, "demo", key, stream=False)).status

        with ThreadPoolExecutor(CROWD) as threads:
            return set(threads.map(ask, range(CROWD)))

    def refused_soon(self, key: str, status: int) -> float:
        """Seconds until a key is refused with this status, everywhere."""
        began = time.monotonic()
        while self.statuses(key) != {status}:
            assert time.monotonic() < began + PATIENCE
        return time.monotonic() - began


@pytest.fixture(scope="module", params=["workers", "nodes"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Three workers on a file, or two nodes on Postgres."""
    home = tmp_path_factory.mktemp("house")
    with ExitStack() as stack:
        if request.param == "workers":
            (home / "dragoman.toml").write_text(CONFIG)
            service = stack.enter_context(command.serving(home, "--workers", "3"))
            yield House([service.wait()], home)
            assert "Traceback" not in service.log
            return
        postgres: PostgresServer = request.getfixturevalue("postgres")
        url = stack.enter_context(postgres.database("keys_everywhere"))
        config = f'{CONFIG}[store]\nurl = "{url.reveal()}"\n'
        doors: list[LiveGateway] = []
        for name in ("one", "two"):
            folder = home / name
            folder.mkdir()
            (folder / "dragoman.toml").write_text(config)
            doors.append(stack.enter_context(serving(config, folder)))
        yield House(doors, home / "one")


def test_a_new_key_opens_everywhere_at_once_and_is_gone_everywhere_soon(house: House) -> None:
    first, last = house.doors[0], house.doors[-1]
    key = issued(first, "ada")
    assert house.statuses(key) == {200}
    assert manage(last, "POST", "/keys/ada/disable").status == 200
    house.refused_soon(key, 403)
    assert manage(first, "POST", "/keys/ada/enable").status == 200
    house.refused_soon(key, 200)
    assert manage(last, "DELETE", "/keys/ada").status == 204
    house.refused_soon(key, 401)


def test_a_rotated_key_opens_everywhere_beside_its_new_text_for_so_long(house: House) -> None:
    first, last = house.doors[0], house.doors[-1]
    old = issued(first, "bob")
    assert house.statuses(old) == {200}
    told = manage(last, "POST", "/keys/bob/rotate", {"overlap": 3600})
    assert told.status == 200
    new = str(told.object["key"])
    assert house.statuses(new) == house.statuses(old) == {200}
    newest = str(manage(first, "POST", "/keys/bob/rotate", {}).object["key"])
    assert house.statuses(newest) == {200}
    for ended in (new, old):
        house.refused_soon(ended, 401)


def test_the_limit_of_a_key_that_is_changed_holds_everywhere(house: House) -> None:
    key = issued(house.doors[0], "eve", routes=["demo"])
    assert house.statuses(key) == {200}
    assert manage(house.doors[-1], "PATCH", "/keys/eve", {"routes": ["other"]}).status == 200
    house.refused_soon(key, 403)


def test_how_much_a_key_may_use_is_changed_everywhere(house: House) -> None:
    """Also where it has been asked with before, and what it is held to was worked out."""
    key = issued(house.doors[0], "max", limits=[{"requests": 1000, "per": "day"}])
    assert house.statuses(key) == {200}
    for limits, status in (([{"requests": 1, "per": "day"}], 429), ([], 200)):
        assert manage(house.doors[-1], "PATCH", "/keys/max", {"limits": limits}).status == 200
        house.refused_soon(key, status)
    poor = {"budgets": [{"amount": 0.000_001, "per": "total"}]}
    assert manage(house.doors[-1], "PATCH", "/keys/max", poor).status == 200
    house.refused_soon(key, 429)


def test_a_key_of_the_command_line_opens_everywhere_at_once(house: House) -> None:
    made = command.run(house.folder, "keys", "create", "--name", "kim")
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    assert house.statuses(key) == {200}
    listed = manage(house.doors[-1], "GET", "/keys").object["keys"]
    assert '"kim"' in json.dumps(listed)
    assert command.run(house.folder, "keys", "delete", "kim").returncode == 0
    house.refused_soon(key, 401)
