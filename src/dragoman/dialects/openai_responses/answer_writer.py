"""The blocks of an answer, as the items that clients get for them."""

from typing import assert_never

import msgspec

from dragoman.conversation.blocks import (
    Audio,
    Block,
    Citation,
    Document,
    Image,
    Inline,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
from dragoman.conversation.opaque import Opaque, Signature
from dragoman.conversation.request import Request
from dragoman.conversation.response import Stop, StopReason, TokenLogprob
from dragoman.conversation.turns import derived_call_id
from dragoman.dialects.arguments import compact
from dragoman.dialects.json_tree import ANY, text
from dragoman.dialects.openai_responses.citations import render_annotation
from dragoman.dialects.openai_responses.identifiers import IMAGE_CALL, REASONING
from dragoman.dialects.openai_responses.namespaces import FIELD, namespaces, place_of
from dragoman.dialects.openai_responses.output import Output
from dragoman.dialects.openai_responses.pictures import ITEM as PICTURE
from dragoman.dialects.openai_responses.reasoning import call_item, client_item, native_id, text_item
from dragoman.dialects.openai_responses.stop import INCOMPLETE, status_of
from dragoman.dialects.openai_responses.wire import NAME
from dragoman.dialects.openai_responses.written_item import (
    Closing,
    Members,
    WrittenCall,
    WrittenMessage,
    WrittenReasoning,
)

_MEMBERS: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_PHASE = frozenset({"phase"})
_PREFIXES = {
    "web_search_call": "ws",
    "file_search_call": "fs",
    "code_interpreter_call": "ci",
    "mcp_call": "mcp",
}
"""How ids of the vendor's items begin, for hosts that leave them out."""


class _OpenText:
    """A Text or Refusal that has not ended. It is in a message from its first words on; its text begins
    `start` code points into the message's part.
    """

    __slots__ = ("citations", "members", "message", "refusal", "signature", "start", "words")

    def __init__(self, block: Text | Refusal) -> None:
        self.refusal = isinstance(block, Refusal)
        self.message: WrittenMessage | None = None
        self.start = 0
        self.words = 0
        self.signature: Signature | None = None
        self.citations: list[Citation] = []
        self.members: Members = {}
        if isinstance(block, Text):
            self.signature = block.signature
            self.citations.extend(block.citations)
            self.members = _own(block.opaque, _PHASE)


class _OpenThinking:
    __slots__ = ("hidden", "item", "signature")

    def __init__(self, signature: Signature | None) -> None:
        self.item: WrittenReasoning | None = None
        self.hidden: list[str] = []
        self.signature = signature


class _OpenCall:
    __slots__ = ("call_id", "item")

    def __init__(self, item: WrittenCall, call_id: str) -> None:
        self.item = item
        self.call_id = call_id


class AnswerWriter:
    """Blocks in, events about items out.

    Text that follows text is one part of one message, as clients expect it that take the last message,
    or its last part, for the whole answer. An item whose blocks have ended is closed when the next one
    begins, or with the answer: only then is it known whether the answer broke off in it. Signatures of
    calls and of text stand in reasoning items of their own (see `reasoning`).
    """

    def __init__(self, output: Output, request: Request) -> None:
        reasoning = request.reasoning
        self._shown = reasoning is None or reasoning.visible is not False
        self._output = output
        self._namespaces = namespaces(request)
        self._texts: dict[int, _OpenText] = {}
        self._thoughts: dict[int, _OpenThinking] = {}
        self._calls: dict[int, _OpenCall] = {}
        self._tokens: list[TokenLogprob] = []
        self._message: WrittenMessage | None = None
        self._ended: list[Closing] = []
        self._called = 0
        self._refused = False

    # --- blocks ----------------------------------------------------------------------------------

    def start(self, index: int, block: Block) -> bytes:
        """A block opens. What no item can hold is left out."""
        match block:
            case Text() | Refusal():
                self._texts[index] = _OpenText(block)
                return self.say(index, block.text)
            case Thinking(redacted=True):
                return self._redacted(block)
            case Thinking():
                self._thoughts[index] = _OpenThinking(block.signature)
                return self.think(index, block.text)
            case ToolCall():
                return self._call(index, block)
            case Image():
                return self._picture(block)
            case Unknown(dialect=dialect):
                return self._unknown(block) if dialect == NAME else b""
            case Audio() | Document() | ToolResult():
                return b""
            case _:
                assert_never(block)

    def say(self, index: int, words: str) -> bytes:
        """More text of a Text or Refusal."""
        block = self._texts.get(index)
        if block is None or not words:
            return b""
        message, out = self._joined(block)
        block.words += len(words)
        if block.refusal:
            self._refused = True
            return out + message.refuse(words)
        tokens, self._tokens = self._tokens, []
        return out + message.say(words, tokens)

    def think(self, index: int, text: str) -> bytes:
        """More text of a Thinking."""
        block = self._thoughts.get(index)
        if block is None or not text:
            return b""
        if not self._shown:
            block.hidden.append(text)
            return b""
        item, out = self._thinking(block)
        return out + item.think(text)

    def grow(self, index: int, text: str) -> bytes:
        """More arguments of a ToolCall."""
        call = self._calls.get(index)
        return b"" if call is None or not text else call.item.grow(text)

    def sign(self, index: int, signature: Signature) -> bytes:
        """The signature of an open block."""
        if index in self._thoughts:
            self._thoughts[index].signature = signature
        elif index in self._texts:
            self._texts[index].signature = signature
        elif index in self._calls:
            return self._carry(call_item(signature, self._calls[index].call_id))
        return b""

    def cite(self, index: int, citation: Citation) -> None:
        """A citation of an open Text. It goes out when the text is whole."""
        if index in self._texts:
            self._texts[index].citations.append(citation)

    def measure(self, tokens: tuple[TokenLogprob, ...]) -> None:
        """Log probabilities of text that follows, or has just gone out."""
        self._tokens.extend(tokens)

    def end(self, index: int) -> bytes:
        """A block is complete."""
        if (words := self._texts.pop(index, None)) is not None:
            return self._end_text(words)
        if (thinking := self._thoughts.pop(index, None)) is not None:
            return self._end_thinking(thinking)
        if (call := self._calls.pop(index, None)) is not None:
            self._ended.append(call.item)
        return b""

    def close(self, stop: Stop) -> bytes:
        """The answer is complete: everything ends."""
        out = b"".join([self.end(index) for index in (*self._texts, *self._thoughts, *self._calls)])
        if stop.reason is StopReason.REFUSAL and stop.explanation and not self._refused:
            out += self.start(-1, Refusal(stop.explanation)) + self.end(-1)
        return out + self._settle(cut=status_of(stop)[0] == INCOMPLETE)

    # --- text ------------------------------------------------------------------------------------

    def _joined(self, block: _OpenText) -> tuple[WrittenMessage, bytes]:
        """The message that a block is in, and what opens it; a block that has none yet joins the message
        before it, unless something else stands between them.
        """
        if block.message is not None:
            return block.message, b""
        message, out = self._message, b""
        if message is not None and message in self._ended and message.members == block.members:
            self._ended.remove(message)
        else:
            out = self._settle()
            message = self._message = WrittenMessage(self._output, block.members)
            out += message.begin()
        block.message = message
        block.start = message.chars
        message.users += 1
        return message, out

    def _end_text(self, block: _OpenText) -> bytes:
        out = b""
        annotations = [
            annotation
            for citation in block.citations
            if (annotation := render_annotation(citation, block.start, block.words)) is not None
        ]
        if annotations and not block.refusal:
            message, out = self._joined(block)
            out += b"".join([message.cite(annotation) for annotation in annotations])
        if (message := block.message) is not None:
            if not block.refusal:
                message.measure(self._tokens)
                self._tokens = []
            message.users -= 1
            if not message.users:
                self._ended.append(message)
        if block.signature is not None:
            out += self._settle() + self._carry(text_item(block.signature, block.words))
        return out

    # --- everything else -------------------------------------------------------------------------

    def _thinking(self, block: _OpenThinking) -> tuple[WrittenReasoning, bytes]:
        """The item of a Thinking, and what opens it unless it is open."""
        if block.item is not None:
            return block.item, b""
        out = self._settle()
        item = block.item = WrittenReasoning(self._output, native_id(block.signature))
        return item, out + item.begin()

    def _end_thinking(self, block: _OpenThinking) -> bytes:
        if block.item is None and block.signature is None:
            return b""
        item, out = self._thinking(block)
        return out + item.close(block.signature, "".join(block.hidden))

    def _redacted(self, block: Thinking) -> bytes:
        if block.signature is None:
            return b""
        return self._carry(client_item(block), native_id(block.signature))

    def _carry(self, item: Members, own: str = "") -> bytes:
        """A reasoning item that comes whole."""
        begun: Members = {"type": "reasoning", "summary": []}
        return self._settle() + self._output.whole(item, begun, REASONING, own)

    def _call(self, index: int, call: ToolCall) -> bytes:
        call_id = call.id or derived_call_id(self._output.answer, "0", str(self._called), call.name)
        self._called += 1
        out = self._settle()
        if call.signature is not None:
            out += self._carry(call_item(call.signature, call_id))
        place = self._namespaces.get(call.name) or place_of(call.opaque)
        named: Members = {"name": call.name}
        if place is not None:
            named = {"name": place.name, "namespace": place.namespace}
        own = {name: value for name, value in _own(call.opaque).items() if name != FIELD}
        item = WrittenCall(self._output, call, call_id, {**named, **own})
        self._calls[index] = _OpenCall(item, call_id)
        return out + item.begin() + self.grow(index, call.arguments)

    def _picture(self, image: Image) -> bytes:
        source = image.source
        if not isinstance(source, Inline):
            return b""
        form: Members = {"output_format": source.media_type.rpartition("/")[2], **_own(image.opaque)}
        item: Members = {"type": PICTURE, "status": "completed", **form, "result": source.data}
        begun: Members = {"type": PICTURE, "status": "in_progress", "result": None}
        return self._settle() + self._output.whole(item, begun, IMAGE_CALL)

    def _unknown(self, block: Unknown) -> bytes:
        """An item of the format's own that nobody else has."""
        item: Members = {**_MEMBERS.decode(compact(block.json))}
        given = item.pop("id", None)
        own = text(ANY.decode(bytes(given))) if isinstance(given, msgspec.Raw) else None
        return self._settle() + self._output.whole(item, {}, _PREFIXES.get(block.kind, "item"), own or "")

    def _settle(self, *, cut: bool = False) -> bytes:
        """Close the items whose blocks have ended: what comes next is another item, or the end."""
        if not self._ended:
            return b""
        ended, self._ended = self._ended, []
        return b"".join([item.close(cut=cut) for item in ended])


def _own(opaque: tuple[Opaque, ...], wanted: frozenset[str] | None = None) -> Members:
    """What only this format says of a block."""
    return {
        one.field: msgspec.Raw(compact(one.json))
        for one in opaque
        if one.dialect == NAME and (wanted is None or one.field in wanted)
    }
