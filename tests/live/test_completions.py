"""Older Completions over real sockets: only passed through, whole and streamed."""

import json
from collections.abc import Iterator

import openai
import pytest
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway, serving
from tests.live.conftest import Journal
from tests.live.journal import exchange_of
from tests.live.plain import ask

from dragoman.conversation.blocks import Text
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.testing.exchange import Ending, json_answer
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

CONFIG = """
[server]
port = 0
[retries]
attempts = 2
[health]
cooldown = 0
[auth]
keys = ["{client}"]
[providers.local]
dialect = "openai_chat"
base_url = "{url}/v1"
api_key = "{upstream}"
[providers.claude]
dialect = "anthropic"
base_url = "{url}"
api_key = "{upstream}"
[routes.instruct]
targets = ["local/gpt-3.5-turbo-instruct"]
[routes.twice]
targets = ["local/gpt-3.5-turbo-instruct", "local/babbage-002"]
[routes.claude]
targets = ["claude/claude-sonnet-4-5"]
"""
PATH = "/v1/completions"


@pytest.fixture(scope="module")
def completer(fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    """A gateway with a route to a host of Chat Completions, which has the older format beside it."""
    config = CONFIG.format(url=fake_upstream.url, client=CLIENT_KEY, upstream=UPSTREAM_KEY)
    with serving(config, tmp_path_factory.mktemp("completer")) as running:
        yield running


def frames(body: bytes) -> list[dict[str, object]]:
    assert body.endswith(b"data: [DONE]\n\n")
    return [json.loads(frame[6:]) for frame in body.split(b"\n\n")[:-2]]


def test_a_whole_answer_passes_through_and_is_accounted_for(
    completer: LiveGateway, fake: FakeServer, journal: Journal
) -> None:
    usage = b'{"prompt_tokens":3,"completion_tokens":1}'
    answer = b'{ "choices":[{"text":"!","finish_reason":"stop"}], "usage":%b, "x":1.0 }' % usage
    fake.script.add(json_answer(200, answer))
    body = b'{ "prompt":[[1,2]], "model":"instruct", "echo":true,"suffix" : "x" }'
    reply = ask(completer, PATH, body)
    assert (reply.status, reply.body) == (200, answer)
    (received,) = fake.script.received
    assert received.path == "/v1/completions"
    assert received.body == body.replace(b'"instruct"', b'"gpt-3.5-turbo-instruct"')
    entry = exchange_of(journal)
    assert (entry["plan"], entry["input_tokens"], entry["output_tokens"]) == ("passthrough", 3, 1)
    assert entry["stop"] == "end"


@pytest.mark.parametrize("asked", [False, True])
def test_a_stream_tells_usage_only_to_clients_that_ask_and_always_to_us(
    completer: LiveGateway, fake: FakeServer, journal: Journal, asked: bool
) -> None:
    body: dict[str, object] = {"model": "instruct", "prompt": "Once", "stream": True}
    if asked:
        body["stream_options"] = {"include_usage": True}
    reply = ask(completer, PATH, body)
    assert reply.headers["content-type"].startswith("text/event-stream")
    told = frames(reply.body)
    assert bool(told[-1].get("usage")) is asked
    assert json.loads(fake.script.received[0].body)["stream_options"] == {"include_usage": True}
    entry = exchange_of(journal)
    assert entry["input_tokens"] == 1
    assert isinstance(entry["output_tokens"], int)


def test_a_stream_that_breaks_ends_in_openais_error(
    completer: LiveGateway, fake: FakeServer, journal: Journal
) -> None:
    text = Text("Once upon a time there was a broken stream. " * 10)
    story = Response("", "", (Choice(0, (text,), Stop(StopReason.END)),))
    fake.script.add(Scripted(story, frames=4, ending=Ending.CLOSED))
    reply = ask(completer, PATH, {"model": "instruct", "prompt": "x", "stream": True})
    told = frames(reply.body)
    assert "error" in told[-1]
    assert exchange_of(journal)["failure"] == "bad_gateway"


def test_another_target_is_tried_before_the_first_frame(completer: LiveGateway, fake: FakeServer) -> None:
    fake.script.add(Failure(FailureKind.OVERLOADED, "Not now."))
    reply = ask(completer, PATH, {"model": "twice", "prompt": "Once", "stream": True})
    assert reply.status == 200
    models = [json.loads(received.body)["model"] for received in fake.script.received]
    assert models == ["gpt-3.5-turbo-instruct", "babbage-002"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_host_of_another_format_cannot_be_asked(
    completer: LiveGateway, fake: FakeServer, stream: bool
) -> None:
    reply = ask(completer, PATH, {"model": "claude", "prompt": "Once", "stream": stream})
    assert reply.status == 400
    assert "only passed through" in json.loads(reply.body)["error"]["message"]
    assert fake.script.received == ()


def test_an_upstreams_refusal_is_told(completer: LiveGateway) -> None:
    reply = ask(completer, PATH, {"model": "instruct", "prompt": "Once", "temperature": 9})
    assert reply.status == 400
    assert json.loads(reply.body)["error"]["param"] == "temperature"


def test_openais_sdk_completes(completer: LiveGateway) -> None:
    with openai.OpenAI(base_url=f"{completer.url}/openai", api_key=completer.key, max_retries=0) as client:
        whole = client.completions.create(model="instruct", prompt="Once upon a time", max_tokens=20)
        assert whole.choices[0].text
        assert whole.usage is not None
        streamed = client.completions.create(
            model="instruct", prompt="Once upon a time", max_tokens=20, stream=True, n=2
        )
        texts = {0: "", 1: ""}
        for chunk in streamed:
            for choice in chunk.choices:
                texts[choice.index] += choice.text
    assert texts[0] == whole.choices[0].text
    assert texts[1]
