"""Requests that are wrong in one place each, by the dialect of their client."""

from typing import NamedTuple

from dragoman.testing.json_value import JSON, Object


class Bad(NamedTuple):
    """A wrong request: the field at fault, a pattern of what its error has to say, and the members that
    take the place of a good request's.
    """

    field: str
    says: str
    members: Object


def at(field: str, says: str, *values: JSON) -> list[Bad]:
    """Wrong values of one top-level member."""
    return [Bad(field, says, {field.partition(".")[0].partition("[")[0]: value}) for value in values]


def config(field: str, says: str, *values: JSON) -> list[Bad]:
    """Wrong values of one member of Google's `generationConfig`."""
    name = field.partition("[")[0]
    return [Bad(f"generationConfig.{field}", says, {"generationConfig": {name: value}}) for value in values]


def user(content: JSON) -> list[JSON]:
    return [{"role": "user", "content": content}]


HUGE = 10**40

TOP: dict[str, list[Bad]] = {
    "openai_chat": [
        *at("model", "string", 5, None, [], {}),
        *at("model", "length >= 1", ""),
        *at("messages", "array", "hello", {}, None, 5),
        *at("messages", "at least one", []),
        *at("stream", "boolean", "yes", 1, []),
        *at("temperature", "<= 2", 2.1, 1e300),
        *at("temperature", ">= 0", -0.1),
        *at("temperature", "number", "hot", [], {}),
        *at("top_p", "<= 1", 1.1),
        *at("top_p", ">= 0", -0.1),
        *at("presence_penalty", "<= 2", 2.1),
        *at("presence_penalty", ">= -2", -2.1),
        *at("frequency_penalty", "<= 2", 2.1),
        *at("frequency_penalty", ">= -2", -2.1),
        *at("n", ">= 1", 0, -1),
        *at("n", "<= 128", 129, HUGE),
        *at("n", "integer", "3", 1.5),
        *at("max_tokens", ">= 1", 0, -1),
        *at("max_tokens", "integer", "many", 1.5),
        *at("max_completion_tokens", ">= 1", 0),
        *at("stop", "string", 5, {}),
        *at("stop[0]", "string", [5]),
        *at("stop", "<= 4", ["a", "b", "c", "d", "e"]),
        *at("logit_bias", "object", "x", []),
        *at("logit_bias", "<= 100", {"50256": 101}),
        *at("logprobs", "boolean", "yes"),
        *at("top_logprobs", "logprobs", 2),
        Bad("top_logprobs", "<= 20", {"logprobs": True, "top_logprobs": 21}),
        *at("stream_options", "stream", {"include_usage": True}),
        Bad("stream_options", "object", {"stream": True, "stream_options": "all"}),
        *at("response_format", "object", "json"),
        *at("response_format.type", "json_schema", {"type": "xml"}),
        *at("response_format.type", "required", {}),
        *at("response_format.json_schema", "required", {"type": "json_schema"}),
    ],
    "openai_responses": [
        *at("model", "string", 5, None, [], {}),
        *at("model", "length >= 1", ""),
        *at("input", "string or an array", {}, 5, True),
        *at("input", "required", None),
        *at("input", "at least one", []),
        *at("stream", "boolean", "yes", 1, []),
        *at("store", "boolean", "yes"),
        *at("temperature", "<= 2", 2.1, 1e300),
        *at("temperature", ">= 0", -0.1),
        *at("temperature", "number", "hot", [], {}),
        *at("top_p", "<= 1", 1.1),
        *at("top_logprobs", "<= 20", 21),
        *at("max_output_tokens", ">= 1", 0, -1),
        *at("max_output_tokens", "integer", "many", 1.5),
        *at("previous_response_id", "string", 5),
        *at("instructions", "string", 5, {}),
        *at("text", "object", "json"),
        *at("text.format", "object", {"format": "json"}),
        *at("text.format.type", "json_schema", {"format": {"type": "xml"}}),
        *at("text.format.type", "required", {"format": {}}),
        *at("text.format.name", "required", {"format": {"type": "json_schema", "schema": {}}}),
        *at("text.format.schema", "required", {"format": {"type": "json_schema", "name": "x"}}),
    ],
    "anthropic": [
        *at("model", "string", 5, None, [], {}),
        *at("model", "length >= 1", ""),
        *at("max_tokens", ">= 0", -1),
        *at("max_tokens", "integer", "many", 1.5, None),
        *at("messages", "array", "hello", {}, None, 5),
        *at("messages", "at least one", [], []),
        *at("system", "string", 5, {}, True),
        *at("temperature", "<= 1", 1.1),
        *at("temperature", ">= 0", -0.1),
        *at("temperature", "number", "hot", [], {}),
        *at("top_p", "<= 1|to 1", 1.1),
        *at("top_p", ">= |from 0", -0.5, -2),
        *at("top_k", ">= ", -2),
        *at("top_k", "integer", 1.5, "many"),
        *at("stop_sequences", "array", "stop", {}),
        *at("stop_sequences[0]", "string", [5]),
        *at("stream", "boolean", "yes", 1),
        *at("tools", "array", {}, "search"),
        *at("tool_choice", "object", "auto", []),
        *at("thinking", "object", "on", 2000),
        *at("metadata", "object", [], "me"),
        *at("cache_control", "object", "ephemeral"),
        *at("service_tier", "string", 5),
    ],
    "gemini": [
        *at("contents", "list|array", [], "hello", 5),
        *at("contents", "required", None),
        *at("generationConfig", "object", "x", 5),
        *config("temperature", "<= 2", 2.1),
        *config("temperature", ">= 0", -0.1),
        *config("temperature", "number", "hot", []),
        *config("topP", "<= 1", 1.1),
        *config("topP", ">= 0", -0.1),
        *config("topK", ">= 0", -1),
        *config("topK", "integer", 1.5, "many"),
        *config("candidateCount", ">= 1", 0),
        *config("candidateCount", "<= 8", 9),
        *config("maxOutputTokens", ">= 1", 0, -1),
        *config("maxOutputTokens", "integer", "many", 1.5),
        *config("stopSequences", "array", "stop", {}),
        *config("stopSequences", "<= 5", ["a", "b", "c", "d", "e", "f"]),
        *config("stopSequences[0]", "string", [5]),
        *config("presencePenalty", "<= 2", 2.1),
        *config("frequencyPenalty", ">= -2", -2.1),
        *config("seed", "integer", "x", 1.5),
        *config("responseLogprobs", "boolean", "maybe"),
        *config("logprobs", "<= 20", 21),
        *config("thinkingConfig", "object", "x"),
        *config("thinkingConfig", "not both", {"thinkingBudget": 1, "thinkingLevel": "LOW"}),
        Bad(
            "generationConfig.thinkingConfig.thinkingBudget",
            ">= -1",
            {"generationConfig": {"thinkingConfig": {"thinkingBudget": -2}}},
        ),
        Bad("generationConfig.topP", "<= 1", {"generation_config": {"top_p": 7}}),
        Bad(
            "generationConfig",
            "not both",
            {"generationConfig": {"responseSchema": {"type": "OBJECT"}, "responseJsonSchema": {}}},
        ),
    ],
}
"""Wrong at the top level, which the gateway checks on every route."""

