"""Tools that take free text, for formats that have only functions."""

import msgspec

from dragoman.conversation.loss import Loss, approximated, emulated
from dragoman.conversation.request import CustomTool, FunctionTool, Request

_PARAMETERS = b'{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}'


def as_function(tool: CustomTool, path: str, losses: list[Loss]) -> FunctionTool:
    """The function with one string that stands for a free-text tool; a grammar is only described.

    `path` is the place of the tool, such as `tools[0]`.
    """
    losses.append(
        emulated(f"$.{path}", "custom_tool", f"{tool.name}: a function with one string stands for it")
    )
    function = FunctionTool(tool.name, tool.description, _PARAMETERS)
    if tool.format is None:
        return function
    losses.append(
        approximated(f"$.{path}.format", "custom_tool_format", f"{tool.name}: the format is only described")
    )
    described = f"{tool.description or ''}\n\nFormat of the input: {tool.format.decode('utf-8', 'replace')}"
    return msgspec.structs.replace(function, description=described.strip())


def custom_tools(request: Request) -> frozenset[str]:
    """The client's names of the tools that take free text."""
    return frozenset([tool.name for tool in request.tools if isinstance(tool, CustomTool)])
