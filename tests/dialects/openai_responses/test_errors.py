"""Errors, to and from the wire."""

import json

import pytest

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.dialects.openai_responses import DIALECT


def error(failure: Failure) -> dict[str, str | None]:
    return json.loads(DIALECT.render_error(failure, "req_1").body)["error"]


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"code": "invalid_api_key", "message": "Wrong."}, FailureKind.UPSTREAM_AUTHENTICATION),
        (429, {"code": "insufficient_quota", "message": "Out of quota."}, FailureKind.QUOTA),
        (429, {"code": "rate_limit_exceeded", "message": "Slow."}, FailureKind.RATE_LIMIT),
        (400, {"code": "context_length_exceeded", "message": "Too long."}, FailureKind.CONTEXT_OVERFLOW),
        (400, {"code": "invalid_json_schema", "message": "No."}, FailureKind.INVALID_REQUEST),
        (404, {"code": "model_not_found", "message": "No model."}, FailureKind.MODEL_NOT_FOUND),
        (503, {"code": "server_is_overloaded", "message": "Busy."}, FailureKind.OVERLOADED),
    ],
)
def test_what_an_error_answer_means(status: int, body: dict[str, str], kind: FailureKind) -> None:
    failure = DIALECT.parse_error(status, {}, json.dumps({"error": body}).encode())
    assert (failure.kind, failure.status) == (kind, status)
    assert failure.dialect in {"openai_responses", ""}


def test_a_failure_is_told_in_openais_envelope() -> None:
    told = DIALECT.render_error(Failure(FailureKind.RATE_LIMIT, "Slow.", retry_after=2), "req_1")
    assert told.status == 429
    assert dict(told.headers)["x-request-id"] == "req_1"
    assert dict(told.headers)["retry-after"] == "2"
    assert json.loads(told.body) == {
        "error": {
            "message": "Slow.",
            "type": "rate_limit_error",
            "param": None,
            "code": "rate_limit_exceeded",
        }
    }


@pytest.mark.parametrize(
    ("dialect", "code", "param"),
    [
        ("", "invalid_value", "input[0]"),
        ("openai_responses", "invalid_value", "input[0]"),
        ("openai_chat", "invalid_value", None),
        ("anthropic", None, None),
    ],
)
def test_codes_go_on_within_openais_formats_and_fields_within_this_one(
    dialect: str, code: str | None, param: str | None
) -> None:
    told = error(Failure(FailureKind.INVALID_REQUEST, "No.", "input[0]", "invalid_value", dialect=dialect))
    assert (told["code"], told["param"]) == (code, param)


@pytest.mark.parametrize(
    "message",
    [
        "prompt is too long: 210000 tokens > 200000 maximum",
        "maximum context length is 200000 tokens. However, your messages resulted in 210000 tokens.",
        "Your input exceeds the context window of this model.",
        "Too long.",
    ],
)
def test_a_conversation_that_is_too_long_is_told_in_this_formats_phrase(message: str) -> None:
    told = error(Failure(FailureKind.CONTEXT_OVERFLOW, message, dialect="anthropic"))
    assert told["message"] is not None
    assert told["message"].startswith("Your input exceeds the context window of this model")
    assert (told["code"], told["param"]) == ("context_length_exceeded", "input")
    if "210000" in message:
        assert "200000" in told["message"]
        assert "210000" in told["message"]


def test_another_formats_phrase_is_kept_beside_this_ones() -> None:
    message = error(Failure(FailureKind.CONTEXT_OVERFLOW, "input is too long, really"))["message"]
    assert message is not None
    assert "input is too long, really" in message
