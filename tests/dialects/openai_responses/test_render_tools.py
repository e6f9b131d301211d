"""Tools and the say over them, in the flat form."""

import json
from typing import Any

import msgspec
import pytest

from dragoman.conversation.blocks import CacheMark, Text
from dragoman.conversation.failure import FailureError
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import (
    CustomTool,
    FunctionTool,
    Message,
    Request,
    Role,
    ServerTool,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)
from dragoman.dialects.dialect import Host, Location, Rendered, Target
from dragoman.dialects.openai_responses.parse_request import parse_request
from dragoman.dialects.openai_responses.render_request import render_request
from dragoman.dialects.openai_responses.wire import NAME
from dragoman.models.profile import UNKNOWN, Profile

OPEN = b'{"type":"object","properties":{"a":{"type":"string"}}}'
F, G = FunctionTool("f", None, OPEN), FunctionTool("g", None, OPEN)
SH = CustomTool("sh", "runs", b'{"type":"grammar","grammar":{"syntax":"lark","definition":"x"}}')


def render(
    *tools: Tool, dialect: str = "openai_chat", to: Target | None = None, **fields: object
) -> Rendered:
    request = Request(dialect=dialect, model="m", messages=(Message(Role.USER, (Text("hi"),)),), tools=tools)
    return render_request(msgspec.structs.replace(request, **fields), to or Target("p", "up", "p/x", UNKNOWN))


def body(
    *tools: Tool, dialect: str = "openai_chat", to: Target | None = None, **fields: object
) -> dict[str, Any]:
    return json.loads(render(*tools, dialect=dialect, to=to, **fields).wire.body)


@pytest.mark.parametrize("dialect", ["anthropic", "openai_chat"])
def test_cache_marks_are_left_out_and_reported(dialect: str) -> None:
    rendered = render(msgspec.structs.replace(F, cache=CacheMark()), dialect=dialect)
    assert b"cache_control" not in rendered.wire.body
    assert "cache_control" in [loss.code for loss in rendered.losses]


def test_functions_are_flat() -> None:
    closed = b'{"type":"object","properties":{},"required":[],"additionalProperties":false}'
    tool = FunctionTool("f", "does", closed, strict=True)
    assert body(tool)["tools"] == [
        {
            "type": "function",
            "name": "f",
            "description": "does",
            "parameters": json.loads(closed),
            "strict": True,
        }
    ]


@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic", "gemini"])
def test_not_strict_is_said_where_elsewhere_it_goes_without_saying(dialect: str) -> None:
    assert body(F, dialect=dialect)["tools"][0]["strict"] is False


def test_a_client_of_this_format_may_leave_it_open() -> None:
    assert "strict" not in body(F, dialect=NAME)["tools"][0]


def test_a_tool_without_parameters_has_an_empty_object() -> None:
    got = body(FunctionTool("f"))["tools"][0]
    assert got == {
        "type": "function",
        "name": "f",
        "parameters": {"type": "object", "properties": {}},
        "strict": False,
    }
    assert body(FunctionTool("f"), dialect=NAME)["tools"] == [{"type": "function", "name": "f"}]


def test_free_text_tools_go_native_their_grammar_flat() -> None:
    (tool,) = body(SH)["tools"]
    assert tool == {
        "type": "custom",
        "name": "sh",
        "description": "runs",
        "format": {"type": "grammar", "syntax": "lark", "definition": "x"},
    }


def test_free_text_tools_become_functions_for_hosts_that_have_none() -> None:
    rendered = render(SH, to=Target("p", "up", "p/x", UNKNOWN, Host(custom_tools=False)))
    assert json.loads(rendered.wire.body)["tools"][0]["type"] == "function"
    assert rendered.emulation.custom_tools == {"sh"}
    assert {loss.code for loss in rendered.losses} == {"custom_tool", "custom_tool_format"}


def test_names_that_do_not_fit_lead_back() -> None:
    rendered = render(FunctionTool("a.b/c", None, OPEN), dialect="gemini")
    assert json.loads(rendered.wire.body)["tools"][0]["name"] == "a_b_c"
    assert rendered.emulation.tool_names == {"a_b_c": "a.b/c"}


def test_a_namespace_goes_back_as_it_came() -> None:
    inner: list[dict[str, object]] = [
        {
            "type": "function",
            "name": "f",
            "parameters": {"type": "object", "properties": {}},
            "defer_loading": True,
        },
        {"type": "custom", "name": "sh"},
    ]
    tools = [{"type": "namespace", "name": "ns", "description": "d", "tools": inner}, {"type": "tool_search"}]
    asked = json.dumps({"model": "m", "input": "hi", "tools": tools}).encode()
    rendered = render_request(parse_request(asked, Location()), Target("p", "up", "p/x", UNKNOWN))
    assert json.loads(rendered.wire.body)["tools"] == tools


def test_tools_added_in_mid_conversation_are_declared_by_their_item_only() -> None:
    added: dict[str, object] = {
        "type": "additional_tools",
        "role": "developer",
        "tools": [{"type": "function", "name": "late", "parameters": {"type": "object", "properties": {}}}],
    }
    asked = {"model": "m", "input": [{"type": "message", "role": "user", "content": "hi"}, added]}
    request = parse_request(json.dumps(asked).encode(), Location())
    got = json.loads(render_request(request, Target("p", "up", "p/x", UNKNOWN)).wire.body)
    assert "tools" not in got
    assert added in got["input"]


