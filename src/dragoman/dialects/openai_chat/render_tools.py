"""Tools and the say over them, in OpenAI's form."""

from typing import assert_never

import msgspec

from dragoman.conversation.loss import Loss
from dragoman.conversation.request import (
    CustomTool,
    FunctionTool,
    Request,
    ServerTool,
    ToolChoice,
)
from dragoman.dialects.custom_tools import as_function, custom_tools
from dragoman.dialects.dialect import Target
from dragoman.dialects.foreign_content import leave_out
from dragoman.dialects.json_schema.openai_strict import openai_form
from dragoman.dialects.openai_chat.wire import NAME, WEB_SEARCH
from dragoman.dialects.openai_family import UNMARKED, nested_format
from dragoman.dialects.openai_tool_choice import Chosen, render_choice
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
            case CustomTool() if target.host.custom_tools:
                tools.append({"type": "custom", "custom": _custom(tool, names)})
            case CustomTool():
                function = as_function(tool, f"tools[{place}]", losses)
                tools.append(_function(function, f"$.tools[{place}]", names, losses, marked=own))
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
                    leave_out(tool, f"tools[{place}]", losses)
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
    elif tool.cache is not None:
        losses.append(UNMARKED)
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
) -> Chosen:
    """`tool_choice`, and what has to be said in words."""
    free_text = custom_tools(request) if target.host.custom_tools else frozenset[str]()
    chosen: dict[str, dict[str, object]] = {}
    for name in choice.names:
        kind, wire = "custom" if name in free_text else "function", names.wire(name)
        chosen[wire] = {"type": kind, kind: {"name": wire}}
    return render_choice(choice, target, chosen, losses, nested=True)
