"""Streams of an upstream: server-sent events to neutral ones."""

import re

import msgspec

from dragoman.conversation.events import Event, Failed, TextDelta, ThinkingDelta, UsageReported
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.dialects.error_text import read_error
from dragoman.dialects.frame_template import FrameTemplate, Varying
from dragoman.dialects.json_tree import UNREADABLE
from dragoman.dialects.openai_responses.answer_wire import AnswerWire, StreamEventWire
from dragoman.dialects.openai_responses.errors import embedded_failure
from dragoman.dialects.openai_responses.open_answer import (
    ANSWER,
    OpenAnswer,
    failure_of,
    reason_of,
    started_of,
)
from dragoman.dialects.openai_responses.parse_response import parse_events
from dragoman.dialects.openai_responses.stop import COMPLETED, INCOMPLETE
from dragoman.dialects.openai_responses.usage import usage_of
from dragoman.dialects.stream_frames import StreamFrames
from dragoman.frames.sse import SSE, FrameTooLargeError, parse_frame

_EVENT = msgspec.json.Decoder(StreamEventWire)
_VARYING = Varying(
    re.compile(rb'"(?:sequence_number|obfuscation)":\s*([0-9]+|"[^"\\]*")'),
    msgspec.json.Decoder(int | str).decode,
)
"""What differs from event to event: its number, and what OpenAI adds so that its size does not tell what is
in it.
"""
_BEGINNINGS = frozenset({"response.created", "response.queued", "response.in_progress"})
_ENDS = {
    "response.completed": COMPLETED,
    "response.incomplete": INCOMPLETE,
    "response.done": None,
    "response.failed": None,
    "response.cancelled": None,
}
"""The events that end a stream, and the status that they mean where the response in them says none."""


