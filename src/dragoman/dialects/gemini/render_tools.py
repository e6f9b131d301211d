"""Tools of a request, and the say over their use, written."""

import msgspec
from msgspec import Raw

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
from dragoman.dialects.foreign_content import leave_out
from dragoman.dialects.json_schema.google_json import google_parameters
from dragoman.dialects.json_schema.google_openapi import google_openapi_parameters
from dragoman.dialects.tool_names import NameRule, ToolNames
from dragoman.models.profile import Profile

DIALECT = "gemini"

NAMES = NameRule(first="a-zA-Z_", rest="a-zA-Z0-9_.:-", max_length=128)
"""What names of functions are made of."""


def render_tools(
    request: Request, target: Target, names: ToolNames
) -> tuple[list[dict[str, object]], list[Loss]]:
    """The entries of `tools`: all functions in one, then each tool that Google runs.

    Raises `FailureError` for another vendor's tool that Google has nothing like.
    """
    functions: list[dict[str, object]] = []
    others: list[dict[str, object]] = []
    losses: list[Loss] = []
    for place, tool in enumerate(request.tools):
        path = f"tools[{place}]"
        match tool:
            case FunctionTool():
                functions.append(_function(tool, path, target.profile, names, losses))
                if tool.strict and request.dialect != DIALECT:
                    losses.append(dropped(f"$.{path}.strict", "strict", "calls are not held to the schema"))
            case CustomTool():
                function = as_function(tool, path, losses)
                functions.append(_function(function, path, target.profile, names, losses))
            case ServerTool():
                others += _server_tool(tool, path, losses)
    entries: list[dict[str, object]] = [{"functionDeclarations": functions}] if functions else []
    return entries + others, losses


def _function(
    tool: FunctionTool, path: str, profile: Profile, names: ToolNames, losses: list[Loss]
) -> dict[str, object]:
    own = {field.field: Raw(field.json) for field in tool.opaque if field.dialect == DIALECT}
    declaration: dict[str, object] = {"name": names.wire(tool.name)}
    if tool.description:
        declaration["description"] = tool.description
    if "parameters" not in own and tool.parameters is not None:
        _add_parameters(declaration, tool.parameters, path, profile, losses)
    return {**declaration, **own}


def _add_parameters(
    declaration: dict[str, object], schema: bytes, path: str, profile: Profile, losses: list[Loss]
) -> None:
    where = f"$.{path}.function.parameters"
    match profile.schema:
        case "json_schema":
            converted = google_parameters(schema, where, losses)
            if converted is not None:
                declaration["parametersJsonSchema"] = Raw(converted)
        case "openapi":
            converted = google_openapi_parameters(schema, where, losses)
            if converted is not None:
                declaration["parameters"] = Raw(converted)


def _server_tool(tool: ServerTool, path: str, losses: list[Loss]) -> list[dict[str, object]]:
    if tool.dialect == DIALECT:
        return [{**msgspec.json.decode(tool.json, type=dict[str, Raw])}]
    if tool.kind.startswith("web_search"):
        losses.append(
            approximated(f"$.{path}", "web_search", "Google Search takes its place, without its settings")
        )
        return [{"googleSearch": {}}]
    leave_out(tool, path, losses)
    return []


def render_tool_choice(
    choice: ToolChoice, profile: Profile, names: ToolNames
) -> tuple[dict[str, object], list[Loss]]:
    """The members of `functionCallingConfig`."""
    losses: list[Loss] = []
    mode = choice.mode
    forced = {ToolChoiceMode.REQUIRED, ToolChoiceMode.NAMED, ToolChoiceMode.REQUIRED_ALLOWED}
    if mode in forced and not profile.forced_tools:
        losses.append(
            approximated("$.tool_choice", "forced_tool_downgraded", "a call cannot be demanded of this model")
        )
        mode = ToolChoiceMode.AUTO if mode is ToolChoiceMode.REQUIRED else ToolChoiceMode.ALLOWED
    allowed = [names.wire(name) for name in choice.names]
    match mode:
        case ToolChoiceMode.AUTO:
            return {"mode": "AUTO"}, losses
        case ToolChoiceMode.NONE:
            return {"mode": "NONE"}, losses
        case ToolChoiceMode.REQUIRED:
            return {"mode": "ANY"}, losses
        case ToolChoiceMode.NAMED | ToolChoiceMode.REQUIRED_ALLOWED:
            return {"mode": "ANY", "allowedFunctionNames": allowed}, losses
        case ToolChoiceMode.ALLOWED:
            return {"mode": "VALIDATED", "allowedFunctionNames": allowed}, losses
