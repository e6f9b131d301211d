"""Tools and the say over them in a request, to the neutral declarations."""

import msgspec

from dragoman.conversation.failure import FailureError, invalid
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import (
    CustomTool,
    FunctionTool,
    ServerTool,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)
from dragoman.dialects.json_text import field_error
from dragoman.dialects.openai_responses.namespaces import Place, flat_name, place_of, remembered
from dragoman.dialects.openai_responses.wire import (
    NAME,
    ChosenToolWire,
    CustomToolWire,
    FunctionToolWire,
    NamespaceWire,
    ToolChoiceWire,
)

ADDED = "added"
"""The mark of a tool that came in mid-conversation: its item declares it for hosts of this format."""

_TOOLS = msgspec.json.Decoder(list[msgspec.Raw])
_MEMBERS: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_FUNCTION = msgspec.json.Decoder(FunctionToolWire)
_CUSTOM = msgspec.json.Decoder(CustomToolWire)
_NAMESPACE = msgspec.json.Decoder(NamespaceWire)
_KIND = msgspec.json.Decoder(str)

_READ = frozenset({"type", "name", "description", "parameters", "strict", "format"})
_NOTHING = frozenset({b"", b"null"})
_INVALID = "invalid_value"

_MODES = {
    "auto": ToolChoiceMode.AUTO,
    "none": ToolChoiceMode.NONE,
    "required": ToolChoiceMode.REQUIRED,
}


def parse_tools(raw: bytes) -> tuple[Tool, ...]:
    """The tools, those of a namespace under flat names. Tools of other types than functions and free-text
    ones are the vendor's own, and go to it as they are.

    Raises `FailureError` that names the field at fault.
    """
    try:
        entries = _TOOLS.decode(raw)
    except msgspec.ValidationError as error:
        raise field_error(error, "tools") from None
    tools: list[Tool] = []
    for place, entry in enumerate(entries):
        tools.extend(_tools(bytes(entry), f"tools[{place}]"))
    return tuple(tools)


def added_tools(declarations: tuple[tuple[bytes, str], ...]) -> tuple[Tool, ...]:
    """The tools that were added in mid-conversation, marked as such; those that the vendor runs itself
    are left to it. Raises `FailureError` that names the field at fault.
    """
    mark = Opaque(NAME, ADDED, b"true")
    return tuple(
        msgspec.structs.replace(tool, opaque=(*tool.opaque, mark))
        for raw, path in declarations
        for tool in _tools(raw, path)
        if not isinstance(tool, ServerTool)
    )


def _tools(raw: bytes, path: str, group: NamespaceWire | None = None) -> list[Tool]:
    """The tool of an entry, or those of a whole namespace."""
    try:
        members = _MEMBERS.decode(raw)
        kind = _KIND.decode(bytes(members["type"]))
        match kind:
            case "function":
                return [_function(_FUNCTION.decode(raw), members, path, group)]
            case "custom":
                custom = _CUSTOM.decode(raw)
                form = bytes(custom.format)
                own = _others(members, group, custom.name)
                return [CustomTool(_name(group, custom.name), custom.description, form or None, opaque=own)]
            case "namespace" if group is None:
                group = _NAMESPACE.decode(raw)
            case _:
                return [ServerTool(NAME, kind, raw)]
    except KeyError:
        here = f"{path}.type"
        raise invalid(f"'{here}': this field is required.", here, "missing_required_parameter") from None
    except msgspec.ValidationError as error:
        raise field_error(error, path) from None
    inner: list[Tool] = []
    for place, entry in enumerate(group.tools):
        inner.extend(_tools(bytes(entry), f"{path}.tools[{place}]", group))
    return inner


def _function(
    wire: FunctionToolWire, members: dict[str, msgspec.Raw], path: str, group: NamespaceWire | None
) -> FunctionTool:
    name, opaque = _name(group, wire.name), _others(members, group, wire.name)
    parameters = bytes(wire.parameters)
    if parameters in _NOTHING:
        return FunctionTool(name, wire.description, strict=wire.strict, opaque=opaque)
    if parameters[:1] != b"{":
        here = f"{path}.parameters"
        raise invalid(f"'{here}': expected a JSON Schema object.", here, "invalid_type")
    return FunctionTool(name, wire.description, parameters, wire.strict, opaque=opaque)


def _name(group: NamespaceWire | None, name: str) -> str:
    return flat_name(None if group is None else group.name, name)


def _others(members: dict[str, msgspec.Raw], group: NamespaceWire | None, name: str) -> tuple[Opaque, ...]:
    """The members of a declaration that only this format has, and the namespace it stands in."""
    own = tuple(
        Opaque(NAME, member, value)
        for member, raw in members.items()
        if member not in _READ and (value := bytes(raw)) not in _NOTHING
    )
    return own if group is None else (*own, remembered(Place(group.name, name, group.description)))


def parse_tool_choice(wire: str | ToolChoiceWire | None, tools: tuple[Tool, ...]) -> ToolChoice | None:
    """The say over tool calls; None for none, and for a tool that the vendor runs itself, which only
    hosts of this format can be made to use (`names_hosted_tool`).

    Raises `FailureError` where it speaks of tools that are not there.
    """
    if wire is None or names_hosted_tool(wire):
        return None
    if isinstance(wire, str):
        mode = _MODES.get(wire)
        if mode is None:
            raise invalid(
                f"'tool_choice': '{wire}' is not known; expected none, auto, required or an object.",
                "tool_choice",
                _INVALID,
            )
        if mode is ToolChoiceMode.REQUIRED and not tools:
            raise _not_offered("tool_choice", None)
        return ToolChoice(mode)
    if wire.type == "allowed_tools":
        names = tuple(
            _offered(chosen, f"tool_choice.tools[{place}]", tools)
            for place, chosen in enumerate(wire.tools or ())
        )
        required = wire.mode == "required"
        return ToolChoice(ToolChoiceMode.REQUIRED_ALLOWED if required else ToolChoiceMode.ALLOWED, names)
    return ToolChoice(ToolChoiceMode.NAMED, (_offered(wire, "tool_choice", tools),))


def names_hosted_tool(wire: str | ToolChoiceWire | None) -> bool:
    """Whether a choice names a tool that the vendor runs itself."""
    if wire is None or isinstance(wire, str):
        return False
    if wire.type == "allowed_tools":
        return any(not _is_own(chosen) for chosen in wire.tools or ())
    return not _is_own(wire)


def _is_own(chosen: ChosenToolWire) -> bool:
    return chosen.type in {"function", "custom"}


def _offered(chosen: ChosenToolWire, path: str, tools: tuple[Tool, ...]) -> str:
    if not chosen.name:
        raise invalid(f"'{path}.name': this field is required.", f"{path}.name", "missing_required_parameter")
    wanted = flat_name(chosen.namespace, chosen.name)
    for tool in tools:
        if isinstance(tool, ServerTool):
            continue
        inner = place_of(tool.opaque)
        if tool.name == wanted or (inner is not None and inner.name == wanted):
            return tool.name
    raise _not_offered(path, wanted)


def _not_offered(path: str, name: str | None) -> FailureError:
    what = f"the tool '{name}' is not among the tools" if name else "there are no tools to choose from"
    return invalid(f"'{path}': {what} of this request.", path, _INVALID)
