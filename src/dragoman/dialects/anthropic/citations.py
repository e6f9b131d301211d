"""Citations, from the wire and to clients."""

import itertools
from collections.abc import Iterable

import msgspec

from dragoman.conversation import envelope
from dragoman.conversation.blocks import Citation
from dragoman.dialects.anthropic import wire
from dragoman.dialects.anthropic.signatures import UNSIGNED
from dragoman.dialects.anthropic.wire import DIALECT

_CITATION = msgspec.json.Decoder(wire.CitationFields)


class WebCitation(msgspec.Struct, tag_field="type", tag="web_search_result_location"):
    """A citation of a web page. The vendor's own carry an encrypted index, which others cannot make."""

    cited_text: str
    url: str
    title: str | None
    encrypted_index: str


def parse_citation(raw: msgspec.Raw) -> Citation:
    """A citation; one that `render_citation` has made up is not the vendor's, and is marked so."""
    try:
        fields = _CITATION.decode(raw)
    except msgspec.ValidationError:
        fields = wire.CitationFields()
    source = fields.source if fields.source and fields.source.startswith("http") else None
    made_up = (fields.encrypted_index or "").startswith(envelope.PREFIX)
    return Citation(
        url=fields.url or source,
        title=fields.title or fields.document_title,
        cited_text=fields.cited_text,
        dialect="" if made_up else DIALECT,
        json=b"" if made_up else bytes(raw),
    )


def render_citation(citation: Citation) -> msgspec.Raw | None:
    """A citation for a client: the vendor's as it came, that of another vendor as one of a web page;
    None where it has no address.
    """
    if citation.dialect == DIALECT and citation.json:
        return msgspec.Raw(citation.json)
    if citation.url is None:
        return None
    made_up = WebCitation(citation.cited_text or "", citation.url, citation.title, UNSIGNED)
    return msgspec.Raw(msgspec.json.encode(made_up))


def cited_spans(text: str, citations: tuple[Citation, ...]) -> list[tuple[str, list[msgspec.Raw]]]:
    """The text in pieces, each with the citations that are meant for it: this format cites a block as
    a whole.
    """
    if not any(citation.start is not None or citation.end is not None for citation in citations):
        return [(text, _rendered(citations))]
    spans = [(*_span(citation, len(text)), citation) for citation in citations]
    cuts = sorted({0, len(text), *(start for start, _, _ in spans), *(end for _, end, _ in spans)})
    return [
        (
            text[begin:end],
            _rendered(citation for start, stop, citation in spans if start < end and begin < stop),
        )
        for begin, end in itertools.pairwise(cuts)
    ]


def _span(citation: Citation, size: int) -> tuple[int, int]:
    """What of the text a citation is meant for; all of it where its own span makes no sense."""
    start = 0 if citation.start is None else max(citation.start, 0)
    end = size if citation.end is None else min(citation.end, size)
    return (start, end) if start < end else (0, size)


def _rendered(citations: Iterable[Citation]) -> list[msgspec.Raw]:
    return [raw for citation in citations if (raw := render_citation(citation)) is not None]
