"""Requests go where they belong: by conditions, and by what targets can take."""

import base64

import pytest
from tests.conftest import LiveGateway
from tests.live.client import Client
from tests.live.conftest import Journal
from tests.live.journal import exchange_of
from tests.live.own_gateway import Serve
from tests.live.plain import ask

from dragoman.testing.json_value import JSON, Object
from dragoman.testing.server import FakeServer

CONDITIONS = """
[keys.research]
key = "sk-research-0123456789"
tags = ["private", "slow"]
[routes.assistant]
affinity = 0
targets = [
    { target = "openai_chat/for-tags", when = { tags = ["private", "secret"] } },
    { target = "openai_chat/for-both", when = { tools = true, images = true } },
    { target = "openai_chat/for-tools", when = { tools = true } },
    { target = "openai_chat/for-images", when = { images = true } },
    { target = "openai_chat/for-json-schema", when = { json_schema = true } },
    { target = "openai_chat/for-long", when = { min_input_tokens = 2000 } },
    { target = "openai_chat/for-streams", when = { stream = true } },
    { target = "openai_chat/for-short", when = { max_input_tokens = 500 } },
    "openai_chat/for-the-rest",
]
[routes.nowhere]
targets = [
    { target = "openai_chat/for-tools", when = { tools = true } },
    { target = "openai_chat/for-long", when = { min_input_tokens = 2000, images = false } },
]
"""
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGD4DwABBAEAX+XDSwAAAABJRU5ErkJggg=="
SCHEMA: Object = {
    "type": "object",
    "properties": {"word": {"type": "string"}},
    "required": ["word"],
    "additionalProperties": False,
}


def with_tools(client: Client, body: Object) -> Object:
    tool: Object = {"name": "look", "description": "Look it up."}
    match client.name:
        case "openai_chat":
            tools: JSON = [{"type": "function", "function": {**tool, "parameters": SCHEMA}}]
        case "openai_responses":
            tools = [{"type": "function", **tool, "parameters": SCHEMA, "strict": True}]
        case "anthropic":
            tools = [{**tool, "input_schema": SCHEMA}]
        case _:
            tools = [{"functionDeclarations": [{**tool, "parametersJsonSchema": SCHEMA}]}]
    return {**body, "tools": tools}


def with_a_picture(client: Client, body: Object) -> Object:
    url = f"data:image/png;base64,{PIXEL}"
    match client.name:
        case "openai_chat":
            return {
                **body,
                "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}],
            }
        case "openai_responses":
            return {
                **body,
                "input": [{"role": "user", "content": [{"type": "input_image", "image_url": url}]}],
            }
        case "anthropic":
            source: JSON = {"type": "base64", "media_type": "image/png", "data": PIXEL}
            return {**body, "messages": [{"role": "user", "content": [{"type": "image", "source": source}]}]}
        case _:
            data: JSON = {"inlineData": {"mimeType": "image/png", "data": PIXEL}}
            return {**body, "contents": [{"role": "user", "parts": [data]}]}


