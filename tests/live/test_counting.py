"""Counts of tokens over real sockets: asked of the target where it can tell, else estimated here."""

# Google's SDK names types of libraries that need not be installed.
# pyright: reportUnknownMemberType=false

import json
from collections.abc import Iterator

import anthropic
import openai
import pytest
from google import genai
from google.genai import types as google
from tests.conftest import CLIENT_KEY, UPSTREAM_KEY, LiveGateway, serving
from tests.live.conftest import Journal
from tests.live.journal import exchange_of
from tests.live.plain import ask

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.testing.exchange import Answer, json_answer
from dragoman.testing.server import FakeServer

CONFIG = """
[server]
port = 0
[retries]
attempts = 1
[health]
cooldown = 0
[auth]
keys = ["{client}"]
[providers.chat]
dialect = "openai_chat"
base_url = "{url}/v1"
api_key = "{upstream}"
[providers.both]
api_key = "{upstream}"
dialects = {{ openai_chat = "{url}/v1", openai_responses = "{url}/v1" }}
[providers.claude]
dialect = "anthropic"
base_url = "{url}"
api_key = "{upstream}"
[providers.google]
dialect = "gemini"
base_url = "{url}"
api_key = "{upstream}"
[routes.chat]
targets = ["chat/gpt-4o"]
[routes.both]
targets = ["both/gpt-4o"]
[routes.sonnet]
targets = ["claude/claude-sonnet-4-5"]
[routes.flash]
targets = ["google/gemini-2.5-flash"]
[routes.either]
targets = ["claude/claude-sonnet-4-5", "google/gemini-2.5-flash"]
attempts = 2
"""

TEXT = "Hello there, how are you today?"
ENDPOINTS = {
    "sonnet": "/v1/messages/count_tokens",
    "flash": ":countTokens",
    "both": "/v1/responses/input_tokens",
}
"""The upstream's endpoint behind each route that has one."""
FIELDS = {"anthropic": "input_tokens", "gemini": "totalTokens", "openai_responses": "input_tokens"}


@pytest.fixture(scope="module")
def counter(fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveGateway]:
    """A gateway with upstreams that can count in each format, and one that cannot."""
    config = CONFIG.format(url=fake_upstream.url, client=CLIENT_KEY, upstream=UPSTREAM_KEY)
    with serving(config, tmp_path_factory.mktemp("counter")) as running:
        yield running


def request(client: str, model: str, text: str = TEXT) -> tuple[str, dict[str, object]]:
    """Path and body of a client's request for a count."""
    match client:
        case "anthropic":
            messages = [{"role": "user", "content": text}]
            return "/v1/messages/count_tokens", {"model": model, "messages": messages}
        case "gemini":
            contents = [{"role": "user", "parts": [{"text": text}]}]
            return f"/v1beta/models/{model}:countTokens", {"contents": contents}
        case _:
            return "/v1/responses/input_tokens", {"model": model, "input": text}


@pytest.mark.parametrize("client", FIELDS)
@pytest.mark.parametrize("model", ENDPOINTS)
def test_a_target_that_can_count_is_asked_once_and_never_for_an_answer(
    counter: LiveGateway, fake: FakeServer, client: str, model: str
) -> None:
    reply = ask(counter, *request(client, model))
    assert reply.status == 200
    assert "x-dragoman-estimated" not in reply.headers
    (received,) = fake.script.received
    assert received.path.endswith(ENDPOINTS[model])
    count = reply.object[FIELDS[client]]
    assert isinstance(count, int)
    assert count > 5


@pytest.mark.parametrize("client", FIELDS)
def test_a_target_that_cannot_count_costs_an_estimate(
    counter: LiveGateway, fake: FakeServer, client: str, journal: Journal
) -> None:
    reply = ask(counter, *request(client, "chat"))
    assert (reply.status, reply.headers["x-dragoman-estimated"]) == (200, "true")
    assert fake.script.received == ()
    count = reply.object[FIELDS[client]]
    assert isinstance(count, int)
    assert 5 < count < 25
    entry = exchange_of(journal)
    assert entry["purpose"] == "count"
    assert entry["plan"] == "estimate"
    assert entry["estimated"] is True
    assert entry["counted_tokens"] == count
    assert "input_tokens" not in entry  # nothing was spent


@pytest.mark.parametrize("status", [404, 405, 501])
@pytest.mark.parametrize("model", ENDPOINTS)
def test_an_upstream_without_the_endpoint_costs_an_estimate(
    counter: LiveGateway, fake: FakeServer, model: str, status: int
) -> None:
    fake.script.add(json_answer(status, b'{"detail":"Not Found"}'))
    reply = ask(counter, *request("anthropic", model))
    assert (reply.status, reply.headers["x-dragoman-estimated"]) == (200, "true")
    assert len(fake.script.received) == 1


