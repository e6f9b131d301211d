"""Requests to the wire: tools and the say over them."""

from collections.abc import Callable

import msgspec
import pytest

from dragoman.conversation.blocks import Text, ToolCall, ToolResult
from dragoman.conversation.failure import FailureError
from dragoman.conversation.request import (
    CustomTool,
    FunctionTool,
    Message,
    Request,
    Role,
    ServerTool,
    ToolChoice,
    ToolChoiceMode,
)
from dragoman.dialects.dialect import Rendered

RequestOf = Callable[..., Request]
Render = Callable[..., Rendered]
BodyOf = Callable[..., dict[str, object]]
LossesOf = Callable[..., list[str]]

F, G = FunctionTool("f"), FunctionTool("g")
EMPTY: dict[str, object] = {"type": "object", "properties": {}}


def test_a_tool_without_parameters_takes_an_empty_object(body_of: BodyOf, request_of: RequestOf) -> None:
    tools = (FunctionTool("f", "does f"), FunctionTool("g", parameters=b"{}"))
    assert body_of(request_of(tools=tools))["tools"] == [
        {"name": "f", "description": "does f", "input_schema": EMPTY},
        {"name": "g", "input_schema": EMPTY},
    ]


def test_a_schema_goes_out_as_it_was_written(render: Render, request_of: RequestOf) -> None:
    schema = b'{"type":"object","properties":{"b":{"type":"number","maximum":1.0,"multipleOf":1e-2},"a":{}}}'
    assert schema in render(request_of(tools=(FunctionTool("f", parameters=schema),))).wire.body


def test_strict_tools_are_held_to_a_schema_that_the_vendor_compiles(
    body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf
) -> None:
    schema = b'{"type":"object","properties":{"a":{"type":"integer","minimum":1}}}'
    request = request_of(tools=(FunctionTool("f", parameters=schema, strict=True),))
    assert body_of(request)["tools"] == [
        {
            "name": "f",
            "input_schema": {
                "type": "object",
                "properties": {"a": {"type": "integer", "description": "at least 1"}},
                "additionalProperties": False,
            },
            "strict": True,
        }
    ]
    assert losses_of(request) == ["schema_relaxed"]


def test_strictness_is_dropped_where_it_cannot_be_had(
    body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf
) -> None:
    recursive = b'{"type":"object","properties":{"next":{"$ref":"#"}}}'
    request = request_of(tools=(FunctionTool("f", parameters=recursive, strict=True),))
    assert body_of(request)["tools"] == [{"name": "f", "input_schema": msgspec.json.decode(recursive)}]
    assert losses_of(request) == ["strict"]
    plain = request_of(tools=(FunctionTool("f", strict=True),))
    assert losses_of(plain, json_schema=False) == ["strict"]


def test_only_twenty_tools_are_strict(body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf) -> None:
    schema = b'{"type":"object","properties":{},"additionalProperties":false}'
    tools = tuple(FunctionTool(f"f{number}", parameters=schema, strict=True) for number in range(21))
    assert msgspec.json.encode(body_of(request_of(tools=tools))["tools"]).count(b'"strict":true') == 20
    assert losses_of(request_of(tools=tools)) == ["strict"]


def test_names_are_made_to_fit_and_can_be_told_apart(
    render: Render, body_of: BodyOf, request_of: RequestOf
) -> None:
    long = "n" * 70
    request = request_of(
        tools=(FunctionTool("a.b"), FunctionTool("a_b"), FunctionTool("a:b"), FunctionTool(long))
    )
    names = [tool["name"] for tool in msgspec.json.decode(msgspec.json.encode(body_of(request)["tools"]))]
    assert names[1] == "a_b"
    assert len(set(names)) == 4
    assert all(len(name) <= 64 and name.replace("_", "").isalnum() for name in names)
    assert render(request).emulation.tool_names == {names[0]: "a.b", names[2]: "a:b", names[3]: long}


def test_the_history_and_the_choice_use_the_same_names(body_of: BodyOf, request_of: RequestOf) -> None:
    messages = (
        Message(Role.USER, (Text("x"),)),
        Message(Role.ASSISTANT, (ToolCall("1", "a.b", "{}"),)),
        Message(Role.USER, (ToolResult("1", ()),)),
    )
    body = body_of(
        request_of(
            messages=messages,
            tools=(FunctionTool("a.b"),),
            tool_choice=ToolChoice(ToolChoiceMode.NAMED, ("a.b",)),
        )
    )
    assert body["tool_choice"] == {"type": "tool", "name": "a_b"}
    assert "'name': 'a_b', 'input'" in str(body["messages"])


