"""Translation can be looked at: the exact upstream request, the client's answer, and what is lost."""

import json

import pytest

from dragoman.conversation.failure import FailureError
from dragoman.dialects.registry import DIALECTS
from dragoman.gateway.translation import (
    translate_posted,
    translate_request,
    translate_response,
    translate_stream,
)

CHAT, ANTHROPIC, GEMINI = (DIALECTS[name] for name in ("openai_chat", "anthropic", "gemini"))
MESSAGES = {"model": "mine", "max_tokens": 10, "top_k": 3, "messages": [{"role": "user", "content": "Hi"}]}
ANSWER = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude",
    "content": [{"type": "text", "text": "Hello"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 2},
}


def test_a_request_is_shown_as_it_would_go_upstream() -> None:
    shown = translate_request(ANTHROPIC, CHAT, json.dumps(MESSAGES).encode(), "gpt-4o")
    assert (shown.method, shown.path) == ("POST", "/chat/completions")
    assert shown.headers["content-type"] == "application/json"
    body = json.loads(bytes(shown.body))
    assert body["model"] == "gpt-4o"
    assert body["messages"] == [{"role": "user", "content": "Hi"}]
    assert [loss.path for loss in shown.losses] == ["$.top_k"]
    assert shown.emulated == ()


def test_the_model_is_the_requests_own_unless_said() -> None:
    shown = translate_request(ANTHROPIC, GEMINI, json.dumps(MESSAGES).encode(), None)
    assert shown.path == "/v1beta/models/mine:generateContent"


def test_what_the_gateway_would_do_itself_is_named() -> None:
    asked = {"model": "m", "n": 3, "messages": [{"role": "user", "content": "Hi"}]}
    shown = translate_request(CHAT, ANTHROPIC, json.dumps(asked).encode(), "claude-sonnet-4-5")
    assert shown.emulated == ("fan_out",)


def test_the_same_format_shows_what_passes_through() -> None:
    body = json.dumps({**MESSAGES, "brand_new": {"a": 1.0}}).encode()
    shown = translate_request(ANTHROPIC, ANTHROPIC, body, "claude-x")
    assert bytes(shown.body) == body.replace(b'"mine"', b'"claude-x"')


def test_a_streamed_request_of_google_is_asked_for_by_its_path() -> None:
    contents = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    body = json.dumps(contents).encode()
    shown = translate_request(GEMINI, CHAT, body, "gpt-4o", stream=True)
    assert json.loads(bytes(shown.body))["stream"] is True


def test_a_whole_answer_is_shown_as_the_client_gets_it() -> None:
    body = json.loads(translate_response(ANTHROPIC, CHAT, json.dumps(ANSWER).encode(), None))
    assert body["choices"][0]["message"]["content"] == "Hello"
    assert body["usage"]["total_tokens"] == 3


def test_a_stream_is_shown_frame_for_frame() -> None:
    chunk = {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": {"content": "Hello"}, "finish_reason": "stop"}],
    }
    data = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode()
    shown = translate_stream(CHAT, ANTHROPIC, data, None)
    assert shown.startswith(b"event: message_start\n")
    assert b'"text":"Hello"' in shown.replace(b" ", b"")
    assert shown.rstrip().endswith(b'{"type":"message_stop"}')


def test_a_broken_stream_says_so() -> None:
    with pytest.raises(FailureError):
        translate_stream(CHAT, ANTHROPIC, b"data: {", None)


def test_over_http_all_three_are_served() -> None:
    named = {"from": "anthropic", "to": "openai_chat"}
    asked = json.loads(translate_posted(json.dumps({**named, "request": MESSAGES}).encode(), DIALECTS))
    assert asked["body"]["messages"][0]["content"] == "Hi"
    assert asked["losses"][0]["path"] == "$.top_k"
    answered = json.loads(translate_posted(json.dumps({**named, "response": ANSWER}).encode(), DIALECTS))
    assert answered["response"]["choices"][0]["message"]["content"] == "Hello"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not what is translated"),
        (b'{"from": "anthropic"}', "to"),
        (b'{"from": "latin", "to": "gemini", "request": {}}', "expected one of: "),
        (b'{"from": "anthropic", "to": "gemini"}', "exactly one"),
        (b'{"from": "anthropic", "to": "gemini", "request": {}, "stream": ""}', "exactly one"),
        (b'{"from": "anthropic", "to": "gemini", "request": {}}', "model"),
    ],
)
def test_what_cannot_be_translated_is_refused_by_name(body: bytes, words: str) -> None:
    with pytest.raises(FailureError, match=words):
        translate_posted(body, DIALECTS)


def test_a_name_longer_than_any_models_is_refused() -> None:
    with pytest.raises(FailureError, match="512"):
        translate_request(ANTHROPIC, CHAT, json.dumps(MESSAGES).encode(), "m" * 1000)
