"""Tools and the say over them, written."""

import json

import msgspec
import pytest

from dragoman.conversation.blocks import ToolCall
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
from dragoman.dialects.dialect import Target
from dragoman.dialects.gemini.render_tools import NAMES, render_tool_choice, render_tools
from dragoman.dialects.tool_names import ToolNames, tool_names
from dragoman.models.profile import UNKNOWN

SCHEMA = b'{"type":"object","properties":{"a":{"type":"integer","exclusiveMinimum":0,"format":"x"}}}'


def rendered(target: Target, *tools: Tool) -> tuple[list[dict[str, object]], list[str]]:
    request = Request("openai_chat", "m", (), tools=tools)
    entries, losses = render_tools(request, target, tool_names(request, NAMES))
    return json.loads(msgspec.json.encode(entries)), [f"{loss.path} {loss.code}" for loss in losses]


def test_all_functions_stand_in_one_entry_and_each_server_tool_in_its_own(new: Target) -> None:
    entries, losses = rendered(
        new,
        FunctionTool("a", "does a", SCHEMA),
        ServerTool("gemini", "urlContext", b'{"urlContext":{}}'),
        FunctionTool("b"),
        ServerTool("gemini", "googleSearch", b'{"googleSearch":{"x":1.0}}'),
    )
    assert entries == [
        {
            "functionDeclarations": [
                {"name": "a", "description": "does a", "parametersJsonSchema": json.loads(SCHEMA)},
                {"name": "b"},
            ]
        },
        {"urlContext": {}},
        {"googleSearch": {"x": 1.0}},
    ]
    assert losses == []


def test_older_models_get_googles_schema_and_a_loss_for_each_constraint(old: Target) -> None:
    entries, losses = rendered(old, FunctionTool("a", None, SCHEMA), FunctionTool("b", None, SCHEMA))
    assert entries[0]["functionDeclarations"] == [
        {
            "name": name,
            "parameters": {
                "type": "OBJECT",
                "properties": {"a": {"type": "INTEGER", "minimum": 1, "description": "format x"}},
                "propertyOrdering": ["a"],
            },
        }
        for name in ("a", "b")
    ]
    assert losses == [
        f"$.tools[{place}].function.parameters.properties.a.format schema_relaxed" for place in (0, 1)
    ]


def test_new_models_get_a_loss_for_what_their_schema_lacks(new: Target) -> None:
    schema = b'{"type":"object","properties":{"a":{"const":true},"b":{"const":false}}}'
    assert rendered(new, FunctionTool("a", None, schema))[1] == [
        f"$.tools[0].function.parameters.properties.{name}.const schema_relaxed" for name in ("a", "b")
    ]


@pytest.mark.parametrize("schema", [b'{"type":"object","properties":{}}', b"{}"])
def test_a_function_without_parameters_names_none(new: Target, old: Target, schema: bytes) -> None:
    for target in (new, old):
        entries, _ = rendered(target, FunctionTool("a", None, schema))
        assert entries == [{"functionDeclarations": [{"name": "a"}]}]


def test_googles_own_declaration_goes_back_as_it_came(new: Target) -> None:
    tool = FunctionTool(
        "a",
        "d",
        b'{"type":"object"}',
        opaque=(
            Opaque("gemini", "parameters", b'{"type":"OBJECT","nullable":false}'),
            Opaque("gemini", "behavior", b'"NON_BLOCKING"'),
        ),
    )
    assert rendered(new, tool)[0][0]["functionDeclarations"] == [
        {
            "name": "a",
            "description": "d",
            "parameters": {"type": "OBJECT", "nullable": False},
            "behavior": "NON_BLOCKING",
        }
    ]


def test_strict_tools_are_recorded(new: Target) -> None:
    assert rendered(new, FunctionTool("a", strict=True))[1] == ["$.tools[0].strict strict"]


def test_a_free_text_tool_is_a_function_with_one_string(new: Target, old: Target) -> None:
    tool = CustomTool("patch", "applies a patch", b'{"type":"grammar"}')
    entries, losses = rendered(new, tool)
    [declaration] = json.loads(json.dumps(entries))[0]["functionDeclarations"]
    assert declaration["parametersJsonSchema"]["properties"] == {"input": {"type": "string"}}
    assert declaration["description"].startswith("applies a patch\n\nFormat of the input: ")
    assert losses == ["$.tools[0] custom_tool", "$.tools[0].format custom_tool_format"]
    [declaration] = json.loads(json.dumps(rendered(old, CustomTool("p"))[0]))[0]["functionDeclarations"]
    assert set(declaration) == {"name", "parameters"}


