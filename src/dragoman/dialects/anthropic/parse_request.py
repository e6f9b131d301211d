"""Requests from the wire."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from dragoman.conversation.blocks import Text
from dragoman.conversation.failure import invalid
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import (
    FunctionTool,
    Message,
    OutputFormat,
    OutputMode,
    Reasoning,
    Request,
    Role,
    Sampling,
    ServerTool,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)
from dragoman.dialects.anthropic import wire
from dragoman.dialects.anthropic.parse_content import (
    Fields,
    decoded,
    opaque,
    parse_cache,
    parse_content,
)
from dragoman.dialects.anthropic.wire import DIALECT
from dragoman.dialects.dialect import Location
from dragoman.dialects.json_text import decode_request, decode_some, is_empty_array, opens_with

T = TypeVar("T")

_FIELDS = msgspec.json.Decoder(Fields)
_KNOBS = msgspec.json.Decoder(wire.Knobs)
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_CONTENT = msgspec.json.Decoder(str | list[msgspec.Raw])
_MESSAGE = msgspec.json.Decoder(wire.Message)
_TOOL = msgspec.json.Decoder(wire.Tool)
_CHOICE = msgspec.json.Decoder(wire.Choice)
_METADATA = msgspec.json.Decoder(wire.Metadata)
_THINKING = msgspec.json.Decoder(wire.ThinkingConfig)
_OUTPUT = msgspec.json.Decoder(wire.OutputConfig)
_FORMAT = msgspec.json.Decoder(wire.Format)
_CACHE = msgspec.json.Decoder(wire.CacheControl)

_KNOB_FIELDS = frozenset(wire.Knobs.__struct_fields__)
_KNOWN = frozenset(
    {
        *_KNOB_FIELDS,
        "messages",
        "system",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "output_format",
        "metadata",
        "cache_control",
    }
)
_TOOL_FIELDS = frozenset({"name", "description", "input_schema", "strict", "cache_control", "type"})
_MESSAGE_FIELDS = frozenset({"role", "content"})
_OUTPUT_FIELDS = frozenset({"effort", "format"})

_SHAPES = {
    "messages": (b"[", "an array"),
    "system": (b'"[n', "a string or an array of text blocks"),
    "tools": (b"[n", "an array"),
    "tool_choice": (b"{n", "an object"),
    "thinking": (b"{n", "an object"),
    "output_config": (b"{n", "an object"),
    "metadata": (b"{n", "an object"),
    "cache_control": (b"{n", "an object"),
}
"""What the members with content begin with: enough to refuse a wrong type without reading them."""

_SERVICE_TIERS = {"auto": "auto", "standard_only": "default"}


def read_top(body: bytes) -> tuple[wire.Knobs, Fields]:
    """The top level of a request: the small members checked, all of them as they were written.

    Raises `FailureError` that names the member at fault.
    """
    fields = decode_request(_FIELDS, body)
    knobs = decode_some(_KNOBS, body, fields, _KNOB_FIELDS)
    if knobs.top_p is not None and -1 < knobs.top_p < 0:
        raise invalid("'top_p': expected a number from 0 to 1.", "top_p", "invalid_value")
    for name, raw in fields.items():
        shape = _SHAPES.get(name)
        if shape is not None and not opens_with(raw, shape[0]):
            raise invalid(f"'{name}': expected {shape[1]}.", name, "invalid_value")
    messages = fields.get("messages")
    if messages is None:
        raise invalid("'messages': this field is required.", "messages", "missing_required_parameter")
    if is_empty_array(messages):
        raise invalid("'messages': at least one message is required.", "messages", "invalid_value")
    return knobs, fields


def parse_request(body: bytes, location: Location) -> Request:
    """Read a whole request. Raises `FailureError` that names the field at fault."""
    del location
    knobs, fields = read_top(body)
    system, messages = _parse_messages(fields)
    reasoning, output, extras = _parse_output(fields)
    choice, parallel = _parse_choice(fields)
    metadata = _member(fields, "metadata", _METADATA.decode)
    stream = bool(knobs.stream)
    return Request(
        dialect=DIALECT,
        model=knobs.model,
        messages=messages,
        system=system,
        tools=_parse_tools(fields),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        sampling=Sampling(
            temperature=knobs.temperature,
            top_p=_unless_negative(knobs.top_p),
            top_k=_unless_negative(knobs.top_k),
        ),
        max_tokens=knobs.max_tokens,
        stop=tuple(knobs.stop_sequences or ()),
        output=output,
        reasoning=reasoning,
        user=None if metadata is None else metadata.user_id,
        service_tier=None
        if knobs.service_tier is None
        else _SERVICE_TIERS.get(knobs.service_tier, knobs.service_tier),
        cache=parse_cache(_member(fields, "cache_control", _CACHE.decode)),
        stream=stream,
        stream_usage=stream,
        extras=(*extras, *opaque(fields, _KNOWN)),
    )


V = TypeVar("V", int, float)


def _unless_negative(value: V | None) -> V | None:
    return None if value is None or value < 0 else value


def _member(fields: Fields, name: str, decode: Callable[[msgspec.Raw], T]) -> T | None:
    raw = fields.get(name, wire.NOTHING)
    return decoded(decode, raw, name) if wire.given(raw) else None


def _parse_messages(fields: Fields) -> tuple[tuple[Text, ...], tuple[Message, ...]]:
    system = list(_parse_system(_member(fields, "system", _CONTENT.decode) or "", "system"))
    raws = decoded(_RAWS.decode, fields["messages"], "messages")
    if len(raws) > wire.MAX_MESSAGES:
        raise invalid(
            f"'messages': at most {wire.MAX_MESSAGES} messages are accepted.", "messages", "invalid_value"
        )
    messages: list[Message] = []
    for index, raw in enumerate(raws):
        path = f"messages[{index}]"
        message = decoded(_MESSAGE.decode, raw, path)
        if message.role == "system" and not messages:
            # the format has it only later on; what leads is the system prompt all the same
            system += _parse_system(message.content, f"{path}.content")
            continue
        rest = opaque(decoded(_FIELDS.decode, raw, path), _MESSAGE_FIELDS)
        blocks = parse_content(message.content, f"{path}.content", message.role)
        messages.append(Message(Role(message.role), blocks, opaque=rest))
    return tuple(system), tuple(messages)


def _parse_system(content: str | list[msgspec.Raw], path: str) -> tuple[Text, ...]:
    blocks: list[Text] = []
    for index, block in enumerate(parse_content(content, path, None)):
        if not isinstance(block, Text):
            raise invalid(
                f"'{path}[{index}].type': expected `text`.", f"{path}[{index}].type", "invalid_value"
            )
        blocks.append(block)
    return tuple(blocks)


def _parse_tools(fields: Fields) -> tuple[Tool, ...]:
    raws = _member(fields, "tools", _RAWS.decode) or ()
    return tuple(_parse_tool(raw, f"tools[{index}]") for index, raw in enumerate(raws))


def _parse_tool(raw: msgspec.Raw, path: str) -> Tool:
    fields = decoded(_FIELDS.decode, raw, path)
    tool = decoded(_TOOL.decode, raw, path)
    if tool.type not in {None, "custom"}:
        return ServerTool(DIALECT, tool.type or "", bytes(raw))
    if not wire.given(tool.input_schema):
        raise invalid(
            f"'{path}.input_schema': this field is required.",
            f"{path}.input_schema",
            "missing_required_parameter",
        )
    if not opens_with(tool.input_schema, b"{"):
        raise invalid(f"'{path}.input_schema': expected an object.", f"{path}.input_schema", "invalid_value")
    return FunctionTool(
        tool.name,
        description=tool.description,
        parameters=bytes(tool.input_schema),
        strict=tool.strict,
        cache=parse_cache(tool.cache_control),
        opaque=opaque(fields, _TOOL_FIELDS),
    )


def _parse_choice(fields: Fields) -> tuple[ToolChoice | None, bool | None]:
    choice = _member(fields, "tool_choice", _CHOICE.decode)
    if choice is None:
        return None, None
    parallel = False if choice.disable_parallel_tool_use else None
    match choice.type:
        case "auto":
            return ToolChoice(ToolChoiceMode.AUTO), parallel
        case "any":
            return ToolChoice(ToolChoiceMode.REQUIRED), parallel
        case "none":
            return ToolChoice(ToolChoiceMode.NONE), parallel
        case "tool":
            if not choice.name:
                raise invalid(
                    "'tool_choice.name': this field is required.",
                    "tool_choice.name",
                    "missing_required_parameter",
                )
            return ToolChoice(ToolChoiceMode.NAMED, (choice.name,)), parallel


def _parse_output(fields: Fields) -> tuple[Reasoning | None, OutputFormat | None, tuple[Opaque, ...]]:
    """Reasoning, output format, and the members of `output_config` that only this format has."""
    config = _member(fields, "output_config", _OUTPUT.decode) or wire.OutputConfig()
    # the name that the format had before it was moved into `output_config`
    asked = config.format or _member(fields, "output_format", _FORMAT.decode)
    output = None
    if asked is not None:
        if not opens_with(asked.schema, b"{"):
            path = "output_config.format.schema"
            raise invalid(f"'{path}': expected an object.", path, "invalid_value")
        output = OutputFormat(OutputMode.JSON_SCHEMA, schema=bytes(asked.schema), strict=True)
    rest = opaque(_member(fields, "output_config", _FIELDS.decode) or {}, _OUTPUT_FIELDS)
    extras = tuple(Opaque(DIALECT, f"output_config.{each.field}", each.json) for each in rest)
    return _parse_reasoning(fields, config.effort), output, extras


def _parse_reasoning(fields: Fields, effort: str | None) -> Reasoning | None:
    thinking = _member(fields, "thinking", _THINKING.decode)
    if thinking is None:
        return None if effort is None else Reasoning(effort=effort)
    visible = None if thinking.display is None else thinking.display != "omitted"
    as_sent = (Opaque(DIALECT, "thinking", bytes(fields["thinking"])),)
    if effort is not None:
        as_sent = (*as_sent, Opaque(DIALECT, "effort", msgspec.json.encode(effort)))
    match thinking.type:
        case "disabled" | "between_tools":
            return Reasoning(effort="none", visible=visible, opaque=as_sent)
        case "enabled":
            if thinking.budget_tokens is None:
                raise invalid(
                    "'thinking.budget_tokens': this field is required.",
                    "thinking.budget_tokens",
                    "missing_required_parameter",
                )
            return Reasoning(budget=thinking.budget_tokens, visible=visible is not False, opaque=as_sent)
        case _:
            return Reasoning(effort=effort, budget=None if effort else -1, visible=visible, opaque=as_sent)
