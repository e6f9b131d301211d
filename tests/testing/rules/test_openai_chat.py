"""What the fake OpenAI refuses at the top level, and of whom."""

from collections.abc import Callable

import msgspec
import pytest

from dragoman.testing.exchange import Incoming
from dragoman.testing.json_value import JSON, Object
from dragoman.testing.rules.openai_body import check_access
from dragoman.testing.rules.openai_chat import check_request
from dragoman.testing.rules.refusal import Access, RefusedError

Refusal = Callable[[Object], Object | None]

HELLO: JSON = [{"role": "user", "content": "Hello"}]
WEATHER: Object = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}},
}


def incoming(body: bytes, **headers: str) -> Incoming:
    named = {"content-type": "application/json", **headers}
    return Incoming("POST", "/v1/chat/completions", {}, named, body)


REFUSED: list[tuple[Object, str, str | None, str | None]] = [
    ({"top_k": 4}, "Unrecognized request argument supplied: top_k", None, None),
    ({"a": 1, "b": 2}, "Unrecognized request arguments supplied: a, b", None, None),
    ({"reasoning_effort": "low"}, "Unrecognized request argument supplied: reasoning_effort", None, None),
    (
        {"temperature": 99.0},
        "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 99.0 instead.",
        "temperature",
        "decimal_above_max_value",
    ),
    ({"temperature": "hot"}, "expected a decimal, but got a string instead", "temperature", "invalid_type"),
    ({"top_p": -1}, "Expected a value >= 0, but got -1 instead", "top_p", "decimal_below_min_value"),
    ({"presence_penalty": 3}, "Expected a value <= 2", "presence_penalty", "decimal_above_max_value"),
    ({"n": 0}, "integer below minimum value", "n", "integer_below_min_value"),
    ({"n": 129}, "integer above maximum value", "n", "integer_above_max_value"),
    ({"n": 1.5}, "expected an integer, but got a decimal instead", "n", "invalid_type"),
    ({"max_tokens": 0}, "Expected a value >= 1, but got 0 instead", "max_tokens", "integer_below_min_value"),
    (
        {"max_tokens": 1, "max_completion_tokens": 1},
        "at the same time is not supported",
        "max_tokens",
        "invalid_parameter_combination",
    ),
    ({"logit_bias": {"7": 101}}, "Expected a value <= 100", "logit_bias.7", "decimal_above_max_value"),
    ({"top_logprobs": 2}, "only allowed when 'logprobs' is enabled", "top_logprobs", None),
    (
        {"logprobs": True, "top_logprobs": 21},
        "Expected a value <= 20",
        "top_logprobs",
        "integer_above_max_value",
    ),
    (
        {"stop": ["1", "2", "3", "4", "5"]},
        "Expected an array with maximum length 4, but got an array with length 5",
        "stop",
        "array_above_max_length",
    ),
    ({"stop": 5}, "expected one of a string or array of strings", "stop", "invalid_type"),
    ({"stream": "yes"}, "expected a boolean, but got a string instead", "stream", "invalid_type"),
    (
        {"stream_options": {"include_usage": True}},
        "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
        "stream_options",
        None,
    ),
    (
        {"stream": True, "stream_options": {"usage": True}},
        "Unknown parameter: 'stream_options.usage'.",
        "stream_options.usage",
        "unknown_parameter",
    ),
    (
        {"service_tier": "gold"},
        "Invalid value: 'gold'. Supported values are:",
        "service_tier",
        "invalid_value",
    ),
    ({"verbosity": "loud"}, "'low', 'medium', and 'high'", "verbosity", "invalid_value"),
    ({"safety_identifier": "x" * 65}, "maximum length 64", "safety_identifier", "string_above_max_length"),
    ({"metadata": {"k": "v" * 513}}, "maximum length 512", "metadata.k", "string_above_max_length"),
    (
        {"metadata": {str(n): "" for n in range(17)}},
        "at most 16 properties",
        "metadata",
        "object_above_max_properties",
    ),
    ({"modalities": ["text", "audio"]}, "Missing required parameter: 'audio'.", "audio", None),
    (
        {"model": "gpt-5", "max_tokens": 5},
        "'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "max_tokens",
        "unsupported_parameter",
    ),
    (
        {"model": "gpt-5", "temperature": 0.2},
        "'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
        "temperature",
        "unsupported_value",
    ),
    (
        {"model": "o3", "top_p": 0.5},
        "Unsupported parameter: 'top_p' is not supported with this model.",
        "top_p",
        "unsupported_parameter",
    ),
    (
        {"model": "o4-mini", "stop": "x"},
        "Unsupported parameter: 'stop' is not supported with this model.",
        "stop",
        "unsupported_parameter",
    ),
    (
        {"model": "gpt-5.1", "reasoning_effort": "low", "top_p": 0.5},
        "'top_p' is not supported with this model",
        "top_p",
        "unsupported_parameter",
    ),
    (
        {"model": "o3", "reasoning_effort": "minimal"},
        "'reasoning_effort' does not support 'minimal' with this model. Supported values are: 'low',",
        "reasoning_effort",
        "unsupported_value",
    ),
    (
        {"model": "gpt-5.6", "tools": [WEATHER]},
        "Function tools with reasoning_effort are not supported for gpt-5.6 in /v1/chat/completions.",
        "reasoning_effort",
        None,
    ),
    (
        {"model": "gpt-4", "response_format": {"type": "json_schema", "json_schema": {"name": "a"}}},
        "'json_schema' is not supported with this model",
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
    "the least there is": {},
    "nulls": {"temperature": None, "tools": None, "stop": None, "stream_options": None},
    "sampling without reasoning": {"model": "gpt-5.1", "temperature": 0.3},
    "any effort of a model that is not known": {"model": "demo", "reasoning_effort": "max", "temperature": 0},
    "several stops": {"stop": ["a", "b", "c", "d"]},
}


@pytest.mark.parametrize("fields", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_good_request_is_accepted(openai_refusal: Refusal, fields: Object) -> None:
    assert openai_refusal(fields) is None


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (b"{", "application/json", "We could not parse the JSON body of your request."),
        (b"[]", "application/json", "We could not parse the JSON body of your request."),
        (b'{"model":"m","messages":[]}', "text/plain", "We could not parse the JSON body of your request."),
        (b"{}", "application/json", "you must provide a model parameter"),
        (b'{"model":"m"}', "application/json; charset=utf-8", "Missing required parameter: 'messages'."),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(body: bytes, content_type: str, message: str) -> None:
    request = incoming(body, **{"content-type": content_type})

    with pytest.raises(RefusedError, match=message.split("'", maxsplit=1)[0]):
        check_request(request, Access())


def test_an_unknown_model_is_not_found() -> None:
    body = msgspec.json.encode({"model": "gpt-9", "messages": HELLO})

    with pytest.raises(RefusedError) as refused:
        check_request(incoming(body), Access(models=frozenset({"gpt-4o"})))

    assert refused.value.answer.status == 404
    assert b"The model `gpt-9` does not exist or you do not have access to it." in refused.value.answer.body
    assert b'"model_not_found"' in refused.value.answer.body


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("", b"You didn't provide an API key."),
        ("Bearer wrong-key", b"Incorrect API key provided: wron****."),
        ("Basic secret", b"Incorrect API key provided"),
    ],
)
def test_a_wrong_key_is_unauthorized(header: str, message: bytes) -> None:
    with pytest.raises(RefusedError) as refused:
        check_access(incoming(b"", authorization=header), Access(frozenset({"right-key"})))

    assert refused.value.answer.status == 401
    assert message in refused.value.answer.body


def test_the_key_of_another_vendors_header_does_not_count() -> None:
    with pytest.raises(RefusedError):
        check_access(incoming(b"", **{"x-api-key": "right-key"}), Access(frozenset({"right-key"})))


def test_a_right_key_is_let_in() -> None:
    check_access(incoming(b"", authorization="Bearer right-key"), Access(frozenset({"right-key"})))
    check_access(incoming(b""), Access())
