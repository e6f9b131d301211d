"""Streams of an upstream: server-sent chunks to events."""

import re

import msgspec

from dragoman.conversation.events import Event, Failed, TextDelta, ThinkingDelta, UsageReported
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.dialects.error_text import read_error
from dragoman.dialects.frame_template import FrameTemplate, Varying
from dragoman.dialects.openai_chat.answer import ANSWER, failure_of, started_of
from dragoman.dialects.openai_chat.answer_wire import AnswerWire, ChoiceWire
from dragoman.dialects.openai_chat.choice import OpenChoice
from dragoman.dialects.openai_chat.citations import sources_of
from dragoman.dialects.openai_chat.errors import embedded_failure
from dragoman.dialects.openai_chat.parse_response import parse_events
from dragoman.dialects.openai_chat.usage import usage_of
from dragoman.dialects.stream_frames import StreamFrames
from dragoman.frames.sse import SSE, FrameTooLargeError, parse_frame

_VARYING = Varying(re.compile(rb'"obfuscation":\s*("[^"\\]*")'), msgspec.json.Decoder(str).decode)
"""What OpenAI adds to each chunk, so that its size does not tell what is in it."""


class ChatStreamDecoder:
    """Bytes of an upstream's stream in, events out; never raises.

    A choice stops when the stream has moved on to something else, not at its finish reason: hosts
    put usage, signatures and the finish reason itself into chunks after it. `[DONE]` ends the
    stream; a stream that ends without it is whole if every choice had its finish reason. A body that is
    one JSON object and no stream is taken as what it is: a whole answer, or an error.
    """

    __slots__ = (
        "_answer",
        "_choices",
        "_frames",
        "_origin",
        "_over",
        "_sources",
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
        """Whether `[DONE]` has come."""
        self._answer = ""
        self._choices: dict[int, OpenChoice] = {}
        self._sources: AnswerWire | None = None

    @property
    def pending(self) -> int:
        """Bytes at the end of what was fed that belong to no whole frame yet."""
        return self._frames.pending

    def skim(self, data: bytes) -> str | None:
        """See `StreamDecoder.skim`."""
        return None if self._over or self._frames.pending else self._template.skim(data)

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes."""
        events: list[Event] = []
        try:
            frames = self._frames.cut(data)
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
        return events

    def _learn(self, frame: bytes, event: Event | None) -> None:
        """Remember a frame that was read, and the one event that it led to. Calls are left out: what their
        pieces mean depends on what is in them.
        """
        words = event if isinstance(event, (TextDelta, ThinkingDelta)) else None
        if self._template.learn(frame, words) and words is not None:
            choice = self._choices[words.choice]
            self._template.grow = choice.said if choice.speaks else None

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
        if self._over:
            return events
        unfinished = any(choice.finish is None and not choice.stopped for choice in self._choices.values())
        if unfinished or not self._choices:
            message = "ended before the answer was complete" if self._started else "ended without an answer"
            self._fail(Failure(FailureKind.BAD_GATEWAY, f"The upstream's stream {message}."), events)
        else:
            self._finish(events)
        return events

    def _read(self, frame: SSE, events: list[Event]) -> None:
        data = frame.data
        if not data.strip():
            return
        if data[:6] == b"[DONE]":
            self._done(events)
            return
        try:
            answer = ANSWER.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            told = read_error(data)
            known = frame.event == "error" or told.named
            self._fail(embedded_failure(data) if known else _unreadable(error), events)
            return
        if answer.error or frame.event == "error" or (answer.x_groq is not None and answer.x_groq.error):
            error = answer.error or (answer.x_groq.error if answer.x_groq is not None else None)
            self._fail(embedded_failure(data, None if answer.error else error), events)
            return
        choices = answer.choices
        if choices:
            if not self._started:
                self._started = True
                self._answer = answer.id or ""
                events.append(started_of(answer))
            for choice in choices:
                self._read_choice(choice, data, events)
                if self._over:
                    return
        elif choices is None and answer.usage is None and answer.id is None:
            told = read_error(data)
            if told.message and told.named:
                self._fail(embedded_failure(data), events)
                return
        elif self._started:
            self._close_finished(events)
        if answer.citations or answer.search_results:
            self._sources = answer
        if answer.usage is not None or answer.x_groq is not None:
            usage = usage_of(answer)
            if usage is not None and self._started:
                events.append(UsageReported(usage))

    def _read_choice(self, wire: ChoiceWire, data: bytes, events: list[Event]) -> None:
        index = wire.index or 0
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = OpenChoice(index, self._origin, self._answer)
        elif choice.stopped:
            return
        delta = wire.delta or wire.message
        if delta is not None:
            choice.read(delta, events)
        if wire.logprobs:
            choice.read_logprobs(bytes(wire.logprobs), events)
        if wire.finish_reason:
            choice.finish = wire.finish_reason
            choice.sequence = wire.stop_reason or wire.matched_stop or choice.sequence
        if wire.finish_reason or wire.error:
            failure = failure_of(wire, data)
            if failure is not None:
                self._fail(failure, events)

    def _close_finished(self, events: list[Event]) -> None:
        """Stop the choices that have a finish reason: the stream has moved on."""
        sources = sources_of(self._sources) if self._sources is not None else ()
        for choice in self._choices.values():
            if choice.finish is not None and not choice.stopped:
                choice.close(events, sources)

    def _done(self, events: list[Event]) -> None:
        """The upstream says that this is all: choices without a finish reason end here, too."""
        self.complete = True
        if not self._choices:
            self._fail(Failure(FailureKind.BAD_GATEWAY, "The upstream's stream held no answer."), events)
            return
        self._finish(events)

    def _finish(self, events: list[Event]) -> None:
        sources = sources_of(self._sources) if self._sources is not None else ()
        for choice in self._choices.values():
            if not choice.stopped:
                choice.close(events, sources)
        self._over = True

    def _read_whole(self, body: bytes, events: list[Event]) -> None:
        try:
            events.extend(parse_events(body, self._origin))
            self._over = True
        except FailureError as error:
            self._fail(error.failure, events)

    def _fail(self, failure: Failure, events: list[Event]) -> None:
        self._over = True
        events.append(Failed(failure))


def _unreadable(error: Exception) -> Failure:
    return Failure(FailureKind.BAD_GATEWAY, f"The upstream's stream could not be read: {error}")
