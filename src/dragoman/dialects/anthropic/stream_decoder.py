"""Streams from the wire."""

import msgspec

from dragoman.conversation.blocks import Text, Thinking, ToolCall, Unknown
from dragoman.conversation.events import (
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    CitationDelta,
    Event,
    Failed,
    SignatureDelta,
    Started,
    Stopped,
    TextDelta,
    ThinkingDelta,
    UsageReported,
)
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.opaque import Signature
from dragoman.dialects.anthropic import wire, wire_answer
from dragoman.dialects.anthropic.citations import parse_citation
from dragoman.dialects.anthropic.errors import parse_stream_error
from dragoman.dialects.anthropic.parse_content import TOOL_USE_FIELDS, Fields, opaque, server_side
from dragoman.dialects.anthropic.stops import answers_calls, parse_stop
from dragoman.dialects.anthropic.usage import neutral_tier, parse_usage
from dragoman.dialects.anthropic.wire import DIALECT
from dragoman.dialects.arguments import arguments_text, input_object
from dragoman.dialects.frame_template import FrameTemplate
from dragoman.frames.sse import FrameTooLargeError, SSEDecoder, parse_frame

_EVENT = msgspec.json.Decoder(wire_answer.StreamEvent)
_OPENING = msgspec.json.Decoder(wire_answer.OpeningBlock)
_FIELDS = msgspec.json.Decoder(Fields)
_DETAILS = msgspec.json.Decoder(wire_answer.StopExplanation)
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class _Open:
    """A block that is still growing on the wire.

    `index` is its neutral index, None for a block of a kind unknown here: that one is an event only
    when it is whole, and grows in `fields` until then.
    """

    __slots__ = ("block", "fields", "grown", "index", "signature", "whole", "written")

    def __init__(self, block: Text | Thinking | ToolCall | None, index: int | None) -> None:
        self.block = block
        self.index = index
        self.signature = ""
        self.whole = "{}"
        self.grown = False
        self.written: list[str] = []
        self.fields: Fields = {}


