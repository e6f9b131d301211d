"""Streamed answers for our clients, frame by frame."""

import json

from dragoman.conversation.blocks import (
    Audio,
    Citation,
    Document,
    Image,
    Inline,
    Refusal,
    Stored,
    Text,
    Thinking,
    ToolCall,
    Unknown,
)
from dragoman.conversation.envelope import unseal
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
from dragoman.conversation.request import Request
from dragoman.conversation.response import Stop, StopReason, TokenLogprob
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Location, Reply, StreamEncoder
from dragoman.dialects.openai_chat import DIALECT

END = Stopped(Stop(StopReason.END))
BEGIN = Started("msg_1", "m", 5)
ROLE = {"role": "assistant", "content": "", "refusal": None}


def encoder(*, usage: bool = False, legacy: bool = False) -> StreamEncoder:
    request = Request(
        dialect="openai_chat",
        model="asked",
        messages=(),
        stream=True,
        stream_usage=usage,
        legacy_functions=legacy,
    )
    return DIALECT.stream_encoder(Reply(request, Location(), 7, "chatcmpl-fallback", "fp", "o"))


def frames(*events: Event, usage: bool = False, legacy: bool = False) -> list[dict[str, object]]:
    made = encoder(usage=usage, legacy=legacy)
    data = b"".join(map(made.encode, events)) + made.close()
    *chunks, done, rest = data.split(b"\n\n")
    assert (done, rest) == (b"data: [DONE]", b"")
    return [json.loads(chunk.removeprefix(b"data: ")) for chunk in chunks]


def deltas(*events: Event, legacy: bool = False) -> list[tuple[object, object]]:
    """Each frame's delta and finish reason, the role frame left out."""
    choices = [json.loads(json.dumps(one["choices"]))[0] for one in frames(*events, legacy=legacy)]
    got = [(one["delta"], one["finish_reason"]) for one in choices]
    assert got[0] == (ROLE, None)
    return got[1:]


def test_a_small_stream_byte_for_byte() -> None:
    made = encoder()
    head = (
        b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":5,"model":"m",'
        b'"system_fingerprint":"fp","choices":[{"index":0,"delta":'
    )
    assert made.encode(BEGIN) == (
        head + b'{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]}\n\n'
    )
    assert made.encode(BlockStarted(0, Text(""))) == b""
    assert made.encode(TextDelta(0, 'a"\u2028')) == (
        head + '{"content":"a\\"\u2028"},"logprobs":null,"finish_reason":null}]}\n\n'.encode()
    )
    assert made.encode(BlockEnded(0)) == b""
    assert made.encode(END) == head + b'{},"logprobs":null,"finish_reason":"stop"}]}\n\n'
    assert made.close() == b"data: [DONE]\n\n"


