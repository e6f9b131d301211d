"""Answers that are no objects, from upstreams whose schemas must be: the client gets what it asked for."""

import json

import msgspec
import pytest
from tests.conftest import ROUTES, LiveGateway
from tests.live.client import Client

from dragoman.testing.json_value import Object
from dragoman.testing.server import FakeServer

LISTED: Object = {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 2}


def asking(client: Client, model: str, *, stream: bool) -> Object:
    """A request for a list of numbers, in the client's own words."""
    body = client.request(model, stream=stream)
    match client.name:
        case "openai_chat":
            form: Object = {"name": "numbers", "schema": LISTED}
            return {**body, "response_format": {"type": "json_schema", "json_schema": form}}
        case "openai_responses":
            flat: Object = {"type": "json_schema", "name": "numbers", "schema": LISTED}
            return {**body, "text": {"format": flat}}
        case "anthropic":
            return {**body, "output_config": {"format": {"type": "json_schema", "schema": LISTED}}}
        case _:
            config: Object = {"responseMimeType": "application/json", "responseJsonSchema": LISTED}
            return {**body, "generationConfig": config}


PAIRS = [
    ("openai_chat", "anthropic"),
    ("gemini", "anthropic"),
    ("openai_responses", "anthropic"),
    ("gemini", "openai_chat"),
    ("gemini", "openai_responses"),
    ("anthropic", "openai_responses"),
    ("anthropic", "openai_chat"),
]


@pytest.mark.parametrize(("client", "upstream"), PAIRS, indirect=["client"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_list_comes_out_of_its_wrapping(client: Client, upstream: str, stream: bool) -> None:
    model = ROUTES[upstream]
    reply = client.get(model, stream=stream, body=asking(client, model, stream=stream))
    numbers = msgspec.json.decode(client.words(reply), type=list[int])
    assert numbers


@pytest.mark.parametrize("client", ["gemini"], indirect=True)
@pytest.mark.parametrize("upstream", list(ROUTES))
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_one_bare_word_comes_without_quotes(client: Client, upstream: str, stream: bool) -> None:
    model = ROUTES[upstream]
    config: Object = {
        "responseMimeType": "text/x.enum",
        "responseSchema": {"type": "STRING", "enum": ["mornings", "evenings"]},
    }
    body: Object = {**client.request(model, stream=stream), "generationConfig": config}
    assert client.words(client.get(model, stream=stream, body=body)) in {"mornings", "evenings"}


@pytest.mark.parametrize("client", ["openai_chat", "gemini"], indirect=True)
def test_a_long_answer_is_streamed_upstream_and_comes_whole(
    client: Client, gateway: LiveGateway, fake: FakeServer
) -> None:
    assert gateway.port
    reply = client.get("sonnet")
    assert reply.status == 200
    assert client.words(reply)
    assert json.loads(fake.script.received[-1].body)["stream"] is True
