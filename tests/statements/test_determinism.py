"""Statements 11 to 14: the same request gives the same bytes, and a longer one begins with them."""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway, serving
from tests.statements.asking import (
    CLIENTS,
    MODELS,
    THINKERS,
    A,
    C,
    Call,
    G,
    House,
    R,
    Result,
    Turn,
    assistant,
    conversation,
    every_pair,
    objects,
    pieces,
    system,
    tool,
    user,
    written,
)
from tests.statements.houses import every_dialect_at

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.testing.json_value import JSON, Object
from dragoman.testing.server import FakeServer

PLACEHOLDER = "skip_thought_signature_validator"
"""What Google takes in place of a signature that is not to be had."""

TRANSLATE = """
import json, sys
from dragoman.dialects.registry import DIALECTS
from dragoman.gateway.translation import translate_request
for client, upstream, body, model in json.load(sys.stdin):
    done = translate_request(DIALECTS[client], DIALECTS[upstream], body.encode(), model)
    print(bytes(done.body).decode(), done.losses, done.headers)
"""
"""Translates what it reads, in a process that hashes strings in an order of its own."""


def long_talk(client: str, upstream: str, turns: int) -> list[Turn]:
    """A conversation with what has to be put in order on the way to another vendor: ids that it does not
    take, are given twice or not at all, and instructions in mid-conversation.

    `turns` is how many of its turns have come to pass.
    """
    if client == upstream:
        look, far, third, again = "call_1", "call_2", "call_3", "call_4"
    elif client == G:
        look = far = third = again = ""
    else:
        look, far, third, again = "functions.look:0", "x" * 80, "call_1", "call_1"
    signature = PLACEHOLDER if client == G == upstream else ""
    instruction = system("From now on in French.") if client in {C, R} else user("From now on in French.")
    talk = [
        system("Be brief."),
        user("What is in the box?"),
        assistant(
            "I look.", Call(look, "look", '{"text":"box"}', signature), Call(far, "look", '{"text":"far"}')
        ),
        user(Result(look, "a cat", "look"), Result(far, "a hill", "look")),
        assistant("A cat, and a hill."),
        instruction,
        user("And now?"),
        assistant(Call(third, "look", '{"text":"now"}', signature)),
        user(Result(third, "a dog", "look"), "Never mind the dog."),
        assistant("As you wish."),
        user("Look again."),
        assistant(Call(again, "look", '{"text":"again"}', signature)),
        user(Result(again, "a fish", "look")),
        assistant("A fish."),
        user("Thank you."),
    ]
    return talk[:turns]


ENDS = (2, 4, 7, 9, 11, 13, 15)
"""After how many turns of the long talk the client asks the model."""


def long_request(client: str, upstream: str, turns: int = 99) -> Object:
    tools = [tool(client, "look"), tool(client, "listen")]
    return conversation(client, *long_talk(client, upstream, turns), tools=tools)


@every_pair
@pytest.mark.parametrize("models", [MODELS, THINKERS], ids=["plain", "thinking"])
def test_statement_011_the_same_request_gives_the_same_upstream_body(
    house: House, client: str, upstream: str, models: dict[str, str]
) -> None:
    house.send(client, models[upstream], long_request(client, upstream))
    house.send(client, models[upstream], long_request(client, upstream))
    first, second = house.fake.script.received
    assert first.body == second.body


