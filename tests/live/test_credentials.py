"""Keys: the client's opens the gateway and goes no further, the upstream's goes up and never comes back."""

import json
from collections.abc import Iterator

import pytest
from tests.conftest import CLIENT_KEY, CONFIG, ROUTES, UPSTREAM_KEY, LiveGateway
from tests.live.client import Ask, Client, Reply
from tests.live.command import Service, serving
from tests.live.raw_upstream import pieces_of, saying, stream_of

from dragoman.conversation.failure import Failure
from dragoman.conversation.failure import FailureKind as Kind
from dragoman.testing.exchange import Answer, Chunk
from dragoman.testing.script import Received, Scripted
from dragoman.testing.server import FakeServer

STYLES = ("bearer", "x-api-key", "x-goog-api-key", "api-key", "query")
UNAUTHORIZED = {
    "openai_chat": "invalid_request_error",
    "openai_responses": "invalid_request_error",
    "anthropic": "authentication_error",
    "gemini": "UNAUTHENTICATED",
}
HELLO = saying("Good morning to you and to all who are with you, wherever you may be on this day.")


def presenting(ask: Ask, style: str, key: str) -> Ask:
    """The request with the key presented in one style, and in no other."""
    headers = {"content-type": "application/json"}
    match style:
        case "none":
            return ask._replace(headers=headers)
        case "query":
            joint = "&" if "?" in ask.target else "?"
            return ask._replace(headers=headers, target=f"{ask.target}{joint}key={key}")
        case "bearer":
            return ask._replace(headers={**headers, "Authorization": f"Bearer {key}"})
        case _:
            return ask._replace(headers={**headers, style: key})


def everything(received: Received) -> str:
    """All that a request brought upstream."""
    return f"{received.path} {received.query} {received.headers} {received.body.decode()}"


@pytest.mark.parametrize("style", STYLES)
def test_a_key_opens_every_endpoint_in_every_style_and_stays_there(
    client: Client, upstream: str, route: str, style: str, stream: bool, fake: FakeServer
) -> None:
    reply = client.send(presenting(client.ask(route, stream=stream), style, CLIENT_KEY))
    assert reply.status == 200
    (received,) = fake.script.received
    assert CLIENT_KEY not in everything(received)
    own = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}
    holding = [name for name, value in received.headers.items() if UPSTREAM_KEY in value]
    assert holding == [own.get(upstream, "authorization")]
    assert UPSTREAM_KEY not in f"{received.path} {received.query} {received.body.decode()}"
    assert UPSTREAM_KEY not in f"{reply.headers} {reply.body.decode()}"


def test_of_several_keys_none_goes_on(client: Client, route: str, fake: FakeServer) -> None:
    """SDKs and proxies add headers of their own; some begin like those that belong to the format."""
    names = ("x-api-key", "x-goog-api-key", "api-key", "anthropic-api-key", "cookie", "proxy-authorization")
    ask = client.ask(route)
    headers = {**ask.headers, **dict.fromkeys(names, CLIENT_KEY), "authorization": f"Bearer {CLIENT_KEY}"}
    assert client.send(ask._replace(headers=headers)).status == 200
    (received,) = fake.script.received
    assert CLIENT_KEY not in everything(received)


WRONG_KEYS = ("sk-wrong", CLIENT_KEY[:-1], CLIENT_KEY + "x", UPSTREAM_KEY)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("key", WRONG_KEYS)
def test_a_wrong_key_is_refused_in_the_endpoints_own_form(
    client: Client, route: str, style: str, key: str, stream: bool, fake: FakeServer
) -> None:
    reply = client.send(presenting(client.ask(route, stream=stream), style, key))
    told = client.read_error(reply)
    assert (reply.status, told.word) == (401, UNAUTHORIZED[client.name])
    assert key not in reply.body.decode()
    assert fake.script.received == ()


NO_KEYS = {
    "nothing": {},
    "empty_bearer": {"authorization": "Bearer "},
    "basic": {"authorization": "Basic c2stY2xpZW50LTAxMjM0NTY3ODk6"},
    "bare": {"authorization": CLIENT_KEY},
    "empty": {"x-api-key": "", "x-goog-api-key": " ", "api-key": ""},
    "not_ascii": {"x-api-key": "sk-\xfc\xff"},
}


@pytest.mark.parametrize("headers", NO_KEYS.values(), ids=NO_KEYS)
def test_a_missing_key_is_asked_for(
    client: Client, route: str, headers: dict[str, str], stream: bool, fake: FakeServer
) -> None:
    ask = presenting(client.ask(route, stream=stream), "none", "")
    reply = client.send(ask._replace(headers={**ask.headers, **headers}))
    told = client.read_error(reply)
    assert (reply.status, told.word) == (401, UNAUTHORIZED[client.name])
    if client.name.startswith("openai_"):
        assert told.code == "invalid_api_key"
    assert "key" in told.message
    assert fake.script.received == ()


def test_the_key_is_looked_at_before_anything_else_in_the_request(client: Client, fake: FakeServer) -> None:
    """Nobody without one learns what models there are."""
    ask = presenting(client.ask("nothing-like-it", body=b"{"), "bearer", "sk-wrong")
    assert client.send(ask).status == 401
    assert fake.script.received == ()


# --- an upstream that quotes the key ----------------------------------------------------------------

QUOTE = f"The key {UPSTREAM_KEY} was refused: Authorization: Bearer {UPSTREAM_KEY}"


def error_body(upstream: str, message: str) -> bytes:
    match upstream:
        case "openai_chat" | "openai_responses":
            return json.dumps({"error": {"message": message, "type": "server_error"}}).encode()
        case "anthropic":
            return json.dumps({"type": "error", "error": {"type": "api_error", "message": message}}).encode()
        case _:
            return json.dumps({"error": {"code": 500, "message": message, "status": "INTERNAL"}}).encode()


