"""Between an answer as it comes and an answer as a whole: a unary answer is a stream of one."""

from collections.abc import Iterable, Iterator
from typing import assert_never

import msgspec

from dragoman.conversation.blocks import (
    Audio,
    Block,
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
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import Choice, Response, Stop, TokenLogprob
from dragoman.conversation.usage import Usage


def fold(events: Iterable[Event]) -> Response:
    """The whole answer that a complete stream of events amounts to.

    Raises `FailureError` if the events end in `Failed`, or end before every choice has stopped.
    """
    folder = Fold()
    for event in events:
        folder.feed(event)
    return folder.close()


class Fold:
    """Collects events one by one; `close` gives the answer."""

    def __init__(self) -> None:
        self._started: Started | None = None
        self._usage: Usage | None = None
        self._choices: dict[int, _OpenChoice] = {}

    def feed(self, event: Event) -> None:
        """Take one event. Raises `FailureError` at `Failed`."""
        match event:
            case Started():
                self._started = event
            case UsageReported(usage=usage):
                self._usage = usage if self._usage is None else self._usage.updated(usage)
            case Failed(failure=failure):
                raise FailureError(failure)
            case _:
                choice = self._choices.get(event.choice)
                if choice is None:
                    choice = self._choices[event.choice] = _OpenChoice(event.choice)
                choice.feed(event)

    def close(self) -> Response:
        """The answer so far. Raises `FailureError` if a choice has not stopped, or none came."""
        if not self._choices:
            raise FailureError(Failure(FailureKind.BAD_GATEWAY, "The upstream answered nothing."))
        started = self._started or Started(id="", model="")
        return Response(
            id=started.id,
            model=started.model,
            created=started.created,
            service_tier=started.service_tier,
            choices=tuple(choice.close() for _, choice in sorted(self._choices.items())),
            usage=self._usage,
        )


class _OpenBlock:
    """A block that is still growing."""

    __slots__ = ("block", "citations", "parts", "signature")

    def __init__(self, block: Block) -> None:
        self.block = block
        self.parts: list[str] = []
        self.citations: list[Citation] = []
        self.signature: Signature | None = None

    def close(self) -> Block:
        grown = "".join(self.parts)
        match self.block:
            case Text() as text:
                return msgspec.structs.replace(
                    text,
                    text=text.text + grown,
                    citations=(*text.citations, *self.citations),
                    signature=self.signature or text.signature,
                )
            case Refusal() as refusal:
                return Refusal(refusal.text + grown)
            case Thinking() as thinking:
                return msgspec.structs.replace(
                    thinking, text=thinking.text + grown, signature=self.signature or thinking.signature
                )
            case ToolCall() as call:
                return msgspec.structs.replace(
                    call, arguments=call.arguments + grown, signature=self.signature or call.signature
                )
            case Image() | Audio() | Document() | ToolResult() | Unknown() as whole:
                return whole
            case _:
                assert_never(self.block)


class _OpenChoice:
    """A choice that is still growing."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._blocks: dict[int, _OpenBlock] = {}
        self._logprobs: list[TokenLogprob] | None = None
        self._stop: Stop | None = None

    def feed(
        self,
        event: BlockStarted
        | TextDelta
        | ThinkingDelta
        | SignatureDelta
        | ArgumentsDelta
        | CitationDelta
        | BlockEnded
        | LogprobsReported
        | Stopped,
    ) -> None:
        match event:
            case BlockStarted(index=index, block=block):
                self._blocks[index] = _OpenBlock(block)
            case TextDelta(index=index, text=text) | ThinkingDelta(index=index, text=text):
                self._blocks[index].parts.append(text)
            case ArgumentsDelta(index=index, text=text):
                self._blocks[index].parts.append(text)
            case SignatureDelta(index=index, signature=signature):
                self._blocks[index].signature = signature
            case CitationDelta(index=index, citation=citation):
                self._blocks[index].citations.append(citation)
            case BlockEnded():
                pass
            case LogprobsReported(tokens=tokens):
                self._logprobs = [*(self._logprobs or ()), *tokens]
            case Stopped(stop=stop):
                self._stop = stop
            case _:
                assert_never(event)

    def close(self) -> Choice:
        if self._stop is None:
            raise FailureError(Failure(FailureKind.BAD_GATEWAY, "The answer ended before it was complete."))
        return Choice(
            index=self._index,
            blocks=tuple(block.close() for _, block in sorted(self._blocks.items())),
            stop=self._stop,
            logprobs=None if self._logprobs is None else tuple(self._logprobs),
        )


def unfold(response: Response) -> Iterator[Event]:
    """The shortest stream of events that folds into `response`."""
    yield Started(response.id, response.model, response.created, response.service_tier)
    for choice in response.choices:
        if choice.logprobs is not None:
            yield LogprobsReported(choice.logprobs, choice.index)
        for index, block in enumerate(choice.blocks):
            yield from _unfold_block(block, index, choice.index)
        yield Stopped(choice.stop, choice.index)
    if response.usage is not None:
        yield UsageReported(response.usage)


def _unfold_block(block: Block, index: int, choice: int) -> Iterator[Event]:
    match block:
        case Text():
            yield BlockStarted(
                index, msgspec.structs.replace(block, text="", citations=(), signature=None), choice
            )
            if block.text:
                yield TextDelta(index, block.text, choice)
            for citation in block.citations:
                yield CitationDelta(index, citation, choice)
            if block.signature is not None:
                yield SignatureDelta(index, block.signature, choice)
        case Refusal(text=text):
            yield BlockStarted(index, Refusal(""), choice)
            if text:
                yield TextDelta(index, text, choice)
        case Thinking(redacted=False):
            yield BlockStarted(index, Thinking(""), choice)
            if block.text:
                yield ThinkingDelta(index, block.text, choice)
            if block.signature is not None:
                yield SignatureDelta(index, block.signature, choice)
        case ToolCall():
            yield BlockStarted(index, msgspec.structs.replace(block, arguments=""), choice)
            if block.arguments:
                yield ArgumentsDelta(index, block.arguments, choice)
        case Thinking() | Image() | Audio() | Document() | ToolResult() | Unknown():
            yield BlockStarted(index, block, choice)
        case _:
            assert_never(block)
    yield BlockEnded(index, choice)
