"""Requests for hosts of this format that take less than OpenAI does."""

import json
from typing import Any

import pytest

from dragoman.conversation.blocks import (
    Block,
    CacheMark,
    Document,
    Inline,
    Refusal,
    Remote,
    Stored,
    Text,
    ToolCall,
    ToolResult,
)
from dragoman.conversation.failure import FailureError
from dragoman.conversation.loss import LossKind
from dragoman.conversation.request import (
    CustomTool,
    FunctionTool,
    Message,
    Request,
    Role,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)
from dragoman.dialects.dialect import Host, Rendered, Target
from dragoman.dialects.openai_chat import DIALECT
from dragoman.models.profile import UNKNOWN, Profile

PDF = Document(Inline("application/pdf", "JVBERi0="))


def user(*blocks: Block) -> Message:
    return Message(Role.USER, blocks)


def model(*blocks: Block) -> Message:
    return Message(Role.ASSISTANT, blocks)


HI = user(Text("hi"))


def render(
    host: Host,
    *messages: Message,
    system: tuple[Text, ...] = (),
    tools: tuple[Tool, ...] = (),
    choice: ToolChoice | None = None,
    dialect: str = "anthropic",
    profile: Profile = UNKNOWN,
) -> Rendered:
    request = Request(dialect, "m", messages or (HI,), system=system, tools=tools, tool_choice=choice)
    return DIALECT.render_request(request, Target("p", "up", "p/x", profile, host))


def body(rendered: Rendered) -> dict[str, Any]:
    return json.loads(rendered.wire.body)


def losses(rendered: Rendered) -> list[tuple[LossKind, str, str]]:
    return [(loss.kind, loss.code, loss.path) for loss in rendered.losses]


# --- documents -----------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [PDF.source, Stored("openai_chat", "file-1"), Remote("https://a.b/c.pdf")])
def test_documents_are_refused_by_their_place_where_the_host_takes_none(source: Inline) -> None:
    with pytest.raises(FailureError) as caught:
        render(Host(files=False), HI, model(Text("a")), user(Text("b"), Document(source)))
    failure = caught.value.failure
    assert (failure.param, failure.code) == ("messages[2].content[1]", "document_not_portable")


def test_a_document_inside_a_result_is_refused_too() -> None:
    with pytest.raises(FailureError) as caught:
        render(
            Host(files=False), HI, model(ToolCall("c", "f", "{}")), user(ToolResult("c", (Text("x"), PDF)))
        )
    assert caught.value.failure.param == "messages[2].content[0].content[1]"


def test_documents_of_text_are_spelled_out_as_ever() -> None:
    notes = Document(Inline("text/plain", "aGVsbG8="), title="Notes")
    assert body(render(Host(files=False), user(notes)))["messages"] == [
        {"role": "user", "content": "Notes\n\nhello"}
    ]


# --- free-text tools -----------------------------------------------------------------------------


def test_a_function_with_one_string_stands_for_a_free_text_tool() -> None:
    turns = (HI, model(ToolCall("c", "patch", 'say "hi"', custom=True)), user(ToolResult("c", (Text("ok"),))))
    rendered = render(
        Host(custom_tools=False),
        *turns,
        tools=(FunctionTool("f"), CustomTool("patch", "Patches.")),
        choice=ToolChoice(ToolChoiceMode.NAMED, ("patch",)),
    )
    sent = body(rendered)
    assert sent["tools"][1] == {
        "type": "function",
        "function": {
            "name": "patch",
            "description": "Patches.",
            "parameters": {
                "type": "object",
                "properties": {"input": {"type": "string"}},
                "required": ["input"],
            },
        },
    }
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "patch"}}
    call = sent["messages"][1]["tool_calls"][0]
    assert call["type"] == "function"
    assert json.loads(call["function"]["arguments"]) == {"input": 'say "hi"'}
    assert rendered.emulation.custom_tools == {"patch"}
    assert losses(rendered) == [(LossKind.EMULATED, "custom_tool", "$.tools[1]")]


def test_the_format_of_a_free_text_tool_is_described() -> None:
    tool = CustomTool("patch", format=b'{"type":"grammar","syntax":"lark","definition":"start: x"}')
    rendered = render(Host(custom_tools=False), tools=(tool,))
    assert "start: x" in body(rendered)["tools"][0]["function"]["description"]
    assert (LossKind.APPROXIMATED, "custom_tool_format", "$.tools[0].format") in losses(rendered)


def test_free_text_tools_go_as_they_are_where_the_host_knows_them() -> None:
    rendered = render(Host(), tools=(CustomTool("patch"),))
    assert body(rendered)["tools"] == [{"type": "custom", "custom": {"name": "patch"}}]
    assert not rendered.emulation.needed
    assert not rendered.losses


# --- allowed tools -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "strength"),
    [(ToolChoiceMode.ALLOWED, "auto"), (ToolChoiceMode.REQUIRED_ALLOWED, "required")],
)
def test_the_allowed_tools_are_named_in_an_instruction(mode: ToolChoiceMode, strength: str) -> None:
    rendered = render(
        Host(allowed_tools=False),
        system=(Text("Be brief."),),
        tools=(FunctionTool("f"), FunctionTool("g"), FunctionTool("h")),
        choice=ToolChoice(mode, ("f", "g")),
    )
    sent = body(rendered)
    assert sent["tool_choice"] == strength
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["f", "g", "h"]
    assert [part["text"] for part in sent["messages"][0]["content"]] == [
        "Be brief.",
        "Of the tools, call only these: f, g.",
    ]
    assert losses(rendered) == [(LossKind.APPROXIMATED, "allowed_tools", "$.tool_choice")]


def test_one_allowed_tool_that_must_be_called_needs_no_words() -> None:
    rendered = render(
        Host(allowed_tools=False),
        tools=(FunctionTool("f"), FunctionTool("g")),
        choice=ToolChoice(ToolChoiceMode.REQUIRED_ALLOWED, ("f",)),
    )
    assert body(rendered)["tool_choice"] == {"type": "function", "function": {"name": "f"}}
    assert not rendered.losses


# --- parts of text -------------------------------------------------------------------------------

PLAIN = Host(text_parts=False)


def test_instructions_and_results_are_strings_where_the_host_takes_no_parts() -> None:
    later = Message(Role.SYSTEM, (Text("c"), Text("d")))
    rendered = render(
        PLAIN,
        HI,
        model(ToolCall("c", "f", "{}")),
        user(ToolResult("c", (Text("1"), Text("2")))),
        later,
        system=(Text("a"), Text("b")),
    )
    messages = body(rendered)["messages"]
    assert [messages[place]["content"] for place in (0, 3, 4)] == ["a\n\nb", "1\n2", "c\n\nd"]
    assert not rendered.losses


def test_marks_on_parts_are_left_out_there_and_that_is_said() -> None:
    marked = Text("b", cache=CacheMark())
    rendered = render(PLAIN, system=(Text("a"), marked), dialect="openai_chat")
    assert body(rendered)["messages"][0] == {"role": "system", "content": "a\n\nb"}
    assert losses(rendered) == [(LossKind.DROPPED, "cache_control", "$..cache_control")]


def test_a_refusal_is_text_there() -> None:
    assert body(render(PLAIN, HI, model(Refusal("No.")), HI))["messages"][1] == {
        "role": "assistant",
        "content": "No.",
    }


def test_what_a_user_says_keeps_its_parts() -> None:
    assert len(body(render(PLAIN, user(Text("a"), Text("b"))))["messages"][0]["content"]) == 2
