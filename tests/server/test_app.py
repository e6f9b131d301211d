"""What comes before and after an exchange: refusals, models, faults of ours, and the service's end."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Message, Scope
from structlog.testing import capture_logs
from tests.conftest import CLIENT_KEY, CONFIG, UPSTREAM_KEY, LiveGateway

from dragoman.access.keys import KeyRing
from dragoman.config.file import load_settings
from dragoman.config.settings import Settings
from dragoman.gateway.relay import STOPPING
from dragoman.providers.environment import build_providers
from dragoman.server.app import App
from dragoman.server.http_server import listen
from dragoman.server.service import build, http_server
from dragoman.telemetry.metrics import Metrics
from dragoman.testing.exchange import Answer, Chunk
from dragoman.testing.server import FakeServer

BEARER = {"authorization": f"Bearer {CLIENT_KEY}", "content-type": "application/json"}
PATH = "/v1/chat/completions"


def request(**more: object) -> bytes:
    return json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}], **more}).encode()


@pytest.fixture
def line(gateway: LiveGateway) -> Iterator[HTTPConnection]:
    """One connection to the gateway, kept alive."""
    with contextlib.closing(HTTPConnection("127.0.0.1", gateway.port, timeout=10)) as connection:
        yield connection


def ask(
    line: HTTPConnection, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[HTTPResponse, bytes]:
    line.request(
        method, path, body, {**BEARER, **{name.replace("_", "-"): headers[name] for name in headers}}
    )
    answer = line.getresponse()
    return answer, answer.read()


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (PATH, {"authorization": "Bearer sk-wrong"}, 401),
        (PATH, {"content_type": "text/plain"}, 400),
        ("/v1/nothing", {}, 404),
        ("/v1/models", {}, 405),
    ],
)
def test_a_refusal_that_leaves_a_large_body_unread_leaves_the_connection_usable(
    line: HTTPConnection, path: str, headers: dict[str, str], status: int, fake: FakeServer
) -> None:
    assert ask(line, "POST", path, b" " * 1_000_000, **headers)[0].status == status
    assert ask(line, "POST", PATH, request())[0].status == 200
    assert len(fake.script.received) == 1


def test_every_answer_has_an_id_of_its_own(line: HTTPConnection, fake: FakeServer) -> None:
    answers = [
        ask(line, "POST", PATH, request())[0],
        ask(line, "GET", "/v1/models")[0],
        ask(line, "GET", "/nothing")[0],
    ]
    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == 3
    assert all(found.startswith("req_") for found in ids)
    assert len(fake.script.received) == 1


def test_the_head_of_the_models_may_be_asked_for_alone(line: HTTPConnection) -> None:
    answer, body = ask(line, "HEAD", "/v1/models")
    assert (answer.status, body) == (200, b"")
    assert int(answer.headers["content-length"]) > 100


def test_a_wrong_method_is_answered_with_the_right_one(line: HTTPConnection) -> None:
    for method in ("GET", "PUT", "DELETE", "OPTIONS", "HEAD"):
        answer, _ = ask(line, method, PATH)
        assert (answer.status, answer.headers["allow"]) == (405, "POST")


def test_requests_sent_in_one_go_are_answered_in_order(gateway: LiveGateway, fake: FakeServer) -> None:
    body = request()
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    head += f"authorization: Bearer {CLIENT_KEY}\r\ncontent-length: {len(body)}\r\n"
    good = head.encode() + b"\r\n" + body
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(good + b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n" + head.encode())
        connection.sendall(b"connection: close\r\n\r\n" + body)
        seen = b""
        while piece := connection.recv(65536):
            seen += piece
    assert [part[:3] for part in seen.split(b"HTTP/1.1 ")[1:]] == [b"200", b"404", b"200"]
    assert len(fake.script.received) == 2


def test_a_client_of_http_1_0_gets_its_answer(gateway: LiveGateway, fake: FakeServer) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(f"GET /v1/models HTTP/1.0\r\nx-api-key: {CLIENT_KEY}\r\n\r\n".encode())
        seen = b""
        while piece := connection.recv(65536):
            seen += piece
    assert seen.startswith(b"HTTP/1.1 200")
    assert fake.script.received == ()


def test_log_entries_are_warnings_where_the_operator_has_something_to_do(
    line: HTTPConnection, fake: FakeServer
) -> None:
    refused = Answer(401, {"content-type": "application/json"}, (Chunk(0, b'{"error": {"message": "no"}}'),))
    fake.script.add(refused)
    with capture_logs() as entries:
        assert ask(line, "POST", PATH, b"{}")[0].status == 400
        assert ask(line, "POST", PATH, request(model="nothing"))[0].status == 404
        assert ask(line, "POST", PATH, request())[0].status == 502
        assert ask(line, "POST", PATH, authorization="Bearer sk-wrong")[0].status == 401
    levels = [(entry["failure"], entry["log_level"]) for entry in entries if entry["event"] != "attempt"]
    assert levels == [
        ("invalid_request", "info"),
        ("model_not_found", "info"),
        ("upstream_authentication", "warning"),
        ("authentication", "info"),
    ]


def test_a_greeting_needs_no_key_and_touches_nothing(line: HTTPConnection, fake: FakeServer) -> None:
    with capture_logs() as entries:
        for method in ("HEAD", "GET"):
            line.request(method, "/api/hello")
            answer = line.getresponse()
            assert answer.status == 200
            answer.read()
    assert entries == []
    assert fake.script.received == ()
    assert ask(line, "POST", "/api/hello", b"{}")[0].status == 405


def test_answers_that_are_not_kept_are_not_found(line: HTTPConnection) -> None:
    for method, path in (
        ("GET", "/v1/responses/resp_none"),
        ("DELETE", "/v1/responses/resp_none"),
        ("GET", "/v1/responses/resp_none/input_items"),
        ("POST", "/v1/responses/resp_none/cancel"),
    ):
        answer, body = ask(line, method, path)
        assert answer.status == 404
        assert "resp_none" in json.loads(body)["error"]["message"]
    answer, body = ask(line, "PUT", "/v1/responses/resp_none")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, DELETE")


def test_a_kept_answer_that_is_complete_cannot_be_cancelled(line: HTTPConnection, fake: FakeServer) -> None:
    asked = json.dumps({"model": "sonnet", "input": "Hello"}).encode()
    kept = json.loads(ask(line, "POST", "/v1/responses", asked)[1])["id"]
    answer, body = ask(line, "POST", f"/v1/responses/{kept}/cancel")
    assert answer.status == 400
    assert "nothing to cancel" in json.loads(body)["error"]["message"]
    assert ask(line, "GET", f"/v1/responses/{kept}")[0].status == 200
    assert ask(line, "DELETE", f"/v1/responses/{kept}")[0].status == 200
    assert ask(line, "GET", f"/v1/responses/{kept}")[0].status == 404
    assert len(fake.script.received) == 1


def test_conversations_are_not_compacted_and_the_refusal_says_so(line: HTTPConnection) -> None:
    answer, body = ask(line, "POST", "/v1/responses/compact", b"{}")
    assert answer.status == 404
    assert "not compacted" in json.loads(body)["error"]["message"]


def test_a_translation_goes_nowhere(line: HTTPConnection, fake: FakeServer) -> None:
    asked = {"from": "openai_chat", "to": "anthropic", "request": json.loads(request())}
    answer, body = ask(line, "POST", "/dragoman/translate", json.dumps(asked).encode())
    assert answer.status == 200
    assert json.loads(body)["path"] == "/v1/messages"
    assert fake.script.received == ()
    assert ask(line, "POST", "/dragoman/translate", b"{}")[0].status == 400
    assert ask(line, "POST", "/dragoman/translate", b"{}", authorization="Bearer no")[0].status == 401


def test_pages_may_read_what_we_say_in_headers_and_delete(gateway: LiveGateway) -> None:
    with contextlib.closing(HTTPConnection("127.0.0.1", gateway.port, timeout=10)) as line:
        origin = {"origin": "http://localhost:3000"}
        line.request("OPTIONS", PATH, headers={**origin, "access-control-request-method": "DELETE"})
        preflight = line.getresponse()
        preflight.read()
        assert preflight.status == 200
        assert "DELETE" in preflight.headers["access-control-allow-methods"]
        line.request("GET", "/v1/models", headers={**origin, **BEARER})
        answer = line.getresponse()
        answer.read()
        assert "x-dragoman-estimated" in answer.headers["access-control-expose-headers"]


# --- in memory ---------------------------------------------------------------------------------------


def scope(path: str, **headers: str) -> Scope:
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }


async def answered(app: ASGIApp, asked: Scope) -> list[Message]:
    """What is sent in answer to a request whose body must not be asked for."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        await asyncio.sleep(0)
        sent.append(message)

    async def receive() -> Message:
        await asyncio.sleep(0)
        raise AssertionError("the body was asked for")

    await app(asked, receive, send)
    return sent


