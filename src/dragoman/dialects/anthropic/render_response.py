"""Whole answers to the wire."""

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
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.dialects.answer_id import answer_id
from dragoman.dialects.anthropic import wire, wire_answer
from dragoman.dialects.anthropic.citations import cited_spans
from dragoman.dialects.anthropic.identifiers import ANSWER_PREFIX, CallIds
from dragoman.dialects.anthropic.render_content import with_opaque
from dragoman.dialects.anthropic.signatures import UNSIGNED, Slot, sealed, wire_signature
from dragoman.dialects.anthropic.stops import calls_tools, render_stop, stop_details
from dragoman.dialects.anthropic.usage import render_usage
from dragoman.dialects.anthropic.wire import DIALECT
from dragoman.dialects.arguments import call_input
from dragoman.dialects.dialect import Reply

_NO_CHOICE = Choice(0, (), Stop(StopReason.OTHER))


def render_response(response: Response, reply: Reply) -> bytes:
    """Write a whole answer for the client: the first candidate, which is all that the format holds."""
    choice = response.choices[0] if response.choices else _NO_CHOICE
    identity = answer_id(response.id, reply.fallback_id, ANSWER_PREFIX)
    writer = AnswerWriter(identity, hide_thinking=hides_thinking(reply))
    for block in choice.blocks:
        writer.add(block)
    content = writer.close()
    word, sequence = render_stop(
        choice.stop,
        called=calls_tools(choice.blocks),
        refused=any(isinstance(block, Refusal) and block.text for block in choice.blocks),
    )
    answer = wire_answer.Answer(
        identity,
        "assistant",
        response.model or reply.request.model,
        content,
        word,
        msgspec.Raw(msgspec.json.encode(sequence)),
        msgspec.Raw(render_usage(response.usage or Usage(), response.service_tier)),
        stop_details(choice.stop) if word == "refusal" else None,
    )
    encoded = msgspec.json.encode(answer)
    own = {each.field: msgspec.Raw(each.json) for each in response.extras if each.dialect == DIALECT}
    if not own:
        return encoded
    return msgspec.json.encode({**msgspec.json.decode(encoded, type=dict[str, msgspec.Raw]), **own})


def hides_thinking(reply: Reply) -> bool:
    """Whether the client asked not to read the reasoning."""
    reasoning = reply.request.reasoning
    return reasoning is not None and reasoning.visible is False


def caption(block: Image | Audio | Document) -> str:
    """What stands for media in an answer, which the format has no place for."""
    noun = type(block).__name__.lower()
    return f"[{noun} that cannot be shown here]"


class AnswerWriter:
    """Lays the blocks of an answer out as this format has them, one after the other.

    A thinking block without a signature is held back until it is known whether the tool call after
    it lends it one. The signature of a text is held back until it is known that another block comes
    after it, and left out where none does.
    """

    def __init__(self, answer_id: str, *, hide_thinking: bool) -> None:
        self._ids = CallIds(answer_id)
        self._hide_thinking = hide_thinking
        self._content: list[wire.Encodable] = []
        self._held: str | None = None
        self._following: list[wire.Encodable] = []

    def add(self, block: Block) -> None:
        """Take the next block."""
        match block:
            case Text():
                self._text(block)
            case Refusal(text=text):
                if text:
                    self._put(wire.TextBlock(text))
            case Thinking():
                self._thinking(block)
            case ToolCall():
                self._call(block)
            case Unknown(dialect=dialect, json=content):
                if dialect == DIALECT:
                    self._put(msgspec.Raw(content))
            case Image() | Audio() | Document():
                self._put(wire.TextBlock(caption(block)))
            case ToolResult():
                pass
            case _:
                assert_never(block)

    def close(self) -> list[wire.Encodable]:
        """The whole content."""
        self._release(UNSIGNED)
        return self._content

    def _put(self, block: wire.Encodable) -> None:
        self._catch_up()
        self._content.append(block)

    def _catch_up(self) -> None:
        """Write what was held back, because another block comes after it."""
        self._release(UNSIGNED)
        self._content += self._following
        self._following = []

    def _release(self, signature: str) -> bool:
        """Write the thinking block that is held back, if there is one, with this signature."""
        if self._held is None:
            return False
        self._content.append(wire.ThinkingBlock(self._held, signature))
        self._held = None
        return True

    def _text(self, block: Text) -> None:
        if block.text:
            for piece, citations in cited_spans(block.text, block.citations):
                self._put(wire.TextBlock(piece, citations or None))
        if block.signature is not None:
            slot = Slot.LAST if block.text else Slot.ALONE
            self._release(UNSIGNED)
            self._following.append(wire.RedactedThinkingBlock(sealed(block.signature, slot)))

    def _thinking(self, block: Thinking) -> None:
        text = "" if self._hide_thinking else block.text
        if block.redacted:
            if block.signature is not None:
                self._put(wire.RedactedThinkingBlock(wire_signature(block.signature)))
        elif block.signature is not None:
            self._put(wire.ThinkingBlock(text, wire_signature(block.signature)))
        elif text:
            self._catch_up()
            self._held = text

    def _call(self, call: ToolCall) -> None:
        if call.signature is not None:
            signature = sealed(call.signature, Slot.NEXT)
            if not self._release(signature):
                self._put(wire.ThinkingBlock("", signature))
        given, _ = call_input(call)
        self._release(UNSIGNED)
        place = len(self._content)
        written = wire.ToolUseBlock(self._ids.take(call.id, place, call.name), call.name, given)
        self._put(with_opaque(written, call.opaque))
