"""Real command-line clients work on upstreams of every dialect: they read files, edit one, and report."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from structlog.testing import capture_logs
from tests.clients.client import CLIENTS, Client
from tests.clients.command_line import Finished, run
from tests.clients.outside import Outside
from tests.clients.scripted_model import ScriptedModel
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, serving

from dragoman.testing.provider import FakeProvider
from dragoman.testing.script import Received
from dragoman.testing.server import fake_server

UPSTREAMS = [
    ("openai_chat", "gpt-4.1"),
    ("openai_responses", "gpt-5.5"),
    ("anthropic", "claude-opus-4-5"),
    ("anthropic", "claude-opus-5-5"),
    ("gemini", "gemini-2.5-flash"),
    ("gemini", "gemini-3.1-pro-preview"),
]
"""The models that answer: of each vendor those that differ in how they reason and sign."""

PAIRS = [
    (client, (dialect, model))
    for client in CLIENTS
    for dialect, model in UPSTREAMS
    if dialect != client.dialect or model in client.models
]
"""Clients and upstreams. At its own vendor, a client gets the model that it has asked for."""

CONFIG = """
[server]
port = 0
[auth]
keys = ["{client_key}"]
[providers.upstream]
dialect = "{dialect}"
base_url = "{base_url}"
api_key = "{upstream_key}"
"""
ROUTE = """
[routes."{name}"]
targets = ["upstream/{model}"]
"""

OLD, NEW = "The fog is thick.", "The fog is lifting."
NOTES = f"Seventeen ships wait.\n{OLD}\n"
HARBOUR = "The harbour opens at dawn.\n"
PROMPTS = (
    "Read notes.txt and harbour.txt, then write in notes.txt that the fog is lifting.",
    "What do the notes say now?",
)
REPORT = "The notes now say that the fog is lifting over the harbour."


class Errand(NamedTuple):
    """What is left when a client has run once for each prompt: how it ended, the folder it worked in, and
    what was noted of it.
    """

    finished: list[Finished]
    folder: Path
    model: ScriptedModel
    received: tuple[Received, ...]
    logged: list[dict[str, object]]
    outside: list[str]


@pytest.fixture
def outside() -> Iterator[Outside]:
    with Outside() as place:
        yield place


def send(client: Client, dialect: str, model: str, outside: Outside, tmp_path: Path) -> Errand:
    """Run the client on an upstream whose model follows the script, and once more in the same session.

    Its own vendor is asked only once: what a client makes of its history goes there as it is.
    """
    home, folder, own, scratch = (tmp_path / name for name in ("home", "project", "gateway", "scratch"))
    for path in (home, folder, own, scratch):
        path.mkdir()
    files = (folder / "notes.txt", folder / "harbour.txt")
    files[0].write_text(NOTES)
    files[1].write_text(HARBOUR)
    actor = ScriptedModel(client.edit(files, OLD, NEW), REPORT)
    provider = FakeProvider(keys=frozenset({UPSTREAM_KEY}), actor=actor)
    with fake_server(provider) as fake, capture_logs() as logged:
        config = CONFIG.format(
            dialect=dialect,
            base_url=f"{fake.url}/v1" if dialect.startswith("openai") else fake.url,
            client_key=CLIENT_KEY,
            upstream_key=UPSTREAM_KEY,
        )
        config += "".join(ROUTE.format(name=name, model=model) for name in client.models)
        with serving(config, own) as gateway:
            for path, text in client.files(gateway).items():
                home.joinpath(path).parent.mkdir(parents=True, exist_ok=True)
                home.joinpath(path).write_text(text)
            places = {"HOME": str(home), "TMPDIR": str(scratch), **outside.environment}
            environment = {**places, **client.environment(gateway)}
            finished = [
                run([installed(command[0]), *command[1:], prompt], folder, environment)
                for command, prompt in zip((client.begin, client.go_on), PROMPTS, strict=True)
                if command is client.begin or dialect != client.dialect
            ]
    entries = [dict(entry) for entry in logged]
    return Errand(finished, folder, actor, fake.script.received, entries, outside.asked)


def installed(command: str) -> str:
    return str(Path(os.environ["DRAGOMAN_CLIENTS"], "node_modules", ".bin", command))


@pytest.mark.parametrize(
    ("client", "dialect", "model"),
    [pytest.param(client, *upstream, id=f"{client.title}-{upstream[1]}") for client, upstream in PAIRS],
)
def test_a_client_reads_and_edits_files_whatever_its_upstream_speaks(
    client: Client, dialect: str, model: str, outside: Outside, tmp_path: Path
) -> None:
    errand = send(client, dialect, model, outside, tmp_path)

    assert errand.model.misfits == []
    for finished in errand.finished:
        assert finished.status == 0, finished
        assert REPORT in finished.output
    assert errand.folder.joinpath("notes.txt").read_text() == NOTES.replace(OLD, NEW)
    assert errand.folder.joinpath("harbour.txt").read_text() == HARBOUR
    assert [one.answer.status for one in errand.received if one.answer] == [200] * len(errand.received)
    assert [request.stream for request in errand.model.requests] == [True] * (2 + len(errand.finished))
    for line in (NOTES + HARBOUR).splitlines():
        assert line in errand.model.results
    assert errand.model.returned[2] == errand.model.signed
    assert bool(errand.model.signed) is (dialect != "openai_chat")
    assert [entry for entry in errand.logged if entry["event"] != "exchange" or "error" in entry] == []
    assert errand.outside == []
