"""Citations: annotations of text, in whole answers and in streams."""

import msgspec

from dragoman.conversation.blocks import Citation
from dragoman.dialects.json_tree import ANY, UNREADABLE, members
from dragoman.dialects.openai_responses.answer_wire import AnnotationWire
from dragoman.dialects.openai_responses.wire import NAME

_ANNOTATION = msgspec.json.Decoder(AnnotationWire)
_PLACES = ("start_index", "end_index", "index")
"""The members of annotations that count code points of the text."""


def parse_annotation(raw: bytes) -> Citation | None:
    """A citation of the text that an annotation stands beside; None for what is no annotation.

    Files that the vendor keeps are sources without an address: only this format has a place for them.
    """
    try:
        wire = _ANNOTATION.decode(raw)
    except UNREADABLE:
        return None
    at = wire.url_citation or wire
    if not wire.type:
        return None
    spanned = at.start_index is not None and at.end_index is not None and at.end_index > at.start_index >= 0
    return Citation(
        url=at.url if wire.type == "url_citation" else None,
        title=at.title or at.filename or None,
        start=at.start_index if spanned else None,
        end=at.end_index if spanned else None,
        dialect=NAME,
        json=msgspec.json.format(raw, indent=-1),
    )


def render_annotation(citation: Citation, offset: int, length: int) -> msgspec.Raw | None:
    """The annotation for a citation of a block that begins `offset` code points into its part and is
    `length` long; None for sources without an address that another vendor names.
    """
    if citation.url is None:
        return _own(citation, offset) if citation.dialect == NAME and citation.json else None
    start = 0 if citation.start is None else citation.start
    end = length if citation.end is None else citation.end
    annotation = {
        "type": "url_citation",
        "start_index": offset + start,
        "end_index": offset + end,
        "title": citation.title or "",
        "url": citation.url,
    }
    return msgspec.Raw(msgspec.json.encode(annotation))


def _own(citation: Citation, offset: int) -> msgspec.Raw:
    """An annotation of the format's own, its places moved with the text."""
    fields = members(ANY.decode(citation.json)) if offset else None
    if fields is None:
        return msgspec.Raw(citation.json)
    moved = {
        name: place + offset
        for name in _PLACES
        if isinstance(place := fields.get(name), int) and not isinstance(place, bool)
    }
    return msgspec.Raw(msgspec.json.encode({**fields, **moved}))