def test_statement_011_the_upstream_body_is_the_same_in_every_process() -> None:
    asked = [
        (
            client,
            upstream,
            written(client, model, long_request(client, upstream)).decode(),
            model.split("/")[1],
        )
        for client in CLIENTS
        for upstream in CLIENTS
        for model in (MODELS[upstream], THINKERS[upstream])
    ]
    found = {
        subprocess.run(
            [sys.executable, "-c", TRANSLATE],
            input=json.dumps(asked),
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
    assert found.pop().count("\n") == len(asked)


def unsigned(piece: JSON) -> JSON:
    if isinstance(piece, dict) and piece.get("thoughtSignature") == PLACEHOLDER:
        return {name: value for name, value in piece.items() if name != "thoughtSignature"}
    return piece


@every_pair
@pytest.mark.parametrize("models", [MODELS, THINKERS], ids=["plain", "thinking"])
def test_statement_012_a_longer_conversation_extends_the_upstream_body(
    house: House, client: str, upstream: str, models: dict[str, str]
) -> None:
    """But for Google's placeholder of a signature: it stands in the current turn only (statement 64)."""
    before: list[tuple[str, JSON]] = []
    around: Object = {}
    for turns in ENDS:
        body = house.send(client, models[upstream], long_request(client, upstream, turns))
        said = [(role, unsigned(piece)) for role, piece in pieces(upstream, body)]
        rest = {name: value for name, value in body.items() if name not in {"messages", "input", "contents"}}
        assert len(said) > len(before)
        assert said[: len(before)] == before
        assert rest == (around or rest)
        before, around = said, rest


def named_in(upstream: str, body: Object) -> list[tuple[str, str]]:
    """The ids of calls and of results in an upstream's body, in order."""
    found: list[tuple[str, str]] = []
    for _, piece in pieces(upstream, body):
        assert isinstance(piece, dict)
        match upstream:
            case "openai_chat":
                found += [("call", str(call["id"])) for call in objects(piece, "tool_calls")]
                found += [("result", str(piece["tool_call_id"]))] if "tool_call_id" in piece else []
            case "openai_responses":
                kinds = {"function_call": "call", "function_call_output": "result"}
                kind = kinds.get(str(piece["type"]))
                found += [(kind, str(piece["call_id"]))] if kind else []
            case "anthropic":
                found += [("call", str(piece["id"]))] if piece["type"] == "tool_use" else []
                found += [("result", str(piece["tool_use_id"]))] if piece["type"] == "tool_result" else []
            case _:
                for member, kind in (("functionCall", "call"), ("functionResponse", "result")):
                    inner = piece.get(member)
                    found += [(kind, str(inner.get("id", "")))] if isinstance(inner, dict) else []
    return found


@pytest.fixture(scope="module")
def forgetful(fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    """Another gateway than `house`, which has seen no conversation begin."""
    with every_dialect_at(fake_upstream, tmp_path_factory.mktemp("forgetful")) as running:
        yield running


@every_pair
def test_statement_013_ids_are_made_from_the_requests_content_alone(
    house: House, forgetful: LiveGateway, client: str, upstream: str
) -> None:
    model = THINKERS[upstream]
    names = [
        named_in(upstream, house.send(client, model, long_request(client, upstream, turns))) for turns in ENDS
    ]
    assert all(longer[: len(shorter)] == shorter for shorter, longer in itertools.pairwise(names))
    body = House(forgetful, house.fake).send(client, model, long_request(client, upstream))
    assert named_in(upstream, body) == names[-1]
    calls = [identity for kind, identity in names[-1] if kind == "call"]
    results = [identity for kind, identity in names[-1] if kind == "result"]
    assert calls == results
    assert len(calls) == 4
    if client != upstream:
        assert len(set(calls)) == 4
        assert all(calls)


CONFIG = """
[server]
port = 0
[retries]
attempts = 2
[health]
cooldown = 0
[auth]
keys = ["{key}"]
[providers.first]
dialect = "{dialect}"
base_url = "{url}"
api_key = "{upstream_key}"
headers = {{ x-place = "first" }}
[providers.second]
dialect = "{dialect}"
base_url = "{url}"
api_key = "{upstream_key}"
headers = {{ x-place = "second" }}
[routes.both]
targets = ["first/{model}", "second/{model}"]
"""


@pytest.mark.parametrize("client", CLIENTS)
def test_statement_014_a_conversation_stays_at_one_upstream_while_that_is_healthy(
    fake: FakeServer, tmp_path: Path, client: str
) -> None:
    """A route tries its targets in order, so no conversation leaves the first one that serves it, and
    each comes back to it after a failure there.
    """
    dialect, model = {C: (C, "gpt-4o"), R: (R, "gpt-5")}.get(client, (A, "claude-sonnet-4-5"))
    url = fake.url + ("/v1" if dialect in {C, R} else "")
    config = CONFIG.format(key=CLIENT_KEY, dialect=dialect, model=model, url=url, upstream_key=UPSTREAM_KEY)
    with serving(config, tmp_path) as running:
        house = House(running, fake)
        for turns in ENDS:
            house.send(client, "both", long_request(client, dialect, turns))
        assert [one.headers["x-place"] for one in fake.script.received] == ["first"] * len(ENDS)
        fake.script.clear()
        fake.script.add(Failure(FailureKind.OVERLOADED, "Busy."))
        for turns in ENDS:
            house.send(client, "both", long_request(client, dialect, turns))
    places = [one.headers["x-place"] for one in fake.script.received]
    assert places == ["first", "second", *["first"] * (len(ENDS) - 1)]
