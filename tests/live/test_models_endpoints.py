"""The models endpoints: what is served here, in the form of whoever asks."""

import re
from collections.abc import Iterator

import pytest
from tests.conftest import ROUTES, LiveGateway, serving
from tests.live.client import Ask, Client

from dragoman.testing.json_value import Object
from dragoman.testing.server import FakeServer

NOT_FOUND = {
    "openai_chat": "invalid_request_error",
    "openai_responses": "invalid_request_error",
    "anthropic": "not_found_error",
    "gemini": "NOT_FOUND",
}


def get(client: Client, target: str) -> Ask:
    """A question after models, in the client's own style of credentials and without a body."""
    return Ask("GET", target, client.credentials(client.gateway.key), b"")


def where(client: Client) -> str:
    return "/v1beta/models" if client.name == "gemini" else "/v1/models"


def check_model(client: Client, model: Object, name: str) -> None:
    match client.name:
        case "openai_chat" | "openai_responses":
            assert model.keys() == {"id", "object", "created", "owned_by"}
            assert (model["id"], model["object"]) == (name, "model")
            assert isinstance(model["created"], int)
            assert model["owned_by"]
        case "anthropic":
            assert (model["id"], model["type"], model["display_name"]) == (name, "model", name)
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(model["created_at"]))
        case _:
            assert (model["name"], model["displayName"]) == (f"models/{name}", name)
            methods = model["supportedGenerationMethods"]
            assert methods == ["generateContent", "streamGenerateContent", "countTokens"]


def test_the_list_is_in_the_askers_form(client: Client, fake: FakeServer) -> None:
    reply = client.send(get(client, where(client)))
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    listed = reply.object["models" if client.name == "gemini" else "data"]
    assert isinstance(listed, list)
    assert len(listed) == len(ROUTES)
    for model, name in zip(listed, ROUTES.values(), strict=True):
        assert isinstance(model, dict)
        check_model(client, model, name)
    match client.name:
        case "openai_chat" | "openai_responses":
            assert reply.object["object"] == "list"
        case "anthropic":
            names = list(ROUTES.values())
            assert (reply.object["first_id"], reply.object["last_id"]) == (names[0], names[-1])
            assert reply.object["has_more"] is False
        case _:
            assert reply.object.keys() == {"models"}
    assert fake.script.received == ()


@pytest.mark.parametrize("query", ["limit=1000", "after_id=x&limit=2", "pageSize=50", "beta=true"])
def test_paging_that_is_asked_for_does_no_harm(client: Client, query: str) -> None:
    whole = client.send(get(client, where(client))).body
    assert client.send(get(client, f"{where(client)}?{query}")).body == whole


@pytest.mark.parametrize(
    "name",
    [*ROUTES.values(), "openai/gpt-4.1-mini", "claude-opus-4-5", "gemini/models%2Fx", "anthropic/a%3Ab"],
)
def test_one_model_is_in_the_askers_form(client: Client, name: str) -> None:
    reply = client.send(get(client, f"{where(client)}/{name}"))
    assert reply.status == 200
    check_model(client, reply.object, name.replace("%2F", "/").replace("%3A", ":"))


def test_what_is_listed_can_be_asked_for_by_its_own_name(client: Client) -> None:
    """A client that copies a name from the list gets an answer from that model."""
    reply = client.send(get(client, where(client)))
    listed = reply.object["models" if client.name == "gemini" else "data"]
    assert isinstance(listed, list)
    for model in listed:
        assert isinstance(model, dict)
        name = str(model["name" if client.name == "gemini" else "id"])
        target = f"/v1beta/{name}" if client.name == "gemini" else f"/v1/models/{name}"
        assert client.send(get(client, target)).object == model
        assert client.get(name.removeprefix("models/")).status == 200


@pytest.mark.parametrize("name", ["nothing-like-it", "nowhere/gpt-4o", "%00", "..%2f..%2fetc"])
def test_an_unknown_model_is_not_found_in_the_askers_form(client: Client, name: str) -> None:
    reply = client.send(get(client, f"{where(client)}/{name}"))
    told = client.read_error(reply)
    assert (reply.status, told.word) == (404, NOT_FOUND[client.name])
    if client.name == "openai_chat":
        assert told.code == "model_not_found"


