"""A streamed answer of this format, read: server-sent events or a JSON array, whichever comes."""

import re

import msgspec

from dragoman.conversation.events import (
    Event,
    Failed,
    Started,
    Stopped,
    TextDelta,
    ThinkingDelta,
    UsageReported,
)
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.conversation.usage import Usage
from dragoman.dialects.frame_template import FrameTemplate, Varying
from dragoman.dialects.gemini.errors import parse_error_tree
from dragoman.dialects.gemini.parse_response import parse_created
from dragoman.dialects.gemini.stops import EMPTY, blocked
from dragoman.dialects.gemini.stream_candidate import TRUNCATED, StreamCandidate
from dragoman.dialects.gemini.usage import merged, parse_usage, searches, service_tier, with_searches
from dragoman.dialects.gemini.wire import GenerateContentResponse, PromptFeedback, UsageMetadata, given
from dragoman.dialects.json_tree import ANY
from dragoman.frames.json_array import JSONArrayDecoder
from dragoman.frames.sse import SSEDecoder, parse_frame

_CHUNK = msgspec.json.Decoder(GenerateContentResponse)
_VARYING = Varying(
    re.compile(rb'"usageMetadata":\s*(\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\})'),
    msgspec.json.Decoder(UsageMetadata).decode,
)
"""Every chunk tells the counts so far."""
_SPACE = b" \t\r\n\xef\xbb\xbf"


