"""Tools for OpenAI: declarations, names, and the say over them."""

import json

import pytest

from dragoman.conversation.blocks import CacheMark, Text, ToolCall
from dragoman.conversation.failure import FailureError
from dragoman.conversation.loss import LossKind
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
from dragoman.dialects.dialect import Host, Rendered, Target
from dragoman.dialects.openai_chat import DIALECT
from dragoman.models.profile import UNKNOWN, Profile

F, G = FunctionTool("f"), FunctionTool("g")
HELLO = Message(Role.USER, (Text("hi"),))


def render(
    *tools: Tool,
    choice: ToolChoice | None = None,
    dialect: str = "anthropic",
    parallel: bool | None = None,
    profile: Profile = UNKNOWN,
    model: str = "up",
    rejects: frozenset[str] = frozenset(),
    history: tuple[Message, ...] = (),
) -> Rendered:
    request = Request(
        dialect=dialect,
        model="asked",
        messages=(HELLO, *history),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=parallel,
    )
    return DIALECT.render_request(request, Target("p", model, "p/x", profile, Host(rejects=rejects)))


def body(rendered: Rendered) -> dict[str, object]:
    return json.loads(rendered.wire.body)


def names(rendered: Rendered) -> list[str]:
    return [tool["function"]["name"] for tool in json.loads(rendered.wire.body)["tools"]]


def test_a_function_is_declared_with_its_schema_byte_for_byte() -> None:
    schema = b'{ "type":"object", "additionalProperties":false, "x":1.0 }'
    tool = FunctionTool("f", "d", schema, strict=True, cache=CacheMark())
    assert b'"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":' in (
        render(tool).wire.body
    )
    assert schema + b',"strict":true}}]' in render(tool).wire.body


@pytest.mark.parametrize("dialect", ["anthropic", "openai_chat"])
def test_a_tool_that_breaks_the_rules_for_strict_ones_is_a_guide_only(dialect: str) -> None:
    open_object = b'{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}'
    got = render(FunctionTool("f"), FunctionTool("g", parameters=open_object, strict=True), dialect=dialect)
    assert json.loads(got.wire.body)["tools"][1]["function"]["strict"] is False
    assert [(loss.kind, loss.code, loss.path) for loss in got.losses] == [
        (LossKind.APPROXIMATED, "strict", "$.tools[1].function.strict")
    ]


def test_a_strict_tool_without_a_schema_stays_strict() -> None:
    got = render(FunctionTool("f", strict=True))
    assert json.loads(got.wire.body)["tools"][0]["function"] == {"name": "f", "strict": True}
    assert got.losses == ()


def test_cache_marks_go_back_only_to_those_who_wrote_them() -> None:
    tool = FunctionTool("f", cache=CacheMark("1h"))
    assert b"cache_control" not in render(tool).wire.body
    assert "cache_control" in [loss.code for loss in render(tool).losses]
    assert b'"cache_control":{"type":"ephemeral","ttl":"1h"}' in render(tool, dialect="openai_chat").wire.body


def test_free_text_tools_are_native() -> None:
    assert body(render(CustomTool("sh", "d", b'{"type":"text"}')))["tools"] == [
        {"type": "custom", "custom": {"name": "sh", "description": "d", "format": {"type": "text"}}}
    ]


def test_names_are_made_to_fit_and_can_be_restored() -> None:
    long = "x" * 70
    got = render(FunctionTool("mcp.server:read"), FunctionTool(long), F)
    first, second, third = names(got)
    assert (first, third) == ("mcp_server_read", "f")
    assert len(second) == 64
    assert got.emulation.tool_names == {"mcp_server_read": "mcp.server:read", second: long}


def test_names_that_would_fall_together_are_kept_apart() -> None:
    got = names(render(FunctionTool("a.b"), FunctionTool("a_b"), FunctionTool("a:b")))
    assert len(set(got)) == 3
    assert got[1] == "a_b"


