"""Statement 56: models of OpenAI's that refuse tools with reasoning on Chat Completions are asked by
Responses.
"""

import json
import re
from collections.abc import Iterator

import pytest
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway, serving
from tests.statements.asking import A, C, G, House, R, conversation, objects, tool, user
from tests.statements.wishes import answered, effort, wishing

from dragoman.conformance.answer_openai_chat import documented
from dragoman.testing.json_value import JSON, Object
from dragoman.testing.server import FakeServer

CONFIG = """
[server]
port = 0
[retries]
attempts = 2
[health]
cooldown = 0
[auth]
keys = ["{key}"]
[providers.openai]
dialects = {{ openai_chat = "{url}/v1", openai_responses = "{url}/v1" }}
api_key = "{upstream_key}"
"""
CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"


@pytest.fixture(scope="module")
def both(fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    config = CONFIG.format(url=fake_upstream.url, key=CLIENT_KEY, upstream_key=UPSTREAM_KEY)
    with serving(config, tmp_path_factory.mktemp("both")) as running:
        yield running


@pytest.fixture
def openai(both: LiveGateway, fake: FakeServer) -> House:
    """A gateway whose one provider speaks both of OpenAI's formats."""
    return House(both, fake)


def asking(client: str, *more: Object, word: str | None = "low", tools: bool = True) -> Object:
    """A question that the model answers by a call, with the messages that came after it."""
    wish = effort(client, word) if word is not None else {}
    body = conversation(client, user("Please look at Oslo."), tools=[tool(client, "look")] if tools else ())
    field = {R: "input", G: "contents"}.get(client, "messages")
    said = body[field]
    assert isinstance(said, list)
    turns: Object = {field: [*said, *more]}
    return wishing(body, wish) | turns


REFUSING = ("gpt-5.4", "gpt-5.5", "gpt-5.6", "gpt-6-sol", "gpt-6-astra")


@pytest.mark.parametrize(
    ("model", "word", "path"),
    [
        *((model, "low", RESPONSES) for model in REFUSING),
        *((model, "none", CHAT) for model in REFUSING[:-1]),
        ("gpt-6-astra", "none", RESPONSES),
        *((model, None, CHAT) for model in ("gpt-5.4", "gpt-5.5")),
        *((model, None, RESPONSES) for model in ("gpt-5.6", "gpt-6-sol", "gpt-6-astra")),
        *((model, "low", CHAT) for model in ("gpt-5", "gpt-5.2", "o3")),
        ("gpt-4o", None, CHAT),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_statement_056_tools_with_reasoning_go_where_the_model_takes_them(
    openai: House, model: str, word: str | None, path: str, stream: bool
) -> None:
    reply = openai.ask(C, f"openai/{model}", asking(C, word=word), stream=stream)
    answer = answered(C, reply, stream=stream)
    assert [(call.name, answer.finish) for call in answer.calls] == [("look", "tool_calls")]
    (received,) = openai.fake.script.received
    assert received.path == path
    if path == RESPONSES:
        sent = openai.received
        # nothing is kept upstream for a client that cannot ask for it, so the reasoning comes to us
        assert (sent["store"], sent["include"]) == (False, ["reasoning.encrypted_content"])
        reasoning = sent.get("reasoning", {})
        assert isinstance(reasoning, dict)
        assert word in {None, "none"} or word == reasoning.get("effort")


@pytest.mark.parametrize("model", REFUSING)
def test_statement_056_the_retired_form_of_tools_goes_the_same_way(openai: House, model: str) -> None:
    declared: JSON = {"name": "look", "parameters": {"type": "object", "properties": {}}}
    body = wishing(asking(C, tools=False), {"functions": [declared]})
    reply = openai.ask(C, f"openai/{model}", body)
    assert answered(C, reply).finish == "function_call"
    assert openai.fake.script.received[0].path == RESPONSES


@pytest.mark.parametrize("model", REFUSING)
def test_statement_056_without_tools_the_clients_own_format_is_kept(openai: House, model: str) -> None:
    answered(C, openai.ask(C, f"openai/{model}", asking(C, tools=False)))
    assert openai.fake.script.received[0].path == CHAT


def encrypted(data: bytes) -> list[str]:
    """Every encrypted reasoning in a body, in order and once each."""
    found = re.findall(rb'"encrypted_content":\s*"([^"]+)"', data)
    return [one.decode() for one in dict.fromkeys(found)]


@pytest.mark.parametrize("kept", ["all", "documented"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("model", REFUSING)
def test_statement_056_the_second_turn_brings_the_encrypted_reasoning_back(
    openai: House, model: str, stream: bool, kept: str
) -> None:
    first = answered(C, openai.ask(C, f"openai/{model}", asking(C), stream=stream), stream=stream)
    issued_by = openai.fake.script.received[0].answer
    assert issued_by is not None
    issued = encrypted(issued_by.body)
    assert len(issued) == 1
    (message,) = first.echo
    turn = message if kept == "all" else documented(message)
    result: Object = {"role": "tool", "tool_call_id": first.calls[0].id, "content": "It is cold."}
    second = openai.ask(C, f"openai/{model}", asking(C, turn, result), stream=stream)
    assert "It is cold." in answered(C, second, stream=stream).text
    assert len(openai.fake.script.received) == 2
    assert openai.fake.script.received[1].path == RESPONSES
    assert encrypted(openai.raw) == issued
    kinds = [item.get("type") for item in objects(openai.received, "input")]
    assert kinds == ["message", "reasoning", "function_call", "function_call_output"]


@pytest.mark.parametrize("client", [A, G])
@pytest.mark.parametrize("model", ["gpt-5", *REFUSING])
def test_statement_056_clients_of_other_vendors_reach_reasoning_models_by_responses(
    openai: House, client: str, model: str
) -> None:
    for tools in (True, False):
        answered(client, openai.ask(client, f"openai/{model}", asking(client, tools=tools)))
    assert {received.path for received in openai.fake.script.received} == {RESPONSES}


def test_statement_056_the_prompt_keeps_its_prefix_from_turn_to_turn(openai: House) -> None:
    model = "openai/gpt-5.5"
    first = answered(C, openai.ask(C, model, asking(C)))
    before = openai.received
    result: JSON = {"role": "tool", "tool_call_id": first.calls[0].id, "content": "Cold."}
    assert isinstance(result, dict)
    answered(C, openai.ask(C, model, asking(C, first.echo[0], result)))
    after = openai.received
    length = len(objects(before, "input"))
    assert json.dumps(objects(after, "input")[:length]) == json.dumps(objects(before, "input"))
    assert {name: after[name] for name in before if name != "input"} == {
        name: value for name, value in before.items() if name != "input"
    }
