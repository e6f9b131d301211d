"""What Google refuses in tools, schemas and `generationConfig`, once their form is right."""

import re

from dragoman.models.profile import Profile
from dragoman.testing.json_value import JSON, Object
from dragoman.testing.rules.gemini_errors import field_error, refused

MOST_STOPS = 5
MOST_CANDIDATES = 8
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}\Z")
_NAME_RULE = (
    "[FIELD_INVALID] Invalid function name. Must start with a letter or an underscore. Must be alphanumeric "
    "(a-z, A-Z, 0-9), underscores (_), dots (.), colons (:) or dashes (-), with a maximum length of 128."
)
_MIME_TYPES = ("text/plain", "application/json", "application/xml", "application/yaml", "text/x.enum")


def members(value: JSON) -> Object:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: JSON) -> list[Object]:
    """The objects among a list's elements; none where there is no list."""
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []


def check_tools(message: Object) -> set[str]:
    """The names of declared functions. Raises `RefusedError` for tools, or a choice among them, that
    Google refuses.
    """
    names: set[str] = set()
    for place, tool in enumerate(objects(message.get("tools"))):
        for number, declaration in enumerate(objects(tool.get("function_declarations"))):
            path = f"tools[{place}].function_declarations[{number}]"
            name = declaration.get("name")
            if not isinstance(name, str) or not _NAME.match(name):
                raise field_error(f"{path}.name", _NAME_RULE)
            if name in names:
                raise refused(f"Duplicate function declaration found: {name}")
            names.add(name)
            if "parameters" in declaration and "parameters_json_schema" in declaration:
                raise field_error(path, "parameters and parameters_json_schema must not both be set.")
            if "parameters" in declaration:
                check_schema(members(declaration["parameters"]), f"{path}.parameters", root=True)
            elif not isinstance(declaration.get("parameters_json_schema", {}), dict):
                raise field_error(f"{path}.parameters_json_schema", "must be a JSON Schema object.")
    config = members(members(message.get("tool_config")).get("function_calling_config"))
    allowed = config.get("allowed_function_names")
    if isinstance(allowed, list) and allowed:
        if config.get("mode") not in {"ANY", "VALIDATED"}:
            raise refused(
                "Function calling config: allowed_function_names should only be set when the function "
                "calling mode is ANY or VALIDATED."
            )
        for number, name in enumerate(allowed):
            if name not in names:
                where = f"tool_config.function_calling_config.allowed_function_names[{number}]"
                raise field_error(where, f"'{name}' is not a declared function.")
    if config.get("mode") in {"ANY", "VALIDATED"} and not names:
        raise refused("Function calling config is set without function_declarations.")
    return names


def check_schema(schema: Object, path: str, *, root: bool = False) -> None:
    """Raise `RefusedError` for a `Schema` that says too little or contradicts itself."""
    kind = schema.get("type")
    if kind is None and not schema.get("any_of"):
        raise field_error(f"{path}.type", "must be specified.")
    if root and kind != "OBJECT":
        raise field_error(path, "schema must be of type OBJECT.")
    properties = members(schema.get("properties"))
    if properties and kind not in {"OBJECT", None}:
        raise field_error(f"{path}.properties", "only allowed for OBJECT type")
    required = schema.get("required")
    for place, name in enumerate(required if isinstance(required, list) else []):
        if name not in properties:
            raise field_error(f"{path}.required[{place}]", "property is not defined")
    if kind == "ARRAY" and "items" not in schema:
        raise field_error(f"{path}.items", "missing field.")
    if schema.get("enum") and kind != "STRING":
        raise field_error(f"{path}.enum", "only allowed for STRING type")
    if schema.get("format") in {"date", "time"} and kind == "STRING":
        form = schema["format"]
        raise refused(f"{path}: only 'enum' and 'date-time' are supported for STRING type, not '{form}'")
    if isinstance(items := schema.get("items"), dict):
        check_schema(items, f"{path}.items")
    for name, inner in properties.items():
        check_schema(members(inner), f"{path}.properties[{name}]")
    for place, inner in enumerate(objects(schema.get("any_of"))):
        check_schema(inner, f"{path}.any_of[{place}]")


