"""One candidate of a streamed answer, read part by part."""

import io

from msgspec import Raw

from dragoman.conversation.blocks import Block, Text, Thinking, ToolCall
from dragoman.conversation.events import (
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    CitationDelta,
    Event,
    LogprobsReported,
    SignatureDelta,
    Stopped,
    TextDelta,
    ThinkingDelta,
)
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import Stop
from dragoman.conversation.turns import derived_call_id
from dragoman.dialects.gemini.arguments import PartialArguments
from dragoman.dialects.gemini.grounding import Texts, parse_citations
from dragoman.dialects.gemini.logprobs import parse_logprobs
from dragoman.dialects.gemini.media import media_block
from dragoman.dialects.gemini.parse_parts import server_block
from dragoman.dialects.gemini.parse_response import ended, parse_call
from dragoman.dialects.gemini.stops import EMPTY
from dragoman.dialects.gemini.wire import Candidate, FunctionCall, Part, given, part_list

DIALECT = "gemini"

TRUNCATED = Failure(
    FailureKind.BAD_GATEWAY,
    "The upstream closed the stream before the answer was complete.",
    code="truncated",
)


class StreamCandidate:
    """One candidate of a stream, as it grows."""

    __slots__ = (
        "_calls",
        "_grounding",
        "_id",
        "_index",
        "_message",
        "_next",
        "_open",
        "_origin",
        "_partial",
        "_reason",
        "_recitations",
        "_texts",
    )

    def __init__(self, response_id: str, index: int, origin: str) -> None:
        self._id = response_id
        self._index = index
        self._origin = origin
        self._next = 0
        self._open: type[Text | Thinking] | None = None
        self._calls = 0
        self._partial: tuple[str, str, PartialArguments] | None = None
        self._reason: str | int | None = None
        self._message: str | None = None
        self._texts: list[io.StringIO] = []
        self._grounding: Raw | None = None
        self._recitations: list[Raw] = []

    @property
    def recites(self) -> bool:
        """Whether sources of recitations have come: they are kept with every chunk that tells them."""
        return bool(self._recitations)

    def said(self, text: str) -> None:
        """Take note of more of the open text, whose event is made elsewhere."""
        self._texts[-1].write(text)

    def take(self, candidate: Candidate, events: list[Event]) -> None:
        """Read what one chunk adds. Raises `FailureError` for log probabilities that are none."""
        content = candidate.content
        if content is not None and content.parts is not None:
            for part in part_list(content.parts):
                self._part(part, events)
        if given(candidate.logprobs_result):
            events.append(LogprobsReported(parse_logprobs(candidate.logprobs_result), self._index))
        if given(candidate.grounding_metadata):
            self._ground(candidate.grounding_metadata)
        if given(candidate.citation_metadata):
            self._recitations.append(candidate.citation_metadata)
        if candidate.finish_reason:
            self._reason = candidate.finish_reason
            self._message = candidate.finish_message

    def _ground(self, raw: Raw) -> None:
        # the last word counts, but later chunks may repeat the member without anything in it
        if self._grounding is None or b'"groundingChunks"' in bytes(raw):
            self._grounding = raw

    def _part(self, part: Part, events: list[Event]) -> None:
        value = part.thought_signature
        text = part.text
        if part.function_call is not None:
            self._call(part.function_call, value, events)
        elif part.inline_data is not None or part.file_data is not None:
            self._whole(media_block(part), events)
        elif text or (value and (text is not None or server_block(part) is None)):
            if part.thought:
                self._grow(Thinking, text or "", events)
            else:
                self._grow(Text, text or "", events)
            if value:
                signature = Signature(DIALECT, self._origin, value)
                events.append(SignatureDelta(self._next - 1, signature, self._index))
                self._end(events)
        elif text is None and (block := server_block(part)) is not None:
            self._whole(block, events)

    def _grow(self, kind: type[Text | Thinking], text: str, events: list[Event]) -> None:
        if self._open is not kind:
            self._end(events)
            events.append(BlockStarted(self._next, kind(""), self._index))
            if kind is Text:
                self._texts.append(io.StringIO())
            self._open = kind
            self._next += 1
        if not text:
            return
        if kind is Text:
            self._texts[-1].write(text)
            events.append(TextDelta(self._next - 1, text, self._index))
        else:
            events.append(ThinkingDelta(self._next - 1, text, self._index))

    def _end(self, events: list[Event]) -> None:
        """Close the text or thought that is open, and a call whose arguments are streaming."""
        if self._partial is not None:
            self._end_partial(events)
        if self._open is not None:
            self._open = None
            events.append(BlockEnded(self._next - 1, self._index))

    def _whole(self, block: Block, events: list[Event]) -> None:
        self._end(events)
        events.append(BlockStarted(self._next, block, self._index))
        events.append(BlockEnded(self._next, self._index))
        self._next += 1

    def _call(self, call: FunctionCall, value: str | None, events: list[Event]) -> None:
        signature = Signature(DIALECT, self._origin, value) if value else None
        if self._partial is not None and not call.name:
            self._continue(call, events)
        elif call.will_continue or call.partial_args:
            self._end(events)
            name = call.name or ""
            own = call.id or derived_call_id(self._id, str(self._index), str(self._calls), name)
            self._calls += 1
            self._partial = (own, name, PartialArguments())
            events.append(BlockStarted(self._next, ToolCall(own, name, "", signature=signature), self._index))
            self._next += 1
            self._continue(call, events)
        elif call.name or given(call.args):
            self._end(events)
            whole = parse_call(call, self._id, self._index, self._calls)
            self._calls += 1
            started = ToolCall(whole.id, whole.name, "", signature=signature)
            events.append(BlockStarted(self._next, started, self._index))
            events.append(ArgumentsDelta(self._next, whole.arguments, self._index))
            events.append(BlockEnded(self._next, self._index))
            self._next += 1

    def _continue(self, call: FunctionCall, events: list[Event]) -> None:
        """More of a call that Vertex AI streams: it ends with a piece that does not continue."""
        if self._partial is not None:
            for piece in call.partial_args or ():
                self._partial[2].feed(piece)
            if not call.will_continue:
                self._end_partial(events)

    def _end_partial(self, events: list[Event]) -> None:
        if self._partial is not None:
            events.append(ArgumentsDelta(self._next - 1, self._partial[2].text, self._index))
            events.append(BlockEnded(self._next - 1, self._index))
            self._partial = None

    def close(self, events: list[Event], *, otherwise: Stop | None) -> None:
        """End the candidate; `otherwise` is how, where it said no finish reason.

        Raises `FailureError` where it did not end, or amounts to no answer.
        """
        if self._reason is not None:
            stop = ended(
                self._reason,
                self._message,
                called=self._calls > 0,
                empty=self._next == 0,
            )
        elif otherwise is not None:
            stop = otherwise
        else:
            raise FailureError(TRUNCATED if self._next else EMPTY)
        self._cite(events)
        self._end(events)
        events.append(Stopped(stop, self._index))

    def _cite(self, events: list[Event]) -> None:
        """The citations of the text that is still open; those of earlier texts come too late."""
        if self._open is not Text or (self._grounding is None and not self._recitations):
            return
        texts = [text.getvalue() for text in self._texts]
        last = len(texts) - 1
        for index, citation in parse_citations(Texts(texts), last, self._grounding, self._recitations):
            if index == last:
                events.append(CitationDelta(self._next - 1, citation, self._index))
