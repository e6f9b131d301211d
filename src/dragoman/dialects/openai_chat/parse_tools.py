"""Tools and the say over them in a request, to the neutral declarations."""

import msgspec

from dragoman.conversation.failure import FailureError, invalid
from dragoman.conversation.request import (
    CustomTool,
    FunctionTool,
    ServerTool,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)
from dragoman.dialects.json_text import field_error
from dragoman.dialects.openai_chat.parse_content import cache_mark
from dragoman.dialects.openai_chat.wire import (
    NAME,
    ChosenToolWire,
    FunctionWire,
    NamedWire,
    ToolChoiceWire,
    ToolWire,
)

_TOOLS = msgspec.json.Decoder(list[msgspec.Raw])
_TOOL = msgspec.json.Decoder(ToolWire)
_FUNCTIONS = msgspec.json.Decoder(list[FunctionWire])

_MODES = {
    "auto": ToolChoiceMode.AUTO,
    "none": ToolChoiceMode.NONE,
    "required": ToolChoiceMode.REQUIRED,
    "any": ToolChoiceMode.REQUIRED,
}
"""`any` is Mistral's word for `required`."""


def parse_tools(raw: bytes) -> tuple[Tool, ...]:
    """The tools. Tools of other types than OpenAI's two are a host's own, and go to it as they are.

    Raises `FailureError` that names the field at fault.
    """
    try:
        entries = _TOOLS.decode(raw)
    except msgspec.ValidationError as error:
        raise field_error(error, "tools") from None
    return tuple(_tool(bytes(entry), f"tools[{place}]") for place, entry in enumerate(entries))


def _tool(raw: bytes, path: str) -> Tool:
    try:
        wire = _TOOL.decode(raw)
    except msgspec.ValidationError as error:
        raise field_error(error, path) from None
    match wire.type:
        case "function":
            if wire.function is None:
                raise _missing(f"{path}.function")
            tool = _function(wire.function, f"{path}.function")
            mark = cache_mark(wire.cache_control)
            return tool if mark is None else msgspec.structs.replace(tool, cache=mark)
        case "custom":
            if wire.custom is None:
                raise _missing(f"{path}.custom")
            return CustomTool(wire.custom.name, wire.custom.description, bytes(wire.custom.format) or None)
        case kind:
            return ServerTool(NAME, kind, raw)


def parse_functions(raw: bytes) -> tuple[Tool, ...]:
    """The tools of the retired `functions` list. Raises `FailureError` that names the field."""
    try:
        entries = _FUNCTIONS.decode(raw)
    except msgspec.ValidationError as error:
        raise field_error(error, "functions") from None
    return tuple(_function(entry, f"functions[{place}]") for place, entry in enumerate(entries))


def _function(wire: FunctionWire, path: str) -> FunctionTool:
    parameters = bytes(wire.parameters)
    if parameters in {b"", b"null"}:
        return FunctionTool(wire.name, wire.description, strict=wire.strict)
    if parameters[:1] != b"{":
        raise invalid(
            f"'{path}.parameters': expected a JSON Schema object.", f"{path}.parameters", "invalid_type"
        )
    return FunctionTool(wire.name, wire.description, parameters, wire.strict)


def parse_tool_choice(wire: str | ToolChoiceWire | None, tools: tuple[Tool, ...]) -> ToolChoice | None:
    """The say over tool calls. Raises `FailureError` where it speaks of tools that are not there."""
    if wire is None:
        return None
    if isinstance(wire, str):
        mode = _MODES.get(wire)
        if mode is None:
            raise invalid(
                f"'tool_choice': '{wire}' is not known; expected none, auto, required or an object.",
                "tool_choice",
                "invalid_value",
            )
        if mode is ToolChoiceMode.REQUIRED and not tools:
            raise _not_offered("tool_choice", None)
        return ToolChoice(mode)
    if wire.type == "allowed_tools" and wire.allowed_tools is not None:
        names = tuple(
            _name(chosen, f"tool_choice.allowed_tools.tools[{place}]", tools)
            for place, chosen in enumerate(wire.allowed_tools.tools)
        )
        required = wire.allowed_tools.mode == "required"
        return ToolChoice(ToolChoiceMode.REQUIRED_ALLOWED if required else ToolChoiceMode.ALLOWED, names)
    return ToolChoice(ToolChoiceMode.NAMED, (_name(wire, "tool_choice", tools),))


def parse_function_call(wire: str | NamedWire | None, tools: tuple[Tool, ...]) -> ToolChoice | None:
    """The retired `function_call`. Raises `FailureError` where it names what is not there."""
    if wire is None:
        return None
    if isinstance(wire, NamedWire):
        return ToolChoice(ToolChoiceMode.NAMED, (_offered(wire.name, "function_call.name", tools),))
    if wire not in {"auto", "none"}:
        raise invalid(
            f"'function_call': '{wire}' is not known; expected none, auto or an object.",
            "function_call",
            "invalid_value",
        )
    return ToolChoice(_MODES[wire])


def _name(chosen: ChosenToolWire, path: str, tools: tuple[Tool, ...]) -> str:
    named = chosen.custom if chosen.type == "custom" else chosen.function
    if named is None:
        raise _missing(f"{path}.{'custom' if chosen.type == 'custom' else 'function'}.name")
    return _offered(named.name, path, tools)


def _offered(name: str, path: str, tools: tuple[Tool, ...]) -> str:
    if not any(isinstance(tool, FunctionTool | CustomTool) and tool.name == name for tool in tools):
        raise _not_offered(path, name)
    return name


def _not_offered(path: str, name: str | None) -> FailureError:
    what = f"the tool '{name}' is not among the tools" if name else "there are no tools to choose from"
    return invalid(f"'{path}': {what} of this request.", path, "invalid_value")


def _missing(path: str) -> FailureError:
    return invalid(f"'{path}': this field is required.", path, "missing_required_parameter")
