"""Errors of upstreams, and failures for clients."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.dialects.dialect import Location, Sent
from dragoman.dialects.openai_chat import DIALECT


def parsed(status: int, body: object = b"", **headers: str) -> Failure:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return DIALECT.parse_error(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, raw
    )


def rendered(failure: Failure) -> tuple[int, dict[str, str], dict[str, object]]:
    got = DIALECT.render_error(failure, "req_1")
    return got.status, dict(got.headers), json.loads(got.body)["error"]


def openai(
    message: str = "m", code: str | None = None, kind: str = "invalid_request_error"
) -> dict[str, object]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


# --- kinds ---------------------------------------------------------------------------------------

KINDS: list[tuple[int, object, FailureKind]] = [
    (400, openai("Unsupported parameter: 'stop'", "unsupported_parameter"), FailureKind.INVALID_REQUEST),
    (422, openai(), FailureKind.INVALID_REQUEST),
    (400, openai(code="content_policy_violation"), FailureKind.CONTENT_POLICY),
    (400, openai("filtered", "content_filter"), FailureKind.CONTENT_POLICY),
    (403, openai("Your input was flagged"), FailureKind.CONTENT_POLICY),
    (401, openai(code="invalid_api_key"), FailureKind.UPSTREAM_AUTHENTICATION),
    (400, openai("API key not valid. Please pass a valid API key."), FailureKind.UPSTREAM_AUTHENTICATION),
    (402, openai("Insufficient Balance"), FailureKind.BILLING),
    (403, openai("Country not supported"), FailureKind.PERMISSION),
    (403, {"error": "Your team doesn't have any credits yet"}, FailureKind.BILLING),
    (404, openai(code="model_not_found"), FailureKind.MODEL_NOT_FOUND),
    (404, {"error": "model 'llama9' not found, try pulling it first"}, FailureKind.MODEL_NOT_FOUND),
    (404, {"error": {"code": "404", "message": "Resource not found"}}, FailureKind.NOT_FOUND),
    (
        400,
        {"object": "error", "message": "Invalid model: x", "type": "invalid_model"},
        FailureKind.MODEL_NOT_FOUND,
    ),
    (404, openai("The model gpt-3 is no longer available"), FailureKind.MODEL_NOT_FOUND),
    (400, openai("The model called a tool that was not found"), FailureKind.INVALID_REQUEST),
    (400, openai("Unknown parameter: 'moderation'."), FailureKind.INVALID_REQUEST),
    (405, b"", FailureKind.BAD_GATEWAY),
    (415, b"", FailureKind.BAD_GATEWAY),
    (421, b"", FailureKind.BAD_GATEWAY),
    (408, b"", FailureKind.TIMEOUT),
    (409, b"", FailureKind.CONFLICT),
    (413, b"", FailureKind.TOO_LARGE),
    (429, openai(code="rate_limit_exceeded"), FailureKind.RATE_LIMIT),
    (429, openai(code="slow_down", kind="insufficient_quota"), FailureKind.RATE_LIMIT),
    (429, openai(code="insufficient_quota"), FailureKind.QUOTA),
    (429, openai(code="credit_balance_exhausted"), FailureKind.QUOTA),
    (429, openai(code="organization_spend_limit_exceeded"), FailureKind.QUOTA),
    (429, openai("You exceeded your current quota, please check your plan"), FailureKind.QUOTA),
    (429, openai("Request too large: too many tokens per minute"), FailureKind.RATE_LIMIT),
    (
        429,
        openai("You exceeded your current quota.\n* Quota exceeded, limit: 10\nPlease retry in 34.07s."),
        FailureKind.RATE_LIMIT,
    ),
    (498, b"", FailureKind.OVERLOADED),
    (500, b"", FailureKind.SERVER),
    (502, b"<html><title>502 Bad Gateway</title></html>", FailureKind.BAD_GATEWAY),
    (503, b"", FailureKind.OVERLOADED),
    (504, b"", FailureKind.TIMEOUT),
    (524, b"", FailureKind.TIMEOUT),
    (529, b"", FailureKind.OVERLOADED),
    (599, b"", FailureKind.SERVER),
    (418, b"", FailureKind.INVALID_REQUEST),
]


@pytest.mark.parametrize(("status", "body", "kind"), KINDS)
def test_status_codes_and_words_tell_the_kind(status: int, body: object, kind: FailureKind) -> None:
    got = parsed(status, body)
    assert got.kind is kind
    assert got.status == status


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 199000 + 4096 > 200000",
        "Your input exceeds the context window of this model.",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        "Input is too long for requested model.",
        "request (2009 tokens) exceeds the available context size (512 tokens), try increasing it",
        "The prompt exceeds the maximum allowed input length",
    ],
)
@pytest.mark.parametrize("status", [400, 403, 413, 422, 500])
def test_overflow_is_known_by_its_words_on_every_host(message: str, status: int) -> None:
    assert parsed(status, openai(message)).kind is FailureKind.CONTEXT_OVERFLOW


def test_overflow_is_known_by_its_code() -> None:
    assert parsed(400, openai("too much", "context_length_exceeded")).kind is FailureKind.CONTEXT_OVERFLOW
    llama = {"error": {"code": 400, "message": "no", "type": "exceed_context_size_error", "n_ctx": 512}}
    assert parsed(400, llama).kind is FailureKind.CONTEXT_OVERFLOW


# --- bodies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (openai("plain"), "plain"),
        ({"error": "a string"}, "a string"),
        ({"code": "Client specified an invalid argument", "error": "xai"}, "xai"),
        ({"object": "error", "message": "mistral", "type": "t", "code": "3051"}, "mistral"),
        ({"code": 400, "message": "flat", "type": "Bad Request"}, "flat"),
        ({"detail": "fastapi"}, "fastapi"),
        (
            {"detail": [{"loc": ["body", "messages", 0], "msg": "field required"}, {"msg": "and more"}]},
            "body.messages.0: field required; and more",
        ),
        ({"title": "Bad", "status": 400, "detail": "rfc 7807"}, "rfc 7807"),
        ({"title": "only a title"}, "only a title"),
        ([{"error": {"code": 400, "message": "google", "status": "INVALID_ARGUMENT"}}], "google"),
        ({"error": {"code": 500, "message": {"detail": "nested"}}}, "nested"),
        ({"errors": [{"code": 1000, "message": "cloudflare"}], "success": False}, "cloudflare"),
        (
            {
                "error": {
                    "message": "Provider returned error",
                    "metadata": {"raw": '{"error":{"message":"deep"}}'},
                }
            },
            "Provider returned error: deep",
        ),
        (b"just text", "just text"),
        (b"<html><head><title>400 Bad Request</title></head><body>x</body></html>", "400 Bad Request"),
        (b"<p>No&nbsp;title</p><script>x()</script>", "No title"),
        (b"", "The upstream answered with status 400."),
        ({}, "The upstream answered with status 400."),
        ({"error": {}}, "The upstream answered with status 400."),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_the_message_is_found_in_every_form_of_body(body: object, message: str) -> None:
    assert parsed(400, body).message == message


def test_code_and_param_are_kept_and_numbers_are_no_codes() -> None:
    body = {"error": {"message": "m", "param": "messages[0]", "code": "unsupported_value"}}
    assert (parsed(400, body).param, parsed(400, body).code) == ("messages[0]", "unsupported_value")
    assert parsed(400, {"error": {"message": "m", "code": 400}}).code is None


def test_a_long_message_is_cut() -> None:
    assert len(parsed(400, openai("x" * 5000)).message) == 2048


def test_the_body_goes_along_for_a_client_of_this_dialect() -> None:
    got = parsed(400, b'{"error":{"message":"m"}}')
    assert (got.dialect, got.body) == ("openai_chat", b'{"error":{"message":"m"}}')


def test_nothing_of_a_refused_key_goes_on() -> None:
    got = parsed(401, openai("Incorrect API key provided: sk-proj-abc***xyz9."))
    assert "sk-proj" not in got.message
    assert "xyz9" not in got.message
    assert got.body == b""


@pytest.mark.parametrize(
    "secret",
    ["sk-abcdef1234567890", "AIzaSyA1234567890", "org-Abc123Def456", "gsk_abc123def456", "?key=AbC-1_2"],
)
def test_keys_and_accounts_are_struck_out_of_messages(secret: str) -> None:
    got = parsed(429, openai(f"Rate limit reached for {secret} on tokens")).message
    assert secret not in got
    assert got.startswith("Rate limit reached for ")


def test_azures_filter_is_named_in_the_message() -> None:
    got = parsed(400, openai("The response was filtered", "content_filter"))
    assert got.message == "content_filter: The response was filtered"


@settings(max_examples=100)
@given(st.integers(100, 999), st.binary(max_size=200))
def test_any_bytes_are_an_error_without_raising(status: int, body: bytes) -> None:
    got = DIALECT.parse_error(status, {}, body)
    assert got.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "errors", "message", "detail", "code", "loc", "metadata"]), inner
        )
    ),
    max_leaves=12,
)


@settings(max_examples=100)
@given(JSON)
def test_any_json_is_an_error_without_raising(value: object) -> None:
    assert parsed(400, value).message


# --- waiting -------------------------------------------------------------------------------------


def test_retry_after_in_seconds_milliseconds_and_as_a_date() -> None:
    assert parsed(429, retry_after="7").retry_after == 7
    assert parsed(429, retry_after="7", retry_after_ms="1500").retry_after == 1.5
    dated = parsed(503, retry_after="Sat, 01 Nov 2026 10:00:30 GMT", date="Sat, 01 Nov 2026 10:00:00 GMT")
    assert dated.retry_after == 30
    assert parsed(503, retry_after="soon", date="now").retry_after is None


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Please try again in 20s.", 20),
        ("Please try again in 1m30.5s.", 90.5),
        ("Please try again in 120ms.", 0.12),
        ("Please retry in 10h17m5.7s.", 37025.7),
        ("Please try again in 6m0s.", 360),
        ("Please try again in a while.", None),
    ],
)
def test_retry_after_in_the_message(message: str, seconds: float | None) -> None:
    assert parsed(429, openai(message)).retry_after == seconds


def test_retry_after_in_googles_details() -> None:
    body = [
        {"error": {"code": 429, "message": "m", "details": [{"@type": "RetryInfo", "retryDelay": "34.5s"}]}}
    ]
    assert parsed(429, body).retry_after == 34.5


# --- for clients ---------------------------------------------------------------------------------

RENDERED: list[tuple[FailureKind, int, str, str | None]] = [
    (FailureKind.INVALID_REQUEST, 400, "invalid_request_error", None),
    (FailureKind.CONTEXT_OVERFLOW, 400, "invalid_request_error", "context_length_exceeded"),
    (FailureKind.CONTENT_POLICY, 400, "invalid_request_error", "content_policy_violation"),
    (FailureKind.AUTHENTICATION, 401, "invalid_request_error", "invalid_api_key"),
    (FailureKind.UPSTREAM_AUTHENTICATION, 502, "server_error", "upstream_auth"),
    (FailureKind.BILLING, 429, "insufficient_quota", "insufficient_quota"),
    (FailureKind.PERMISSION, 403, "permission_error", None),
    (FailureKind.NOT_FOUND, 404, "invalid_request_error", None),
    (FailureKind.MODEL_NOT_FOUND, 404, "invalid_request_error", "model_not_found"),
    (FailureKind.METHOD_NOT_ALLOWED, 405, "invalid_request_error", "method_not_allowed"),
    (FailureKind.REQUEST_TIMEOUT, 408, "invalid_request_error", "request_timeout"),
    (FailureKind.CONFLICT, 409, "conflict", None),
    (FailureKind.TOO_LARGE, 413, "invalid_request_error", "request_too_large"),
    (FailureKind.RATE_LIMIT, 429, "rate_limit_error", "rate_limit_exceeded"),
    (FailureKind.QUOTA, 429, "insufficient_quota", "insufficient_quota"),
    (FailureKind.SERVER, 500, "server_error", "server_error"),
    (FailureKind.BAD_GATEWAY, 502, "server_error", "upstream_error"),
    (FailureKind.OVERLOADED, 503, "server_error", "server_is_overloaded"),
    (FailureKind.TIMEOUT, 504, "server_error", "timeout"),
    (FailureKind.CLIENT_CLOSED, 499, "server_error", "client_closed_request"),
]


def test_every_kind_is_in_the_table() -> None:
    assert {kind for kind, *_ in RENDERED} == set(FailureKind)


@pytest.mark.parametrize(("kind", "status", "kind_type", "code"), RENDERED)
def test_each_kind_in_openais_words(kind: FailureKind, status: int, kind_type: str, code: str | None) -> None:
    got_status, headers, error = rendered(Failure(kind, "because"))
    assert (got_status, error["type"], error["code"]) == (status, kind_type, code)
    assert "because" in str(error["message"])
    assert list(error) == ["message", "type", "param", "code"]
    assert headers == {"content-type": "application/json", "x-request-id": "req_1"}


def test_the_field_at_fault_and_our_own_code_are_told() -> None:
    *_, error = rendered(Failure(FailureKind.INVALID_REQUEST, "m", param="messages[2]", code="invalid_value"))
    assert (error["param"], error["code"]) == ("messages[2]", "invalid_value")


def test_codes_and_fields_of_other_vendors_are_not_told() -> None:
    failure = Failure(
        FailureKind.OVERLOADED, "m", param="x", code="overloaded_error", status=529, dialect="anthropic"
    )
    status, _, error = rendered(failure)
    assert (status, error["param"], error["code"]) == (503, None, "server_is_overloaded")


def test_an_unprocessable_request_stays_one() -> None:
    assert rendered(Failure(FailureKind.INVALID_REQUEST, "m", status=422))[0] == 422


def test_how_long_to_wait_is_told_in_whole_seconds() -> None:
    assert rendered(Failure(FailureKind.RATE_LIMIT, "m", retry_after=1.2))[1]["retry-after"] == "2"
    assert rendered(Failure(FailureKind.OVERLOADED, "m", retry_after=0))[1]["retry-after"] == "0"


@pytest.mark.parametrize(
    ("message", "numbers"),
    [
        ("prompt is too long: 210000 tokens > 200000 maximum", ("200000", "210000")),
        (
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            ("1048576", "1200000"),
        ),
        ("request (2009 tokens) exceeds the available context size (512 tokens)", ("512", "2009")),
    ],
)
def test_an_overflow_is_told_in_the_phrase_that_clients_look_for(
    message: str, numbers: tuple[str, str]
) -> None:
    *_, error = rendered(Failure(FailureKind.CONTEXT_OVERFLOW, message, dialect="anthropic"))
    most, used = numbers
    assert str(error["message"]).startswith(
        f"This model's maximum context length is {most} tokens. However, your messages resulted in {used} "
    )
    assert (error["code"], error["param"]) == ("context_length_exceeded", "messages")


def test_an_overflow_without_numbers_keeps_the_upstreams_words() -> None:
    *_, error = rendered(Failure(FailureKind.CONTEXT_OVERFLOW, "Input is too long for requested model."))
    assert "maximum context length" in str(error["message"])
    assert "Input is too long for requested model." in str(error["message"])


@pytest.mark.parametrize("sent", [Sent(b"x"), Sent()])
def test_a_stream_ends_with_the_error_and_done(sent: Sent) -> None:
    got = DIALECT.stream_failure(Failure(FailureKind.TIMEOUT, "too slow"), Location(), sent)
    first, second, rest = got.split(b"\n\n")
    assert json.loads(first.removeprefix(b"data: "))["error"]["message"] == "too slow"
    assert (second, rest) == (b"data: [DONE]", b"")
