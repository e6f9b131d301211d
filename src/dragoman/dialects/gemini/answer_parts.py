"""The parts of one candidate for a client, from whole blocks or from a stream of them."""

import msgspec

from dragoman.conversation.blocks import (
    Audio,
    Block,
    Document,
    Image,
    Refusal,
    Stored,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
from dragoman.conversation.opaque import Signature
from dragoman.conversation.request import Request
from dragoman.dialects.gemini.arguments import arguments_object
from dragoman.dialects.gemini.media import attributes, media_data
from dragoman.dialects.gemini.signatures import Carrier, Entry, Kind, packed

DIALECT = "gemini"

WirePart = dict[str, object]


def shows_thoughts(request: Request) -> bool:
    """Whether the client asked to read thoughts (`includeThoughts`): without that, Google sends none."""
    return request.reasoning is not None and request.reasoning.visible is not False


class AnswerParts:
    """Turns what an answer is made of into parts; remembers signatures that wait for one."""

    __slots__ = ("_carrier", "_thoughts")

    def __init__(self, *, thoughts: bool) -> None:
        self._thoughts = thoughts
        self._carrier = Carrier()

    @property
    def waiting(self) -> bool:
        """Whether reasoning still waits for a part that carries it."""
        return not self._carrier.empty

    def text(self, text: str) -> WirePart:
        """Visible text."""
        self._carrier.passed(len(text))
        return {"text": text}

    def passed(self, text: str) -> None:
        """Visible text that was written without the help of `text`."""
        self._carrier.passed(len(text))

    def thought(self, text: str) -> WirePart | None:
        """A piece of reasoning; None where the client does not want to read it."""
        return {"text": text, "thought": True} if self._thoughts and text else None

    def thinking_ended(self, block: Thinking) -> WirePart | None:
        """Reasoning is complete: Google's own signature goes out, a foreign one waits."""
        if block.signature is None:
            return None
        if block.signature.dialect == DIALECT and not block.redacted:
            return {"text": "", "thought": True, "thoughtSignature": block.signature.value}
        self._carrier.add(block)
        return None

    def text_ended(self, signature: Signature | None) -> WirePart | None:
        """A text is complete; where it was signed, an empty part takes the signature, as Google's
        own streams do it.
        """
        if signature is None:
            return None
        return {"text": "", "thoughtSignature": _value(signature, Kind.TEXT)}

    def call(self, call: ToolCall) -> list[WirePart]:
        """A whole call, with the reasoning that led to it."""
        made: WirePart = {"id": call.id} if call.id else {}
        made["name"] = call.name
        made["args"], _ = arguments_object(call)
        part: WirePart = {"functionCall": made}
        parts: list[WirePart] = []
        signature = call.signature
        if signature is not None and signature.dialect == DIALECT:
            if carried := self._carrier.take():
                parts.append({"text": "", "thoughtSignature": carried})
            part["thoughtSignature"] = signature.value
        else:
            own = Entry(signature, Kind.CALL) if signature is not None else None
            if carried := self._carrier.take(own):
                part["thoughtSignature"] = carried
        parts.append(part)
        return parts

    def whole(self, block: Image | Audio | Document | Unknown | ToolResult) -> WirePart | None:
        """A block that never comes in pieces; None for what only another vendor has a place for."""
        match block:
            case Image() | Audio() | Document():
                if isinstance(block.source, Stored) and block.source.dialect != DIALECT:
                    return None
                return {**media_data(block, ""), **attributes(block.opaque)}
            case Unknown(dialect="gemini", json=json):
                return {**msgspec.json.decode(json, type=dict[str, msgspec.Raw])}
            case Unknown() | ToolResult():
                return None

    def rest(self) -> WirePart:
        """The part that ends a stream: empty, and with all that still waits."""
        carried = self._carrier.take()
        return {"text": "", "thoughtSignature": carried} if carried else {"text": ""}

    def blocks(self, blocks: tuple[Block, ...]) -> tuple[list[WirePart], dict[int, int]]:
        """The parts of a whole answer, and which part each block of text became."""
        parts: list[WirePart] = []
        places: dict[int, int] = {}
        for number, block in enumerate(blocks):
            match block:
                case Text(text=text, signature=signature):
                    part = self.text(text)
                    if signature is not None:
                        part["thoughtSignature"] = _value(signature, Kind.TEXT)
                    if text or signature is not None:
                        places[number] = len(parts)
                        parts.append(part)
                case Refusal(text=text):
                    if text:
                        parts.append(self.text(text))
                case Thinking():
                    shown = self.thought(block.text)
                    ended = self.thinking_ended(block)
                    if shown is not None and ended is not None:
                        shown["thoughtSignature"] = ended["thoughtSignature"]
                        ended = None
                    parts.extend(part for part in (shown, ended) if part is not None)
                case ToolCall():
                    parts.extend(self.call(block))
                case Image() | Audio() | Document() | Unknown() | ToolResult():
                    part = self.whole(block)
                    if part is not None:
                        parts.append(part)
        if self.waiting:
            last = parts[-1] if parts else {}
            if "text" in last and "thought" not in last and "thoughtSignature" not in last:
                last.update(self.rest() | {"text": last["text"]})
            else:
                parts.append(self.rest())
        return parts or [{"text": ""}], places


def _value(signature: Signature, kind: Kind) -> str:
    return signature.value if signature.dialect == DIALECT else packed([Entry(signature, kind)])
