"""Streams for our clients."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.blocks import (
    Audio,
    Block,
    Citation,
    Image,
    Inline,
    Refusal,
    Remote,
    Text,
    Thinking,
    ToolCall,
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
from dragoman.conversation.fold import fold, unfold
from dragoman.conversation.opaque import Opaque, Signature
from dragoman.conversation.request import Message, Reasoning, Request, Role
from dragoman.conversation.response import Choice, Response, Stop, StopReason, TokenLogprob
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Location, Reply, Sent
from dragoman.dialects.openai_responses import DIALECT
from dragoman.dialects.openai_responses.reasoning import thinking_of
from dragoman.testing.grammar.openai_responses import check_response, check_stream

Json = dict[str, Any]
BEGUN = Started("chatcmpl-1", "gpt-9", 1700000000)
END = Stopped(Stop(StopReason.END))
SEALED = Signature("gemini", "gemini/gemini-3", "CiQB")


def reply(**changes: Any) -> Reply:
    request = Request(
        "openai_responses", "asked", (Message(Role.USER, (Text("hi"),)),), stream=True, **changes
    )
    return Reply(request, Location(), 1700000005, "f" * 24, "fp_1", "p/m")


def written(*events: Event, **changes: Any) -> bytes:
    encoder = DIALECT.stream_encoder(reply(**changes))
    return b"".join(encoder.encode(event) for event in events) + encoder.close()


def frames(body: bytes) -> list[Json]:
    """The data of every frame; each is held to have its type as its name."""
    found: list[Json] = []
    for frame in body.decode().removesuffix("\n\n").split("\n\n"):
        name, data = frame.split("\n")
        found.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {found[-1]['type']}"
    return found


def kinds(body: bytes) -> list[str]:
    return [frame["type"].removeprefix("response.") for frame in frames(body)]


def answer(body: bytes) -> Json:
    """The response in the last event."""
    return frames(body)[-1]["response"]


def text_events(*texts: str, index: int = 0) -> list[Event]:
    return [
        BlockStarted(index, Text("")),
        *(TextDelta(index, text) for text in texts),
        BlockEnded(index),
    ]


# --- the grammar ---------------------------------------------------------------------------------


def test_text_after_reasoning() -> None:
    body = written(
        BEGUN,
        BlockStarted(0, Thinking("")),
        ThinkingDelta(0, "Hm"),
        ThinkingDelta(0, "m."),
        SignatureDelta(0, SEALED),
        BlockEnded(0),
        *text_events("He", "llo", index=1),
        END,
        UsageReported(Usage(input=3, output=2)),
    )
    assert check_stream(body) == []
    assert kinds(body) == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]


def test_every_event_is_numbered_without_a_gap() -> None:
    body = written(BEGUN, *text_events("Hi"), Failed(Failure(FailureKind.SERVER, "It broke.")))
    assert [frame["sequence_number"] for frame in frames(body)] == list(range(len(frames(body))))


def test_the_response_begins_as_a_skeleton_that_repeats_the_request() -> None:
    body = written(BEGUN, END, max_tokens=99)
    created, in_progress = frames(body)[:2]
    assert created["response"] == in_progress["response"]
    assert created["response"]["id"] == "resp_1"
    assert created["response"]["status"] == "in_progress"
    assert created["response"]["output"] == []
    assert created["response"]["usage"] is None
    assert created["response"]["max_output_tokens"] == 99
    assert (created["response"]["model"], created["response"]["created_at"]) == ("gpt-9", 1700000000)


def test_an_answer_that_was_never_announced_begins_all_the_same() -> None:
    body = written(*text_events("Hi"), END)
    assert check_stream(body) == []
    assert (answer(body)["id"], answer(body)["model"]) == ("resp_" + "f" * 24, "asked")


def test_a_call_says_its_id_when_it_is_added_and_when_it_is_done() -> None:
    body = written(
        BEGUN,
        BlockStarted(0, ToolCall("call_1", "look", "")),
        ArgumentsDelta(0, '{"a"'),
        ArgumentsDelta(0, ":1}"),
        BlockEnded(0),
        Stopped(Stop(StopReason.TOOL_CALLS)),
    )
    assert check_stream(body) == []
    added, *_, done, last = frames(body)[2:]
    assert (added["item"]["call_id"], added["item"]["arguments"]) == ("call_1", "")
    assert (done["item"]["call_id"], done["item"]["arguments"]) == ("call_1", '{"a":1}')
    assert last["response"]["status"] == "completed"
    assert last["response"]["output"] == [done["item"]]


def test_a_tool_call_without_arguments_streams_an_empty_object() -> None:
    body = written(BEGUN, BlockStarted(0, ToolCall("call_1", "look", "")), BlockEnded(0), END)
    assert check_stream(body) == []
    assert [frame["delta"] for frame in frames(body) if frame["type"].endswith("arguments.delta")] == ["{}"]
    assert answer(body)["output"][0]["arguments"] == "{}"


def test_a_call_without_an_id_gets_one_that_is_the_same_every_time() -> None:
    events = [BEGUN, BlockStarted(0, ToolCall("", "look", "{}")), BlockEnded(0), END]
    first, second = answer(written(*events)), answer(written(*events))
    assert first["output"][0]["call_id"].startswith("call_")
    assert first["output"] == second["output"]


def test_free_text_for_a_custom_tool() -> None:
    body = written(
        BEGUN,
        BlockStarted(0, ToolCall("call_1", "patch", "", custom=True)),
        ArgumentsDelta(0, "*** Begin"),
        BlockEnded(0),
        BlockStarted(1, ToolCall("call_2", "patch", "", custom=True)),
        BlockEnded(1),
        END,
    )
    assert check_stream(body) == []
    assert [item["type"] for item in answer(body)["output"]] == ["custom_tool_call"] * 2
    assert [item["input"] for item in answer(body)["output"]] == ["*** Begin", ""]


def test_parallel_calls_may_grow_side_by_side() -> None:
    body = written(
        BEGUN,
        BlockStarted(0, ToolCall("call_1", "look", "")),
        ArgumentsDelta(0, '{"a"'),
        BlockStarted(1, ToolCall("call_2", "find", "")),
        ArgumentsDelta(1, "{}"),
        ArgumentsDelta(0, ":1}"),
        BlockEnded(1),
        BlockEnded(0),
        Stopped(Stop(StopReason.TOOL_CALLS)),
    )
    assert check_stream(body) == []
    assert [(item["call_id"], item["arguments"]) for item in answer(body)["output"]] == [
        ("call_1", '{"a":1}'),
        ("call_2", "{}"),
    ]


def test_a_refusal_is_a_part_of_its_own() -> None:
    body = written(
        BEGUN,
        *text_events("Well."),
        BlockStarted(1, Refusal("")),
        TextDelta(1, "I "),
        TextDelta(1, "can't."),
        BlockEnded(1),
        Stopped(Stop(StopReason.REFUSAL, raw="refusal")),
    )
    assert check_stream(body) == []
    assert [part["type"] for part in answer(body)["output"][0]["content"]] == ["output_text", "refusal"]
    assert answer(body)["incomplete_details"] == {"reason": "content_filter"}


def test_the_words_on_a_refusal_become_a_refusal() -> None:
    stop = Stop(StopReason.REFUSAL, explanation="Not that.", raw="refusal")
    body = written(BEGUN, *text_events("Well"), Stopped(stop))
    assert check_stream(body) == []
    assert kinds(body)[-1] == "incomplete"
    assert answer(body)["output"][0]["content"][1] == {"type": "refusal", "refusal": "Not that."}


def test_a_citation_is_told_when_its_text_is_whole() -> None:
    body = written(
        BEGUN,
        *text_events("Sure: "),
        BlockStarted(1, Text("")),
        CitationDelta(1, Citation("https://example.org", "Tides")),
        TextDelta(1, "high"),
        BlockEnded(1),
        END,
    )
    assert check_stream(body) == []
    annotation = next(frame for frame in frames(body) if frame["type"].endswith("annotation.added"))
    assert annotation["annotation"] == {
        "type": "url_citation",
        "start_index": 6,
        "end_index": 10,
        "title": "Tides",
        "url": "https://example.org",
    }
    part = answer(body)["output"][0]["content"][0]
    assert (part["text"], part["annotations"]) == ("Sure: high", [annotation["annotation"]])


def test_logprobs_come_with_the_text_or_behind_it() -> None:
    body = written(
        BEGUN,
        BlockStarted(0, Text("")),
        LogprobsReported((TokenLogprob("He", -0.5, (72, 101)),)),
        TextDelta(0, "He"),
        TextDelta(0, "y"),
        LogprobsReported((TokenLogprob("y", -1.0),)),
        BlockEnded(0),
        END,
    )
    assert check_stream(body) == []
    deltas = [frame for frame in frames(body) if frame["type"] == "response.output_text.delta"]
    assert [len(frame["logprobs"]) for frame in deltas] == [1, 0]
    tokens = answer(body)["output"][0]["content"][0]["logprobs"]
    assert [token["token"] for token in tokens] == ["He", "y"]
    assert tokens[0] == {"token": "He", "logprob": -0.5, "bytes": [72, 101], "top_logprobs": []}


def test_a_picture_is_the_result_of_a_generation() -> None:
    body = written(
        BEGUN,
        BlockStarted(0, Image(Inline("image/webp", "UklGRg=="))),
        BlockEnded(0),
        BlockStarted(1, Image(Remote("https://example.org/cat.png"))),
        BlockEnded(1),
        BlockStarted(2, Audio(Inline("audio/wav", "UklGRg=="))),
        BlockEnded(2),
        END,
    )
    assert check_stream(body) == []
    (item,) = answer(body)["output"]
    assert (item["type"], item["result"]) == ("image_generation_call", "UklGRg==")
    assert (item["output_format"], item["status"]) == ("webp", "completed")
    assert item["id"].startswith("ig_")


def test_the_formats_own_items_go_through_and_those_of_others_do_not() -> None:
    own = b'{"id": "ws_1",\n "type": "web_search_call", "status": "completed", "n": 1.0}'
    body = written(
        BEGUN,
        BlockStarted(0, Unknown("openai_responses", "web_search_call", own, server_side=True)),
        BlockEnded(0),
        BlockStarted(1, Unknown("anthropic", "server_tool_use", b"{}", server_side=True)),
        BlockEnded(1),
        END,
    )
    assert check_stream(body) == []
    assert answer(body)["output"] == [json.loads(own)]
    assert b'"n":1.0' in body


def test_phases_keep_messages_apart() -> None:
    phase = Opaque("openai_responses", "phase", b'"commentary"')
    body = written(
        BEGUN,
        BlockStarted(0, Text("", opaque=(phase,))),
        TextDelta(0, "Looking."),
        BlockEnded(0),
        *text_events("Found.", index=1),
        END,
    )
    assert check_stream(body) == []
    assert [item.get("phase") for item in answer(body)["output"]] == ["commentary", None]


# --- signatures ----------------------------------------------------------------------------------


def test_a_signed_call_has_its_signature_before_it() -> None:
    body = written(
        BEGUN, BlockStarted(0, ToolCall("call_1", "look", "{}", signature=SEALED)), BlockEnded(0), END
    )
    assert check_stream(body) == []
    assert [item["type"] for item in answer(body)["output"]] == ["reasoning", "function_call"]


def test_a_signature_that_comes_late_follows_its_call() -> None:
    body = written(
        BEGUN,
        BlockStarted(0, ToolCall("call_1", "look", "")),
        ArgumentsDelta(0, "{}"),
        SignatureDelta(0, SEALED),
        BlockEnded(0),
        END,
    )
    assert check_stream(body) == []
    assert [item["type"] for item in answer(body)["output"]] == ["function_call", "reasoning"]


def test_signed_text_ends_its_message() -> None:
    body = written(
        BEGUN,
        *text_events("It is"),
        BlockStarted(1, Text("")),
        TextDelta(1, " 4."),
        SignatureDelta(1, SEALED),
        BlockEnded(1),
        *text_events("Yes.", index=2),
        END,
    )
    assert check_stream(body) == []
    assert [item["type"] for item in answer(body)["output"]] == ["message", "reasoning", "message"]
    assert answer(body)["output"][0]["content"][0]["text"] == "It is 4."


def test_reasoning_that_the_client_does_not_want_to_read_comes_back_unseen() -> None:
    events: list[Event] = [
        BEGUN,
        BlockStarted(0, Thinking("")),
        ThinkingDelta(0, "secret"),
        SignatureDelta(0, SEALED),
        BlockEnded(0),
        BlockStarted(1, Thinking("")),
        ThinkingDelta(1, "secret"),
        BlockEnded(1),
        END,
    ]
    body = written(*events, reasoning=Reasoning(effort="low", visible=False))
    assert check_stream(body) == []
    assert b"secret" not in body
    (item,) = answer(body)["output"]
    assert item["summary"] == []
    assert thinking_of(item["id"], [], [], item["encrypted_content"], "") == Thinking("secret", SEALED)


@pytest.mark.parametrize(("own", "kept"), [("rs_1", True), ("capture-7", False)])
def test_a_vendors_own_reasoning_keeps_its_id_where_it_is_one(own: str, kept: bool) -> None:
    signature = Signature("openai_responses", "p/m", f"{own} gAAAA")
    body = written(BEGUN, BlockStarted(0, Thinking("", signature, redacted=True)), BlockEnded(0), END)
    assert check_stream(body) == []
    (item,) = answer(body)["output"]
    assert (item["id"] == own) is kept
    assert item["encrypted_content"] == "gAAAA"


# --- the end -------------------------------------------------------------------------------------


def test_only_the_item_that_an_answer_broke_off_in_is_incomplete() -> None:
    body = written(
        BEGUN,
        BlockStarted(0, ToolCall("call_1", "look", "{}")),
        BlockEnded(0),
        BlockStarted(1, ToolCall("call_2", "look", '{"a')),
        BlockEnded(1),
        Stopped(Stop(StopReason.MAX_TOKENS)),
    )
    assert check_stream(body) == []
    assert [item["status"] for item in answer(body)["output"]] == ["completed", "incomplete"]
    assert answer(body)["incomplete_details"] == {"reason": "max_output_tokens"}
    assert answer(body)["completed_at"] is None


def test_a_block_that_never_ended_ends_with_the_answer() -> None:
    body = written(BEGUN, BlockStarted(0, Text("")), TextDelta(0, "Hi"), END)
    assert check_stream(body) == []
    assert kinds(body)[-2:] == ["output_item.done", "completed"]


def test_usage_after_the_stop_is_in_the_last_event() -> None:
    body = written(
        BEGUN, *text_events("Hi"), END, UsageReported(Usage(input=3)), UsageReported(Usage(output=2))
    )
    assert answer(body)["usage"]["total_tokens"] == 5


def test_further_choices_are_left_out() -> None:
    body = written(
        BEGUN,
        *text_events("Hi"),
        BlockStarted(0, Text(""), 1),
        TextDelta(0, "Ho", 1),
        BlockEnded(0, 1),
        Stopped(Stop(StopReason.END), 1),
        END,
    )
    assert check_stream(body) == []
    assert b"Ho" not in body


def test_a_failure_is_an_error_event_in_both_forms_and_then_a_failed_response() -> None:
    body = written(
        BEGUN,
        UsageReported(Usage(input=3)),
        BlockStarted(0, Text("")),
        TextDelta(0, "Hi"),
        Failed(Failure(FailureKind.RATE_LIMIT, "Too fast.")),
    )
    assert check_stream(body) == []
    error, failed = frames(body)[-2:]
    assert (error["code"], error["message"]) == ("rate_limit_exceeded", "Too fast.")
    assert error["error"]["code"] == "rate_limit_exceeded"
    assert failed["type"] == "response.failed"
    assert failed["response"]["status"] == "failed"
    assert failed["response"]["error"] == {"code": "rate_limit_exceeded", "message": "Too fast."}
    assert failed["response"]["usage"]["input_tokens"] == 3


def test_a_failure_before_anything_else_is_a_whole_stream() -> None:
    body = written(Failed(Failure(FailureKind.SERVER, "It broke.")))
    assert check_stream(body) == []
    assert kinds(body) == ["created", "in_progress", "error", "failed"]


def test_nothing_follows_a_failure() -> None:
    failure = Failed(Failure(FailureKind.SERVER, "It broke."))
    assert written(BEGUN, failure, failure, *text_events("Hi"), END) == written(BEGUN, failure)


def test_a_stream_without_a_stop_fails() -> None:
    body = written(BEGUN, *text_events("Hi"))
    assert check_stream(body) == []
    assert kinds(body)[-1] == "failed"


def test_there_is_no_done_frame_and_the_silence_is_a_comment() -> None:
    assert b"[DONE]" not in written(BEGUN, END)
    assert DIALECT.keep_alive(Location()) == b": keep-alive\n\n"
    assert DIALECT.stream_type(Location()) == "text/event-stream; charset=utf-8"


def test_a_stream_is_written_in_linear_time() -> None:
    encoder = DIALECT.stream_encoder(reply())
    encoder.encode(BEGUN)
    encoder.encode(BlockStarted(0, Text("")))
    sizes = [len(encoder.encode(TextDelta(0, "x" * 50))) for _ in range(3000)]
    assert max(sizes[1:]) - min(sizes[1:]) < 10  # only the sequence number grows


# --- whole answers and streams -------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SIGNATURES = st.none() | st.builds(
    Signature, st.sampled_from(["anthropic", "gemini"]), st.just("p/m"), st.text(min_size=1, max_size=5)
)
BLOCKS: st.SearchStrategy[Block] = st.one_of(
    st.builds(Text, WORDS, signature=SIGNATURES),
    st.builds(Refusal, WORDS),
    st.builds(Thinking, WORDS, SIGNATURES),
    st.builds(
        ToolCall,
        st.uuids().map(lambda own: f"call_{own.hex[:20]}"),
        st.sampled_from(["look", "find"]),
        st.sampled_from(["", "{}", '{"a":[1.0]}']),
        signature=SIGNATURES,
    ),
)


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    """The events of an answer, its text and arguments in any pieces."""
    blocks = tuple(draw(st.lists(BLOCKS, max_size=5)))
    reason = draw(st.sampled_from(list(StopReason)))
    whole = Response("id-1", "m", (Choice(0, blocks, Stop(reason)),), Usage(draw(st.integers(0, 9)), 3))
    events: list[Event] = []
    for event in unfold(whole):
        if isinstance(event, TextDelta | ThinkingDelta | ArgumentsDelta):
            cut = draw(st.integers(0, len(event.text)))
            pieces = (event.text[:cut], event.text[cut:])
            events.extend(type(event)(event.index, piece) for piece in pieces)
        else:
            events.append(event)
    return events


@settings(max_examples=100)
@given(streams())
def test_a_stream_is_well_formed_and_ends_in_what_the_whole_answer_would_be(events: list[Event]) -> None:
    body = written(*events)
    whole = DIALECT.render_response(fold(events), reply())
    assert check_stream(body) == []
    assert check_response(whole) == []
    assert answer(body) == json.loads(whole)


LOST = Failure(FailureKind.BAD_GATEWAY, "The upstream was lost.")


def test_a_broken_stream_that_was_passed_on_ends_as_the_response_that_it_began_with() -> None:
    written_out = written(Started("id-1", "m"), BlockStarted(0, Text("")), TextDelta(0, "Hi"))
    *opening, said, _, _, _ = written_out.split(b"\n\n")
    sent = Sent(b"\n\n".join([*opening, b""]), said + b"\n\n")
    end = DIALECT.stream_failure(LOST, Location(), sent)
    assert check_stream(sent.opening + sent.last + end) == []
    first, *_, error, failed = frames(sent.opening + sent.last + end)
    assert error["message"] == failed["response"]["error"]["message"] == LOST.message
    assert failed["response"]["id"] == first["response"]["id"]
    assert failed["response"]["model"] == "m"


@pytest.mark.parametrize("opening", [b"", b": wait\n\n", b"data: {}\n\n", b"data: [5\n\n", b"data: \xff\n\n"])
def test_a_stream_that_broke_before_its_response_began_ends_with_a_whole_response_too(opening: bytes) -> None:
    end = DIALECT.stream_failure(LOST, Location(), Sent(opening))
    assert check_stream(end) == []
    _, failed = frames(end)
    assert failed["response"]["status"] == "failed"
