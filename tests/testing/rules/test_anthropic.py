"""What the fake Anthropic refuses at the top level, and of whom."""

from collections.abc import Callable

import msgspec
import pytest

from dragoman.testing.exchange import Incoming
from dragoman.testing.json_value import Object
from dragoman.testing.rules.anthropic import LARGEST_BODY, check_access, check_request
from dragoman.testing.rules.refusal import Access, RefusedError

Refusal = Callable[..., str | None]

WEATHER: Object = {"name": "get_weather", "input_schema": {"type": "object", "properties": {}}}
THINKING: Object = {"type": "enabled", "budget_tokens": 1024}
SCHEMA: Object = {"type": "object", "properties": {}, "additionalProperties": False}

REFUSED: list[tuple[Object, str]] = [
    ({"top_a": 1}, "top_a: Extra inputs are not permitted"),
    ({"context_management": {}}, "context_management: Extra inputs are not permitted"),
    ({"max_tokens": None}, "max_tokens: Field required"),
    ({"max_tokens": -1}, "max_tokens: Input should be greater than or equal to 0"),
    ({"max_tokens": "many"}, "max_tokens: Input should be a valid integer"),
    (
        {"max_tokens": 64001},
        "max_tokens: 64001 > 64000, which is the maximum allowed number of output tokens for",
    ),
    ({"model": None}, "model: Field required"),
    ({"messages": None}, "messages: Field required"),
    ({"messages": []}, "messages: at least one message is required"),
    ({"temperature": 1.5}, "temperature: range: 0..1"),
    ({"top_p": -0.5}, "top_p: range: 0..1"),
    ({"top_k": -1}, "top_k: Input should be greater than or equal to 0"),
    (
        {"temperature": 0.5, "top_p": 0.5},
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
    ),
    (
        {"model": "claude-opus-4-8", "temperature": 0.5},
        "`temperature` is deprecated for this model.",
    ),
    ({"model": "claude-opus-5-5", "top_k": 5}, "`top_k` is deprecated for this model."),
    ({"stop_sequences": ["\n"]}, "stop_sequences: each stop sequence must contain non-whitespace"),
    ({"stop_sequences": "x"}, "stop_sequences: Input should be a valid list"),
    ({"stream": 1}, "stream: Input should be a valid boolean"),
    ({"service_tier": "flex"}, "service_tier: Input should be 'auto' or 'standard_only'"),
    ({"metadata": {"plan": "x"}}, "metadata.plan: Extra inputs are not permitted"),
    ({"system": "  "}, "system: text content blocks must contain non-whitespace text"),
    ({"system": [{"type": "text", "text": ""}]}, "system: text content blocks must be non-empty"),
    ({"system": [{"type": "image"}]}, "system.0: Input tag 'image' found using 'type' does not match"),
    # thinking
    ({"thinking": {"type": "enabled"}}, "thinking.enabled.budget_tokens: Field required"),
    (
        {"thinking": {"type": "enabled", "budget_tokens": 100}},
        "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
    ),
    ({"thinking": THINKING}, "`max_tokens` must be greater than `thinking.budget_tokens`."),
    (
        {"thinking": THINKING, "max_tokens": 2000, "temperature": 0.5},
        "`temperature` may only be set to 1 when thinking is enabled.",
    ),
    (
        {"thinking": THINKING, "max_tokens": 2000, "top_k": 5},
        "`top_k` must be unset when thinking is enabled.",
    ),
    (
        {"thinking": THINKING, "max_tokens": 2000, "top_p": 0.5},
        "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled.",
    ),
    (
        {"thinking": THINKING, "max_tokens": 2000, "tools": [WEATHER], "tool_choice": {"type": "any"}},
        "Thinking may not be enabled when tool_choice forces tool use.",
    ),
    ({"thinking": {"type": "adaptive"}}, "adaptive thinking is not supported on this model"),
    ({"thinking": {"type": "disabled", "budget_tokens": 5}}, "thinking.disabled.budget_tokens: Extra inputs"),
    ({"thinking": {"type": "deep"}}, "thinking: Input tag 'deep' found using 'type' does not match any of"),
    (
        {"model": "claude-opus-4-8", "thinking": THINKING, "max_tokens": 2000},
        '"thinking.type.enabled" is not supported for this model.',
    ),
    (
        {"model": "claude-opus-5-5", "thinking": {"type": "disabled"}},
        '"thinking.type.disabled" is not supported for this model.',
    ),
    ({"model": "claude-3-haiku", "thinking": THINKING}, "'claude-3-haiku' does not support thinking."),
    # the form of the answer
    ({"output_config": {"effort": "huge"}}, "output_config.effort: Input should be 'low', 'medium', 'high',"),
    ({"output_config": {"effort": "low"}}, "This model does not support the effort parameter."),
    (
        {"model": "claude-opus-4-6", "output_config": {"effort": "xhigh"}},
        "This model does not support effort level 'xhigh'.",
    ),
    (
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
        "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set",
    ),
    (
        {
            "model": "claude-sonnet-4-0",
            "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
        },
        "output_config.format: 'claude-sonnet-4-0' does not support output format.",
    ),
]


