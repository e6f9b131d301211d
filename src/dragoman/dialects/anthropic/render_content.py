"""Content blocks of requests, to the wire."""

import base64
import binascii
from collections.abc import Iterable
from typing import TypeVar, assert_never

import msgspec

from dragoman.conversation.blocks import (
    Audio,
    Block,
    CacheMark,
    Citation,
    Document,
    Image,
    Inline,
    Refusal,
    Remote,
    Stored,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
from dragoman.conversation.failure import FailureError, invalid
from dragoman.conversation.loss import Loss, approximated, dropped
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import Message, Request
from dragoman.dialects.anthropic import wire
from dragoman.dialects.anthropic.identifiers import call_id
from dragoman.dialects.anthropic.wire import DIALECT
from dragoman.dialects.arguments import call_input
from dragoman.dialects.foreign_content import foreign_block, foreign_file
from dragoman.dialects.media_type import bare_type, sniffed_type
from dragoman.dialects.picture_types import COMMON, check_picture, labelled
from dragoman.dialects.places import doubtful_blocks, place_within
from dragoman.dialects.tool_names import ToolNames

W = TypeVar(
    "W",
    wire.TextBlock,
    wire.ImageBlock,
    wire.DocumentOut,
    wire.ToolUseBlock,
    wire.ToolResultOut,
    wire.Tool,
    wire.MessageOut,
)

MAX_MARKS = 4
"""Cache breakpoints that one request may have."""

_TEXT_TYPES = frozenset(
    {
        "application/json",
        "application/xml",
        "application/yaml",
        "application/x-yaml",
        "application/toml",
        "application/javascript",
        "application/x-sh",
    }
)
_TTLS = frozenset({"5m", "1h"})


class CacheMarks:
    """Deals out cache breakpoints: the last `MAX_MARKS` of a request, in the order of the prompt.

    The last ones make the longest prefix, and that is the one the next turn finds again.
    """

    def __init__(self, marks: int, allowed: int) -> None:
        self._to_skip = max(0, marks - allowed)

    def take(self, mark: CacheMark | None) -> wire.CacheControl | None:
        """The breakpoint for a mark, or None for one too many."""
        if mark is None:
            return None
        if self._to_skip:
            self._to_skip -= 1
            return None
        return cache_control(mark)


def cache_control(mark: CacheMark) -> wire.CacheControl:
    """A cache breakpoint; lifetimes that the format does not have become its default."""
    return wire.CacheControl(mark.ttl if mark.ttl in _TTLS else None)


def count_marks(blocks: Iterable[Block]) -> int:
    """How many of these blocks, and of those inside them, are marked."""
    count = 0
    for block in blocks:
        if isinstance(block, ToolResult):
            count += count_marks(block.blocks)
        if isinstance(block, _MARKABLE) and block.cache is not None:
            count += 1
    return count


_MARKABLE = (Text, Image, Document, ToolCall, ToolResult)


def with_opaque(written: W, opaque: tuple[Opaque, ...]) -> W | msgspec.Raw:
    """The block with the members that came with it from a client of this format."""
    own = [each for each in opaque if each.dialect == DIALECT] if opaque else None
    if not own:
        return written
    members = b"".join(b"," + msgspec.json.encode(each.field) + b":" + each.json for each in own)
    return msgspec.Raw(msgspec.json.encode(written)[:-1] + members + b"}")


def check_content(request: Request) -> None:
    """Refuse content that this format has no place for. Raises `FailureError` that names it."""
    for block, place in doubtful_blocks(request):
        _check(block, place, request.dialect)


def _check(block: Block, path: str, dialect: str) -> None:
    match block:
        case Audio():
            raise _refused(path, "audio cannot be sent to this model")
        case Image():
            image_source(block, path)
        case Document():
            document_source(block, path)
        case ToolResult():
            for number, inner in enumerate(block.blocks):
                _check(inner, place_within(dialect, path, number), dialect)
        case Unknown(dialect=owner, server_side=False) if owner != DIALECT:
            raise foreign_block(block, path)
        case Text() | Refusal() | Thinking() | ToolCall() | Unknown():
            pass
        case _:
            assert_never(block)


def _refused(path: str, problem: str, code: str = "unsupported_content") -> FailureError:
    return invalid(f"'{path}': {problem}.", path, code)


def image_source(image: Image, path: str) -> wire.Base64Source | wire.UrlSource | wire.FileSource:
    """Where a picture is. Raises `FailureError` for kinds of pictures that are not accepted."""
    source = image.source
    if isinstance(source, Inline):
        check_picture(source, COMMON, path)
        return wire.Base64Source(labelled(source).media_type, source.data)
    return _elsewhere(source, path)


def document_source(
    document: Document, path: str
) -> wire.Base64Source | wire.UrlSource | wire.FileSource | wire.TextSource:
    """Where a document is. Raises `FailureError` for kinds of files that are not accepted."""
    source = document.source
    if not isinstance(source, Inline):
        return _elsewhere(source, path)
    media_type = sniffed_type(source.data) or bare_type(source.media_type)
    if media_type == "application/pdf" or media_type in COMMON:
        return wire.Base64Source(media_type, source.data)
    if media_type.startswith("text/") or media_type in _TEXT_TYPES:
        try:
            return wire.TextSource(base64.b64decode(source.data, validate=True).decode())
        except (binascii.Error, UnicodeDecodeError, ValueError):
            raise _refused(path, "the text document is not base64 of UTF-8", "unsupported_document") from None
    raise _refused(
        path, f"`{media_type}` documents are not accepted: send PDF or plain text", "unsupported_document"
    )


def _elsewhere(source: Remote | Stored, path: str) -> wire.UrlSource | wire.FileSource:
    match source:
        case Stored(dialect=dialect, file_id=file_id):
            if dialect != DIALECT:
                raise foreign_file(source, path)
            return wire.FileSource(file_id)
        case Remote(url=url):
            if not url.startswith(("https://", "http://")):
                raise _refused(path, "only http and https URLs can be fetched", "unsupported_url")
            return wire.UrlSource(url)
        case _:
            assert_never(source)


class ContentRenderer:
    """Writes the blocks of one request, which `check_content` has let pass."""

    def __init__(self, names: ToolNames, marks: CacheMarks, losses: list[Loss]) -> None:
        self._names = names
        self._marks = marks
        self._losses = losses
        self._said: set[str] = set()

    def message(self, message: Message) -> wire.MessageOut | msgspec.Raw:
        """One turn."""
        written = wire.MessageOut(message.role.value, self.blocks(message.blocks))
        return with_opaque(written, message.opaque)

    def blocks(self, blocks: Iterable[Block]) -> list[wire.Encodable]:
        """Blocks in their order, those left out that mean nothing here."""
        return [written for block in blocks if (written := self._block(block)) is not None]

    def _block(self, block: Block) -> wire.Encodable | None:
        match block:
            case Text():
                return self._text(block)
            case Refusal(text=text):
                return wire.TextBlock(text)
            case Image():
                return self._image(block)
            case Document():
                return self._document(block)
            case Thinking():
                return _thinking(block)
            case ToolCall():
                return self._call(block)
            case ToolResult():
                return self._result(block)
            case Unknown(dialect=dialect, json=content):
                return msgspec.Raw(content) if dialect == DIALECT else None
            case Audio():
                return None
            case _:
                assert_never(block)

    def _text(self, block: Text) -> wire.Encodable:
        citations: list[msgspec.Raw] | None = None
        if block.citations:
            citations = [msgspec.Raw(citation.json) for citation in block.citations if _native(citation)]
            if len(citations) < len(block.citations):
                self._lose(dropped("$.messages", "citations", "citations of other vendors are left out"))
        rendered = wire.TextBlock(block.text, citations or None, self._marks.take(block.cache))
        return with_opaque(rendered, block.opaque)

    def _image(self, image: Image) -> wire.Encodable:
        if image.detail not in {None, "auto"}:
            self._lose(
                dropped("$.messages", "image_detail", "the level of detail of images cannot be chosen")
            )
        rendered = wire.ImageBlock(image_source(image, "messages"), self._marks.take(image.cache))
        return with_opaque(rendered, image.opaque)

    def _document(self, document: Document) -> wire.Encodable:
        source = document_source(document, "messages")
        control = self._marks.take(document.cache)
        if isinstance(source, wire.Base64Source) and source.media_type in COMMON:
            return wire.ImageBlock(source, control)
        as_sent = next(
            (each for each in document.opaque if (each.dialect, each.field) == (DIALECT, "source")), None
        )
        rendered = wire.DocumentOut(
            source if as_sent is None else msgspec.Raw(as_sent.json),
            document.title,
            document.context,
            wire.CitationsConfig(enabled=True) if document.cited else None,
            control,
        )
        return with_opaque(rendered, tuple(each for each in document.opaque if each is not as_sent))

    def _call(self, call: ToolCall) -> wire.Encodable:
        given, altered = call_input(call)
        if altered:
            self._lose(
                approximated(
                    "$.messages", "arguments_repaired", "tool arguments that were no object were wrapped"
                )
            )
        rendered = wire.ToolUseBlock(
            call_id(call.id), self._names.wire(call.name), given, self._marks.take(call.cache)
        )
        return with_opaque(rendered, call.opaque)

    def _result(self, result: ToolResult) -> wire.Encodable:
        content = self.blocks(
            block for block in result.blocks if not (isinstance(block, Text) and not block.text)
        )
        only = content[0] if len(content) == 1 else None
        plain = isinstance(only, wire.TextBlock) and only.citations is None and only.cache_control is None
        rendered = wire.ToolResultOut(
            call_id(result.call_id),
            only.text if isinstance(only, wire.TextBlock) and plain else content or None,
            result.is_error or None,
            self._marks.take(result.cache),
        )
        return with_opaque(rendered, result.opaque)

    def _lose(self, loss: Loss) -> None:
        """Report what happens to many blocks once."""
        if loss.code not in self._said:
            self._said.add(loss.code)
            self._losses.append(loss)


def _native(citation: Citation) -> bool:
    return citation.dialect == DIALECT and bool(citation.json)


def _thinking(block: Thinking) -> wire.Encodable | None:
    """Reasoning goes back as it was signed, or not at all: never as text."""
    if block.signature is None:
        return None
    if block.redacted:
        return wire.RedactedThinkingBlock(block.signature.value)
    return wire.ThinkingBlock(block.text, block.signature.value)
