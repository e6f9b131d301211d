"""`POST /dragoman/translate`: what would be sent and answered, over HTTP, for whoever has a key."""

import json
from typing import Any

import pytest
from tests.conftest import LiveGateway
from tests.live.plain import ask

from dragoman.testing.server import FakeServer

PATH = "/dragoman/translate"
REQUEST: dict[str, Any] = {
    "model": "sonnet",
    "max_tokens": 10,
    "top_k": 3,
    "messages": [{"role": "user", "content": "Hi"}],
}
ANSWER: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 2},
}
CHUNK: dict[str, Any] = {
    "id": "c",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "delta": {"content": "Hello"}, "finish_reason": "stop"}],
}


def test_a_request_is_shown_with_its_losses_and_goes_nowhere(gateway: LiveGateway, fake: FakeServer) -> None:
    asked = {"from": "anthropic", "to": "openai_chat", "model": "gpt-4o", "request": REQUEST}
    reply = ask(gateway, PATH, asked)
    assert reply.status == 200
    shown = json.loads(reply.body)
    assert (shown["method"], shown["path"]) == ("POST", "/chat/completions")
    assert shown["body"]["model"] == "gpt-4o"
    assert shown["body"]["messages"] == [{"role": "user", "content": "Hi"}]
    assert [(loss["kind"], loss["code"], loss["path"]) for loss in shown["losses"]] == [
        ("dropped", "top_k", "$.top_k")
    ]
    assert shown["emulated"] == []
    assert fake.script.received == ()


def test_no_key_is_shown(gateway: LiveGateway) -> None:
    for destination in ("openai_chat", "openai_responses", "anthropic", "gemini"):
        reply = ask(gateway, PATH, {"from": "anthropic", "to": destination, "request": REQUEST})
        assert reply.status == 200
        assert gateway.key.encode() not in reply.body
        assert gateway.upstream_key.encode() not in reply.body
        named = {name.lower() for name in json.loads(reply.body)["headers"]}
        assert named.isdisjoint({"authorization", "x-api-key", "x-goog-api-key"})


def test_an_answer_and_a_stream_are_shown_as_the_client_would_get_them(gateway: LiveGateway) -> None:
    whole = ask(gateway, PATH, {"from": "anthropic", "to": "openai_chat", "response": ANSWER})
    assert json.loads(whole.body)["response"]["choices"][0]["message"]["content"] == "Hello"
    data = f"data: {json.dumps(CHUNK)}\n\ndata: [DONE]\n\n"
    piece = ask(gateway, PATH, {"from": "openai_chat", "to": "anthropic", "stream": data})
    assert json.loads(piece.body)["stream"].startswith("event: message_start\n")


PAIR = {"from": "anthropic", "to": "gemini"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not what is translated"),
        (b"[]", "not what is translated"),
        (b"\xff", "not what is translated"),
        ({"to": "gemini", "request": {}}, "from"),
        (PAIR, "exactly one"),
        ({**PAIR, "request": REQUEST, "stream": ""}, "exactly one"),
        ({**PAIR, "from": "latin", "request": {}}, "'from' is 'latin'; expected one of: openai_chat"),
        ({**PAIR, "to": "latin", "request": {}}, "'to' is 'latin'"),
        ({**PAIR, "request": REQUEST, "send": True}, "send"),
        ({**PAIR, "request": {"model": "m", "messages": []}}, "max_tokens"),
    ],
)
def test_what_cannot_be_translated_is_refused_by_name(gateway: LiveGateway, body: object, words: str) -> None:
    reply = ask(gateway, PATH, body)
    assert reply.status == 400
    message = json.loads(reply.body)["error"]["message"]
    assert words in message
    assert "Traceback" not in message


@pytest.mark.parametrize(
    "body", [{**PAIR, "response": {"type": "hello"}}, {**PAIR, "from": "openai_chat", "stream": "data: {"}]
)
def test_what_is_no_answer_is_refused_too(gateway: LiveGateway, body: object) -> None:
    reply = ask(gateway, PATH, body)
    assert reply.status == 502
    assert json.loads(reply.body)["error"]["message"]


@pytest.mark.parametrize("authorization", [None, "Bearer sk-nobody-has-this-key"])
def test_it_needs_a_key(gateway: LiveGateway, authorization: str | None) -> None:
    reply = ask(gateway, PATH, {**PAIR, "request": REQUEST}, authorization=authorization)
    assert reply.status == 401
    assert "sk-nobody" not in reply.body.decode()


def test_it_is_only_posted_to(gateway: LiveGateway) -> None:
    assert ask(gateway, PATH, None, "GET").status == 405