@pytest.mark.parametrize(
    ("tool", "wanted", "lost"),
    [
        (
            ServerTool(
                "openai_chat",
                "web_search_options",
                b'{"search_context_size":"low","user_location":{"type":"approximate","approximate":{"city":"B"}}}',
            ),
            {
                "type": "web_search",
                "search_context_size": "low",
                "user_location": {"type": "approximate", "city": "B"},
            },
            set[str](),
        ),
        (
            ServerTool(
                "anthropic",
                "web_search_20250305",
                b'{"type":"web_search_20250305","name":"web_search","max_uses":2,"allowed_domains":["e.com"]}',
            ),
            {"type": "web_search", "filters": {"allowed_domains": ["e.com"]}},
            {"$.tools[0].max_uses"},
        ),
        (ServerTool("gemini", "googleSearch", b"{}"), {"type": "web_search"}, set[str]()),
        (
            ServerTool(NAME, "web_search_preview", b'{"type":"web_search_preview"}'),
            {"type": "web_search_preview"},
            set[str](),
        ),
    ],
)
def test_the_web_can_be_searched_for_every_client(tool: ServerTool, wanted: object, lost: set[str]) -> None:
    rendered = render(tool, dialect=tool.dialect)
    assert json.loads(rendered.wire.body)["tools"] == [wanted]
    assert {loss.path for loss in rendered.losses} == lost


def test_other_vendors_tools_are_refused_by_their_place() -> None:
    with pytest.raises(FailureError) as caught:
        render(F, ServerTool("anthropic", "bash_20250124", b"{}"), dialect="anthropic")
    assert (caught.value.failure.param, caught.value.failure.code) == ("tools[1]", "server_tool_not_portable")


@pytest.mark.parametrize(
    ("mode", "names", "wanted"),
    [
        (ToolChoiceMode.AUTO, (), "auto"),
        (ToolChoiceMode.NONE, (), "none"),
        (ToolChoiceMode.REQUIRED, (), "required"),
        (ToolChoiceMode.NAMED, ("f",), {"type": "function", "name": "f"}),
        (ToolChoiceMode.NAMED, ("sh",), {"type": "custom", "name": "sh"}),
        (ToolChoiceMode.REQUIRED_ALLOWED, ("f",), {"type": "function", "name": "f"}),
        (
            ToolChoiceMode.ALLOWED,
            ("f", "sh"),
            {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "function", "name": "f"}, {"type": "custom", "name": "sh"}],
            },
        ),
        (
            ToolChoiceMode.REQUIRED_ALLOWED,
            ("f", "g"),
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "f"}, {"type": "function", "name": "g"}],
            },
        ),
    ],
)
def test_every_say_over_tool_calls(mode: ToolChoiceMode, names: tuple[str, ...], wanted: object) -> None:
    rendered = render(F, G, SH, tool_choice=ToolChoice(mode, names))
    assert json.loads(rendered.wire.body)["tool_choice"] == wanted
    assert rendered.losses == ()


def test_a_demand_becomes_a_wish_only_where_the_model_refuses_it() -> None:
    to = Target("p", "up", "p/x", Profile(family="x", forced_tools=False))
    rendered = render(F, to=to, tool_choice=ToolChoice(ToolChoiceMode.NAMED, ("f",)))
    assert json.loads(rendered.wire.body)["tool_choice"] == "auto"
    assert [loss.code for loss in rendered.losses] == ["forced_tool_downgraded"]


def test_allowed_tools_are_named_in_words_for_hosts_that_have_no_list() -> None:
    to = Target("p", "up", "p/x", UNKNOWN, Host(allowed_tools=False))
    rendered = render(F, G, to=to, tool_choice=ToolChoice(ToolChoiceMode.REQUIRED_ALLOWED, ("f", "g")))
    got = json.loads(rendered.wire.body)
    assert (got["tool_choice"], len(got["tools"])) == ("required", 2)
    assert got["instructions"] == "Of the tools, call only these: f, g."
    assert [loss.code for loss in rendered.losses] == ["allowed_tools"]


def test_a_choice_of_a_hosted_tool_goes_back_to_this_format() -> None:
    kept = (Opaque(NAME, "tool_choice", b'{"type":"web_search"}'),)
    got = body(ServerTool(NAME, "web_search", b'{"type":"web_search"}'), dialect=NAME, extras=kept)
    assert got["tool_choice"] == {"type": "web_search"}


def test_parallel_calls_are_turned_off_only_with_tools() -> None:
    assert body(F, parallel_tool_calls=False)["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in body(F, parallel_tool_calls=True)
    assert "parallel_tool_calls" not in body(parallel_tool_calls=False)
    to = Target("p", "up", "p/x", UNKNOWN, Host(rejects=frozenset({"parallel_tool_calls"})))
    rendered = render(F, to=to, parallel_tool_calls=False)
    assert rendered.emulation.single_call
    assert b"parallel_tool_calls" not in rendered.wire.body