def has_no_key(reply: Reply) -> None:
    seen = f"{reply.headers} {reply.body.decode()}"
    assert UPSTREAM_KEY not in seen
    assert CLIENT_KEY not in seen
    assert UPSTREAM_KEY[-6:] not in seen


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
@pytest.mark.parametrize("form", ["own", "text", "elsewhere"])
def test_an_error_that_quotes_the_upstreams_key_is_not_passed_on(
    client: Client, upstream: str, route: str, status: int, form: str, stream: bool, fake: FakeServer
) -> None:
    body = {
        "own": error_body(upstream, QUOTE),
        "text": QUOTE.encode(),
        "elsewhere": error_body(upstream, "no")[:-1] + f', "debug": {{"sent": "{QUOTE}"}}}}'.encode(),
    }[form]
    headers = {"content-type": "application/json", "www-authenticate": QUOTE, "x-request-id": UPSTREAM_KEY}
    fake.script.add(Answer(status, {**headers, "request-id": UPSTREAM_KEY}, (Chunk(0.0, body),)))
    reply = client.get(route, stream=stream)
    assert reply.status >= 400
    client.read_error(reply)
    has_no_key(reply)


def test_a_refused_key_leaves_no_fragment_behind(
    client: Client, upstream: str, route: str, stream: bool, fake: FakeServer
) -> None:
    """Vendors mask keys in the middle and show their ends."""
    quoted = error_body(
        upstream, f"Incorrect API key provided: {UPSTREAM_KEY[:7]}********{UPSTREAM_KEY[-4:]}."
    )
    fake.script.add(Answer(401, {"content-type": "application/json"}, (Chunk(0.0, quoted),)))
    reply = client.get(route, stream=stream)
    assert reply.status == 502
    client.read_error(reply)
    assert UPSTREAM_KEY[:7] not in reply.body.decode()
    assert UPSTREAM_KEY[-4:] not in reply.body.decode()


def test_an_error_under_a_good_status_that_quotes_the_key_is_not_passed_on(
    client: Client, upstream: str, route: str, stream: bool, fake: FakeServer
) -> None:
    body = error_body(upstream, QUOTE)
    fake.script.add(Answer(200, {"content-type": "application/json"}, (Chunk(0.0, body),)))
    reply = client.get(route, stream=stream)
    assert reply.status >= 400
    client.read_error(reply)
    has_no_key(reply)


@pytest.mark.parametrize("begun", [0, 6])
def test_an_error_in_a_stream_that_quotes_the_key_is_not_passed_on(
    client: Client, upstream: str, route: str, begun: int, gateway: LiveGateway, fake: FakeServer
) -> None:
    asked = Client(upstream, gateway).ask(ROUTES[upstream], stream=True)
    pieces = pieces_of(asked, Scripted(HELLO, frames=begun, failure=Failure(Kind.SERVER, QUOTE)))
    assert UPSTREAM_KEY.encode() in b"".join(pieces)
    fake.script.add(stream_of(pieces))
    reply = client.get(route, stream=True)
    has_no_key(reply)
    if begun:
        assert client.stream_error(reply) is not None
        assert client.words(reply).startswith("Good morning")
    else:
        client.read_error(reply)


def test_the_id_that_an_upstream_gives_a_request_is_not_the_key(
    client: Client, route: str, stream: bool, fake: FakeServer, gateway: LiveGateway, upstream: str
) -> None:
    pieces = pieces_of(Client(upstream, gateway).ask(ROUTES[upstream], stream=stream), Scripted(HELLO))
    good = stream_of(pieces, "text/event-stream" if stream else "application/json")
    headers = {**good.headers, "x-request-id": UPSTREAM_KEY, "set-cookie": UPSTREAM_KEY}
    fake.script.add(Answer(200, headers, good.chunks, streamed=stream))
    reply = client.get(route, stream=stream)
    assert reply.status == 200
    has_no_key(reply)


# --- the log ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["console", "json"])
def service(
    request: pytest.FixtureRequest, fake_upstream: FakeServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The real command, which logs all that it can."""
    folder = tmp_path_factory.mktemp("service")
    config = CONFIG.format(url=fake_upstream.url, client_key=CLIENT_KEY, upstream_key=UPSTREAM_KEY)
    config = config.replace('level = "error"', f'level = "debug"\nformat = "{request.param}"')
    (folder / "dragoman.toml").write_text(config)
    with serving(folder) as running:
        running.wait()
        yield running


def test_the_log_holds_no_key(
    service: Service, client: Client, route: str, upstream: str, fake: FakeServer
) -> None:
    at_service = client.at(service.wait())
    wrong = "a-wrong-key-of-an-unlucky-client"
    for style in STYLES:
        assert at_service.send(presenting(client.ask(route), style, CLIENT_KEY)).status == 200
        assert at_service.send(presenting(client.ask(route), style, wrong)).status == 401
        assert at_service.send(presenting(client.ask("/nothing"), style, wrong)).status == 401
    for status in (401, 400, 500):
        body = error_body(upstream, QUOTE)
        fake.script.add(Answer(status, {"content-type": "application/json"}, (Chunk(0.0, body),)))
        assert at_service.get(route).status >= 400
    fake.script.add(Scripted(HELLO, frames=6, failure=Failure(Kind.SERVER, QUOTE)))
    assert at_service.get(route, stream=True).status == 200
    for written in (service.log, service.output):
        assert CLIENT_KEY not in written
        assert UPSTREAM_KEY not in written
        assert wrong not in written
    assert "upstream_authentication" in service.log
    assert "Traceback" not in service.log
