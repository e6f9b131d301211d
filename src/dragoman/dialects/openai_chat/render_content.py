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
from dragoman.dialects.dialect import Host
from dragoman.dialects.foreign_content import foreign_block, foreign_file
from dragoman.dialects.openai_chat.media import audio_format
from dragoman.dialects.openai_chat.render_tools import cache_control
from dragoman.dialects.openai_chat.wire import NAME
from dragoman.dialects.openai_family import FAMILY, UNMARKED, own_fields
from dragoman.dialects.openai_parts import Part, content_of, is_plain, plain_text, spelled_out
from dragoman.dialects.picture_types import COMMON, check_picture, labelled
from dragoman.dialects.places import conversation_of, place_within


class ContentWriter:
    """Writes blocks as parts for a host, and remembers what was lost.

    Cache marks go out only for clients of this dialect: they wrote them for a host that knows them.
    """

    def __init__(self, dialect: str, host: Host) -> None:
        self._dialect = dialect
        self._host = host
        self._own = dialect == NAME
        self._messages = conversation_of(dialect)
        self._place = self._messages
        self._lost: dict[str, Loss] = {}

    @property
    def losses(self) -> tuple[Loss, ...]:
        """What could not be said; each kind of thing once."""
        return tuple(self._lost.values())

    def lose(self, loss: Loss) -> None:
        """Remember a loss, the first of its code."""
        self._lost.setdefault(loss.code, loss)

    def refuse(self, what: str, code: str) -> FailureError:
        """The error for content that the format has no place for."""
        return invalid(f"'{self._place}': {what}", self._place, code)

    def check(self, block: Block, place: str) -> None:
        """Refuse media and vendors' own content that cannot be said. Raises `FailureError` that names
        `place`: later, when turns are arranged anew, it is not known any more.
        """
        match block:
            case Image(source=Inline() as source):
                check_picture(source, COMMON, place)
            case Document(source=Inline()) if self._host.files:
                pass
            case Image() | Audio() | Document() | Unknown(server_side=False):
                self._place = place
                self._part(block)
                self._place = self._messages
            case ToolResult(blocks=blocks):
                for number, inner in enumerate(blocks):
                    if isinstance(inner, Unknown):
                        continue  # goes as its JSON
                    self.check(inner, place_within(self._dialect, place, number))
            case _:
                pass

    def parts(self, blocks: tuple[Block, ...]) -> list[Part]:
        """The parts for the blocks. Raises `FailureError` for content that cannot be said."""
        return [part for block in blocks for part in self._part(block)]

    def instruction(self, blocks: tuple[Block, ...]) -> str | list[Part]:
        """The content of an instruction, its parts where the blocks' borders are."""
        parts = self.parts(blocks)
        return content_of(parts) if self._host.text_parts else self.joined(parts, "\n\n")

    def joined(self, parts: list[Part], joint: str) -> str | list[Part]:
        """Parts as one string, where nothing but text is in them; their marks only where the host takes
        parts.
        """
        if is_plain(parts):
            return plain_text(parts, joint)
        if self._host.text_parts or not all(isinstance(part, dict) and "text" in part for part in parts):
            return parts
        self.lose(dropped("$..cache_control", "cache_control", "the host takes no marks on parts of text"))
        return plain_text(parts, joint)

    def _part(self, block: Block) -> list[Part]:
        match block:
            case Text(text=text, cache=cache, opaque=opaque):
                part: Part = {"type": "text", "text": text}
                if cache is not None or opaque:
                    part.update(self.marks(cache, opaque))
                return [part]
            case Refusal(text=text):
                return [{"type": "text", "text": text}]
            case Image():
                return [self._image(block)]
            case Audio():
                return [self._audio(block)]
            case Document():
                return self._document(block)
            case Unknown(server_side=True):
                self.lose(
                    dropped(
                        f"$.{self._messages}", "server_tool_history", "work that another vendor's tools did"
                    )
                )
                return []
            case Unknown(dialect=dialect, json=json):
                if dialect == NAME:
                    return [msgspec.Raw(json)]
                raise foreign_block(block, self._place)
            case Thinking():
                return []
            case ToolCall() | ToolResult():
                raise self.refuse("a tool call or result stands where none can be.", "invalid_value")
            case _:
                assert_never(block)

    def marks(self, cache: CacheMark | None, opaque: tuple[Opaque, ...]) -> dict[str, object]:
        """The members that only this dialect has, and the cache mark."""
        own = own_fields(opaque, NAME)
        marks: dict[str, object] = {one.field: msgspec.Raw(one.json) for one in own if one.field != "phase"}
        if cache is None or marks:
            return marks
        if self._own:
            marks["cache_control"] = cache_control(cache.ttl)
        else:
            self.lose(UNMARKED)
        return marks

    def _image(self, image: Image) -> Part:
        place: dict[str, object] = {"url": self._url(image.source)}
        if image.detail is not None:
            place["detail"] = image.detail
        return {"type": "image_url", "image_url": place, **self.marks(image.cache, image.opaque)}

    def _audio(self, audio: Audio) -> Part:
        if not isinstance(audio.source, Inline):
            raise self.refuse("sound has to be sent inline as base64 to this model.", "audio_not_portable")
        sound = {"data": audio.source.data, "format": audio_format(audio.source.media_type)}
        return {"type": "input_audio", "input_audio": sound, **self.marks(None, audio.opaque)}

    def _document(self, document: Document) -> list[Part]:
        source = document.source
        marks = self.marks(document.cache, document.opaque)
        if document.cited:
            self.lose(dropped(f"$.{self._messages}", "document_citations", "citations into documents"))
        if isinstance(source, Inline) and source.media_type.startswith("text/"):
            return [{"type": "text", "text": spelled_out(document, source, self._place), **marks}]
        if not self._host.files:
            raise self.refuse("documents cannot be sent to this model.", "document_not_portable")
        parts: list[Part] = [{"type": "text", "text": document.context}] if document.context else []
        file: dict[str, object]
        match source:
            case Inline():
                file = {"filename": document.title or "document.pdf", "file_data": data_url(source)}
            case Stored(dialect=dialect, file_id=file_id) if dialect in FAMILY:
                file = {"file_id": file_id}
            case Remote(url=url) if self._own:
                file = {"filename": document.title or "document.pdf", "file_data": url}
            case Remote():
                raise self.refuse(
                    "a document by URL cannot be sent to this model; send it inline as base64.",
                    "document_url_not_portable",
                )
            case Stored():
                raise foreign_file(source, self._place)
        return [*parts, {"type": "file", "file": file, **marks}]

    def _url(self, source: Source) -> str:
        match source:
            case Inline():
                return data_url(labelled(source))
            case Remote(url=url):
                return url
            case Stored():
                raise foreign_file(source, self._place)
            case _:
                assert_never(source)