def test_a_model_that_the_upstream_does_not_have_is_no_missing_endpoint(
    counter: LiveGateway, fake: FakeServer
) -> None:
    error = b'{"type":"error","error":{"type":"not_found_error","message":"model: claude-sonnet-4-5"}}'
    fake.script.add(json_answer(404, error))
    reply = ask(counter, *request("anthropic", "sonnet"))
    assert reply.status == 404
    assert reply.object["type"] == "error"


@pytest.mark.parametrize("kind", [FailureKind.OVERLOADED, FailureKind.RATE_LIMIT, FailureKind.SERVER])
def test_the_next_target_counts_where_the_first_is_out_of_order(
    counter: LiveGateway, fake: FakeServer, kind: FailureKind, journal: Journal
) -> None:
    fake.script.add(Failure(kind, "Not now."))
    reply = ask(counter, *request("anthropic", "either"))
    assert reply.status == 200
    assert [received.path for received in fake.script.received] == [
        "/v1/messages/count_tokens",
        "/v1beta/models/gemini-2.5-flash:countTokens",
    ]
    assert exchange_of(journal)["attempts"] == 2


def test_a_failure_of_the_last_target_is_told_in_the_clients_words(
    counter: LiveGateway, fake: FakeServer, journal: Journal
) -> None:
    fake.script.add(Failure(FailureKind.RATE_LIMIT, "Not now.", retry_after=7))
    reply = ask(counter, *request("gemini", "sonnet"))
    assert reply.status == 429
    assert reply.headers["retry-after"] == "7"
    assert '"RESOURCE_EXHAUSTED"' in reply.body.decode()
    assert exchange_of(journal)["failure"] == "rate_limit"


def test_what_is_no_count_is_a_bad_gateway(counter: LiveGateway, fake: FakeServer) -> None:
    fake.script.add(json_answer(200, b'{"hello":"world"}'))
    assert ask(counter, *request("anthropic", "sonnet")).status == 502


def test_a_count_of_the_clients_own_format_passes_through_both_ways(
    counter: LiveGateway, fake: FakeServer
) -> None:
    answer = b'{ "input_tokens" : 7, "context_management": {"original_input_tokens": 9} }'
    fake.script.add(json_answer(200, answer))
    body = b'{ "messages":[{"role":"user","content":"hi"}], "model":"sonnet",  "thinking":null }'
    reply = ask(
        counter, "/v1/messages/count_tokens?beta=true", body, anthropic_beta="token-counting-2024-11-01,b"
    )
    assert reply.body == answer
    (received,) = fake.script.received
    assert received.body == body.replace(b'"sonnet"', b'"claude-sonnet-4-5"')
    assert received.headers["anthropic-beta"] == "token-counting-2024-11-01,b"
    assert received.headers["x-api-key"] == UPSTREAM_KEY


def test_betas_stay_at_home_where_the_target_speaks_another_format(
    counter: LiveGateway, fake: FakeServer
) -> None:
    ask(counter, *request("anthropic", "flash"), anthropic_beta="x")
    (received,) = fake.script.received
    assert not [name for name in received.headers if name.startswith("anthropic")]


def test_instructions_and_tools_are_counted_too(counter: LiveGateway, fake: FakeServer) -> None:
    path, body = request("anthropic", "flash")
    tool = {"name": "look", "description": "Looks around.", "input_schema": {"type": "object"}}
    bare = ask(counter, path, body).object
    full = ask(counter, path, {**body, "system": "Be kind to everyone.", "tools": [tool]}).object
    whole = json.loads(fake.script.received[-1].body)["generateContentRequest"]
    assert whole["systemInstruction"]["parts"][0]["text"] == "Be kind to everyone."
    assert whole["tools"][0]["functionDeclarations"][0]["name"] == "look"
    assert isinstance(bare["input_tokens"], int)
    assert isinstance(full["input_tokens"], int)
    assert full["input_tokens"] > bare["input_tokens"]


def test_a_conversation_that_is_kept_here_is_counted_whole(counter: LiveGateway, fake: FakeServer) -> None:
    first = ask(counter, "/v1/responses", {"model": "sonnet", "input": "My name is Ada."}).object
    asked = {"model": "sonnet", "input": "Who am I?", "previous_response_id": first["id"]}
    reply = ask(counter, "/v1/responses/input_tokens", asked)
    assert reply.status == 200
    received = fake.script.received[-1]
    assert received.path == "/v1/messages/count_tokens"
    assert b"My name is Ada." in received.body
    assert b"Who am I?" in received.body
    lost = ask(counter, "/v1/responses/input_tokens", {**asked, "previous_response_id": "resp_lost"})
    assert lost.status in {400, 404}