@pytest.mark.parametrize("entry", ["", "/gpt-4o", "/nothing-like-it"])
@pytest.mark.parametrize("key", ["sk-wrong", ""])
def test_a_key_is_needed(client: Client, entry: str, key: str) -> None:
    ask = get(client, where(client) + entry)
    reply = client.send(ask._replace(headers=client.credentials(key) if key else {}))
    assert reply.status == 401
    assert b"gpt-4o" not in reply.body
    # without any credentials on a shared path, nobody knows who asks: OpenAI's form is the common one
    asker = client if key or client.name == "gemini" else Client("openai_chat", client.gateway)
    asker.read_error(reply)


SHARED: list[tuple[dict[str, str], str, str]] = [
    ({"authorization": "Bearer {key}"}, "", "openai_chat"),
    ({"api-key": "{key}"}, "", "openai_chat"),
    ({"x-api-key": "{key}"}, "", "anthropic"),
    ({"authorization": "Bearer {key}", "anthropic-version": "2023-06-01"}, "", "anthropic"),
    ({"x-api-key": "{key}", "anthropic-version": "2026-10-21"}, "", "anthropic"),
    ({"x-goog-api-key": "{key}"}, "", "gemini"),
    ({}, "?key={key}", "gemini"),
]


@pytest.mark.parametrize(("headers", "query", "form"), SHARED)
@pytest.mark.parametrize("entry", ["", "/sonnet"])
def test_a_shared_path_answers_by_the_style_of_the_credentials(
    headers: dict[str, str], query: str, form: str, entry: str, gateway: LiveGateway
) -> None:
    asker = Client(form, gateway)
    filled = {name: value.format(key=gateway.key) for name, value in headers.items()}
    reply = asker.send(Ask("GET", f"/v1/models{entry}{query.format(key=gateway.key)}", filled, b""))
    assert reply.status == 200
    if entry:
        check_model(asker, reply.object, "sonnet")
    else:
        assert ("models" if form == "gemini" else "data") in reply.object


@pytest.mark.parametrize("headers", [{"authorization": "Bearer {key}"}, {"x-api-key": "{key}"}])
def test_googles_own_path_answers_in_googles_form(headers: dict[str, str], gateway: LiveGateway) -> None:
    asker = Client("gemini", gateway)
    filled = {name: value.format(key=gateway.key) for name, value in headers.items()}
    assert "models" in asker.send(Ask("GET", "/v1beta/models", filled, b"")).object
    check_model(asker, asker.send(Ask("GET", "/v1beta/models/flash", filled, b"")).object, "flash")


def test_head_tells_the_length_and_nothing_else(client: Client) -> None:
    whole = client.send(get(client, where(client)))
    head = client.send(get(client, where(client))._replace(method="HEAD"))
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.body))


@pytest.fixture(scope="module")
def without_routes(
    fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveGateway]:
    config = f"""
[server]
port = 0
[auth]
keys = ["sk-client-0123456789"]
[providers.anthropic]
base_url = "{fake_upstream.url}"
api_key = "sk-upstream-9876543210"
[providers.mine]
dialect = "openai_chat"
base_url = "{fake_upstream.url}/v1"
api_key = "sk-upstream-9876543210"
models = ["gpt-4o", "gpt-4.1"]
"""
    with serving(config, tmp_path_factory.mktemp("without_routes")) as running:
        yield running


def test_without_routes_the_models_of_the_providers_are_listed(
    client: Client, without_routes: LiveGateway
) -> None:
    at_other = client.at(without_routes)
    listed = at_other.send(get(client, where(client))).body.decode()
    assert '"gpt-4o"' in listed or "models/gpt-4o" in listed
    assert "claude-" in listed
    assert "gemini-" not in listed
    assert at_other.get("gpt-4.1").status == 200
    assert at_other.get("claude-haiku-4-5").status == 200
