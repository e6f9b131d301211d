"""Streams to the wire."""

from collections.abc import Callable

import msgspec
import pytest
from anthropic.types import RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from dragoman.conversation.blocks import (
    Block,
    Citation,
    Image,
    Inline,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    Unknown,
)
from dragoman.conversation.envelope import seal
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
from dragoman.conversation.fold import fold, unfold
from dragoman.conversation.opaque import Opaque, Signature
from dragoman.conversation.request import Reasoning
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.dialects.anthropic import DIALECT
from dragoman.dialects.anthropic.signatures import UNSIGNED, Slot, sealed
from dragoman.dialects.dialect import Reply

Encoded = Callable[..., bytes]
Read = Callable[[bytes], dict[str, object]]
GOOGLE = Signature("gemini", "google/gemini", "SIG")
NATIVE = Signature("anthropic", "anthropic/claude", "NATIVE")
BEGUN = Started("chatcmpl-1", "gpt")
ENDED = Stopped(Stop(StopReason.END))


def whole(index: int, block: Block, *deltas: Event) -> tuple[Event, ...]:
    return (BlockStarted(index, block), *deltas, BlockEnded(index))


@pytest.fixture(scope="session")
def content(encoded: Encoded, read_stream: Read) -> Callable[..., object]:
    """The content of the message that a stream of these blocks' events amounts to."""

    def make(*events: Event, reasoning: Reasoning | None = None) -> object:
        return read_stream(encoded(BEGUN, *events, ENDED, reasoning=reasoning))["content"]

    return make


Content = Callable[..., object]


def text(words: str) -> dict[str, object]:
    return {"type": "text", "text": words}


def use(identity: str, given_input: object) -> dict[str, object]:
    return {"type": "tool_use", "id": identity, "name": "f", "input": given_input}


def thinking(words: str, signature: str) -> dict[str, object]:
    return {"type": "thinking", "thinking": words, "signature": signature}


def redacted(data: str) -> dict[str, object]:
    return {"type": "redacted_thinking", "data": data}


def test_a_stream_frame_for_frame(encoded: Encoded) -> None:
    stream = encoded(
        BEGUN,
        UsageReported(Usage(input=5)),
        *whole(0, Text(""), TextDelta(0, "Hi "), TextDelta(0, "there")),
        Stopped(Stop(StopReason.END, raw="stop")),
        UsageReported(Usage(output=2, cache_read=1)),
    )
    assert stream == (
        b"event: message_start\n"
        b'data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",'
        b'"model":"gpt","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":5,'
        b'"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}\n\n'
        b"event: content_block_start\n"
        b'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
        b"event: content_block_delta\n"
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi "}}\n\n'
        b"event: content_block_delta\n"
        b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"there"}}\n\n'
        b"event: content_block_stop\n"
        b'data: {"type":"content_block_stop","index":0}\n\n'
        b"event: message_delta\n"
        b'data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":'
        b'{"input_tokens":5,"cache_creation_input_tokens":0,"cache_read_input_tokens":1,"output_tokens":2}}\n\n'
        b"event: message_stop\n"
        b'data: {"type":"message_stop"}\n\n'
    )


def test_the_vendors_own_library_knows_every_event(encoded: Encoded) -> None:
    adapter: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
    stream = encoded(
        Started("x", "m", service_tier="default"),
        *whole(0, Thinking(""), ThinkingDelta(0, "hm"), SignatureDelta(0, GOOGLE)),
        *whole(1, Text(""), TextDelta(1, "a"), CitationDelta(1, Citation("https://a.example"))),
        *whole(2, ToolCall("c", "f", ""), ArgumentsDelta(2, "{}")),
        UsageReported(Usage(1, 2, 3, 4, 5, 6)),
        Stopped(Stop(StopReason.REFUSAL, explanation="No.")),
    )
    kinds = [adapter.validate_json(frame.split(b"data: ")[1]).type for frame in stream.split(b"\n\n")[:-1]]
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"


def test_the_message_begins_with_its_first_block_and_the_usage_known_by_then(
    reply: Callable[..., Reply],
) -> None:
    encoder = DIALECT.stream_encoder(reply())
    assert encoder.encode(BEGUN) == b""
    assert encoder.encode(UsageReported(Usage(input=7))) == b""
    begun = encoder.encode(BlockStarted(0, Text("")))
    assert begun.startswith(b"event: message_start\n")
    assert b'"input_tokens":7' in begun


