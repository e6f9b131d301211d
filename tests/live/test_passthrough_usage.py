"""OpenAI streams tell usage only when asked: the gateway asks, notes it, and shows it to those who asked."""

import json

import pytest
from tests.conftest import LiveGateway
from tests.live.client import Client, Reply
from tests.live.conftest import Journal, noted

from dragoman.testing.json_value import JSON, Object
from dragoman.testing.server import FakeServer

ROUTE = "gpt-4o"


@pytest.fixture
def openai(gateway: LiveGateway) -> Client:
    return Client("openai_chat", gateway)


def usages(client: Client, reply: Reply) -> list[JSON]:
    return [frame["usage"] for frame in client.frames(reply.body) if frame.get("usage") is not None]


def counted(journal: Journal) -> tuple[int, int]:
    entry = noted(journal)
    return int(str(entry["input_tokens"])), int(str(entry["output_tokens"]))


UNASKED: dict[str, Object] = {
    "nothing": {},
    "null": {"stream_options": None},
    "empty": {"stream_options": {}},
    "no": {"stream_options": {"include_usage": False}},
    "another": {"stream_options": {"include_obfuscation": False}},
}


@pytest.mark.parametrize("options", UNASKED.values(), ids=UNASKED)
def test_usage_that_was_not_asked_for_is_noted_and_not_shown(
    openai: Client, options: Object, fake: FakeServer, journal: Journal
) -> None:
    reply = openai.get(ROUTE, stream=True, body=openai.request(ROUTE, stream=True) | options)
    assert openai.stream_error(reply) is None
    assert usages(openai, reply) == []
    assert openai.grammar.check_stream(reply.body) == []
    prompt, completion = counted(journal)
    assert prompt > 0
    assert completion > 0
    (received,) = fake.script.received
    sent = json.loads(received.body)["stream_options"]
    given = options.get("stream_options")
    assert sent == {**(given if isinstance(given, dict) else {}), "include_usage": True}


def test_usage_that_was_asked_for_is_shown_and_noted(
    openai: Client, fake: FakeServer, journal: Journal
) -> None:
    body = openai.request(ROUTE, stream=True)
    body["stream_options"] = {"include_usage": True}
    reply = openai.get(ROUTE, stream=True, body=body)
    (usage,) = usages(openai, reply)
    assert isinstance(usage, dict)
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == counted(journal)
    assert fake.script.received[0].body == openai.ask(ROUTE, body=body).body


@pytest.mark.parametrize("upstream", ["openai_responses", "anthropic", "gemini"], indirect=True)
@pytest.mark.parametrize("asked", [True, False])
def test_translated_usage_too_is_shown_only_to_those_who_asked(
    openai: Client, route: str, asked: bool, journal: Journal
) -> None:
    body = openai.request(route, stream=True)
    if asked:
        body["stream_options"] = {"include_usage": True}
    reply = openai.get(route, stream=True, body=body)
    assert openai.stream_error(reply) is None
    assert len(usages(openai, reply)) == int(asked)
    assert int(str(noted(journal)["output_tokens"])) > 0