def test_free_text_tools_become_functions_with_one_text(
    render: Render, body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf
) -> None:
    tool = CustomTool("run", "runs code", format=b'{"type":"grammar","definition":"x"}')
    request = request_of(tools=(tool,))
    assert body_of(request)["tools"] == [
        {
            "name": "run",
            "description": 'runs code\n\nFormat of the input: {"type":"grammar","definition":"x"}',
            "input_schema": {
                "type": "object",
                "properties": {"input": {"type": "string"}},
                "required": ["input"],
            },
        }
    ]
    assert render(request).emulation.custom_tools == {"run"}
    assert losses_of(request) == ["custom_tool", "custom_tool_format"]


def test_tools_that_another_vendor_runs_are_refused(render: Render, request_of: RequestOf) -> None:
    with pytest.raises(FailureError) as caught:
        render(request_of(tools=(F, ServerTool("gemini", "codeExecution", b"{}"))))
    assert caught.value.failure.param == "tools[1]"
    assert "codeExecution" in caught.value.failure.message


def test_tools_that_this_vendor_runs_go_out_as_they_came(body_of: BodyOf, request_of: RequestOf) -> None:
    tool = ServerTool("anthropic", "bash_20250124", b'{"type":"bash_20250124","name":"bash"}')
    assert body_of(request_of(tools=(tool,)))["tools"] == [{"type": "bash_20250124", "name": "bash"}]


@pytest.mark.parametrize(
    ("choice", "written"),
    [
        (ToolChoice(ToolChoiceMode.AUTO), {"type": "auto"}),
        (ToolChoice(ToolChoiceMode.NONE), {"type": "none"}),
        (ToolChoice(ToolChoiceMode.REQUIRED), {"type": "any"}),
        (ToolChoice(ToolChoiceMode.NAMED, ("f",)), {"type": "tool", "name": "f"}),
        (ToolChoice(ToolChoiceMode.REQUIRED_ALLOWED, ("f",)), {"type": "tool", "name": "f"}),
    ],
)
def test_the_choice_is_written(
    body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf, choice: ToolChoice, written: dict[str, str]
) -> None:
    request = request_of(tools=(F, G), tool_choice=choice)
    body = body_of(request)
    assert body["tool_choice"] == written
    assert len(str(body["tools"]).split("input_schema")) == 3
    assert losses_of(request) == []


def test_allowed_tools_are_named_and_none_is_taken_away(
    body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf
) -> None:
    request = request_of(tools=(F, G), tool_choice=ToolChoice(ToolChoiceMode.ALLOWED, ("g",)))
    body = body_of(request)
    assert body["tool_choice"] == {"type": "auto"}
    assert body["tools"] == body_of(request_of(tools=(F, G)))["tools"]
    assert body["system"] == [{"type": "text", "text": "Of the tools, call only these: g."}]
    assert losses_of(request) == ["allowed_tools"]


def test_a_demanded_call_among_several_allowed_tools_leaves_only_these(
    body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf
) -> None:
    choice = ToolChoice(ToolChoiceMode.REQUIRED_ALLOWED, ("f", "g"))
    request = request_of(tools=(F, FunctionTool("h"), G), tool_choice=choice)
    body = body_of(request)
    assert body["tool_choice"] == {"type": "any"}
    assert body["tools"] == body_of(request_of(tools=(F, G)))["tools"]
    assert losses_of(request) == ["allowed_tools"]


@pytest.mark.parametrize("mode", [ToolChoiceMode.REQUIRED, ToolChoiceMode.NAMED])
def test_a_demand_that_the_model_refuses_becomes_a_free_choice(
    body_of: BodyOf, losses_of: LossesOf, request_of: RequestOf, mode: ToolChoiceMode
) -> None:
    request = request_of(tools=(F,), tool_choice=ToolChoice(mode, ("f",)))
    assert body_of(request, forced_tools=False)["tool_choice"] == {"type": "auto"}
    assert losses_of(request, forced_tools=False) == ["forced_tool_downgraded"]


def test_one_call_at_a_time_is_said_inside_the_choice(body_of: BodyOf, request_of: RequestOf) -> None:
    def choice(mode: ToolChoiceMode | None) -> object:
        wanted = None if mode is None else ToolChoice(mode, ("f",))
        request = request_of(tools=(F,), tool_choice=wanted, parallel_tool_calls=False)
        return body_of(request)["tool_choice"]

    assert choice(None) == {"type": "auto", "disable_parallel_tool_use": True}
    assert choice(ToolChoiceMode.REQUIRED) == {"type": "any", "disable_parallel_tool_use": True}
    assert choice(ToolChoiceMode.NONE) == {"type": "none"}
    assert "tool_choice" not in body_of(request_of(parallel_tool_calls=False))
    assert "tool_choice" not in body_of(request_of(tools=(F,), parallel_tool_calls=True))


def test_a_named_choice_needs_a_name(render: Render, request_of: RequestOf) -> None:
    with pytest.raises(FailureError) as caught:
        render(request_of(tools=(F,), tool_choice=ToolChoice(ToolChoiceMode.NAMED)))
    assert caught.value.failure.param == "tool_choice"