def test_a_stream_without_content_has_no_blocks(encoded: Encoded, read_stream: Read) -> None:
    message = read_stream(encoded(BEGUN, Stopped(Stop(StopReason.REFUSAL, explanation="No."))))
    assert message["content"] == []
    assert message["stop_reason"] == "refusal"
    assert message["stop_details"] == {"type": "refusal", "category": None, "explanation": "No."}


def test_empty_blocks_leave_nothing(content: Content) -> None:
    assert content(*whole(0, Text("")), *whole(1, Thinking("")), *whole(2, Refusal(""))) == []


def test_the_first_delta_of_every_block_is_there(content: Content) -> None:
    assert content(
        *whole(0, Thinking(""), ThinkingDelta(0, "hm")),
        *whole(1, Text(""), TextDelta(1, "a")),
        *whole(2, Refusal(""), TextDelta(2, "b")),
        *whole(3, ToolCall("c1", "f", ""), ArgumentsDelta(3, '{"a":1}')),
    ) == [thinking("hm", UNSIGNED), text("a"), text("b"), use("c1", {"a": 1})]


def test_a_call_without_arguments_has_one_empty_delta(encoded: Encoded, content: Content) -> None:
    events = whole(0, ToolCall("c1", "f", ""))
    assert content(*events) == [use("c1", {})]
    assert encoded(BEGUN, *events, ENDED).count(b'"partial_json":""') == 1


def test_free_text_becomes_the_functions_argument(content: Content) -> None:
    call = ToolCall("c1", "f", "", custom=True)
    assert content(*whole(0, call, ArgumentsDelta(0, "x ="), ArgumentsDelta(0, " 1"))) == [
        use("c1", {"input": "x = 1"})
    ]


@pytest.mark.parametrize(
    ("pieces", "given_input"),
    [
        (["null"], {}),
        ([" ", "[1", "]"], {"value": [1]}),
        (["yes"], {"__raw_arguments": "yes"}),
        ([" ", '{"a"', ":1}"], {"a": 1}),
        (['{"a": [1, "b'], {"a": [1, "b"]}),
        (['{"a":'], {"a": None}),
    ],
)
def test_arguments_that_are_no_object_become_one(
    content: Content, pieces: list[str], given_input: object
) -> None:
    deltas = [ArgumentsDelta(0, piece) for piece in pieces]
    assert content(*whole(0, ToolCall("c1", "f", ""), *deltas)) == [use("c1", given_input)]


def test_calls_that_grow_side_by_side_follow_one_another(content: Content) -> None:
    assert content(
        *whole(0, Text(""), TextDelta(0, "Hi")),
        BlockStarted(1, ToolCall("c1", "f", "")),
        ArgumentsDelta(1, '{"a"'),
        BlockStarted(2, ToolCall("c2", "f", "")),
        ArgumentsDelta(2, "{}"),
        BlockStarted(3, ToolCall("c3", "f", "")),
        ArgumentsDelta(3, '{"c":'),
        BlockEnded(2),
        ArgumentsDelta(1, ":1}"),
        ArgumentsDelta(3, "3}"),
        BlockEnded(3),
        BlockEnded(1),
    ) == [text("Hi"), use("c1", {"a": 1}), use("c2", {}), use("c3", {"c": 3})]


def test_the_first_call_is_written_as_it_grows(reply: Callable[..., Reply]) -> None:
    encoder = DIALECT.stream_encoder(reply())
    encoder.encode(BEGUN)
    assert b"tool_use" in encoder.encode(BlockStarted(0, ToolCall("c1", "f", "")))
    assert encoder.encode(BlockStarted(1, ToolCall("c2", "f", ""))) == b""
    assert encoder.encode(ArgumentsDelta(1, "{}")) == b""
    assert b'"partial_json":"{"' in encoder.encode(ArgumentsDelta(0, "{"))
    assert encoder.encode(BlockEnded(1)) == b""
    assert encoder.encode(BlockEnded(0)).count(b"content_block_stop\n") == 2


