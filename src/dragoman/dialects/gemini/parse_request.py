"""A request of this format, read whole."""

from collections.abc import Iterator

import msgspec
from msgspec import Raw

from dragoman.conversation.failure import invalid
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import (
    FunctionTool,
    OutputFormat,
    OutputMode,
    Reasoning,
    Request,
    Sampling,
    ServerTool,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)
from dragoman.dialects.dialect import Location
from dragoman.dialects.gemini.parse_contents import parse_contents, parse_system
from dragoman.dialects.gemini.passthrough import read_fields, read_generation_config, read_model
from dragoman.dialects.gemini.schema import parse_json_schema, parse_schema
from dragoman.dialects.gemini.spelling import TOOL, TOOL_CONFIG, decode_member
from dragoman.dialects.gemini.wire import (
    FunctionCallingConfig,
    FunctionDeclaration,
    GenerationConfig,
    ThinkingConfig,
    given,
)

DIALECT = "gemini"

_TOOLS: msgspec.json.Decoder[list[dict[str, Raw]] | dict[str, Raw]] = msgspec.json.Decoder(
    list[dict[str, Raw]] | dict[str, Raw]
)
_DECLARATIONS: msgspec.json.Decoder[list[FunctionDeclaration] | FunctionDeclaration] = msgspec.json.Decoder(
    list[FunctionDeclaration] | FunctionDeclaration
)
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_CALLING = msgspec.json.Decoder(FunctionCallingConfig)
_STRING = msgspec.json.Decoder(str)

