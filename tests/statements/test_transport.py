"""Statements 1 to 10: how clients reach the gateway, and what becomes of their bytes on the way."""

import http.client
import json
import logging

import pytest
from structlog.testing import capture_logs
from tests.conftest import UPSTREAM_KEY, LiveGateway
from tests.live.plain import ask
from tests.server.toy import settled

from dragoman.testing.exchange import Answer, Chunk, json_answer
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

MESSAGES = [{"role": "user", "content": "Hello"}]
CHAT = {"model": "gpt-4o", "messages": MESSAGES}
ANTHROPIC = {"model": "sonnet", "messages": MESSAGES, "max_tokens": 20}
COUNT = {"model": "sonnet", "messages": MESSAGES}
GOOGLE = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}


@pytest.mark.parametrize("header", ["x_api_key", "authorization"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/messages", ANTHROPIC),
        ("POST", "/v1/messages/count_tokens", COUNT),
        ("GET", "/v1/models", None),
    ],
)
def test_statement_001_anthropics_endpoints_take_either_header(
    gateway: LiveGateway, fake: FakeServer, header: str, method: str, path: str, body: object
) -> None:
    for key, status in ((gateway.key, 200), ("sk-wrong", 401)):
        value = f"Bearer {key}" if header == "authorization" else key
        reply = ask(
            gateway,
            path,
            body,
            method,
            **{"authorization": None, "anthropic_version": "2023-06-01", header: value},
        )
        assert reply.status == status
        assert ("type" in reply.object) is (status == 401 or path == "/v1/messages")
    assert all(gateway.key not in str(received.headers) for received in fake.script.received)


@pytest.mark.parametrize("version", ["v1beta", "v1"])
@pytest.mark.parametrize("way", ["header", "query", "bearer"])
@pytest.mark.parametrize("method", ["generateContent", "streamGenerateContent", "countTokens"])
def test_statement_002_googles_endpoints_take_the_key_in_every_way(
    gateway: LiveGateway, fake: FakeServer, version: str, way: str, method: str
) -> None:
    for key, status in ((gateway.key, 200), ("sk-wrong", 401)):
        headers: dict[str, str | None] = {"authorization": None}
        if way == "header":
            headers["x_goog_api_key"] = key
        elif way == "bearer":
            headers["authorization"] = f"Bearer {key}"
        query = f"?key={key}" if way == "query" else ""
        reply = ask(gateway, f"/{version}/models/flash:{method}{query}", GOOGLE, **headers)
        # Google says 400 of a key that is not valid, and 401 of a token that is not
        assert reply.status in ({200} if status == 200 else {400, 401})
    (received,) = fake.script.received
    assert gateway.key not in str((received.path, received.query, received.headers))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages?beta=true", ANTHROPIC),
        ("/v1/messages/count_tokens?beta=true&x=1", COUNT),
        ("/v1/chat/completions?api-version=2025-01-01", CHAT),
        ("/v1/responses?beta=true", {"model": "gpt-4o", "input": "Hello"}),
        ("/v1beta/models/flash:generateContent?alt=json&x", GOOGLE),
        ("/v1beta/models/flash:countTokens?alt=sse", GOOGLE),
    ],
)
def test_statement_003_unknown_query_parameters_are_ignored(
    gateway: LiveGateway, fake: FakeServer, path: str, body: object
) -> None:
    assert ask(gateway, path, body).status == 200
    (received,) = fake.script.received
    assert received.query == {}


@pytest.mark.parametrize(
    ("query", "media_type", "first"),
    [("?alt=sse", "text/event-stream", b"data: "), ("", "application/json", b"[")],
)
@pytest.mark.parametrize("model", ["flash", "sonnet", "gpt-4o"])
def test_statement_005_alt_sse_chooses_the_framing_of_googles_streams(
    gateway: LiveGateway, model: str, query: str, media_type: str, first: bytes
) -> None:
    reply = ask(gateway, f"/v1beta/models/{model}:streamGenerateContent{query}", GOOGLE)
    assert reply.headers["content-type"].startswith(media_type)
    assert reply.body.startswith(first)
    if first == b"[":
        assert len(json.loads(reply.body)) > 1


