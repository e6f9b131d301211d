"""Requests from the wire: content blocks."""

import base64
from collections.abc import Callable

import msgspec
import pytest

from dragoman.conversation.blocks import (
    Block,
    CacheMark,
    Citation,
    Document,
    Image,
    Inline,
    Remote,
    Stored,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
from dragoman.conversation.failure import FailureError
from dragoman.conversation.opaque import Opaque, Signature
from dragoman.conversation.request import Request
from dragoman.dialects.anthropic import DIALECT
from dragoman.dialects.dialect import Location

Parse = Callable[..., Request]
CACHE: dict[str, object] = {"type": "ephemeral"}


@pytest.fixture
def content(parse: Parse) -> Callable[..., tuple[Block, ...]]:
    """The blocks of one message after a first one."""

    def make(role: str, *blocks: dict[str, object] | str) -> tuple[Block, ...]:
        written = blocks[0] if isinstance(blocks[0], str) else list(blocks)
        first = {"role": "user", "content": "Hello"}
        return parse(messages=[first, {"role": role, "content": written}]).messages[1].blocks

    return make


Content = Callable[..., tuple[Block, ...]]


def text_source(text: str) -> Inline:
    return Inline("text/plain", base64.b64encode(text.encode()).decode())


def test_content_is_a_text_or_blocks(content: Content) -> None:
    assert content("user", "Hi") == (Text("Hi"),)
    assert content("user", "") == ()
    assert content("user", {"type": "text", "text": "Hi", "cache_control": CACHE}) == (
        Text("Hi", cache=CacheMark()),
    )


def test_citations_keep_the_vendors_own_form(content: Content) -> None:
    web = {
        "type": "web_search_result_location",
        "url": "https://a.example",
        "title": "A",
        "cited_text": "so it is",
        "encrypted_index": "e",
    }
    page = {"type": "page_location", "document_title": "Book", "cited_text": "so", "start_page_number": 1}
    (text,) = content("assistant", {"type": "text", "text": "It is so.", "citations": [web, page]})
    assert isinstance(text, Text)
    assert text.citations == (
        Citation("https://a.example", "A", "so it is", dialect="anthropic", json=msgspec.json.encode(web)),
        Citation(None, "Book", "so", dialect="anthropic", json=msgspec.json.encode(page)),
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"type": "base64", "media_type": "image/png", "data": "QUJD"}, Inline("image/png", "QUJD")),
        ({"type": "url", "url": "https://a.example/x.png"}, Remote("https://a.example/x.png")),
        ({"type": "file", "file_id": "file_1"}, Stored("anthropic", "file_1")),
    ],
)
def test_images_and_documents_come_from_three_places(
    content: Content, source: dict[str, object], expected: object
) -> None:
    (image,) = content("user", {"type": "image", "source": source, "cache_control": CACHE})
    assert isinstance(image, Image)
    assert image.source == expected
    assert image.cache == CacheMark()
    (document,) = content("user", {"type": "document", "source": source, "title": "T", "context": "C"})
    assert isinstance(document, Document)
    assert (document.source, document.title, document.context) == (expected, "T", "C")


def test_a_text_document_is_base64_inside(content: Content) -> None:
    source = {"type": "text", "media_type": "text/plain", "data": "Grüße"}
    (document,) = content("user", {"type": "document", "source": source, "citations": {"enabled": True}})
    assert document == Document(text_source("Grüße"), cited=True)


