"""Fields of Responses requests that OpenAI takes, and those that it refuses."""

from collections.abc import Callable

import pytest

from dragoman.testing.json_value import JSON, Object

Refusal = Callable[[Object], Object | None]

REASONING = "gpt-5"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"instructions": "Be brief.", "max_output_tokens": 16, "temperature": 2, "top_p": 0.5},
        {"store": False, "stream": True, "stream_options": {"include_obfuscation": False}},
        {"client_metadata": {"thread_id": "t"}},
        {"metadata": {"key": "value"}, "user": "me", "safety_identifier": "x" * 64, "service_tier": "flex"},
        {"parallel_tool_calls": False, "tool_choice": "auto", "truncation": "auto", "max_tool_calls": 1},
        {"top_logprobs": 20, "include": ["message.output_text.logprobs"]},
        {"model": REASONING, "reasoning": {"effort": "low", "summary": "auto"}},
        {"model": REASONING, "include": ["reasoning.encrypted_content"], "temperature": 1},
        {"model": "gpt-5.1", "reasoning": {"effort": "none"}, "temperature": 0.2},
        {"input": None, "previous_response_id": "resp_1"},
        {"input": None, "conversation": {"id": "conv_1"}},
        {"input": None, "model": None, "prompt": {"id": "pmpt_1", "variables": {"a": "b"}}},
        {"input": "JSON please", "text": {"format": {"type": "json_object"}, "verbosity": "low"}},
        {"prompt_cache_key": "k", "prompt_cache_options": {"mode": "explicit", "ttl": "12h"}},
        {"previous_response_id": None, "metadata": None, "tools": []},
    ],
)
def test_a_request_by_the_rules_is_accepted(responses_refusal: Refusal, fields: Object) -> None:
    assert responses_refusal(fields) is None


