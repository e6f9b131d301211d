"""One item of an upstream's answer: its pieces in, events out.

A whole item is one that ends without any pieces; so unary answers and streams are read by the same
rules. What a host leaves out of the pieces and has only in the whole item is told when the item ends.
"""

import io
from collections.abc import Iterator
from typing import Protocol

import msgspec

from dragoman.conversation.blocks import Block, Image, Refusal, Text, Thinking, ToolCall, Unknown
from dragoman.conversation.events import (
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    CitationDelta,
    Event,
    LogprobsReported,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.turns import derived_call_id
from dragoman.dialects.json_tree import UNREADABLE
from dragoman.dialects.openai_responses.answer_wire import AnswerPartWire, OutputItemWire
from dragoman.dialects.openai_responses.citations import parse_annotation
from dragoman.dialects.openai_responses.logprobs import parse_logprobs
from dragoman.dialects.openai_responses.namespaces import Place, flat_name, remembered
from dragoman.dialects.openai_responses.pictures import ITEM, picture_of
from dragoman.dialects.openai_responses.reasoning import native_signature, thinking_of
from dragoman.dialects.openai_responses.wire import NAME

_PARTS: msgspec.json.Decoder[list[AnswerPartWire] | None] = msgspec.json.Decoder(list[AnswerPartWire] | None)
_MEMBERS: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NOTHING = frozenset({b"", b"null"})

_OF_A_PICTURE = frozenset({"type", "id", "status", "result"})
"""The members of an `image_generation_call` that an Image says itself, or that say nothing any more."""

_FOR_THE_CLIENT = frozenset(
    {"local_shell_call", "shell_call", "apply_patch_call", "computer_call", "mcp_approval_request"}
)
"""Kinds of items that ask the client for something; all others record work that the vendor did."""


def parse_parts(raw: msgspec.Raw) -> list[AnswerPartWire]:
    """The parts in an item's `content`; none where it has something else there."""
    if bytes(raw) in _NOTHING:
        return []
    try:
        return _PARTS.decode(raw) or []
    except UNREADABLE:
        return []


def rest_of(whole: str, said: str) -> str:
    """What a whole text has beyond what came of it in pieces; nothing where it is not their text."""
    return whole[len(said) :] if whole.startswith(said) else ""


class OpenItem(Protocol):
    """An item that is still growing."""

    def end(self, item: OutputItemWire | None, raw: bytes, events: list[Event]) -> None:
        """The item is complete. `item` and `raw` are all of it, where the upstream says it once more."""
        ...


class _Part:
    """A part of a message, which is a block of its own."""

    __slots__ = ("block", "cited", "ended", "measured", "said")

    def __init__(self, block: int) -> None:
        self.block = block
        # a tenth of what a list of so many short pieces takes
        self.said = io.StringIO()
        self.cited = 0
        self.measured = False
        self.ended = False


class OpenMessage:
    """A message. Each of its parts becomes a block when there is something in it."""

    __slots__ = ("_blocks", "_parts", "_phase", "refused")

    def __init__(self, item: OutputItemWire, blocks: Iterator[int]) -> None:
        """Take the message as it begins, and the numbers for its blocks."""
        phase = bytes(item.phase)
        self._phase = () if phase in _NOTHING else (Opaque(NAME, "phase", phase),)
        self._blocks = blocks
        self._parts: dict[int, _Part] = {}
        self.refused = False

    def said(self, block: int) -> io.StringIO | None:
        """What came of the part that is a block; None where none of them is."""
        return next((part.said for part in self._parts.values() if part.block == block), None)

    def say(self, place: int, text: str, events: list[Event], *, refusal: bool = False) -> None:
        """Take more text of a part."""
        if text:
            part = self._part(place, events, refusal=refusal)
            if not part.ended:
                part.said.write(text)
                events.append(TextDelta(part.block, text))

    def measure(self, place: int, logprobs: bytes, events: list[Event]) -> None:
        """Take log probabilities of a part's text."""
        tokens = parse_logprobs(logprobs)
        if tokens:
            self._part(place, events).measured = True
            events.append(LogprobsReported(tokens))

    def cite(self, place: int, annotation: bytes, events: list[Event]) -> None:
        """Take an annotation of a part."""
        citation = parse_annotation(annotation)
        part = self._part(place, events)
        part.cited += 1
        if citation is not None and not part.ended:
            events.append(CitationDelta(part.block, citation))

    def end_part(self, place: int, part: AnswerPartWire, events: list[Event]) -> None:
        """A part is complete; this is all of it."""
        known = self._parts.get(place)
        if known is not None and known.ended:
            return
        refusal = part.type == "refusal"
        whole = (part.refusal if refusal else part.text) or ""
        rest = rest_of(whole, "" if known is None else known.said.getvalue())
        if not refusal and not (known is not None and known.measured):
            self.measure(place, bytes(part.logprobs), events)
        self.say(place, rest, events, refusal=refusal)
        for annotation in (part.annotations or ())[0 if known is None else known.cited :]:
            self.cite(place, bytes(annotation), events)
        self._end(place, events)

    def end(self, item: OutputItemWire | None, raw: bytes, events: list[Event]) -> None:
        """The message is complete."""
        del raw
        for place, part in enumerate(parse_parts(item.content) if item is not None else ()):
            self.end_part(place, part, events)
        for place in self._parts:
            self._end(place, events)

    def _part(self, place: int, events: list[Event], *, refusal: bool = False) -> _Part:
        part = self._parts.get(place)
        if part is None:
            for other in self._parts:
                self._end(other, events)
            part = self._parts[place] = _Part(next(self._blocks))
            self.refused = self.refused or refusal
            block = Refusal("") if refusal else Text("", opaque=self._phase)
            events.append(BlockStarted(part.block, block))
        return part

    def _end(self, place: int, events: list[Event]) -> None:
        part = self._parts.get(place)
        if part is not None and not part.ended:
            part.ended = True
            events.append(BlockEnded(part.block))


class OpenReasoning:
    """Reasoning. Its parts are one block, with blank lines between them.

    It opens with its first text. Reasoning that turns out to have none is told as a whole, when it ends.
    """

    __slots__ = ("_block", "_blocks", "_id", "_open_text", "_origin", "_part", "_said")

    def __init__(self, item: OutputItemWire, blocks: Iterator[int], origin: str) -> None:
        """Take the item as it begins, the numbers for its block, and where it comes from."""
        self._id = item.id or ""
        self._blocks = blocks
        self._origin = origin
        self._block = -1
        self._part = ("", 0)
        self._open_text = False
        self._said = io.StringIO()

    def said(self, block: int) -> io.StringIO | None:
        """What came of it; None where another item is the block."""
        return self._said if self._block == block else None

    def think(self, slot: str, place: int, text: str, events: list[Event]) -> None:
        """Take more text of a part of `summary` or `content`."""
        if not text:
            return
        if self._block < 0:
            self._begin(Thinking(""), events)
        elif self._part != (slot, place):
            text = f"\n\n{text}"
        self._part = (slot, place)
        self._open_text = self._open_text or slot == "content"
        self._said.write(text)
        events.append(ThinkingDelta(self._block, text))

    def end(self, item: OutputItemWire | None, raw: bytes, events: list[Event]) -> None:
        """The reasoning is complete. What it encrypts is known only now."""
        del raw
        whole = item or OutputItemWire()
        identity = whole.id or self._id
        summary = [part.text or "" for part in whole.summary or ()]
        content = [part.text or "" for part in parse_parts(whole.content)]
        thinking = thinking_of(identity, summary, content, whole.encrypted_content, self._origin)
        if self._block < 0:
            if not isinstance(thinking, Thinking):
                return
            if thinking.redacted:
                self._begin(thinking, events)
                events.append(BlockEnded(self._block))
                return
            self._begin(Thinking(""), events)
        rest = rest_of(thinking.text, self._said.getvalue()) if isinstance(thinking, Thinking) else ""
        if rest:
            events.append(ThinkingDelta(self._block, rest))
        open_text = self._open_text or bool(content)
        signature = native_signature(
            identity, whole.encrypted_content or "", self._origin, open_text=open_text
        )
        if signature is not None:
            events.append(SignatureDelta(self._block, signature))
        events.append(BlockEnded(self._block))

    def _begin(self, thinking: Thinking, events: list[Event]) -> None:
        self._block = next(self._blocks)
        events.append(BlockStarted(self._block, thinking))


class OpenCall:
    """A call of a client's tool. It opens when its name is known."""

    __slots__ = ("_answer", "_block", "_blocks", "_custom", "_item", "_pieces")

    def __init__(self, item: OutputItemWire, blocks: Iterator[int], answer: str, *, custom: bool) -> None:
        """Take the call as it begins, the numbers for its block, and the answer's id."""
        self._item = item
        self._blocks = blocks
        self._answer = answer
        self._custom = custom
        self._block = -1
        self._pieces: list[str] = []

    def begin(self, events: list[Event]) -> None:
        """Open the block, if the name is known."""
        item = self._item
        if self._block >= 0 or not item.name:
            return
        self._block = next(self._blocks)
        own = item.call_id or item.id or derived_call_id(self._answer, str(self._block), item.name)
        opaque: tuple[Opaque, ...] = ()
        if item.namespace:
            opaque = (remembered(Place(item.namespace, item.name)),)
        if bytes(item.caller) not in _NOTHING:
            opaque = (*opaque, Opaque(NAME, "caller", bytes(item.caller)))
        name = flat_name(item.namespace, item.name)
        call = ToolCall(own, name, "", custom=self._custom, opaque=opaque)
        events.append(BlockStarted(self._block, call))
        events.extend(ArgumentsDelta(self._block, text) for text in self._pieces)

    def grow(self, text: str, events: list[Event]) -> None:
        """Take more of the arguments."""
        if not text:
            return
        self._pieces.append(text)
        if self._block >= 0:
            events.append(ArgumentsDelta(self._block, text))

    def complete(self, arguments: str, name: str | None, events: list[Event]) -> None:
        """The arguments are complete; this is all of them. Some hosts have no pieces before."""
        if name and not self._item.name:
            self._item.name = name
            self.begin(events)
        self.grow(rest_of(arguments, "".join(self._pieces)), events)

    def end(self, item: OutputItemWire | None, raw: bytes, events: list[Event]) -> None:
        """The call is complete."""
        del raw
        if item is not None:
            if self._block < 0:
                self._item = item
                self.begin(events)
            self.complete(arguments_of(item, custom=self._custom), None, events)
        if self._block >= 0:
            events.append(BlockEnded(self._block))

    @property
    def called(self) -> bool:
        """Whether it became a call."""
        return self._block >= 0


def arguments_of(item: OutputItemWire, *, custom: bool) -> str:
    """The arguments as text; some hosts write the object itself."""
    given = item.input if custom else item.arguments
    if isinstance(given, str):
        return given
    return "" if given is None else msgspec.json.encode(given).decode()


class OpenWhole:
    """An item of a kind that is told only when it is complete: hosted calls, pictures and the like."""

    __slots__ = ("_blocks", "_item", "_raw")

    def __init__(self, item: OutputItemWire, raw: bytes, blocks: Iterator[int]) -> None:
        """Take the item as it begins, and the numbers for its block."""
        self._item = item
        self._raw = raw
        self._blocks = blocks

    def end(self, item: OutputItemWire | None, raw: bytes, events: list[Event]) -> None:
        """The item is complete."""
        block = _whole_block(item or self._item, raw or self._raw)
        place = next(self._blocks)
        events.append(BlockStarted(place, block))
        events.append(BlockEnded(place))


def _whole_block(item: OutputItemWire, raw: bytes) -> Block:
    picture = picture_of(item.result, item.output_format) if item.type == ITEM else None
    if picture is not None:
        rest = tuple(
            Opaque(NAME, field, bytes(value))
            for field, value in _MEMBERS.decode(raw).items()
            if field not in _OF_A_PICTURE
        )
        return Image(picture, opaque=rest)
    server_side = item.type not in _FOR_THE_CLIENT
    return Unknown(NAME, item.type, msgspec.json.format(raw, indent=-1), server_side=server_side)
