"""Citations: OpenAI's annotations, and the lists of sources that compatible hosts send instead."""

import msgspec

from dragoman.conversation.blocks import Citation
from dragoman.dialects.json_tree import elements
from dragoman.dialects.openai_chat.answer_wire import AnnotationWire, AnswerWire
from dragoman.dialects.openai_chat.wire import NAME

_ANNOTATION = msgspec.json.Decoder(AnnotationWire)


def parse_annotation(raw: bytes, offset: int) -> Citation | None:
    """A citation of the Text block that begins `offset` code points into the message; None for
    annotations of other kinds (files that were written, for example).
    """
    try:
        wire = _ANNOTATION.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    at = wire.url_citation or wire
    if wire.type != "url_citation" or at.url is None:
        return None
    spanned = (
        at.start_index is not None and at.end_index is not None and at.end_index > at.start_index >= offset
    )
    return Citation(
        url=at.url,
        title=at.title or None,
        cited_text=at.content or None,
        start=at.start_index - offset if spanned and at.start_index is not None else None,
        end=at.end_index - offset if spanned and at.end_index is not None else None,
        dialect=NAME,
        json=msgspec.json.format(raw, indent=-1),
    )


def sources_of(answer: AnswerWire) -> tuple[Citation, ...]:
    """The sources that Perplexity and xAI list beside the choices: addresses without a span."""
    if answer.search_results:
        return tuple(
            Citation(url=found.url, title=found.title or None) for found in answer.search_results if found.url
        )
    return tuple(
        Citation(url=url) for url in elements(answer.citations) or () if isinstance(url, str) and url
    )


def render_annotation(citation: Citation, offset: int, length: int) -> msgspec.Raw | None:
    """The annotation for a citation of a block that begins `offset` code points into the message and
    is `length` long; None for sources without an address, which the format has no place for.
    """
    if citation.url is None:
        return None
    start = 0 if citation.start is None else citation.start
    end = length if citation.end is None else citation.end
    place: dict[str, object] = {
        "start_index": offset + start,
        "end_index": offset + end,
        "title": citation.title or "",
        "url": citation.url,
    }
    if citation.dialect == NAME and citation.cited_text is not None:
        place["content"] = citation.cited_text
    return msgspec.Raw(msgspec.json.encode({"type": "url_citation", "url_citation": place}))