def test_text_waits_until_the_json_of_an_open_call_closes(reply: Callable[..., Reply]) -> None:
    encoder = DIALECT.stream_encoder(reply())
    encoder.encode(BEGUN)
    encoder.encode(BlockStarted(0, ToolCall("c1", "f", "")))
    encoder.encode(ArgumentsDelta(0, '{"a":'))
    assert encoder.encode(BlockStarted(1, Text(""))) == b""
    assert encoder.encode(TextDelta(1, "now")) == b""
    out = encoder.encode(ArgumentsDelta(0, "1}"))
    assert b"content_block_stop" in out
    assert b'"text":"now"' in out
    assert b'"text":" more"' in encoder.encode(TextDelta(1, " more"))
    assert encoder.encode(ArgumentsDelta(0, '{"a":1}')) == b""
    assert encoder.encode(BlockEnded(0)) == b""


def test_blocks_that_were_not_ended_end_with_the_answer(content: Content) -> None:
    assert content(
        BlockStarted(0, ToolCall("c1", "f", "")), BlockStarted(1, Text("")), TextDelta(1, "a")
    ) == [use("c1", {}), text("a")]


LAYOUTS: list[tuple[tuple[Event, ...], list[dict[str, object]]]] = [
    (whole(0, Thinking(""), ThinkingDelta(0, "hm"), SignatureDelta(0, NATIVE)), [thinking("hm", "NATIVE")]),
    (whole(0, Thinking(""), SignatureDelta(0, NATIVE)), [thinking("", "NATIVE")]),
    (
        whole(0, Thinking(""), ThinkingDelta(0, "hm"), SignatureDelta(0, GOOGLE)),
        [thinking("hm", seal(GOOGLE))],
    ),
    (whole(0, Thinking("", NATIVE, redacted=True)), [redacted("NATIVE")]),
    (whole(0, Thinking("", GOOGLE, redacted=True)), [redacted(seal(GOOGLE))]),
    (
        (
            *whole(0, Thinking(""), ThinkingDelta(0, "hm")),
            *whole(1, ToolCall("c1", "f", "", signature=GOOGLE), ArgumentsDelta(1, "{}")),
        ),
        [thinking("hm", sealed(GOOGLE, Slot.NEXT)), use("c1", {})],
    ),
    (
        (
            *whole(0, Thinking(""), ThinkingDelta(0, "hm"), SignatureDelta(0, GOOGLE)),
            *whole(1, ToolCall("c1", "f", "", signature=GOOGLE)),
        ),
        [thinking("hm", seal(GOOGLE)), thinking("", sealed(GOOGLE, Slot.NEXT)), use("c1", {})],
    ),
    (
        whole(0, ToolCall("c1", "f", ""), ArgumentsDelta(0, "{}"), SignatureDelta(0, GOOGLE)),
        [use("c1", {}), redacted(sealed(GOOGLE, Slot.LAST))],
    ),
    (
        (
            BlockStarted(0, ToolCall("c1", "f", "")),
            *whole(1, ToolCall("c2", "f", ""), SignatureDelta(1, GOOGLE)),
            BlockEnded(0),
        ),
        [use("c1", {}), thinking("", sealed(GOOGLE, Slot.NEXT)), use("c2", {})],
    ),
    (
        (*whole(0, Text(""), SignatureDelta(0, GOOGLE), TextDelta(0, "a")), *whole(1, Text("b"))),
        [text("a"), redacted(sealed(GOOGLE, Slot.LAST)), text("b")],
    ),
    (
        (*whole(0, Text("", signature=GOOGLE)), *whole(1, Text("b"))),
        [redacted(sealed(GOOGLE, Slot.ALONE)), text("b")],
    ),
    ((*whole(0, Text("a")), *whole(1, Text("", signature=GOOGLE))), [text("a")]),
    (whole(0, Text("a"), SignatureDelta(0, GOOGLE)), [text("a")]),
]


@pytest.mark.parametrize(("events", "blocks"), LAYOUTS)
def test_signatures_find_their_place(
    content: Content, events: tuple[Event, ...], blocks: list[dict[str, object]]
) -> None:
    assert content(*events) == blocks


def test_reasoning_that_the_client_does_not_want_to_read_is_not_written(content: Content) -> None:
    hidden = Reasoning(budget=1024, visible=False)
    events = whole(0, Thinking(""), ThinkingDelta(0, "hm"), SignatureDelta(0, NATIVE))
    assert content(*events, reasoning=hidden) == [thinking("", "NATIVE")]
    assert content(*whole(0, Thinking(""), ThinkingDelta(0, "hm")), reasoning=hidden) == []