def test_what_shapes_only_the_answer_is_no_reason_to_refuse_a_count(
    counter: LiveGateway, fake: FakeServer
) -> None:
    contents = [{"role": "user", "parts": [{"text": "hi"}]}]
    config = {"responseLogprobs": True, "logprobs": 3, "candidateCount": 2, "seed": 1, "temperature": 2.0}
    whole = {"model": "models/sonnet", "contents": contents, "generationConfig": config}
    reply = ask(counter, "/v1beta/models/sonnet:countTokens", {"generateContentRequest": whole})
    assert reply.status == 200
    assert len(fake.script.received) == 1


@pytest.mark.parametrize("client", FIELDS)
def test_a_wrong_request_is_refused_in_the_clients_words(
    counter: LiveGateway, fake: FakeServer, client: str
) -> None:
    path, _ = request(client, "sonnet")
    for body in (b"{", b"[]", b'{"model":"sonnet","input":5}'):
        reply = ask(counter, path, body)
        assert reply.status == 400
        assert "error" in reply.object
    assert fake.script.received == ()


def test_an_answer_that_is_streamed_is_no_count(counter: LiveGateway, fake: FakeServer) -> None:
    fake.script.add(Answer(200, {"content-type": "text/html"}, ()))
    assert ask(counter, *request("openai_responses", "both")).status == 502


# --- the vendors' own clients ----------------------------------------------------------------------


@pytest.mark.parametrize("model", [*ENDPOINTS, "chat"])
def test_anthropics_sdk_counts(counter: LiveGateway, fake: FakeServer, model: str) -> None:
    with anthropic.Anthropic(
        base_url=f"{counter.url}/anthropic", api_key=counter.key, max_retries=0
    ) as client:
        found = client.messages.with_raw_response.count_tokens(
            model=model, messages=[{"role": "user", "content": TEXT}], system="Be kind."
        )
    assert found.parse().input_tokens > 5
    assert (found.headers.get("x-dragoman-estimated") == "true") is (model == "chat")
    assert len(fake.script.received) == (0 if model == "chat" else 1)


@pytest.mark.parametrize("model", [*ENDPOINTS, "chat"])
def test_googles_sdk_counts(counter: LiveGateway, model: str, fake: FakeServer) -> None:
    options = google.HttpOptions(base_url=f"{counter.url}/genai")
    client = genai.Client(api_key=counter.key, http_options=options)
    found = client.models.count_tokens(model=model, contents=TEXT)
    client.close()
    assert found.total_tokens is not None
    assert found.total_tokens > 5
    assert len(fake.script.received) == (0 if model == "chat" else 1)


@pytest.mark.parametrize("model", [*ENDPOINTS, "chat"])
def test_openais_sdk_counts(counter: LiveGateway, model: str, fake: FakeServer) -> None:
    with openai.OpenAI(base_url=f"{counter.url}/openai", api_key=counter.key, max_retries=0) as client:
        found = client.responses.input_tokens.count(model=model, input=TEXT, instructions="Be kind.")
    assert (found.object, found.input_tokens > 5) == ("response.input_tokens", True)
    assert len(fake.script.received) == (0 if model == "chat" else 1)


@pytest.mark.parametrize("route", ["claude/claude-sonnet-4-5", "google/gemini-2.5-flash"])
def test_what_a_target_cannot_fetch_is_treated_as_in_a_request_for_an_answer(
    fake_upstream: FakeServer, fake: FakeServer, tmp_path_factory: pytest.TempPathFactory, route: str
) -> None:
    text = CONFIG.format(url=fake_upstream.url, client=CLIENT_KEY, upstream=UPSTREAM_KEY)
    text = text.replace("[routes.", "remote_media = false\n[routes.", 1)
    text = text.replace("[providers.google]", "remote_media = false\n[providers.google]")
    picture = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    asked = {"model": route, "messages": [{"role": "user", "content": [picture]}]}
    with serving(text + "[media]\nfetch = false\n", tmp_path_factory.mktemp("fetching")) as gateway:
        count = ask(gateway, "/v1/messages/count_tokens", asked)
        answer = ask(gateway, "/v1/messages", asked | {"max_tokens": 5})
    assert count.status == answer.status == 400
    assert json.loads(count.body)["error"] == json.loads(answer.body)["error"]
    assert fake.script.received == ()
