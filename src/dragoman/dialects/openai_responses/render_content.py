"""Blocks of a turn as content parts."""

from typing import assert_never

import msgspec

from dragoman.conversation.blocks import (
    Audio,
    Block,
    CacheMark,
    Document,
    Image,
    Inline,
    Refusal,
    Remote,
    Source,
    Stored,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
from dragoman.conversation.failure import FailureError, invalid
from dragoman.conversation.loss import Loss, dropped
from dragoman.conversation.opaque import Opaque
from dragoman.dialects.data_url import data_url
from dragoman.dialects.foreign_content import foreign_block, foreign_file
from dragoman.dialects.openai_family import FAMILY, UNMARKED, own_fields
from dragoman.dialects.openai_parts import Part, spelled_out
from dragoman.dialects.openai_responses.wire import NAME
from dragoman.dialects.picture_types import COMMON, check_picture, labelled
from dragoman.dialects.places import conversation_of, place_within

_ENDINGS = {
    "application/pdf": ".pdf",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "text/html": ".html",
    "application/json": ".json",
}
"""Files are told apart by the endings of their names."""

_OF_PARTS = frozenset({"prompt_cache_breakpoint", "detail"})
"""What a part may carry; the other fields of a block belong to its item."""


class ContentWriter:
    """Writes blocks as parts, and remembers what was lost. `files` says whether the host takes
    documents at all.
    """

    def __init__(self, dialect: str, *, files: bool = True) -> None:
        self._dialect = dialect
        self._files = files
        self._turns = conversation_of(dialect)
        self._place = self._turns
        self._lost: dict[str, Loss] = {}

    @property
    def losses(self) -> tuple[Loss, ...]:
        """What could not be said; each kind of thing once."""
        return tuple(self._lost.values())

    def lose(self, loss: Loss) -> None:
        """Remember a loss, the first of its code."""
        self._lost.setdefault(loss.code, loss)

    def check(self, block: Block, place: str) -> None:
        """Refuse media and vendors' own content that cannot be said. Raises `FailureError` that names
        `place`: later, when turns are arranged anew, it is not known any more.
        """
        match block:
            case Image(source=Inline() as source):
                check_picture(source, COMMON, place)
            case Document(source=Inline()) if self._files:
                pass
            case Image() | Audio() | Document():
                self._place = place
                self.parts((block,))
                self._place = self._turns
            case Unknown(server_side=False) if block.dialect != NAME:
                raise foreign_block(block, place)
            case ToolResult(blocks=blocks):
                for number, inner in enumerate(blocks):
                    if not isinstance(inner, Unknown):  # goes as its JSON
                        self.check(inner, place_within(self._dialect, place, number))
            case _:
                pass

    def parts(self, blocks: tuple[Block, ...]) -> list[Part]:
        """The parts for blocks of users and tools. Raises `FailureError` for content that cannot be said."""
        return [part for block in blocks for part in self._part(block)]

    def _part(self, block: Block) -> list[Part]:
        match block:
            case Text(text=text, cache=cache, opaque=opaque):
                return [{"type": "input_text", "text": text, **self.marks(cache, opaque)}]
            case Refusal(text=text):
                return [{"type": "input_text", "text": text}]
            case Image():
                return [self._image(block)]
            case Audio():
                raise self._refused("sound cannot be sent to this model.", "audio_not_portable")
            case Document():
                return self._document(block)
            case Unknown(dialect=dialect, json=json) if dialect == NAME:
                return [msgspec.Raw(json)]
            case Unknown(server_side=True):
                self.lose(
                    dropped(f"$.{self._turns}", "server_tool_history", "work that another vendor's tools did")
                )
                return []
            case Unknown():
                raise foreign_block(block, self._place)
            case Thinking():
                return []
            case ToolCall() | ToolResult():
                raise self._refused("a tool call or result stands where none can be.", "invalid_value")
            case _:
                assert_never(block)

    def marks(self, cache: CacheMark | None, opaque: tuple[Opaque, ...]) -> dict[str, object]:
        """The members that OpenAI's formats have on parts. Cache marks of others are left out."""
        own = own_fields(opaque, NAME)
        marks: dict[str, object] = {one.field: msgspec.Raw(one.json) for one in own if one.field in _OF_PARTS}
        if cache is not None and not marks:
            self.lose(UNMARKED)
        return marks

    def _image(self, image: Image) -> Part:
        place: dict[str, object] = {"type": "input_image", **self._pictured(image.source)}
        if image.detail is not None:
            place["detail"] = image.detail
        return {**place, **self.marks(image.cache, image.opaque)}

    def _pictured(self, source: Source) -> dict[str, object]:
        match source:
            case Inline():
                return {"image_url": data_url(labelled(source))}
            case Remote(url=url):
                return {"image_url": url}
            case Stored(dialect=dialect, file_id=file_id) if dialect in FAMILY:
                return {"file_id": file_id}
            case Stored():
                raise foreign_file(source, self._place)
            case _:
                assert_never(source)

    def _document(self, document: Document) -> list[Part]:
        source = document.source
        marks = self.marks(document.cache, document.opaque)
        if document.cited:
            self.lose(dropped(f"$.{self._turns}", "document_citations", "citations into documents"))
        if not self._files:
            return [{"type": "input_text", "text": self._spelled_out(document), **marks}]
        parts: list[Part] = [{"type": "input_text", "text": document.context}] if document.context else []
        file: dict[str, object] = {"type": "input_file"}
        match source:
            case Inline():
                file["filename"] = self._filename(document.title, source.media_type)
                file["file_data"] = data_url(source)
            case Remote(url=url):
                file["file_url"] = url
            case Stored(dialect=dialect, file_id=file_id) if dialect in FAMILY:
                file["file_id"] = file_id
            case Stored():
                raise foreign_file(source, self._place)
            case _:
                assert_never(source)
        return [*parts, {**file, **marks}]

    def _filename(self, title: str | None, media_type: str) -> str:
        """A name by which the file's kind is known; that of an OpenAI client stays as it is."""
        ending = _ENDINGS.get(media_type.partition(";")[0], "")
        name = title or "document"
        if title and (self._dialect in FAMILY or name.lower().endswith(ending)):
            return name
        return name + ending

    def _spelled_out(self, document: Document) -> str:
        """A document of text as text, for hosts that take no documents."""
        source = document.source
        if not (isinstance(source, Inline) and source.media_type.startswith("text/")):
            raise self._refused("documents cannot be sent to this model.", "document_not_portable")
        return spelled_out(document, source, self._place)

    def _refused(self, what: str, code: str) -> FailureError:
        return invalid(f"'{self._place}': {what}", self._place, code)
