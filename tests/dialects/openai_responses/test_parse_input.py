"""The conversation in requests: items to turns."""

import json

import pytest

from dragoman.conversation.blocks import (
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
from dragoman.conversation.envelope import seal
from dragoman.conversation.failure import FailureError
from dragoman.conversation.opaque import Opaque, Signature
from dragoman.conversation.request import FunctionTool, Request, Role
from dragoman.dialects.dialect import Location
from dragoman.dialects.openai_responses.namespaces import Place, place_of
from dragoman.dialects.openai_responses.parse_request import parse_request
from dragoman.dialects.openai_responses.wire import NAME
from dragoman.dialects.places import Places

PNG = "iVBORw0KGgoAAAANSUhEUg=="
PDF = "JVBERi0xLjQK"
CALL = {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": '{"a":1.0}'}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "42"}


def parse(*items: object, **members: object) -> Request:
    body = {"model": "m", "input": list(items), **members}
    return parse_request(json.dumps(body).encode(), Location())


def blocks(*items: object) -> tuple[Block, ...]:
    """The blocks of the only turn."""
    (message,) = parse(*items).messages
    return message.blocks


def user(*parts: object) -> dict[str, object]:
    return {"role": "user", "content": list(parts)}


def said(text: str, **members: object) -> dict[str, object]:
    content: list[dict[str, object]] = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "role": "assistant", "content": content, **members}


def test_a_string_is_what_the_user_says() -> None:
    got = parse_request(b'{"model":"m","input":"hi"}', Location())
    (message,) = got.messages
    assert (message.role, message.blocks) == (Role.USER, (Text("hi"),))


def test_instructions_and_leading_system_items_are_instructions() -> None:
    got = parse(
        {"role": "developer", "content": "b"},
        {"role": "system", "content": [{"type": "input_text", "text": "c"}]},
        user({"type": "input_text", "text": "hi"}),
        instructions="a",
    )
    assert [block.text for block in got.system] == ["a", "b", "c"]
    assert [message.role for message in got.messages] == [Role.USER]


def test_a_later_system_item_stays_where_it_is() -> None:
    got = parse(
        user({"type": "input_text", "text": "hi"}), {"role": "system", "content": "be brief"}, said("ok")
    )
    assert [message.role for message in got.messages] == [Role.USER, Role.SYSTEM, Role.ASSISTANT]
    assert got.messages[1].blocks == (Text("be brief"),)
    assert not got.system


def test_content_parts_of_users_keep_their_order() -> None:
    got = blocks(
        user(
            {"type": "input_text", "text": "see"},
            {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "low"},
            {"type": "input_image", "image_url": f"data:image/jpeg;base64,{PNG}"},
            {"type": "input_image", "file_id": "file-1"},
            {"type": "input_file", "file_data": f"data:application/pdf;base64,{PDF}", "filename": "a.pdf"},
            {"type": "input_file", "file_data": PDF, "filename": "b.pdf"},
            {"type": "input_file", "file_data": "aGk=", "filename": "c.TXT"},
            {"type": "input_file", "file_url": "https://example.com/d.pdf"},
            {"type": "input_file", "file_id": "file-2"},
        )
    )
    assert got == (
        Text("see"),
        Image(Remote("https://example.com/a.png"), "low"),
        Image(Inline("image/png", PNG)),
        Image(Stored(NAME, "file-1")),
        Document(Inline("application/pdf", PDF), "a.pdf"),
        Document(Inline("application/pdf", PDF), "b.pdf"),
        Document(Inline("text/plain", "aGk="), "c.TXT"),
        Document(Remote("https://example.com/d.pdf")),
        Document(Stored(NAME, "file-2")),
    )


def test_a_breakpoint_is_a_cache_mark() -> None:
    (block,) = blocks(
        user({"type": "input_text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}})
    )
    kept = (Opaque(NAME, "prompt_cache_breakpoint", b'{"mode": "explicit"}'),)
    assert block == Text("x", cache=CacheMark(), opaque=kept)


def test_items_of_one_turn_of_the_model_become_one_message_in_order() -> None:
    reasoning: dict[str, object] = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [],
        "encrypted_content": "gAAA",
    }
    got = parse(
        user({"type": "input_text", "text": "hi"}),
        reasoning,
        said("let me look", phase="commentary", id="msg_1"),
        CALL,
        {**CALL, "call_id": "call_2"},
        OUTPUT,
        {**OUTPUT, "call_id": "call_2"},
        said("done", phase="final_answer"),
    )
    assert [message.role for message in got.messages] == [
        Role.USER,
        Role.ASSISTANT,
        Role.USER,
        Role.ASSISTANT,
    ]
    thinking, text, first, second = got.messages[1].blocks
    assert thinking == Thinking("", Signature(NAME, "", "rs_1 gAAA"), redacted=True)
    assert isinstance(text, Text)
    assert text.opaque == (Opaque(NAME, "phase", b'"commentary"'), Opaque(NAME, "id", b'"msg_1"'))
    assert [call.id for call in (first, second) if isinstance(call, ToolCall)] == ["call_1", "call_2"]
    assert got.messages[2].blocks == (
        ToolResult("call_1", (Text("42"),)),
        ToolResult("call_2", (Text("42"),)),
    )


def test_arguments_stay_as_the_model_wrote_them() -> None:
    (call,) = blocks({**CALL, "arguments": '{ "a": 1.0 '})
    assert call == ToolCall("call_1", "f", '{ "a": 1.0 ')


def test_what_only_this_format_has_on_a_call_is_kept() -> None:
    (call,) = blocks({**CALL, "id": "fc_1", "caller": {"type": "program"}, "status": None})
    assert isinstance(call, ToolCall)
    assert call.opaque == (Opaque(NAME, "id", b'"fc_1"'), Opaque(NAME, "caller", b'{"type": "program"}'))


def test_a_call_in_a_namespace_gets_a_flat_name() -> None:
    (call,) = blocks({**CALL, "namespace": "ns"})
    assert isinstance(call, ToolCall)
    assert call.name == "ns__f"
    assert place_of(call.opaque) == Place("ns", "f")


def test_custom_calls_take_free_text() -> None:
    got = parse(
        {"type": "custom_tool_call", "call_id": "c", "name": "sh", "input": "ls -l"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "nothing"},
    )
    assert got.messages[0].blocks == (ToolCall("c", "sh", "ls -l", custom=True),)
    assert got.messages[1].blocks == (ToolResult("c", (Text("nothing"),)),)


def test_outputs_may_hold_media_and_what_nobody_else_knows() -> None:
    parts = [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": "https://example.com/a.png"},
        {"type": "input_file", "file_id": "file-1"},
        {"type": "encrypted_content", "encrypted_content": "x"},
    ]
    (result,) = blocks({**OUTPUT, "output": parts})
    assert isinstance(result, ToolResult)
    text, image, file, unknown = result.blocks
    assert (text, image) == (Text("see"), Image(Remote("https://example.com/a.png")))
    assert file == Document(Stored(NAME, "file-1"))
    assert isinstance(unknown, Unknown)
    assert json.loads(unknown.json) == parts[3]


def test_reasoning_keeps_its_text_and_its_proof() -> None:
    summary = [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]
    got = blocks(
        {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": "gA"}, said("x")
    )
    assert got[0] == Thinking("a\n\nb", Signature(NAME, "", "rs_1 gA"))


def test_open_reasoning_keeps_its_text() -> None:
    content = [{"type": "reasoning_text", "text": "hm"}]
    got = blocks({"type": "reasoning", "id": "rs_1", "summary": [], "content": content}, said("x"))
    assert isinstance(got[0], Thinking)
    assert got[0].text == "hm"


def test_a_sealed_signature_is_opened() -> None:
    foreign = Signature("anthropic", "anthropic/claude", "sig")
    summary = [{"type": "summary_text", "text": "hm"}]
    item = {"type": "reasoning", "id": "rs_1", "summary": summary, "encrypted_content": seal(foreign)}
    assert blocks(item, said("x"))[0] == Thinking("hm", foreign)


def test_refusals_and_annotations_of_the_history_are_read() -> None:
    annotation = {
        "type": "url_citation",
        "url": "https://e.com",
        "title": "E",
        "start_index": 0,
        "end_index": 2,
    }
    content = [
        {"type": "output_text", "text": "hi there", "annotations": [annotation]},
        {"type": "refusal", "refusal": "no"},
    ]
    text, refusal = blocks({"type": "message", "role": "assistant", "content": content})
    assert isinstance(text, Text)
    (citation,) = text.citations
    assert (citation.url, citation.title, citation.start, citation.end) == ("https://e.com", "E", 0, 2)
    assert refusal == Refusal("no")


@pytest.mark.parametrize(
    "kind", ["web_search_call", "file_search_call", "mcp_call", "program", "tool_search_call"]
)
def test_the_vendors_own_work_is_known_as_such(kind: str) -> None:
    unknown, _ = blocks({"type": kind, "id": "x_1"}, said("found"))
    assert isinstance(unknown, Unknown)
    assert (unknown.kind, unknown.server_side) == (kind, True)


@pytest.mark.parametrize(
    "item",
    [
        {"type": "item_reference", "id": "msg_1"},
        {"id": "msg_1"},
        {"type": "compaction", "encrypted_content": "x"},
        {"type": "computer_call", "id": "cu_1"},
        {"type": "computer_call_output", "call_id": "c"},
        {"type": "mcp_approval_response", "approve": True},
        {"type": "from_the_future"},
    ],
)
def test_other_items_are_content_that_only_this_format_has(item: dict[str, object]) -> None:
    (unknown,) = blocks(item)
    assert isinstance(unknown, Unknown)
    assert not unknown.server_side
    assert json.loads(unknown.json) == item


@pytest.mark.parametrize(
    ("result", "form", "media_type"),
    [(PNG, None, "image/png"), ("AAAA", "webp", "image/webp"), ("AAAA", None, "image/png")],
)
def test_a_picture_that_the_model_made_is_a_picture(result: str, form: str | None, media_type: str) -> None:
    made: dict[str, object] = {"type": "image_generation_call", "id": "ig_1", "result": result}
    if form is not None:
        made["output_format"] = form
    request = parse(user({"type": "input_text", "text": "draw"}), made)
    (picture,) = request.messages[1].blocks
    assert isinstance(picture, Image)
    assert request.messages[1].role is Role.ASSISTANT
    assert picture.source == Inline(media_type, result)


def test_a_picture_that_was_not_made_is_the_vendors_own_work() -> None:
    (block,) = blocks({"type": "image_generation_call", "id": "ig_1", "status": "failed", "result": None})
    assert isinstance(block, Unknown)
    assert block.server_side


def test_added_tools_are_tools_and_no_turn_of_their_own() -> None:
    tool: dict[str, object] = {"type": "function", "name": "late", "parameters": {"type": "object"}}
    added: dict[str, object] = {"type": "additional_tools", "role": "developer", "tools": [tool]}
    first = parse(added, user({"type": "input_text", "text": "hi"}))
    later = parse(user({"type": "input_text", "text": "hi"}), said("ok"), added, said("more"))
    assert [len(message.blocks) for message in first.messages] == [2]
    assert [len(message.blocks) for message in later.messages] == [1, 3]
    for request in (first, later):
        assert [tool.name for tool in request.tools if isinstance(tool, FunctionTool)] == ["late"]


def test_every_block_knows_its_place() -> None:
    request = parse(
        {"role": "developer", "content": "x"},
        user({"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}),
        said("x"),
        CALL,
        OUTPUT,
        instructions="i",
    )
    places = [
        [Places(request).of(index, number) for number in range(len(message.blocks))]
        for index, message in enumerate(request.messages)
    ]
    assert places == [
        ["input[1].content[0]", "input[1].content[1]"],
        ["input[2].content[0]", "input[3]"],
        ["input[4]"],
    ]


@pytest.mark.parametrize(
    ("item", "param"),
    [
        (5, "input[0]"),
        ({"role": "critic", "content": "x"}, "input[0].role"),
        ({"content": "x"}, "input[0].role"),
        ({"role": "user"}, "input[0].content"),
        ({"role": "user", "content": 5}, "input[0].content"),
        ({"role": "user", "content": [{"type": "image_url"}]}, "input[0].content[0].type"),
        ({"role": "user", "content": [{"type": "input_text"}]}, "input[0].content[0].text"),
        ({"role": "user", "content": [{"type": "input_image"}]}, "input[0].content[0]"),
        (
            {"role": "user", "content": [{"type": "input_image", "image_url": "data:x,y"}]},
            "input[0].content[0].image_url",
        ),
        ({"role": "user", "content": [{"type": "input_file"}]}, "input[0].content[0]"),
        (
            {"role": "user", "content": [{"type": "input_file", "file_data": "data:x,y"}]},
            "input[0].content[0].file_data",
        ),
        (
            {"role": "system", "content": [{"type": "input_image", "file_id": "f"}]},
            "input[0].content[0]",
        ),
        ({"type": "function_call", "name": "f", "arguments": "{}"}, "input[0].call_id"),
        ({"type": "function_call", "call_id": "c", "arguments": "{}"}, "input[0].name"),
        ({"type": "function_call", "call_id": "c", "name": "f"}, "input[0].arguments"),
        ({"type": "function_call", "call_id": "c", "name": "f", "arguments": {}}, "input[0].arguments"),
        ({"type": "custom_tool_call", "call_id": "c", "name": "f"}, "input[0].input"),
        ({"type": "function_call_output", "output": "x"}, "input[0].call_id"),
        ({"type": "function_call_output", "call_id": "c"}, "input[0].output"),
        ({"type": "reasoning", "summary": [], "content": [5]}, "input[0].content[0]"),
        ({"type": "reasoning", "summary": "x"}, "input[0].summary"),
    ],
)
def test_an_error_names_the_place(item: object, param: str) -> None:
    with pytest.raises(FailureError) as caught:
        parse(item)
    assert caught.value.failure.param == param
    assert f"'{param}'" in caught.value.failure.message
