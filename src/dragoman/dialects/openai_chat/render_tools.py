"""Tools and the say over them, in OpenAI's form."""

from typing import assert_never

import msgspec

from dragoman.conversation.loss import Loss, approximated
from dragoman.conversation.request import (
    CustomTool,
    FunctionTool,
    Request,
    ServerTool,
    ToolChoice,
    ToolChoiceMode,
)
from dragoman.dialects.dialect import Target
from dragoman.dialects.foreign_content import foreign_tool
from dragoman.dialects.json_schema.openai_strict import openai_form
from dragoman.dialects.openai_chat.wire import NAME, WEB_SEARCH
from dragoman.dialects.openai_family import nested_format
from dragoman.dialects.tool_names import NameRule, ToolNames
from dragoman.dialects.web_search import chat_search, searches_web

NAMES = NameRule(first="a-zA-Z0-9_-", rest="a-zA-Z0-9_-", max_length=64)
"""What names of tools are made of."""


def render_tools(
    request: Request, target: Target, names: ToolNames, losses: list[Loss]
) -> tuple[list[object], msgspec.Raw | None]:
    """The entries of `tools`, and `web_search_options` where the web is to be searched.

    Raises `FailureError` for tools that another vendor runs itself.
    """
    tools: list[object] = []
    search: msgspec.Raw | None = None
    own = request.dialect == NAME
    for place, tool in enumerate(request.tools):
        match tool:
            case FunctionTool():
                tools.append(_function(tool, f"$.tools[{place}]", names, losses, marked=own))
            case CustomTool():
                tools.append({"type": "custom", "custom": _custom(tool, names)})
            case ServerTool(dialect=dialect, kind=kind, json=json):
                if dialect == NAME and kind == WEB_SEARCH:
                    search = msgspec.Raw(json)
                elif dialect == NAME:
                    tools.append(msgspec.Raw(json))
                elif searches_web(tool) and target.profile.web_search:
                    found = chat_search(tool)
                    search = msgspec.Raw(found.json)
                    losses.extend(found.losses(place))
                else:
                    raise foreign_tool(tool, f"tools[{place}]")
            case _:
                assert_never(tool)
    return tools, search


def _function(
    tool: FunctionTool, path: str, names: ToolNames, losses: list[Loss], *, marked: bool
) -> dict[str, object]:
    function: dict[str, object] = {"name": names.wire(tool.name)}
    if tool.description is not None:
        function["description"] = tool.description
    strict = tool.strict
    if tool.parameters is not None:
        where = f"{path}.function.parameters"
        schema, strict = openai_form(tool.parameters, strict, where, losses)
        function["parameters"] = msgspec.Raw(schema)
    if strict is not None:
        function["strict"] = strict
    wire: dict[str, object] = {"type": "function", "function": function}
    if marked and tool.cache is not None:
        wire["cache_control"] = cache_control(tool.cache.ttl)
    return wire


def _custom(tool: CustomTool, names: ToolNames) -> dict[str, object]:
    custom: dict[str, object] = {"name": names.wire(tool.name)}
    if tool.description is not None:
        custom["description"] = tool.description
    if tool.format is not None:
        custom["format"] = msgspec.Raw(nested_format(tool.format))
    return custom


def cache_control(ttl: str | None) -> dict[str, str]:
    """A cache mark, as OpenRouter and LiteLLM take it."""
    return {"type": "ephemeral"} if ttl is None else {"type": "ephemeral", "ttl": ttl}


def render_tool_choice(
    choice: ToolChoice, request: Request, target: Target, names: ToolNames, losses: list[Loss]
) -> object:
    """`tool_choice`; a demand that the model refuses becomes a wish, with a loss."""
    mode = choice.mode
    if not target.profile.forced_tools and mode in {
        ToolChoiceMode.REQUIRED,
        ToolChoiceMode.NAMED,
        ToolChoiceMode.REQUIRED_ALLOWED,
    }:
        losses.append(
            approximated(
                "$.tool_choice", "forced_tool_downgraded", f"{target.model} cannot be made to call a tool"
            )
        )
        mode = ToolChoiceMode.ALLOWED if mode is ToolChoiceMode.REQUIRED_ALLOWED else ToolChoiceMode.AUTO
    elif mode is ToolChoiceMode.REQUIRED_ALLOWED and len(choice.names) == 1:
        mode = ToolChoiceMode.NAMED
    free_text = {tool.name for tool in request.tools if isinstance(tool, CustomTool)}
    chosen = [
        {"type": "custom", "custom": {"name": names.wire(name)}}
        if name in free_text
        else {"type": "function", "function": {"name": names.wire(name)}}
        for name in choice.names
    ]
    match mode:
        case ToolChoiceMode.AUTO | ToolChoiceMode.NONE | ToolChoiceMode.REQUIRED:
            return mode.value
        case ToolChoiceMode.NAMED:
            return chosen[0]
        case ToolChoiceMode.ALLOWED | ToolChoiceMode.REQUIRED_ALLOWED:
            strength = "auto" if mode is ToolChoiceMode.ALLOWED else "required"
            return {"type": "allowed_tools", "allowed_tools": {"mode": strength, "tools": chosen}}
        case _:
            assert_never(mode)
