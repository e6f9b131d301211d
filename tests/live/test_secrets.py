"""Attempts to get a secret out of the gateway: through its log, its answers, and other upstreams."""

import base64
import contextlib
import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.live import command
from tests.live.client import MODELS, Ask, Client, Reply
from tests.live.raw_upstream import Line, RawUpstream, pieces_of, saying, stream_of
from tests.live.secret_places import (
    CLIENT,
    FIRST,
    HEADER,
    MARK,
    OTHER,
    PROXY,
    RENEWED,
    SECOND,
    SECRETS,
    TEAM,
    WRONG,
    Watched,
    configuration,
)

from dragoman.cli.main import main
from dragoman.conversation.failure import Failure
from dragoman.conversation.failure import FailureKind as Kind
from dragoman.testing.exchange import Answer, Chunk
from dragoman.testing.provider import FakeProvider
from dragoman.testing.script import Received, Scripted
from dragoman.testing.server import FakeServer, fake_server

HELLO = saying("Good morning to you and to all who are with you, wherever you may be on this day.")


@pytest.fixture(scope="module")
def keyed_upstream() -> Iterator[FakeServer]:
    """A fake provider that knows the keys of all."""
    with fake_server(FakeProvider(keys=frozenset({FIRST, SECOND, OTHER, RENEWED}))) as running:
        yield running


@pytest.fixture
def fake(keyed_upstream: FakeServer) -> Iterator[FakeServer]:
    """The same, with nothing laid out and nothing remembered."""
    keyed_upstream.script.clear()
    yield keyed_upstream
    keyed_upstream.script.clear()


@pytest.fixture(scope="module")
def services(
    keyed_upstream: FakeServer, raw_upstream: RawUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Watched]]:
    """The command, once with each form of log."""
    proxies = {"HTTPS_PROXY": f"http://me:{PROXY}@127.0.0.1:1", "NO_PROXY": "127.0.0.1"}
    with contextlib.ExitStack() as stack:
        running: dict[str, Watched] = {}
        for form in ("console", "json"):
            folder = tmp_path_factory.mktemp("secrets")
            (folder / "dragoman.toml").write_text(configuration(keyed_upstream, raw_upstream, form))
            service = stack.enter_context(command.serving(folder, **proxies))
            running[form] = Watched(service, folder)
        yield running


@pytest.fixture(params=["console", "json"])
def watched(request: pytest.FixtureRequest, services: dict[str, Watched]) -> Watched:
    """The command with each form of log, for tests that are about more than one dialect."""
    return services[request.param]


@pytest.fixture(autouse=True)
def looked_through(services: dict[str, Watched]) -> Iterator[None]:
    """Whatever a test did, no secret may be in what the command has written. Its log tells of it."""
    yield
    for watched in services.values():
        written = watched.written()
        assert MARK not in written.lower()
        assert "Traceback" not in written
        assert "internal error" not in written


def hidden(reply: Reply) -> Reply:
    """The answer, in which there is no secret, however written."""
    seen = f"{reply.headers} {reply.body.decode('utf-8', 'replace')}".lower()
    assert MARK not in seen
    for secret in SECRETS:
        assert base64.b64encode(secret.encode()).decode().lower() not in seen
    return reply


def everything(received: Received) -> str:
    return f"{received.path} {received.query} {received.headers} {received.body.decode()}"


NAMES = list(MODELS)
PAIRS = [(name, name) for name in NAMES] + list(zip(NAMES, NAMES[1:] + NAMES[:1], strict=True))


