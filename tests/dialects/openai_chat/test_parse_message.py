"""Messages of every role."""

import json

import pytest

from dragoman.conversation.blocks import (
    Audio,
    Block,
    CacheMark,
    Document,
    Image,
    Inline,
    Refusal,
    Remote,
    Stored,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import Message, Request, Role
from dragoman.dialects.dialect import Location
from dragoman.dialects.openai_chat import DIALECT

CALL: dict[str, object] = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
ASKED: dict[str, object] = {"role": "assistant", "content": None, "tool_calls": [CALL]}
PNG = "iVBORw0KGgoAAAANSUhEUg=="


def parse(*messages: dict[str, object]) -> Request:
    return DIALECT.parse_request(json.dumps({"model": "m", "messages": messages}).encode(), Location())


def user(*parts: dict[str, object]) -> tuple[Block, ...]:
    return parse({"role": "user", "content": list(parts)}).messages[0].blocks


def refused(*messages: dict[str, object]) -> str | None:
    with pytest.raises(FailureError) as caught:
        parse(*messages)
    return caught.value.failure.param


# --- roles ---------------------------------------------------------------------------------------


def test_leading_instructions_are_hoisted_and_later_ones_stay() -> None:
    got = parse(
        {"role": "system", "content": "one"},
        {
            "role": "developer",
            "content": [{"type": "text", "text": "two"}, {"type": "text", "text": "three"}],
        },
        {"role": "user", "content": "hi"},
        {"role": "system", "content": "later", "name": "n"},
    )
    assert got.system == (Text("one"), Text("two"), Text("three"))
    assert got.messages == (
        Message(Role.USER, (Text("hi"),), opaque=(Opaque("openai_chat", "start", b"2"),)),
        Message(Role.SYSTEM, (Text("later"),), "n"),
    )


def test_a_run_of_tool_messages_is_one_turn() -> None:
    second = {**CALL, "id": "call_2"}
    got = parse(
        {"role": "user", "content": "hi", "name": "ann"},
        {"role": "assistant", "content": "", "tool_calls": [CALL, second]},
        {"role": "tool", "tool_call_id": "call_2", "content": "2"},
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "1"}]},
        {"role": "user", "content": "go"},
    )
    assert got.messages == (
        Message(Role.USER, (Text("hi"),), "ann"),
        Message(Role.ASSISTANT, (ToolCall("call_1", "f", "{}"), ToolCall("call_2", "f", "{}"))),
        Message(Role.USER, (ToolResult("call_2", (Text("2"),)), ToolResult("call_1", (Text("1"),)))),
        Message(Role.USER, (Text("go"),)),
    )


def test_a_result_may_come_after_other_messages() -> None:
    got = parse(
        ASKED, {"role": "user", "content": "wait"}, {"role": "tool", "tool_call_id": "call_1", "content": ""}
    )
    assert got.messages[2].blocks == (ToolResult("call_1", (Text(""),)),)


def test_arguments_are_kept_as_they_are() -> None:
    call = {**CALL, "function": {"name": "f", "arguments": '{"a": 1.0, '}}
    assert parse({"role": "assistant", "tool_calls": [call]}).messages[0].blocks == (
        ToolCall("call_1", "f", '{"a": 1.0, '),
    )


def test_free_text_calls() -> None:
    call = {"id": "c", "type": "custom", "custom": {"name": "shell", "input": "ls"}}
    assert parse({"role": "assistant", "tool_calls": [call]}).messages[0].blocks == (
        ToolCall("c", "shell", "ls", custom=True),
    )


def test_the_retired_form_of_calls_and_results_gets_ids_of_its_own() -> None:
    history: list[dict[str, object]] = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "1"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": None},
    ]
    got = parse(*history).messages
    first, second = got[1].blocks[0], got[3].blocks[0]
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert first.id != second.id
    assert got[2].blocks == (ToolResult(first.id, (Text("1"),), name="f"),)
    assert got[4].blocks == (ToolResult(second.id, (Text(""),), name="f"),)
    assert parse(*history).messages == got


