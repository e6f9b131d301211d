"""While an upstream thinks, its client hears that it is not forgotten, and nothing is given away."""

from collections.abc import Iterator

import pytest
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway, serving
from tests.live.answers import saying
from tests.live.client import MODELS, Client

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

CONFIG = """
[server]
port = 0
[retries]
attempts = 1
[health]
cooldown = 0
[auth]
keys = ["{key}"]
[timeouts]
keep_alive = 0.05
[log]
level = "error"
[providers.openai]
dialect = "openai_chat"
base_url = "{url}/v1"
api_key = "{upstream_key}"
[providers.responses]
dialect = "openai_responses"
base_url = "{url}/v1"
api_key = "{upstream_key}"
[providers.anthropic]
base_url = "{url}"
api_key = "{upstream_key}"
[providers.gemini]
base_url = "{url}"
api_key = "{upstream_key}"
[routes."gpt-4.1"]
targets = ["responses/gpt-4.1"]
[routes.two]
targets = ["openai/gpt-4o", "anthropic/claude-sonnet-4-5"]
attempts = 2
"""

SIGNS = {
    "openai_chat": b": keep-alive\n\n",
    "openai_responses": b": keep-alive\n\n",
    "anthropic": b'event: ping\ndata: {"type": "ping"}\n\n',
    "gemini": b": keep-alive\n\n",
}
PAIRS = pytest.mark.parametrize("upstream", list(SIGNS))
NAMES = pytest.mark.parametrize("name", list(SIGNS))


@pytest.fixture(scope="module")
def patient(fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    config = CONFIG.format(url=fake_upstream.url, key=CLIENT_KEY, upstream_key=UPSTREAM_KEY)
    with serving(config, tmp_path_factory.mktemp("patient")) as running:
        yield running


@NAMES
@PAIRS
def test_a_client_hears_signs_of_life_before_the_first_token(
    patient: LiveGateway, fake: FakeServer, name: str, upstream: str
) -> None:
    fake.script.add(Scripted(saying("late but here"), delay=0.3))
    client = Client(name, patient)
    reply = client.get(MODELS[upstream], stream=True)
    assert reply.body.startswith(SIGNS[name])
    assert client.stream_error(reply) is None
    assert client.words(reply) == "late but here"


@NAMES
@PAIRS
def test_a_client_hears_signs_of_life_between_tokens(
    patient: LiveGateway, fake: FakeServer, name: str, upstream: str
) -> None:
    fake.script.add(Scripted(saying("slow words come"), pace=0.12))
    client = Client(name, patient)
    reply = client.get(MODELS[upstream], stream=True)
    assert SIGNS[name] in reply.body
    assert client.stream_error(reply) is None
    assert client.words(reply) == "slow words come"


def test_a_stream_that_opens_early_tells_its_losses_all_the_same(
    patient: LiveGateway, fake: FakeServer
) -> None:
    fake.script.add(Scripted(saying("late"), delay=0.3))
    client = Client("openai_chat", patient)
    asked = client.request(MODELS["anthropic"], stream=True) | {"seed": 1}
    reply = client.get(MODELS["anthropic"], stream=True, body=asked)
    assert reply.body.startswith(SIGNS["openai_chat"])
    assert 'path="$.seed"' in reply.headers["x-dragoman-losses"]


@NAMES
@PAIRS
def test_an_upstream_that_fails_after_signs_of_life_is_told_in_the_stream(
    patient: LiveGateway, fake: FakeServer, name: str, upstream: str
) -> None:
    fake.script.add(Scripted(Failure(FailureKind.OVERLOADED, "Too busy."), delay=0.3))
    client = Client(name, patient)
    reply = client.get(MODELS[upstream], stream=True)
    error = client.stream_error(reply)
    assert error is not None
    assert "Too busy." in error.message
    assert not client.finished(reply.body)


@NAMES
def test_after_signs_of_life_the_next_target_may_still_answer(
    patient: LiveGateway, fake: FakeServer, name: str
) -> None:
    fake.script.add(
        Scripted(Failure(FailureKind.OVERLOADED, "Too busy."), delay=0.3, model="gpt-4o"),
        Scripted(saying("the second"), model="claude-sonnet-4-5"),
    )
    client = Client(name, patient)
    reply = client.get("two", stream=True)
    assert reply.body.startswith(SIGNS[name])
    assert client.stream_error(reply) is None
    assert client.words(reply) == "the second"


def test_an_array_of_google_is_kept_alive_by_white_space(patient: LiveGateway, fake: FakeServer) -> None:
    fake.script.add(Scripted(saying("late"), delay=0.3))
    client = Client("gemini", patient)
    ask = client.ask(MODELS["openai_chat"], stream=True)
    reply = client.send(ask._replace(target=ask.target.removesuffix("?alt=sse")))
    assert reply.headers["content-type"].startswith("application/json")
    assert reply.body.startswith(b"\n")
    assert b"late" in reply.body
