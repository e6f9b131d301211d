"""Whole answers, read."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.blocks import (
    Audio,
    Block,
    Citation,
    Image,
    Inline,
    Text,
    Thinking,
    ToolCall,
    Unknown,
)
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.conversation.opaque import Opaque, Signature
from dragoman.conversation.response import Choice, Response, Stop, StopReason, TokenLogprob
from dragoman.conversation.usage import Usage
from dragoman.dialects.gemini.parse_response import parse_created, parse_response

ORIGIN = "google/gemini-3"


def signed(value: str) -> Signature:
    return Signature("gemini", ORIGIN, value)


def parsed(text: str) -> Response:
    return parse_response(text.encode(), ORIGIN)


def blocks(*parts: str) -> tuple[Block, ...]:
    text = (
        '{"candidates":[{"content":{"parts":['
        + ",".join(parts)
        + ']},"finishReason":"STOP"}],"responseId":"r"}'
    )
    return parsed(text).choices[0].blocks


def failure(text: str) -> Failure:
    with pytest.raises(FailureError) as caught:
        parsed(text)
    return caught.value.failure


def test_a_whole_answer() -> None:
    response = parsed("""{
        "candidates": [
            {"content": {"parts": [{"text": "Hi"}], "role": "model"}, "finishReason": "STOP", "index": 0}
        ],
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 1, "totalTokenCount": 4,
            "serviceTier": "standard"},
        "modelVersion": "gemini-3-pro", "responseId": "r", "createTime": "2026-05-04T20:01:02.264968Z"
    }""")
    assert response == Response(
        id="r",
        model="gemini-3-pro",
        choices=(Choice(0, (Text("Hi"),), Stop(StopReason.END, raw="STOP")),),
        usage=Usage(input=3, output=1),
        created=1777924862,
        service_tier="default",
    )


@pytest.mark.parametrize(
    ("time", "expected"),
    [(None, None), ("soon", None), ("1970-01-01T00:00:10Z", 10), ("1970-01-01T00:00:10", 10)],
)
def test_the_time_of_creation(time: str | None, expected: int | None) -> None:
    assert parse_created(time) == expected


def test_neighbouring_parts_of_one_kind_are_one_block() -> None:
    assert blocks(
        '{"text":"a","thought":true}',
        '{"text":"b","thought":true}',
        '{"text":"c"}',
        '{"text":""}',
        '{"text":"d"}',
        '{"text":"e","thought":true}',
        '{"text":"f"}',
    ) == (Thinking("ab"), Text("cd"), Thinking("e"), Text("f"))


def test_signatures_stay_on_their_part_even_an_empty_one() -> None:
    assert blocks(
        '{"text":"t","thought":true,"thoughtSignature":"A"}',
        '{"text":"a"}',
        '{"text":"","thoughtSignature":"B"}',
        '{"text":"b"}',
        '{"functionCall":{"id":"1","name":"f","args":{}},"thoughtSignature":"C"}',
        '{"text":"","thoughtSignature":"D"}',
    ) == (
        Thinking("t", signed("A")),
        Text("a", signature=signed("B")),
        Text("b"),
        ToolCall("1", "f", "{}", signature=signed("C")),
        Text("", signature=signed("D")),
    )


def test_calls_keep_the_text_of_their_numbers() -> None:
    [call] = blocks(
        '{"functionCall":{"id":"1","name":"f","args":{\n "a": 1.0,\n "b": 12345678901234567890\n}}}'
    )
    assert call == ToolCall("1", "f", '{"a":1.0,"b":12345678901234567890}')


def test_calls_without_ids_get_distinct_ones_that_never_change() -> None:
    part = '{"functionCall":{"name":"f","args":{"a":1}}}'
    one, two = blocks(part, part)
    assert isinstance(one, ToolCall)
    assert isinstance(two, ToolCall)
    assert one.id.startswith("call_")
    assert one.id != two.id
    assert blocks(part, part) == (one, two)


def test_an_empty_call_is_none() -> None:
    assert blocks('{"functionCall":{}}') == ()


def test_media_and_server_side_work() -> None:
    image, audio, code, output = blocks(
        '{"inlineData":{"mimeType":"image/png","data":"QQ=="},"thoughtSignature":"A"}',
        '{"inlineData":{"mimeType":"audio/L16;rate=24000","data":"QQ=="}}',
        '{"executableCode":{\n"language":"PYTHON","code":"1"}}',
        '{"codeExecutionResult":{"outcome":"OUTCOME_OK"}}',
    )
    assert image == Image(Inline("image/png", "QQ=="), opaque=(Opaque("gemini", "thoughtSignature", b'"A"'),))
    assert audio == Audio(Inline("audio/L16;rate=24000", "QQ=="))
    assert code == Unknown(
        "gemini", "executableCode", b'{"executableCode":{"language":"PYTHON","code":"1"}}', server_side=True
    )
    assert isinstance(output, Unknown)
    assert output.kind == "codeExecutionResult"


def test_a_part_of_an_unknown_kind_is_skipped() -> None:
    assert blocks('{"somethingNew":{}}', '{"text":"a"}') == (Text("a"),)


def test_several_candidates_may_say_their_index_or_not() -> None:
    response = parsed("""{"candidates":[
        {"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"},
        {"content":{"parts":[{"text":"b"}]},"finishReason":2}]}""")
    assert [(choice.index, choice.stop.reason) for choice in response.choices] == [
        (0, StopReason.END),
        (1, StopReason.MAX_TOKENS),
    ]


def test_a_call_makes_the_stop_a_tool_stop() -> None:
    response = parsed("""{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}},{"text":""}]},
        "finishReason":"STOP","finishMessage":"Model generated function call(s)."}]}""")
    assert response.choices[0].stop == Stop(StopReason.TOOL_CALLS, raw="STOP")


def test_citations_count_from_their_block() -> None:
    response = parsed("""{"candidates":[{"finishReason":"STOP",
        "content":{"parts":[{"text":"größe"},{"functionCall":{"name":"f"}},{"text":"abc"}]},
        "groundingMetadata":{"groundingChunks":[{"web":{"uri":"u"}}],"groundingSupports":[
            {"segment":{"endIndex":4},"groundingChunkIndices":[0]},
            {"segment":{"partIndex":2,"startIndex":1,"endIndex":3},"groundingChunkIndices":[0]}]},
        "citationMetadata":{"citations":[{"startIndex":7,"endIndex":8,"uri":"v"}]}}]}""")
    first, _, last = response.choices[0].blocks
    assert isinstance(first, Text)
    assert isinstance(last, Text)
    web = b'{"web":{"uri":"u"}}'
    assert first.citations == (Citation("u", start=0, end=3, dialect="gemini", json=web),)
    assert last.citations == (
        Citation("u", start=1, end=3, dialect="gemini", json=web),
        Citation("v", start=0, end=1),
    )


def test_log_probabilities() -> None:
    response = parsed("""{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP",
        "logprobsResult":{"chosenCandidates":[{"token":"a","logProbability":-0.1}]}}]}""")
    assert response.choices[0].logprobs == (TokenLogprob("a", -0.1),)


def test_a_blocked_prompt_is_a_refusal_without_content() -> None:
    response = parsed('{"promptFeedback":{"blockReason":"SAFETY","blockReasonMessage":"why"}}')
    assert response.choices == (Choice(0, (), Stop(StopReason.REFUSAL, explanation="why", raw="SAFETY")),)


def test_an_answer_may_be_cut_before_its_first_word() -> None:
    response = parsed('{"candidates":[{"content":{"role":"model"},"finishReason":"MAX_TOKENS"}]}')
    assert response.choices == (Choice(0, (), Stop(StopReason.MAX_TOKENS, raw="MAX_TOKENS")),)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("{}", FailureKind.BAD_GATEWAY),
        ('{"candidates":[]}', FailureKind.BAD_GATEWAY),
        ('{"candidates":[{"content":{}}]}', FailureKind.BAD_GATEWAY),
        (
            '{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL","finishMessage":"x"}]}',
            FailureKind.BAD_GATEWAY,
        ),
        ('{"error":{"code":503,"message":"busy"}}', FailureKind.OVERLOADED),
        ('{"candidates":7}', FailureKind.BAD_GATEWAY),
        ("<html>", FailureKind.BAD_GATEWAY),
    ],
)
def test_what_is_no_answer_is_a_failure_worth_another_try(answer: str, kind: FailureKind) -> None:
    assert failure(answer).kind is kind
    assert failure(answer).retryable


def test_a_broken_answer_with_content_is_an_answer() -> None:
    response = parsed(
        '{"candidates":[{"content":{"parts":{"text":"a"}},"finishReason":"MALFORMED_RESPONSE"}]}'
    )
    assert response.choices[0].stop == Stop(StopReason.OTHER, raw="MALFORMED_RESPONSE")


def test_a_silent_answer_that_took_tokens_is_an_answer() -> None:
    body = {"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"thoughtsTokenCount": 5}}
    assert parsed(json.dumps(body)).choices[0].blocks == ()


@given(st.binary(max_size=60))
@settings(max_examples=100)
def test_random_bytes_raise_nothing_but_failures(data: bytes) -> None:
    with pytest.raises(FailureError):
        parse_response(data, ORIGIN)


def test_a_model_may_stop_without_a_word() -> None:
    assert blocks('{"text":""}') == ()