def test_calls_in_the_history_and_the_choice_use_the_same_names() -> None:
    history = (Message(Role.ASSISTANT, (ToolCall("c", "a.b", "{}"), ToolCall("d", "gone.tool", "{}"))),)
    choice = ToolChoice(ToolChoiceMode.NAMED, ("a.b",))
    got = body(render(FunctionTool("a.b"), choice=choice, history=history))
    calls = json.loads(json.dumps(got["messages"]))[1]["tool_calls"]
    assert [call["function"]["name"] for call in calls] == ["a_b", "gone_tool"]
    assert got["tool_choice"] == {"type": "function", "function": {"name": "a_b"}}


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (ToolChoice(ToolChoiceMode.AUTO), "auto"),
        (ToolChoice(ToolChoiceMode.NONE), "none"),
        (ToolChoice(ToolChoiceMode.REQUIRED), "required"),
        (ToolChoice(ToolChoiceMode.NAMED, ("f",)), {"type": "function", "function": {"name": "f"}}),
        (ToolChoice(ToolChoiceMode.NAMED, ("sh",)), {"type": "custom", "custom": {"name": "sh"}}),
        (
            ToolChoice(ToolChoiceMode.REQUIRED_ALLOWED, ("f",)),
            {"type": "function", "function": {"name": "f"}},
        ),
        (
            ToolChoice(ToolChoiceMode.ALLOWED, ("f", "g")),
            {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [
                        {"type": "function", "function": {"name": "f"}},
                        {"type": "function", "function": {"name": "g"}},
                    ],
                },
            },
        ),
    ],
)
def test_the_say_over_tools(choice: ToolChoice, wire: object) -> None:
    assert body(render(F, G, CustomTool("sh"), choice=choice))["tool_choice"] == wire


def test_several_required_tools_are_the_allowed_ones() -> None:
    choice = ToolChoice(ToolChoiceMode.REQUIRED_ALLOWED, ("f", "g"))
    wire = json.loads(render(F, G, choice=choice).wire.body)["tool_choice"]
    assert wire["allowed_tools"]["mode"] == "required"


@pytest.mark.parametrize("mode", [ToolChoiceMode.REQUIRED, ToolChoiceMode.NAMED])
def test_a_model_that_cannot_be_forced_is_asked(mode: ToolChoiceMode) -> None:
    got = render(F, choice=ToolChoice(mode, ("f",)), profile=Profile(family="x", forced_tools=False))
    assert body(got)["tool_choice"] == "auto"
    assert [(loss.kind, loss.code) for loss in got.losses] == [
        (LossKind.APPROXIMATED, "forced_tool_downgraded")
    ]


def test_no_choice_is_sent_without_tools() -> None:
    assert body(render(choice=ToolChoice(ToolChoiceMode.NONE), parallel=False)).keys() == {
        "model",
        "messages",
    }


def test_parallel_calls_are_only_ever_forbidden() -> None:
    assert body(render(F, parallel=False))["parallel_tool_calls"] is False
    assert "parallel_tool_calls" not in body(render(F, parallel=True))


def test_a_host_that_cannot_forbid_them_leaves_it_to_the_gateway() -> None:
    got = render(F, parallel=False, rejects=frozenset({"parallel_tool_calls"}))
    assert "parallel_tool_calls" not in body(got)
    assert got.emulation.single_call


def test_tools_that_another_vendor_runs_are_refused_by_place() -> None:
    with pytest.raises(FailureError) as caught:
        render(F, ServerTool("anthropic", "code_execution_20260521", b"{}"))
    assert caught.value.failure.param == "tools[1]"
    assert caught.value.failure.code == "server_tool_not_portable"
    with pytest.raises(FailureError):
        render(ServerTool("anthropic", "web_search_20260318", b"{}"))


def test_a_search_of_the_web_goes_to_models_that_search() -> None:
    searching = Profile(family="search", web_search=True)
    got = render(ServerTool("anthropic", "web_search_20260318", b"{}"), profile=searching)
    assert body(got)["web_search_options"] == {}
    assert "tools" not in body(got)
    assert got.losses == ()


def test_our_own_clients_server_tools_go_back_as_they_are() -> None:
    own = ServerTool("openai_chat", "web_search", b'{"type":"web_search", "x":1.0}')
    search = ServerTool("openai_chat", "web_search_options", b'{"search_context_size": "low"}')
    raw = render(F, own, search, dialect="openai_chat").wire.body
    assert b',{"type":"web_search", "x":1.0}]' in raw
    assert b'"web_search_options":{"search_context_size": "low"}' in raw
