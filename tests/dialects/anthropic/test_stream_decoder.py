"""Streams from the wire."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.blocks import Citation, Text, Thinking, ToolCall, Unknown
from dragoman.conversation.events import (
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    CitationDelta,
    Event,
    Failed,
    SignatureDelta,
    Started,
    Stopped,
    TextDelta,
    ThinkingDelta,
    UsageReported,
)
from dragoman.conversation.failure import FailureKind
from dragoman.conversation.fold import fold
from dragoman.conversation.opaque import Opaque, Signature
from dragoman.conversation.response import Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.dialects.anthropic import DIALECT

SSE = Callable[..., bytes]
Object = dict[str, object]
ORIGIN = "anthropic/claude"


def begin(**usage: int) -> Object:
    counts = {"input_tokens": 5, "output_tokens": 1, **usage}
    message: Object = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [],
    }
    return {"type": "message_start", "message": {**message, "stop_reason": None, "usage": counts}}


def start(index: int, block: Object) -> Object:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, kind: str, **fields: object) -> Object:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def end(index: int) -> Object:
    return {"type": "content_block_stop", "index": index}


def change(reason: str = "end_turn", **fields: object) -> Object:
    return {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None, **fields},
        "usage": {"output_tokens": 9},
    }


PING: Object = {"type": "ping"}
STOP: Object = {"type": "message_stop"}
TEXT: Object = {"type": "text", "text": ""}
SEARCH: Object = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
CITATION: Object = {"type": "web_search_result_location", "url": "https://a.example", "encrypted_index": "x"}
CALL: Object = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}, "caller": {"type": "direct"}}

EVERYTHING: list[Object] = [
    begin(cache_read_input_tokens=3),
    PING,
    start(0, {"type": "thinking", "thinking": "", "signature": ""}),
    delta(0, "thinking_delta", thinking="h\u2028m"),
    delta(0, "signature_delta", signature="SIG"),
    end(0),
    start(1, {"type": "redacted_thinking", "data": "DATA"}),
    end(1),
    start(2, SEARCH),
    delta(2, "input_json_delta", partial_json=""),
    delta(2, "input_json_delta", partial_json='{"query":'),
    delta(2, "input_json_delta", partial_json='"é"}'),
    end(2),
    start(3, {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}),
    end(3),
    start(4, {**TEXT, "citations": []}),
    delta(4, "text_delta", text="It is "),
    PING,
    delta(4, "text_delta", text="so — 😀."),
    delta(4, "citations_delta", citation=CITATION),
    end(4),
    start(5, CALL),
    delta(5, "input_json_delta", partial_json=""),
    delta(5, "input_json_delta", partial_json='{"a": '),
    delta(5, "input_json_delta", partial_json="1.0}"),
    end(5),
    start(6, {**CALL, "id": "toolu_2"}),
    delta(6, "input_json_delta", partial_json=""),
    end(6),
    change("tool_use"),
    STOP,
]

TWIN: Object = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [
        {"type": "thinking", "thinking": "h\u2028m", "signature": "SIG"},
        {"type": "redacted_thinking", "data": "DATA"},
        {**SEARCH, "input": {"query": "é"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
        {**TEXT, "text": "It is so — 😀.", "citations": [CITATION]},
        {**CALL, "input": {"a": 1.0}},
        {**CALL, "id": "toolu_2"},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 5, "cache_read_input_tokens": 3, "output_tokens": 9},
}


@pytest.fixture(scope="session")
def decoded(sse: SSE) -> Callable[..., list[Event]]:
    """The events that a stream of these wire events gives."""

    def make(*events: Object) -> list[Event]:
        decoder = DIALECT.stream_decoder(ORIGIN)
        return [*decoder.feed(sse(*events)), *decoder.close()]

    return make


Decoded = Callable[..., list[Event]]


def test_a_stream_with_everything(decoded: Decoded) -> None:
    signature = Signature("anthropic", ORIGIN, "SIG")
    search = msgspec.json.encode({**SEARCH, "input": {"query": "é"}})
    result = msgspec.json.encode(
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    )
    caller = (Opaque("anthropic", "caller", b'{"type":"direct"}'),)
    assert decoded(*EVERYTHING) == [
        Started("msg_1", "claude-x"),
        UsageReported(Usage(input=5, output=1, cache_read=3)),
        BlockStarted(0, Thinking("")),
        ThinkingDelta(0, "h\u2028m"),
        SignatureDelta(0, signature),
        BlockEnded(0),
        BlockStarted(1, Thinking("", Signature("anthropic", ORIGIN, "DATA"), redacted=True)),
        BlockEnded(1),
        BlockStarted(2, Unknown("anthropic", "server_tool_use", search, server_side=True)),
        BlockEnded(2),
        BlockStarted(3, Unknown("anthropic", "web_search_tool_result", result, server_side=True)),
        BlockEnded(3),
        BlockStarted(4, Text("")),
        TextDelta(4, "It is "),
        TextDelta(4, "so — 😀."),
        CitationDelta(
            4, Citation("https://a.example", dialect="anthropic", json=msgspec.json.encode(CITATION))
        ),
        BlockEnded(4),
        BlockStarted(5, ToolCall("toolu_1", "f", "", opaque=caller)),
        ArgumentsDelta(5, '{"a": '),
        ArgumentsDelta(5, "1.0}"),
        BlockEnded(5),
        BlockStarted(6, ToolCall("toolu_2", "f", "", opaque=caller)),
        ArgumentsDelta(6, "{}"),
        BlockEnded(6),
        UsageReported(Usage(output=9)),
        Stopped(Stop(StopReason.TOOL_CALLS, raw="tool_use")),
    ]


def test_a_stream_folds_into_what_the_whole_answer_parses_to(decoded: Decoded) -> None:
    compact = [
        delta(5, "input_json_delta", partial_json='{"a":') if "'{\"a\": '" in str(event) else event
        for event in EVERYTHING
    ]
    assert compact != EVERYTHING
    assert fold(decoded(*compact)) == DIALECT.parse_response(msgspec.json.encode(TWIN), ORIGIN)


@given(st.data())
@settings(max_examples=60)
def test_any_split_of_the_bytes_gives_the_same_events(
    sse: SSE, decoded: Decoded, data: st.DataObject
) -> None:
    body = sse(*EVERYTHING).replace(b"\n", data.draw(st.sampled_from([b"\n", b"\r\n", b"\r"])))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=12)))
    decoder = DIALECT.stream_decoder(ORIGIN)
    events: list[Event] = []
    for begin_at, end_at in zip([0, *cuts], [*cuts, len(body)], strict=True):
        events += decoder.feed(body[begin_at:end_at])
        assert decoder.pending <= end_at
    assert [*events, *decoder.close()] == decoded(*EVERYTHING)


def test_pending_counts_what_is_no_whole_frame(sse: SSE) -> None:
    decoder = DIALECT.stream_decoder(ORIGIN)
    decoder.feed(sse(begin()) + b"event: pi")
    assert decoder.pending == len(b"event: pi")


def test_usage_is_the_last_that_was_said_of_each_count(decoded: Decoded) -> None:
    late = {**change(), "usage": {"input_tokens": 12551, "cache_read_input_tokens": None, "output_tokens": 7}}
    events = decoded(begin(cache_read_input_tokens=3), change(), late, STOP)
    assert fold(events).usage == Usage(input=12551, output=7, cache_read=3)


def test_a_refusal_may_have_no_blocks(decoded: Decoded) -> None:
    details = {"type": "refusal", "category": None, "explanation": "No."}
    response = fold(decoded(begin(), change("refusal", stop_details=details), STOP))
    assert response.choices[0].blocks == ()
    assert response.choices[0].stop == Stop(StopReason.REFUSAL, explanation="No.", raw="refusal")


def test_input_that_comes_with_the_start_of_its_block(decoded: Decoded) -> None:
    whole = {**CALL, "input": {"a": 1}}
    assert fold(decoded(begin(), start(0, whole), end(0), change(), STOP)).choices[0].blocks == (
        ToolCall("toolu_1", "f", '{"a":1}', opaque=(Opaque("anthropic", "caller", b'{"type":"direct"}'),)),
    )
    twice = [start(0, whole), delta(0, "input_json_delta", partial_json='{"a":2}'), end(0)]
    (call,) = fold(decoded(begin(), *twice, change(), STOP)).choices[0].blocks
    assert isinstance(call, ToolCall)
    assert call.arguments == '{"a":2}'


def test_text_and_reasoning_that_come_with_the_start_of_their_blocks(decoded: Decoded) -> None:
    blocks = [
        start(0, {"type": "thinking", "thinking": "h", "signature": "S"}),
        delta(0, "thinking_delta", thinking="m"),
        end(0),
        start(1, {"type": "text", "text": "a", "citations": [CITATION]}),
        end(1),
    ]
    thinking, text = fold(decoded(begin(), *blocks, change(), STOP)).choices[0].blocks
    assert thinking == Thinking("hm", Signature("anthropic", ORIGIN, "S"))
    assert isinstance(text, Text)
    assert (text.text, len(text.citations)) == ("a", 1)


def test_what_is_unknown_is_passed_over(decoded: Decoded) -> None:
    events = decoded(
        begin(),
        {"type": "of_the_future", "index": 3},
        start(0, TEXT),
        delta(0, "mood_delta", mood="good"),
        delta(0, "text_delta", text="a", of_the_future=1),
        delta(0, "input_json_delta", partial_json="{}"),
        delta(7, "input_json_delta", partial_json="{}"),
        end(0),
        end(7),
        change(),
        STOP,
    )
    assert fold(events).choices[0].blocks == (Text("a"),)


def test_a_summary_that_compaction_writes_is_kept(decoded: Decoded) -> None:
    blocks = [
        start(0, {"type": "compaction", "content": None}),
        delta(0, "compaction_delta", content="short"),
        end(0),
    ]
    assert fold(decoded(begin(), *blocks, change("compaction"), STOP)).choices[0].blocks == (
        Unknown("anthropic", "compaction", b'{"type":"compaction","content":"short"}'),
    )


def test_blocks_that_were_never_started_or_never_ended(decoded: Decoded) -> None:
    events = decoded(
        delta(0, "thinking_delta", thinking="hm"),
        delta(1, "text_delta", text="a"),
        start(2, CALL),
        change(),
        STOP,
    )
    assert events[0] == Started("", "")
    assert [event for event in events if isinstance(event, BlockEnded)] == [BlockEnded(i) for i in range(3)]
    assert fold(events).choices[0].blocks[:2] == (Thinking("hm"), Text("a"))


def test_a_stream_that_ends_after_its_stop_reason_is_complete(decoded: Decoded) -> None:
    events = decoded(begin(), start(0, TEXT), delta(0, "text_delta", text="a"), end(0), change("max_tokens"))
    assert events[-1] == Stopped(Stop(StopReason.MAX_TOKENS, raw="max_tokens"))


@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_a_stream_that_ends_early_has_failed(decoded: Decoded, length: int) -> None:
    events = decoded(*[begin(), start(0, TEXT), delta(0, "text_delta", text="a")][:length])
    assert isinstance(events[-1], Failed)
    assert events[-1].failure.kind is FailureKind.BAD_GATEWAY


def test_an_error_event_ends_everything(sse: SSE, decoded: Decoded) -> None:
    error: Object = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    events = decoded(begin(), error, start(0, TEXT), STOP)
    last = events[-1]
    assert len(events) == 3
    assert isinstance(last, Failed)
    assert last.failure.kind is FailureKind.OVERLOADED
    assert last.failure.message == "Overloaded"
    assert (last.failure.dialect, last.failure.body) == ("anthropic", msgspec.json.encode(error))


def test_an_error_object_without_a_type_is_an_error_too() -> None:
    decoder = DIALECT.stream_decoder(ORIGIN)
    (event,) = decoder.feed(b'data: {"error":{"message":"boom","code":429}}\n\n')
    assert isinstance(event, Failed)
    assert event.failure.kind is FailureKind.RATE_LIMIT


@pytest.mark.parametrize(
    "frame",
    [
        b"data: nonsense\n\n",
        b'data: {"type":"content_block_delta","index":"x"}\n\n',
        b'data: {"type":"content_block_start","index":0,"content_block":[]}\n\n',
        b"data: " + b"[" * 5000 + b"\n\n",
        b'data: {"type":"\xff"}\n\n',
    ],
)
def test_nonsense_fails_once_and_for_all(sse: SSE, frame: bytes) -> None:
    decoder = DIALECT.stream_decoder(ORIGIN)
    events = decoder.feed(frame + frame + sse(begin()))
    assert [type(event) for event in events if not isinstance(event, Started)] == [Failed]
    assert decoder.feed(sse(*EVERYTHING)) == []
    assert decoder.close() == []


def test_the_closing_mark_of_another_format_is_passed_over(sse: SSE) -> None:
    decoder = DIALECT.stream_decoder(ORIGIN)
    events = decoder.feed(sse(begin(), change()) + b"data: [DONE]\n\n")
    assert not any(isinstance(event, Failed) for event in events)
    assert isinstance(decoder.close()[-1], Stopped)


def test_nothing_follows_the_end(sse: SSE) -> None:
    decoder = DIALECT.stream_decoder(ORIGIN)
    assert isinstance(decoder.feed(sse(begin(), change(), STOP))[-1], Stopped)
    assert decoder.feed(sse(begin(), change(), STOP)) == []
    assert decoder.close() == []


@given(st.lists(st.binary(max_size=60), max_size=5))
@settings(max_examples=100)
def test_any_bytes_give_an_end_and_one_only(chunks: list[bytes]) -> None:
    decoder = DIALECT.stream_decoder(ORIGIN)
    events = [event for chunk in chunks for event in decoder.feed(chunk)] + decoder.close()
    ends = [event for event in events if isinstance(event, Failed | Stopped)]
    assert ends == events[-1:]


def test_a_frame_without_end_fails_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dragoman.frames.sse.MAX_FRAME", 100)
    decoder = DIALECT.stream_decoder(ORIGIN)
    assert decoder.feed(b"data: " + b"x" * 90) == []
    (event,) = decoder.feed(b"x" * 90)
    assert isinstance(event, Failed)
    assert event.failure.kind is FailureKind.BAD_GATEWAY


@given(st.lists(st.sampled_from(EVERYTHING), max_size=20))
@settings(max_examples=100)
def test_events_in_any_order_give_legal_events(decoded: Decoded, events: list[Object]) -> None:
    open_blocks: set[int] = set()
    expected = 0
    seen = decoded(*events)
    assert isinstance(seen[-1], Stopped | Failed)
    for position, event in enumerate(seen):
        match event:
            case Started():
                assert position == 0
            case BlockStarted(index=index):
                assert index == expected
                expected += 1
                open_blocks.add(index)
            case BlockEnded(index=index):
                open_blocks.remove(index)
            case TextDelta() | ThinkingDelta() | SignatureDelta() | ArgumentsDelta() | CitationDelta():
                assert event.index in open_blocks
            case Stopped():
                assert not open_blocks
                assert position == len(seen) - 1
            case _:
                pass
