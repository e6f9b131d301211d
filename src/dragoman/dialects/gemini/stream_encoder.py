"""A streamed answer, written for a client: server-sent events or a JSON array."""

import msgspec

from dragoman.conversation.blocks import (
    Audio,
    Citation,
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
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import Stop, TokenLogprob
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Reply
from dragoman.dialects.gemini.answer_parts import AnswerParts, WirePart, shows_thoughts
from dragoman.dialects.gemini.errors import render_failure
from dragoman.dialects.gemini.grounding import Spot, render_grounding
from dragoman.dialects.gemini.logprobs import render_logprobs
from dragoman.dialects.gemini.render_response import render_end
from dragoman.dialects.gemini.usage import render_usage
from dragoman.frames.sse import on_one_line

_encode = msgspec.json.Encoder().encode


class GeminiStreamEncoder:
    """Events in, bytes for the client out.

    Calls go out whole when they end. How candidates ended and what it all took goes out at the very
    end, for other vendors report usage last. Every chunk has a part: clients of this format take
    one without for a broken answer.
    """

    __slots__ = ("_answers", "_failed", "_plain", "_reply", "_sent", "_sse", "_tail", "_thoughts", "_usage")

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._sse = reply.location.sse
        self._thoughts = shows_thoughts(reply.request)
        self._answers: dict[int, _Answer] = {}
        self._usage: Usage | None = None
        self._sent = False
        self._failed = False
        self._named("", "")

    def _named(self, model: str, response_id: str) -> None:
        """Prepare what every chunk ends with."""
        names = {
            "modelVersion": model or self._reply.request.model,
            "responseId": response_id or self._reply.fallback_id,
        }
        self._tail = b"," + _encode(names)[1:]
        self._plain = b'}],"role":"model"},"index":0}]' + self._tail

    def encode(self, event: Event, /) -> bytes:
        """The frames that `event` leads to; none for what has to be held back."""
        match event:
            case TextDelta(choice=choice, text=text):
                answer = self._answers.get(choice) or self._answer(choice)
                answer.grow(event.index, text)
                if choice == 0 and not answer.logprobs:
                    chunk = b'{"candidates":[{"content":{"parts":[{"text":' + _encode(text) + self._plain
                    return self._frame(chunk)
                return self._chunk(choice, [{"text": text}])
            case Started(id=response_id, model=model):
                self._named(model, response_id)
                return b""
            case UsageReported(usage=usage):
                self._usage = usage if self._usage is None else self._usage.updated(usage)
                return b""
            case Failed(failure=failure):
                self._failed = True
                return self._frame(render_failure(failure))
            case Stopped(choice=choice, stop=stop):
                self._answer(choice).stop = stop
                return b""
            case LogprobsReported(choice=choice, tokens=tokens):
                self._answer(choice).logprobs.extend(tokens)
                return b""
            case _:
                return self._chunk(event.choice, self._answer(event.choice).parts_of(event))

    def close(self) -> bytes:
        """The last chunk, with finish reasons and usage, and the end of an array."""
        last = b""
        ended = {index: answer for index, answer in sorted(self._answers.items()) if answer.stop is not None}
        if ended and not self._failed:
            chunk: dict[str, object] = {"candidates": [answer.end(index) for index, answer in ended.items()]}
            if self._usage is not None:
                chunk["usageMetadata"] = render_usage(self._usage)
            last = self._frame(on_one_line(_encode(chunk)[:-1] + self._tail))
        if self._sse:
            return last
        return last + (b"]" if self._sent else b"[]")

    def _answer(self, choice: int) -> "_Answer":
        answer = self._answers.get(choice)
        if answer is None:
            answer = self._answers[choice] = _Answer(AnswerParts(thoughts=self._thoughts))
        return answer

    def _chunk(self, choice: int, parts: list[WirePart]) -> bytes:
        if not parts:
            return b""
        candidate: dict[str, object] = {"content": {"parts": parts, "role": "model"}, "index": choice}
        answer = self._answers[choice]
        if answer.logprobs:
            candidate["logprobsResult"] = render_logprobs(tuple(answer.logprobs))
            answer.logprobs.clear()
        return self._frame(on_one_line(_encode({"candidates": [candidate]})[:-1] + self._tail))

    def _frame(self, chunk: bytes) -> bytes:
        if self._sse:
            return b"data: " + chunk + b"\r\n\r\n"
        opening = b",\r\n" if self._sent else b"["
        self._sent = True
        return opening + chunk + b"\n"


class _Answer:
    """One candidate on its way out."""

    __slots__ = ("_blocks", "_citations", "_parts", "_texts", "logprobs", "stop")

    def __init__(self, parts: AnswerParts) -> None:
        self._parts = parts
        self._blocks: dict[int, _Open] = {}
        self._texts: dict[int, list[str]] = {}
        self._citations: list[tuple[int, Citation]] = []
        self.logprobs: list[TokenLogprob] = []
        self.stop: Stop | None = None

    def grow(self, index: int, text: str) -> None:
        """Visible text goes out."""
        self._parts.passed(text)
        self._texts.setdefault(index, []).append(text)

    def parts_of(
        self,
        event: BlockStarted | ThinkingDelta | SignatureDelta | ArgumentsDelta | CitationDelta | BlockEnded,
    ) -> list[WirePart]:
        """The parts that an event leads to."""
        match event:
            case BlockStarted(index=index, block=block):
                part = self._begin(index, block)
            case ThinkingDelta(index=index, text=text):
                self._blocks[index].pieces.append(text)
                part = self._parts.thought(text)
            case ArgumentsDelta(index=index, text=text):
                self._blocks[index].pieces.append(text)
                part = None
            case SignatureDelta(index=index, signature=signature):
                self._blocks[index].signature = signature
                part = None
            case CitationDelta(index=index, citation=citation):
                self._citations.append((index, citation))
                part = None
            case BlockEnded(index=index):
                return self._end(index)
        return [part] if part is not None else []

    def _begin(
        self,
        index: int,
        block: Text | Refusal | Image | Audio | Document | Thinking | ToolCall | ToolResult | Unknown,
    ) -> WirePart | None:
        match block:
            case Text(text=text) | Refusal(text=text):
                self._blocks[index] = _Open(block, block.signature if isinstance(block, Text) else None)
                if not text:
                    return None
                self.grow(index, text)
                return {"text": text}
            case Thinking(text=text):
                self._blocks[index] = _Open(block, block.signature)
                return self._parts.thought(text)
            case ToolCall():
                self._blocks[index] = _Open(block, block.signature)
                return None
            case Image() | Audio() | Document() | ToolResult() | Unknown():
                return self._parts.whole(block)

    def _end(self, index: int) -> list[WirePart]:
        opened = self._blocks.pop(index, None)
        if opened is None:
            return []
        grown = "".join(opened.pieces)
        match opened.block:
            case ToolCall() as call:
                return self._parts.call(
                    msgspec.structs.replace(
                        call, arguments=call.arguments + grown, signature=opened.signature
                    )
                )
            case Thinking() as thinking:
                part = self._parts.thinking_ended(
                    msgspec.structs.replace(thinking, text=thinking.text + grown, signature=opened.signature)
                )
            case Text() | Refusal():
                part = self._parts.text_ended(opened.signature)
        return [part] if part is not None else []

    def end(self, index: int) -> dict[str, object]:
        """The candidate in the last chunk."""
        candidate: dict[str, object] = {"content": {"parts": [self._parts.rest()], "role": "model"}}
        if self.stop is not None:
            candidate.update(render_end(self.stop))
        candidate["index"] = index
        if grounding := render_grounding(list(self._spots())):
            candidate["groundingMetadata"] = grounding
        if self.logprobs:
            candidate["logprobsResult"] = render_logprobs(tuple(self.logprobs))
        return candidate

    def _spots(self) -> list[Spot]:
        """Citations, counted over all the visible text so far."""
        if not self._citations:
            return []
        texts = {index: "".join(pieces) for index, pieces in sorted(self._texts.items())}
        bases: dict[int, int] = {}
        base = 0
        for index, text in texts.items():
            bases[index] = base
            base += len(text.encode("utf-8", "surrogatepass"))
        return [
            Spot(citation, texts.get(index, ""), bases.get(index, 0)) for index, citation in self._citations
        ]


class _Open:
    """A block that has begun and not ended."""

    __slots__ = ("block", "pieces", "signature")

    def __init__(self, block: Text | Refusal | Thinking | ToolCall, signature: Signature | None) -> None:
        self.block = block
        self.signature = signature
        self.pieces: list[str] = []