def test_a_document_made_of_texts_is_a_text_for_others_and_itself_for_this_format(content: Content) -> None:
    source = {"type": "content", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    (document,) = content("user", {"type": "document", "source": source})
    assert document == Document(
        text_source("a\n\nb"), opaque=(Opaque("anthropic", "source", msgspec.json.encode(source)),)
    )


def test_a_document_made_of_pictures_is_for_this_format_only(content: Content) -> None:
    picture = {"type": "image", "source": {"type": "url", "url": "https://a.example/x.png"}}
    block = {"type": "document", "source": {"type": "content", "content": [picture]}}
    assert content("user", block) == (Unknown("anthropic", "document", msgspec.json.encode(block)),)


def test_tool_calls_keep_number_text_and_order() -> None:
    body = (
        b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"},{"role":"assistant","content":'
        b'[{"type":"tool_use","id":"toolu_1","name":"f","input":{"z": 1.0, "a": 12345678901234567890},'
        b'"caller":{"type":"direct"}}]}]}'
    )
    (call,) = DIALECT.parse_request(body, Location()).messages[1].blocks
    assert call == ToolCall(
        "toolu_1",
        "f",
        '{"z":1.0,"a":12345678901234567890}',
        opaque=(Opaque("anthropic", "caller", b'{"type":"direct"}'),),
    )


def test_tool_results_hold_texts_pictures_and_documents(content: Content) -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}}
    reference = {"type": "tool_reference", "tool_name": "f"}
    results = content(
        "user",
        {
            "type": "tool_result",
            "tool_use_id": "t1",
            "content": "42",
            "is_error": True,
            "cache_control": CACHE,
        },
        {"type": "tool_result", "tool_use_id": "t2"},
        {
            "type": "tool_result",
            "tool_use_id": "t3",
            "content": [{"type": "text", "text": "see"}, picture, reference],
        },
    )
    assert results == (
        ToolResult("t1", (Text("42"),), is_error=True, cache=CacheMark()),
        ToolResult("t2", ()),
        ToolResult(
            "t3",
            (
                Text("see"),
                Image(Inline("image/png", "QUJD")),
                Unknown("anthropic", "tool_reference", msgspec.json.encode(reference)),
            ),
        ),
    )


def test_reasoning_keeps_its_signature_without_a_known_origin(content: Content) -> None:
    assert content(
        "assistant",
        {"type": "thinking", "thinking": "hm", "signature": "SIG"},
        {"type": "redacted_thinking", "data": "DATA"},
        {"type": "thinking", "thinking": "unsigned", "signature": ""},
    ) == (
        Thinking("hm", Signature("anthropic", "", "SIG")),
        Thinking("", Signature("anthropic", "", "DATA"), redacted=True),
        Thinking("unsigned", None),
    )


@pytest.mark.parametrize(
    ("role", "kind", "server_side"),
    [
        ("assistant", "server_tool_use", True),
        ("assistant", "web_search_tool_result", True),
        ("assistant", "mcp_tool_use", True),
        ("assistant", "container_upload", True),
        ("user", "container_upload", False),
        ("user", "search_result", False),
        ("assistant", "compaction", False),
        ("user", "of_the_future", False),
    ],
)
def test_blocks_of_other_kinds_ride_along_whole(
    content: Content, role: str, kind: str, server_side: bool
) -> None:
    block = {"type": kind, "anything": [1, 2]}
    assert content(role, block) == (Unknown("anthropic", kind, msgspec.json.encode(block), server_side),)


@pytest.mark.parametrize(
    ("role", "block", "param"),
    [
        ("user", {"text": "no type"}, "messages[1].content[0].type"),
        ("user", {"type": "text"}, "messages[1].content[0].text"),
        ("user", {"type": "text", "text": 5}, "messages[1].content[0].text"),
        ("user", {"type": "image", "source": {"type": "tape"}}, "messages[1].content[0].source.type"),
        ("user", {"type": "tool_use", "id": "a", "name": "f", "input": {}}, "messages[1].content[0]"),
        ("user", {"type": "thinking", "thinking": "", "signature": ""}, "messages[1].content[0]"),
        ("assistant", {"type": "tool_result", "tool_use_id": "a"}, "messages[1].content[0]"),
        (
            "assistant",
            {"type": "tool_use", "id": "a", "name": "f", "input": "text"},
            "messages[1].content[0].input",
        ),
        (
            "user",
            {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text"}]},
            "messages[1].content[0].content[0].text",
        ),
        (
            "assistant",
            {"type": "text", "text": "x", "citations": ["c"], "cache_control": {"type": "x"}},
            "messages[1].content[0].cache_control.type",
        ),
    ],
)
def test_a_bad_block_is_named(content: Content, role: str, block: dict[str, object], param: str) -> None:
    with pytest.raises(FailureError) as caught:
        content(role, block)
    assert caught.value.failure.param == param