class AnthropicStreamDecoder:
    """Server-sent events in, neutral events out.

    What it forgives, because hosts of this format do it: events and deltas of unknown kinds, input
    that comes whole with the start of its block, blocks that were never started or never ended, and a
    stream that ends after its stop reason without `message_stop`.
    """

    __slots__ = (
        "_blocks",
        "_called",
        "_done",
        "_explanation",
        "_frames",
        "_next",
        "_origin",
        "_reason",
        "_sequence",
        "_started",
        "_template",
        "complete",
    )

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._frames = SSEDecoder()
        self._template = FrameTemplate()
        self._blocks: dict[int, _Open] = {}
        self._next = 0
        self._called = False
        self._started = False
        self._done = False
        self.complete = False
        """Whether `message_stop` has come."""
        self._reason: str | None = None
        self._sequence: str | None = None
        self._explanation: str | None = None

    @property
    def pending(self) -> int:
        """Bytes at the end of what was fed that belong to no whole frame yet."""
        return self._frames.pending

    def skim(self, data: bytes, /) -> str | None:
        """See `StreamDecoder.skim`."""
        return None if self._done or self._frames.pending else self._template.skim(data)

    def feed(self, data: bytes, /) -> list[Event]:
        """The events that `data` completes."""
        out: list[Event] = []
        try:
            frames = self._frames.cut(data)
        except FrameTooLargeError as error:
            self._fail(str(error), out)
            return out
        for frame in frames:
            if self._done:
                break
            if (event := self._template.read(frame)) is not None:
                out.append(event)
            elif (told := parse_frame(frame)) is not None:
                known = len(out)
                self._take(told.data, out)
                self._template.learn(frame, out[-1] if len(out) == known + 1 else None)
        return out

    def close(self) -> list[Event]:
        """The upstream has closed the stream."""
        out: list[Event] = []
        for frame in self._frames.close():
            if not self._done:
                self._take(frame.data, out)
        if not self._done:
            if self._reason is None:
                self._fail("the stream ended before the answer was complete", out)
            else:
                self._stop(out)
        return out

    def _take(self, data: bytes, out: list[Event]) -> None:
        try:
            event = _EVENT.decode(data)
            match event.type:
                case "content_block_delta":
                    if event.delta is not None:
                        self._grow(event.index, event.delta, out)
                case "content_block_start":
                    self._open(event.index, event.content_block, out)
                case "content_block_stop":
                    self._end(event.index, out)
                case "message_start":
                    self._start(event.message or wire_answer.MessageBegin(), out)
                case "message_delta":
                    self._change(event, out)
                case "message_stop":
                    self.complete = True
                    self._stop(out)
                case _:
                    if event.type == "error" or (not event.type and wire.given(event.error)):
                        self._done = True
                        out.append(Failed(parse_stream_error(data)))
        except _UNREADABLE as error:
            # a closing mark of another format, which some hosts send here too
            if data.strip() != b"[DONE]":
                self._fail(f"the stream could not be read: {error}", out)

    def _fail(self, problem: str, out: list[Event]) -> None:
        if not self._done:
            self._done = True
            out.append(Failed(Failure(FailureKind.BAD_GATEWAY, f"The upstream failed: {problem}.")))

    def _start(self, message: wire_answer.MessageBegin, out: list[Event]) -> None:
        if self._started:
            return
        self._started = True
        counts = message.usage
        tier = None if counts is None else neutral_tier(counts.service_tier)
        out.append(Started(message.id, message.model, service_tier=tier))
        if counts is not None:
            out.append(UsageReported(parse_usage(counts)))

    def _open(self, index: int, raw: msgspec.Raw, out: list[Event]) -> None:
        if not self._started:
            self._start(wire_answer.MessageBegin(), out)
        self._end(index, out)
        start = _OPENING.decode(raw)
        match start.type:
            case "text":
                self._begin(index, Text(""), out)
                for citation in start.citations or ():
                    self._grow(index, wire_answer.Delta("citations_delta", citation=citation), out)
                self._grow(index, wire_answer.Delta("text_delta", text=start.text), out)
            case "thinking":
                self._begin(index, Thinking(""), out)
                self._grow(index, wire_answer.Delta("thinking_delta", thinking=start.thinking), out)
                self._grow(index, wire_answer.Delta("signature_delta", signature=start.signature), out)
            case "redacted_thinking":
                signature = Signature(DIALECT, self._origin, start.data or "")
                self._begin(index, Thinking("", signature, redacted=True), out)
            case "tool_use":
                self._called = True
                rest = opaque(_FIELDS.decode(raw), TOOL_USE_FIELDS)
                block = self._begin(index, ToolCall(start.id or "", start.name or "", "", opaque=rest), out)
                if wire.given(start.input):
                    block.whole = arguments_text(start.input)
            case _:
                block = self._blocks[index] = _Open(None, None)
                block.fields = _FIELDS.decode(raw)

    def _begin(self, index: int, block: Text | Thinking | ToolCall, out: list[Event]) -> _Open:
        started = self._blocks[index] = _Open(block, self._next)
        out.append(BlockStarted(self._next, block))
        self._next += 1
        return started

    def _grow(self, index: int, delta: wire_answer.Delta, out: list[Event]) -> None:
        block = self._blocks.get(index)
        if block is None:
            block = self._missed(index, delta, out)
        if block is None:
            return
        match delta.type, block.block:
            case "text_delta", Text():
                if delta.text and block.index is not None:
                    out.append(TextDelta(block.index, delta.text))
            case "input_json_delta", ToolCall():
                if delta.partial_json and block.index is not None:
                    block.grown = True
                    out.append(ArgumentsDelta(block.index, delta.partial_json))
            case "thinking_delta", Thinking():
                if delta.thinking and block.index is not None:
                    out.append(ThinkingDelta(block.index, delta.thinking))
            case "signature_delta", Thinking():
                block.signature = delta.signature or block.signature
            case "citations_delta", Text():
                if wire.given(delta.citation) and block.index is not None:
                    out.append(CitationDelta(block.index, parse_citation(delta.citation)))
            case "input_json_delta", None:
                block.written.append(delta.partial_json or "")
            case _, None:
                if wire.given(delta.content):
                    block.fields["content"] = delta.content
            case _:
                pass

    def _missed(self, index: int, delta: wire_answer.Delta, out: list[Event]) -> _Open | None:
        """The block of a delta whose start never came."""
        if not self._started:
            self._start(wire_answer.MessageBegin(), out)
        match delta.type:
            case "text_delta":
                return self._begin(index, Text(""), out)
            case "thinking_delta":
                return self._begin(index, Thinking(""), out)
            case _:
                return None

    def _end(self, index: int, out: list[Event]) -> None:
        block = self._blocks.pop(index, None)
        if block is None:
            return
        if block.index is None:
            self._end_unknown(block, out)
            return
        if block.signature:
            out.append(SignatureDelta(block.index, Signature(DIALECT, self._origin, block.signature)))
        if isinstance(block.block, ToolCall) and not block.grown:
            out.append(ArgumentsDelta(block.index, block.whole))
        out.append(BlockEnded(block.index))

    def _end_unknown(self, block: _Open, out: list[Event]) -> None:
        fields = block.fields
        written = "".join(block.written)
        if written:
            fields["input"] = input_object(written)[0]
        kind = msgspec.json.decode(fields["type"], type=str) if "type" in fields else ""
        whole = Unknown(
            DIALECT, kind, msgspec.json.encode(fields), server_side=server_side(kind, in_answer=True)
        )
        if answers_calls(whole):
            self._called = False
        out.append(BlockStarted(self._next, whole))
        out.append(BlockEnded(self._next))
        self._next += 1

    def _change(self, event: wire_answer.StreamEvent, out: list[Event]) -> None:
        if not self._started:
            self._start(wire_answer.MessageBegin(), out)
        if event.usage is not None:
            out.append(UsageReported(parse_usage(event.usage)))
        delta = event.delta
        if delta is None:
            return
        self._reason = delta.stop_reason or self._reason
        self._sequence = delta.stop_sequence or self._sequence
        if wire.given(delta.stop_details):
            self._explanation = _DETAILS.decode(delta.stop_details).explanation

    def _stop(self, out: list[Event]) -> None:
        if not self._started:
            self._start(wire_answer.MessageBegin(), out)
        for index in list(self._blocks):
            self._end(index, out)
        self._done = True
        stop = parse_stop(self._reason, self._sequence, self._explanation, called=self._called)
        out.append(Stopped(stop))