_READ = frozenset({"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "serviceTier"})
_READ_CONFIG = frozenset(
    {
        "temperature",
        "topP",
        "topK",
        "candidateCount",
        "maxOutputTokens",
        "stopSequences",
        "presencePenalty",
        "frequencyPenalty",
        "seed",
        "responseMimeType",
        "responseSchema",
        "responseJsonSchema",
        "responseLogprobs",
        "logprobs",
        "thinkingConfig",
    }
)


def parse_request(body: bytes, location: Location) -> Request:
    """Read a whole request. Raises `FailureError` that names the field at fault."""
    fields = read_fields(body)
    config, config_members = read_generation_config(fields)
    output, output_extras = _output(config, config_members)
    choice, choice_extras = _tool_choice(fields.get("toolConfig"))
    validated = any(field.field == _MODE for field in choice_extras)
    tier = fields.get("serviceTier")
    system = fields.get("systemInstruction")
    extras = [
        *(Opaque(DIALECT, name, bytes(raw)) for name, raw in fields.items() if _kept(name, raw)),
        *(
            Opaque(DIALECT, f"generationConfig.{name}", bytes(raw))
            for name, raw in config_members.items()
            if name not in _READ_CONFIG and given(raw)
        ),
        *output_extras,
        *choice_extras,
    ]
    return Request(
        dialect=DIALECT,
        model=read_model(location),
        messages=parse_contents(fields["contents"]),
        system=parse_system(system) if system is not None and given(system) else (),
        tools=tuple(_held(tool) if validated else tool for tool in _tools(fields.get("tools"))),
        tool_choice=choice,
        sampling=Sampling(
            temperature=config.temperature,
            top_p=config.top_p,
            top_k=config.top_k,
            presence_penalty=config.presence_penalty,
            frequency_penalty=config.frequency_penalty,
            seed=config.seed,
        ),
        max_tokens=config.max_output_tokens,
        stop=tuple(config.stop_sequences or ()),
        candidates=config.candidate_count or 1,
        top_logprobs=(config.logprobs or 0) if config.response_logprobs else None,
        output=output,
        reasoning=_reasoning(config.thinking_config),
        service_tier=_service_tier(tier) if tier is not None and given(tier) else None,
        stream=location.stream,
        stream_usage=True,
        extras=tuple(extras),
    )


def _kept(name: str, raw: Raw) -> bool:
    # older clients repeat the model of the URL in the body
    return name not in _READ and name != "model" and given(raw)


def _service_tier(raw: Raw) -> str | None:
    tier = decode_member(_STRING, raw, "serviceTier", {}).lower().removeprefix("service_tier_")
    return "default" if tier == "standard" else None if tier == "unspecified" else tier


# --- tools ---------------------------------------------------------------------------------------


def _tools(raw: Raw | None) -> Iterator[Tool]:
    if raw is None or not given(raw):
        return
    decoded = decode_member(_TOOLS, raw, "tools", TOOL)
    for place, tool in enumerate([decoded] if isinstance(decoded, dict) else decoded):
        for kind, declaration in tool.items():
            if not given(declaration):
                continue
            if kind == "functionDeclarations":
                yield from _functions(declaration, f"tools[{place}].functionDeclarations")
            else:
                yield ServerTool(DIALECT, kind, msgspec.json.encode({kind: declaration}))


def _functions(raw: Raw, path: str) -> Iterator[FunctionTool]:
    decoded = decode_member(_DECLARATIONS, raw, path, {})
    declarations = [decoded] if isinstance(decoded, FunctionDeclaration) else decoded
    for place, wire in enumerate(declarations):
        parameters: bytes | None = None
        if given(wire.parameters_json_schema):
            schema = bytes(wire.parameters_json_schema)
            parameters = parse_json_schema(schema, f"{path}[{place}].parametersJsonSchema")
        elif given(wire.parameters):
            parameters = parse_schema(bytes(wire.parameters), f"{path}[{place}].parameters")
        yield FunctionTool(
            wire.name,
            wire.description,
            parameters,
            opaque=tuple(
                Opaque(DIALECT, name, bytes(member))
                for name, member in (
                    ("parameters", wire.parameters),
                    ("response", wire.response),
                    ("responseJsonSchema", wire.response_json_schema),
                    ("behavior", wire.behavior),
                )
                if given(member)
            ),
        )


def _held(tool: Tool) -> Tool:
    """The tool, its calls held to its schema."""
    return msgspec.structs.replace(tool, strict=True) if isinstance(tool, FunctionTool) else tool


_MODE = "toolConfig.functionCallingConfig.mode"
_MODES = {0: "AUTO", 1: "AUTO", 2: "ANY", 3: "NONE", 4: "VALIDATED"}


def _tool_choice(raw: Raw | None) -> tuple[ToolChoice | None, list[Opaque]]:
    """The choice, and what else `toolConfig` holds."""
    if raw is None or not given(raw):
        return None, []
    members = decode_member(_MEMBERS, raw, "toolConfig", TOOL_CONFIG)
    extras = [
        Opaque(DIALECT, f"toolConfig.{name}", bytes(member))
        for name, member in members.items()
        if name != "functionCallingConfig" and given(member)
    ]
    calling = members.get("functionCallingConfig")
    if calling is None or not given(calling):
        return None, extras
    path = "toolConfig.functionCallingConfig"
    wire = decode_member(_CALLING, calling, path, {})
    rest = decode_member(_MEMBERS, calling, path, {})
    extras.extend(
        Opaque(DIALECT, f"{path}.{name}", bytes(member))
        for name, member in rest.items()
        if name not in {"mode", "allowedFunctionNames"} and given(member)
    )
    mode = _MODES.get(wire.mode, "") if isinstance(wire.mode, int) else (wire.mode or "AUTO").upper()
    names = tuple(wire.allowed_function_names or ())
    match mode:
        case "AUTO" | "MODE_UNSPECIFIED":
            return ToolChoice(ToolChoiceMode.AUTO), extras
        case "NONE":
            return ToolChoice(ToolChoiceMode.NONE), extras
        case "VALIDATED":
            # other formats say it of each tool; a renderer of this one says it again
            extras.append(Opaque(DIALECT, _MODE, b'"VALIDATED"'))
            chosen = ToolChoiceMode.ALLOWED if names else ToolChoiceMode.AUTO
            return ToolChoice(chosen, names), extras
        case "ANY":
            if len(names) == 1:
                return ToolChoice(ToolChoiceMode.NAMED, names), extras
            chosen = ToolChoiceMode.REQUIRED_ALLOWED if names else ToolChoiceMode.REQUIRED
            return ToolChoice(chosen, names), extras
        case _:
            raise invalid(f"'{path}.mode': expected AUTO, ANY, NONE or VALIDATED.", param=f"{path}.mode")


# --- what is asked of the answer -----------------------------------------------------------------


def _output(config: GenerationConfig, members: dict[str, Raw]) -> tuple[OutputFormat | None, list[Opaque]]:
    mime = config.response_mime_type or ""
    if mime == "text/x.enum":
        # an answer that is one bare word of an enumeration: no other format has it
        names = ("responseMimeType", "responseSchema", "responseJsonSchema")
        return _held_to_schema(config), [
            Opaque(DIALECT, f"generationConfig.{name}", bytes(members[name]))
            for name in names
            if name in members and given(members[name])
        ]
    if mime not in {"", "text/plain", "application/json"}:
        path = "generationConfig.responseMimeType"
        raise invalid(f"'{path}': expected text/plain, application/json or text/x.enum.", param=path)
    output = _held_to_schema(config)
    if output is not None:
        own = not given(config.response_json_schema)
        return output, [Opaque(DIALECT, _RESPONSE_SCHEMA, bytes(config.response_schema))] if own else []
    if mime == "application/json":
        return OutputFormat(OutputMode.JSON_OBJECT), []
    return None, []


_RESPONSE_SCHEMA = "generationConfig.responseSchema"


def _held_to_schema(config: GenerationConfig) -> OutputFormat | None:
    if given(config.response_json_schema):
        path = "generationConfig.responseJsonSchema"
        schema = parse_json_schema(bytes(config.response_json_schema), path)
    elif given(config.response_schema):
        schema = parse_schema(bytes(config.response_schema), _RESPONSE_SCHEMA)
    else:
        return None
    return OutputFormat(OutputMode.JSON_SCHEMA, schema)


_LEVELS = frozenset({"minimal", "low", "medium", "high", "xhigh"})


def _reasoning(wire: ThinkingConfig | None) -> Reasoning | None:
    if wire is None:
        return None
    level = wire.thinking_level
    effort = level.lower() if isinstance(level, str) else None
    if level in {0, "", "THINKING_LEVEL_UNSPECIFIED"}:
        effort = None
    elif level is not None and effort not in _LEVELS:
        path = "generationConfig.thinkingConfig.thinkingLevel"
        raise invalid(f"'{path}': expected MINIMAL, LOW, MEDIUM, HIGH or XHIGH.", param=path)
    return Reasoning(effort=effort, budget=wire.thinking_budget, visible=bool(wire.include_thoughts))
