"""What is accounted for of a stream, however its bytes come."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.blocks import Text
from dragoman.conversation.events import (
    BlockEnded,
    BlockStarted,
    Event,
    Failed,
    Started,
    Stopped,
    TextDelta,
    UsageReported,
)
from dragoman.conversation.failure import FailureKind
from dragoman.conversation.response import Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.dialects.openai_completions.stream_decoder import CompletionsStreamDecoder


def frame(*choices: dict[str, object], **more: object) -> bytes:
    return (
        b"data: " + json.dumps({"id": "cmpl-1", "model": "m", "choices": choices, **more}).encode() + b"\n\n"
    )


def piece(text: str, index: int = 0, finish: str | None = None) -> dict[str, object]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}


DONE = b"data: [DONE]\n\n"
TWO = (
    frame(piece("One"))
    + frame(piece("Uno", 1))
    + frame(piece("", 0, "stop"))
    + frame(piece("", 1, "length"))
    + frame(piece("late", 0))
    + frame(usage={"prompt_tokens": 3, "completion_tokens": 2})
    + DONE
)
EVENTS: list[Event] = [
    Started("cmpl-1", "m"),
    BlockStarted(0, Text("")),
    TextDelta(0, "One"),
    BlockStarted(0, Text(""), 1),
    TextDelta(0, "Uno", 1),
    BlockEnded(0),
    Stopped(Stop(StopReason.END, raw="stop")),
    BlockEnded(0, 1),
    Stopped(Stop(StopReason.MAX_TOKENS, raw="length"), 1),
    UsageReported(Usage(input=3, output=2)),
]


def read(data: bytes, size: int = 1 << 20) -> list[Event]:
    decoder = CompletionsStreamDecoder("p/m")
    events = [event for at in range(0, len(data), size) for event in decoder.feed(data[at : at + size])]
    return [*events, *decoder.close()]


@given(st.integers(1, 60))
@settings(max_examples=60)
def test_several_texts_are_told_apart_in_whatever_pieces_they_come(size: int) -> None:
    assert read(TWO, size) == EVENTS


def test_what_is_no_whole_frame_yet_is_pending() -> None:
    decoder = CompletionsStreamDecoder("p/m")
    decoder.feed(frame(piece("a")) + b"data: {")
    assert decoder.pending == 7


def test_a_text_without_a_finish_reason_ends_with_the_stream() -> None:
    assert read(frame(piece("a")) + DONE)[-1] == Stopped(Stop(StopReason.OTHER))


def test_a_stream_without_its_end_is_whole_if_every_text_is() -> None:
    assert isinstance(read(frame(piece("a", 0, "stop")))[-1], Stopped)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", FailureKind.BAD_GATEWAY),
        (DONE, FailureKind.BAD_GATEWAY),
        (frame(piece("a")), FailureKind.BAD_GATEWAY),
        (frame(piece("a")) + b"data: <html>\n\n" + DONE, FailureKind.BAD_GATEWAY),
        (
            frame(piece("a")) + b'data: {"error":{"message":"Too fast","code":"rate_limit_exceeded"}}\n\n',
            FailureKind.RATE_LIMIT,
        ),
    ],
)
def test_a_stream_that_breaks_is_one_failure_and_nothing_more(data: bytes, kind: FailureKind) -> None:
    events = read(data)
    assert [isinstance(event, Failed) for event in events].count(True) == 1
    last = events[-1]
    assert isinstance(last, Failed)
    assert last.failure.kind is kind