def test_a_refusal_is_told_apart_from_text() -> None:
    got = parse({"role": "assistant", "content": None, "refusal": "No."}).messages[0]
    assert got.blocks == (Refusal("No."),)
    parts = [{"type": "text", "text": "Hm."}, {"type": "refusal", "refusal": "No."}]
    assert parse({"role": "assistant", "content": parts}).messages[0].blocks == (Text("Hm."), Refusal("No."))


def test_fields_of_a_turn_that_only_this_dialect_has_ride_along() -> None:
    got = parse({"role": "assistant", "content": None, "audio": {"id": "audio_1"}}).messages[0]
    assert got.blocks == ()
    assert got.opaque == (Opaque("openai_chat", "audio", b'{"id": "audio_1"}'),)
    assert parse({"role": "assistant", "content": "x", "prefix": True}).messages[0].opaque == (
        Opaque("openai_chat", "prefix", b"true"),
    )


def test_mistrals_thinking_in_the_content() -> None:
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "x"},
    ]
    assert parse({"role": "assistant", "content": parts}).messages[0].blocks == (Thinking("hm"), Text("x"))


# --- parts ---------------------------------------------------------------------------------------


def test_pictures_inline_and_by_url() -> None:
    assert user(
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}", "detail": "low"}}
    ) == (Image(Inline("image/png", PNG), "low"),)
    assert user({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}) == (
        Image(Remote("https://example.com/a.png")),
    )
    assert user({"type": "image_url", "image_url": "https://example.com/a.png"}) == (
        Image(Remote("https://example.com/a.png")),
    )


def test_the_pictures_own_bytes_tell_its_type() -> None:
    assert user({"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{PNG}"}}) == (
        Image(Inline("image/png", PNG)),
    )


def test_sound() -> None:
    assert user({"type": "input_audio", "input_audio": {"data": "AAA=", "format": "mp3"}}) == (
        Audio(Inline("audio/mpeg", "AAA=")),
    )
    assert user({"type": "input_audio", "input_audio": {"data": "AAA=", "format": "flac"}}) == (
        Audio(Inline("audio/flac", "AAA=")),
    )
    assert user({"type": "input_audio", "input_audio": "UklGRAAA"}) == (
        Audio(Inline("audio/wav", "UklGRAAA")),
    )
    assert user({"type": "input_audio", "input_audio": "https://example.com/a.mp3"}) == (
        Audio(Remote("https://example.com/a.mp3")),
    )


def test_documents_inline_and_stored() -> None:
    data = "data:application/pdf;name=a.pdf;base64,JVBERi0="
    assert user({"type": "file", "file": {"filename": "a.pdf", "file_data": data}}) == (
        Document(Inline("application/pdf", "JVBERi0="), "a.pdf"),
    )
    assert user({"type": "file", "file": {"file_id": "file-1"}}) == (
        Document(Stored("openai_chat", "file-1")),
    )


def test_parts_that_other_hosts_added_are_kept_for_them() -> None:
    body = (
        b'{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"x"},'
        b'{"type":"video_url","video_url":{ "url":"https://e.com/v" }}]}]}'
    )
    got = DIALECT.parse_request(body, Location()).messages[0].blocks[1]
    assert got == Unknown(
        "openai_chat", "video_url", b'{"type":"video_url","video_url":{ "url":"https://e.com/v" }}'
    )


def test_cache_marks_on_parts_and_on_messages() -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    assert user({"type": "text", "text": "x", "cache_control": mark}) == (Text("x", cache=CacheMark("1h")),)
    assert parse({"role": "user", "content": "x", "cache_control": mark}).messages[0].blocks == (
        Text("x", cache=CacheMark("1h")),
    )


def test_openais_own_cache_mark_is_one_and_goes_back_as_it_was() -> None:
    got = user({"type": "text", "text": "x", "prompt_cache_breakpoint": {"a": 1}})[0]
    assert got == Text(
        "x", cache=CacheMark(), opaque=(Opaque("openai_chat", "prompt_cache_breakpoint", b'{"a": 1}'),)
    )


