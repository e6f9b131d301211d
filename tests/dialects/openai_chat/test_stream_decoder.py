"""Streams of compatible hosts, one oddity at a time."""

import json

import pytest

from dragoman.conversation.blocks import Text, Thinking, ToolCall
from dragoman.conversation.events import (
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
from dragoman.conversation.response import Choice, StopReason
from dragoman.conversation.usage import Usage
from dragoman.dialects import stream_frames
from dragoman.dialects.openai_chat import DIALECT
from dragoman.frames import sse

ORIGIN = "somewhere/some-family"
DONE = b"data: [DONE]\n\n"


def chunk(delta: dict[str, object] | None = None, finish: str | None = None, **more: object) -> bytes:
    choice: dict[str, object] = {"index": 0, "finish_reason": finish}
    if delta is not None:
        choice["delta"] = delta
    return frame({"id": "chatcmpl-1", "model": "m", "created": 7, "choices": [choice], **more})


def frame(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def decode(*data: bytes) -> list[Event]:
    decoder = DIALECT.stream_decoder(ORIGIN)
    events = [event for one in data for event in decoder.feed(one)]
    return [*events, *decoder.close()]


def choice(*data: bytes) -> Choice:
    return fold(decode(*data)).choices[0]


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


def test_created_as_a_fraction_or_text_does_no_harm() -> None:
    assert fold(decode(chunk({"content": "x"}, "stop", created=12.9), DONE)).created == 12
    assert fold(decode(chunk({"content": "x"}, "stop", created="12"), DONE)).created is None


def test_a_frame_that_never_ends_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_FRAME", 100)
    monkeypatch.setattr(stream_frames, "MAX_FRAME", 100)
    for beginning in (b"data: ", b"{"):
        decoder = DIALECT.stream_decoder(ORIGIN)
        events = decoder.feed(beginning + b"x" * 200)
        assert [type(event) for event in events] == [Failed]
        assert decoder.feed(b"x") == []


def test_errors_without_a_status_are_known_by_their_words() -> None:
    for error, kind in (
        ({"message": "m", "code": "content_filter"}, FailureKind.CONTENT_POLICY),
        ({"message": "You exceeded your current quota"}, FailureKind.QUOTA),
        ({"message": "m", "type": "invalid_request_error"}, FailureKind.INVALID_REQUEST),
        ({"message": "m", "code": "rate_limit_exceeded"}, FailureKind.RATE_LIMIT),
        ({"message": "The prompt is too long"}, FailureKind.CONTEXT_OVERFLOW),
        ("boom", FailureKind.SERVER),
    ):
        assert failure(frame({"error": error})).kind is kind


def test_a_call_whose_first_piece_says_nothing_opens_when_its_arguments_come() -> None:
    def piece(index: int, **function: str) -> bytes:
        return chunk({"tool_calls": [{"index": index, "function": function}]})

    read = choice(piece(0), piece(1, name="g", arguments="{}"), piece(0, arguments="1"), chunk({}, "stop"))
    assert [block.arguments for block in read.blocks if isinstance(block, ToolCall)] == ["{}", "1"]
