"""Annotations of text."""

import json

import pytest

from dragoman.conversation.blocks import Citation
from dragoman.dialects.openai_responses.citations import parse_annotation, render_annotation

PAGE: dict[str, object] = {
    "type": "url_citation",
    "start_index": 3,
    "end_index": 9,
    "title": "Tides",
    "url": "https://example.org/tides",
}


def parsed(annotation: object) -> Citation | None:
    return parse_annotation(json.dumps(annotation).encode())


def test_a_cited_page_has_its_span() -> None:
    found = parsed(PAGE)
    assert found is not None
    assert (found.url, found.title, found.start, found.end) == ("https://example.org/tides", "Tides", 3, 9)


def test_a_nested_annotation_is_read_as_well() -> None:
    inner = {name: value for name, value in PAGE.items() if name != "type"}
    found = parsed({"type": "url_citation", "url_citation": inner})
    assert found is not None
    assert (found.url, found.start, found.end) == ("https://example.org/tides", 3, 9)


@pytest.mark.parametrize("span", [{}, {"start_index": 0, "end_index": 0}, {"start_index": 5, "end_index": 2}])
def test_a_span_that_makes_no_sense_means_the_whole_text(span: dict[str, int]) -> None:
    found = parsed({"type": "url_citation", "url": "https://example.org", **span})
    assert found is not None
    assert (found.start, found.end) == (None, None)


@pytest.mark.parametrize("junk", [3, [], {}, {"url": "https://example.org"}, {"type": 3}])
def test_what_is_no_annotation_is_left_out(junk: object) -> None:
    assert parsed(junk) is None


def test_spans_move_with_the_text_that_was_joined() -> None:
    citation = Citation("https://example.org/tides", "Tides", start=3, end=9)
    annotation = render_annotation(citation, 10, 20)
    assert annotation is not None
    assert json.loads(bytes(annotation)) == {**PAGE, "start_index": 13, "end_index": 19}


def test_a_citation_without_a_span_is_for_its_whole_block() -> None:
    annotation = render_annotation(Citation("https://example.org"), 10, 20)
    assert annotation is not None
    assert json.loads(bytes(annotation)) == {
        "type": "url_citation",
        "start_index": 10,
        "end_index": 30,
        "title": "",
        "url": "https://example.org",
    }


def test_a_cited_file_goes_back_as_it_came_but_for_its_place() -> None:
    file = {"type": "file_citation", "file_id": "file-1", "filename": "tides.pdf", "index": 7}
    found = parsed(file)
    assert found is not None
    assert (found.url, found.title) == (None, "tides.pdf")
    kept, moved = render_annotation(found, 0, 9), render_annotation(found, 4, 9)
    assert kept is not None
    assert moved is not None
    assert json.loads(bytes(kept)) == file
    assert json.loads(bytes(moved)) == {**file, "index": 11}


def test_another_vendors_document_without_an_address_is_left_out() -> None:
    assert render_annotation(Citation(title="tides.pdf", dialect="anthropic", json=b"{}"), 0, 9) is None
