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
from tests.clients.upstream import LATEST, UPSTREAMS, Upstream, way_to

from dragoman.conversation.blocks import Text
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.testing.exchange import Answer, Ending
from dragoman.testing.script import Scripted

PAIRS = [
    pytest.param(client, upstream, id=f"{client.title}-{upstream.model}")
    for client in CLIENTS
    for upstream in UPSTREAMS
    if upstream.dialect != client.dialect or upstream.model in client.models
]
"""Clients and upstreams. At its own vendor, a client gets the model that it has asked for."""

FOREIGN_PAIRS = [
    pytest.param(client, upstream, id=f"{client.title}-{upstream.model}")
    for client in CLIENTS
    for upstream in LATEST
    if upstream.dialect != client.dialect
]

OLD, NEW = "The fog is thick.", "The fog is lifting."
NOTES = f"Seventeen ships wait.\n{OLD}\n"
HARBOUR = "The harbour opens at dawn.\n"
PROMPTS = (
    "Read notes.txt and harbour.txt, then write in notes.txt that the fog is lifting.",
    "What do the notes say now?",
)
REPORT = "The notes now say that the fog is lifting over the harbour."

BUSY = Scripted(Failure(FailureKind.OVERLOADED, "Busy.", retry_after=1))
CUT = Scripted(
    Response("", "", (Choice(0, (Text("Let me see what the notes say."),), Stop(StopReason.END)),)),
    frames=3,
    ending=Ending.RESET,
)


class Errand(NamedTuple):
    """What is left when a client has run once for each prompt: how it ended, the folder it worked in, and
    what was noted of it.
    """

    finished: list[Finished]
    folder: Path
    model: ScriptedModel
    answers: list[Answer]
    logged: list[dict[str, object]]
    outside: list[str]


@pytest.fixture
def outside() -> Iterator[Outside]:
    with Outside() as place:
        yield place


def send(client: Client, upstream: Upstream, outside: Outside, tmp_path: Path, *troubles: Scripted) -> Errand:
    """Run the client on an upstream whose model follows the script, and once more in the same session.

    Its own vendor is asked only once: what a client makes of its history goes there as it is. The
    `troubles` come first.
    """
    home, folder, own, scratch = (tmp_path / name for name in ("home", "project", "gateway", "scratch"))
    for path in (home, folder, own, scratch):
        path.mkdir()
    files = (folder / "notes.txt", folder / "harbour.txt")
    files[0].write_text(NOTES)
    files[1].write_text(HARBOUR)
    model = ScriptedModel(client.edit(files, OLD, NEW), REPORT)
    with capture_logs() as logged, way_to(upstream, model, client.models, own, *troubles) as way:
        for path, text in client.files(way.gateway).items():
            home.joinpath(path).parent.mkdir(parents=True, exist_ok=True)
            home.joinpath(path).write_text(text)
        places = {"HOME": str(home), "TMPDIR": str(scratch), **outside.environment}
        environment = {**places, **client.environment(way.gateway)}
        finished = [
            run([installed(command[0]), *command[1:], prompt], folder, environment)
            for command, prompt in zip((client.begin, client.go_on), PROMPTS, strict=True)
            if command is client.begin or upstream.dialect != client.dialect
        ]
        answers = [received.answer for received in way.script.received if received.answer]
    return Errand(finished, folder, model, answers, [dict(entry) for entry in logged], outside.asked)


def installed(command: str) -> str:
    return str(Path(os.environ["DRAGOMAN_CLIENTS"], "node_modules", ".bin", command))


@pytest.mark.parametrize(("client", "upstream"), PAIRS)
def test_a_client_reads_and_edits_files_whatever_its_upstream_speaks(
    client: Client, upstream: Upstream, outside: Outside, tmp_path: Path
) -> None:
    errand = send(client, upstream, outside, tmp_path)

    assert errand.model.misfits == []
    for finished in errand.finished:
        assert finished.status == 0, finished
        assert REPORT in finished.output
    assert errand.folder.joinpath("notes.txt").read_text() == NOTES.replace(OLD, NEW)
    assert errand.folder.joinpath("harbour.txt").read_text() == HARBOUR
    assert {answer.status for answer in errand.answers} == {200}
    assert [request.stream for request in errand.model.requests] == [True] * (2 + len(errand.finished))
    for line in (NOTES + HARBOUR).splitlines():
        assert line in errand.model.results
    assert errand.model.returned[2] == errand.model.signed
    assert bool(errand.model.signed) is upstream.signs
    assert [entry for entry in errand.logged if entry["event"] != "exchange" or "error" in entry] == []
    assert errand.outside == []


@pytest.mark.parametrize(("client", "upstream"), FOREIGN_PAIRS)
def test_a_client_gets_over_an_upstream_that_is_busy_and_then_breaks_off(
    client: Client, upstream: Upstream, outside: Outside, tmp_path: Path
) -> None:
    errand = send(client, upstream, outside, tmp_path, BUSY, CUT)

    assert [answer.status == 200 for answer in errand.answers[:2]] == [False, True]
    assert [answer.ending for answer in errand.answers[:2]] == [Ending.WHOLE, Ending.RESET]
    for finished in errand.finished:
        assert finished.status == 0, finished
        assert REPORT in finished.output
    assert errand.folder.joinpath("notes.txt").read_text() == NOTES.replace(OLD, NEW)
