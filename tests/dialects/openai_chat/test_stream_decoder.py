"""Streams of compatible hosts, one oddity at a time."""

import json

import msgspec

from dragoman.conversation.blocks import Image, Inline, Refusal, Text, Thinking, ToolCall, Unknown
from dragoman.conversation.events import (
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    Event,
    Failed,
    Started,
    Stopped,
    TextDelta,
    UsageReported,
)
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.fold import fold
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import Choice, StopReason
from dragoman.conversation.usage import Usage
from dragoman.dialects.openai_chat import DIALECT

ORIGIN = "somewhere/some-family"
DONE = b"data: [DONE]\n\n"


def chunk(delta: dict[str, object] | None = None, finish: str | None = None, **more: object) -> bytes:
    choice: dict[str, object] = {"index": 0, "finish_reason": finish}
    if delta is not None:
        choice["delta"] = delta
    return frame({"id": "chatcmpl-1", "model": "m", "created": 7, "choices": [choice], **more})


def call(
    index: int | None = None, own: str | None = None, name: str | None = None, text: str | None = None
) -> bytes:
    piece: dict[str, object] = {"function": {}}
    function: dict[str, object] = {}
    if index is not None:
        piece["index"] = index
    if own is not None:
        piece["id"] = own
    if name is not None:
        function["name"] = name
    if text is not None:
        function["arguments"] = text
    piece["function"] = function
    return chunk({"tool_calls": [piece]})


