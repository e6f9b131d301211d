"""Whole answers of upstreams."""

import json
from typing import Any

import pytest

from dragoman.conversation.blocks import Image, Inline, Refusal, Text, Thinking, ToolCall, Unknown
from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.conversation.opaque import Opaque, Signature
from dragoman.conversation.response import AlternativeToken, Response, StopReason, TokenLogprob
from dragoman.conversation.usage import Usage
from dragoman.dialects.openai_responses import DIALECT

Json = dict[str, Any]
ORIGIN = "openai/gpt-5"


def wire(*output: Json, **members: Any) -> bytes:
    body: Json = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1700000000,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": "gpt-5-2025",
        "output": list(output),
        "service_tier": "default",
        "usage": {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13},
        **members,
    }
    return json.dumps(body).encode()


def parsed(*output: Json, **members: Any) -> Response:
    return DIALECT.parse_response(wire(*output, **members), ORIGIN)


def message(*parts: Json, **members: Any) -> Json:
    return {"id": "msg_1", "type": "message", "role": "assistant", "content": list(parts), **members}


def text(words: str, **members: Any) -> Json:
    return {"type": "output_text", "text": words, "annotations": [], **members}


def test_the_answer_itself() -> None:
    answer = parsed(message(text("Hi")))
    assert (answer.id, answer.model, answer.created) == ("resp_1", "gpt-5-2025", 1700000000)
    assert answer.service_tier == "default"
    assert answer.usage == Usage(input=9, output=4)
    assert answer.choices[0].blocks == (Text("Hi"),)
    assert answer.choices[0].stop.reason is StopReason.END


def test_a_tier_that_was_only_asked_for_is_not_told() -> None:
    assert parsed(message(text("Hi")), service_tier="auto").service_tier is None


def test_every_kind_of_item_in_order() -> None:
    answer = parsed(
        {
            "id": "rs_1",
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}],
            "encrypted_content": "gAAAA",
        },
        {"id": "rs_2", "type": "reasoning", "summary": [], "encrypted_content": "gBBBB"},
        {"id": "rs_3", "type": "reasoning", "summary": []},
        {"id": "ws_1", "type": "web_search_call", "status": "completed"},
        message(text("One."), {"type": "refusal", "refusal": "Not two."}, phase="final_answer"),
        {"id": "fc_1", "type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
        {"id": "ctc_1", "type": "custom_tool_call", "call_id": "c2", "name": "patch", "input": "x"},
        {"id": "ig_1", "type": "image_generation_call", "status": "completed", "result": "iVBORw0KGgo="},
        {"id": "ig_2", "type": "image_generation_call", "status": "failed", "result": None},
        {"id": "sh_1", "type": "shell_call", "call_id": "c3", "status": "completed"},
    )
    phase = (Opaque("openai_responses", "phase", b'"final_answer"'),)
    blocks = answer.choices[0].blocks
    assert blocks[:2] == (
        Thinking("a\n\nb", Signature("openai_responses", ORIGIN, "rs_1 gAAAA")),
        Thinking("", Signature("openai_responses", ORIGIN, "rs_2 gBBBB"), redacted=True),
    )
    assert blocks[3:8] == (
        Text("One.", opaque=phase),
        Refusal("Not two."),
        ToolCall("c1", "look", "{}"),
        ToolCall("c2", "patch", "x", custom=True),
        Image(Inline("image/png", "iVBORw0KGgo=")),
    )
    unknown = [block for block in blocks if isinstance(block, Unknown)]
    assert [(block.kind, block.server_side) for block in unknown] == [
        ("web_search_call", True),
        ("image_generation_call", True),
        ("shell_call", False),
    ]


def test_log_probabilities() -> None:
    token = {
        "token": "Hi",
        "logprob": -0.1,
        "bytes": [72, 105],
        "top_logprobs": [{"token": "Ho", "logprob": -3.0, "bytes": None}],
    }
    assert parsed(message(text("Hi", logprobs=[token]))).choices[0].logprobs == (
        TokenLogprob("Hi", -0.1, (72, 105), (AlternativeToken("Ho", -3.0),)),
    )
    assert parsed(message(text("Hi", logprobs=[5]))).choices[0].logprobs is None


def test_an_answer_without_output_is_an_answer() -> None:
    assert parsed().choices[0].blocks == ()


@pytest.mark.parametrize(
    ("reason", "stop"),
    [("max_output_tokens", StopReason.MAX_TOKENS), ("content_filter", StopReason.REFUSAL)],
)
def test_an_incomplete_answer_says_why(reason: str, stop: StopReason) -> None:
    call = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"a'}
    answer = parsed(call, status="incomplete", incomplete_details={"reason": reason})
    assert answer.choices[0].stop.reason is stop


@pytest.mark.parametrize(
    ("members", "kind", "words"),
    [
        (
            {"status": "failed", "error": {"code": "server_error", "message": "It broke."}},
            FailureKind.SERVER,
            "It broke.",
        ),
        (
            {"status": "completed", "error": {"code": "rate_limit_exceeded", "message": "Slow."}},
            FailureKind.RATE_LIMIT,
            "Slow.",
        ),
        ({"status": "failed", "error": None}, FailureKind.SERVER, ""),
        ({"status": "queued"}, FailureKind.BAD_GATEWAY, "queued"),
        ({"status": "cancelled"}, FailureKind.BAD_GATEWAY, "cancelled"),
        ({"output": None}, FailureKind.BAD_GATEWAY, "no output"),
    ],
)
def test_a_response_that_is_no_answer_is_a_failure(members: Json, kind: FailureKind, words: str) -> None:
    with pytest.raises(FailureError) as caught:
        parsed(**members)
    assert caught.value.failure.kind is kind
    assert words in caught.value.failure.message
    with pytest.raises(FailureError) as caught:
        DIALECT.meter_response(wire(**members))
    assert caught.value.failure.kind is kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"error":{"code":"insufficient_quota","message":"Out of quota."}}', FailureKind.QUOTA),
        (b'{"error":"model not found"}', FailureKind.MODEL_NOT_FOUND),
        (b"<html><title>Bad gateway</title></html>", FailureKind.BAD_GATEWAY),
        (b'{"ok":true}', FailureKind.BAD_GATEWAY),
        (b"[]", FailureKind.BAD_GATEWAY),
    ],
)
def test_a_body_that_is_no_response_is_a_failure(body: bytes, kind: FailureKind) -> None:
    with pytest.raises(FailureError) as caught:
        DIALECT.parse_response(body, ORIGIN)
    assert caught.value.failure.kind is kind


@pytest.mark.parametrize(
    ("item", "stop"),
    [
        (message(text("Hi")), StopReason.END),
        (message({"type": "refusal", "refusal": "No."}), StopReason.REFUSAL),
        ({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}, StopReason.TOOL_CALLS),
        ({"type": "custom_tool_call", "call_id": "c", "name": "f", "input": ""}, StopReason.TOOL_CALLS),
        ({"type": "mcp_call", "content": "text"}, StopReason.END),
    ],
)
def test_what_is_accounted_for_is_what_the_whole_answer_says(item: Json, stop: StopReason) -> None:
    meter = DIALECT.meter_response(wire(item))
    assert meter.usage == Usage(input=9, output=4)
    assert meter.stops == (stop,)
    assert parsed(item).choices[0].stop.reason is stop
