"""Tools and the say over them, in the flat form of Responses."""

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
from dragoman.dialects.openai_family import UNMARKED, flat_format
from dragoman.dialects.openai_responses.namespaces import FIELD, Place, namespaces, place_of
from dragoman.dialects.openai_responses.parse_tools import ADDED
from dragoman.dialects.openai_responses.wire import NAME
from dragoman.dialects.openai_tool_choice import Chosen, render_choice
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
            entries += _server_tool(tool, place, losses)
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


def _server_tool(tool: ServerTool, place: int, losses: list[Loss]) -> list[msgspec.Raw]:
    if tool.dialect == NAME:
        return [msgspec.Raw(tool.json)]
    if not searches_web(tool):
        leave_out(tool, f"tools[{place}]", losses)
        return []
    found = responses_search(tool)
    losses.extend(found.losses(place))
    return [msgspec.Raw(found.json)]


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
    if tool.cache is not None:
        losses.append(UNMARKED)
    return function


def render_tool_choice(
    choice: ToolChoice, request: Request, target: Target, names: ToolNames, losses: list[Loss]
) -> Chosen:
    """`tool_choice`, and what has to be said in words."""
    return render_choice(choice, target, _chosen(choice, request, target, names), losses, nested=False)


def _chosen(
    choice: ToolChoice, request: Request, target: Target, names: ToolNames
) -> dict[str, dict[str, object]]:
    """The entries for the chosen tools."""
    free_text = custom_tools(request) if target.host.custom_tools else frozenset[str]()
    inside = namespaces(request)
    wire = {name: inside[name].name if name in inside else names.wire(name) for name in choice.names}
    return {
        wire[name]: {"type": "custom" if name in free_text else "function", "name": wire[name]}
        for name in choice.names
    }
