"""Counts of tokens: in each vendor's form, and the same as an answer's usage."""

import msgspec
import pytest

from dragoman.testing.exchange import Answer
from dragoman.testing.json_value import JSON, Object, decode_object
from dragoman.testing.provider import FakeProvider

ANTHROPIC = {"anthropic-version": "2023-06-01"}
JSON_TYPE = {"content-type": "application/json"}
SCHEMA: Object = {"type": "object", "properties": {"city": {"type": "string"}}}
TEXT = "What is the weather in Paris? Please be so kind as to tell me."


def call(path: str, body: Object, headers: dict[str, str]) -> Answer:
    return FakeProvider().answer("POST", path, "", headers, msgspec.json.encode(body))


def fields(answer: Answer, *path: str) -> JSON:
    assert answer.status == 200, answer.body
    value: JSON = decode_object(answer.body)
    for step in path:
        assert isinstance(value, dict)
        value = value[step]
    return value


def test_anthropic_counts_what_it_will_charge() -> None:
    body: Object = {
        "model": "claude-sonnet-4-5",
        "system": "Be brief.",
        "tools": [{"name": "get_weather", "input_schema": SCHEMA}],
        "messages": [{"role": "user", "content": TEXT}],
        "tool_choice": {"type": "none"},
    }

    counted = call("/v1/messages/count_tokens", body, ANTHROPIC)
    answered = call("/v1/messages", {**body, "max_tokens": 100}, ANTHROPIC)

    assert fields(counted) == {"input_tokens": fields(answered, "usage", "input_tokens")}


@pytest.mark.parametrize("wrapped", [False, True])
def test_google_counts_what_it_will_charge(wrapped: bool) -> None:
    body: Object = {"contents": [{"role": "user", "parts": [{"text": TEXT}]}]}
    asked: Object = dict(body)
    if wrapped:
        body["systemInstruction"] = {"parts": [{"text": "Be brief."}]}
        whole: Object = {"model": "models/gemini-2.5-flash", **body}
        asked = {"generateContentRequest": whole}

    counted = call("/v1beta/models/gemini-2.5-flash:countTokens", asked, {})
    answered = call("/v1beta/models/gemini-2.5-flash:generateContent", body, {})

    assert fields(counted, "totalTokens") == fields(answered, "usageMetadata", "promptTokenCount")


def test_openai_counts_what_it_will_charge_of_earlier_answers_too() -> None:
    provider = FakeProvider()

    def post(path: str, body: Object) -> Answer:
        return provider.answer("POST", path, "", JSON_TYPE, msgspec.json.encode(body))

    body: Object = {"model": "gpt-4o", "input": TEXT, "instructions": "Be brief."}
    counted = post("/v1/responses/input_tokens", body)
    answered = post("/v1/responses", body)
    assert fields(counted) == {
        "object": "response.input_tokens",
        "input_tokens": fields(answered, "usage", "input_tokens"),
    }

    body["previous_response_id"] = fields(answered, "id")
    again = post("/v1/responses/input_tokens", body)
    assert fields(again, "input_tokens") == fields(post("/v1/responses", body), "usage", "input_tokens")
    assert int(str(fields(again, "input_tokens"))) > int(str(fields(counted, "input_tokens")))


@pytest.mark.parametrize(
    ("path", "body", "headers", "message"),
    [
        (
            "/v1/messages/count_tokens",
            {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1},
            ANTHROPIC,
            "max_tokens: Extra inputs are not permitted",
        ),
        (
            "/v1/messages/count_tokens",
            {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "Hi"}], "stream": True},
            ANTHROPIC,
            "stream: Extra inputs are not permitted",
        ),
        (
            "/v1/messages/count_tokens",
            {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "content": "Hi"}], "top_k": 1},
            {"anthropic-version": "2026-10-21"},
            "top_k: Extra inputs are not permitted",
        ),
        ("/v1/messages/count_tokens", {"model": "claude-sonnet-4-5"}, ANTHROPIC, "messages: Field required"),
        (
            "/v1beta/models/gemini-2.5-flash:countTokens",
            {"contents": [{"parts": [{"text": "Hi"}]}], "systemInstruction": {"parts": [{"text": "x"}]}},
            {},
            'Invalid JSON payload received. Unknown name "systemInstruction": Cannot find field.',
        ),
        (
            "/v1beta/models/gemini-2.5-flash:countTokens",
            {"generateContentRequest": {"contents": [{"parts": [{"text": "Hi"}]}]}},
            {},
            "* GenerateContentRequest.model: unexpected model name format\n",
        ),
        (
            "/v1beta/models/gemini-2.5-flash:countTokens",
            {"contents": []},
            {},
            "* GenerateContentRequest.contents: contents is not specified\n",
        ),
        (
            "/v1/responses/input_tokens",
            {"model": "gpt-4o", "input": "Hi", "max_output_tokens": 20},
            JSON_TYPE,
            "Unknown parameter: 'max_output_tokens'.",
        ),
        (
            "/v1/responses/input_tokens",
            {"model": "gpt-4o", "input": [{"type": "function_call_output", "call_id": "a", "output": "b"}]},
            JSON_TYPE,
            "No tool call found for function call output with call_id a.",
        ),
    ],
)
def test_a_request_for_a_count_is_refused_in_the_vendors_words(
    path: str, body: Object, headers: dict[str, str], message: str
) -> None:
    answer = call(path, body, headers)

    assert answer.status == 400
    error = decode_object(answer.body)["error"]
    assert isinstance(error, dict)
    assert error["message"] == message
