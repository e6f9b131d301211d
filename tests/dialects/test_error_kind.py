"""Which kind of failure an error is."""

import pytest

from dragoman.conversation.failure import FailureKind as Kind
from dragoman.dialects.error_kind import kind_of, kind_of_status
from dragoman.dialects.error_text import ErrorText


@pytest.mark.parametrize(
    ("statuses", "kind"),
    [
        ((100, 204, 302, 304, 405, 406, 411, 415, 421, 426, 499, 501, 502, 520, 527), Kind.BAD_GATEWAY),
        ((400, 418, 422, 451), Kind.INVALID_REQUEST),
        ((401,), Kind.UPSTREAM_AUTHENTICATION),
        ((402,), Kind.BILLING),
        ((403,), Kind.PERMISSION),
        ((404,), Kind.NOT_FOUND),
        ((408, 504, 522, 524), Kind.TIMEOUT),
        ((409,), Kind.CONFLICT),
        ((410,), Kind.MODEL_NOT_FOUND),
        ((413,), Kind.TOO_LARGE),
        ((429,), Kind.RATE_LIMIT),
        ((500, 507, 599), Kind.SERVER),
        ((498, 503, 529), Kind.OVERLOADED),
    ],
)
def test_a_status_alone(statuses: tuple[int, ...], kind: Kind) -> None:
    assert {kind_of_status(status) for status in statuses} == {kind}
    assert {kind_of(status, ErrorText()) for status in statuses if status >= 300} <= {kind}


OVERFLOWS = [
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
    "prompt is too long: 210000 tokens > 200000 maximum",
    "input length and `max_tokens` exceed context limit: 199000 + 4096 > 200000",
    "Your input exceeds the context window of this model.",
    "The context window would be exceeded",
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "Input is too long for requested model.",
    "request (2009 tokens) exceeds the available context size (512 tokens), try increasing it",
    "The prompt exceeds the maximum allowed input length",
    "exceeds the model's maximum context",
    "`inputs` must have less than 4096 tokens. Given: 5000",
    "max_prompt_tokens exceeded",
    "too many tokens",
]


@pytest.mark.parametrize("message", OVERFLOWS)
@pytest.mark.parametrize("status", [400, 403, 413, 422, 500, 502, 503])
def test_too_long_a_prompt_is_known_by_its_words(message: str, status: int) -> None:
    assert kind_of(status, ErrorText(message)) is Kind.CONTEXT_OVERFLOW
    assert kind_of(None, ErrorText(message)) is Kind.CONTEXT_OVERFLOW


