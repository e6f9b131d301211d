"""Where an answer's text comes from: grounding metadata and recitations as citations, and back.

Google counts spans in bytes of UTF-8 over the answer's visible text; the neutral citation counts
code points within its block.
"""

import bisect
import itertools

import msgspec
from msgspec import Raw

from dragoman.conversation.blocks import Citation
from dragoman.dialects.gemini.wire import (
    CitationMetadata,
    CitationSource,
    GroundingChunk,
    GroundingMetadata,
    GroundingSupport,
    Segment,
    WebSource,
    given,
)
from dragoman.frames.sse import on_one_line

DIALECT = "gemini"

_GROUNDING = msgspec.json.Decoder(GroundingMetadata)
_CHUNK = msgspec.json.Decoder(GroundingChunk)
_CITATIONS = msgspec.json.Decoder(CitationMetadata)
_SOURCE = msgspec.json.Decoder(CitationSource)


class Texts:
    """The visible texts of one candidate, and what lies where in them.

    `part_starts` are the bytes of visible text before each part of a whole answer, for spans that
    count from the start of their part.
    """

    def __init__(self, texts: list[str], part_starts: list[int] | None = None) -> None:
        self._texts = texts
        self._whole = "".join(texts)
        self._bytes = b"" if self._whole.isascii() else self._whole.encode("utf-8", "surrogatepass")
        self._starts = [0, *itertools.accumulate(len(text) for text in texts)][:-1]
        self._part_starts = part_starts

    def _code_points(self, count: int) -> int:
        if not self._bytes:
            return max(0, min(count, len(self._whole)))
        return len(self._bytes[: max(0, count)].decode("utf-8", "ignore"))

    def place(self, segment: Segment) -> tuple[int, int, int] | None:
        """The text that a span lies in, and its first and last code point there; None if in none."""
        base = 0
        if segment.part_index and self._part_starts and segment.part_index < len(self._part_starts):
            base = self._part_starts[segment.part_index]
        start = self._code_points(base + (segment.start_index or 0))
        end = self._code_points(base + (segment.end_index or 0))
        if segment.text and self._whole[start:end] != segment.text:
            found = self._whole.find(segment.text)
            if found >= 0:
                start, end = found, found + len(segment.text)
        if start >= end:
            return None
        index = bisect.bisect_right(self._starts, start) - 1
        origin, length = self._starts[index], len(self._texts[index])
        return index, start - origin, min(end - origin, length)


def parse_citations(
    texts: Texts, last: int, grounding: Raw | None, recitations: list[Raw]
) -> list[tuple[int, Citation]]:
    """Each citation with the index of the text it belongs to.

    `last` is the index of the last text, to which sources without any span go; metadata that makes
    no sense gives none.
    """
    found: list[tuple[int, Citation]] = []
    try:
        if grounding is not None and given(grounding):
            found.extend(_grounded(texts, last, _GROUNDING.decode(grounding)))
        for raw in recitations:
            metadata = _CITATIONS.decode(raw)
            for source in (*(metadata.citation_sources or ()), *(metadata.citations or ())):
                found.extend(_recited(texts, _SOURCE.decode(source)))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return found
    return found


def _grounded(texts: Texts, last: int, metadata: GroundingMetadata) -> list[tuple[int, Citation]]:
    sources = [_cited(raw) for raw in metadata.grounding_chunks or ()]
    if not metadata.grounding_supports:
        return [(last, source) for source in sources] if last >= 0 else []
    found: list[tuple[int, Citation]] = []
    for support in metadata.grounding_supports:
        place = texts.place(support.segment) if support.segment is not None else None
        if place is None:
            continue
        index, start, end = place
        found.extend(
            (index, msgspec.structs.replace(sources[chunk], start=start, end=end))
            for chunk in support.grounding_chunk_indices or ()
            if 0 <= chunk < len(sources)
        )
    return found


def _cited(raw: Raw) -> Citation:
    chunk = _CHUNK.decode(raw)
    source = chunk.web or chunk.maps or chunk.retrieved_context or WebSource()
    return Citation(
        url=source.uri,
        title=source.title,
        cited_text=chunk.retrieved_context.text if chunk.retrieved_context is not None else None,
        dialect=DIALECT,
        json=on_one_line(bytes(raw)),
    )


def _recited(texts: Texts, source: CitationSource) -> list[tuple[int, Citation]]:
    place = texts.place(Segment(start_index=source.start_index, end_index=source.end_index))
    if place is None or not source.uri:
        return []
    index, start, end = place
    return [(index, Citation(url=source.uri, title=source.title, start=start, end=end))]


class Spot(msgspec.Struct, frozen=True):
    """A citation on its way to a client: `text` is that of its block, `base` counts the bytes of
    visible text before the block (in the same part, where `part` is set).
    """

    citation: Citation
    text: str
    base: int = 0
    part: int | None = None


def render_grounding(spots: list[Spot]) -> GroundingMetadata | None:
    """Citations as grounding metadata; None for none. One source is named once."""
    chunks: dict[bytes, int] = {}
    supports: dict[tuple[int | None, int, int], tuple[str, list[int]]] = {}
    for spot in spots:
        citation = spot.citation
        source = citation.json if citation.dialect == DIALECT and citation.json else _source(citation)
        number = chunks.setdefault(source, len(chunks))
        start = 0 if citation.start is None else citation.start
        text = spot.text[start : citation.end]
        first = spot.base + len(spot.text[:start].encode("utf-8", "surrogatepass"))
        last = first + len(text.encode("utf-8", "surrogatepass"))
        numbers = supports.setdefault((spot.part, first, last), (text, []))[1]
        if number not in numbers:
            numbers.append(number)
    if not chunks:
        return None
    return GroundingMetadata(
        grounding_chunks=[Raw(source) for source in chunks],
        grounding_supports=[
            GroundingSupport(
                segment=Segment(part_index=part or None, start_index=first, end_index=last, text=text),
                grounding_chunk_indices=numbers,
            )
            for (part, first, last), (text, numbers) in supports.items()
        ],
    )


def _source(citation: Citation) -> bytes:
    if citation.url:
        return msgspec.json.encode(GroundingChunk(web=WebSource(uri=citation.url, title=citation.title)))
    context = WebSource(title=citation.title, text=citation.cited_text)
    return msgspec.json.encode(GroundingChunk(retrieved_context=context))
