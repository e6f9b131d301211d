"""Which kind of failure an upstream's error is: from its status, its codes and its words."""

import re

from dragoman.conversation.failure import FailureKind
from dragoman.dialects.openai_chat.error_text import ErrorText

_OVERFLOW = re.compile(
    r"context_length_exceeded|maximum context length|prompt is too long"
    r"|input length and `?max_tokens`? exceed context limit|exceeds? the context window"
    r"|input token count.*exceeds the maximum number of tokens|input is too long for requested model"
    r"|too many tokens|exceed_context_size_error|exceeds the available context size"
    r"|exceeds the maximum allowed input length|context window.*exceed|exceed.*context window"
    r"|max_prompt_tokens|must have less than \d+ tokens|exceeds? (?:the )?model'?s? context",
    re.IGNORECASE | re.DOTALL,
)
_OUT_OF_MONEY = re.compile(
    r"insufficient_quota|insufficient_balance|credit_balance_exhausted|exceeded_current_quota|spend_limit"
    r"|billing_hard_limit|billing_not_active|exceeded your current quota|insufficient (?:account )?balance"
    r"|(?:insufficient|requires more|out of|any) credits?\b|credit balance|billing hard limit"
    r"|PerDay|limit: 0\b",
    re.IGNORECASE,
)
_BAD_KEY = re.compile(
    r"invalid_api_key|api_key_invalid|api key not valid|(?:incorrect|invalid) api key", re.IGNORECASE
)
_POLICY = re.compile(
    r"content_policy|content_filter|content_management_policy|ResponsibleAIPolicyViolation"
    r"|moderation_blocked|requires moderation|data_inspection_failed|\bflagged\b",
    re.IGNORECASE,
)
_MODEL = re.compile(
    r"model_not_found|model_not_exist|invalid_model|DeploymentNotFound"
    r"|(?:invalid|unknown|no such|not a valid|not a chat) model|model not found"
    r"|model\b.{0,200}\bdoes not exist",
    re.IGNORECASE | re.DOTALL,
)
_MODEL_GONE = re.compile(r"model\b.{0,200}\b(?:not exist|not found|no longer)", re.IGNORECASE | re.DOTALL)
"""What a 404 says of a model; in other errors these words may speak of anything."""
_SLOWER = frozenset({"rate_limit_exceeded", "slow_down", "rate_limit_error"})

_WORDS = (
    (re.compile(r"rate_?limit|too_many_requests", re.IGNORECASE), FailureKind.RATE_LIMIT),
    (re.compile(r"overload|unavailable|insufficient_system_resource", re.IGNORECASE), FailureKind.OVERLOADED),
    (re.compile(r"timeout|timed_out", re.IGNORECASE), FailureKind.TIMEOUT),
    (re.compile(r"authentication|unauthorized", re.IGNORECASE), FailureKind.UPSTREAM_AUTHENTICATION),
    (re.compile(r"permission|forbidden", re.IGNORECASE), FailureKind.PERMISSION),
    (re.compile(r"not_found", re.IGNORECASE), FailureKind.NOT_FOUND),
    (
        re.compile(r"invalid_request|bad_?request|invalid_argument", re.IGNORECASE),
        FailureKind.INVALID_REQUEST,
    ),
)
"""What codes and types tell where no status does: errors inside a 200 answer or a stream."""

_STATUS = {
    401: FailureKind.UPSTREAM_AUTHENTICATION,
    402: FailureKind.BILLING,
    403: FailureKind.PERMISSION,
    404: FailureKind.NOT_FOUND,
    408: FailureKind.TIMEOUT,
    409: FailureKind.CONFLICT,
    410: FailureKind.MODEL_NOT_FOUND,
    413: FailureKind.TOO_LARGE,
    429: FailureKind.RATE_LIMIT,
    498: FailureKind.OVERLOADED,
    502: FailureKind.BAD_GATEWAY,
    503: FailureKind.OVERLOADED,
    504: FailureKind.TIMEOUT,
    520: FailureKind.BAD_GATEWAY,
    521: FailureKind.BAD_GATEWAY,
    522: FailureKind.TIMEOUT,
    523: FailureKind.BAD_GATEWAY,
    524: FailureKind.TIMEOUT,
    525: FailureKind.BAD_GATEWAY,
    526: FailureKind.BAD_GATEWAY,
    529: FailureKind.OVERLOADED,
}
"""498 is Groq's "capacity exceeded", 520 to 526 are Cloudflare's."""

_MISCONFIGURED = frozenset({405, 406, 411, 415, 421, 426})
"""Statuses that speak of how the gateway asks, not of what its client wants."""


def kind_of(status: int, error: ErrorText) -> FailureKind:
    """The kind of an error that came with an HTTP status; 2xx for one inside an answer."""
    if 200 <= status < 300:
        if error.status is None:
            return _kind_by_words(error)
        status = error.status
    said = f"{error.code} {error.type} {error.message}"
    if status not in {401, 402, 429} and _OVERFLOW.search(said):
        return FailureKind.CONTEXT_OVERFLOW
    if status in {403, 429} and error.code not in _SLOWER and _OUT_OF_MONEY.search(said):
        return FailureKind.QUOTA if status == 429 else FailureKind.BILLING
    if status in {400, 403, 422} and _BAD_KEY.search(said):
        return FailureKind.UPSTREAM_AUTHENTICATION
    if status in {400, 403, 422, 451} and _POLICY.search(said):
        return FailureKind.CONTENT_POLICY
    if status in {400, 404} and _MODEL.search(said):
        return FailureKind.MODEL_NOT_FOUND
    if status == 404 and (error.param == "model" or _MODEL_GONE.search(said)):
        return FailureKind.MODEL_NOT_FOUND
    if status in _MISCONFIGURED or status < 400:
        return FailureKind.BAD_GATEWAY
    return _STATUS.get(status, FailureKind.INVALID_REQUEST if status < 500 else FailureKind.SERVER)


def _kind_by_words(error: ErrorText) -> FailureKind:
    said = f"{error.code} {error.type} {error.message}"
    for pattern, kind in (
        (_OVERFLOW, FailureKind.CONTEXT_OVERFLOW),
        (_BAD_KEY, FailureKind.UPSTREAM_AUTHENTICATION),
        (_POLICY, FailureKind.CONTENT_POLICY),
        (_MODEL, FailureKind.MODEL_NOT_FOUND),
    ):
        if pattern.search(said):
            return kind
    if error.code not in _SLOWER and _OUT_OF_MONEY.search(said):
        return FailureKind.QUOTA
    words = f"{error.code} {error.type}".replace(" ", "_")
    return next((kind for pattern, kind in _WORDS if pattern.search(words)), FailureKind.SERVER)