@pytest.mark.parametrize(("fields", "message"), REFUSED)
def test_a_request_is_refused_in_the_vendors_words(
    anthropic_refusal: Refusal, fields: Object, message: str
) -> None:
    assert message in (anthropic_refusal(fields) or "accepted")


ACCEPTED: dict[str, Object] = {
    "the least there is": {},
    "a cache pre-warm": {"max_tokens": 0},
    "an empty system text": {"system": ""},
    "a budget": {"thinking": THINKING, "max_tokens": 2000},
    "adaptive thinking": {"model": "claude-opus-5-5", "thinking": {"type": "adaptive"}},
    "the default of a deprecated parameter": {"model": "claude-opus-4-8", "temperature": 1},
    "effort with budgets on Opus 4.5": {"model": "claude-opus-4-5", "output_config": {"effort": "low"}},
    "a schema": {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
    "anything of a model that is not known": {
        "model": "demo",
        "thinking": {"type": "adaptive"},
        "temperature": 0.2,
        "output_config": {"effort": "max"},
    },
}


@pytest.mark.parametrize("fields", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_good_request_is_accepted(anthropic_refusal: Refusal, fields: Object) -> None:
    assert anthropic_refusal(fields) is None


def test_beta_fields_are_known_to_a_request_that_asks_for_betas(anthropic_refusal: Refusal) -> None:
    fields: Object = {"context_management": {"edits": []}}

    assert anthropic_refusal(fields, anthropic_beta="context-management-2025-06-27") is None


def test_a_message_says_its_own_effort_only_in_beta(anthropic_refusal: Refusal) -> None:
    turn: Object = {"role": "user", "content": "Hi", "output_config": {"effort": "low"}}

    assert anthropic_refusal({"messages": [turn]}, anthropic_beta="per-turn-control-2026-07-01") is None
    refused = anthropic_refusal({"messages": [turn]})
    assert refused == "messages.0.output_config: Extra inputs are not permitted"


def test_the_newest_version_has_no_sampling_parameters(anthropic_refusal: Refusal) -> None:
    message = anthropic_refusal({"temperature": 1}, anthropic_version="2026-10-21")

    assert message == "temperature: Extra inputs are not permitted"


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("", "anthropic-version: header is required"),
        ("2020-01-01", 'anthropic-version: "2020-01-01" is not a valid version'),
    ],
)
def test_the_version_is_demanded(anthropic_refusal: Refusal, version: str, message: str) -> None:
    assert anthropic_refusal({}, anthropic_version=version) == message


def test_a_body_that_is_too_large_is_refused_as_such() -> None:
    headers = {"anthropic-version": "2023-06-01"}

    with pytest.raises(RefusedError) as refused:
        check_request(Incoming("POST", "/v1/messages", {}, headers, b" " * (LARGEST_BODY + 1)), Access())

    assert refused.value.answer.status == 413
    assert b'"request_too_large"' in refused.value.answer.body


def test_a_body_that_is_not_json_is_refused() -> None:
    headers = {"anthropic-version": "2023-06-01"}

    with pytest.raises(RefusedError, match="The request body is not valid JSON"):
        check_request(Incoming("POST", "/v1/messages", {}, headers, b"{"), Access())


def test_an_unknown_model_is_not_found() -> None:
    headers = {"anthropic-version": "2023-06-01"}
    body = msgspec.json.encode({"model": "claude-9", "max_tokens": 1, "messages": []})

    with pytest.raises(RefusedError) as refused:
        check_request(Incoming("POST", "/v1/messages", {}, headers, body), Access(models=frozenset()))

    assert refused.value.answer.status == 404
    assert b'"not_found_error","message":"model: claude-9"' in refused.value.answer.body


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({}, b"x-api-key header is required"),
        ({"x-api-key": "wrong"}, b"invalid x-api-key"),
        ({"authorization": "Bearer wrong"}, b"Invalid bearer token"),
        ({"x-goog-api-key": "right"}, b"x-api-key header is required"),
    ],
)
def test_a_wrong_key_is_unauthorized(headers: dict[str, str], message: bytes) -> None:
    with pytest.raises(RefusedError) as refused:
        check_access(Incoming("POST", "/v1/messages", {}, headers, b""), Access(frozenset({"right"})))

    assert refused.value.answer.status == 401
    assert b'"authentication_error"' in refused.value.answer.body
    assert message in refused.value.answer.body


@pytest.mark.parametrize("headers", [{"x-api-key": "right"}, {"authorization": "Bearer right"}])
def test_a_right_key_is_let_in_either_header(headers: dict[str, str]) -> None:
    check_access(Incoming("POST", "/v1/messages", {}, headers, b""), Access(frozenset({"right"})))