@pytest.mark.parametrize("kind", ["web_search_20250305", "web_search", "web_search_options"])
def test_anothers_web_search_is_googles(new: Target, kind: str) -> None:
    entries, losses = rendered(new, ServerTool("anthropic", kind, b"{}"))
    assert entries == [{"googleSearch": {}}]
    assert losses == ["$.tools[0] web_search"]


def test_other_tools_of_other_vendors_are_refused_by_name(new: Target) -> None:
    with pytest.raises(FailureError, match="computer_20250124") as caught:
        rendered(new, FunctionTool("a"), ServerTool("anthropic", "computer_20250124", b"{}"))
    assert caught.value.failure.param == "tools[1]"
    assert caught.value.failure.code == "server_tool_not_portable"


def test_a_bad_schema_does_not_fail_the_request(new: Target, old: Target) -> None:
    for target in (new, old):
        entries, losses = rendered(target, FunctionTool("a", None, b"[]"), FunctionTool("b"))
        assert entries == [{"functionDeclarations": [{"name": "a"}, {"name": "b"}]}]
        assert losses == ["$.tools[0].function.parameters schema_relaxed"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice(ToolChoiceMode.AUTO), {"mode": "AUTO"}),
        (ToolChoice(ToolChoiceMode.NONE), {"mode": "NONE"}),
        (ToolChoice(ToolChoiceMode.REQUIRED), {"mode": "ANY"}),
        (ToolChoice(ToolChoiceMode.NAMED, ("f",)), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (
            ToolChoice(ToolChoiceMode.REQUIRED_ALLOWED, ("f", "g h")),
            {"mode": "ANY", "allowedFunctionNames": ["f", "g_h"]},
        ),
        (ToolChoice(ToolChoiceMode.ALLOWED, ("f",)), {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
    ],
)
def test_choices_are_modes(choice: ToolChoice, expected: dict[str, object]) -> None:
    assert render_tool_choice(choice, UNKNOWN, ToolNames(NAMES, ["g h"])) == (expected, [])


@pytest.mark.parametrize(
    ("choice", "mode"),
    [
        (ToolChoice(ToolChoiceMode.REQUIRED), "AUTO"),
        (ToolChoice(ToolChoiceMode.NAMED, ("f",)), "VALIDATED"),
    ],
)
def test_a_call_that_cannot_be_demanded_is_asked_for(choice: ToolChoice, mode: str) -> None:
    profile = msgspec.structs.replace(UNKNOWN, forced_tools=False)
    calling, [loss] = render_tool_choice(choice, profile, ToolNames(NAMES))
    assert calling["mode"] == mode
    assert loss.code == "forced_tool_downgraded"


def names(*tools: str, calls: tuple[str, ...] = ()) -> dict[str, str]:
    blocks = tuple(ToolCall("", name, "{}") for name in calls)
    declared = tuple(FunctionTool(name) for name in tools)
    request = Request("openai_chat", "m", (Message(Role.ASSISTANT, blocks),), tools=declared)
    return {own: wire for wire, own in tool_names(request, NAMES).changed.items()}


def test_names_that_google_takes_stay() -> None:
    assert names("get_weather", "a.b:c-d", "_x", "x" * 128) == {}


def test_names_that_google_refuses_are_rewritten_the_same_way_every_time() -> None:
    renamed = names("get weather", "1st", "größe", "y" * 200, calls=("get weather", "old/one"))
    assert renamed["get weather"] == "get_weather"
    assert renamed["1st"] == "_1st"
    assert renamed["größe"] == "gr__e"
    assert renamed["old/one"] == "old_one"
    assert len(renamed["y" * 200]) == 128
    assert names("y" * 200)["y" * 200] == renamed["y" * 200]


def test_no_two_names_become_one() -> None:
    renamed = names("a b", "a_b", "a/b")
    assert len({*renamed.values(), "a_b"}) == 3
