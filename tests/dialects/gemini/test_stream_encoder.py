"""Streamed answers, written."""

import json
from collections.abc import Callable

import msgspec
import pytest

from dragoman.conversation.blocks import (
    Block,
    Citation,
    Image,
    Inline,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
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
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import Stop, StopReason, TokenLogprob
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Reply
from dragoman.dialects.gemini.signatures import Entry, Kind, unpacked
from dragoman.dialects.gemini.stream_encoder import GeminiStreamEncoder

MakeReply = Callable[..., Reply]
CLAUDE = Signature("anthropic", "anthropic/claude", "sig")
START = Started("msg_1", "claude")
END = Stopped(Stop(StopReason.END))


def text(index: int, *pieces: str) -> list[Event]:
    return [BlockStarted(index, Text("")), *(TextDelta(index, piece) for piece in pieces), BlockEnded(index)]


def encoded(reply: Reply, *events: Event) -> bytes:
    encoder = GeminiStreamEncoder(reply)
    return b"".join(encoder.encode(event) for event in events) + encoder.close()


def chunks(reply: Reply, *events: Event) -> list[dict[str, object]]:
    """The chunks of an event stream, framed exactly as Google frames them."""
    stream = encoded(reply, *events)
    frames = stream.split(b"\r\n\r\n")
    assert frames.pop() == b""
    assert all(frame.startswith(b"data: ") and b"\n" not in frame for frame in frames)
    return [json.loads(frame.removeprefix(b"data: ")) for frame in frames]


def parts(reply: Reply, *events: Event) -> list[dict[str, object]]:
    """All parts in order, the empty one at the end left out."""
    listed = [
        part
        for chunk in json.loads(json.dumps(chunks(reply, START, *events, END)))
        for candidate in chunk["candidates"]
        for part in candidate["content"]["parts"]
    ]
    if listed[-1] == {"text": ""}:
        listed.pop()
    return listed


def test_a_text_streams_delta_by_delta_and_ends_with_reason_and_usage(reply: MakeReply) -> None:
    names = {"modelVersion": "claude", "responseId": "msg_1"}
    assert chunks(
        reply(),
        START,
        UsageReported(Usage(input=3)),
        *text(0, "Hel", "lo \u2028\n"),
        Stopped(Stop(StopReason.REFUSAL, explanation="why")),
        UsageReported(Usage(output=2)),
    ) == [
        {"candidates": [{"content": {"parts": [{"text": "Hel"}], "role": "model"}, "index": 0}], **names},
        {
            "candidates": [{"content": {"parts": [{"text": "lo \u2028\n"}], "role": "model"}, "index": 0}],
            **names,
        },
        {
            "candidates": [
                {
                    "content": {"parts": [{"text": ""}], "role": "model"},
                    "finishReason": "SAFETY",
                    "finishMessage": "why",
                    "index": 0,
                }
            ],
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
            **names,
        },
    ]


def test_an_answer_without_names_gets_the_gateways(reply: MakeReply) -> None:
    [_, last] = chunks(reply(), Started("", ""), *text(0, "a"), END)
    assert (last["modelVersion"], last["responseId"]) == ("public-name", "fallback")


def test_an_array_is_framed_as_google_frames_it(reply: MakeReply) -> None:
    stream = encoded(reply(sse=False), START, *text(0, "a", "b"), END)
    assert stream.startswith(b'[{"candidates"')
    assert stream.count(b"}\n,\r\n{") == 2
    assert stream.endswith(b"}\n]")
    assert [chunk["candidates"][0]["content"]["parts"][0]["text"] for chunk in json.loads(stream)] == [
        "a",
        "b",
        "",
    ]


def test_an_array_is_closed_even_when_nothing_came(reply: MakeReply) -> None:
    assert json.loads(encoded(reply(sse=False), START)) == []
    assert encoded(reply(), START) == b""


def test_thoughts_go_only_to_clients_that_asked(reply: MakeReply) -> None:
    events = [BlockStarted(0, Thinking("")), ThinkingDelta(0, "why"), ThinkingDelta(0, ""), BlockEnded(0)]
    assert parts(reply(), *events, *text(1, "a")) == [{"text": "why", "thought": True}, {"text": "a"}]
    assert parts(reply(thoughts=False), *events, *text(1, "a")) == [{"text": "a"}]


def test_calls_go_out_whole_when_they_end(reply: MakeReply) -> None:
    encoder = GeminiStreamEncoder(reply())
    encoder.encode(START)
    assert encoder.encode(BlockStarted(0, ToolCall("1", "f", ""))) == b""
    assert encoder.encode(BlockStarted(1, ToolCall("2", "g", ""))) == b""
    assert encoder.encode(ArgumentsDelta(0, '{"a":')) == b""
    assert encoder.encode(ArgumentsDelta(1, "{}")) == b""
    assert encoder.encode(ArgumentsDelta(0, "\n1.0}")) == b""
    first = encoder.encode(BlockEnded(0))
    assert b'{"functionCall":{"id":"1","name":"f","args":{"a":1.0}}}' in first
    assert b'"name":"g"' in encoder.encode(BlockEnded(1))


@pytest.mark.parametrize(
    ("arguments", "args"),
    [("", {}), ('{"a":"cut', {"a": "cut"}), ("[1]", {"value": [1]}), ("oops", {"__raw_arguments": "oops"})],
)
def test_no_call_is_lost_for_its_arguments(reply: MakeReply, arguments: str, args: dict[str, object]) -> None:
    events = [BlockStarted(0, ToolCall("1", "f", "")), ArgumentsDelta(0, arguments), BlockEnded(0)]
    assert parts(reply(), *events) == [{"functionCall": {"id": "1", "name": "f", "args": args}}]


def test_refusals_media_and_googles_own_parts(reply: MakeReply) -> None:
    whole: list[Block] = [
        Image(Inline("image/png", "QQ==")),
        Unknown("gemini", "executableCode", b'{"executableCode":{\n"code":"1.0"}}', server_side=True),
        Unknown("anthropic", "server_tool_use", b"{}", server_side=True),
        ToolResult("1", ()),
    ]
    events: list[Event] = [BlockStarted(0, Refusal("")), TextDelta(0, "no"), BlockEnded(0)]
    for index, block in enumerate(whole, 1):
        events += [BlockStarted(index, block), BlockEnded(index)]
    assert parts(reply(), *events) == [
        {"text": "no"},
        {"inlineData": {"mimeType": "image/png", "data": "QQ=="}},
        {"executableCode": {"code": "1.0"}},
    ]


def test_a_block_may_open_with_text_in_it(reply: MakeReply) -> None:
    events = [
        BlockStarted(0, Thinking("why")),
        BlockEnded(0),
        BlockStarted(1, Text("a")),
        BlockEnded(1),
    ]
    assert parts(reply(), *events) == [{"text": "why", "thought": True}, {"text": "a"}]


def test_googles_own_signatures_stay_on_their_part(reply: MakeReply) -> None:
    def own(value: str) -> Signature:
        return Signature("gemini", "g", value)

    assert parts(
        reply(),
        BlockStarted(0, Thinking("")),
        ThinkingDelta(0, "t"),
        SignatureDelta(0, own("A")),
        BlockEnded(0),
        BlockStarted(1, Text("")),
        TextDelta(1, "a"),
        SignatureDelta(1, own("B")),
        BlockEnded(1),
        BlockStarted(2, ToolCall("1", "f", "", signature=own("C"))),
        BlockEnded(2),
        BlockStarted(3, ToolCall("2", "g", "")),
        SignatureDelta(3, own("D")),
        BlockEnded(3),
    ) == [
        {"text": "t", "thought": True},
        {"text": "", "thought": True, "thoughtSignature": "A"},
        {"text": "a"},
        {"text": "", "thoughtSignature": "B"},
        {"functionCall": {"id": "1", "name": "f", "args": {}}, "thoughtSignature": "C"},
        {"functionCall": {"id": "2", "name": "g", "args": {}}, "thoughtSignature": "D"},
    ]


def carried(part: dict[str, object]) -> list[Entry] | None:
    value = part["thoughtSignature"]
    assert isinstance(value, str)
    return unpacked(value)


THINKING: list[Event] = [
    BlockStarted(0, Thinking("")),
    ThinkingDelta(0, "wh"),
    ThinkingDelta(0, "y"),
    SignatureDelta(0, CLAUDE),
    BlockEnded(0),
    BlockStarted(1, Thinking("", CLAUDE, redacted=True)),
    BlockEnded(1),
]


def test_anothers_signature_rides_on_the_call_that_follows(reply: MakeReply) -> None:
    *_, call = parts(
        reply(), *THINKING, *text(2, "o", "k"), BlockStarted(3, ToolCall("1", "f", "")), BlockEnded(3)
    )
    assert carried(call) == [Entry(CLAUDE, Kind.THINKING, 2, "why"), Entry(CLAUDE, Kind.REDACTED, 2)]


def test_anothers_signature_rides_on_the_last_chunk_where_no_call_follows(reply: MakeReply) -> None:
    *_, last = parts(reply(thoughts=False), *THINKING, *text(2, "ok"))
    assert last["text"] == ""
    assert carried(last) == [Entry(CLAUDE, Kind.THINKING, 2, "why"), Entry(CLAUDE, Kind.REDACTED, 2)]


def test_citations_are_grounding_in_the_last_chunk(reply: MakeReply) -> None:
    events = [
        *text(0, "größe"),
        BlockStarted(1, Text("")),
        TextDelta(1, "abc"),
        CitationDelta(1, Citation(url="u", title="T", start=1, end=3)),
        BlockEnded(1),
    ]
    *_, last = json.loads(json.dumps(chunks(reply(), START, *events, END)))
    assert last["candidates"][0]["groundingMetadata"] == {
        "groundingChunks": [{"web": {"uri": "u", "title": "T"}}],
        "groundingSupports": [
            {"segment": {"startIndex": 8, "endIndex": 10, "text": "bc"}, "groundingChunkIndices": [0]}
        ],
    }


def test_log_probabilities_ride_on_the_next_chunk(reply: MakeReply) -> None:
    def token(text: str) -> LogprobsReported:
        return LogprobsReported((TokenLogprob(text, -1.0),))

    first, second, last = json.loads(
        json.dumps(
            chunks(
                reply(),
                START,
                BlockStarted(0, Text("")),
                token("a"),
                TextDelta(0, "a"),
                TextDelta(0, "b"),
                BlockEnded(0),
                token("c"),
                END,
            )
        )
    )
    assert [t["token"] for t in first["candidates"][0]["logprobsResult"]["chosenCandidates"]] == ["a"]
    assert "logprobsResult" not in second["candidates"][0]
    assert [t["token"] for t in last["candidates"][0]["logprobsResult"]["chosenCandidates"]] == ["c"]


def test_several_answers_are_told_apart_by_their_index(reply: MakeReply) -> None:
    listed = json.loads(
        json.dumps(
            chunks(
                reply(),
                START,
                BlockStarted(0, Text(""), choice=1),
                TextDelta(0, "b", choice=1),
                *text(0, "a"),
                BlockEnded(0, choice=1),
                Stopped(Stop(StopReason.MAX_TOKENS), choice=1),
                END,
            )
        )
    )
    assert [(c["index"], c["content"]["parts"]) for chunk in listed[:2] for c in chunk["candidates"]] == [
        (1, [{"text": "b"}]),
        (0, [{"text": "a"}]),
    ]
    assert [(c["index"], c["finishReason"]) for c in listed[2]["candidates"]] == [
        (0, "STOP"),
        (1, "MAX_TOKENS"),
    ]


FAILED = Failed(Failure(FailureKind.OVERLOADED, "busy"))
ERROR = {"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}


def test_a_failure_is_an_error_and_never_a_clean_end(reply: MakeReply) -> None:
    assert chunks(reply(), START, *text(0, "a"), END, FAILED)[-1] == ERROR
    assert json.loads(encoded(reply(sse=False), START, *text(0, "a"), FAILED))[-1] == ERROR
    assert json.loads(encoded(reply(sse=False), FAILED)) == [ERROR]


def test_an_end_for_an_unknown_block_is_nothing(reply: MakeReply) -> None:
    assert encoded(reply(), START, BlockEnded(7)) == b""


def test_every_chunk_is_one_that_googles_client_takes(reply: MakeReply) -> None:
    types = pytest.importorskip("google.genai.types")
    events = [*THINKING, *text(2, "o", "k"), BlockStarted(3, ToolCall("1", "f", "")), BlockEnded(3)]
    for chunk in chunks(reply(), START, *events, END, UsageReported(Usage(input=1, output=2))):
        answer = types.GenerateContentResponse.model_validate_json(msgspec.json.encode(chunk))
        content = answer.candidates[0].content
        # chats of that client forget a turn with a chunk that has no parts
        assert content.parts
        assert all(part != types.Part() for part in content.parts)
        assert answer.response_id == "msg_1"