def test_citations_come_before_and_after_the_text(content: Content) -> None:
    own = Citation(dialect="anthropic", json=b'{\n "type": "page_location"\n}')
    events = whole(
        0, Text(""), CitationDelta(0, own), TextDelta(0, "a"), CitationDelta(0, Citation("https://a.example"))
    )
    assert content(*events) == [
        {
            **text("a"),
            "citations": [
                {"type": "page_location"},
                {
                    "type": "web_search_result_location",
                    "cited_text": "",
                    "url": "https://a.example",
                    "title": None,
                    "encrypted_index": UNSIGNED,
                },
            ],
        }
    ]


def test_blocks_of_this_format_pass_and_others_are_left_out(content: Content) -> None:
    search = b'{"type": "server_tool_use", "id": "s",\n"name": "web_search", "input": {"query": "q"}}'
    result = b'{"type": "web_search_tool_result",\r\n"content": []}'
    assert content(
        *whole(0, Unknown("anthropic", "server_tool_use", search, server_side=True)),
        *whole(1, Unknown("anthropic", "web_search_tool_result", result, server_side=True)),
        *whole(2, Unknown("gemini", "executableCode", b"{}", server_side=True)),
        *whole(3, Image(Inline("image/png", "AAAA"))),
        *whole(4, ToolCall("c1", "f", "", opaque=(Opaque("anthropic", "caller", b'{\n"type":"direct"}'),))),
    ) == [
        msgspec.json.decode(search),
        msgspec.json.decode(result),
        text("[image that cannot be shown here]"),
        {**use("c1", {}), "caller": {"type": "direct"}},
    ]


def test_other_candidates_and_log_probabilities_have_no_place(content: Content) -> None:
    assert content(
        LogprobsReported(()),
        BlockStarted(0, Text(""), choice=1),
        TextDelta(0, "other", choice=1),
        BlockEnded(0, choice=1),
        Stopped(Stop(StopReason.END), choice=1),
        *whole(0, Text(""), TextDelta(0, "a")),
    ) == [text("a")]


@pytest.mark.parametrize(
    ("stop", "events", "word"),
    [
        (Stop(StopReason.END), whole(0, ToolCall("c", "f", "")), "tool_use"),
        (Stop(StopReason.TOOL_CALLS), (), "end_turn"),
        (Stop(StopReason.MAX_TOKENS), whole(0, ToolCall("c", "f", "")), "max_tokens"),
        (Stop(StopReason.END), whole(0, Refusal(""), TextDelta(0, "No.")), "refusal"),
        (Stop(StopReason.STOP_SEQUENCE, "END"), (), "stop_sequence"),
    ],
)
def test_stop_reasons(
    encoded: Encoded, read_stream: Read, stop: Stop, events: tuple[Event, ...], word: str
) -> None:
    message = read_stream(encoded(BEGUN, *events, Stopped(stop)))
    assert message["stop_reason"] == word
    assert message["stop_sequence"] == stop.sequence


def test_a_failure_ends_the_stream_with_an_error_and_nothing_more(reply: Callable[..., Reply]) -> None:
    encoder = DIALECT.stream_encoder(reply())
    encoder.encode(BEGUN)
    encoder.encode(BlockStarted(0, Text("")))
    encoder.encode(TextDelta(0, "a"))
    frame = encoder.encode(Failed(Failure(FailureKind.OVERLOADED, "Busy.")))
    assert frame == (
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Busy."}}\n\n'
    )
    assert encoder.encode(ENDED) == b""
    assert encoder.close() == b""


def test_an_error_of_this_format_goes_on_as_it_came(encoded: Encoded) -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded","x":1}}'
    failure = Failure(FailureKind.OVERLOADED, "Overloaded", dialect="anthropic", body=body)
    assert encoded(Failed(failure)) == b"event: error\ndata: " + body + b"\n\n"


def test_an_answer_that_never_stopped_is_no_clean_finish(encoded: Encoded) -> None:
    stream = encoded(BEGUN, *whole(0, Text(""), TextDelta(0, "a")))
    assert b"message_stop" not in stream
    assert stream.count(b"event: error\n") == 1
    assert encoded().startswith(b"event: error\n")


# --- for any legal events ------------------------------------------------------------------------