def with_a_schema(client: Client, body: Object) -> Object:
    named: Object = {"name": "word", "schema": SCHEMA, "strict": True}
    match client.name:
        case "openai_chat":
            return {**body, "response_format": {"type": "json_schema", "json_schema": named}}
        case "openai_responses":
            return {**body, "text": {"format": {"type": "json_schema", **named}}}
        case "anthropic":
            return {**body, "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}
        case _:
            wanted: JSON = {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}
            return {**body, "generationConfig": wanted}


def sent(client: Client, gateway: LiveGateway, body: Object, *, stream: bool = False, key: str = "") -> str:
    """The answer's word about where a request went."""
    asking = client.at(gateway).ask("assistant", stream=stream, body=body)
    if key:
        asking = asking._replace(headers={**asking.headers, **client.credentials(key)})
    reply = client.at(gateway).send(asking)
    assert reply.status == 200, reply
    return reply.headers["x-dragoman-route"].partition("/")[2].partition(";")[0]


def test_conditions_send_requests_where_they_belong(serve: Serve, client: Client, stream: bool) -> None:
    gateway = serve(CONDITIONS)
    plain = client.request("assistant", stream=stream)
    long = client.request("assistant", stream=stream, words="many words " * 2000)
    medium = client.request("assistant", stream=stream, words="many words " * 400)
    found = {
        "tools": sent(client, gateway, with_tools(client, plain), stream=stream),
        "picture": sent(client, gateway, with_a_picture(client, plain), stream=stream),
        "both": sent(client, gateway, with_tools(client, with_a_picture(client, plain)), stream=stream),
        "schema": sent(client, gateway, with_a_schema(client, plain), stream=stream),
        "long": sent(client, gateway, long, stream=stream),
        "medium": sent(client, gateway, medium, stream=stream),
        "plain": sent(client, gateway, plain, stream=stream),
        "tags": sent(client, gateway, plain, stream=stream, key="sk-research-0123456789"),
    }
    assert found == {
        "tools": "for-tools",
        "picture": "for-images",
        "both": "for-both",
        "schema": "for-json-schema",
        "long": "for-long",
        "medium": "for-streams" if stream else "for-the-rest",
        "plain": "for-streams" if stream else "for-short",
        "tags": "for-tags",
    }


def test_what_nobody_serves_is_refused_with_a_reason_for_each_target(
    serve: Serve, client: Client, stream: bool, fake: FakeServer
) -> None:
    reply = client.at(serve(CONDITIONS)).get("nowhere", stream=stream)
    assert reply.status == 400
    told = client.read_error(reply)
    assert "openai_chat/for-tools: when.tools = true, but the request has no tools" in told.message
    assert "openai_chat/for-long: when.min_input_tokens = 2000, but the prompt has about " in told.message
    assert fake.script.received == ()
    assert "x-dragoman-route" not in reply.headers


# what targets can take

SOUND = base64.b64encode(
    b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\0\0\0\0"
)
AUDIO = """
[routes.assistant]
targets = ["anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-flash"]
[routes.deaf]
targets = ["anthropic/claude-sonnet-4-5", "anthropic/claude-haiku-4-5"]
"""


def with_sound(client: Client, model: str, *, stream: bool) -> Object:
    body = client.request(model, stream=stream)
    if client.name == "gemini":
        data: JSON = {"inlineData": {"mimeType": "audio/wav", "data": SOUND.decode()}}
        return {**body, "contents": [{"role": "user", "parts": [data]}]}
    part: JSON = {"type": "input_audio", "input_audio": {"data": SOUND.decode(), "format": "wav"}}
    return {**body, "messages": [{"role": "user", "content": [part]}]}


HEARING = pytest.mark.parametrize("client", ["openai_chat", "gemini"], indirect=True)


@HEARING
def test_a_target_that_cannot_take_a_request_is_passed_over(
    serve: Serve, client: Client, stream: bool, fake: FakeServer, journal: Journal
) -> None:
    here = client.at(serve(AUDIO))
    reply = here.get("assistant", stream=stream, body=with_sound(client, "assistant", stream=stream))
    assert reply.status == 200
    assert reply.headers["x-dragoman-route"] == "gemini/gemini-2.5-flash;attempts=1"
    assert len(fake.script.received) == 1
    excluded = str(exchange_of(journal)["excluded"])
    assert excluded.startswith("anthropic/claude-sonnet-4-5: ")
    assert "audio" in excluded


@HEARING
def test_what_no_target_can_take_is_refused_with_a_reason_for_each(
    serve: Serve, client: Client, stream: bool, fake: FakeServer
) -> None:
    here = client.at(serve(AUDIO))
    reply = here.get("deaf", stream=stream, body=with_sound(client, "deaf", stream=stream))
    assert reply.status == 400
    told = client.read_error(reply)
    assert "audio" in told.message
    assert "anthropic/claude-sonnet-4-5" in told.message
    assert "anthropic/claude-haiku-4-5" in told.message
    assert fake.script.received == ()


def test_explaining_names_the_same_targets_for_the_same_reasons(serve: Serve, fake: FakeServer) -> None:
    gateway = serve(CONDITIONS)
    client = Client("openai_chat", gateway)
    request = with_tools(client, client.request("assistant"))
    told = ask(gateway, "/dragoman/explain", {"model": "assistant", "request": request}).object
    candidates, excluded = told["candidates"], told["excluded"]
    assert isinstance(candidates, list)
    assert isinstance(excluded, list)
    names = [one["target"] for one in candidates if isinstance(one, dict)]
    assert names == ["openai_chat/for-tools", "openai_chat/for-short", "openai_chat/for-the-rest"]
    reasons = {str(one["target"]): one["reason"] for one in excluded if isinstance(one, dict)}
    assert reasons["openai_chat/for-streams"] == "when.stream = true, but the request wants a whole answer"
    assert sent(client, gateway, request) == "for-tools"
    assert len(fake.script.received) == 1