def test_statement_004_no_upstream_credential_is_logged_or_told(
    gateway: LiveGateway, fake: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    error = json.dumps({"error": {"message": f"The key {UPSTREAM_KEY} is no good.", "code": 500}}).encode()
    told: set[str] = set()
    with caplog.at_level(logging.DEBUG), capture_logs() as entries:
        for path, body in (
            ("/v1/messages/count_tokens", COUNT),
            ("/v1/embeddings", {"model": "openai/text-embedding-3-small", "input": "hi"}),
            ("/v1/completions", {"model": "openai/gpt-3.5-turbo-instruct", "prompt": "hi"}),
            ("/v1/chat/completions", CHAT),
        ):
            for status in (200, 401, 500):
                fake.script.add(json_answer(status, error))
                reply = ask(gateway, path, body)
                assert reply.status >= 400
                assert UPSTREAM_KEY not in str(reply)
                told.add(reply.headers["x-request-id"])

        def logged() -> int:
            of_exchanges = [one for one in entries if str(one["event"]).startswith("exchange")]
            return len([one for one in of_exchanges if one["request_id"] in told])

        # it is logged when the client has its answer
        assert settled(lambda: logged() == 12)
    assert UPSTREAM_KEY not in str(entries) + caplog.text


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
def test_statement_006_a_request_of_the_targets_own_format_keeps_all_that_is_unknown(
    gateway: LiveGateway, fake: FakeServer, path: str
) -> None:
    answer = b'{"input_tokens":1,"content":[],"usage":{},"new":[1.0]}'
    fake.script.add(Scripted(json_answer(200, answer), checked=False))
    body = (
        b'{"max_tokens":9, "model":"sonnet", "new_field":{"x":1.50},\n'
        b'"messages":[{"role":"user","content":[{"type":"new_block","a":1e3}]}] }'
    )
    reply = ask(gateway, path, body, anthropic_beta="one, two", anthropic_new="3")
    assert (reply.status, reply.body) == (200, answer)
    (received,) = fake.script.received
    assert received.body == body.replace(b'"sonnet"', b'"claude-sonnet-4-5"')
    assert received.headers["anthropic-beta"] == "one, two"
    assert received.headers["anthropic-new"] == "3"


ERROR = b'{ "type":"error","error":{"type":"new_error","message":"\\u00e9","new":[1.0]}, "request_id":"r"}'


@pytest.mark.parametrize("status", [400, 429, 500, 529])
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
@pytest.mark.parametrize("stream", [False, True])
def test_statement_007_error_bodies_go_through_byte_for_byte(
    gateway: LiveGateway, fake: FakeServer, status: int, path: str, stream: bool
) -> None:
    fake.script.add(json_answer(status, ERROR))
    asked = {**ANTHROPIC, "stream": stream} if path == "/v1/messages" else COUNT
    reply = ask(gateway, path, asked)
    assert (reply.status, reply.body) == (status, ERROR)


STARTED = (
    b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message",'
    b'"role":"assistant","model":"m","content":[],"stop_reason":null,"stop_sequence":null,'
    b'"usage":{"input_tokens":1,"output_tokens":1}}}\n\n'
)
SPOKEN = (
    b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":'
    b'{"type":"text","text":""}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":'
    b'{"type":"text_delta","text":"Hel"}}\n\n'
)


@pytest.mark.parametrize("spoken", [b"", SPOKEN], ids=["before_any_text", "after_some_text"])
def test_statement_007_an_error_in_a_stream_goes_through_byte_for_byte(
    gateway: LiveGateway, fake: FakeServer, spoken: bytes
) -> None:
    stream = STARTED + spoken + b"event: error\ndata: " + ERROR + b"\n\n"
    fake.script.add(Answer(200, {"content-type": "text/event-stream"}, (Chunk(0.0, stream),), streamed=True))
    reply = ask(gateway, "/v1/messages", {**ANTHROPIC, "stream": True})
    assert reply.body == (stream if spoken else ERROR)
    assert (reply.status == 200) is bool(spoken)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_statement_008_hello_is_answered_without_side_effects(
    gateway: LiveGateway, fake: FakeServer, method: str
) -> None:
    with capture_logs() as entries:
        reply = ask(gateway, "/api/hello", None, method, authorization=None)
    assert reply.status == 200
    assert bool(reply.body) is (method == "GET")
    assert entries == []
    assert fake.script.received == ()


ENVELOPES = {
    "/v1/chat/completions": "openai",
    "/v1/completions": "openai",
    "/v1/embeddings": "openai",
    "/v1/responses": "openai",
    "/v1/responses/input_tokens": "openai",
    "/v1/messages": "anthropic",
    "/v1/messages/count_tokens": "anthropic",
    "/v1beta/models/flash:generateContent": "google",
    "/v1beta/models/flash:countTokens": "google",
    "/v1beta/models/flash:embedContent": "google",
    "/v1beta/models/flash:batchEmbedContents": "google",
}
"""Whose errors each endpoint answers with."""


def check_envelope(body: bytes, vendor: str) -> None:
    """Assert that an error of status 400 is in a vendor's envelope."""
    told = json.loads(body)
    match vendor:
        case "openai":
            assert {"message", "type", "param", "code"} <= told["error"].keys()
        case "anthropic":
            assert told["type"] == "error"
            assert told["error"]["type"] == "invalid_request_error"
        case _:
            assert (told["error"]["code"], told["error"]["status"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(("path", "vendor"), ENVELOPES.items())
def test_statement_009_what_cannot_be_read_is_refused_in_the_clients_envelope(
    gateway: LiveGateway, fake: FakeServer, path: str, vendor: str
) -> None:
    for body, media_type in (
        (b"{", "application/json"),
        (b'{"model": "\xff"}', "application/json"),
        (b"[1]", "application/json; charset=utf-8"),
        (b'{"model":"flash"}', "text/plain"),
        (b'{"model":"flash"}', None),
    ):
        reply = ask(gateway, path, body, content_type=media_type)
        assert reply.status == 400
        check_envelope(reply.body, vendor)
    assert fake.script.received == ()


@pytest.mark.parametrize("path", ["/v1/messages/count_tokens", "/v1/embeddings", "/v1/completions"])
def test_statement_009_a_body_that_is_too_large_is_refused_in_the_clients_envelope(
    gateway: LiveGateway, path: str
) -> None:
    line = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    headers = {"authorization": f"Bearer {gateway.key}", "content-type": "application/json"}
    piece = b" " * (1 << 20)
    line.request("POST", path, (piece for _ in range(101)), headers, encode_chunked=True)
    answer = line.getresponse()
    error = json.loads(answer.read())
    line.close()
    assert answer.status == 413
    assert "server.max_body_bytes" in error["error"]["message"]


@pytest.mark.parametrize(
    ("path", "headers", "member"),
    [
        ("/v1/models", {}, "openai"),
        ("/v1/models", {"anthropic_version": "2023-06-01"}, "anthropic"),
        ("/v1/models?limit=1000", {"anthropic_version": "2023-06-01"}, "anthropic"),
        ("/v1/models", {"authorization": None, "x_api_key": "KEY"}, "anthropic"),
        ("/v1/models", {"authorization": None, "x_goog_api_key": "KEY"}, "gemini"),
        ("/v1beta/models", {}, "gemini"),
        ("/openai/v1/models", {"anthropic_version": "2023-06-01"}, "openai"),
        ("/anthropic/v1/models", {}, "anthropic"),
        ("/genai/v1/models", {}, "gemini"),
    ],
)
def test_statement_010_the_models_are_listed_in_the_askers_form(
    gateway: LiveGateway, path: str, headers: dict[str, str | None], member: str
) -> None:
    sent = {name: gateway.key if value == "KEY" else value for name, value in headers.items()}
    reply = ask(gateway, path, None, "GET", **sent)
    assert reply.status == 200
    found = json.loads(reply.body)
    match member:
        case "openai":
            assert found["object"] == "list"
            assert found["data"][0]["object"] == "model"
        case "anthropic":
            assert found["data"][0]["type"] == "model"
            assert {"has_more", "first_id", "last_id"} <= found.keys()
        case _:
            assert found["models"][0]["name"].startswith("models/")