SIGNATURES = st.sampled_from([None, GOOGLE, NATIVE])
WORDS = st.sampled_from(["", "a", "b ", "\u2028", "\n\n"])
PIECES = st.sampled_from(["", '{"a"', ":1", "}", "{}", "["])


@st.composite
def growing(draw: st.DrawFn, index: int) -> list[Event]:
    """One block's events."""
    kind = draw(st.sampled_from(["text", "refusal", "thinking", "redacted", "call", "custom", "whole"]))
    signature = draw(SIGNATURES)
    late = [] if signature is None else [SignatureDelta(index, signature)]
    words = draw(st.lists(WORDS, max_size=3))
    pieces = draw(st.lists(PIECES, max_size=4))
    deltas: list[Event]
    block: Block
    match kind:
        case "text":
            block, deltas = Text(""), [*(TextDelta(index, word) for word in words), *late]
            if draw(st.booleans()):
                deltas.append(CitationDelta(index, Citation("https://a.example")))
        case "refusal":
            block, deltas = Refusal(""), [TextDelta(index, word) for word in words]
        case "thinking":
            block, deltas = Thinking(""), [*(ThinkingDelta(index, word) for word in words), *late]
        case "redacted":
            block, deltas = Thinking("", GOOGLE, redacted=True), []
        case "call":
            block = ToolCall(draw(st.sampled_from(["", "c", "d.e"])), "f", "", signature=signature)
            deltas = [ArgumentsDelta(index, piece) for piece in pieces]
        case "custom":
            block = ToolCall("c", "f", "", custom=True)
            deltas = [*(ArgumentsDelta(index, piece) for piece in pieces), *late]
        case _:
            block, deltas = Unknown("anthropic", "fallback", b'{"type":"fallback"}', server_side=True), []
    return [BlockStarted(index, block), *deltas, BlockEnded(index)]


@st.composite
def answers(draw: st.DrawFn) -> list[Event]:
    """A whole answer's events, the blocks' own woven into each other."""
    blocks = [draw(growing(index)) for index in range(draw(st.integers(0, 5)))]
    events: list[Event] = []
    started = 0
    while any(blocks):
        ready = [block for block in blocks[: started + 1] if block]
        block = draw(st.sampled_from(ready))
        if isinstance(block[0], BlockStarted):
            started += 1
        events.append(block.pop(0))
    events.insert(draw(st.integers(0, len(events))), UsageReported(Usage(input=1)))
    reason = draw(st.sampled_from(list(StopReason)))
    return [BEGUN, *events, Stopped(Stop(reason)), UsageReported(Usage(output=2))]


def is_json(words: str) -> bool:
    try:
        msgspec.json.decode(words or "{}")
    except msgspec.DecodeError:
        return False
    return True


@given(answers())
@settings(max_examples=100)
def test_any_legal_events_give_a_well_formed_stream(
    encoded: Encoded, read_stream: Read, events: list[Event]
) -> None:
    fixed = [ArgumentsDelta(e.index, "") if isinstance(e, ArgumentsDelta) else e for e in events]
    calls = [block for block in fold(events).choices[0].blocks if isinstance(block, ToolCall)]
    if all(is_json(call.arguments) for call in calls):
        read_stream(encoded(*events))
    message = read_stream(encoded(*fixed))
    assert message["usage"] == {
        "input_tokens": 1,
        "output_tokens": 2,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
    }


@given(answers())
@settings(max_examples=100)
def test_a_streamed_answer_is_the_whole_answer(
    encoded: Encoded, read_stream: Read, reply: Callable[..., Reply], events: list[Event]
) -> None:
    fixed = [ArgumentsDelta(e.index, "") if isinstance(e, ArgumentsDelta) else e for e in events]
    response: Response = fold(fixed)
    streamed = read_stream(encoded(*unfold(response)))
    whole_answer = msgspec.json.decode(DIALECT.render_response(response, reply()))
    assert streamed == whole_answer


def test_a_choice_that_is_folded_keeps_its_order(read_stream: Read, encoded: Encoded) -> None:
    choice = Choice(0, (Text("a"), ToolCall("c", "f", '{"x":1}')), Stop(StopReason.TOOL_CALLS))
    message = read_stream(encoded(*unfold(Response("msg_9", "m", (choice,)))))
    assert message["content"] == [text("a"), use("c", {"x": 1})]