def frame(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def decode(*data: bytes) -> list[Event]:
    decoder = DIALECT.stream_decoder(ORIGIN)
    events = [event for one in data for event in decoder.feed(one)]
    return [*events, *decoder.close()]


def choice(*data: bytes) -> Choice:
    return fold(decode(*data)).choices[0]


def calls(*data: bytes) -> list[tuple[str, str, str]]:
    return [
        (block.id, block.name, block.arguments)
        for block in choice(*data, chunk({}, "tool_calls"), DONE).blocks
        if isinstance(block, ToolCall)
    ]


def failure(*data: bytes) -> Failure:
    last = decode(*data)[-1]
    assert isinstance(last, Failed)
    return last.failure


# --- the plain way -------------------------------------------------------------------------------


def test_text_comes_as_it_is_sent() -> None:
    events = decode(
        chunk({"role": "assistant", "content": "Hel"}), chunk({"content": "lo"}), chunk({}, "stop"), DONE
    )
    assert events[:4] == [
        Started("chatcmpl-1", "m", 7),
        BlockStarted(0, Text("")),
        TextDelta(0, "Hel"),
        TextDelta(0, "lo"),
    ]
    assert isinstance(events[-1], Stopped)


def test_empty_deltas_open_no_block() -> None:
    assert (
        choice(chunk({"role": "assistant", "content": ""}), chunk({"content": None}, "stop"), DONE).blocks
        == ()
    )


def test_usage_of_the_last_chunk_with_a_choice_counts() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    response = fold(decode(chunk({"content": "x"}), chunk({}, "stop", usage=usage), DONE))
    assert response.usage == Usage(input=3, output=2)


def test_an_empty_usage_before_the_first_choice_does_not_come_before_started() -> None:
    events = decode(
        frame({"choices": [], "usage": {"prompt_tokens": 1}}), chunk({"content": "x"}, "stop"), DONE
    )
    assert isinstance(events[0], Started)
    assert not any(isinstance(event, UsageReported) for event in events)


def test_a_choice_stops_after_the_chunks_that_follow_its_finish_reason() -> None:
    late: dict[str, object] = {
        "reasoning_details": [{"type": "reasoning.encrypted", "data": "S", "format": "google-gemini-v1"}]
    }
    got = choice(chunk({"content": "x"}), chunk({}, "stop"), chunk(late), DONE)
    assert isinstance(got.blocks[-1], Thinking)
    assert got.blocks[-1].redacted


def test_chunks_after_the_usage_chunk_are_too_late() -> None:
    got = choice(
        chunk({"content": "x"}, "stop"), frame({"id": "c", "choices": []}), chunk({"content": "y"}), DONE
    )
    assert got.blocks == (Text("x"),)


# --- ends ----------------------------------------------------------------------------------------


def test_a_stream_without_done_is_whole_when_every_choice_has_finished() -> None:
    assert choice(chunk({"content": "x"}), chunk({}, "stop")).stop.reason is StopReason.END


def test_a_stream_that_ends_without_a_finish_reason_has_failed() -> None:
    got = failure(chunk({"content": "x"}))
    assert got.kind is FailureKind.BAD_GATEWAY
    assert got.body == b""


def test_one_unfinished_choice_of_two_is_a_failure() -> None:
    second = frame({"id": "c", "choices": [{"index": 1, "delta": {"content": "y"}}]})
    assert failure(chunk({"content": "x"}, "stop"), second).kind is FailureKind.BAD_GATEWAY


def test_done_ends_a_choice_that_never_had_a_finish_reason() -> None:
    got = choice(chunk({"content": "x"}), DONE)
    assert got.stop.reason is StopReason.OTHER


def test_done_without_any_answer_is_a_failure() -> None:
    assert failure(DONE).kind is FailureKind.BAD_GATEWAY


def test_nothing_at_all_is_a_failure() -> None:
    assert failure(b"").kind is FailureKind.BAD_GATEWAY


def test_nothing_comes_after_done() -> None:
    decoder = DIALECT.stream_decoder(ORIGIN)
    decoder.feed(chunk({"content": "x"}, "stop") + DONE)
    assert decoder.feed(chunk({"content": "y"})) == []
    assert decoder.close() == []


def test_the_last_frame_may_lack_its_blank_line() -> None:
    assert choice(chunk({"content": "x"}, "stop"), b"data: [DONE]").blocks == (Text("x"),)


def test_pending_counts_the_bytes_of_the_frame_that_is_not_whole() -> None:
    decoder = DIALECT.stream_decoder(ORIGIN)
    decoder.feed(chunk({"content": "x"}) + b"data: {")
    assert decoder.pending == 7


def test_empty_data_and_pings_are_passed_over() -> None:
    got = choice(b"data:\n\n", frame({"type": "ping"}), chunk({"content": "x"}, "stop"), DONE)
    assert got.blocks == (Text("x"),)


# --- errors --------------------------------------------------------------------------------------


def test_an_error_frame_fails_with_the_upstreams_own_words_and_bytes() -> None:
    error = {"error": {"message": "Overloaded", "code": 503}}
    got = failure(chunk({"content": "x"}), frame(error))
    assert got.kind is FailureKind.OVERLOADED
    assert got.message == "Overloaded"
    assert got.dialect == "openai_chat"
    assert got.body == json.dumps(error).encode()


def test_an_error_beside_choices_fails_too() -> None:
    error = {"code": 502, "message": "Provider disconnected"}
    got = failure(chunk({"content": "x"}), chunk({"content": ""}, "error", error=error))
    assert got.kind is FailureKind.BAD_GATEWAY


def test_an_error_inside_a_choice_fails() -> None:
    broken = {
        "choices": [
            {"index": 0, "delta": {}, "error": {"code": 429, "message": "slow"}, "finish_reason": "error"}
        ]
    }
    assert failure(frame({"id": "x", **broken})).kind is FailureKind.RATE_LIMIT


def test_finish_reasons_that_mean_broken_off_fail() -> None:
    assert (
        failure(chunk({"content": "x"}), chunk({}, "insufficient_system_resource")).kind
        is FailureKind.OVERLOADED
    )
    assert failure(chunk({"content": "x"}), chunk({}, "error")).kind is FailureKind.SERVER


def test_a_named_error_event_fails_whatever_it_holds() -> None:
    got = failure(b'event: error\ndata: {"detail":"boom"}\n\n')
    assert got.message == "boom"


def test_an_error_in_the_form_of_vllm_fails() -> None:
    got = failure(frame({"object": "error", "message": "bad", "type": "BadRequestError", "code": 400}))
    assert got.kind is FailureKind.INVALID_REQUEST


def test_an_error_of_groq_aside_fails() -> None:
    got = failure(frame({"id": "x", "choices": [], "x_groq": {"error": "over capacity"}}))
    assert got.message == "over capacity"


def test_a_frame_that_is_not_json_fails_without_a_body_to_pass_on() -> None:
    got = failure(chunk({"content": "x"}), b"data: <html>\n\n")
    assert got.kind is FailureKind.BAD_GATEWAY
    assert got.body == b""


def test_nothing_follows_a_failure() -> None:
    decoder = DIALECT.stream_decoder(ORIGIN)
    events = decoder.feed(b"data: nonsense\n\n" + chunk({"content": "x"}))
    assert [type(event) for event in events] == [Failed]
    assert decoder.feed(chunk({"content": "x"})) == []
    assert decoder.close() == []


def test_a_json_body_in_place_of_a_stream_is_read_as_the_answer_it_is() -> None:
    body = {
        "id": "a",
        "model": "m",
        "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}],
    }
    text = json.dumps(body, indent=1).encode()
    assert choice(text[:30], text[30:]).blocks == (Text("hi"),)


def test_a_json_error_in_place_of_a_stream_fails() -> None:
    got = failure(b'{"code":"The system is overloaded","error":"try later"}')
    assert got.kind is FailureKind.OVERLOADED
    assert got.message == "try later"


# --- calls ---------------------------------------------------------------------------------------


def test_calls_are_known_by_their_index() -> None:
    assert calls(
        call(0, "a", "f", ""), call(1, "b", "g", ""), call(1, None, None, "{}"), call(0, None, None, "{}")
    ) == [
        ("a", "f", "{}"),
        ("b", "g", "{}"),
    ]


def test_calls_without_an_index_begin_with_a_new_id() -> None:
    got = calls(call(None, "a", "f", '{"x":'), call(None, None, None, "1}"), call(None, "b", "f", "{}"))
    assert got == [("a", "f", '{"x":1}'), ("b", "f", "{}")]


def test_calls_that_all_say_index_0_are_told_apart_by_id() -> None:
    assert calls(call(0, "a", "f", "{}"), call(0, "b", "f", "{}")) == [("a", "f", "{}"), ("b", "f", "{}")]


def test_calls_without_ids_that_all_say_index_0_are_told_apart_by_whole_arguments() -> None:
    got = calls(call(0, None, "f", '{"a":1}'), call(0, None, "f", '{"a":'), call(0, None, None, "2}"))
    assert [(name, text) for _, name, text in got] == [("f", '{"a":1}'), ("f", '{"a":2}')]


def test_an_id_that_comes_with_every_piece_begins_nothing_new() -> None:
    assert calls(call(0, "a", "f", "{"), call(0, "a", None, '"x":1'), call(0, "a", "f", "}")) == [
        ("a", "f", '{"x":1}')
    ]


def test_an_id_that_comes_late_belongs_to_the_call() -> None:
    assert calls(call(0, None, "f"), call(0, "a", None, "{}")) == [("a", "f", "{}")]


def test_a_missing_id_is_made_of_the_answer_and_the_place() -> None:
    first, second = calls(call(0, None, "f", "{}"), call(1, None, "f", "{}"))
    assert first[0].startswith("call_")
    assert first[0] != second[0]
    assert [first, second] == calls(call(0, None, "f", "{}"), call(1, "null", "f", "{}"))


def test_a_name_that_comes_in_pieces_is_whole_when_the_arguments_begin() -> None:
    assert calls(call(0, "a", "get_"), call(0, None, "weather"), call(0, None, None, "{}")) == [
        ("a", "get_weather", "{}")
    ]


def test_a_whole_call_repeated_in_the_last_chunk_counts_once() -> None:
    got = calls(call(0, "a", "f", '{"x":'), call(0, None, None, "1}"), call(0, "a", "f", '{"x": 1}'))
    assert got == [("a", "f", '{"x":1}')]


def test_a_call_without_arguments_is_opened_all_the_same() -> None:
    assert calls(call(0, "a", "f", "")) == [("a", "f", "")]


def test_arguments_written_as_an_object_become_text() -> None:
    piece = chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": {"x": 1}}}]})
    assert calls(piece) == [("a", "f", '{"x":1}')]


def test_a_piece_that_says_nothing_is_no_call() -> None:
    got = choice(chunk({"content": "x", "tool_calls": [{"index": 0}]}), chunk({}, "stop"), DONE)
    assert got.blocks == (Text("x"),)
    assert got.stop.reason is StopReason.END


def test_a_call_ends_as_soon_as_the_next_one_begins() -> None:
    events = decode(call(0, "a", "f", "{}"), call(1, "b", "g", "{}"), chunk({}, "tool_calls"), DONE)
    starts = [event for event in events if isinstance(event, BlockStarted | BlockEnded)]
    assert [(type(event), event.index) for event in starts] == [
        (BlockStarted, 0),
        (BlockEnded, 0),
        (BlockStarted, 1),
        (BlockEnded, 1),
    ]


def test_calls_whose_pieces_interleave_stay_open_side_by_side() -> None:
    events = decode(
        call(0, "a", "f", "{"),
        call(1, "b", "g", "{"),
        call(0, text="}"),
        call(1, text="}"),
        chunk({}, "stop"),
        DONE,
    )
    deltas = [(event.index, event.text) for event in events if isinstance(event, ArgumentsDelta)]
    assert deltas == [(0, "{"), (1, "{"), (0, "}"), (1, "}")]


def test_text_after_a_call_is_a_block_of_its_own() -> None:
    got = choice(call(0, "a", "f", "{}"), chunk({"content": "x"}), chunk({}, "stop"), DONE)
    assert [type(block) for block in got.blocks] == [ToolCall, Text]
    assert got.stop.reason is StopReason.TOOL_CALLS


def test_googles_signature_on_a_call_is_kept_for_the_way_back() -> None:
    piece: dict[str, object] = {
        "index": 0,
        "id": "a",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": "SIG"}},
    }
    got = choice(chunk({"tool_calls": [piece]}, "stop"), DONE).blocks[0]
    assert isinstance(got, ToolCall)
    assert got.signature == Signature("openai_chat", ORIGIN, "SIG")


def test_invalid_json_in_arguments_is_kept() -> None:
    assert calls(call(0, "a", "f", '{"x": tru')) == [("a", "f", '{"x": tru')]


# --- reasoning -----------------------------------------------------------------------------------


def test_reasoning_in_two_fields_is_read_once() -> None:
    got = choice(chunk({"reasoning_content": "hm", "reasoning": "hm"}), chunk({"content": "x"}, "stop"), DONE)
    assert got.blocks == (Thinking("hm"), Text("x"))


def test_an_empty_signature_does_not_end_the_thinking() -> None:
    details: list[dict[str, object]] = [
        {
            "reasoning": text,
            "reasoning_details": [{"type": "reasoning.text", "text": text, "signature": sig, "index": 0}],
        }
        for text, sig in (("a", ""), ("b", ""), ("", "SIG"))
    ]
    got = choice(*map(chunk, details), chunk({"content": "x"}, "stop"), DONE)
    assert [type(block) for block in got.blocks] == [Thinking, Text]
    thinking = got.blocks[0]
    assert isinstance(thinking, Thinking)
    assert thinking.text == "ab"
    assert thinking.signature is not None
    assert msgspec.json.decode(thinking.signature.value) == {
        "type": "reasoning.text",
        "signature": "SIG",
        "index": 0,
    }


def test_encrypted_reasoning_is_a_block_of_its_own() -> None:
    details = [{"type": "reasoning.encrypted", "data": "ENC", "format": "openai-responses-v1", "index": 0}]
    got = choice(chunk({"reasoning_details": details}), chunk({"content": "x"}, "stop"), DONE).blocks[0]
    assert isinstance(got, Thinking)
    assert got.redacted
    assert got.signature is not None
    assert got.signature.origin == ORIGIN


# --- the rest ------------------------------------------------------------------------------------


def test_a_refusal_is_marked_as_one_and_is_the_reason_to_stop() -> None:
    got = choice(chunk({"refusal": "No"}), chunk({"refusal": "."}), chunk({}, "stop"), DONE)
    assert got.blocks == (Refusal("No."),)
    assert got.stop.reason is StopReason.REFUSAL


def test_a_stop_sequence_that_the_host_names_is_told() -> None:
    data = frame(
        {
            "id": "c",
            "choices": [
                {"index": 0, "delta": {"content": "x"}, "finish_reason": "stop", "stop_reason": "END"}
            ],
        }
    )
    assert choice(data, DONE).stop.sequence == "END"
    assert choice(data, DONE).stop.reason is StopReason.STOP_SEQUENCE


def test_a_token_number_is_no_stop_sequence() -> None:
    data = frame(
        {
            "id": "c",
            "choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop", "matched_stop": 2}],
        }
    )
    assert choice(data, DONE).stop.sequence is None


def test_sound_goes_by_in_pieces_as_it_comes() -> None:
    got = choice(
        chunk({"audio": {"id": "a", "data": "QQ=="}}), chunk({"audio": {"data": "Qg=="}}, "stop"), DONE
    )
    assert [block.kind for block in got.blocks if isinstance(block, Unknown)] == ["audio", "audio"]


def test_pictures_of_the_openrouter_kind_become_images() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAA"}}
    got = choice(chunk({"content": "Here", "images": [picture]}, "stop"), DONE)
    assert got.blocks == (Text("Here"), Image(Inline("image/png", "iVBORw0KGgoAAA")))


def test_created_as_a_fraction_or_text_does_no_harm() -> None:
    assert fold(decode(chunk({"content": "x"}, "stop", created=12.9), DONE)).created == 12
    assert fold(decode(chunk({"content": "x"}, "stop", created="12"), DONE)).created is None