@pytest.mark.parametrize("status", [401, 402, 429])
def test_some_statuses_speak_of_tokens_and_mean_something_else(status: int) -> None:
    assert kind_of(status, ErrorText("too many tokens")) is kind_of_status(status)


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, ErrorText(code="context_length_exceeded"), Kind.CONTEXT_OVERFLOW),
        (500, ErrorText(type="exceed_context_size_error"), Kind.CONTEXT_OVERFLOW),
        # keys
        (400, ErrorText("API key not valid. Please pass a valid one."), Kind.UPSTREAM_AUTHENTICATION),
        (403, ErrorText("Method doesn't allow unregistered callers."), Kind.UPSTREAM_AUTHENTICATION),
        (422, ErrorText(code="invalid_api_key"), Kind.UPSTREAM_AUTHENTICATION),
        (404, ErrorText("invalid api key"), Kind.NOT_FOUND),
        # policies
        (400, ErrorText(code="content_policy_violation"), Kind.CONTENT_POLICY),
        (400, ErrorText("Output blocked by content filtering policy"), Kind.CONTENT_POLICY),
        (400, ErrorText("Blocked by prohibited content"), Kind.CONTENT_POLICY),
        (403, ErrorText("Your input was flagged"), Kind.CONTENT_POLICY),
        (451, ErrorText(code="ResponsibleAIPolicyViolation"), Kind.CONTENT_POLICY),
        (500, ErrorText("content_filter"), Kind.CONTENT_POLICY),
        (400, ErrorText("Unknown parameter: 'moderation'."), Kind.INVALID_REQUEST),
        # models
        (404, ErrorText(code="model_not_found"), Kind.MODEL_NOT_FOUND),
        (404, ErrorText("model: claude-9"), Kind.MODEL_NOT_FOUND),
        (404, ErrorText("Publisher Model `x` not found."), Kind.MODEL_NOT_FOUND),
        (404, ErrorText(param="model"), Kind.MODEL_NOT_FOUND),
        (404, ErrorText("Resource not found"), Kind.NOT_FOUND),
        (400, ErrorText("Invalid model: x"), Kind.MODEL_NOT_FOUND),
        (400, ErrorText("The model called a tool that was not found"), Kind.INVALID_REQUEST),
        # money
        (429, ErrorText(code="insufficient_quota"), Kind.QUOTA),
        (429, ErrorText("Insufficient credits"), Kind.QUOTA),
        (429, ErrorText(code="enforced_spend_limit_reached"), Kind.QUOTA),
        (429, ErrorText("GenerateRequestsPerDayPerProject"), Kind.QUOTA),
        (429, ErrorText("Quota exceeded, limit: 0, model: y"), Kind.QUOTA),
        (429, ErrorText("Quota exceeded, limit: 10"), Kind.RATE_LIMIT),
        (429, ErrorText("You exceeded your current quota, check your plan"), Kind.QUOTA),
        (429, ErrorText("You exceeded your current quota.\nPlease retry in 34.07s."), Kind.RATE_LIMIT),
        (429, ErrorText(type="insufficient_quota", code="slow_down"), Kind.RATE_LIMIT),
        (400, ErrorText("You have reached your specified API usage limits."), Kind.QUOTA),
        (400, ErrorText("Your credit balance is too low to access the API."), Kind.BILLING),
        (400, ErrorText("Please enable billing on project 123"), Kind.BILLING),
        (403, ErrorText("Your team doesn't have any credits yet"), Kind.BILLING),
        (403, ErrorText(code="insufficient_quota"), Kind.BILLING),
        (500, ErrorText("insufficient balance"), Kind.BILLING),
        (404, ErrorText("insufficient balance"), Kind.NOT_FOUND),
        (403, ErrorText("Country not supported"), Kind.PERMISSION),
    ],
)
def test_words_tell_more_than_a_status(status: int, error: ErrorText, kind: Kind) -> None:
    assert kind_of(status, error) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ErrorText(status=503), Kind.OVERLOADED),
        (ErrorText("x", code="rate_limit_exceeded"), Kind.RATE_LIMIT),
        (ErrorText("Too many", type="too many requests"), Kind.RATE_LIMIT),
        (ErrorText(type="overloaded_error"), Kind.OVERLOADED),
        (ErrorText(code="timeout"), Kind.TIMEOUT),
        (ErrorText(type="authentication_error"), Kind.UPSTREAM_AUTHENTICATION),
        (ErrorText(type="permission_error"), Kind.PERMISSION),
        (ErrorText(type="not_found_error"), Kind.NOT_FOUND),
        (ErrorText(type="BadRequestError"), Kind.INVALID_REQUEST),
        (ErrorText(code="insufficient_quota"), Kind.QUOTA),
        (ErrorText("no such model"), Kind.MODEL_NOT_FOUND),
        (ErrorText("?"), Kind.SERVER),
    ],
)
@pytest.mark.parametrize("status", [None, 0, 200])
def test_inside_an_answer_words_decide(status: int | None, error: ErrorText, kind: Kind) -> None:
    assert kind_of(status, error) is kind


def test_the_formats_own_word_goes_before_the_status() -> None:
    assert kind_of(500, ErrorText("x"), Kind.OVERLOADED) is Kind.OVERLOADED
    assert kind_of(500, ErrorText("prompt is too long"), Kind.INVALID_REQUEST) is Kind.CONTEXT_OVERFLOW