def test_usage_comes_last_and_only_when_asked_for() -> None:
    events = (
        BEGIN,
        UsageReported(Usage(input=3)),
        BlockStarted(0, Text("")),
        END,
        UsageReported(Usage(output=2)),
    )
    *chunks, last = frames(*events, usage=True)
    assert all(chunk["usage"] is None for chunk in chunks)
    assert last["choices"] == []
    assert last["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    assert last["id"] == "chatcmpl-1"
    assert not any("usage" in chunk for chunk in frames(*events))


def test_usage_that_nobody_knows_is_not_made_up() -> None:
    assert all(chunk["usage"] is None for chunk in frames(BEGIN, END, usage=True))


def test_a_call_is_its_header_and_then_its_arguments() -> None:
    assert deltas(
        BEGIN,
        BlockStarted(0, ToolCall("a", "f", "")),
        ArgumentsDelta(0, '{"x"'),
        ArgumentsDelta(0, ":1}"),
        BlockEnded(0),
        Stopped(Stop(StopReason.TOOL_CALLS)),
    ) == [
        (
            {
                "tool_calls": [
                    {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}
                ]
            },
            None,
        ),
        ({"tool_calls": [{"index": 0, "function": {"arguments": '{"x"'}}]}, None),
        ({"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]}, None),
        ({}, "tool_calls"),
    ]


def test_a_call_without_arguments_streams_an_empty_object() -> None:
    got = deltas(BEGIN, BlockStarted(0, ToolCall("a", "f", "")), ArgumentsDelta(0, ""), BlockEnded(0), END)
    assert got[1:] == [
        ({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}, None),
        ({}, "tool_calls"),
    ]


def test_calls_are_numbered_among_themselves() -> None:
    got = deltas(
        BEGIN,
        BlockStarted(0, Text("")),
        TextDelta(0, "x"),
        BlockEnded(0),
        BlockStarted(1, ToolCall("a", "f", "")),
        BlockStarted(2, ToolCall("", "g", "")),
        ArgumentsDelta(2, "{}"),
        ArgumentsDelta(1, "{}"),
        BlockEnded(1),
        BlockEnded(2),
        END,
    )
    indexes = [json.loads(json.dumps(delta))["tool_calls"][0]["index"] for delta, _ in got[1:-1]]
    assert indexes == [0, 1, 1, 0]
    assert json.loads(json.dumps(got[2][0]))["tool_calls"][0]["id"].startswith("call_")


def test_free_text_calls_stream_their_input() -> None:
    assert deltas(
        BEGIN,
        BlockStarted(0, ToolCall("a", "sh", "", custom=True)),
        ArgumentsDelta(0, "ls"),
        BlockEnded(0),
        END,
    )[:2] == [
        (
            {
                "tool_calls": [
                    {"index": 0, "id": "a", "type": "custom", "custom": {"name": "sh", "input": ""}}
                ]
            },
            None,
        ),
        ({"tool_calls": [{"index": 0, "custom": {"input": "ls"}}]}, None),
    ]


def test_the_retired_form_streams_one_call() -> None:
    assert deltas(
        BEGIN,
        BlockStarted(0, ToolCall("a", "f", "")),
        BlockStarted(1, ToolCall("b", "g", "")),
        ArgumentsDelta(1, "{}"),
        BlockEnded(0),
        BlockEnded(1),
        END,
        legacy=True,
    ) == [
        ({"function_call": {"name": "f", "arguments": ""}}, None),
        ({"function_call": {"arguments": "{}"}}, None),
        ({}, "function_call"),
    ]


def test_thinking_is_reasoning_content() -> None:
    assert deltas(
        BEGIN, BlockStarted(0, Thinking("")), ThinkingDelta(0, "hm"), ThinkingDelta(0, ""), BlockEnded(0), END
    ) == [({"reasoning_content": "hm"}, None), ({}, "stop")]


def test_a_refusal_has_its_own_slot() -> None:
    refused = Stopped(Stop(StopReason.REFUSAL, explanation="because"))
    assert deltas(BEGIN, BlockStarted(0, Refusal("")), TextDelta(0, "No."), BlockEnded(0), refused) == [
        ({"refusal": "No."}, None),
        ({}, "content_filter"),
    ]
    assert deltas(BEGIN, refused) == [({"refusal": "because"}, None), ({}, "content_filter")]


def test_citations_are_told_before_the_finish() -> None:
    citation = Citation(url="https://e.com", title="T")
    got = deltas(
        BEGIN,
        BlockStarted(0, Text("")),
        TextDelta(0, "ab"),
        BlockEnded(0),
        BlockStarted(1, Text("")),
        CitationDelta(1, citation),
        TextDelta(1, "\U0001f44bd"),
        BlockEnded(1),
        END,
    )
    place = {"start_index": 2, "end_index": 4, "title": "T", "url": "https://e.com"}
    assert got[-2:] == [
        ({"annotations": [{"type": "url_citation", "url_citation": place}]}, None),
        ({}, "stop"),
    ]


def test_log_probabilities_are_a_frame_of_their_own() -> None:
    got = frames(BEGIN, LogprobsReported((TokenLogprob("x", -0.5),)), END)[1]
    choices = got["choices"]
    assert isinstance(choices, list)
    assert choices[0]["logprobs"]["content"][0]["token"] == "x"
    assert choices[0]["delta"] == {}


def test_choices_are_kept_apart() -> None:
    got = frames(
        BEGIN,
        BlockStarted(0, Text(""), 0),
        BlockStarted(0, Text(""), 1),
        TextDelta(0, "b", 1),
        TextDelta(0, "a", 0),
        Stopped(Stop(StopReason.END), 1),
        Stopped(Stop(StopReason.MAX_TOKENS), 0),
    )
    seen = [json.loads(json.dumps(one["choices"]))[0] for one in got]
    assert [(one["index"], one["delta"], one["finish_reason"]) for one in seen] == [
        (0, ROLE, None),
        (1, ROLE, None),
        (1, {"content": "b"}, None),
        (0, {"content": "a"}, None),
        (1, {}, "stop"),
        (0, {}, "length"),
    ]


def test_a_failure_is_an_error_frame_and_done() -> None:
    made = encoder(usage=True)
    made.encode(BEGIN)
    made.encode(UsageReported(Usage(input=1)))
    error = made.encode(Failed(Failure(FailureKind.OVERLOADED, "busy")))
    assert json.loads(error.removeprefix(b"data: "))["error"]["code"] == "server_is_overloaded"
    assert error.endswith(b"\n\n")
    assert made.close() == b"data: [DONE]\n\n"


def test_whole_blocks_of_media() -> None:
    assert deltas(BEGIN, BlockStarted(0, Image(Inline("image/png", "AA=="))), BlockEnded(0), END)[0] == (
        {"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]},
        None,
    )
    sound = deltas(BEGIN, BlockStarted(0, Audio(Inline("audio/pcm", "QQ=="))), BlockEnded(0), END)[0][0]
    assert json.loads(json.dumps(sound))["audio"]["data"] == "QQ=="
    own = deltas(BEGIN, BlockStarted(0, Unknown("openai_chat", "audio", b'{"data":"QQ=="}')), END)[0]
    assert own == ({"audio": {"data": "QQ=="}}, None)


def test_what_only_other_dialects_have_is_left_out() -> None:
    assert deltas(
        BEGIN,
        BlockStarted(0, Unknown("anthropic", "server_tool_use", b"{}", server_side=True)),
        BlockEnded(0),
        BlockStarted(1, Document(Inline("application/pdf", ""))),
        BlockEnded(1),
        BlockStarted(2, Image(Stored("gemini", "x"))),
        BlockEnded(2),
        BlockStarted(3, Audio(Stored("gemini", "x"))),
        BlockEnded(3),
        END,
    ) == [({}, "stop")]


def test_the_tier_is_told_in_every_chunk() -> None:
    assert all(one["service_tier"] == "flex" for one in frames(Started("a", "m", 1, "flex"), END))


def test_a_stream_that_never_said_who_answers_has_a_head_all_the_same() -> None:
    got = frames(BlockStarted(0, Text("")), TextDelta(0, "x"), END)[0]
    assert (got["id"], got["created"], got["model"]) == ("chatcmpl-fallback", 7, "asked")


def test_the_media_type() -> None:
    assert DIALECT.stream_type(Location()).startswith("text/event-stream")


def test_a_calls_signature_may_come_later() -> None:
    signed = SignatureDelta(0, Signature("gemini", "o", "SIG"))
    start = BlockStarted(0, ToolCall("a", "f", ""))
    delta = json.loads(json.dumps(deltas(BEGIN, start, signed, BlockEnded(0), END)[1][0]))
    sealed = delta["tool_calls"][0]["extra_content"]["google"]["thought_signature"]
    assert unseal(sealed) == Signature("gemini", "o", "SIG")
    assert delta["reasoning_details"][0]["id"] == "a"
    legacy = json.loads(json.dumps(deltas(BEGIN, start, signed, BlockEnded(0), END, legacy=True)[1][0]))
    assert legacy.keys() == {"reasoning_details"}


def test_signatures_of_blocks_that_are_left_out_are_left_out() -> None:
    hidden = BlockStarted(0, Unknown("gemini", "executableCode", b"{}"))
    assert deltas(BEGIN, hidden, SignatureDelta(0, Signature("gemini", "o", "S")), BlockEnded(0), END) == [
        ({}, "stop")
    ]
