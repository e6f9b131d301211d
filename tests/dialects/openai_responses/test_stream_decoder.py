"""Streams of upstreams."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.blocks import Image, Inline, Refusal, Text, Thinking, ToolCall, Unknown
from dragoman.conversation.events import (
    MEANINGFUL,
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    Event,
    Failed,
    LogprobsReported,
    Started,
    Stopped,
    TextDelta,
    UsageReported,
)
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.fold import fold
from dragoman.conversation.opaque import Opaque, Signature
from dragoman.conversation.response import Response, StopReason
from dragoman.conversation.usage import Usage
from dragoman.dialects.openai_responses import DIALECT

Json = dict[str, Any]
ORIGIN = "openai/gpt-5"
USAGE: Json = {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}


def frame(kind: str, **members: Any) -> bytes:
    data = json.dumps({"type": kind, **members}, ensure_ascii=False)
    return f"event: {kind}\ndata: {data}\n\n".encode()


def response(status: str, **members: Any) -> Json:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1700000000.0,
        "model": "gpt-5-2025",
        "service_tier": "auto" if status == "in_progress" else "default",
        "status": status,
        "error": None,
        "incomplete_details": None,
        "output": [],
        **members,
    }


CREATED = frame("response.created", response=response("in_progress")) + frame(
    "response.in_progress", response=response("in_progress")
)
COMPLETED = frame("response.completed", response=response("completed", usage=USAGE))
MESSAGE: Json = {
    "id": "msg_1",
    "type": "message",
    "status": "in_progress",
    "role": "assistant",
    "content": [],
}
CALL: Json = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "look", "arguments": ""}


def added(item: Json, place: int = 0) -> bytes:
    return frame("response.output_item.added", output_index=place, item=item)


def done(item: Json, place: int = 0) -> bytes:
    return frame("response.output_item.done", output_index=place, item=item)


def said(text: str, place: int = 0, part: int = 0, **members: Any) -> bytes:
    return frame(
        "response.output_text.delta",
        item_id="msg_1",
        output_index=place,
        content_index=part,
        delta=text,
        **members,
    )


def message(*parts: Json, **members: Any) -> Json:
    return {**MESSAGE, "status": "completed", "content": list(parts), **members}


def text(words: str, *annotations: Json) -> Json:
    return {"type": "output_text", "text": words, "annotations": list(annotations), "logprobs": []}


def decoded(*body: bytes) -> list[Event]:
    decoder = DIALECT.stream_decoder(ORIGIN)
    return [*decoder.feed(b"".join(body)), *decoder.close()]


def folded(*body: bytes) -> Response:
    return fold(decoded(*body))


def failure(*body: bytes) -> Failure:
    events = decoded(*body)
    assert isinstance(events[-1], Failed)
    assert sum(isinstance(event, Failed) for event in events) == 1
    return events[-1].failure


ANSWER = b"".join(
    [
        CREATED,
        added({"id": "rs_1", "type": "reasoning", "summary": []}),
        frame(
            "response.reasoning_summary_part.added",
            output_index=0,
            summary_index=0,
            part={"type": "summary_text", "text": ""},
        ),
        frame("response.reasoning_summary_text.delta", output_index=0, summary_index=0, delta="Grüße: "),
        frame("response.reasoning_summary_text.delta", output_index=0, summary_index=0, delta="wave."),
        frame("response.reasoning_summary_text.delta", output_index=0, summary_index=1, delta="Then answer."),
        done(
            {
                "id": "rs_1",
                "type": "reasoning",
                "summary": [
                    {"type": "summary_text", "text": "Grüße: wave."},
                    {"type": "summary_text", "text": "Then answer."},
                ],
                "encrypted_content": "gAAAA",
            }
        ),
        added(MESSAGE, 1),
        frame("response.content_part.added", output_index=1, content_index=0, part=text("")),
        said("Hallo 👋", 1),
        said(" Welt", 1),
        frame("response.output_text.done", output_index=1, content_index=0, text="Hallo 👋 Welt"),
        frame("response.content_part.done", output_index=1, content_index=0, part=text("Hallo 👋 Welt")),
        done(message(text("Hallo 👋 Welt")), 1),
        added(CALL, 2),
        frame("response.function_call_arguments.delta", output_index=2, item_id="fc_1", delta='{"wo":'),
        frame("response.function_call_arguments.delta", output_index=2, item_id="fc_1", delta='"Köln"}'),
        frame("response.function_call_arguments.done", output_index=2, arguments='{"wo":"Köln"}'),
        done({**CALL, "arguments": '{"wo":"Köln"}', "status": "completed"}, 2),
        COMPLETED,
    ]
)
BLOCKS = (
    Thinking("Grüße: wave.\n\nThen answer.", Signature("openai_responses", ORIGIN, "rs_1 gAAAA")),
    Text("Hallo 👋 Welt"),
    ToolCall("call_1", "look", '{"wo":"Köln"}'),
)


def test_reasoning_text_and_a_call() -> None:
    answer = folded(ANSWER)
    assert answer.choices[0].blocks == BLOCKS
    assert answer.choices[0].stop.reason is StopReason.TOOL_CALLS
    assert answer.usage == Usage(input=9, output=4)
    assert (answer.id, answer.model, answer.created) == ("resp_1", "gpt-5-2025", 1700000000)


def test_the_pieces_of_text_go_on_one_by_one() -> None:
    assert [event.text for event in decoded(ANSWER) if isinstance(event, TextDelta)] == ["Hallo 👋", " Welt"]


@pytest.mark.parametrize("size", range(1, 12))
def test_bytes_may_come_in_any_pieces(size: int) -> None:
    decoder = DIALECT.stream_decoder(ORIGIN)
    events = [
        event for start in range(0, len(ANSWER), size) for event in decoder.feed(ANSWER[start : start + size])
    ]
    assert [*events, *decoder.close()] == decoded(ANSWER)


@settings(max_examples=60)
@given(st.integers(0, len(ANSWER)))
def test_every_cut_of_a_stream_gives_the_same_events(cut: int) -> None:
    decoder = DIALECT.stream_decoder(ORIGIN)
    events = [*decoder.feed(ANSWER[:cut])]
    assert decoder.pending <= cut
    assert [*events, *decoder.feed(ANSWER[cut:]), *decoder.close()] == decoded(ANSWER)


@settings(max_examples=60)
@given(st.integers(0, len(ANSWER) - 3))
def test_a_stream_that_breaks_off_has_failed_wherever_it_does(cut: int) -> None:
    assert failure(ANSWER[:cut]).kind is FailureKind.BAD_GATEWAY


def test_nothing_after_the_end_is_heard_and_done_means_nothing() -> None:
    assert folded(ANSWER, b"data: [DONE]\n\n", CREATED) == folded(ANSWER)
    assert folded(b"data: [DONE]\n\n", ANSWER) == folded(ANSWER)


def test_pending_counts_the_bytes_of_no_whole_frame() -> None:
    decoder = DIALECT.stream_decoder(ORIGIN)
    decoder.feed(CREATED + b"event: response.comp")
    assert decoder.pending == len(b"event: response.comp")


# --- what hosts leave out ------------------------------------------------------------------------


def test_arguments_that_come_only_when_they_are_done() -> None:
    answer = folded(
        CREATED,
        added(CALL),
        frame("response.function_call_arguments.done", output_index=0, arguments='{"a":1}'),
        done({**CALL, "arguments": '{"a":1}'}),
        COMPLETED,
    )
    assert answer.choices[0].blocks == (ToolCall("call_1", "look", '{"a":1}'),)


def test_a_call_that_comes_only_when_it_is_done() -> None:
    answer = folded(CREATED, done({**CALL, "arguments": '{"a":1}'}), COMPLETED)
    assert answer.choices[0].blocks == (ToolCall("call_1", "look", '{"a":1}'),)


def test_arguments_that_lack_their_end_get_it() -> None:
    events = decoded(
        CREATED,
        added(CALL),
        frame("response.function_call_arguments.delta", output_index=0, delta='{"a"'),
        done({**CALL, "arguments": '{"a":1}'}),
        COMPLETED,
    )
    assert [event.text for event in events if isinstance(event, ArgumentsDelta)] == ['{"a"', ":1}"]


def test_a_whole_that_is_another_text_than_its_pieces_adds_nothing() -> None:
    answer = folded(CREATED, added(MESSAGE), said("Hello"), done(message(text("Good morning"))), COMPLETED)
    assert answer.choices[0].blocks == (Text("Hello"),)


def test_a_name_that_comes_last_opens_the_call() -> None:
    answer = folded(
        CREATED,
        added({**CALL, "name": ""}),
        frame("response.function_call_arguments.delta", output_index=0, delta='{"a"'),
        frame("response.function_call_arguments.done", output_index=0, name="look", arguments='{"a":1}'),
        COMPLETED,
    )
    assert answer.choices[0].blocks == (ToolCall("call_1", "look", '{"a":1}'),)


def test_text_that_comes_only_in_the_finished_part_or_item_or_response() -> None:
    part = frame("response.content_part.done", output_index=0, content_index=0, part=text("Hi"))
    end = frame("response.completed", response=response("completed", output=[message(text("Hi"))]))
    for body in ([added(MESSAGE), part], [added(MESSAGE), done(message(text("Hi")))], []):
        assert folded(CREATED, *body, end).choices[0].blocks == (Text("Hi"),)


def test_text_without_an_item_is_an_answer() -> None:
    assert folded(said("Hi", 0), said("!", 0), COMPLETED).choices[0].blocks == (Text("Hi!"),)


def test_items_that_are_not_numbered_follow_each_other() -> None:
    def bare(data: bytes) -> bytes:
        return data.replace(b'"output_index": 0, ', b"").replace(b'"output_index": 1, ', b"")

    answer = folded(
        CREATED,
        bare(added(MESSAGE)),
        bare(said("Hi")),
        bare(added(CALL)),
        bare(frame("response.function_call_arguments.delta", output_index=0, delta="{}")),
        COMPLETED,
    )
    assert answer.choices[0].blocks == (Text("Hi"), ToolCall("call_1", "look", "{}"))


def test_items_that_are_all_numbered_alike_are_told_apart() -> None:
    answer = folded(
        CREATED,
        added(MESSAGE),
        said("Hi"),
        done(message(text("Hi"))),
        added(CALL),
        done({**CALL, "arguments": "{}"}),
        COMPLETED,
    )
    assert answer.choices[0].blocks == (Text("Hi"), ToolCall("call_1", "look", "{}"))


def test_arguments_written_as_an_object_become_text() -> None:
    answer = folded(CREATED, done({**CALL, "arguments": {"a": 1}}), COMPLETED)
    assert answer.choices[0].blocks == (ToolCall("call_1", "look", '{"a":1}'),)


def test_a_call_without_any_id_gets_one() -> None:
    nameless = {name: value for name, value in CALL.items() if name not in {"id", "call_id"}}
    first, second = (folded(CREATED, done(nameless), COMPLETED) for _ in range(2))
    (call,) = first.choices[0].blocks
    assert isinstance(call, ToolCall)
    assert call.id.startswith("call_")
    assert first == second


# --- every kind of item --------------------------------------------------------------------------


def test_parallel_calls_may_grow_side_by_side() -> None:
    other = {**CALL, "id": "fc_2", "call_id": "call_2"}
    answer = folded(
        CREATED,
        added(CALL),
        added(other, 1),
        frame("response.function_call_arguments.delta", output_index=1, delta='{"b"'),
        frame("response.function_call_arguments.delta", output_index=0, delta="{}"),
        frame("response.function_call_arguments.delta", output_index=1, delta=":2}"),
        done({**CALL, "arguments": "{}"}),
        done({**other, "arguments": '{"b":2}'}, 1),
        COMPLETED,
    )
    assert answer.choices[0].blocks == (
        ToolCall("call_1", "look", "{}"),
        ToolCall("call_2", "look", '{"b":2}'),
    )


def test_a_free_text_tools_call() -> None:
    call = {"id": "ctc_1", "type": "custom_tool_call", "call_id": "call_1", "name": "patch", "input": ""}
    answer = folded(
        CREATED,
        added(call),
        frame("response.custom_tool_call_input.delta", output_index=0, delta="*** Be"),
        frame("response.custom_tool_call_input.done", output_index=0, input="*** Begin"),
        done({**call, "input": "*** Begin"}),
        COMPLETED,
    )
    assert answer.choices[0].blocks == (ToolCall("call_1", "patch", "*** Begin", custom=True),)
    assert answer.choices[0].stop.reason is StopReason.TOOL_CALLS


def test_a_tool_in_a_namespace_is_called_by_its_flat_name() -> None:
    (call,) = (
        folded(CREATED, done({**CALL, "namespace": "code", "arguments": "{}"}), COMPLETED).choices[0].blocks
    )
    assert isinstance(call, ToolCall)
    assert call.name == "code__look"


def test_a_refusal() -> None:
    answer = folded(
        CREATED,
        added(MESSAGE),
        frame("response.refusal.delta", output_index=0, content_index=0, delta="I "),
        frame("response.refusal.delta", output_index=0, content_index=0, delta="can't."),
        frame("response.refusal.done", output_index=0, content_index=0, refusal="I can't."),
        done(message({"type": "refusal", "refusal": "I can't."})),
        COMPLETED,
    )
    assert answer.choices[0].blocks == (Refusal("I can't."),)
    assert answer.choices[0].stop.reason is StopReason.REFUSAL


def test_annotations_are_told_once() -> None:
    page = {
        "type": "url_citation",
        "start_index": 0,
        "end_index": 2,
        "title": "T",
        "url": "https://example.org",
    }
    answer = folded(
        CREATED,
        added(MESSAGE),
        said("Hi"),
        frame("response.output_text.annotation.added", output_index=0, content_index=0, annotation=page),
        done(message(text("Hi", page, {**page, "title": "U"}))),
        COMPLETED,
    )
    (block,) = answer.choices[0].blocks
    assert isinstance(block, Text)
    assert [(one.title, one.start, one.end) for one in block.citations] == [("T", 0, 2), ("U", 0, 2)]


def test_logprobs_come_before_their_text() -> None:
    token = {"token": "Hi", "logprob": -0.25, "bytes": [72, 105], "top_logprobs": []}
    events = decoded(CREATED, added(MESSAGE), said("Hi", logprobs=[token]), COMPLETED)
    place = next(n for n, event in enumerate(events) if isinstance(event, LogprobsReported))
    assert isinstance(events[place + 1], TextDelta)
    whole = decoded(CREATED, done(message({**text("Hi"), "logprobs": [token]})), COMPLETED)
    assert sum(isinstance(event, LogprobsReported) for event in whole) == 1


def test_every_part_of_a_message_is_a_block() -> None:
    answer = folded(
        CREATED, added({**MESSAGE, "phase": "commentary"}), said("a"), said("b", part=1), COMPLETED
    )
    phase = (Opaque("openai_responses", "phase", b'"commentary"'),)
    assert answer.choices[0].blocks == (Text("a", opaque=phase), Text("b", opaque=phase))


def test_the_encrypted_content_is_that_of_the_finished_item() -> None:
    item: Json = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "first"}
    answer = folded(CREATED, added(item), done({**item, "encrypted_content": "last"}), COMPLETED)
    signature = Signature("openai_responses", ORIGIN, "rs_1 last")
    assert answer.choices[0].blocks == (Thinking("", signature, redacted=True),)


def test_open_reasoning_of_open_models() -> None:
    item: Json = {"id": "rs_1", "type": "reasoning", "summary": []}
    answer = folded(
        CREATED,
        added(item),
        frame("response.reasoning_text.delta", output_index=0, content_index=0, delta="Let me "),
        frame("response.reasoning_text.delta", output_index=0, content_index=0, delta="see."),
        done({**item, "content": [{"type": "reasoning_text", "text": "Let me see."}]}),
        COMPLETED,
    )
    signature = Signature("openai_responses", ORIGIN, "rs_1")
    assert answer.choices[0].blocks == (Thinking("Let me see.", signature),)


def test_what_the_vendor_does_itself_is_told_as_a_whole() -> None:
    search = {"id": "ws_1", "type": "web_search_call", "status": "completed"}
    answer = folded(
        CREATED,
        added({**search, "status": "in_progress"}),
        frame("response.web_search_call.searching", output_index=0, item_id="ws_1"),
        done(search),
        COMPLETED,
    )
    (block,) = answer.choices[0].blocks
    assert isinstance(block, Unknown)
    assert (block.kind, block.server_side) == ("web_search_call", True)
    assert json.loads(block.json) == search


def test_a_generated_picture() -> None:
    item: Json = {
        "id": "ig_1",
        "type": "image_generation_call",
        "status": "completed",
        "result": "iVBORw0KGgo=",
    }
    (block,) = folded(CREATED, done({**item, "size": "1x1"}), COMPLETED).choices[0].blocks
    assert isinstance(block, Image)
    assert block.source == Inline("image/png", "iVBORw0KGgo=")
    assert block.opaque == (Opaque("openai_responses", "size", b'"1x1"'),)


def test_events_of_unknown_types_are_skipped() -> None:
    extra = frame("response.something.new", output_index=0, delta={"deep": [1]})
    assert folded(CREATED, extra, ANSWER[len(CREATED) :]) == folded(ANSWER)


# --- the end -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "stop"),
    [("max_output_tokens", StopReason.MAX_TOKENS), ("content_filter", StopReason.REFUSAL)],
)
def test_an_incomplete_answer_says_why(reason: str, stop: StopReason) -> None:
    end = response("incomplete", incomplete_details={"reason": reason}, usage=USAGE)
    answer = folded(
        CREATED, added(MESSAGE), said("Hi"), added(CALL, 1), frame("response.incomplete", response=end)
    )
    assert answer.choices[0].stop.reason is stop
    assert answer.usage is not None


def test_the_terminal_event_without_a_status_says_it_by_its_name() -> None:
    bare: Json = {"id": "resp_1", "output": []}
    assert folded(CREATED, said("Hi"), frame("response.completed", response=bare)).choices[0].stop.raw == (
        "completed"
    )


def test_blocks_end_before_the_answer_stops() -> None:
    events = decoded(CREATED, added(MESSAGE), said("Hi"), COMPLETED)
    assert [type(event) for event in events] == [
        Started,
        BlockStarted,
        TextDelta,
        UsageReported,
        BlockEnded,
        Stopped,
    ]


# --- failures ------------------------------------------------------------------------------------

QUOTA: Json = {"type": "insufficient_quota", "code": "insufficient_quota", "message": "Out of quota."}
FAILED = response("failed", error={"code": "insufficient_quota", "message": "Out of quota."})


@pytest.mark.parametrize(
    "body",
    [
        [frame("error", error=QUOTA), frame("response.failed", response=FAILED)],
        [frame("error", code="insufficient_quota", message="Out of quota.", param=None)],
        [frame("error", error=QUOTA)],
        [frame("response.failed", response=FAILED)],
        [b'event: error\ndata: {"error":{"code":"insufficient_quota","message":"Out of quota."}}\n\n'],
        [b'data: {"error":{"code":"insufficient_quota","message":"Out of quota."}}\n\n'],
        [frame("error", error=QUOTA), COMPLETED],
    ],
    ids=["both", "flat", "nested", "failed", "named", "bare", "and an end that denies it"],
)
def test_a_quota_error_in_the_stream_comes_before_anything_of_an_answer(body: list[bytes]) -> None:
    found = failure(CREATED, *body)
    assert (found.kind, found.message) == (FailureKind.QUOTA, "Out of quota.")
    assert found.body
    assert not any(isinstance(event, MEANINGFUL) for event in decoded(CREATED, *body))


def test_an_error_waits_for_the_failed_response_so_that_a_client_can_have_both() -> None:
    decoder = DIALECT.stream_decoder(ORIGIN)
    decoder.feed(CREATED)
    error = frame("error", error=QUOTA)
    assert decoder.feed(error) == []
    assert decoder.pending == len(error)
    assert decoder.feed(b": wait\n\nevent") == []
    assert decoder.pending == len(error) + len(b": wait\n\nevent")
    assert decoder.feed(b": x\n\n") == []
    assert isinstance(decoder.feed(frame("response.failed", response=FAILED))[-1], Failed)
    assert decoder.pending == 0
    assert decoder.close() == []


def test_an_error_that_no_failed_response_follows_is_not_for_a_client_to_see() -> None:
    decoder = DIALECT.stream_decoder(ORIGIN)
    decoder.feed(CREATED + frame("error", error=QUOTA))
    (failed,) = decoder.feed(frame("response.output_text.delta", output_index=0, delta="Hi"))
    assert isinstance(failed, Failed)
    assert (failed.failure.kind, failed.failure.body) == (FailureKind.QUOTA, b"")


def test_a_failed_response_tells_what_it_cost() -> None:
    events = decoded(CREATED, frame("response.failed", response={**FAILED, "usage": USAGE}))
    assert [type(event) for event in events] == [Started, UsageReported, Failed]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("server_error", FailureKind.SERVER),
        ("rate_limit_exceeded", FailureKind.RATE_LIMIT),
        ("context_length_exceeded", FailureKind.CONTEXT_OVERFLOW),
        ("invalid_prompt", FailureKind.SERVER),
    ],
)
def test_the_codes_of_failed_responses(code: str, kind: FailureKind) -> None:
    end = response("failed", error={"code": code, "message": "It failed."})
    assert failure(CREATED, frame("response.failed", response=end)).kind is kind


def test_bytes_that_make_no_sense_are_one_failure() -> None:
    for junk in (b"data: {\n\n", b"data: \xff\xff\n\n", b'data: {"type": 5}\n\n', b"data: []\n\n"):
        assert failure(CREATED, junk, COMPLETED).kind is FailureKind.BAD_GATEWAY


def test_an_item_that_makes_no_sense_is_a_failure() -> None:
    assert failure(CREATED, added({"type": 5}), COMPLETED).kind is FailureKind.BAD_GATEWAY


def test_an_empty_stream_is_a_failure() -> None:
    assert "without an answer" in failure().message


def test_a_whole_answer_instead_of_a_stream_is_taken_as_one() -> None:
    body = json.dumps(response("completed", output=[message(text("Hi"))], usage=USAGE)).encode()
    assert folded(body).choices[0].blocks == (Text("Hi"),)
    assert failure(json.dumps({"error": QUOTA}).encode()).kind is FailureKind.QUOTA


@settings(max_examples=100)
@given(st.binary(max_size=80))
def test_no_bytes_make_the_decoder_raise(junk: bytes) -> None:
    decoder = DIALECT.stream_decoder(ORIGIN)
    events = [*decoder.feed(CREATED), *decoder.feed(junk + b"\n\n"), *decoder.close()]
    assert isinstance(events[-1], Failed)
