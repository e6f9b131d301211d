"""Whole requests of a client."""

import msgspec

from dragoman.conversation.failure import FailureError, invalid
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import (
    OutputFormat,
    OutputMode,
    Reasoning,
    Request,
    Sampling,
    ServerTool,
    Tool,
    ToolChoice,
)
from dragoman.dialects.dialect import Location
from dragoman.dialects.effort import EFFORTS
from dragoman.dialects.json_text import is_given
from dragoman.dialects.openai_chat.head import Fields, settings, top_level
from dragoman.dialects.openai_chat.parse_content import cache_mark
from dragoman.dialects.openai_chat.parse_message import parse_messages
from dragoman.dialects.openai_chat.parse_tools import (
    parse_function_call,
    parse_functions,
    parse_tool_choice,
    parse_tools,
)
from dragoman.dialects.openai_chat.wire import NAME, WEB_SEARCH, JSONSchemaWire, SettingsWire

_SETTINGS = msgspec.json.Decoder(SettingsWire)
_SETTING_NAMES = frozenset(SettingsWire.__struct_fields__)
_READ = _SETTING_NAMES | {"messages", "tools", "functions", "web_search_options"}


def parse_request(body: bytes, location: Location) -> Request:
    """Read a whole request. Raises `FailureError` that names the field at fault."""
    del location
    fields = top_level(body)
    wire = settings(body, fields, _SETTINGS, _SETTING_NAMES)
    system, messages = parse_messages(fields["messages"])
    legacy = _given(fields, "functions") or wire.function_call is not None
    tools, choice = _tools(fields, wire, legacy=legacy)
    return Request(
        dialect=NAME,
        model=wire.model,
        messages=messages,
        system=system,
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=False if legacy else wire.parallel_tool_calls,
        sampling=Sampling(
            wire.temperature,
            wire.top_p,
            wire.top_k,
            wire.presence_penalty,
            wire.frequency_penalty,
            wire.seed,
            dict(wire.logit_bias) if wire.logit_bias else None,
        ),
        max_tokens=_smaller(wire.max_tokens, wire.max_completion_tokens),
        stop=_stop(wire.stop),
        candidates=wire.n or 1,
        top_logprobs=_top_logprobs(wire),
        output=_output(wire),
        reasoning=_reasoning(fields, wire),
        user=wire.user or wire.safety_identifier,
        service_tier=wire.service_tier,
        metadata=wire.metadata,
        verbosity=wire.verbosity,
        cache=cache_mark(wire.cache_control),
        stream=wire.stream is True,
        stream_usage=wire.stream_options is not None and wire.stream_options.include_usage is True,
        legacy_functions=legacy,
        extras=_extras(fields, wire),
    )


def _given(fields: Fields, name: str) -> bool:
    return name in fields and is_given(fields[name])


def _tools(fields: Fields, wire: SettingsWire, *, legacy: bool) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    if legacy and (_given(fields, "tools") or wire.tool_choice is not None):
        raise invalid(
            "'functions': cannot be mixed with 'tools'; use 'tools' and 'tool_choice' alone.", "functions"
        )
    if legacy:
        tools = parse_functions(bytes(fields["functions"])) if _given(fields, "functions") else ()
        return tools, parse_function_call(wire.function_call, tools)
    tools = parse_tools(bytes(fields["tools"])) if _given(fields, "tools") else ()
    choice = parse_tool_choice(wire.tool_choice, tools)
    if _given(fields, WEB_SEARCH):
        tools = (*tools, ServerTool(NAME, WEB_SEARCH, bytes(fields[WEB_SEARCH])))
    return tools, choice


def _smaller(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def _stop(stop: str | list[str] | None) -> tuple[str, ...]:
    if not stop:
        return ()
    return (stop,) if isinstance(stop, str) else tuple(filter(None, stop))


def _top_logprobs(wire: SettingsWire) -> int | None:
    """The alternatives wanted for each token. Some hosts' clients give their number in `logprobs`."""
    if not wire.logprobs:
        return None
    given = 0 if wire.logprobs is True else min(int(wire.logprobs), 20)
    return given if wire.top_logprobs is None else wire.top_logprobs


def _output(wire: SettingsWire) -> OutputFormat | None:
    form = wire.response_format
    if form is None:
        return None
    match form.type:
        case "text":
            return OutputFormat(OutputMode.TEXT)
        case "json_object":
            return OutputFormat(OutputMode.JSON_OBJECT)
        case "json_schema":
            named = form.json_schema or JSONSchemaWire()
            return OutputFormat(
                OutputMode.JSON_SCHEMA, bytes(named.schema), named.name, named.description, named.strict
            )
        case "grammar" | "structural_tag":
            return None  # among the extras: only some hosts of this dialect know them


def _reasoning(fields: Fields, wire: SettingsWire) -> Reasoning | None:
    """How much to reason, from OpenAI's field, OpenRouter's object or DeepSeek's switch."""
    effort, budget, visible = wire.reasoning_effort, None, wire.include_reasoning
    asked, switch = wire.reasoning, wire.thinking
    path = "reasoning_effort"
    if asked is not None:
        if effort is None:
            effort, budget, path = asked.effort, asked.max_tokens, "reasoning.effort"
        if effort is None and budget is None and asked.enabled is not None:
            effort = "medium" if asked.enabled else "none"
        visible = visible if asked.exclude is None else not asked.exclude
    if switch is not None and effort is None and budget is None:
        effort = "none" if switch.type == "disabled" else None
        budget = None if effort else switch.budget_tokens
    if effort == "default":
        effort = None
    if effort is not None and effort not in EFFORTS:
        raise _bad_effort(effort, path)
    opaque = (Opaque(NAME, "thinking", bytes(fields["thinking"])),) if switch is not None else ()
    if effort is None and budget is None and visible is None and not opaque:
        return None
    return Reasoning(effort, None if effort else budget, visible, opaque)


def _bad_effort(effort: str, path: str) -> FailureError:
    return invalid(
        f"'{path}': '{effort}' is not known; expected {', '.join(EFFORTS)}.", path, "invalid_value"
    )


def _extras(fields: Fields, wire: SettingsWire) -> tuple[Opaque, ...]:
    """What only this dialect has, in the client's order."""
    if _READ.issuperset(fields) and wire.safety_identifier is wire.response_format is None:
        return ()
    own = set[str]()
    if wire.safety_identifier is not None:
        own.add("safety_identifier")
    if wire.response_format is not None and wire.response_format.type in {"grammar", "structural_tag"}:
        own.add("response_format")
    return tuple(
        Opaque(NAME, name, bytes(raw))
        for name, raw in fields.items()
        if (name in own or name not in _READ) and is_given(raw)
    )
