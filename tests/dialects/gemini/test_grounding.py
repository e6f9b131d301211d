"""Citations from grounding metadata, and back."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from dragoman.conversation.blocks import Citation
from dragoman.dialects.gemini.grounding import Spot, Texts, parse_citations, render_grounding

GROUNDING = Raw("""{
    "groundingChunks": [
        {"web": {"uri": "https://a.example", "title": "A"}},
        {"retrievedContext": {"title": "B", "text": "source text"}},
        {"maps": {"uri": "https://c.example", "title": "C", "placeId": "1"}}
    ],
    "groundingSupports": [
        {"segment": {"startIndex": 0, "endIndex": 6, "text": "Größ"}, "groundingChunkIndices": [0, 1]},
        {"segment": {"startIndex": 8, "endIndex": 12}, "groundingChunkIndices": [2, 9, -1]},
        {"segment": {"startIndex": 900, "endIndex": 901}, "groundingChunkIndices": [0]},
        {"groundingChunkIndices": [0]}
    ]
}""")


def test_byte_offsets_become_code_points() -> None:
    citations = parse_citations(Texts(["Größe, ok!"]), 0, GROUNDING, [])
    assert [(index, c.url, c.title, c.cited_text, c.start, c.end) for index, c in citations] == [
        (0, "https://a.example", "A", None, 0, 4),
        (0, None, "B", "source text", 0, 4),
        (0, "https://c.example", "C", None, 6, 10),
    ]
    assert citations[0][1].dialect == "gemini"
    assert citations[0][1].json == b'{"web": {"uri": "https://a.example", "title": "A"}}'


def test_a_span_belongs_to_the_text_it_begins_in() -> None:
    raw = Raw(
        '{"groundingChunks":[{"web":{"uri":"u"}}],"groundingSupports":['
        '{"segment":{"startIndex":4,"endIndex":7},"groundingChunkIndices":[0]}]}'
    )
    [(index, citation)] = parse_citations(Texts(["abc", "defgh"]), 1, raw, [])
    assert (index, citation.start, citation.end) == (1, 1, 4)
    [(index, citation)] = parse_citations(Texts(["abcde", "fg"]), 1, raw, [])
    assert (index, citation.start, citation.end) == (0, 4, 5)


def test_a_span_may_count_from_its_part() -> None:
    raw = Raw(
        '{"groundingChunks":[{"web":{"uri":"u"}}],"groundingSupports":['
        '{"segment":{"partIndex":2,"startIndex":0,"endIndex":2},"groundingChunkIndices":[0]}]}'
    )
    [(index, citation)] = parse_citations(Texts(["abc", "de"], [0, 3, 3]), 1, raw, [])
    assert (index, citation.start, citation.end) == (1, 0, 2)


def test_a_wrong_span_is_found_by_its_text() -> None:
    raw = Raw(
        '{"groundingChunks":[{"web":{"uri":"u"}}],"groundingSupports":['
        '{"segment":{"startIndex":0,"endIndex":2,"text":"cd"},"groundingChunkIndices":[0]}]}'
    )
    [(_, citation)] = parse_citations(Texts(["abcd"]), 0, raw, [])
    assert (citation.start, citation.end) == (2, 4)


def test_sources_without_spans_belong_to_the_last_text() -> None:
    raw = Raw('{"groundingChunks":[{"web":{"uri":"u"}},{}]}')
    found = parse_citations(Texts(["a", "b"]), 1, raw, [])
    assert [(index, c.url, c.start) for index, c in found] == [(1, "u", None), (1, None, None)]
    assert parse_citations(Texts([]), -1, raw, []) == []


def test_recited_sources_are_citations_of_either_spelling() -> None:
    raws = [
        Raw('{"citationSources":[{"startIndex":1,"endIndex":3,"uri":"u"},{"endIndex":1,"license":"mit"}]}'),
        Raw('{"citations":[{"endIndex":2,"uri":"v","title":"T"}]}'),
    ]
    found = parse_citations(Texts(["abcd"]), 0, None, raws)
    assert [(c.url, c.title, c.start, c.end) for _, c in found] == [("u", None, 1, 3), ("v", "T", 0, 2)]


def test_metadata_that_makes_no_sense_costs_no_answer() -> None:
    assert parse_citations(Texts(["a"]), 0, Raw('{"groundingChunks":7}'), []) == []
    assert parse_citations(Texts(["a"]), 0, Raw("null"), [Raw("[]")]) == []


def test_one_source_and_one_span_are_named_once() -> None:
    text = "Größe zählt"
    spots = [
        Spot(Citation(url="u", title="T", start=0, end=5), text),
        Spot(Citation(url="v", start=0, end=5), text),
        Spot(Citation(url="u", title="T", start=6, end=11), text),
        Spot(Citation(url="u", title="T", start=6, end=11), text),
        Spot(Citation(title="D", cited_text="c"), text, part=3),
        Spot(Citation(dialect="gemini", json=b'{"maps":{"uri":"m"}}', start=0, end=1), text, base=20),
    ]
    metadata = render_grounding(spots)
    assert metadata is not None
    assert msgspec.json.decode(msgspec.json.encode(metadata)) == {
        "groundingChunks": [
            {"web": {"uri": "u", "title": "T"}},
            {"web": {"uri": "v"}},
            {"retrievedContext": {"title": "D", "text": "c"}},
            {"maps": {"uri": "m"}},
        ],
        "groundingSupports": [
            {"segment": {"startIndex": 0, "endIndex": 7, "text": "Größe"}, "groundingChunkIndices": [0, 1]},
            {"segment": {"startIndex": 8, "endIndex": 14, "text": "zählt"}, "groundingChunkIndices": [0]},
            {
                "segment": {"partIndex": 3, "startIndex": 0, "endIndex": 14, "text": text},
                "groundingChunkIndices": [2],
            },
            {"segment": {"startIndex": 20, "endIndex": 21, "text": "G"}, "groundingChunkIndices": [3]},
        ],
    }


def test_no_citations_are_no_metadata() -> None:
    assert render_grounding([]) is None


@given(st.text(min_size=1), st.data())
@settings(max_examples=100)
def test_spans_survive_the_way_there_and_back(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    metadata = render_grounding([Spot(Citation(url="u", start=start, end=end), text)])
    assert metadata is not None
    [(index, citation)] = parse_citations(Texts([text]), 0, Raw(msgspec.json.encode(metadata)), [])
    assert index == 0
    assert citation.start is not None
    assert text[citation.start : citation.end] == text[start:end]
