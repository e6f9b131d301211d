"""Streams of an upstream: server-sent frames to events, for what is accounted for."""

import msgspec

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
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.response import Stop, StopReason
from dragoman.dialects.frame_template import FrameTemplate
from dragoman.dialects.openai_completions.wire import ANSWER, NAME, ChoiceWire, parse_usage, stop_reason
from dragoman.dialects.openai_error import embedded_failure
from dragoman.frames.sse import SSE, FrameTooLargeError, SSEDecoder, parse_frame


class CompletionsStreamDecoder:
    """Bytes of an upstream's stream in, events out; never raises.

    Each choice is one block of text. `[DONE]` ends the stream; a stream that ends without it is whole if
    every choice had its finish reason.
    """

    __slots__ = ("_open", "_over", "_sse", "_started", "_stopped", "_template", "complete")

    def __init__(self, origin: str) -> None:
        del origin
        self._sse = SSEDecoder()
        self._template = FrameTemplate()
        self._open: set[int] = set()
        self._stopped: set[int] = set()
        self._started = False
        self._over = False
        self.complete = False
        """Whether `[DONE]` has come."""

    @property
    def pending(self) -> int:
        """Bytes at the end of what was fed that belong to no whole frame yet."""
        return self._sse.pending

    def skim(self, data: bytes) -> str | None:
        """See `StreamDecoder.skim`."""
        return None if self._over or self._sse.pending else self._template.skim(data)

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes."""
        events: list[Event] = []
        try:
            frames = self._sse.cut(data)
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
                self._template.learn(frame, events[-1] if len(events) == known + 1 else None)
        return events

    def close(self) -> list[Event]:
        """The upstream has closed the stream."""
        events: list[Event] = []
        for frame in self._sse.close():
            if not self._over:
                self._read(frame, events)
        if not self._over and (self._open or not self._started):
            words = "ended before the answer was complete" if self._started else "ended without an answer"
            self._fail(Failure(FailureKind.BAD_GATEWAY, f"The upstream's stream {words}."), events)
        return events

    def _read(self, frame: SSE, events: list[Event]) -> None:
        if frame.data[:6] == b"[DONE]":
            self._end(events)
            return
        try:
            answer = ANSWER.decode(frame.data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self._fail(_unreadable(error), events)
            return
        if answer.error or frame.event == "error":
            self._fail(embedded_failure(NAME, frame.data), events)
            return
        if answer.choices and not self._started:
            self._started = True
            events.append(Started(answer.id or "", answer.model or ""))
        for choice in answer.choices or ():
            self._read_choice(choice, events)
        if answer.usage is not None:
            events.append(UsageReported(parse_usage(answer.usage)))

    def _read_choice(self, wire: ChoiceWire, events: list[Event]) -> None:
        choice = wire.index or 0
        if choice in self._stopped:
            return
        if choice not in self._open:
            self._open.add(choice)
            events.append(BlockStarted(0, Text(""), choice))
        if wire.text:
            events.append(TextDelta(0, wire.text, choice))
        if wire.finish_reason:
            self._stop(choice, Stop(stop_reason(wire.finish_reason), raw=wire.finish_reason), events)

    def _stop(self, choice: int, stop: Stop, events: list[Event]) -> None:
        self._open.discard(choice)
        self._stopped.add(choice)
        events += (BlockEnded(0, choice), Stopped(stop, choice))

    def _end(self, events: list[Event]) -> None:
        """The upstream says that this is all: texts without a finish reason end here, too."""
        self.complete = True
        if not self._started:
            self._fail(Failure(FailureKind.BAD_GATEWAY, "The upstream's stream held no answer."), events)
            return
        for choice in sorted(self._open):
            self._stop(choice, Stop(StopReason.OTHER), events)
        self._over = True

    def _fail(self, failure: Failure, events: list[Event]) -> None:
        self._over = True
        events.append(Failed(failure))


def _unreadable(error: Exception) -> Failure:
    return Failure(FailureKind.BAD_GATEWAY, f"The upstream's stream could not be read: {error}")
