"""`POST /dragoman/explain`: where a request would go, with the targets as they are at this moment."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway, serving
from tests.live.plain import ask

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

PATH = "/dragoman/explain"
CONFIG = """
[server]
port = 0
[retries]
attempts = 1
[health]
min_failures = 2
cooldown = 60
[keys.gold]
key = "{client_key}"
tags = ["gold"]
[providers.openai]
dialect = "openai_chat"
base_url = "{url}/v1"
api_key = "{upstream_key}"
[providers.anthropic]
base_url = "{url}"
api_key = "{upstream_key}"
[routes.smart]
[[routes.smart.targets]]
target = "openai/gpt-4o"
[[routes.smart.targets]]
target = "anthropic/claude-sonnet-4-5"
when = {{ tags = ["gold"] }}
[[routes.smart.targets]]
target = "anthropic/claude-haiku-4-5"
when = {{ tags = ["silver"] }}
"""
REQUEST: dict[str, Any] = {"model": "smart", "messages": [{"role": "user", "content": "Hi"}], "seed": 1}


@pytest.fixture(scope="module")
def explaining(fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    config = CONFIG.format(url=fake_upstream.url, client_key=CLIENT_KEY, upstream_key=UPSTREAM_KEY)
    with serving(config, tmp_path_factory.mktemp("explaining")) as running:
        yield running


def explained(gateway: LiveGateway, asked: object) -> Any:
    reply = ask(gateway, PATH, asked)
    assert reply.status == 200, reply
    return json.loads(reply.body)


def test_candidates_exclusions_and_plans_are_told_and_nothing_is_sent(
    explaining: LiveGateway, fake: FakeServer
) -> None:
    told = explained(explaining, {"request": REQUEST})
    assert [(one["target"], one["plan"]) for one in told["candidates"]] == [
        ("openai/gpt-4o", "passthrough"),
        ("anthropic/claude-sonnet-4-5", "translation"),
    ]
    assert told["candidates"][1]["losses"] == ['seed;kind=dropped;path="$.seed"']
    (excluded,) = told["excluded"]
    assert excluded["target"] == "anthropic/claude-haiku-4-5"
    assert "silver" in excluded["reason"]
    assert (told["route"], told["strategy"], told["attempts"]) == ("smart", "ordered", 1)
    assert told["timeouts"]["first_event"] == 600
    assert fake.script.received == ()


def test_a_target_that_rests_is_told_as_it_is_now(explaining: LiveGateway, fake: FakeServer) -> None:
    fake.script.add(*[Scripted(Failure(FailureKind.SERVER, "Broken.")) for _ in range(2)])
    for _ in range(2):
        assert ask(explaining, "/v1/chat/completions", REQUEST).status == 500
    told = explained(explaining, {"model": "smart"})
    assert [one["target"] for one in told["candidates"]] == ["anthropic/claude-sonnet-4-5"]
    reasons = {one["target"]: one["reason"] for one in told["excluded"]}
    assert "rests" in reasons["openai/gpt-4o"]


def test_no_key_is_shown(explaining: LiveGateway) -> None:
    reply = ask(explaining, PATH, {"request": REQUEST})
    assert explaining.key.encode() not in reply.body
    assert explaining.upstream_key.encode() not in reply.body


def test_it_needs_a_key(explaining: LiveGateway) -> None:
    assert ask(explaining, PATH, {"model": "smart"}, authorization=None).status == 401


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        ({}, 400, "Name the model"),
        ({"model": "nothing"}, 404, "not known here"),
        ({"model": "smart", "dialect": "latin"}, 400, "'dialect'"),
        ({"model": "smart", "request": {"messages": 5}}, 400, "messages"),
        ({"model": "smart", "unknown": 1}, 400, "unknown"),
        ([], 400, "not what is explained"),
    ],
)
def test_what_cannot_be_explained_is_refused_by_name(
    explaining: LiveGateway, asked: object, status: int, words: str
) -> None:
    reply = ask(explaining, PATH, asked)
    assert reply.status == status
    assert words in reply.body.decode()
