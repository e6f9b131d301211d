"""Conversations that are kept here go on by id, at any upstream, for whoever began them."""

import contextlib
import json
from collections.abc import Iterator

import openai
import pytest
from openai.types.responses import Response
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway, serving
from tests.live.answers import answering, saying

from dragoman.conversation.blocks import Text, Thinking
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.testing.provider import FakeProvider
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer, fake_server

OTHER_KEY = "sk-somebody-else-0123"

CONFIG = """
[server]
port = 0
[retries]
attempts = 2
[health]
cooldown = 0
[auth]
keys = ["{key}", "{other}"]
[log]
level = "error"
[memory]
responses = {keep}
[providers.chat]
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
[routes.openai_chat]
targets = ["chat/gpt-4o"]
[routes.openai_responses]
targets = ["responses/gpt-4o"]
[routes.anthropic]
targets = ["anthropic/claude-sonnet-4-5"]
[routes.gemini]
targets = ["gemini/gemini-2.5-flash"]
"""
TRANSLATED = pytest.mark.parametrize("route", ["openai_chat", "anthropic", "gemini"])
EVERY = pytest.mark.parametrize("route", ["openai_chat", "openai_responses", "anthropic", "gemini"])


def config(fake: FakeServer, keep: float) -> str:
    return CONFIG.format(url=fake.url, key=CLIENT_KEY, other=OTHER_KEY, upstream_key=UPSTREAM_KEY, keep=keep)


@pytest.fixture(scope="module")
def keeping(fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    with serving(config(fake_upstream, 3600), tmp_path_factory.mktemp("keeping")) as running:
        yield running


@pytest.fixture
def client(keeping: LiveGateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{keeping.url}/v1", api_key=keeping.key, max_retries=0) as client:
        yield client


@pytest.fixture
def stranger(keeping: LiveGateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{keeping.url}/v1", api_key=OTHER_KEY, max_retries=0) as client:
        yield client


def begun(client: openai.OpenAI, route: str, *, stream: bool = False) -> Response:
    """The answer to a first request."""
    if not stream:
        return client.responses.create(model=route, input="My name is Ada.")
    with client.responses.stream(model=route, input="My name is Ada.") as events:
        return events.get_final_response()


@EVERY
@pytest.mark.parametrize("stream", [False, True])
def test_a_conversation_goes_on_by_the_id_of_its_last_answer(
    client: openai.OpenAI, fake: FakeServer, route: str, stream: bool
) -> None:
    fake.script.add(saying("Hello, Ada."), saying("Ada."))
    first = begun(client, route, stream=stream)
    second = client.responses.create(model=route, input="Who am I?", previous_response_id=first.id)
    assert second.output_text == "Ada."
    if route != "openai_responses":
        sent = fake.script.received[-1].body.decode()
        assert sent.index("My name is Ada.") < sent.index("Hello, Ada.") < sent.index("Who am I?")


@EVERY
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_names_the_one_that_it_went_on_from(
    client: openai.OpenAI, fake: FakeServer, route: str, stream: bool
) -> None:
    fake.script.add(saying("Hello, Ada."), saying("Ada."))
    first = begun(client, route)
    assert first.previous_response_id is None
    if stream:
        with client.responses.stream(model=route, input="?", previous_response_id=first.id) as events:
            second = events.get_final_response()
    else:
        second = client.responses.create(model=route, input="?", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    assert client.responses.retrieve(second.id).previous_response_id == first.id


@TRANSLATED
def test_a_long_conversation_is_kept_whole(client: openai.OpenAI, fake: FakeServer, route: str) -> None:
    last: str | None = None
    for number in range(4):
        fake.script.add(saying(f"answer {number}"))
        found = client.responses.create(model=route, input=f"question {number}", previous_response_id=last)
        last = found.id
    sent = fake.script.received[-1].body.decode()
    for number in range(3):
        assert sent.count(f"question {number}") == sent.count(f"answer {number}") == 1


@EVERY
@pytest.mark.parametrize("stream", [False, True])
def test_a_kept_answer_can_be_had_again_until_it_is_deleted(
    client: openai.OpenAI, fake: FakeServer, route: str, stream: bool
) -> None:
    fake.script.add(saying("Hello, Ada."))
    first = begun(client, route, stream=stream)
    again = client.responses.retrieve(first.id)
    assert again.output_text == first.output_text == "Hello, Ada."
    assert again.id == first.id
    items = client.responses.input_items.list(first.id).data
    assert "My name is Ada." in items[0].model_dump_json()
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError, match=first.id):
        client.responses.retrieve(first.id)
    with pytest.raises(openai.BadRequestError, match=first.id):
        client.responses.create(model=route, input="Go on.", previous_response_id=first.id)


@EVERY
def test_an_answer_is_kept_for_its_own_key_alone(
    client: openai.OpenAI, stranger: openai.OpenAI, fake: FakeServer, route: str
) -> None:
    first = begun(client, route)
    for attempt in (stranger.responses.retrieve, stranger.responses.delete):
        with pytest.raises(openai.NotFoundError):
            attempt(first.id)
    with pytest.raises(openai.BadRequestError):
        stranger.responses.create(model=route, input="Who am I?", previous_response_id=first.id)
    assert client.responses.retrieve(first.id).id == first.id


@TRANSLATED
def test_an_answer_that_is_not_to_be_stored_is_not(
    client: openai.OpenAI, fake: FakeServer, route: str
) -> None:
    first = client.responses.create(model=route, input="Hello.", store=False)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)


def test_a_conversation_moves_from_one_vendor_to_another(client: openai.OpenAI, fake: FakeServer) -> None:
    last: str | None = None
    for number, route in enumerate(["anthropic", "gemini", "openai_chat", "anthropic"]):
        fake.script.add(saying(f"answer {number}"))
        found = client.responses.create(model=route, input=f"question {number}", previous_response_id=last)
        last = found.id
    sent = fake.script.received[-1].body.decode()
    assert all(f"answer {number}" in sent for number in range(3))


@TRANSLATED
def test_a_conversation_moves_to_a_vendor_that_keeps_conversations_itself(
    client: openai.OpenAI, fake: FakeServer, route: str
) -> None:
    fake.script.add(answering(Thinking("She is Ada."), Text("Hello, Ada.")), saying("You are Ada."))
    first = begun(client, route)
    found = client.responses.create(
        model="openai_responses", input="Who am I?", previous_response_id=first.id
    )
    assert found.output_text == "You are Ada."
    sent = fake.script.received[-1].body.decode()
    assert "Hello, Ada." in sent
    assert not any(item.id and item.id in sent for item in first.output)


def test_what_an_upstream_keeps_cannot_go_on_elsewhere(client: openai.OpenAI, fake: FakeServer) -> None:
    first = begun(client, "openai_responses")
    with pytest.raises(openai.BadRequestError, match="'responses'"):
        client.responses.create(model="anthropic", input="Who am I?", previous_response_id=first.id)


def test_an_id_that_was_never_given_is_not_found(client: openai.OpenAI, fake: FakeServer) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="anthropic", input="Go on.", previous_response_id="resp_nothing")
    assert caught.value.param == "previous_response_id"
    assert caught.value.code == "previous_response_not_found"
    assert fake.script.received == ()


def test_an_answer_is_kept_no_longer_than_configured(
    fake_upstream: FakeServer, fake: FakeServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with serving(config(fake_upstream, 0.001), tmp_path_factory.mktemp("forgetful")) as gateway:
        client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0)
        first = begun(client, "anthropic")
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(first.id)


def test_kept_answers_outlive_the_process(
    fake_upstream: FakeServer, fake: FakeServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("durable")
    fake.script.add(saying("Hello, Ada."))
    with serving(config(fake_upstream, 3600), folder) as gateway:
        client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0)
        first = begun(client, "anthropic")
    with serving(config(fake_upstream, 3600), folder) as gateway:
        client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0)
        assert client.responses.retrieve(first.id).output_text == "Hello, Ada."