class _BrokenGateway:
    """What a bug of ours would look like."""

    def __getattr__(self, name: str) -> object:
        raise ZeroDivisionError("sk-secret in a traceback")


def test_a_fault_of_ours_is_told_by_its_number_alone() -> None:
    app = App(_BrokenGateway(), Metrics(), Settings())  # pyright: ignore[reportArgumentType] - it is broken
    with capture_logs() as entries:
        sent = asyncio.run(answered(app, scope("/v1/messages", **{"x-api-key": "k"})))
    assert sent[0]["status"] == 500
    error = json.loads(sent[1]["body"])
    assert error["type"] == "error"
    assert error["request_id"] in error["error"]["message"]
    assert "secret" not in str(sent)
    assert [entry["event"] for entry in entries] == ["internal error"]


def test_a_stranger_is_sent_away_before_a_byte_of_the_body_is_read(tmp_path: Path) -> None:
    path = tmp_path / "dragoman.toml"
    path.write_text('[auth]\nkeys = ["sk-client-0123456789"]\n')
    settings = load_settings(path, {}, None, None)
    app = build(settings, build_providers(settings, {}), KeyRing.from_settings(settings, tmp_path))
    sent = asyncio.run(answered(app, scope(PATH, authorization="Bearer sk-wrong")))
    assert sent[0]["status"] == 401