def test_pictures_in_results_are_content_too() -> None:
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    got = parse(ASKED, {"role": "tool", "tool_call_id": "call_1", "content": [part]}).messages[1].blocks
    assert got == (ToolResult("call_1", (Image(Inline("image/png", PNG)),)),)


# --- refusals ------------------------------------------------------------------------------------


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"content": "x"}, "messages[0].role"),
    ({"role": "robot", "content": "x"}, "messages[0].role"),
    ({"role": "user"}, "messages[0].content"),
    ({"role": "user", "content": None}, "messages[0].content"),
    ({"role": "user", "content": 5}, "messages[0].content"),
    ({"role": "user", "content": [{"text": "x"}]}, "messages[0].content[0].type"),
    ({"role": "user", "content": [{"type": "text"}]}, "messages[0].content[0].text"),
    ({"role": "user", "content": [{"type": "hologram"}]}, "messages[0].content[0].type"),
    ({"role": "user", "content": [{"type": "refusal", "refusal": "x"}]}, "messages[0].content[0].type"),
    ({"role": "user", "content": [{"type": "image_url"}]}, "messages[0].content[0].image_url"),
    (
        {"role": "user", "content": [{"type": "image_url", "image_url": {}}]},
        "messages[0].content[0].image_url.url",
    ),
    (
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png,x"}}]},
        "messages[0].content[0].image_url.url",
    ),
    ({"role": "user", "content": [{"type": "input_audio"}]}, "messages[0].content[0].input_audio"),
    ({"role": "user", "content": [{"type": "file"}]}, "messages[0].content[0].file"),
    ({"role": "user", "content": [{"type": "file", "file": {}}]}, "messages[0].content[0].file"),
    (
        {"role": "user", "content": [{"type": "file", "file": {"file_data": "JVBERi0="}}]},
        "messages[0].content[0].file.file_data",
    ),
    ({"role": "system", "content": [{"type": "image_url"}]}, "messages[0].content[0].type"),
    ({"role": "assistant", "content": None}, "messages[0].content"),
    ({"role": "assistant", "content": [{"type": "image_url"}]}, "messages[0].content[0].type"),
    ({"role": "assistant", "tool_calls": [{"type": "function"}]}, "messages[0].tool_calls[0].id"),
    ({"role": "assistant", "tool_calls": [{"id": "a"}]}, "messages[0].tool_calls[0].function"),
    (
        {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {}}}]},
        "messages[0].tool_calls[0].function.arguments",
    ),
    ({"role": "tool", "content": "x"}, "messages[0].tool_call_id"),
    ({"role": "function", "content": "x"}, "messages[0].name"),
    ({"role": "function", "name": "f", "content": "x"}, "messages[0].name"),
]


@pytest.mark.parametrize(("message", "param"), REFUSED)
def test_what_openai_refuses_is_refused_by_the_path_of_its_field(
    message: dict[str, object], param: str
) -> None:
    assert refused(message) == param


def test_a_result_for_a_call_that_nobody_made_is_kept() -> None:
    """Clients that shorten their histories leave some behind."""
    for before in ([], [ASKED]):
        got = parse(*before, {"role": "tool", "tool_call_id": "call_9", "content": "x"})
        assert got.messages[-1].blocks == (ToolResult("call_9", (Text("x"),)),)


def test_a_result_without_content_is_refused() -> None:
    assert refused(ASKED, {"role": "tool", "tool_call_id": "call_1"}) == "messages[1].content"


def test_reasoning_that_is_no_list_is_refused() -> None:
    assert (
        refused({"role": "assistant", "content": "x", "reasoning_details": {}})
        == "messages[0].reasoning_details"
    )


def test_text_that_is_no_unicode_is_refused() -> None:
    for text in (b"\xff", b"\\ud800"):
        body = b'{"model":"m","messages":[{"role":"user","content":"' + text + b'"}]}'
        with pytest.raises(FailureError) as caught:
            DIALECT.parse_request(body, Location())
        assert caught.value.failure.kind is FailureKind.INVALID_REQUEST
