"""Failures from the wire and to it."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.dialects.anthropic import DIALECT
from dragoman.dialects.dialect import Location, Sent
from dragoman.dialects.foreign_fields import NO_THREADS


def own(kind: str, message: str, **details: str) -> bytes:
    error: dict[str, object] = {"type": kind, "message": message}
    if details:
        error["details"] = details
    return msgspec.json.encode({"type": "error", "error": error, "request_id": "req_1"})


def parsed(status: int, body: bytes, **headers: str) -> Failure:
    return DIALECT.parse_error(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, body
    )


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (400, "invalid_request_error", FailureKind.INVALID_REQUEST),
        (402, "billing_error", FailureKind.BILLING),
        (403, "permission_error", FailureKind.PERMISSION),
        (404, "not_found_error", FailureKind.NOT_FOUND),
        (409, "conflict_error", FailureKind.CONFLICT),
        (413, "request_too_large", FailureKind.TOO_LARGE),
        (429, "rate_limit_error", FailureKind.RATE_LIMIT),
        (500, "api_error", FailureKind.SERVER),
        (504, "timeout_error", FailureKind.TIMEOUT),
        (529, "overloaded_error", FailureKind.OVERLOADED),
        (500, "overloaded_error", FailureKind.OVERLOADED),
    ],
)
def test_the_vendors_own_errors_keep_their_words(status: int, kind: str, expected: FailureKind) -> None:
    body = own(kind, "Something.")
    assert parsed(status, body) == Failure(
        expected, "Something.", status=status, dialect="anthropic", body=body
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, FailureKind.INVALID_REQUEST),
        (402, FailureKind.BILLING),
        (405, FailureKind.BAD_GATEWAY),
        (408, FailureKind.TIMEOUT),
        (415, FailureKind.BAD_GATEWAY),
        (418, FailureKind.INVALID_REQUEST),
        (421, FailureKind.BAD_GATEWAY),
        (422, FailureKind.INVALID_REQUEST),
        (424, FailureKind.SERVER),
        (502, FailureKind.BAD_GATEWAY),
        (503, FailureKind.OVERLOADED),
        (522, FailureKind.TIMEOUT),
        (599, FailureKind.SERVER),
    ],
)
def test_without_a_body_the_status_decides(status: int, expected: FailureKind) -> None:
    failure = parsed(status, b"")
    assert failure.kind is expected
    assert failure.message == f"The upstream answered with status {status}."
    assert failure.status == status


def test_a_refused_key_is_the_gateways_fault_and_nothing_of_it_is_told() -> None:
    body = own("authentication_error", "invalid x-api-key sk-ant-abc")
    failure = parsed(401, body)
    assert failure.kind is FailureKind.UPSTREAM_AUTHENTICATION
    assert "sk-ant" not in failure.message
    assert (failure.body, failure.dialect, failure.status) == (b"", "", 401)
    assert parsed(400, body).kind is FailureKind.UPSTREAM_AUTHENTICATION


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (429, own("rate_limit_error", "x", error_code="enforced_spend_limit_reached"), FailureKind.QUOTA),
        (429, own("rate_limit_error", "x", error_code="contract_spend_limit_reached"), FailureKind.QUOTA),
        (429, own("rate_limit_error", "x", error_code="ramp_limit_exceeded"), FailureKind.RATE_LIMIT),
        (
            400,
            own("invalid_request_error", "You have reached your specified API usage limits. Regain access"),
            FailureKind.QUOTA,
        ),
        (
            400,
            own("invalid_request_error", "Your credit balance is too low to access the API."),
            FailureKind.BILLING,
        ),
        (
            400,
            own("invalid_request_error", "Output blocked by content filtering policy"),
            FailureKind.CONTENT_POLICY,
        ),
        (404, own("not_found_error", "model: claude-9"), FailureKind.MODEL_NOT_FOUND),
    ],
)
def test_words_that_say_more_than_their_status(status: int, body: bytes, expected: FailureKind) -> None:
    assert parsed(status, body).kind is expected


def test_a_hard_quota_names_no_time_to_wait() -> None:
    body = own("rate_limit_error", "x", error_code="enforced_spend_limit_reached")
    assert parsed(429, body, retry_after="5").retry_after is None
    soft = own("rate_limit_error", "x")
    assert parsed(429, soft, x_should_retry="false").kind is FailureKind.QUOTA
    assert parsed(429, soft, x_should_retry="false", retry_after="5").kind is FailureKind.RATE_LIMIT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after_ms": "1500", "retry_after": "2"}, 1.5),
        ({"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry_after": "-1"}, None),
        ({"retry_after": "nan"}, None),
        ({}, None),
    ],
)
def test_the_time_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert parsed(529, own("overloaded_error", "x"), **headers).retry_after == seconds


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "prompt is too long: 210000 tokens > 200000 maximum"),
        (400, "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens."),
        (400, "input length and `max_tokens` exceed context limit: 199000 + 8000 > 200000"),
        (400, "The input token count (5000) exceeds the maximum number of tokens allowed (4096)."),
        (400, "Input is too long for requested model."),
        (403, "Input exceeds the context window of this model"),
        (413, "prompt is too long"),
        (500, "the request exceeds the available context size, try increasing it"),
    ],
)
def test_too_long_a_prompt_is_known_by_its_words(status: int, message: str) -> None:
    body = msgspec.json.encode({"error": {"message": message}})
    assert parsed(status, body).kind is FailureKind.CONTEXT_OVERFLOW


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"m","type":"BadRequestError","code":400}}', "m"),
        (b'{"error":"m"}', "m"),
        (b'{"message":"m"}', "m"),
        (b'{"object":"error","message":"m","type":"invalid","code":40001}', "m"),
        (b'{"detail":"m"}', "m"),
        (b'{"detail":[{"loc":["body","model"],"msg":"field required"}]}', "body.model: field required"),
        (b'{"title":"Bad","status":400,"detail":"m"}', "m"),
        (b'{"title":"m","status":400}', "m"),
        (b'{"code":"x","error":"m"}', "m"),
        (b'[{"error":{"message":"m"}}]', "m"),
        (b"<html><head><title> m </title></head><body>nginx</body></html>", "m"),
        (b"<html></html>", "The upstream answered with status 400."),
        (b"m\x00\x1b", "m"),
        (b"[]", "The upstream answered with status 400."),
        (b'{"detail":[1]}', "The upstream answered with status 400."),
        (b'{"message":"key sk-abc-1234567890 at /x?key=hush&a=1"}', "key [key] at /x?key=[key]&a=1"),
        (b"{", "The upstream answered with status 400."),
        (b'{"error":{"message":5}}', "5"),
        (b'{"error":{"message":{}}}', "The upstream answered with status 400."),
        (b"x" * 5000, "x" * 2047 + "…"),
    ],
)
def test_bodies_of_other_forms_are_understood(body: bytes, message: str) -> None:
    failure = parsed(400, body)
    assert failure.message == message
    assert (failure.dialect, failure.body) == ("", b"")


@given(st.integers(400, 599), st.binary(max_size=80))
@settings(max_examples=100)
def test_any_answer_is_a_failure(status: int, body: bytes) -> None:
    assert parsed(status, body).status == status


# --- to the wire ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status", "word"),
    [
        (FailureKind.INVALID_REQUEST, 400, "invalid_request_error"),
        (FailureKind.CONTENT_POLICY, 400, "invalid_request_error"),
        (FailureKind.AUTHENTICATION, 401, "authentication_error"),
        (FailureKind.UPSTREAM_AUTHENTICATION, 502, "api_error"),
        (FailureKind.BILLING, 402, "billing_error"),
        (FailureKind.PERMISSION, 403, "permission_error"),
        (FailureKind.NOT_FOUND, 404, "not_found_error"),
        (FailureKind.MODEL_NOT_FOUND, 404, "not_found_error"),
        (FailureKind.METHOD_NOT_ALLOWED, 405, "invalid_request_error"),
        (FailureKind.REQUEST_TIMEOUT, 408, "timeout_error"),
        (FailureKind.CONFLICT, 409, "conflict_error"),
        (FailureKind.TOO_LARGE, 413, "request_too_large"),
        (FailureKind.RATE_LIMIT, 429, "rate_limit_error"),
        (FailureKind.QUOTA, 429, "rate_limit_error"),
        (FailureKind.SERVER, 500, "api_error"),
        (FailureKind.BAD_GATEWAY, 502, "api_error"),
        (FailureKind.OVERLOADED, 529, "overloaded_error"),
        (FailureKind.TIMEOUT, 504, "timeout_error"),
        (FailureKind.CLIENT_CLOSED, 499, "api_error"),
    ],
)
def test_each_kind_has_its_status_and_word(kind: FailureKind, status: int, word: str) -> None:
    rendered = DIALECT.render_error(Failure(kind, "Something."), "req-1")
    assert rendered.status == status
    assert rendered.body == msgspec.json.encode(
        {"type": "error", "error": {"type": word, "message": "Something."}, "request_id": "req-1"}
    )


def test_every_kind_is_rendered() -> None:
    for kind in FailureKind:
        assert DIALECT.render_error(Failure(kind, "x"), "r").status >= 400


def test_headers_name_the_request_and_the_time_to_wait() -> None:
    rendered = DIALECT.render_error(Failure(FailureKind.OVERLOADED, "x", retry_after=1.2), "req-1")
    assert dict(rendered.headers) == {
        "content-type": "application/json",
        "request-id": "req-1",
        "x-request-id": "req-1",
        "retry-after": "2",
    }


def message_of(failure: Failure) -> str:
    return msgspec.json.decode(DIALECT.render_error(failure, "r").body)["error"]["message"]


def test_the_field_at_fault_is_named() -> None:
    failure = Failure(FailureKind.INVALID_REQUEST, "expected a string", param="messages[0].content")
    assert message_of(failure) == "messages[0].content: expected a string"
    named = msgspec.structs.replace(failure, message="'messages[0].content': expected a string.")
    assert message_of(named) == named.message


def test_sdks_are_told_in_their_own_words_to_send_the_whole_conversation() -> None:
    failure = Failure(FailureKind.INVALID_REQUEST, "no 'thread'", param="thread", code=NO_THREADS)
    assert msgspec.json.decode(DIALECT.render_error(failure, "r").body)["error"] == {
        "type": "invalid_request_error",
        "message": "no 'thread'",
        "details": {"error_code": "thread_unsupported_request", "unsupported": ["model"]},
    }


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            "prompt is too long: 210000 tokens > 200000 maximum",
            "prompt is too long: 210000 tokens > 200000 maximum",
        ),
        (
            "This model's maximum context length is 8,192 tokens. You asked for 9,000 (8,500 in messages).",
            "prompt is too long: 9000 tokens > 8192 maximum (",
        ),
        (
            "The input token count (5000) exceeds the maximum number of tokens allowed (4096).",
            "prompt is too long: 5000 tokens > 4096 maximum (",
        ),
        ("Input is too long for requested model.", "prompt is too long: (Input is too long"),
    ],
)
def test_too_long_a_prompt_is_said_in_the_words_that_clients_know(said: str, expected: str) -> None:
    message = message_of(Failure(FailureKind.CONTEXT_OVERFLOW, said))
    assert message.startswith(expected)
    assert said in message


def test_an_error_of_this_format_passes_byte_for_byte() -> None:
    body = b'{ "type":"error","error":{"type":"invalid_request_error","message":"thinking: bad"},"x":1}'
    rendered = DIALECT.render_error(parsed(400, body), "req-1")
    assert (rendered.status, rendered.body) == (400, body)


def test_an_error_under_a_status_of_success_passes_too() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    failure = Failure(FailureKind.OVERLOADED, "Overloaded", dialect="anthropic", body=body)
    rendered = DIALECT.render_error(failure, "req-1")
    assert (rendered.status, rendered.body) == (529, body)


def test_a_stream_that_is_passed_through_ends_with_an_error_event() -> None:
    failure = Failure(FailureKind.TIMEOUT, "Too slow.")
    frame = b'event: error\ndata: {"type":"error","error":{"type":"timeout_error","message":"Too slow."}}\n\n'
    assert DIALECT.stream_failure(failure, Location(), Sent(b"x")) == frame
    assert DIALECT.stream_failure(failure, Location(), Sent()) == frame


def test_an_error_laid_out_over_lines_does_not_break_the_frame() -> None:
    failure = Failure(
        FailureKind.SERVER, "x", dialect="anthropic", body=b'{"type":"error",\n"error":{"message":"x"}}'
    )
    assert DIALECT.stream_failure(failure, Location(), Sent(b"x")).count(b"\n") == 3
