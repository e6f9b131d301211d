"""The form of a request or an answer, without what people wrote or models answered.

What stays: names of fields, kinds of values, lengths of texts; settings and counts, by the names that wire
formats have for them; names of tools; kinds of media. What a tool was given and what it gave back is content,
and so are the names of fields in there.
"""

import re
from typing import TypeAlias

Json: TypeAlias = "str | int | float | list[Json] | dict[str, Json] | None"

_WORDS = frozenset(
    (
        *(
            "model",
            "modelVersion",
            "role",
            "type",
            "object",
            "event",
            "format",
            "detail",
            "effort",
            "purpose",
        ),
        *(
            "finish_reason",
            "stop_reason",
            "finishReason",
            "blockReason",
            "status",
            "code",
            "mode",
            "modality",
        ),
        *(
            "media_type",
            "mime_type",
            "mimeType",
            "responseMimeType",
            "encoding_format",
            "service_tier",
            "ttl",
        ),
        *(
            "tool_choice",
            "reasoning_effort",
            "verbosity",
            "language",
            "language_code",
            "languageCode",
            "voice",
        ),
        *("truncation", "system_fingerprint", "threshold", "category", "probability", "id", "call_id"),
        *("thinkingLevel", "mediaResolution", "response_mime_type", "tool_call_id", "tool_use_id"),
    )
)
"""Fields whose words are one of a few, or a name that the vendor gave."""

_NUMBERS = frozenset(
    (
        *(
            "temperature",
            "top_p",
            "topP",
            "top_k",
            "topK",
            "n",
            "seed",
            "candidateCount",
            "logprobs",
            "index",
        ),
        *("max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens", "budget_tokens"),
        *(
            "thinkingBudget",
            "top_logprobs",
            "topLogprobs",
            "presence_penalty",
            "frequency_penalty",
            "created",
        ),
        *("presencePenalty", "frequencyPenalty", "created_at", "dimensions", "outputDimensionality", "code"),
        *("status", "max_tool_calls", "max_uses", "minItems", "maxItems", "minimum", "maximum", "minLength"),
        *("maxLength", "content_index", "output_index", "sequence_number"),
    )
)
"""Fields whose numbers are settings or places."""

_USAGE = frozenset(("usage", "usageMetadata", "usage_metadata"))
"""Fields in which every number is a count."""

_CONTENT = frozenset(("arguments", "args", "input", "response", "metadata", "partial_json", "user_location"))
"""Fields that hold content, whatever form it has."""

_TOOL = frozenset(
    ("parameters", "input_schema", "parametersJsonSchema", "arguments", "args", "input", "response")
)
"""A field `name` beside one of these is the name of a tool."""

_TOOL_TYPES = ("function", "tool", "custom")
_TOOL_FIELDS = frozenset(("function", "functionCall", "functionResponse", "function_call"))
_WORD = re.compile(r"[A-Za-z0-9_.:/+*-]{1,80}")
_MEDIA = re.compile(r"data:([a-z]+/[A-Za-z0-9.+-]{1,60})?[^,]{0,60},")
_MOST_KEY = 80


def shape(value: Json) -> Json:
    """The form of a body."""
    return _shape(value, "", usage=False)


def _shape(value: Json, field: str, *, usage: bool) -> Json:
    match value:
        case None | bool():
            return value
        case str():
            return value if field in _WORDS and _WORD.fullmatch(value) else _text(value)
        case int() | float():
            return value if usage or field in _NUMBERS else "(number)"
        case list():
            if value and all(isinstance(one, int | float) for one in value):
                return f"({len(value)} numbers)"
            return [_shape(one, field, usage=usage) for one in value]
        case dict():
            return _object(value, field, usage=usage)


def _object(value: dict[str, Json], within: str, *, usage: bool) -> Json:
    tool = within in _TOOL_FIELDS or not _TOOL.isdisjoint(value) or value.get("type") in _TOOL_TYPES
    found: dict[str, Json] = {}
    for field, inner in value.items():
        known = field if len(field) <= _MOST_KEY else f"{field[:_MOST_KEY]}…"
        if field == "name" and tool and isinstance(inner, str) and _WORD.fullmatch(inner):
            found[known] = inner
        elif field in _CONTENT and not (field == "input" and _is_conversation(inner)):
            found[known] = _content(inner)
        else:
            found[known] = _shape(inner, field, usage=usage or field in _USAGE)
    return found


def _is_conversation(value: Json) -> bool:
    """Whether `input` holds a conversation, as OpenAI Responses has it, and not what a tool is given."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, dict) and ("type" in one or "role" in one) for one in value)
    )


def _content(value: Json) -> Json:
    match value:
        case None | bool():
            return value
        case str():
            return _text(value)
        case int() | float():
            return "(number)"
        case list():
            return f"({len(value)} values)"
        case dict():
            return f"({len(value)} fields)"


def _text(value: str) -> str:
    media = _MEDIA.match(value)
    if media is not None:
        return f"({media[1] or 'data'}, {len(value) - media.end()} characters)"
    return f"({len(value)} characters)"
