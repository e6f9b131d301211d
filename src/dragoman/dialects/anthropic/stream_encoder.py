"""Streams to the wire."""

import collections
from typing import assert_never

import msgspec

from dragoman.conversation.blocks import (
    Audio,
    Block,
    Document,
    Image,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
from dragoman.conversation.events import (
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    CitationDelta,
    Event,
    Failed,
    LogprobsReported,
    SignatureDelta,
    Started,
    Stopped,
    TextDelta,
    ThinkingDelta,
    UsageReported,
)
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.response import Stop
from dragoman.conversation.usage import Usage
from dragoman.dialects.answer_id import answer_id
from dragoman.dialects.anthropic import wire
from dragoman.dialects.anthropic.answer_frames import MESSAGE_STOP, TEXT, THINKING, AnswerFrames
from dragoman.dialects.anthropic.citations import render_citation
from dragoman.dialects.anthropic.errors import error_frame
from dragoman.dialects.anthropic.identifiers import ANSWER_PREFIX, CallIds
from dragoman.dialects.anthropic.open_block import Delta, OpenBlock
from dragoman.dialects.anthropic.render_content import with_opaque
from dragoman.dialects.anthropic.render_response import caption, hides_thinking
from dragoman.dialects.anthropic.signatures import UNSIGNED, Slot, sealed, wire_signature
from dragoman.dialects.anthropic.stops import answers_calls, render_stop, stop_details
from dragoman.dialects.anthropic.usage import render_usage
from dragoman.dialects.anthropic.wire import DIALECT
from dragoman.dialects.dialect import Reply

_json = msgspec.json.Encoder().encode
_NO_INPUT = msgspec.Raw(b"{}")


class AnthropicStreamEncoder:
    """Neutral events in, named server-sent events out.

    The format has one block open at a time and numbers them without gaps, while neutral blocks may
    grow side by side: the earliest open block is written as it grows, the later ones wait and follow
    whole. `message_delta` and `message_stop` wait for `close`, because usage may come last.
    """

    __slots__ = (
        "_called",
        "_done",
        "_frames",
        "_hide_thinking",
        "_ids",
        "_open",
        "_queue",
        "_refused",
        "_reply",
        "_start",
        "_started",
        "_stop",
        "_usage",
    )

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._hide_thinking = hides_thinking(reply)
        self._start = Started("", "")
        self._started = False
        self._done = False
        self._ids = CallIds("")
        self._usage = Usage()
        self._stop: Stop | None = None
        self._called = False
        self._refused = False
        self._frames = AnswerFrames()
        self._queue: collections.deque[OpenBlock] = collections.deque()
        self._open: dict[int, OpenBlock] = {}

    def encode(self, event: Event, /) -> bytes:
        """The frames that `event` leads to."""
        if self._done:
            return b""
        match event:
            case TextDelta() | ArgumentsDelta() | ThinkingDelta() | SignatureDelta() | CitationDelta():
                return b"" if event.choice else self._take_delta(event)
            case BlockStarted(index=index, block=block):
                return b"" if event.choice else self._take_block(index, block)
            case BlockEnded(index=index):
                block = None if event.choice else self._open.pop(index, None)
                if block is None:
                    return b""
                block.ended = True
                return self._advance()
            case Started():
                self._start = event
                return b""
            case UsageReported(usage=usage):
                self._usage = self._usage.updated(usage)
                return b""
            case Stopped(stop=stop):
                if event.choice:
                    return b""
                self._stop = stop
                return self._begin_message() + self._finish_blocks()
            case Failed(failure=failure):
                self._done = True
                return error_frame(failure)
            case LogprobsReported():
                return b""

    def close(self) -> bytes:
        """The frames that end the stream; none after `Failed`."""
        if self._done:
            return b""
        self._done = True
        if self._stop is None:
            return error_frame(Failure(FailureKind.BAD_GATEWAY, "The answer ended before it was complete."))
        word, sequence = render_stop(self._stop, called=self._called, refused=self._refused)
        delta: dict[str, object] = {"stop_reason": word, "stop_sequence": sequence}
        if word == "refusal":
            delta["stop_details"] = stop_details(self._stop)
        return (
            b'event: message_delta\ndata: {"type":"message_delta","delta":'
            + _json(delta)
            + b',"usage":'
            + render_usage(self._usage)
            + b"}\n\n"
            + MESSAGE_STOP
        )

    # --- blocks in the order of the format -------------------------------------------------------

    def _take_block(self, index: int, block: Block) -> bytes:
        out = self._begin_message()
        opened = OpenBlock(block)
        self._open[index] = opened
        self._queue.append(opened)
        if len(self._queue) == 1:
            return out + self._begin(opened)
        return out + self._advance()

    def _take_delta(self, event: Delta) -> bytes:
        block = self._open.get(event.index)
        if block is None:
            return b""
        if block is not self._queue[0]:
            block.waiting.append(event)
            return b""
        out = self._grow(block, event)
        return out + self._advance() if len(self._queue) > 1 and self._is_complete_call(block) else out

    def _advance(self) -> bytes:
        """Write what can be written now: end the first block if it has ended, go on to the next."""
        out = b""
        while self._queue:
            first = self._queue[0]
            if not first.ended and not self._is_complete_call(first):
                break
            out += self._end(first)
            self._queue.popleft()
            if self._queue:
                out += self._begin(self._queue[0])
        return out

    def _finish_blocks(self) -> bytes:
        frames = self._frames
        for block in self._queue:
            block.ended = True
        self._open.clear()
        return self._advance() + frames.release(UNSIGNED)

    def _is_complete_call(self, block: OpenBlock) -> bool:
        """Whether a tool call has all its arguments although it was not ended, and text waits for it.

        Some vendors end calls only with the whole answer; a call whose JSON closes has nothing left
        to say.
        """
        if not block.holds_json or not any(
            isinstance(later.block, Text | Thinking | Refusal) for later in self._queue
        ):
            return False
        if not block.has_whole_input():
            return False
        block.ended = True
        for index, each in self._open.items():
            if each is block:
                del self._open[index]
                break
        return True

    # --- one block -------------------------------------------------------------------------------

    def _begin(self, opened: OpenBlock) -> bytes:
        """A block's turn has come: what is known of it so far."""
        frames = self._frames
        block = opened.block
        out = b""
        match block:
            case Text(text=text) | Refusal(text=text) | Thinking(text=text, redacted=False):
                if text:
                    first = ThinkingDelta if isinstance(block, Thinking) else TextDelta
                    out = self._grow(opened, first(0, text))
                if not isinstance(block, Refusal):
                    opened.signature = block.signature
            case Thinking(signature=signature):
                if signature is not None:
                    out = frames.redacted(wire_signature(signature))
            case ToolCall():
                out = self._begin_call(opened, block)
            case Unknown(dialect=dialect, json=content):
                if dialect == DIALECT:
                    self._called = self._called and not answers_calls(block)
                    out = frames.whole(content)
            case Image() | Audio() | Document():
                out = frames.start(TEXT) + frames.text(caption(block)) + frames.stop()
            case ToolResult():
                pass
            case _:
                assert_never(block)
        for event in opened.waiting:
            out += self._grow(opened, event)
        opened.waiting.clear()
        return out

    def _begin_call(self, opened: OpenBlock, call: ToolCall) -> bytes:
        frames = self._frames
        self._called = True
        out = b""
        signature = call.signature or next(
            (event.signature for event in opened.waiting if isinstance(event, SignatureDelta)), None
        )
        if signature is not None:
            out = frames.lend(sealed(signature, Slot.NEXT))
            opened.waiting = [event for event in opened.waiting if not isinstance(event, SignatureDelta)]
        identity = self._ids.take(call.id, frames.index + 1, call.name)
        start = with_opaque(wire.ToolUseBlock(identity, call.name, _NO_INPUT), call.opaque)
        out += frames.start(_json(start))
        opened.on_wire = True
        if call.arguments:
            out += self._grow(opened, ArgumentsDelta(0, call.arguments))
        return out

    def _grow(self, opened: OpenBlock, event: Delta) -> bytes:
        frames = self._frames
        match event:
            case TextDelta(text=text):
                if not text:
                    return b""
                if isinstance(opened.block, Refusal):
                    self._refused = True
                return self._opened(opened, TEXT) + frames.text(text)
            case ThinkingDelta(text=text):
                if not text or self._hide_thinking:
                    return b""
                return self._opened(opened, THINKING) + frames.thinking(text)
            case ArgumentsDelta(text=text):
                now = opened.input(text) if text else ""
                return frames.input(now) if now else b""
            case SignatureDelta(signature=signature):
                opened.signature = signature
                return b""
            case CitationDelta(citation=citation):
                rendered = render_citation(citation)
                if rendered is None:
                    return b""
                if not opened.on_wire:
                    opened.citations.append(bytes(rendered))
                    return b""
                return frames.citation(bytes(rendered))

    def _opened(self, opened: OpenBlock, start: bytes) -> bytes:
        """The start of a text or thinking block, put off until there is something in it."""
        frames = self._frames
        if opened.on_wire:
            return b""
        opened.on_wire = True
        out = frames.start(start)
        for citation in opened.citations:
            out += frames.citation(citation)
        return out

    def _end(self, opened: OpenBlock) -> bytes:
        frames = self._frames
        match opened.block:
            case Text():
                out = frames.stop() if opened.on_wire else b""
                if opened.signature is not None:
                    slot = Slot.LAST if opened.on_wire else Slot.ALONE
                    out += frames.follow(sealed(opened.signature, slot))
                return out
            case Refusal():
                return frames.stop() if opened.on_wire else b""
            case Thinking(redacted=False):
                return self._end_thinking(opened)
            case ToolCall():
                rest = opened.rest_of_input()
                out = b"" if rest is None else frames.input(rest)
                out += frames.stop()
                if opened.signature is not None:
                    # it came when the call was on the wire already
                    out += frames.redacted(sealed(opened.signature, Slot.LAST))
                return out
            case _:
                return b""

    def _end_thinking(self, opened: OpenBlock) -> bytes:
        frames = self._frames
        if opened.signature is None:
            if opened.on_wire:
                frames.hold()
            return b""
        return self._opened(opened, THINKING) + frames.sign(wire_signature(opened.signature))

    def _begin_message(self) -> bytes:
        if self._started:
            return b""
        self._started = True
        identity = answer_id(self._start.id, self._reply.fallback_id, ANSWER_PREFIX)
        self._ids = CallIds(identity)
        message: dict[str, object] = {
            "id": identity,
            "type": "message",
            "role": "assistant",
            "model": self._start.model or self._reply.request.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": msgspec.Raw(render_usage(self._usage, self._start.service_tier)),
        }
        data = _json({"type": "message_start", "message": message})
        return b"event: message_start\ndata: " + data + b"\n\n"
