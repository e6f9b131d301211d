"""Content blocks of requests and answers, from the wire."""

import base64
from collections.abc import Callable
from typing import TypeVar

import msgspec

from dragoman.conversation.blocks import (
    Block,
    CacheMark,
    Document,
    Image,
    Inline,
    Remote,
    Source,
    Stored,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
from dragoman.conversation.failure import invalid
from dragoman.conversation.opaque import Opaque, Signature
from dragoman.dialects.anthropic import wire
from dragoman.dialects.anthropic.citations import parse_citation
from dragoman.dialects.anthropic.signatures import Slot, opened
from dragoman.dialects.anthropic.wire import DIALECT
from dragoman.dialects.arguments import arguments_text
from dragoman.dialects.json_text import field_error, opens_with

Fields = dict[str, msgspec.Raw]
T = TypeVar("T")

_FIELDS = msgspec.json.Decoder(Fields)
_WORD = msgspec.json.Decoder(str)
_TEXT = msgspec.json.Decoder(wire.TextBlock)
_IMAGE = msgspec.json.Decoder(wire.ImageBlock)
_DOCUMENT = msgspec.json.Decoder(wire.DocumentBlock)
_TOOL_USE = msgspec.json.Decoder(wire.ToolUseBlock)
_TOOL_RESULT = msgspec.json.Decoder(wire.ToolResultBlock)
_THINKING = msgspec.json.Decoder(wire.ThinkingBlock)
_REDACTED = msgspec.json.Decoder(wire.RedactedThinkingBlock)

_ONLY_IN = {
    "tool_use": "assistant",
    "thinking": "assistant",
    "redacted_thinking": "assistant",
    "tool_result": "user",
}
_SERVER_SIDE = frozenset({"server_tool_use", "mcp_tool_use", "fallback"})


def decoded(decode: Callable[[msgspec.Raw], T], raw: msgspec.Raw, path: str) -> T:
    """The checked value of one part of a request.

    Raises `FailureError` (invalid request) that names the field within `path`.
    """
    try:
        return decode(raw)
    except msgspec.ValidationError as error:
        raise field_error(error, path, getattr(decode, "__self__", None)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid(f"'{path}': {error}.", param=path, code="invalid_value") from None
    except RecursionError:
        raise invalid(f"'{path}': nested too deeply.", param=path, code="invalid_value") from None


def parse_content(content: str | list[msgspec.Raw], path: str, role: wire.Role | None) -> tuple[Block, ...]:
    """The content of a message in a request; `role` None is for the content of a tool result.

    Sealed signatures go back to the blocks they belong to. Raises `FailureError` that names the
    block within `path`.
    """
    if isinstance(content, str):
        return (Text(content),) if content else ()
    placed = _Placed()
    for index, raw in enumerate(content):
        placed.add(_parse_block(raw, f"{path}[{index}]", role))
    return placed.close()


def parse_answer_block(raw: msgspec.Raw, origin: str) -> Block:
    """One block of an answer. Raises `FailureError`, as for a request, for what is no block."""
    block = _parse_block(raw, "content", "assistant")
    if isinstance(block, _Sealed):
        # another gateway stands upstream: what it has sealed is its own affair
        signature = Signature(DIALECT, origin, block.value)
        return Thinking(block.text, signature, redacted=block.redacted)
    if isinstance(block, Thinking) and block.signature is not None:
        signature = Signature(DIALECT, origin, block.signature.value)
        return msgspec.structs.replace(block, signature=signature)
    return block


def parse_cache(control: wire.CacheControl | None) -> CacheMark | None:
    """A cache breakpoint."""
    return None if control is None else CacheMark(control.ttl)


def opaque(fields: Fields, known: frozenset[str]) -> tuple[Opaque, ...]:
    """The members that only this format has, for the way back."""
    if fields.keys() <= known:
        return ()
    return tuple(Opaque(DIALECT, name, bytes(raw)) for name, raw in fields.items() if name not in known)


def server_side(kind: str, *, in_answer: bool) -> bool:
    """Whether a block of a kind unknown here records work that the vendor did itself."""
    return kind in _SERVER_SIDE or kind.endswith("_tool_result") or (in_answer and kind == "container_upload")


class _Sealed(msgspec.Struct, frozen=True):
    """A block that holds a signature of another block, or reasoning that has none."""

    text: str
    redacted: bool
    value: str
    signature: Signature | None
    slot: Slot


class _Placed:
    """Blocks of one message, with the sealed signatures between them brought home."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []
        self._next: Signature | None = None

    def add(self, block: "Block | _Sealed") -> None:
        if isinstance(block, _Sealed):
            self._place(block)
        elif isinstance(block, ToolCall) and self._next is not None:
            self._blocks.append(msgspec.structs.replace(block, signature=self._next))
            self._next = None
        else:
            self._blocks.append(block)

    def close(self) -> tuple[Block, ...]:
        if self._next is not None:
            self._blocks.append(Text("", signature=self._next))
        return tuple(self._blocks)

    def _place(self, block: _Sealed) -> None:
        if block.slot is Slot.OWN:
            if block.signature is not None or block.text:
                self._blocks.append(Thinking(block.text, block.signature, redacted=block.redacted))
            return
        if block.text:
            self._blocks.append(Thinking(block.text))
        if block.signature is None:
            return
        last = self._blocks[-1] if self._blocks else None
        if block.slot is Slot.NEXT:
            self._next = block.signature
        elif block.slot is Slot.LAST and isinstance(last, Text | ToolCall):
            self._blocks[-1] = msgspec.structs.replace(last, signature=block.signature)
        else:
            self._blocks.append(Text("", signature=block.signature))


def _parse_block(raw: msgspec.Raw, path: str, role: wire.Role | None) -> "Block | _Sealed":
    fields = decoded(_FIELDS.decode, raw, path)
    if "type" not in fields:
        raise invalid(f"'{path}.type': this field is required.", f"{path}.type", "missing_required_parameter")
    # the vendor's own words are known by their bytes
    kind = _KINDS.get(bytes(fields["type"])) or decoded(_WORD.decode, fields["type"], f"{path}.type")
    only_in = _ONLY_IN.get(kind)
    if only_in is not None and role != only_in:
        raise invalid(
            f"'{path}': `{kind}` blocks can only be in `{only_in}` messages.", path, "invalid_value"
        )
    parse = _PARSERS.get(kind)
    if parse is None:
        return Unknown(DIALECT, kind, bytes(raw), server_side(kind, in_answer=role == "assistant"))
    return parse(raw, fields, path)


def _parse_text(raw: msgspec.Raw, fields: Fields, path: str) -> Text:
    block = decoded(_TEXT.decode, raw, path)
    return Text(
        block.text,
        citations=()
        if not block.citations
        else tuple(
            decoded(parse_citation, citation, f"{path}.citations[{index}]")
            for index, citation in enumerate(block.citations)
        ),
        cache=parse_cache(block.cache_control),
        opaque=opaque(fields, _TEXT_FIELDS),
    )


def _parse_image(raw: msgspec.Raw, fields: Fields, path: str) -> Image:
    block = decoded(_IMAGE.decode, raw, path)
    return Image(
        _media(block.source),
        cache=parse_cache(block.cache_control),
        opaque=opaque(fields, _IMAGE_FIELDS),
    )


def _parse_document(raw: msgspec.Raw, fields: Fields, path: str) -> Document | Unknown:
    block = decoded(_DOCUMENT.decode, raw, path)
    rest = opaque(fields, _DOCUMENT_FIELDS)
    match block.source:
        case wire.ContentSource(content=content):
            text = _plain_text(content, f"{path}.source.content")
            if text is None:
                return Unknown(DIALECT, "document", bytes(raw))
            source = _text_media(text)
            # for others it is a text document; the way back is the source as it came
            rest = (*rest, Opaque(DIALECT, "source", bytes(fields["source"])))
        case wire.TextSource(data=data):
            source = _text_media(data)
        case _:
            source = _media(block.source)
    return Document(
        source,
        title=block.title,
        context=block.context,
        cited=block.citations is not None and bool(block.citations.enabled),
        cache=parse_cache(block.cache_control),
        opaque=rest,
    )


def _media(source: wire.Base64Source | wire.UrlSource | wire.FileSource) -> Source:
    match source:
        case wire.Base64Source(media_type=media_type, data=data):
            return Inline(media_type, data)
        case wire.UrlSource(url=url):
            return Remote(url)
        case wire.FileSource(file_id=file_id):
            return Stored(DIALECT, file_id)


def _text_media(text: str) -> Inline:
    return Inline("text/plain", base64.b64encode(text.encode()).decode())


def _plain_text(content: str | list[msgspec.Raw], path: str) -> str | None:
    """The text of a document made of blocks; None if there is more than text in it."""
    blocks = parse_content(content, path, None)
    texts = [block.text for block in blocks if isinstance(block, Text)]
    return "\n\n".join(texts) if len(texts) == len(blocks) else None


def _parse_tool_use(raw: msgspec.Raw, fields: Fields, path: str) -> ToolCall:
    block = decoded(_TOOL_USE.decode, raw, path)
    written = "{}"
    if wire.given(block.input):
        if not opens_with(block.input, b"{"):
            raise invalid(f"'{path}.input': expected an object.", f"{path}.input", "invalid_value")
        written = decoded(arguments_text, block.input, f"{path}.input")
    return ToolCall(
        block.id,
        block.name,
        written,
        cache=parse_cache(block.cache_control),
        opaque=opaque(fields, TOOL_USE_FIELDS),
    )


def _parse_tool_result(raw: msgspec.Raw, fields: Fields, path: str) -> ToolResult:
    block = decoded(_TOOL_RESULT.decode, raw, path)
    content = parse_content(block.content or "", f"{path}.content", None)
    return ToolResult(
        block.tool_use_id,
        # the roles' own blocks were refused, with their path, before they came here
        tuple(inner for inner in content if isinstance(inner, Text | Image | Document | Unknown)),
        is_error=bool(block.is_error),
        cache=parse_cache(block.cache_control),
        opaque=opaque(fields, _TOOL_RESULT_FIELDS),
    )


def _parse_thinking(raw: msgspec.Raw, fields: Fields, path: str) -> "Thinking | _Sealed":
    del fields
    block = decoded(_THINKING.decode, raw, path)
    found = opened(block.signature)
    if found is not None:
        return _Sealed(block.thinking, False, block.signature, *found)
    return Thinking(block.thinking, Signature(DIALECT, "", block.signature) if block.signature else None)


def _parse_redacted(raw: msgspec.Raw, fields: Fields, path: str) -> "Thinking | _Sealed":
    del fields
    block = decoded(_REDACTED.decode, raw, path)
    found = opened(block.data)
    if found is not None:
        return _Sealed("", True, block.data, *found)
    return Thinking("", Signature(DIALECT, "", block.data), redacted=True)


_PARSERS: dict[str, Callable[[msgspec.Raw, Fields, str], Block | _Sealed]] = {
    "text": _parse_text,
    "image": _parse_image,
    "document": _parse_document,
    "tool_use": _parse_tool_use,
    "tool_result": _parse_tool_result,
    "thinking": _parse_thinking,
    "redacted_thinking": _parse_redacted,
}
_KINDS = {f'"{kind}"'.encode(): kind for kind in _PARSERS}
_TEXT_FIELDS = frozenset({"type", "text", "citations", "cache_control"})
_IMAGE_FIELDS = frozenset({"type", "source", "cache_control"})
_DOCUMENT_FIELDS = frozenset({"type", "source", "title", "context", "citations", "cache_control"})
TOOL_USE_FIELDS = frozenset({"type", "id", "name", "input", "cache_control"})
_TOOL_RESULT_FIELDS = frozenset({"type", "tool_use_id", "content", "is_error", "cache_control"})
