"""Streamed answers, read."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.blocks import Image, Inline, Text, Thinking, ToolCall, Unknown
from dragoman.conversation.events import (
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    CitationDelta,
    Event,
    Failed,
    LogprobsReported,
    SignatureDelta,
    Started,
    Stopped,
    TextDelta,
    ThinkingDelta,
    UsageReported,
)
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.fold import fold
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.dialects.gemini.parse_response import parse_response
from dragoman.dialects.gemini.stream_decoder import GeminiStreamDecoder

ORIGIN = "google/gemini-3"
Decode = Callable[..., list[Event]]

TEXT = (
    (
        '{"candidates":[{"content":{"parts":[{"text":"thinking…","thought":true}],"role":"model"},"index":0}],'
        '"usageMetadata":{"promptTokenCount":5,"totalTokenCount":5},"modelVersion":"gemini-3-pro","responseId":"r"}'
    ),
    (
        '{"candidates":[{"content":{"parts":[{"text":"Größe"}],"role":"model"},"index":0}],"responseId":"r",'
        '"usageMetadata":{"promptTokenCount":5,"totalTokenCount":5}}'
    ),
    '{"candidates":[{"content":{"parts":[{"text":": \\u2028 ok"}],"role":"model"}}],"responseId":"r"}',
    (
        '{"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"U0lH"}],"role":"model"},'
        '"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":5,"cachedContentTokenCount":2,'
        '"candidatesTokenCount":3,"thoughtsTokenCount":4,"totalTokenCount":12},"responseId":"r"}'
    ),
)
CALLS = (
    (
        '{"candidates":[{"content":{"parts":['
        '{"functionCall":{"name":"f","args":{"x": 1.0}},"thoughtSignature":"U0lH"},'
        '{"functionCall":{"name":"f","args":{"x": 1.0}}}]}}],"modelVersion":"m","responseId":"r"}'
    ),
    '{"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP"}],"responseId":"r"}',
)
PICTURE = (
    (
        '{"candidates":[{"content":{"parts":['
        '{"text":"See: "},{"inlineData":{"mimeType":"image/png","data":"QQ=="}}]}}],'
        '"responseId":"r"}'
    ),
    '{"candidates":[{"content":{"parts":[{"executableCode":{"code":"1"}}]},"finishReason":"STOP"}]}',
)
SEVERAL = (
    '{"candidates":[{"content":{"parts":[{"text":"a"}]},"index":0},{"content":{"parts":[{"text":"b"}]},"index":1}]}',
    '{"candidates":[{"content":{"parts":[{"text":"B"}]},"index":1,"finishReason":"MAX_TOKENS"}]}',
    '{"candidates":[{"content":{"parts":[{"text":"A"}]},"index":0,"finishReason":"STOP"}]}',
)
FIXTURES = (TEXT, CALLS, PICTURE, SEVERAL)


def sse(*chunks: str, end: str = "\r\n\r\n") -> bytes:
    return "".join(f"data: {chunk}{end}" for chunk in chunks).encode()


def array(*chunks: str) -> bytes:
    pretty = [json.dumps(json.loads(chunk), indent=2, ensure_ascii=False) for chunk in chunks]
    return ("[" + "\n,\r\n".join(pretty) + "\n]").encode()


def failed(events: list[Event]) -> Failure:
    assert isinstance(events[-1], Failed)
    assert not any(isinstance(event, Failed) for event in events[:-1])
    return events[-1].failure


def test_text_thoughts_and_a_late_signature(decode: Decode) -> None:
    assert decode(sse(*TEXT)) == [
        Started("r", "gemini-3-pro"),
        BlockStarted(0, Thinking("")),
        ThinkingDelta(0, "thinking…"),
        UsageReported(Usage(input=5, output=0)),
        BlockEnded(0),
        BlockStarted(1, Text("")),
        TextDelta(1, "Größe"),
        TextDelta(1, ": \u2028 ok"),
        SignatureDelta(1, Signature("gemini", ORIGIN, "U0lH")),
        BlockEnded(1),
        UsageReported(Usage(input=3, output=7, cache_read=2, reasoning=4)),
        Stopped(Stop(StopReason.END, raw="STOP")),
    ]


def test_calls_arrive_whole_with_distinct_ids_and_end_as_tool_calls(decode: Decode) -> None:
    events = decode(sse(*CALLS))
    one, two = [event.block for event in events if isinstance(event, BlockStarted)]
    assert isinstance(one, ToolCall)
    assert isinstance(two, ToolCall)
    assert one.id != two.id
    assert one.signature == Signature("gemini", ORIGIN, "U0lH")
    assert two.signature is None
    assert events[1:] == [
        BlockStarted(0, one),
        ArgumentsDelta(0, '{"x":1.0}'),
        BlockEnded(0),
        BlockStarted(1, two),
        ArgumentsDelta(1, '{"x":1.0}'),
        BlockEnded(1),
        Stopped(Stop(StopReason.TOOL_CALLS, raw="STOP")),
    ]


def test_pictures_and_server_side_work_are_whole_blocks(decode: Decode) -> None:
    blocks = [event.block for event in decode(sse(*PICTURE)) if isinstance(event, BlockStarted)]
    assert blocks == [
        Text(""),
        Image(Inline("image/png", "QQ==")),
        Unknown("gemini", "executableCode", b'{"executableCode":{"code":"1"}}', server_side=True),
    ]


def test_several_candidates_have_blocks_of_their_own(decode: Decode) -> None:
    response = fold(decode(sse(*SEVERAL)))
    assert [(choice.index, choice.blocks, choice.stop.reason) for choice in response.choices] == [
        (0, (Text("aA"),), StopReason.END),
        (1, (Text("bB"),), StopReason.MAX_TOKENS),
    ]


@pytest.mark.parametrize("chunks", FIXTURES)
@pytest.mark.parametrize("framing", [sse, array])
def test_any_split_gives_the_same_events(
    decode: Decode, framing: Callable[..., bytes], chunks: tuple[str, ...]
) -> None:
    stream = framing(*chunks)
    expected = decode(sse(*chunks))
    for size in (1, 2, 3, 7, 64):
        assert decode(stream, size) == expected


@given(place=st.integers(0, 2000), which=st.integers(0, 3), in_array=st.booleans())
@settings(max_examples=100)
def test_a_split_anywhere_gives_the_same_events(place: int, which: int, in_array: bool) -> None:
    chunks = FIXTURES[which]
    stream = array(*chunks) if in_array else sse(*chunks)
    place %= len(stream)
    decoder = GeminiStreamDecoder(ORIGIN)
    events = decoder.feed(stream[:place]) + decoder.feed(stream[place:]) + decoder.close()
    whole = GeminiStreamDecoder(ORIGIN)
    assert events == whole.feed(stream) + whole.close()


@pytest.mark.parametrize("end", ["\n\n", "\r\r", "\r\n\r\n"])
def test_line_ends_do_not_matter(decode: Decode, end: str) -> None:
    assert decode(sse(*TEXT, end=end)) == decode(sse(*TEXT))


def test_the_last_event_may_lack_its_blank_line(decode: Decode) -> None:
    assert decode(sse(*TEXT).rstrip()) == decode(sse(*TEXT))


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n \n", b": keepalive\n\n"])
def test_what_stands_before_the_first_frame_is_skipped(decode: Decode, before: bytes) -> None:
    assert decode(before + sse(*TEXT)) == decode(sse(*TEXT))


def test_a_done_marker_of_other_servers_is_no_chunk(decode: Decode) -> None:
    assert decode(sse(*TEXT, "[DONE]")) == decode(sse(*TEXT))


TWIN = """{"candidates":[{"content":{"parts":[
    {"text":"thinking…","thought":true},{"text":"Größe: \\u2028 ok","thoughtSignature":"U0lH"}]},
    "finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":5,"cachedContentTokenCount":2,
    "candidatesTokenCount":3,"thoughtsTokenCount":4,"totalTokenCount":12},
    "modelVersion":"gemini-3-pro","responseId":"r"}"""


def test_a_stream_amounts_to_its_unary_twin(decode: Decode) -> None:
    assert fold(decode(sse(*TEXT))) == parse_response(TWIN.encode(), ORIGIN)
    twin = json.loads(CALLS[0])
    twin["candidates"][0]["finishReason"] = "STOP"
    assert fold(decode(sse(*CALLS))) == parse_response(json.dumps(twin).encode(), ORIGIN)


def test_a_unary_answer_to_a_streaming_request_is_a_stream_of_one(decode: Decode) -> None:
    assert fold(decode(TWIN.encode())) == parse_response(TWIN.encode(), ORIGIN)


# --- endings ---------------------------------------------------------------------------------------


def chunk(text: str, finish: str | None = None) -> str:
    candidate: dict[str, object] = {"content": {"parts": [{"text": text}]}}
    if finish:
        candidate["finishReason"] = finish
    return json.dumps({"candidates": [candidate]})


def test_a_finish_reason_is_not_final_until_the_stream_ends(decode: Decode) -> None:
    events = decode(sse(chunk("a", "STOP"), chunk("b"), chunk("c", "MAX_TOKENS")))
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["a", "b", "c"]
    assert [event for event in events if isinstance(event, Stopped)] == [
        Stopped(Stop(StopReason.MAX_TOKENS, raw="MAX_TOKENS"))
    ]


def test_nothing_stops_before_the_upstream_closes() -> None:
    decoder = GeminiStreamDecoder(ORIGIN)
    assert not any(isinstance(event, Stopped) for event in decoder.feed(sse(chunk("a", "STOP"))))
    assert decoder.close() == [BlockEnded(0), Stopped(Stop(StopReason.END, raw="STOP"))]
    assert decoder.close() == []
    assert decoder.feed(sse(chunk("b"))) == []


def test_a_stream_that_ends_before_the_answer_is_a_failure(decode: Decode) -> None:
    failure = failed(decode(sse(chunk("half a sen"))))
    assert failure.kind is FailureKind.BAD_GATEWAY
    assert failure.code == "truncated"
    for cut in (1, 20):
        assert failed(decode(sse(chunk("a"), chunk("b", "STOP"))[: -cut - 4])).retryable
        assert failed(decode(array(chunk("a"), chunk("b", "STOP"))[: -cut - 2])).code == "truncated"


def test_an_array_may_lack_its_end_after_the_last_element(decode: Decode) -> None:
    assert isinstance(decode(array(chunk("a", "STOP")).rstrip(b"]\n"))[-1], Stopped)


@pytest.mark.parametrize(
    "stream", [b"", b"[]", b"data: {}\n\n", b"{}", sse('{"usageMetadata":{"promptTokenCount":3}}')]
)
def test_no_answer_at_all_is_a_failure(decode: Decode, stream: bytes) -> None:
    assert failed(decode(stream)).code == "empty_answer"


def test_an_empty_answer_is_a_failure_unless_it_says_why_it_stopped(decode: Decode) -> None:
    assert failed(decode(sse(chunk("")))).code == "empty_answer"
    assert isinstance(decode(sse(chunk("", "STOP")))[-1], Stopped)


def test_a_broken_answer_is_a_failure_unless_something_came(decode: Decode) -> None:
    assert failed(decode(sse(chunk("", "MALFORMED_FUNCTION_CALL")))).code == "malformed_function_call"
    assert decode(sse(chunk("a", "MALFORMED_FUNCTION_CALL")))[-1] == Stopped(
        Stop(StopReason.OTHER, raw="MALFORMED_FUNCTION_CALL")
    )


def test_a_blocked_prompt_is_a_refusal(decode: Decode) -> None:
    blocked = '{"promptFeedback":{"blockReason":"SAFETY","blockReasonMessage":"why"}}'
    stop = Stopped(Stop(StopReason.REFUSAL, explanation="why", raw="SAFETY"))
    assert decode(sse(blocked)) == [Started("", ""), stop]
    assert decode(sse(chunk("a"), blocked))[-1] == stop


@pytest.mark.parametrize("framing", [sse, array])
def test_an_error_in_the_stream_ends_it(decode: Decode, framing: Callable[..., bytes]) -> None:
    error = '{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}'
    events = decode(framing(chunk("a"), error, chunk("b", "STOP")))
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["a"]
    assert failed(events).kind is FailureKind.OVERLOADED


@pytest.mark.parametrize(
    "error",
    [
        b'{\n  "error": {\n    "code": 429,\n    "message": "quota"\n  }\n}\n',
        b'[{\n  "error": {\n    "code": 429,\n    "message": "quota"\n  }\n}\n]\n',
    ],
)
def test_a_bare_error_is_understood_wherever_it_comes(decode: Decode, error: bytes) -> None:
    for size in (1, 1000):
        assert failed(decode(error, size)).kind is FailureKind.RATE_LIMIT
        assert failed(decode(sse(chunk("a")) + error, size)).kind is FailureKind.RATE_LIMIT


def test_a_bare_remainder_that_is_no_error_is_nothing(decode: Decode) -> None:
    assert failed(decode(sse(chunk("a")) + b'{"error"')).code == "truncated"


@pytest.mark.parametrize(
    "stream",
    [
        sse(chunk("a"), "{nonsense"),
        sse(chunk("a"), '{"candidates":7}'),
        sse(chunk("a")) + b"data: \xff\xfe\n\n",
        b"[" + chunk("a").encode() + b", oops",
        sse('{"candidates":[{"logprobsResult":[]}]}'),
    ],
)
def test_bytes_that_make_no_sense_are_one_failure(decode: Decode, stream: bytes) -> None:
    for size in (1, 1000):
        assert failed(decode(stream, size)).kind is FailureKind.BAD_GATEWAY


@given(st.binary(max_size=80), st.sampled_from([b"", b"data: ", b"[", b"{", sse(TEXT[0])]))
@settings(max_examples=100)
def test_random_bytes_never_raise(data: bytes, before: bytes) -> None:
    decoder = GeminiStreamDecoder(ORIGIN)
    events = decoder.feed(before + data) + decoder.close()
    assert sum(isinstance(event, Failed) for event in events) <= 1


def test_pending_counts_what_belongs_to_no_whole_frame() -> None:
    decoder = GeminiStreamDecoder(ORIGIN)
    decoder.feed(b"\n ")
    assert decoder.pending == 2
    decoder.feed(sse(chunk("a")) + b"data: {")
    assert decoder.pending == 7
    decoder = GeminiStreamDecoder(ORIGIN)
    decoder.feed(b"[{}\n,\r\n")
    assert decoder.pending == 4


def test_nothing_of_an_array_is_passed_on_before_its_first_element() -> None:
    decoder = GeminiStreamDecoder(ORIGIN)
    fed = 0
    for piece in (b"\n", b" [", b"\n{", b'"a"'):
        decoder.feed(piece)
        fed += len(piece)
        assert decoder.pending == fed
    decoder.feed(b":1}\n")
    assert decoder.pending == 1


# --- usage, citations, log probabilities -----------------------------------------------------------


def test_usage_is_reported_when_it_changes(decode: Decode) -> None:
    first = '{"usageMetadata":{"trafficType":"ON_DEMAND"},"responseId":"r"}'
    same = '{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":5}}'
    last = '{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"candidatesTokenCount":2}}'
    events = decode(sse(first, same, same, last))
    assert [event.usage for event in events if isinstance(event, UsageReported)] == [
        Usage(input=5),
        Usage(input=5, output=2),
    ]


def test_citations_come_before_the_last_text_ends(decode: Decode) -> None:
    last = """{"candidates":[{"finishReason":"STOP","groundingMetadata":{
        "groundingChunks":[{"web":{"uri":"u"}}],
        "groundingSupports":[{"segment":{"startIndex":3,"endIndex":7},"groundingChunkIndices":[0]}]}}]}"""
    cited = '"citationMetadata":{"citations":[{"endIndex":2,"uri":"v"}]}'
    empty = '{"candidates":[{"groundingMetadata":{},' + cited + "}]}"
    events = decode(sse(chunk("größ"), chunk("er"), last.replace("\n", ""), empty))
    citations = [event for event in events if isinstance(event, CitationDelta)]
    assert [(e.index, e.citation.url, e.citation.start, e.citation.end) for e in citations] == [
        (0, "u", 2, 5),
        (0, "v", 0, 2),
    ]
    assert events.index(citations[-1]) < events.index(BlockEnded(0))


def test_log_probabilities_are_reported_as_they_come(decode: Decode) -> None:
    stream = """{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP",
        "logprobsResult":{"chosenCandidates":[{"token":"a","logProbability":-1}]}}]}"""
    [report] = [e for e in decode(sse(stream.replace("\n", ""))) if isinstance(e, LogprobsReported)]
    assert report.tokens[0].token == "a"


# --- arguments that stream -------------------------------------------------------------------------


def part(*parts: str, finish: bool = False) -> str:
    end = ',"finishReason":"STOP"' if finish else ""
    return '{"candidates":[{"content":{"parts":[' + ",".join(parts) + "]}" + end + '}],"responseId":"r"}'


def test_arguments_that_stream_are_one_call_at_its_end(decode: Decode) -> None:
    events = decode(
        sse(
            part('{"functionCall":{"name":"f","willContinue":true},"thoughtSignature":"U0lH"}'),
            part(
                '{"functionCall":{"partialArgs":[{"jsonPath":"$.a","stringValue":"Bo","willContinue":true}],"willContinue":true}}'
            ),
            part(
                '{"functionCall":{"partialArgs":[{"jsonPath":"$.a","stringValue":"ston"}],"willContinue":true}}'
            ),
            part(
                '{"functionCall":{"partialArgs":[{"jsonPath":"$.n","numberValue":1.0}],"willContinue":true}}'
            ),
            part('{"functionCall":{}}'),
            part('{"functionCall":{"name":"f","willContinue":true}}', '{"functionCall":{"name":"g"}}'),
            part('{"text":"done"}', finish=True),
        )
    )
    response = fold(events)
    calls = [block for block in response.choices[0].blocks if isinstance(block, ToolCall)]
    assert [(call.name, call.arguments) for call in calls] == [
        ("f", '{"a":"Boston","n":1.0}'),
        ("f", "{}"),
        ("g", "{}"),
    ]
    assert len({call.id for call in calls}) == 3
    assert calls[0].signature == Signature("gemini", ORIGIN, "U0lH")
    assert response.choices[0].stop.reason is StopReason.TOOL_CALLS


def test_a_call_that_streams_to_the_very_end_is_closed(decode: Decode) -> None:
    response = fold(
        decode(
            sse(
                part(
                    '{"functionCall":{"id":"1","name":"f","willContinue":true,'
                    '"partialArgs":[{"jsonPath":"$.a","boolValue":true}]}}',
                    finish=True,
                )
            )
        )
    )
    assert response.choices[0].blocks == (ToolCall("1", "f", '{"a":true}'),)
