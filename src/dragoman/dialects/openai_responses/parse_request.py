"""Whole requests of clients."""

import msgspec

from dragoman.conversation.blocks import Text
from dragoman.conversation.failure import invalid
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import OutputFormat, OutputMode, Reasoning, Request, Sampling
from dragoman.dialects.dialect import Location
from dragoman.dialects.effort import EFFORTS
from dragoman.dialects.openai_responses.head import Fields, given, settings, top_level
from dragoman.dialects.openai_responses.parse_input import parse_input
from dragoman.dialects.openai_responses.parse_tools import (
    added_tools,
    names_hosted_tool,
    parse_tool_choice,
    parse_tools,
)
from dragoman.dialects.openai_responses.wire import ENCRYPTED, LOGPROBS, NAME, FormatWire, SettingsWire

_SETTINGS = msgspec.json.Decoder(SettingsWire)
_SETTING_NAMES = frozenset(SettingsWire.__struct_fields__)
_MEMBERS: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])

INSTRUCTIONS = Opaque(NAME, "instructions", b"true")
"""Marks the instruction that came in this field, and not in an item: answers repeat it."""

_READ = _SETTING_NAMES - {"store", "previous_response_id", "safety_identifier"} | {"input", "tools"}
_DEFAULTS = {"background": b"false", "truncation": b'"disabled"'}
"""Wishes that go without saying: no other format has to do anything for them."""
_NO_ITEMS = msgspec.Raw(b"[]")


def parse_request(body: bytes, location: Location) -> Request:
    """Read a whole request. Raises `FailureError` that names the field at fault."""
    del location
    fields = top_level(body)
    wire = settings(body, fields, _SETTINGS, _SETTING_NAMES)
    conversation = parse_input(fields["input"] if given(fields, "input") else _NO_ITEMS)
    tools = parse_tools(bytes(fields["tools"])) if given(fields, "tools") else ()
    tools = (*tools, *added_tools(conversation.added_tools))
    instructions = () if wire.instructions is None else (Text(wire.instructions, opaque=(INSTRUCTIONS,)),)
    return Request(
        dialect=NAME,
        model=wire.model,
        messages=conversation.messages,
        system=(*instructions, *conversation.system),
        tools=tools,
        tool_choice=parse_tool_choice(wire.tool_choice, tools),
        parallel_tool_calls=wire.parallel_tool_calls,
        sampling=Sampling(temperature=wire.temperature, top_p=wire.top_p),
        max_tokens=wire.max_output_tokens,
        top_logprobs=_top_logprobs(wire),
        output=_output(None if wire.text is None else wire.text.format),
        reasoning=_reasoning(fields, wire),
        user=wire.user or wire.safety_identifier,
        service_tier=wire.service_tier,
        metadata=wire.metadata,
        verbosity=None if wire.text is None else wire.text.verbosity,
        stream=wire.stream is True,
        stream_usage=True,
        extras=_extras(fields, wire),
    )


def _top_logprobs(wire: SettingsWire) -> int | None:
    if wire.top_logprobs is None and LOGPROBS in (wire.include or ()):
        return 0
    return wire.top_logprobs


def _output(form: FormatWire | None) -> OutputFormat | None:
    if form is None:
        return None
    match form.type:
        case "text":
            return OutputFormat(OutputMode.TEXT)
        case "json_object":
            return OutputFormat(OutputMode.JSON_OBJECT)
        case "json_schema":
            return OutputFormat(
                OutputMode.JSON_SCHEMA, bytes(form.schema), form.name, form.description, form.strict
            )


def _reasoning(fields: Fields, wire: SettingsWire) -> Reasoning | None:
    """How much to reason. Clients read it where they ask for a summary, and only there."""
    asked = wire.reasoning
    if asked is None:
        return None
    if asked.effort is not None and asked.effort not in EFFORTS:
        raise invalid(
            f"'reasoning.effort': '{asked.effort}' is not known; expected {', '.join(EFFORTS)}.",
            "reasoning.effort",
            "invalid_value",
        )
    opaque = tuple(
        Opaque(NAME, name, value)
        for name, raw in _MEMBERS.decode(bytes(fields["reasoning"])).items()
        if name != "effort" and (value := bytes(raw)) != b"null"
    )
    return Reasoning(
        asked.effort,
        visible=(asked.summary or asked.generate_summary or "none") != "none",
        opaque=opaque,
    )


def _extras(fields: Fields, wire: SettingsWire) -> tuple[Opaque, ...]:
    """What only this dialect has, in the client's order."""
    kept: list[Opaque] = []
    hosted = names_hosted_tool(wire.tool_choice)
    for name, raw in fields.items():
        value = bytes(raw)
        if value == b"null" or value == _DEFAULTS.get(name):
            continue
        if name == "include":
            others = [word for word in wire.include or () if word not in {ENCRYPTED, LOGPROBS}]
            if others:
                kept.append(Opaque(NAME, name, msgspec.json.encode(others)))
        elif name not in _READ or name in _DEFAULTS or (name == "tool_choice" and hosted):
            kept.append(Opaque(NAME, name, value))
    return tuple(kept)
