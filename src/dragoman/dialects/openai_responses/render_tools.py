"""Tools and the say over them, in the flat form of Responses."""

from typing import assert_never

import msgspec

from dragoman.conversation.loss import Loss, approximated, dropped
from dragoman.conversation.request import (
    CustomTool,
    FunctionTool,
    Request,
    ServerTool,
    ToolChoice,
    ToolChoiceMode,
)
from dragoman.dialects.custom_tools import as_function
from dragoman.dialects.dialect import Target
from dragoman.dialects.foreign_content import foreign_tool
from dragoman.dialects.json_schema.openai_strict import openai_form
from dragoman.dialects.openai_family import FAMILY, flat_format
from dragoman.dialects.openai_responses.namespaces import FIELD, Place, namespaces, place_of
from dragoman.dialects.openai_responses.parse_tools import ADDED
from dragoman.dialects.openai_responses.wire import NAME
from dragoman.dialects.tool_names import NameRule, ToolNames
from dragoman.dialects.web_search import responses_search, searches_web

NAMES = NameRule(first="a-zA-Z0-9_-", rest="a-zA-Z0-9_-", max_length=64)
"""What names of tools are made of."""

_NO_PARAMETERS = b'{"type":"object","properties":{}}'

Wire = dict[str, object]


def render_tools(
    request: Request, target: Target, names: ToolNames, losses: list[Loss]
) -> list[Wire | msgspec.Raw]:
    """The entries of `tools`. Tools of a namespace that follow each other stand in it together; those
    that were added in mid-conversation are declared by their item.

    Raises `FailureError` for tools that another vendor runs itself.
    """
    entries: list[Wire | msgspec.Raw] = []
    groups: dict[str, list[Wire]] = {}
    for place, tool in enumerate(request.tools):
        if isinstance(tool, ServerTool):
            entries.append(_server_tool(tool, place, losses))
            continue
        if any(one.dialect == NAME and one.field == ADDED for one in tool.opaque):
            continue
        group = place_of(tool.opaque)
        name = names.wire(tool.name) if group is None else group.name
        entry = _own_tool(tool, name, place, request, target, losses)
        if group is None:
            entries.append(entry)
        elif group.namespace in groups:
            groups[group.namespace].append(entry)
        else:
            groups[group.namespace] = [entry]
            entries.append(_namespace(group, groups[group.namespace]))
    return entries


def _namespace(group: Place, tools: list[Wire]) -> Wire:
    entry: Wire = {"type": "namespace", "name": group.namespace}
    if group.description is not None:
        entry["description"] = group.description
    entry["tools"] = tools
    return entry


def _server_tool(tool: ServerTool, place: int, losses: list[Loss]) -> msgspec.Raw:
    if tool.dialect == NAME:
        return msgspec.Raw(tool.json)
    if not searches_web(tool):
        raise foreign_tool(tool, f"tools[{place}]")
    found = responses_search(tool)
    losses.extend(found.losses(place))
    return msgspec.Raw(found.json)


def _own_tool(
    tool: FunctionTool | CustomTool,
    name: str,
    place: int,
    request: Request,
    target: Target,
    losses: list[Loss],
) -> Wire:
    own: Wire = {
        one.field: msgspec.Raw(one.json) for one in tool.opaque if one.dialect == NAME and one.field != FIELD
    }
    if isinstance(tool, CustomTool):
        if target.host.custom_tools:
            return {**_custom(tool, name), **own}
        tool = as_function(tool, f"tools[{place}]", losses)
    return {**_function(tool, name, place, request, losses), **own}


def _custom(tool: CustomTool, name: str) -> Wire:
    custom: Wire = {"type": "custom", "name": name}
    if tool.description is not None:
        custom["description"] = tool.description
    if tool.format is not None:
        custom["format"] = msgspec.Raw(flat_format(tool.format))
    return custom


def _function(tool: FunctionTool, name: str, place: int, request: Request, losses: list[Loss]) -> Wire:
    function: Wire = {"type": "function", "name": name}
    if tool.description is not None:
        function["description"] = tool.description
    strict = tool.strict
    native = request.dialect == NAME
    if strict is None and not native:
        strict = False  # omitted, it would mean strict here where that is possible
    if tool.parameters is not None:
        where = f"$.tools[{place}].function.parameters"
        schema, strict = openai_form(tool.parameters, strict, where, losses)
        function["parameters"] = msgspec.Raw(schema)
    elif not native:
        function["parameters"] = msgspec.Raw(_NO_PARAMETERS)
        strict = False
    if strict is not None:
        function["strict"] = strict
    if tool.cache is not None and request.dialect not in FAMILY:
        losses.append(dropped("$..cache_control", "cache_control", "OpenAI caches prompts by itself"))
    return function


class Chosen(msgspec.Struct, frozen=True):
    """`tool_choice`, and an instruction to be added to the others where words have to do."""

    value: object
    instruction: str | None = None


def render_tool_choice(
    choice: ToolChoice, request: Request, target: Target, names: ToolNames, losses: list[Loss]
) -> Chosen:
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
    chosen = _chosen(choice, request, target, names)
    match mode:
        case ToolChoiceMode.AUTO | ToolChoiceMode.NONE | ToolChoiceMode.REQUIRED:
            return Chosen(mode.value)
        case ToolChoiceMode.NAMED:
            return Chosen(chosen[0])
        case ToolChoiceMode.ALLOWED | ToolChoiceMode.REQUIRED_ALLOWED:
            strength = "auto" if mode is ToolChoiceMode.ALLOWED else "required"
            if target.host.allowed_tools:
                return Chosen({"type": "allowed_tools", "mode": strength, "tools": chosen})
            # leaving the others out would change the prefix that caches rest on
            losses.append(
                approximated(
                    "$.tool_choice", "allowed_tools", "the allowed tools are named in an instruction"
                )
            )
            listed = ", ".join(str(one["name"]) for one in chosen)
            return Chosen(strength, f"Of the tools, call only these: {listed}.")
        case _:
            assert_never(mode)


def _chosen(choice: ToolChoice, request: Request, target: Target, names: ToolNames) -> list[dict[str, str]]:
    free_text = {tool.name for tool in request.tools if isinstance(tool, CustomTool)}
    inside = namespaces(request)
    return [
        {
            "type": "custom" if name in free_text and target.host.custom_tools else "function",
            "name": inside[name].name if name in inside else names.wire(name),
        }
        for name in choice.names
    ]
