"""Whole answers of upstreams."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.blocks import (
    Citation,
    Image,
    Refusal,
    Remote,
    Text,
    Thinking,
    ToolCall,
    Unknown,
)
from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import Choice, Response, StopReason
from dragoman.dialects.openai_chat import DIALECT


def parse(message: dict[str, object], finish: str | None = "stop", **more: object) -> Response:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    body = {"id": "chatcmpl-1", "model": "m", "created": 5, "choices": [choice], **more}
    return DIALECT.parse_response(json.dumps(body).encode(), "o")


def only(message: dict[str, object], finish: str | None = "stop", **more: object) -> Choice:
    return parse(message, finish, **more).choices[0]


def test_who_answered_and_when() -> None:
    got = parse({"content": "x"}, service_tier="flex")
    assert (got.id, got.model, got.created, got.service_tier) == ("chatcmpl-1", "m", 5, "flex")


def test_thinking_text_and_calls_in_the_order_in_which_they_were_made() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    got = only({"content": "x", "reasoning_content": "hm", "tool_calls": [call]}, "tool_calls")
    assert got.blocks == (Thinking("hm"), Text("x"), ToolCall("a", "f", "{}"))
    assert got.stop.reason is StopReason.TOOL_CALLS


def test_calls_of_one_id_stay_apart() -> None:
    call = {"id": "call_0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert len(only({"content": None, "tool_calls": [call, call]}).blocks) == 2


def test_calls_without_ids_get_some() -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
    first, second = only({"content": None, "tool_calls": [call, call]}).blocks
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert first.id != second.id
    assert first.arguments == '{"a":1}'


def test_a_refusal() -> None:
    got = only({"content": None, "refusal": "No."})
    assert got.blocks == (Refusal("No."),)
    assert got.stop.reason is StopReason.REFUSAL


def test_an_annotation_cites_a_span_of_the_text() -> None:
    place = {"url": "https://e.com", "title": "T", "start_index": 2, "end_index": 4}
    text = only(
        {"content": "abcdef", "annotations": [{"type": "url_citation", "url_citation": place}]}
    ).blocks[0]
    assert isinstance(text, Text)
    (citation,) = text.citations
    assert (citation.url, citation.title, citation.start, citation.end) == ("https://e.com", "T", 2, 4)
    assert json.loads(citation.json) == {"type": "url_citation", "url_citation": place}


def test_annotations_of_other_kinds_are_passed_over() -> None:
    assert only({"content": "x", "annotations": [{"type": "file"}, 7]}).blocks == (Text("x"),)


def test_sources_beside_the_choices_cite_the_whole_text() -> None:
    got = only({"content": "x"}, citations=["https://a.com", 3, ""]).blocks[0]
    assert got == Text("x", (Citation(url="https://a.com"),))


def test_sound_is_kept_as_it_is() -> None:
    got = only({"content": None, "audio": {"id": "a", "data": "QQ==", "transcript": "hi"}}).blocks[0]
    assert got == Unknown("openai_chat", "audio", b'{"id": "a", "data": "QQ==", "transcript": "hi"}')


def test_pictures_beside_the_text() -> None:
    images = [{"type": "image_url", "image_url": {"url": "https://e.com/a.png"}}]
    assert only({"content": "x", "images": images}).blocks == (
        Text("x"),
        Image(Remote("https://e.com/a.png")),
    )


def test_a_content_array_with_a_part_that_nobody_knows() -> None:
    got = only({"content": [{"type": "text", "text": "x"}, {"type": "novel", "a": 1}]}).blocks
    assert got == (Text("x"), Unknown("openai_chat", "novel", b'{"type": "novel", "a": 1}'))


def test_signed_reasoning_keeps_its_origin() -> None:
    detail = {"type": "reasoning.text", "text": "hm", "signature": "S", "format": "f", "index": 0}
    thinking = only({"content": "x", "reasoning_details": [detail]}).blocks[0]
    assert isinstance(thinking, Thinking)
    assert thinking.signature == Signature(
        "openai_chat", "o", '{"type":"reasoning.text","signature":"S","format":"f","index":0}'
    )


def test_log_probabilities_and_their_alternatives() -> None:
    token = {
        "token": "x",
        "logprob": -0.5,
        "bytes": [120],
        "top_logprobs": [{"token": "y", "logprob": -1, "bytes": None}],
    }
    choice = {
        "index": 0,
        "message": {"content": "x"},
        "finish_reason": "stop",
        "logprobs": {"content": [token]},
    }
    got = DIALECT.parse_response(json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode(), "o")
    logprobs = got.choices[0].logprobs
    assert logprobs is not None
    assert (logprobs[0].token, logprobs[0].bytes, logprobs[0].top[0].token) == ("x", (120,), "y")


def test_log_probabilities_in_an_older_form_do_no_harm() -> None:
    choice = {
        "message": {"content": "x"},
        "finish_reason": "stop",
        "logprobs": {"content": [{"tokens": ["x"]}]},
    }
    got = DIALECT.parse_response(json.dumps({"id": "c", "choices": [choice]}).encode(), "o")
    assert got.choices[0].logprobs is None


def test_choices_without_an_index_are_counted() -> None:
    choices = [{"message": {"content": text}, "finish_reason": "stop"} for text in "ab"]
    got = DIALECT.parse_response(json.dumps({"id": "c", "choices": choices}).encode(), "o")
    assert [choice.index for choice in got.choices] == [0, 1]


def test_an_error_in_a_200_answer_is_a_failure_with_its_body() -> None:
    body = b'{"error":{"message":"No credits left","code":402}}'
    with pytest.raises(FailureError) as caught:
        DIALECT.parse_response(body, "o")
    failure = caught.value.failure
    assert (failure.kind, failure.dialect, failure.body) == (FailureKind.BILLING, "openai_chat", body)


def test_an_error_beside_an_answer_is_no_failure() -> None:
    assert only({"content": "x"}, error={"message": "partial"}).blocks == (Text("x"),)


def test_an_answer_that_was_broken_off_is_a_failure() -> None:
    with pytest.raises(FailureError) as caught:
        parse({"content": "x"}, "error")
    assert caught.value.failure.kind is FailureKind.SERVER


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_but_failures(body: bytes) -> None:
    for read in (parse_only, DIALECT.meter_response):
        with pytest.raises(FailureError):
            read(body)


def parse_only(body: bytes) -> Response:
    return DIALECT.parse_response(body, "o")
