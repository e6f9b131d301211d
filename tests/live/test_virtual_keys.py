"""Keys that are made, changed and taken back on the command line, while a gateway runs."""

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import requests
from click.testing import CliRunner
from tests.conftest import LiveGateway, serving
from tests.postgres_server import PostgresServer

from dragoman.access.secret import new_virtual_key
from dragoman.cli.main import main
from dragoman.config.secret import Secret

CONFIG = """
[server]
port = 0
[auth]
keys = ["sk-static"]
[providers.demo]
[routes.other]
targets = ["demo/demo"]
"""


class Answer(NamedTuple):
    """What a request has got."""

    status: int
    code: str
    message: str


class Running(NamedTuple):
    """A gateway, and the command line beside it."""

    gateway: LiveGateway
    folder: Path

    def command(self, *words: str) -> str:
        """What a command of `dragoman` writes to standard output."""
        found = CliRunner().invoke(main, [*words], env={"DRAGOMAN_HOME": str(self.folder)})
        assert found.exit_code == 0, found.output
        return found.stdout.strip()

    def ask(self, key: str, model: str = "demo") -> Answer:
        """A request with a key."""
        body = {"model": model, "messages": [{"role": "user", "content": "Good evening"}]}
        url = f"{self.gateway.url}/v1/chat/completions"
        found = requests.post(url, json=body, headers={"authorization": f"Bearer {key}"}, timeout=30)
        failure: dict[str, str | None] = found.json().get("error", {})
        return Answer(found.status_code, failure.get("code") or "", failure.get("message") or "")

    def spent_soon(self, name: str) -> float:
        """What a key has spent, once the ledger has it."""
        for _ in range(200):
            shown = json.loads(self.command("keys", "show", name, "--json"))
            if shown["budgets"][0]["spent"] > 0:
                return shown["budgets"][0]["spent"]
            time.sleep(0.05)
        return 0.0

    def asked_until(self, key: str, status: int) -> Answer:
        """The first answer with a status, which comes as soon as the gateway has seen a change."""
        for _ in range(200):
            answer = self.ask(key)
            if answer.status == status:
                return answer
            time.sleep(0.05)
        pytest.fail(f"There was no answer with status {status}.")


@pytest.fixture
def running(store_url: Secret | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A gateway on each kind of store."""
    monkeypatch.chdir(tmp_path)
    store = "" if store_url is None else f'[store]\nurl = "{store_url.reveal()}"\n'
    with serving(CONFIG + store, tmp_path) as gateway:
        yield Running(gateway, tmp_path)


def test_a_key_opens_as_soon_as_it_is_made_and_beside_those_of_the_file(running: Running) -> None:
    for number in range(3):
        key = running.command("keys", "create", "--name", f"key {number}")
        assert running.ask(key).status == 200
    assert running.ask("sk-static").status == 200
    unknown = running.ask(new_virtual_key())
    assert (unknown.status, unknown.code) == (401, "invalid_api_key")


def test_a_key_is_held_to_its_models(running: Running) -> None:
    key = running.command("keys", "create", "--name", "alice", "--route", "oth*")
    assert running.ask(key, "other").status == 200
    refused = running.ask(key, "demo")
    assert refused.status == 403
    assert "alice" in refused.message


def test_a_change_is_seen_while_the_gateway_runs(running: Running) -> None:
    old = running.command("keys", "create", "--name", "alice")
    assert running.ask(old).status == 200
    new = running.command("keys", "rotate", "alice", "--overlap", "1h")
    assert running.ask(new).status == running.ask(old).status == 200
    running.command("keys", "disable", "alice")
    assert running.asked_until(new, 403).code == "key_disabled"
    running.command("keys", "enable", "alice")
    running.asked_until(new, 200)
    last = running.command("keys", "rotate", "alice")
    running.asked_until(new, 401)
    assert running.ask(old).status == 401
    assert running.ask(last).status == 200
    running.command("keys", "delete", "alice")
    assert running.asked_until(last, 401).code == "invalid_api_key"


def test_a_key_that_has_expired_is_told_so(running: Running) -> None:
    key = running.command("keys", "create", "--name", "alice", "--expires", "2s")
    assert running.ask(key).status == 200
    assert "The API key 'alice' has expired." in running.asked_until(key, 401).message


def test_a_limit_of_requests_holds_from_the_first_one_on(running: Running) -> None:
    key = running.command("keys", "create", "--name", "alice", "--requests", "3/day")
    statuses = [running.ask(key).status for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]


def test_the_limit_of_a_team_is_for_all_its_keys_together(running: Running) -> None:
    running.command("teams", "create", "--name", "research", "--requests", "3/day")
    keys = [
        running.command("keys", "create", "--name", name, "--team", "research") for name in ("alice", "bob")
    ]
    statuses = [running.ask(key).status for key, _ in zip(itertools.cycle(keys), range(5), strict=False)]
    assert statuses == [200, 200, 200, 429, 429]


def test_a_budget_holds_and_what_was_spent_is_listed(running: Running) -> None:
    key = running.command("keys", "create", "--name", "alice", "--budget", "1000/month")
    assert running.ask(key).status == 200
    assert 0 < running.spent_soon("alice") < 1
    poor = running.command("keys", "create", "--name", "bob", "--budget", "0.000001/total")
    refused = running.ask(poor)
    assert refused.status in {402, 403, 429}
    assert "bob" in refused.message


def test_while_the_store_is_away_known_keys_open_and_others_are_not_called_wrong(
    own_postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url = own_postgres.url("postgres").reveal()
    with serving(f'{CONFIG}[store]\nurl = "{url}"\n', tmp_path) as gateway:
        running = Running(gateway, tmp_path)
        key = running.command("keys", "create", "--name", "alice")
        assert running.ask(key).status == 200
        own_postgres.stop()
        assert running.ask(key).status == 200
        assert running.ask("sk-static").status == 200
        assert running.ask("sk-unknown").status == 401
        answer = running.ask(new_virtual_key())
        assert answer.status == 503
        assert "the store of the gateway is out of reach" in answer.message
        own_postgres.start()
        running.asked_until(new_virtual_key(), 401)
        other = running.command("keys", "create", "--name", "bob")
        assert running.ask(other).status == 200