class ResponsesStreamDecoder:
    """Bytes of an upstream's stream in, events out; never raises.

    Only the terminal event ends an answer well: a stream that breaks off without one has failed. Events
    of unknown types are skipped, and `[DONE]`, which some hosts send, means nothing. An `error` event is
    told as a failure when `response.failed` follows it, which every vendor's does, or anything else; up to
    then it is pending: so that a client which gets the bytes as they are gets both, or neither. A body that
    is one JSON object and no stream is taken as what it is: a whole answer, or an error.
    """

    __slots__ = (
        "_answer",
        "_error",
        "_frames",
        "_held",
        "_origin",
        "_over",
        "_started",
        "_template",
        "complete",
    )

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._frames = StreamFrames()
        self._template = FrameTemplate(_VARYING)
        self._started = False
        self._over = False
        self.complete = False
        """Whether the terminal event has come, of success or failure."""
        self._error: Failure | None = None
        self._held = 0
        self._answer = OpenAnswer(origin)

    @property
    def pending(self) -> int:
        """Bytes at the end of what was fed that belong to no whole frame yet."""
        return self._frames.pending + self._held

    def skim(self, data: bytes) -> str | None:
        """See `StreamDecoder.skim`."""
        held = self._over or self._error is not None or self._frames.pending
        return None if held else self._template.skim(data)

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes."""
        events: list[Event] = []
        try:
            complete = self._frames.pending + len(data)
            frames = self._frames.cut(data)
            complete -= self._frames.pending
        except FrameTooLargeError as error:
            if not self._over:
                self._fail(_unreadable(error), events)
            return events
        for frame in frames:
            if self._over:
                break
            if (event := self._template.read(frame)) is not None:
                events.append(event)
            elif (told := parse_frame(frame)) is not None:
                known = len(events)
                self._read(told, events)
                self._learn(frame, events[-1] if len(events) == known + 1 else None)
        waits = self._error is not None and not self._over
        self._held = self._held + complete if waits else 0
        return events

    def _learn(self, frame: bytes, event: Event | None) -> None:
        """Remember a frame that was read, and the one event that it led to."""
        words = event if isinstance(event, (TextDelta, ThinkingDelta)) else None
        if self._template.learn(frame, words) and words is not None:
            self._template.grow = self._answer.said(words.index).write

    def close(self) -> list[Event]:
        """The upstream has closed the stream."""
        events: list[Event] = []
        if self._over:
            return events
        if (body := self._frames.body) is not None:
            self._read_whole(body, events)
            return events
        for frame in self._frames.close():
            self._read(frame, events)
        if not self._over:
            message = "ended before the answer was complete" if self._started else "ended without an answer"
            failure = Failure(FailureKind.BAD_GATEWAY, f"The upstream's stream {message}.")
            self._fail(self._error or failure, events)
        return events

    def _read(self, frame: SSE, events: list[Event]) -> None:
        data = frame.data
        if not data.strip() or data[:6] == b"[DONE]":
            return
        try:
            event = _EVENT.decode(data)
            self._take(event, event.type or frame.event, data, events)
        except FailureError as error:
            self._fail(error.failure, events)
        except UNREADABLE as error:
            told = read_error(data)
            known = frame.event == "error" or told.named
            self._fail(embedded_failure(data) if known else _unreadable(error), events)

    def _take(self, event: StreamEventWire, kind: str, data: bytes, events: list[Event]) -> None:
        if kind == "response.output_text.delta" and self._error is None:
            message = self._answer.message(event.output_index, events)
            if event.logprobs:
                message.measure(event.content_index, bytes(event.logprobs), events)
            message.say(event.content_index, _text(event.delta), events)
        elif kind in _ENDS:
            self._finish(event, kind, data, events)
        elif self._error is not None:
            # without the body, which would say that a client may have the bytes as they came
            self._fail(msgspec.structs.replace(self._error, body=b""), events)
        elif kind == "error" or (event.error and not event.response):
            self._error = embedded_failure(data, event.error)
        elif kind in _BEGINNINGS:
            self._start(ANSWER.decode(event.response) if event.response else AnswerWire(), events)
        else:
            self._take_piece(event, kind, events)

    def _take_piece(self, event: StreamEventWire, kind: str, events: list[Event]) -> None:
        """A piece of an item. An item that is complete tells what its pieces left out."""
        answer, place = self._answer, event.output_index
        match kind:
            case "response.output_item.added":
                self._start(AnswerWire(), events)
                answer.begin(place, bytes(event.item), events)
            case "response.output_item.done":
                self._start(AnswerWire(), events)
                answer.end(place, bytes(event.item), events)
            case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
                if (call := answer.call(place)) is not None:
                    call.grow(_text(event.delta), events)
            case "response.function_call_arguments.done" | "response.custom_tool_call_input.done":
                if (call := answer.call(place)) is not None:
                    whole = event.input if event.arguments is None else event.arguments
                    call.complete(_text(whole), event.name, events)
            case "response.refusal.delta":
                message = answer.message(place, events)
                message.say(event.content_index, _text(event.delta), events, refusal=True)
            case "response.output_text.annotation.added":
                answer.message(place, events).cite(event.content_index, bytes(event.annotation), events)
            case "response.content_part.done":
                if event.part is not None and event.part.type in {"output_text", "refusal"}:
                    answer.message(place, events).end_part(event.content_index, event.part, events)
            case "response.reasoning_summary_text.delta" | "response.reasoning_summary.delta":
                reasoning = answer.reasoning(place, events)
                reasoning.think("summary", event.summary_index, _text(event.delta), events)
            case "response.reasoning_text.delta" | "response.reasoning.delta":
                answer.reasoning(place, events).think(
                    "content", event.content_index, _text(event.delta), events
                )
            case _:
                pass  # how far hosted calls are, and what has come in pieces before

    def _start(self, answer: AnswerWire, events: list[Event]) -> None:
        if self._started:
            return
        self._started = True
        self._answer.id = answer.id or ""
        events.append(started_of(answer))

    def _finish(self, event: StreamEventWire, kind: str, data: bytes, events: list[Event]) -> None:
        """The terminal event: it holds the whole answer once more, for hosts that leave out pieces."""
        self.complete = True
        answer = ANSWER.decode(event.response) if event.response else AnswerWire()
        self._start(answer, events)
        counted = usage_of(answer)
        usage = None if counted is None else UsageReported(counted)
        failure = failure_of(answer, bytes(event.response) or data)
        if failure is None and kind in {"response.failed", "response.cancelled"}:
            failure = embedded_failure(data)
        if failure is None and self._error is not None:
            failure = self._error
        if failure is not None:
            if usage is not None:
                events.append(usage)
            self._fail(self._error or failure, events)
            return
        for raw in (answer.output or ())[self._answer.count :]:
            self._answer.end(None, bytes(raw), events)
        self._over = True
        status = answer.status or _ENDS[kind]
        if usage is not None:
            events.append(usage)
        self._answer.close(status, reason_of(answer), events)

    def _read_whole(self, body: bytes, events: list[Event]) -> None:
        try:
            events.extend(parse_events(body, self._origin))
            self._over = True
        except FailureError as error:
            self._fail(error.failure, events)

    def _fail(self, failure: Failure, events: list[Event]) -> None:
        self._over = True
        events.append(Failed(failure))


def _text(value: object) -> str:
    """A piece of text; some hosts write arguments as the object itself."""
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()


def _unreadable(error: Exception) -> Failure:
    return Failure(FailureKind.BAD_GATEWAY, f"The upstream's stream could not be read: {error}")