class GeminiStreamDecoder:
    """Bytes of a stream from an origin in, events out."""

    __slots__ = (
        "_answers",
        "_done",
        "_feedback",
        "_frames",
        "_id",
        "_origin",
        "_searches",
        "_skipped",
        "_started",
        "_template",
        "_tokens",
        "_usage",
        "complete",
    )

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._frames: SSEDecoder | JSONArrayDecoder | None = None
        self._template = FrameTemplate(_VARYING)
        self._skipped = 0
        self.complete = False
        """Never: the format has no end mark. Usage and more of the answer may follow a finish reason."""
        self._done = False
        self._started = False
        self._id = ""
        self._answers: dict[int, StreamCandidate] = {}
        self._feedback: PromptFeedback | None = None
        self._tokens: UsageMetadata | None = None
        self._usage: Usage | None = None
        self._searches = 0

    @property
    def pending(self) -> int:
        """Bytes at the end of what was fed that belong to no whole frame yet."""
        return self._skipped + (self._frames.pending if self._frames is not None else 0)

    def skim(self, data: bytes) -> str | None:
        """See `StreamDecoder.skim`: frames of this format say more than words, they count too."""
        return None

    def feed(self, data: bytes, /) -> list[Event]:
        """The events that `data` completes."""
        if self._done:
            return []
        frames = self._frames
        if frames is None:
            self._skipped += len(data)
            data = data.lstrip(_SPACE)
            if not data:
                return []
            frames = self._frames = JSONArrayDecoder() if data[0] in b"[{" else SSEDecoder()
            self._skipped -= len(data)
        events: list[Event] = []
        try:
            pieces = frames.cut(data) if isinstance(frames, SSEDecoder) else frames.feed(data)
        except ValueError as error:
            self._fail(events, _unreadable(str(error)))
            return events
        if pieces or isinstance(frames, SSEDecoder):
            # until then, space before an array is not yet worth passing on: nothing of it is open
            self._skipped = 0
        for piece in pieces:
            if self._done:
                break
            if (event := self._template.read(piece)) is not None:
                events.append(event)
                tokens = self._template.value
                if isinstance(tokens, UsageMetadata) and tokens != self._tokens:
                    self._count(tokens, self._searches, events)
                continue
            payload = piece
            if isinstance(frames, SSEDecoder):
                told = parse_frame(piece)
                if told is None:
                    continue
                payload = told.data
            known = len(events)
            self._take(payload, events)
            self._learn(piece, events[known:])
        return events

    def _learn(self, piece: bytes, events: list[Event]) -> None:
        """Remember a chunk that was read, and what it led to: words, and the counts beside them."""
        words = events[0] if events and isinstance(events[0], (TextDelta, ThinkingDelta)) else None
        if len(events) > 1 and not (len(events) == 2 and isinstance(events[1], UsageReported)):
            words = None
        answer = None if words is None else self._answers[words.choice]
        if answer is not None and answer.recites:
            words = None
        if self._template.learn(piece, words) and answer is not None:
            self._template.grow = answer.said if isinstance(words, TextDelta) else None

    def close(self) -> list[Event]:
        """What was still open, or `Failed` where the stream ended before the answer did."""
        if self._done:
            return []
        events: list[Event] = []
        frames = self._frames
        try:
            if isinstance(frames, SSEDecoder):
                rest = frames.remainder
                for frame in frames.close():
                    self._take(frame.data, events)
                self._bare_error(rest, events)
            elif frames is not None:
                frames.feed(b"")
                if frames.remainder:
                    self._fail(events, TRUNCATED)
        except ValueError as error:
            self._fail(events, _unreadable(str(error)))
        if not self._done:
            self._finish(events)
        return events

    def _bare_error(self, rest: bytes, events: list[Event]) -> None:
        """An error may come as it is, without `data:` before it."""
        if b'"error"' in rest and rest.lstrip(_SPACE)[:1] in (b"{", b"["):
            try:
                tree = ANY.decode(rest)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return
            self._fail(events, parse_error_tree(0, {}, tree, rest))

    def _fail(self, events: list[Event], failure: Failure) -> None:
        if not self._done:
            self._done = True
            events.append(Failed(failure))

    def _take(self, payload: bytes, events: list[Event]) -> None:
        """Read one chunk."""
        if self._done or not payload or payload == b"[DONE]":
            return
        try:
            chunk = _CHUNK.decode(payload)
            if given(chunk.error):
                self._fail(events, parse_error_tree(0, {}, ANY.decode(payload), payload))
                return
            if not self._started:
                self._start(chunk, events)
            for place, candidate in enumerate(chunk.candidates or ()):
                index = place if candidate.index is None else candidate.index
                answer = self._answers.get(index)
                if answer is None:
                    answer = self._answers[index] = StreamCandidate(self._id, index, self._origin)
                answer.take(candidate, events)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self._fail(events, _unreadable(str(error)))
            return
        except FailureError as error:
            self._fail(events, error.failure)
            return
        if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason:
            self._feedback = chunk.prompt_feedback
        made = max(self._searches, searches(chunk.candidates or ()))
        tokens = chunk.usage_metadata or self._tokens
        if tokens is not None and (tokens != self._tokens or made != self._searches):
            self._count(tokens, made, events)
        self._searches = made

    def _start(self, chunk: GenerateContentResponse, events: list[Event]) -> None:
        if not (chunk.candidates or chunk.prompt_feedback or chunk.usage_metadata or chunk.response_id):
            return
        self._started = True
        self._id = chunk.response_id or ""
        events.append(
            Started(
                self._id,
                chunk.model_version or "",
                parse_created(chunk.create_time),
                service_tier(chunk.usage_metadata),
            )
        )

    def _count(self, tokens: UsageMetadata, searched: int, events: list[Event]) -> None:
        self._tokens = merged(self._tokens, tokens)
        usage = with_searches(parse_usage(self._tokens), searched)
        if usage is not None and usage != self._usage:
            self._usage = usage
            events.append(UsageReported(usage))

    def _finish(self, events: list[Event]) -> None:
        """Every candidate has said its last word, for the upstream has closed the stream.

        Only now: some streams give a finish reason with every chunk, or go on after one when code
        was run.
        """
        feedback = self._feedback
        stop = (
            blocked(feedback.block_reason, feedback.block_reason_message)
            if feedback is not None and feedback.block_reason
            else None
        )
        if not self._answers:
            if stop is None:
                self._fail(events, EMPTY)
                return
            events.append(Stopped(stop))
        try:
            for answer in self._answers.values():
                answer.close(events, otherwise=stop)
        except FailureError as error:
            self._fail(events, error.failure)
        self._done = True


def _unreadable(problem: str) -> Failure:
    return Failure(FailureKind.BAD_GATEWAY, f"The upstream's stream could not be read: {problem}")