@pytest.mark.parametrize(
    ("fields", "message", "param", "code"),
    [
        ({"stop": ["a"]}, "Unknown parameter: 'stop'.", "stop", "unknown_parameter"),
        ({"n": 2}, "Unknown parameter: 'n'.", "n", "unknown_parameter"),
        ({"max_tokens": 5}, "Unknown parameter: 'max_tokens'.", "max_tokens", "unknown_parameter"),
        (
            {"reasoning": {"budget": 5}},
            "Unknown parameter: 'reasoning.budget'.",
            "reasoning.budget",
            "unknown_parameter",
        ),
        (
            {"text": {"schema": {}}},
            "Unknown parameter: 'text.schema'.",
            "text.schema",
            "unknown_parameter",
        ),
        ({"model": None}, "Missing required parameter: 'model'.", "model", "missing_required_parameter"),
        (
            {"input": None},
            "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation_id' must be provided.",
            "input",
            "missing_required_parameter",
        ),
        (
            {"input": 5},
            (
                "Invalid type for 'input': expected one of a string or array of input items, but got an "
                "integer instead."
            ),
            "input",
            "invalid_type",
        ),
        (
            {"max_output_tokens": 15},
            (
                "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16, but got "
                "15 instead."
            ),
            "max_output_tokens",
            "integer_below_min_value",
        ),
        (
            {"temperature": 2.1},
            "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 2.1 instead.",
            "temperature",
            "decimal_above_max_value",
        ),
        (
            {"top_logprobs": 21},
            (
                "Invalid 'top_logprobs': integer above maximum value. Expected a value <= 20, but got 21 "
                "instead."
            ),
            "top_logprobs",
            "integer_above_max_value",
        ),
        (
            {"truncation": "middle"},
            "Invalid value: 'middle'. Supported values are: 'auto' and 'disabled'.",
            "truncation",
            "invalid_value",
        ),
        (
            {"store": "no"},
            "Invalid type for 'store': expected a boolean, but got a string instead.",
            "store",
            "invalid_type",
        ),
        (
            {"stream_options": {"include_obfuscation": True}},
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            "stream_options",
            None,
        ),
        (
            {"stream": True, "stream_options": {"include_usage": True}},
            "Unknown parameter: 'stream_options.include_usage'.",
            "stream_options.include_usage",
            "unknown_parameter",
        ),
        (
            {"previous_response_id": "chatcmpl-1"},
            "Invalid 'previous_response_id': 'chatcmpl-1'. Expected an ID that begins with 'resp'.",
            "previous_response_id",
            "invalid_value",
        ),
        (
            {"previous_response_id": "resp_1", "conversation": "conv_1"},
            (
                "Mutually exclusive parameters: 'previous_response_id' and 'conversation'. Ensure you are "
                "only providing one of: 'previous_response_id' or 'conversation'."
            ),
            None,
            "mutually_exclusive_parameters",
        ),
        (
            {"include": ["reasoning.encrypted_content"]},
            "Encrypted content is not supported with this model.",
            "include",
            None,
        ),
        (
            {"reasoning": {"effort": "low"}},
            "Unsupported parameter: 'reasoning.effort' is not supported with this model.",
            "reasoning.effort",
            "unsupported_parameter",
        ),
        (
            {"model": REASONING, "reasoning": {"effort": "xhigh"}},
            (
                "Unsupported value: 'xhigh' is not supported with the 'gpt-5' model. Supported values are: "
                "'minimal', 'low', 'medium', and 'high'."
            ),
            "reasoning.effort",
            "unsupported_value",
        ),
        (
            {"model": REASONING, "temperature": 0.5},
            "Unsupported parameter: 'temperature' is not supported with this model.",
            "temperature",
            None,
        ),
        (
            {"model": "gpt-5.1", "reasoning": {"effort": "low"}, "top_p": 0.5},
            "Unsupported parameter: 'top_p' is not supported with this model.",
            "top_p",
            None,
        ),
        (
            {"text": {"format": {"type": "json_object"}}},
            (
                "Response input messages must contain the word 'json' in some form to use 'text.format' of "
                "type 'json_object'."
            ),
            "input",
            None,
        ),
        (
            {"instructions": "Answer in JSON.", "text": {"format": {"type": "json_object"}}},
            (
                "Response input messages must contain the word 'json' in some form to use 'text.format' of "
                "type 'json_object'."
            ),
            "input",
            None,
        ),
        (
            {"metadata": {"key": "x" * 513}},
            (
                "Invalid 'metadata.key': string too long. Expected a string with maximum length 512, but "
                "got a string with length 513 instead."
            ),
            "metadata.key",
            "string_above_max_length",
        ),
    ],
)
def test_a_request_is_refused_in_the_vendors_words(
    responses_refusal: Refusal, fields: Object, message: str, param: str | None, code: str | None
) -> None:
    assert responses_refusal(fields) == {
        "status": 400,
        "message": message,
        "type": "invalid_request_error",
        "param": param,
        "code": code,
    }


FUNCTION: Object = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}}
CUSTOM: Object = {"type": "custom", "name": "note"}
STRICT: Object = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [FUNCTION], "tool_choice": {"type": "function", "name": "get_weather"}},
        {"tools": [FUNCTION], "tool_choice": "required"},
        {"tools": [{"type": "function", "name": "ping"}]},
        {"tools": [{**FUNCTION, "parameters": STRICT, "strict": True}]},
        {"tools": [CUSTOM], "tool_choice": {"type": "custom", "name": "note"}},
        {"tools": [{**CUSTOM, "format": {"type": "grammar", "syntax": "lark", "definition": "start: /a/"}}]},
        {
            "tools": [FUNCTION, CUSTOM],
            "tool_choice": {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "get_weather"}, {"type": "custom", "name": "note"}],
            },
        },
        {
            "tools": [{"type": "web_search", "search_context_size": "low"}],
            "tool_choice": {"type": "web_search"},
        },
        {"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]},
        {"tools": [{"type": "namespace", "name": "crm", "description": "Customers", "tools": [FUNCTION]}]},
        {"text": {"format": {"type": "json_schema", "name": "answer", "schema": STRICT, "strict": True}}},
    ],
)
def test_tools_by_the_rules_are_accepted(responses_refusal: Refusal, fields: Object) -> None:
    assert responses_refusal(fields) is None


