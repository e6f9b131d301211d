"""A refusal that names its remedy costs one more request, once: the next ones are right the first time."""

import json
from collections.abc import Iterator

import pytest
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway, serving
from tests.live.answers import saying
from tests.live.client import Client

from dragoman.testing.exchange import Answer, json_answer
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

CONFIG = """
[server]
port = 0
[retries]
attempts = 3
[health]
cooldown = 0
[auth]
keys = ["{key}"]
[log]
level = "error"
[providers.host]
dialect = "openai_chat"
base_url = "{url}/v1"
api_key = "{upstream_key}"
[routes.new]
targets = ["host/brand-new-model"]
"""


@pytest.fixture
def learning(fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    config = CONFIG.format(url=fake_upstream.url, key=CLIENT_KEY, upstream_key=UPSTREAM_KEY)
    with serving(config, tmp_path_factory.mktemp("learning")) as running:
        yield running


def refusing(message: str, param: str | None = None) -> Scripted:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": None}
    answer: Answer = json_answer(400, json.dumps({"error": error}).encode())
    return Scripted(answer, checked=False)


@pytest.mark.parametrize("stream", [False, True])
def test_a_refused_limit_is_sent_by_its_other_name_from_then_on(
    learning: LiveGateway, fake: FakeServer, stream: bool
) -> None:
    words = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
    fake.script.add(refusing(words, "max_tokens"), saying("first"), saying("second"))
    client = Client("anthropic", learning)
    assert client.words(client.get("new", stream=stream)) == "first"
    assert client.words(client.get("new", stream=stream)) == "second"
    sent = [json.loads(one.body) for one in fake.script.received]
    assert ["max_completion_tokens" in body for body in sent] == [False, True, True]
    assert ["max_tokens" in body for body in sent] == [True, False, False]


def test_a_refused_field_is_left_out_and_reported(learning: LiveGateway, fake: FakeServer) -> None:
    client = Client("anthropic", learning)
    asked = client.request("new") | {"temperature": 0.5}
    words = "Unsupported parameter: 'temperature' is not supported with this model."
    fake.script.add(refusing(words, "temperature"), saying("first"))
    reply = client.get("new", body=asked)
    assert reply.status == 200
    assert 'path="$.temperature"' in reply.headers["x-dragoman-losses"]
    assert "temperature" not in json.loads(fake.script.received[-1].body)


def test_several_refusals_are_met_one_by_one(learning: LiveGateway, fake: FakeServer) -> None:
    client = Client("anthropic", learning)
    asked = client.request("new") | {"temperature": 0.5}
    limit = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
    heat = "Unsupported parameter: 'temperature' is not supported with this model."
    fake.script.add(refusing(limit), refusing(heat), saying("first"), saying("second"))
    assert client.words(client.get("new", body=asked)) == "first"
    assert client.words(client.get("new", body=asked)) == "second"
    sent = [json.loads(one.body) for one in fake.script.received]
    assert ["max_completion_tokens" in body for body in sent] == [False, True, True, True]
    assert ["temperature" in body for body in sent] == [True, True, False, False]


def test_a_value_that_is_refused_is_no_reason_to_keep_others_back(
    learning: LiveGateway, fake: FakeServer
) -> None:
    client = Client("openai_responses", learning)
    words = "Unsupported value: 'service_tier' does not support 'priority' with this model."
    fake.script.add(refusing(words, "service_tier"), saying("first"), saying("second"))
    assert client.get("new", body=client.request("new") | {"service_tier": "priority"}).status == 200
    assert client.get("new", body=client.request("new") | {"service_tier": "flex"}).status == 200
    sent = [json.loads(one.body) for one in fake.script.received]
    assert [body.get("service_tier") for body in sent] == ["priority", None, "flex"]


def test_a_lesson_changes_nothing_for_those_who_are_passed_through(
    learning: LiveGateway, fake: FakeServer
) -> None:
    taught, own = Client("openai_responses", learning), Client("openai_chat", learning)
    words = "Unsupported parameter: 'service_tier' is not supported with this model."
    fake.script.add(refusing(words, "service_tier"), saying("first"), saying("second"))
    assert taught.get("new", body=taught.request("new") | {"service_tier": "flex"}).status == 200
    asked = own.request("new") | {"service_tier": "flex", "of_my_own": 1}
    reply = own.get("new", body=asked)
    assert json.loads(fake.script.received[-1].body) == asked | {"model": "brand-new-model"}
    assert "x-dragoman-losses" not in reply.headers


def test_a_repair_is_tried_once(learning: LiveGateway, fake: FakeServer) -> None:
    client = Client("anthropic", learning)
    asked = client.request("new") | {"temperature": 0.5}
    words = "Unsupported parameter: 'temperature' is not supported with this model."
    fake.script.add(refusing(words, "temperature"), refusing(words, "temperature"))
    reply = client.get("new", body=asked)
    assert reply.status == 400
    assert "temperature" in client.read_error(reply).message
    assert len(fake.script.received) == 2


def test_a_refusal_of_what_was_never_sent_is_no_reason_to_send_the_same_again(
    learning: LiveGateway, fake: FakeServer
) -> None:
    client = Client("anthropic", learning)
    fake.script.add(refusing("Unsupported value: 'temperature'.", "temperature"), saying("next"))
    assert client.get("new").status == 400
    assert len(fake.script.received) == 1
    assert client.get("new", body=client.request("new") | {"temperature": 0.5}).status == 200
    assert json.loads(fake.script.received[-1].body)["temperature"] == 0.5


def test_a_passed_through_request_is_the_clients_own_to_mend(learning: LiveGateway, fake: FakeServer) -> None:
    client = Client("openai_chat", learning)
    fake.script.add(refusing("Unsupported parameter: 'seed' is not supported.", "seed"))
    assert client.get("new", body=client.request("new") | {"seed": 1}).status == 400
    assert len(fake.script.received) == 1