def check_generation(message: Object, profile: Profile) -> None:
    """Raise `RefusedError` for a `generationConfig` that Google refuses."""
    config = members(message.get("generation_config"))
    _check_ranges(config)
    stops = config.get("stop_sequences")
    if isinstance(stops, list) and len(stops) > MOST_STOPS:
        raise field_error("generation_config.stop_sequences", f"at most {MOST_STOPS} are allowed.")
    if isinstance(stops, list) and "" in stops:
        raise field_error("generation_config.stop_sequences", "must not contain empty strings.")
    limit = config.get("max_output_tokens")
    if isinstance(limit, int) and profile.max_output_tokens is not None and limit > profile.max_output_tokens:
        raise refused(
            "Unable to submit request because it has a maxOutputTokens value of "
            f"{limit} but the supported range is from 1 (inclusive) to {profile.max_output_tokens + 1} "
            "(exclusive). Update the value and try again."
        )
    candidates = config.get("candidate_count")
    if isinstance(candidates, int) and candidates > 1 and not profile.candidates:
        raise refused("Multiple candidates is not enabled for this model")
    if "logprobs" in config and config.get("response_logprobs") is not True:
        raise refused("logprobs is only allowed when response_logprobs is true.")
    _check_form(config, message, profile)
    if "thinking_config" in config:
        _check_thinking(members(config["thinking_config"]), profile)


def _check_ranges(config: Object) -> None:
    for name, least, most in (
        ("temperature", 0.0, 2.0),
        ("top_p", 0.0, 1.0),
        ("presence_penalty", -2.0, 2.0),
        ("frequency_penalty", -2.0, 2.0),
        ("logprobs", 0, 20),
        ("candidate_count", 1, MOST_CANDIDATES),
    ):
        value = config.get(name)
        if isinstance(value, int | float) and not least <= value <= most:
            raise field_error(f"generation_config.{name}", f"must be in the range [{least}, {most}]")
    for name in ("top_k", "max_output_tokens"):
        value = config.get(name)
        if isinstance(value, int) and value < 1:
            raise field_error(f"generation_config.{name}", "must be positive.")


def _check_form(config: Object, message: Object, profile: Profile) -> None:
    form = config.get("response_mime_type", "text/plain")
    if form not in _MIME_TYPES:
        raise field_error(
            "generation_config.response_mime_type", f"allowed mimetypes are {list(_MIME_TYPES)}."
        )
    schemas = [name for name in ("response_schema", "response_json_schema") if name in config]
    if len(schemas) > 1:
        raise field_error(
            "generation_config", "response_schema and response_json_schema must not both be set."
        )
    if schemas and form == "text/plain":
        raise field_error(
            f"generation_config.{schemas[0]}",
            "only allowed when response_mime_type is application/json or text/x.enum.",
        )
    if "response_schema" in config:
        check_schema(members(config["response_schema"]), "generation_config.response_schema")
    declared = any("function_declarations" in tool for tool in objects(message.get("tools")))
    if form != "text/plain" and declared and not profile.tools_with_schema:
        raise refused(f"Function calling with a response mime type: '{form}' is unsupported")


def _check_thinking(config: Object, profile: Profile) -> None:
    budget, level = config.get("thinking_budget"), config.get("thinking_level")
    if budget is not None and level is not None:
        raise refused("You can only set only one of thinking budget and thinking level.")
    if profile.family == "unknown":
        return
    if profile.reasoning == "none" and (budget not in {None, 0} or level is not None):
        raise refused("Thinking is not supported by this model.")
    if isinstance(level, str):
        if profile.reasoning == "budget":
            raise refused("Thinking level is not supported for this model.")
        if level.lower() not in profile.efforts:
            raise refused(f"Thinking level {level} is not supported for this model.")
    if isinstance(budget, int) and profile.reasoning == "budget" and budget != -1:
        if budget == 0 and not profile.reasoning_off:
            raise refused("Budget 0 is invalid. This model only works in thinking mode.")
        most = profile.budget_max
        if (budget and budget < profile.budget_min) or (most is not None and budget > most):
            raise refused(
                f"The thinking budget {budget} is invalid. Please choose a value between "
                f"{profile.budget_min} and {most}."
            )