@TRANSLATED
def test_a_stream_that_breaks_off_is_not_kept_and_tells_no_key(
    client: openai.OpenAI, fake: FakeServer, route: str
) -> None:
    words = f"The key {UPSTREAM_KEY} has had enough."
    failure = Failure(FailureKind.OVERLOADED, words)
    fake.script.add(Scripted(saying("word " * 40), frames=4, failure=failure))
    seen: list[str] = []
    events = client.responses.create(model=route, input="Hello.", stream=True)
    with events, pytest.raises(openai.APIError) as caught:
        seen.extend(event.model_dump_json() for event in events)
    assert UPSTREAM_KEY not in str(caught.value) + "".join(seen)
    identity = json.loads(seen[0])["response"]["id"]
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(identity)


def test_a_kept_answer_stays_with_its_key_when_the_keys_are_listed_in_another_order(
    fake_upstream: FakeServer, fake: FakeServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, text = tmp_path_factory.mktemp("reordered"), config(fake_upstream, 3600)
    with serving(text, folder) as gateway:
        client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=CLIENT_KEY, max_retries=0)
        first = begun(client, "anthropic")
    swapped = text.replace(f'"{CLIENT_KEY}", "{OTHER_KEY}"', f'"{OTHER_KEY}", "{CLIENT_KEY}"')
    assert swapped != text
    with serving(swapped, folder) as gateway:
        client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=CLIENT_KEY, max_retries=0)
        stranger = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=OTHER_KEY, max_retries=0)
        with pytest.raises(openai.NotFoundError):
            stranger.responses.retrieve(first.id)
        assert client.responses.retrieve(first.id).id == first.id


def test_an_upstream_that_cannot_be_asked_for_a_kept_answer_is_not_told_by_its_address(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with contextlib.ExitStack() as stack:
        with fake_server(FakeProvider(keys=frozenset({UPSTREAM_KEY}))) as mortal:
            gateway = stack.enter_context(serving(config(mortal, 3600), tmp_path_factory.mktemp("orphaned")))
            client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0)
            first = begun(client, "openai_responses")
        with pytest.raises(openai.InternalServerError) as caught:
            client.responses.retrieve(first.id)
    assert mortal.url.removeprefix("http://") not in caught.value.response.text
    assert "'responses'" in caught.value.response.text