@pytest.fixture(params=PAIRS, ids="-to-".join)
def pair(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The dialects of client and upstream: the same, and another one, for each."""
    return request.param


@pytest.fixture
def at(services: dict[str, Watched], pair: tuple[str, str]) -> Client:
    """A client at the command, which logs in one form or the other."""
    return Client(pair[0], services["console" if NAMES.index(pair[0]) % 2 else "json"].gateway)


@pytest.fixture
def upstream(pair: tuple[str, str]) -> str:
    return pair[1]


# --- what clients send ------------------------------------------------------------------------------

STYLES: dict[str, Callable[[str], dict[str, str]]] = {
    "bearer": lambda key: {"authorization": f"Bearer {key}"},
    "x-api-key": lambda key: {"x-api-key": key},
    "x-goog-api-key": lambda key: {"x-goog-api-key": key},
    "api-key": lambda key: {"api-key": key},
    "no_scheme": lambda key: {"authorization": key},
    "token": lambda key: {"authorization": f"Token {key}"},
    "basic": lambda key: {"authorization": "Basic " + base64.b64encode(f"me:{key}".encode()).decode()},
    "twice": lambda key: {"authorization": f"Bearer {key}, Bearer {key}"},
    "quoted": lambda key: {"x-api-key": f'"{key}"'},
    "not_ascii": lambda key: {"x-api-key": f"{key}\xff"},
    "elsewhere": lambda key: {
        "cookie": f"session={key}",
        "user-agent": key,
        "x-request-id": key,
        "origin": f"https://{key}.example",
        "proxy-authorization": key,
    },
}


@pytest.mark.parametrize("style", STYLES)
def test_a_key_in_a_header_is_not_seen_again(style: str, watched: Watched, fake: FakeServer) -> None:
    for name in NAMES:
        at = Client(name, watched.gateway)
        for key in (CLIENT, TEAM, FIRST, f"{MARK}-of-nobody"):
            headers = {"content-type": "application/json", **STYLES[style](key)}
            hidden(at.send(at.ask("fake_openai_chat")._replace(headers=headers)))
            assert all(
                _held(received) in ({FIRST, HEADER}, {SECOND, HEADER}) for received in fake.script.received
            )


def _held(received: Received) -> set[str]:
    """The secrets that came with a request, of which it is checked that there is nothing else like them."""
    seen = everything(received)
    held = {secret for secret in SECRETS if secret in seen}
    assert seen.count(MARK) == len(held)
    return held


@pytest.mark.parametrize("name", NAMES)
def test_a_key_in_the_query_is_not_seen_again(name: str, watched: Watched, fake: FakeServer) -> None:
    at = Client(name, watched.gateway)
    for key in (CLIENT, f"{MARK}-of-nobody"):
        ask = at.ask("fake_openai_chat")
        target = f"{ask.target}{'&' if '?' in ask.target else '?'}key={key}&api_key={key}&access_token={key}"
        hidden(at.send(ask._replace(target=target, headers={"content-type": "application/json"})))
    assert not any(CLIENT in everything(received) for received in fake.script.received)


@pytest.mark.parametrize("name", NAMES)
def test_a_key_that_a_client_writes_somewhere_else_is_in_no_log(name: str, watched: Watched) -> None:
    """The client that wrote it there may be told its own words; the log is for others."""
    at = Client(name, watched.gateway)
    ask = at.ask("fake_openai_chat")
    at.send(ask._replace(target=f"/v1/{TEAM}/{CLIENT}"))
    at.send(ask._replace(target=f"/v1beta/models/{TEAM}:generateContent"))
    at.send(ask._replace(method=TEAM.replace("-", "")))
    for body in (
        {"model": TEAM, "messages": [{"role": "user", "content": "Good evening"}]},
        {"model": "fake_openai_chat", "messages": [{"role": CLIENT, "content": "Good evening"}]},
        {"model": "fake_openai_chat", "messages": CLIENT, "input": TEAM, TEAM: CLIENT},
        {"model": "fake_openai_chat", "messages": [{"role": "user", "content": [{"type": TEAM}]}]},
    ):
        at.send(ask._replace(body=json.dumps(body).encode()))
    at.send(ask._replace(body=f'{{"model": {CLIENT}'.encode()))
    at.send(ask._replace(headers={**ask.headers, "content-type": TEAM}))
    assert "req_" in watched.entries("request refused")


def test_a_request_that_is_not_http_is_in_no_log(watched: Watched) -> None:
    for text in (f"GET /{CLIENT}", f"{CLIENT}\r\n\r\n", f"GET / HTTP/1.1\r\n{CLIENT}\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", watched.gateway.port)) as line:
            line.sendall(text.encode())
            line.shutdown(socket.SHUT_WR)
            line.settimeout(5)
            while piece := line.recv(65536):
                assert MARK.encode() not in piece


def test_the_keys_of_clients_stay_here_and_each_upstream_sees_its_own(
    at: Client, upstream: str, stream: bool, fake: FakeServer
) -> None:
    fake.script.add(Failure(Kind.SERVER, "broken"), HELLO)
    ask = at.ask(f"both_{upstream}", stream=stream)
    more = ("x-api-key", "x-goog-api-key", "api-key", "anthropic-api-key", "cookie", "proxy-authorization")
    headers = {**ask.headers, **dict.fromkeys(more, TEAM), "authorization": f"Bearer {CLIENT}"}
    assert hidden(at.send(ask._replace(headers=headers))).status == 200
    assert len(fake.script.received) == 2
    for received in fake.script.received:
        assert _held(received) in ({FIRST, HEADER}, {SECOND, HEADER}, {OTHER})


# --- what upstreams say ---------------------------------------------------------------------------

QUOTE = f"The key {FIRST} ({SECOND}) was refused: Authorization: Bearer {FIRST}; X-Login: {HEADER}"


def error_object(upstream: str, words: str) -> dict[str, object]:
    match upstream:
        case "openai_chat" | "openai_responses":
            return {"error": {"message": words, "type": "server_error", "param": words, "code": words}}
        case "anthropic":
            return {"type": "error", "error": {"type": "api_error", "message": words}, "request_id": words}
        case _:
            return {"error": {"code": 500, "message": words, "status": "INTERNAL", "details": [words]}}


def _php(upstream: str) -> bytes:
    """Slashes escaped, and not where the message is."""
    told = {**error_object(upstream, "no"), "debug": {"sent": QUOTE}}
    return json.dumps(told).replace("/", "\\/").encode()


BODIES: dict[str, Callable[[str], bytes]] = {
    "own": lambda upstream: json.dumps(error_object(upstream, QUOTE)).encode(),
    "own_without_the_key": lambda upstream: json.dumps(error_object(upstream, "no")).encode(),
    "another_key": lambda upstream: json.dumps(error_object(upstream, f"not {SECOND} either")).encode(),
    "header": lambda upstream: json.dumps(error_object(upstream, f"{HEADER} has expired")).encode(),
    "php": _php,
    "text": lambda _: QUOTE.encode(),
    "web_page": lambda _: f"<html><title>{QUOTE}</title>{QUOTE}</html>".encode(),
    "broken_json": lambda _: f'{{"error": {{"message": "{QUOTE}", {FIRST}'.encode(),
    "json_of_another_shape": lambda _: json.dumps([{"x": {FIRST: [QUOTE]}}]).encode(),
    "huge": lambda upstream: json.dumps(error_object(upstream, QUOTE * 2000)).encode(),
    "not_utf8": lambda _: b"\xff\xfe" + QUOTE.encode(),
}
TELLING = dict.fromkeys(
    (
        *("x-request-id", "request-id", "retry-after", "set-cookie", "www-authenticate", "server", "via"),
        *("x-should-retry", "anthropic-ratelimit-requests-reset", "x-ratelimit-reset-requests", "warning"),
    ),
    QUOTE,
)


def refused(at: Client, upstream: str, *, stream: bool, place: str = "fake") -> None:
    reply = hidden(at.get(f"{place}_{upstream}", stream=stream))
    if reply.status == 200 and stream:
        assert at.stream_error(reply) is not None
    else:
        assert reply.status >= 400
        at.read_error(reply)


@pytest.mark.parametrize("body", BODIES)
def test_an_error_that_quotes_secrets_shows_none(
    body: str, at: Client, upstream: str, stream: bool, fake: FakeServer
) -> None:
    for status in (400, 401, 404, 503):
        headers = {"content-type": "application/json", **TELLING}
        fake.script.add(Answer(status, headers, (Chunk(0.0, BODIES[body](upstream)),)))
        refused(at, upstream, stream=stream)
    assert len(fake.script.received) == 4


@pytest.mark.parametrize("body", [name for name in BODIES if name != "own_without_the_key"])
def test_an_answer_that_is_none_shows_no_secret(
    body: str, at: Client, upstream: str, stream: bool, fake: FakeServer
) -> None:
    fake.script.add(
        Answer(200, {"content-type": "application/json", **TELLING}, (Chunk(0.0, BODIES[body](upstream)),))
    )
    if at.name == upstream and body == "json_of_another_shape" and not stream:
        pytest.skip("what an upstream of the client's own format answers goes through unread")
    refused(at, upstream, stream=stream)


def test_a_redirect_is_not_followed_and_not_shown(at: Client, upstream: str, fake: FakeServer) -> None:
    for status in (301, 302, 307, 308):
        headers = {"location": f"{fake.url}/{FIRST}?key={FIRST}", **TELLING}
        fake.script.add(Answer(status, headers, (Chunk(0.0, QUOTE.encode()),)))
        refused(at, upstream, stream=False)
    assert len(fake.script.received) == 4


def _frame(words: str) -> bytes:
    return f"data: {words}\n\n".encode()


STREAMS: dict[str, Callable[[str], list[bytes]]] = {
    "error": lambda upstream: [
        b"event: error\n" + _frame(json.dumps({"type": "error", **error_object(upstream, QUOTE)}))
    ],
    "bare_text": lambda _: [_frame(QUOTE)],
    "broken_json": lambda _: [_frame(f'{{"x": "{QUOTE}')],
    "event_name": lambda _: [f"event: {QUOTE}\ndata: {{}}\n\n".encode()],
    "comment": lambda _: [f": {QUOTE}\n\n".encode()],
    "field": lambda _: [f"id: {FIRST}\nretry: {FIRST}\n{QUOTE}\n\n".encode()],
    "another_shape": lambda _: [_frame(json.dumps({"type": FIRST, "choices": FIRST, "candidates": FIRST}))],
}


@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_that_begins_with_secrets_shows_none(
    kind: str, at: Client, upstream: str, fake: FakeServer
) -> None:
    answer = stream_of(STREAMS[kind](upstream))
    fake.script.add(Answer(200, {**answer.headers, **TELLING}, answer.chunks, streamed=True))
    refused(at, upstream, stream=True)


@pytest.mark.parametrize("kind", ["error", "broken_json", "bare_text"])
def test_a_stream_that_breaks_with_secrets_shows_none(
    kind: str, at: Client, upstream: str, fake: FakeServer
) -> None:
    if at.name == upstream and kind != "error":
        pytest.skip("what an upstream of the client's own format answers goes through unread")
    begun = pieces_of(Client(upstream, at.gateway).ask(MODELS[upstream], stream=True), Scripted(HELLO))
    fake.script.add(stream_of([*begun[:6], *STREAMS[kind](upstream)]))
    refused(at, upstream, stream=True)


def say(text: str) -> Callable[[Line], None]:
    return lambda line: line.send(text.encode())


OK = "HTTP/1.1 200 OK\r\nconnection: close\r\n"
BROKEN = {
    "no_http": QUOTE,
    "reason": f"HTTP/1.1 500 {QUOTE}\r\ncontent-length: 0\r\n\r\n",
    "good_reason": f"HTTP/1.1 200 {QUOTE}\r\ncontent-length: 0\r\n\r\n",
    "status": f"HTTP/1.1 {FIRST} OK\r\n\r\n",
    "header_line": f"{OK}{QUOTE}\r\n\r\n",
    "header_name": f"{OK}{FIRST}: x\r\ncontent-length: 2\r\n\r\n{{}}",
    "length": f"{OK}content-length: {FIRST}\r\n\r\n{{}}",
    "chunk_size": f"{OK}transfer-encoding: chunked\r\n\r\n{FIRST}\r\n",
    "transfer_coding": f"{OK}transfer-encoding: {FIRST}\r\ncontent-length: 2\r\n\r\n{{}}",
    "content_coding": f"{OK}content-encoding: {SECOND}\r\ncontent-length: 2\r\n\r\n{{}}",
    "not_gzip": f"{OK}content-encoding: gzip\r\ncontent-length: {len(QUOTE)}\r\n\r\n{QUOTE}",
    "media_type": f"{OK}content-type: {SECOND}/{SECOND}; charset={SECOND}\r\ncontent-length: 2\r\n\r\n[]",
    "cut_off": f"{OK}content-type: application/json\r\ncontent-length: 1000\r\n\r\n{QUOTE}",
    "trailer": f"{OK}transfer-encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n{QUOTE}\r\n\r\n",
    "switching": f"HTTP/1.1 101 {QUOTE}\r\nupgrade: {SECOND}\r\n\r\n",
}


@pytest.mark.parametrize("said", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("pair", [("openai_chat", "openai_chat"), ("anthropic", "gemini")], indirect=True)
def test_http_that_breaks_with_secrets_in_it_shows_none(
    said: str, at: Client, upstream: str, stream: bool, raw: RawUpstream
) -> None:
    raw.play = say(said)
    reply = hidden(at.get(f"raw_{upstream}", stream=stream))
    # a server may call itself what it likes and still answer; these answers are none
    assert reply.status >= 400 or said in (BROKEN["media_type"], BROKEN["trailer"], BROKEN["header_name"])
    assert raw.asked


@pytest.mark.parametrize("place", ["tls", "proxied", "closed"])
def test_a_connection_that_fails_shows_no_secret(place: str, watched: Watched) -> None:
    at = Client("anthropic", watched.gateway)
    reply = hidden(at.get(f"{place}/gpt-4o"))
    assert reply.status == 502
    assert "bad_gateway" in watched.entries("exchange failed")


def test_a_key_that_rests_is_told_by_its_number(at: Client, upstream: str, fake: FakeServer) -> None:
    """Last of those with upstreams: both keys rest for a while after it."""
    limit = Answer(429, {"content-type": "application/json", **TELLING, "retry-after": "1"}, ())
    fake.script.add(limit, limit)
    for _ in range(3):
        refused(at, upstream, stream=False)
    told = hidden(at.send(Ask("GET", "/dragoman/health", at.credentials(CLIENT), b"")))
    assert f"fake_{upstream}#1" in told.body.decode()
    time.sleep(1.1)


# --- what the gateway tells of itself ----------------------------------------------------------------


def test_pages_of_the_gateway_show_no_secret(watched: Watched, fake: FakeServer) -> None:
    at = Client("openai_chat", watched.gateway)
    fake.script.add(HELLO)
    assert at.get("fake_openai_chat").status == 200
    for path in ("/metrics", "/dragoman/health", "/v1/models", "/v1beta/models", "/health/ready", "/"):
        reply = hidden(at.send(Ask("GET", path, at.credentials(CLIENT), b"")))
        assert reply.status in {200, 404}
    for model in ("fake_openai_chat", "both_gemini", "tls/gpt-4o", "proxied/gpt-4o"):
        ask = at.ask(model)._replace(target="/dragoman/explain")
        assert MARK not in hidden(at.send(ask)).body.decode()


def test_the_commands_show_no_secret(watched: Watched) -> None:
    for arguments in (
        ["check"],
        ["explain", "-m", "both_openai_chat"],
        ["explain", "-m", "proxied/gpt-4o", "--json"],
    ):
        done = command.run(watched.folder, *arguments, HTTPS_PROXY=f"http://me:{PROXY}@127.0.0.1:1")
        assert done.returncode == 0, done.stderr
        assert MARK not in done.stdout + done.stderr


# --- configuration ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_an_error_in_the_configuration_shows_no_secret(text: str, tmp_path: Path) -> None:
    file = tmp_path / "dragoman.toml"
    file.write_text(text)
    done = CliRunner().invoke(main, ["check", "--config", str(file)])
    assert done.exit_code == 2, done.output
    assert str(file) in done.output
    assert MARK not in done.output


def test_a_configuration_that_is_read_again_shows_no_secret(watched: Watched, fake: FakeServer) -> None:
    """The last test of a gateway: afterwards it has another configuration."""
    file = watched.folder / "dragoman.toml"
    good = file.read_text()
    for text in WRONG.values():
        file.write_text(f"{text}\n")
        watched.service.tell(signal.SIGHUP)
        assert MARK not in watched.entries("cannot be used")
    file.write_text(good.replace(FIRST, RENEWED))
    watched.service.tell(signal.SIGHUP)
    assert MARK not in watched.entries("~fake_openai_chat")
    client = Client("openai_chat", watched.gateway)
    fake.script.add(*[Answer(400, {}, (Chunk(0.0, f"{RENEWED} is wrong".encode()),))] * 4)
    for upstream in MODELS:
        hidden(client.get(f"fake_{upstream}"))
    # what was secret before stays so in the log: upstreams may still speak of it
    fake.script.add(Answer(400, {}, (Chunk(0.0, f"and so is {FIRST}".encode()),)))
    assert client.get("fake_openai_chat").status == 400
    assert MARK not in watched.entries("and so is")
