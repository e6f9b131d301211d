"""What the fake OpenAI refuses in tools and in forms of answers."""

from collections.abc import Callable

import pytest

from dragoman.testing.json_value import JSON, Object

Refusal = Callable[[Object], Object | None]

WEATHER: Object = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}},
}
USER: Object = {"role": "user", "content": "Hi"}


def messages(*items: JSON) -> Object:
    return {"messages": list(items)}


def strict_format(schema: JSON, strict: bool = True) -> Object:
    named: Object = {"name": "answer", "strict": strict, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


REFUSED: list[tuple[Object, str, str | None, str | None]] = [
    ({"tools": []}, "empty array", "tools", "empty_array"),
    ({"tools": [WEATHER for _ in range(129)]}, "maximum length 128", "tools", "array_above_max_length"),
    (
        {"tools": [{"type": "function", "function": {"name": "a.b"}}]},
        "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
        "tools[0].function.name",
        "invalid_value",
    ),
    (
        {"tools": [{"type": "function", "function": {"name": "x" * 65}}]},
        "maximum length 64",
        "tools[0].function.name",
        "string_above_max_length",
    ),
    (
        {"tools": [{**WEATHER, "cache_control": {"type": "ephemeral"}}]},
        "Unknown parameter: 'tools[0].cache_control'.",
        "tools[0].cache_control",
        "unknown_parameter",
    ),
    (
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "array"}}}]},
        "Invalid schema for function 'f': schema must be a JSON Schema of 'type: \"object\"', got",
        "tools[0].function.parameters",
        "invalid_function_parameters",
    ),
    (
        {"tools": [{"type": "retrieval"}]},
        "Supported values are: 'function' and 'custom'.",
        "tools[0].type",
        "invalid_value",
    ),
    (
        {"tool_choice": "auto"},
        "'tool_choice' is only allowed when 'tools' are specified.",
        "tool_choice",
        None,
    ),
    (
        {"parallel_tool_calls": True},
        "'parallel_tool_calls' is only allowed when 'tools' are specified.",
        "parallel_tool_calls",
        None,
    ),
    ({"tools": [WEATHER], "tool_choice": "any"}, "Invalid value: 'any'.", "tool_choice", "invalid_value"),
    (
        {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "other"}}},
        "no tool named 'other' was specified",
        "tool_choice",
        None,
    ),
    (
        {"tools": [WEATHER], "functions": [{"name": "f"}]},
        "cannot be provided at the same time",
        "functions",
        "invalid_parameter_combination",
    ),
    (
        {"response_format": {"type": "json_object"}},
        "'messages' must contain the word 'json' in some form, to use 'response_format' of type",
        "messages",
        None,
    ),
    (
        {"response_format": {"type": "xml"}},
        "Supported values are: 'json_object', 'json_schema', and 'text'.",
        "response_format.type",
        "invalid_value",
    ),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
        "Missing required parameter: 'response_format.json_schema.name'.",
        "response_format.json_schema.name",
        "missing_required_parameter",
    ),
    (
        strict_format({"type": "object", "properties": {}}),
        "In context=(), 'additionalProperties' is required to be supplied and to be false.",
        "response_format",
        None,
    ),
    (
        strict_format(
            {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
        ),
        "to be an array including every key in properties. Missing 'a'.",
        "response_format",
        None,
    ),
    (
        strict_format(
            {
                "type": "object",
                "properties": {"a": {"oneOf": [{"type": "string"}]}},
                "required": ["a"],
                "additionalProperties": False,
            }
        ),
        "In context=('properties', 'a'), 'oneOf' is not permitted.",
        "response_format",
        None,
    ),
    (strict_format({"type": "array"}), "got 'type: \"array\"'", "response_format", None),
    (
        strict_format(
            {
                "type": "object",
                "properties": {"a": {"type": "array"}},
                "required": ["a"],
                "additionalProperties": False,
            }
        ),
        "In context=('properties', 'a'), array schema missing items.",
        "response_format",
        None,
    ),
]


@pytest.mark.parametrize(("fields", "message", "param", "code"), REFUSED)
def test_a_request_is_refused_in_the_vendors_words(
    openai_refusal: Refusal, fields: Object, message: str, param: str | None, code: str | None
) -> None:
    error = openai_refusal(fields)

    assert error is not None
    assert (error["status"], error["type"]) == (400, "invalid_request_error")
    assert message in str(error["message"])
    if param is not None:
        assert error["param"] == param
    if code is not None:
        assert error["code"] == code


ACCEPTED: dict[str, Object] = {
    "a forced tool": {"tools": [WEATHER], "tool_choice": "required", "parallel_tool_calls": False},
    "allowed tools": {
        "tools": [WEATHER],
        "tool_choice": {
            "type": "allowed_tools",
            "allowed_tools": {
                "mode": "auto",
                "tools": [{"type": "function", "function": {"name": "get_weather"}}],
            },
        },
    },
    "json asked for": {
        "response_format": {"type": "json_object"},
        **messages({"role": "system", "content": [{"type": "text", "text": "Write JSON."}]}, USER),
    },
    "a schema that is not strict": strict_format({"type": "object", "properties": {"a": {}}}, strict=False),
}


@pytest.mark.parametrize("fields", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_good_request_is_accepted(openai_refusal: Refusal, fields: Object) -> None:
    assert openai_refusal(fields) is None
