"""Content in OpenAI's two formats."""

import pytest

from dragoman.conversation.blocks import Document, Inline
from dragoman.conversation.failure import FailureError
from dragoman.dialects.openai_parts import Part, content_of, failed, is_plain, plain_text, spelled_out

A: Part = {"type": "text", "text": "a"}
B: Part = {"type": "text", "text": "b"}
MARKED: Part = {"type": "text", "text": "c", "cache_control": {"type": "ephemeral"}}
PICTURE: Part = {"type": "image_url", "image_url": {"url": "x"}}


def test_one_plain_text_is_a_string_and_nothing_is_an_empty_one() -> None:
    assert content_of([A]) == "a"
    assert content_of([]) == ""
    for parts in ([A, B], [MARKED], [PICTURE]):
        assert content_of(parts) == parts


def test_only_text_without_marks_is_plain() -> None:
    assert is_plain([A, B])
    assert not is_plain([A, MARKED])
    assert not is_plain([PICTURE])
    assert plain_text([A, B]) == "ab"
    assert plain_text([A, B], "\n") == "a\nb"


def test_an_error_is_marked_once() -> None:
    assert failed("boom", "text") == "[tool error] boom"
    assert failed("[tool error] boom", "text") == "[tool error] boom"
    assert failed("", "text") == "[tool error]"
    assert failed([PICTURE], "input_text") == [{"type": "input_text", "text": "[tool error]"}, PICTURE]


def test_a_document_of_text_is_its_title_its_context_and_its_text() -> None:
    source = Inline("text/plain", "aGVs\nbG8=")
    assert spelled_out(Document(source), source, "x") == "hello"
    assert spelled_out(Document(source, "T", "C"), source, "x") == "T\n\nC\n\nhello"


def test_base64_that_is_none_is_refused_by_its_place() -> None:
    source = Inline("text/plain", "!")
    with pytest.raises(FailureError) as caught:
        spelled_out(Document(source), source, "messages[0].content[1]")
    assert caught.value.failure.param == "messages[0].content[1]"