# --- the end -----------------------------------------------------------------------------------------


def test_a_service_that_is_stopped_tells_the_clients_it_cannot_wait_for(
    fake: FakeServer, tmp_path: Path
) -> None:
    path = tmp_path / "dragoman.toml"
    config = CONFIG.format(url=fake.url, client_key=CLIENT_KEY, upstream_key=UPSTREAM_KEY)
    path.write_text(config.replace("port = 0", "port = 0\nshutdown_timeout = 1"))
    settings = load_settings(path, {}, None, None)
    keys = KeyRing.from_settings(settings, tmp_path)
    listener = listen("127.0.0.1", 0)
    server = http_server(build(settings, build_providers(settings, {}), keys))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    choices = [{"index": 0, "delta": {"content": "one"}, "finish_reason": None}]
    first = b"data: " + json.dumps({**head, "choices": choices}).encode() + b"\n\n"
    stuck = Answer(
        200, {"content-type": "text/event-stream"}, (Chunk(0, first), Chunk(60, first)), streamed=True
    )
    fake.script.add(stuck, Answer(200, {"content-type": "application/json"}, (Chunk(60, b"{}"),)))
    port = listener.getsockname()[1]
    streamed, whole = (HTTPConnection("127.0.0.1", port, timeout=10) for _ in range(2))
    with contextlib.closing(streamed), contextlib.closing(whole), capture_logs() as entries:
        streamed.request("POST", PATH, request(stream=True), BEARER)
        stream = streamed.getresponse()
        assert stream.read(len(first)) == first
        whole.request("POST", PATH, request(), BEARER)
        received = fake.script.wait_received(2, 5)
        began = time.monotonic()
        server.stop()
        answer = whole.getresponse()
        assert (answer.status, json.loads(answer.read())["error"]["message"]) == (503, STOPPING.message)
        assert STOPPING.message.encode() in stream.read()
        thread.join(10)
    assert time.monotonic() - began < 5
    assert all(one.wait_left(5) for one in received)
    assert [entry for entry in entries if entry["log_level"] == "error"] == []
