"""Whole answers from the wire."""

import contextlib
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.blocks import Citation, Text, Thinking, ToolCall, Unknown
from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.conversation.opaque import Opaque, Signature
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.dialects.anthropic import DIALECT

ORIGIN = "anthropic/claude"
CALL: dict[str, object] = {"type": "tool_use", "id": "t", "name": "f", "input": {}}


def parse(body: bytes) -> Response:
    return DIALECT.parse_response(body, ORIGIN)


def answer(**fields: object) -> bytes:
    whole = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [{"type": "text", "text": "Hi"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 5, "output_tokens": 2},
        **fields,
    }
    return msgspec.json.encode(whole)


def parsed(**fields: object) -> Response:
    return DIALECT.parse_response(answer(**fields), ORIGIN)


def test_a_plain_answer() -> None:
    assert parsed() == Response(
        id="msg_1",
        model="claude-x",
        choices=(Choice(0, (Text("Hi"),), Stop(StopReason.END, raw="end_turn")),),
        usage=Usage(input=5, output=2),
    )


def test_all_kinds_of_blocks() -> None:
    citation = {"type": "web_search_result_location", "url": "https://a.example", "encrypted_index": "x"}
    search = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}}
    (choice,) = parsed(
        content=[
            {"type": "thinking", "thinking": "hm", "signature": "SIG"},
            {"type": "redacted_thinking", "data": "DATA"},
            search,
            {"type": "text", "text": "It is.", "citations": [citation]},
            {
                "type": "tool_use",
                "id": "toolu_1",
                "name": "f",
                "input": {"x": 1},
                "caller": {"type": "direct"},
            },
        ],
        stop_reason="tool_use",
    ).choices
    assert choice.blocks == (
        Thinking("hm", Signature("anthropic", ORIGIN, "SIG")),
        Thinking("", Signature("anthropic", ORIGIN, "DATA"), redacted=True),
        Unknown("anthropic", "server_tool_use", msgspec.json.encode(search), server_side=True),
        Text(
            "It is.",
            (Citation("https://a.example", dialect="anthropic", json=msgspec.json.encode(citation)),),
        ),
        ToolCall("toolu_1", "f", '{"x":1}', opaque=(Opaque("anthropic", "caller", b'{"type":"direct"}'),)),
    )


def test_what_another_gateway_has_sealed_is_a_signature_like_any_other() -> None:
    (choice,) = parsed(content=[{"type": "thinking", "thinking": "", "signature": "dgm1.YQ.Yg.next"}]).choices
    assert choice.blocks == (Thinking("", Signature("anthropic", ORIGIN, "dgm1.YQ.Yg.next")),)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", StopReason.END),
        ("max_tokens", StopReason.MAX_TOKENS),
        ("model_context_window_exceeded", StopReason.MAX_TOKENS),
        ("stop_sequence", StopReason.STOP_SEQUENCE),
        ("pause_turn", StopReason.PAUSE),
        ("refusal", StopReason.REFUSAL),
        ("compaction", StopReason.OTHER),
        ("of_the_future", StopReason.OTHER),
        ("tool_use", StopReason.END),
        (None, StopReason.END),
    ],
)
def test_stop_reasons_without_calls(word: str | None, reason: StopReason) -> None:
    assert parsed(stop_reason=word).choices[0].stop == Stop(reason, raw=word or "")


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("tool_use", StopReason.TOOL_CALLS),
        ("end_turn", StopReason.TOOL_CALLS),
        ("max_tokens", StopReason.MAX_TOKENS),
        ("refusal", StopReason.REFUSAL),
        ("pause_turn", StopReason.PAUSE),
    ],
)
def test_an_answer_with_calls_stops_for_them_unless_it_was_cut(word: str, reason: StopReason) -> None:
    assert parsed(content=[CALL], stop_reason=word).choices[0].stop.reason is reason


def test_calls_that_the_vendors_own_code_made_wait_for_nobody() -> None:
    result = {"type": "code_execution_tool_result", "tool_use_id": "s", "content": "ran"}
    assert parsed(content=[CALL, result]).choices[0].stop.reason is StopReason.END


def test_the_stop_sequence_and_the_words_of_a_refusal_are_kept() -> None:
    assert parsed(stop_reason="stop_sequence", stop_sequence="END").choices[0].stop.sequence == "END"
    details = {"type": "refusal", "category": "cyber", "explanation": "No."}
    response = parsed(stop_reason="refusal", stop_details=details, content=[])
    assert response.choices[0].stop == Stop(StopReason.REFUSAL, explanation="No.", raw="refusal")
    assert response.extras == (Opaque("anthropic", "stop_details", msgspec.json.encode(details)),)


def test_usage_needs_no_arithmetic() -> None:
    response = parsed(
        usage={
            "input_tokens": 10,
            "cache_creation_input_tokens": 20,
            "cache_read_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 5},
            "output_tokens": 40,
            "output_tokens_details": {"thinking_tokens": 25},
            "service_tier": "standard",
            "server_tool_use": {"web_search_requests": 1},
        }
    )
    assert response.usage == Usage(
        input=10, output=40, cache_read=30, cache_write=20, cache_write_1h=5, reasoning=25, searches=1
    )
    assert response.service_tier == "default"


def test_metering_reads_usage_and_stop_alone() -> None:
    meter = DIALECT.meter_response(answer(stop_reason="max_tokens"))
    assert meter.usage == Usage(input=5, output=2)
    assert meter.stops == (StopReason.MAX_TOKENS,)


@pytest.mark.parametrize("read", [parse, DIALECT.meter_response])
def test_an_error_in_spite_of_success_is_a_failure(read: Callable[[bytes], object]) -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    with pytest.raises(FailureError) as caught:
        read(body)
    assert caught.value.failure.kind is FailureKind.OVERLOADED
    assert caught.value.failure.body == body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        answer(content="Hi"),
        answer(content=[{"type": "text"}]),
        answer(content=[{"type": "tool_use", "id": "t", "name": "f", "input": "x"}]),
        answer(usage={"input_tokens": "many"}),
    ],
)
def test_what_is_no_answer_is_a_bad_gateway(body: bytes) -> None:
    with pytest.raises(FailureError) as caught:
        DIALECT.parse_response(body, ORIGIN)
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY


def test_metering_refuses_what_has_no_content() -> None:
    with pytest.raises(FailureError):
        DIALECT.meter_response(answer(content="Hi"))


def test_a_citation_of_an_odd_form_is_kept_as_it_is() -> None:
    (choice,) = parsed(content=[{"type": "text", "text": "a", "citations": [{"title": 5}]}]).choices
    assert choice.blocks == (Text("a", (Citation(dialect="anthropic", json=b'{"title":5}'),)),)


def test_writes_that_are_only_told_by_lifetime_are_added_up() -> None:
    by_lifetime = {"ephemeral_5m_input_tokens": 15, "ephemeral_1h_input_tokens": 5}
    assert parsed(usage={"cache_creation": by_lifetime}).usage == Usage(cache_write=20, cache_write_1h=5)


@given(st.binary(max_size=100))
@settings(max_examples=60)
def test_any_bytes_give_an_answer_or_a_failure(body: bytes) -> None:
    with contextlib.suppress(FailureError):
        DIALECT.parse_response(body, ORIGIN)
    with contextlib.suppress(FailureError):
        DIALECT.meter_response(body)