@pytest.mark.parametrize(
    ("fields", "message", "param"),
    [
        (
            {"tools": [{"type": "function", "function": {"name": "a"}}]},
            "Unknown parameter: 'tools[0].function'.",
            "tools[0].function",
        ),
        (
            {"tools": [{"type": "function", "parameters": {"type": "object"}}]},
            "Missing required parameter: 'tools[0].name'.",
            "tools[0].name",
        ),
        (
            {"tools": [{**FUNCTION, "name": "get.weather"}]},
            (
                "Invalid 'tools[0].name': string does not match pattern. Expected a string that matches the "
                "pattern '^[a-zA-Z0-9_-]+$'."
            ),
            "tools[0].name",
        ),
        (
            {"tools": [{**FUNCTION, "strict": True}]},
            (
                "Invalid schema for function 'get_weather': In context=(), 'additionalProperties' is "
                "required to be supplied and to be false."
            ),
            "tools[0].parameters",
        ),
        (
            {"tools": [{**CUSTOM, "format": {"type": "grammar", "grammar": {"syntax": "lark"}}}]},
            "Unknown parameter: 'tools[0].format.grammar'.",
            "tools[0].format.grammar",
        ),
        (
            {"tools": [{**CUSTOM, "format": {"type": "grammar", "syntax": "ebnf", "definition": "a"}}]},
            "Invalid value: 'ebnf'. Supported values are: 'lark' and 'regex'.",
            "tools[0].format.syntax",
        ),
        (
            {"tool_choice": "required"},
            "Tool choice 'required' must be specified with 'tools' parameter.",
            "tool_choice",
        ),
        (
            {"tools": [FUNCTION], "tool_choice": {"type": "function", "name": "other"}},
            "Tool choice 'other' not found in 'tools' parameter.",
            "tool_choice",
        ),
        (
            {"tools": [FUNCTION], "tool_choice": {"type": "custom", "name": "get_weather"}},
            "Tool choice 'get_weather' not found in 'tools' parameter.",
            "tool_choice",
        ),
        (
            {"tools": [FUNCTION], "tool_choice": {"type": "function", "function": {"name": "get_weather"}}},
            "Unknown parameter: 'tool_choice.function'.",
            "tool_choice.function",
        ),
        (
            {"tools": [FUNCTION], "tool_choice": {"type": "web_search"}},
            "Tool choice 'web_search' not found in 'tools' parameter.",
            "tool_choice",
        ),
        (
            {"text": {"format": {"type": "json_schema", "json_schema": {"name": "a"}}}},
            "Unknown parameter: 'text.format.json_schema'.",
            "text.format.json_schema",
        ),
        (
            {
                "text": {
                    "format": {
                        "type": "json_schema",
                        "name": "answer",
                        "schema": {"type": "object"},
                        "strict": True,
                    }
                }
            },
            (
                "Invalid schema for response_format 'answer': In context=(), 'additionalProperties' is "
                "required to be supplied and to be false."
            ),
            "text.format.schema",
        ),
        (
            {"text": {"format": {"type": "json_schema", "name": "answer"}}},
            "Missing required parameter: 'text.format.schema'.",
            "text.format.schema",
        ),
    ],
)
def test_tools_and_formats_are_refused_in_the_vendors_words(
    responses_refusal: Refusal, fields: Object, message: str, param: JSON
) -> None:
    error = responses_refusal(fields)

    assert error is not None
    assert (error["message"], error["param"], error["status"]) == (message, param, 400)
