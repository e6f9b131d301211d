"""Errors of upstreams, and errors for clients."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.failure import STATUS, Failure, FailureKind
from dragoman.dialects.dialect import Location, Sent
from dragoman.dialects.gemini.errors import parse_error, parse_error_tree, render_error, stream_failure


def google(code: int, word: str, message: str, *details: object) -> bytes:
    return json.dumps(
        {"error": {"code": code, "message": message, "status": word, "details": list(details)}}
    ).encode()


def detail(kind: str, **fields: object) -> dict[str, object]:
    return {"@type": f"type.googleapis.com/google.rpc.{kind}", **fields}


BAD_KEY = google(
    400,
    "INVALID_ARGUMENT",
    "API key not valid. Please pass a valid API key.",
    detail("ErrorInfo", reason="API_KEY_INVALID", domain="googleapis.com"),
    detail("DebugInfo", detail="Invalid API key: AIzaSyDUMMYDUMMYDUMMY"),
)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, BAD_KEY, FailureKind.UPSTREAM_AUTHENTICATION),
        (
            400,
            google(400, "INVALID_ARGUMENT", "API key expired. Please renew the API key."),
            FailureKind.UPSTREAM_AUTHENTICATION,
        ),
        (400, google(400, "INVALID_ARGUMENT", "Unknown name"), FailureKind.INVALID_REQUEST),
        (
            400,
            google(
                400,
                "INVALID_ARGUMENT",
                "The input token count (9) exceeds the maximum number of tokens allowed (8).",
            ),
            FailureKind.CONTEXT_OVERFLOW,
        ),
        (
            400,
            google(400, "FAILED_PRECONDITION", "Please enable billing on project 123"),
            FailureKind.BILLING,
        ),
        (
            400,
            google(400, "FAILED_PRECONDITION", "User location is not supported for the API use."),
            FailureKind.PERMISSION,
        ),
        (400, google(400, "INVALID_ARGUMENT", "Blocked by prohibited content"), FailureKind.CONTENT_POLICY),
        (401, google(401, "UNAUTHENTICATED", "Token expired"), FailureKind.UPSTREAM_AUTHENTICATION),
        (402, google(402, "X", "Your prepayment credits are depleted"), FailureKind.BILLING),
        (403, google(403, "PERMISSION_DENIED", "No"), FailureKind.PERMISSION),
        (
            403,
            google(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers."),
            FailureKind.UPSTREAM_AUTHENTICATION,
        ),
        (
            403,
            google(403, "PERMISSION_DENIED", "API disabled", detail("ErrorInfo", reason="SERVICE_DISABLED")),
            FailureKind.UPSTREAM_AUTHENTICATION,
        ),
        (
            404,
            google(404, "NOT_FOUND", "models/x is not found for API version v1beta"),
            FailureKind.MODEL_NOT_FOUND,
        ),
        (404, google(404, "NOT_FOUND", "Publisher Model `x` not found."), FailureKind.MODEL_NOT_FOUND),
        (404, google(404, "NOT_FOUND", "cache content 7"), FailureKind.NOT_FOUND),
        (405, b"", FailureKind.BAD_GATEWAY),
        (408, b"", FailureKind.TIMEOUT),
        (409, google(409, "ABORTED", "x"), FailureKind.CONFLICT),
        (413, b"too big", FailureKind.TOO_LARGE),
        (418, b"", FailureKind.INVALID_REQUEST),
        (429, google(429, "RESOURCE_EXHAUSTED", "Resource exhausted."), FailureKind.RATE_LIMIT),
        (
            429,
            google(
                429,
                "RESOURCE_EXHAUSTED",
                "You exceeded your current quota",
                detail(
                    "QuotaFailure",
                    violations=[{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}],
                ),
            ),
            FailureKind.QUOTA,
        ),
        (
            429,
            google(429, "RESOURCE_EXHAUSTED", "Quota exceeded for metric: x, limit: 0, model: y"),
            FailureKind.QUOTA,
        ),
        (
            429,
            google(
                429,
                "RESOURCE_EXHAUSTED",
                "Quota exceeded",
                detail("ErrorInfo", reason="RATE_LIMIT_EXCEEDED", metadata={"quota_limit_value": "0"}),
            ),
            FailureKind.QUOTA,
        ),
        (429, google(429, "RESOURCE_EXHAUSTED", "x, limit: 10"), FailureKind.RATE_LIMIT),
        (499, google(499, "CANCELLED", "x"), FailureKind.BAD_GATEWAY),
        (500, google(500, "INTERNAL", "x"), FailureKind.SERVER),
        (503, google(503, "UNAVAILABLE", "The model is overloaded."), FailureKind.OVERLOADED),
        (504, google(504, "DEADLINE_EXCEEDED", "x"), FailureKind.TIMEOUT),
        (507, b"", FailureKind.SERVER),
        (522, b"<html><title>522</title></html>", FailureKind.TIMEOUT),
        (529, b"", FailureKind.OVERLOADED),
        (302, b"", FailureKind.BAD_GATEWAY),
        (200, google(503, "UNAVAILABLE", "x"), FailureKind.OVERLOADED),
        (0, b'{"error":{"status":"RESOURCE_EXHAUSTED","message":"x"}}', FailureKind.RATE_LIMIT),
        (0, b'{"error":{"code":"400","message":"x"}}', FailureKind.INVALID_REQUEST),
    ],
)
def test_an_error_is_of_its_kind(status: int, body: bytes, kind: FailureKind) -> None:
    assert parse_error(status, {}, body).kind is kind


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (google(500, "INTERNAL", "An internal error"), "An internal error"),
        (b"[" + google(500, "INTERNAL", "in an array") + b"]", "in an array"),
        (b'{"title":"Bad","detail":"RFC 7807 says","status":500}', "RFC 7807 says"),
        (b'{"title":"Only a title"}', "Only a title"),
        (b'{"message":"bare"}', "bare"),
        (b'{"detail":[{"loc":["body"],"msg":"field required"}]}', "body: field required"),
        (b'{"error":"just a string"}', "just a string"),
        (b'{"object":"error","message":"vllm"}', "vllm"),
        (b'"a string"', "a string"),
        (b"plain  text\n here", "plain text here"),
        (b"<html><head><title>502 Bad Gateway</title></head><body>x</body></html>", "502 Bad Gateway"),
        (b"<p>No <b>title</b></p>", "No title"),
        (b"", "The upstream answered with status 500."),
        (b"{}", "The upstream answered with status 500."),
        (b"null", "The upstream answered with status 500."),
    ],
)
def test_the_best_message_is_found_in_bodies_of_any_make(body: bytes, message: str) -> None:
    assert parse_error(500, {}, body).message == message


def test_a_message_is_never_endless() -> None:
    assert len(parse_error(500, {}, b"x" * 100_000).message) == 2048


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Invalid API key: AIzaSyDUMMYDUMMYDUMMY!", "Invalid API key: [key]!"),
        ("GET https://x.org/v1?alt=sse&key=SECRET failed", "GET https://x.org/v1?alt=sse&key=[key] failed"),
        ("Bearer ya29.a0AfH6SMBdummydummy refused", "[key] refused"),
        ("denied on projects/my-project/locations/x", "denied on projects/[project]/locations/x"),
        ("for consumer 'project_number:348715329010'", "for consumer 'project_number:[project]'"),
    ],
)
def test_secrets_do_not_reach_the_client(said: str, told: str) -> None:
    assert parse_error(500, {}, google(500, "INTERNAL", said)).message == told


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"retry-after": "7"}, google(429, "RESOURCE_EXHAUSTED", "x"), 7.0),
        ({"retry-after-ms": "1500"}, google(429, "RESOURCE_EXHAUSTED", "x"), 1.5),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, google(429, "RESOURCE_EXHAUSTED", "x"), None),
        ({}, google(429, "RESOURCE_EXHAUSTED", "x", detail("RetryInfo", retryDelay="34.4s")), 34.4),
        (
            {},
            google(
                429, "RESOURCE_EXHAUSTED", "x", detail("RetryInfo", retryDelay={"seconds": 3, "nanos": 5e8})
            ),
            3.5,
        ),
        ({}, google(429, "RESOURCE_EXHAUSTED", "x", detail("RetryInfo", retryDelay={"seconds": "x"})), None),
        ({}, google(429, "RESOURCE_EXHAUSTED", "x", detail("RetryInfo", retryDelay="9" * 400 + "s")), None),
        ({}, google(429, "RESOURCE_EXHAUSTED", "Please retry in 10h17m5.7s."), 37025.7),
        ({}, google(429, "RESOURCE_EXHAUSTED", "Please retry in 250ms"), 0.25),
        ({}, google(429, "RESOURCE_EXHAUSTED", "soon"), None),
        ({"retry-after": "3"}, google(503, "UNAVAILABLE", "x"), 3.0),
    ],
)
def test_the_wait_is_found_wherever_it_is_said(
    headers: dict[str, str], body: bytes, seconds: float | None
) -> None:
    status = 503 if b"UNAVAILABLE" in body else 429
    assert parse_error(status, headers, body).retry_after == (
        None if seconds is None else pytest.approx(seconds)
    )


def test_a_hard_quota_promises_no_wait() -> None:
    failure = parse_error(429, {"retry-after": "5"}, google(429, "RESOURCE_EXHAUSTED", "x, limit: 0"))
    assert failure.kind is FailureKind.QUOTA
    assert failure.retry_after is None
    assert not failure.retryable


def test_the_gateways_own_key_is_not_the_clients_fault() -> None:
    failure = parse_error(400, {}, BAD_KEY)
    assert failure.code == "API_KEY_INVALID"
    body = render_error(failure, "req_1")
    assert body.status == 502
    assert b"AIza" not in body.body
    assert b"DebugInfo" not in body.body
    assert json.loads(body.body)["error"]["status"] == "INTERNAL"


@given(st.integers(-5, 700), st.binary(max_size=80) | st.text(max_size=40).map(str.encode))
@settings(max_examples=100)
def test_no_body_makes_the_parser_raise(status: int, body: bytes) -> None:
    failure = parse_error(status, {}, body)
    assert failure.message
    render_error(failure, "r")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["error", "message", "details", "@type", "status", "code", "violations", "retryDelay"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(JSON)
@settings(max_examples=100)
def test_no_error_object_makes_the_parser_raise(tree: object) -> None:
    body = json.dumps(tree).encode()
    assert parse_error_tree(0, {}, json.loads(body), body).message
    render_error(parse_error(500, {}, body), "r")


@pytest.mark.parametrize("kind", list(FailureKind))
def test_every_kind_has_an_answer(kind: FailureKind) -> None:
    body = render_error(Failure(kind, "what happened"), "req_1")
    error = json.loads(body.body)["error"]
    assert error["code"] == body.status
    assert error["status"].isupper()
    assert ("x-request-id", "req_1") in body.headers
    assert ("content-type", "application/json; charset=UTF-8") in body.headers
    special = {FailureKind.BILLING: 400, FailureKind.TOO_LARGE: 400}
    assert body.status == special.get(kind, STATUS[kind])


def test_a_clients_wrong_key_is_401() -> None:
    body = render_error(Failure(FailureKind.AUTHENTICATION, "no such key"), "r")
    assert body.status == 401
    assert json.loads(body.body) == {
        "error": {"code": 401, "message": "no such key", "status": "UNAUTHENTICATED"}
    }


def test_a_field_at_fault_is_a_field_violation() -> None:
    body = render_error(Failure(FailureKind.INVALID_REQUEST, "bad", param="contents[0].role"), "r")
    assert json.loads(body.body)["error"]["details"] == [
        {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": "contents[0].role", "description": "bad"}],
        }
    ]


@pytest.mark.parametrize(
    ("seconds", "delay", "header"), [(34.4, "34.4s", "35"), (2.0, "2s", "2"), (0.25, "0.25s", "1")]
)
def test_a_wait_is_a_header_and_a_detail(seconds: float, delay: str, header: str) -> None:
    body = render_error(Failure(FailureKind.RATE_LIMIT, "slow down", retry_after=seconds), "r")
    assert ("retry-after", header) in body.headers
    assert json.loads(body.body)["error"]["details"] == [
        {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    ]


def test_googles_own_details_are_kept_where_they_are_the_clients_business() -> None:
    upstream = google(
        400,
        "INVALID_ARGUMENT",
        "Unknown name",
        detail("BadRequest", fieldViolations=[{"field": "tools[0]", "description": "d"}]),
        detail("DebugInfo", detail="internal host"),
    )
    body = render_error(parse_error(400, {}, upstream), "r")
    assert json.loads(body.body)["error"]["details"] == [
        detail("BadRequest", fieldViolations=[{"field": "tools[0]", "description": "d"}])
    ]


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            "prompt is too long: 210000 tokens > 200000 maximum",
            "The input token count (210000) exceeds the maximum number of tokens allowed (200000).",
        ),
        (
            "This model's maximum context length is 8192 tokens. However, you sent 9000 tokens.",
            "The input token count (9000) exceeds the maximum number of tokens allowed (8192).",
        ),
        (
            "The input token count (9) exceeds the maximum number of tokens allowed (8).",
            "The input token count (9) exceeds the maximum number of tokens allowed (8).",
        ),
        (
            "Input is too long.",
            "The input token count exceeds the maximum number of tokens allowed. Input is too long.",
        ),
    ],
)
def test_an_overflow_is_told_in_googles_words(message: str, told: str) -> None:
    body = render_error(Failure(FailureKind.CONTEXT_OVERFLOW, message), "r")
    assert json.loads(body.body)["error"]["message"] == told
    assert body.status == 400


FAILURE = Failure(FailureKind.OVERLOADED, "busy")
ERROR = b'{"error":{"code":503,"message":"busy","status":"UNAVAILABLE"}}'


def test_an_event_stream_ends_with_an_error_event() -> None:
    for sent in (Sent(b"x"), Sent()):
        assert stream_failure(FAILURE, Location("m", True), sent) == b"data: " + ERROR + b"\r\n\r\n"


def test_an_array_ends_with_an_error_element() -> None:
    location = Location("m", True, sse=False)
    assert json.loads(b'[{"a":1}' + stream_failure(FAILURE, location, Sent(b"x"))) == [
        {"a": 1},
        json.loads(ERROR),
    ]
    assert json.loads(stream_failure(FAILURE, location, Sent())) == [json.loads(ERROR)]