MISSING = {
    "openai_chat": ("model", "messages"),
    "openai_responses": ("model", "input"),
    "anthropic": ("model", "max_tokens", "messages"),
    "gemini": ("contents",),
}
"""Members without which there is no request."""

DEEP: dict[str, list[Bad]] = {
    "openai_chat": [
        *at("messages[0]", "object", [5], ["hello"]),
        *at("messages[0].role", "required", [{"content": "x"}]),
        *at("messages[0].role", "assistant", [{"role": "robot", "content": "x"}]),
        *at("messages[0].content", "required", [{"role": "user"}]),
        *at("messages[0].content", "string", user(5)),
        *at("messages[0].content[0].type", "text", user([{"type": "smell"}])),
        *at("messages[0].content[0].type", "required", user([{"text": "x"}])),
        *at("messages[0].content[0].image_url", "required", user([{"type": "image_url"}])),
        *at("messages[0].tool_call_id", "required", [{"role": "tool", "content": "x"}]),
        *at("tools", "array", "search", {}),
        *at("tools[0]", "object", [5]),
        *at("tools[0].function", "required", [{"type": "function"}]),
        *at("tools[0].function.name", "required", [{"type": "function", "function": {}}]),
        *at("tool_choice", "auto", "sometimes"),
        *at("seed", "integer", "x"),
        *at("reasoning_effort", "medium", "enormous"),
        *at("metadata", "string", {"a": 1}),
        *at("user", "string", 5),
        *at("parallel_tool_calls", "boolean", "yes"),
    ],
    "openai_responses": [
        *at("input[0]", "object", [5], ["hello"]),
        *at("input[0].role", "required", [{"content": "x"}]),
        *at("input[0].role", "assistant", [{"role": "robot", "content": "x"}]),
        *at("input[0].content", "required", [{"role": "user"}]),
        *at("input[0].content", "array", user(5)),
        *at("input[0].content[0].type", "required", user([{"text": "x"}])),
        *at("input[0].content[0]", "'image_url' or 'file_id'", user([{"type": "input_image"}])),
        *at("input[0].call_id", "required", [{"type": "function_call_output", "output": "x"}]),
        *at("tools", "array", "search", {}),
        *at("tools[0]", "object", [5]),
        *at("tools[0].name", "required", [{"type": "function"}]),
        *at("tool_choice", "auto", "sometimes"),
        *at("reasoning.effort", "medium", {"effort": "enormous"}),
        *at("metadata", "string", {"a": 1}),
        *at("user", "string", 5),
        *at("parallel_tool_calls", "boolean", "yes"),
    ],
    "anthropic": [
        *at("messages[0]", "object", [5], ["hello"]),
        *at("messages[0].role", "required", [{"content": "x"}]),
        *at("messages[0].role", "assistant", [{"role": "robot", "content": "x"}]),
        *at("messages[0].content", "required", [{"role": "user"}]),
        *at("messages[0].content", "string", user(5)),
        *at("messages[0].content[0].type", "required", user([{"text": "x"}])),
        *at("messages[0].content[0].source", "required", user([{"type": "image"}])),
        *at(
            "messages[0].content[0]",
            "assistant",
            user([{"type": "tool_use", "id": "x", "name": "y", "input": {}}]),
        ),
        *at("system[0]", "object", [5]),
        *at("tools[0].name", "required", [{}]),
        *at("tools[0].input_schema", "required", [{"name": "x"}]),
        *at("tools[0].input_schema", "object", [{"name": "x", "input_schema": 5}]),
        *at("tool_choice.type", "auto", {"type": "sometimes"}),
        *at("thinking.type", "required", {"budget_tokens": 2000}),
        *at("thinking.budget_tokens", "required", {"type": "enabled"}),
        *at("thinking.budget_tokens", ">= ", {"type": "enabled", "budget_tokens": -5}),
        *at("thinking.budget_tokens", "integer", {"type": "enabled", "budget_tokens": "x"}),
        *at("output_config.format.type", "json_schema", {"format": {"type": "xml"}}),
    ],
    "gemini": [
        *at("contents[0]", "object", [5], ["hello"]),
        *at("contents[0].role", "model", [{"role": "robot", "parts": [{"text": "x"}]}]),
        *at("contents[0].parts[0]", "text", [{"parts": [{}]}]),
        *at("contents[0].parts[0].text", "string", [{"parts": [{"text": 5}]}]),
        *at("tools", "object|array", 5),
        *at("tools[0].functionDeclarations[0].name", "required", [{"functionDeclarations": [{}]}]),
        *at("toolConfig", "object", 5),
        *at("toolConfig.functionCallingConfig.mode", "ANY", {"functionCallingConfig": {"mode": "SOMETIMES"}}),
        *at("systemInstruction", "object", 5),
        Bad(
            "generationConfig.thinkingConfig.thinkingLevel",
            "HIGH",
            {"generationConfig": {"thinkingConfig": {"thinkingLevel": "HUGE"}}},
        ),
    ],
}
"""Wrong deeper inside: on its way unread, such a request is for its own vendor to refuse."""
