"""Which kind of failure an upstream's error is: from its status, its codes and its words.

Hosts of every format use each other's statuses and phrases (a proxy for Claude behind an OpenAI
endpoint, Google's own OpenAI layer), so one table and one set of phrases serve all.
"""

import re

from dragoman.conversation.failure import FailureKind
from dragoman.dialects.error_text import MAX_MESSAGE, ErrorText

_OVERFLOW = re.compile(
    r"context_length_exceeded|maximum context length|prompt is too long|exceed_context_size_error"
    r"|input length and `?max_tokens`? exceed context limit|input is too long"
    r"|input token count.{0,80}exceeds the maximum|too many tokens|exceeds the available context size"
    r"|exceeds the maximum allowed input length|max_prompt_tokens|must have less than \d+ tokens"
    r"|context window.{0,80}exceed|exceed.{0,80}context window"
    r"|exceeds? (?:the )?(?:model'?s? )?(?:maximum )?context",
    re.IGNORECASE | re.DOTALL,
)
_NO_MONEY = re.compile(
    r"insufficient_balance|insufficient (?:account )?balance|billing_not_active|credit balance"
    r"|(?:insufficient|requires more|out of|any) credits?\b|\bcredits? (?:are|is)\b"
    r"|\bprepa(?:y|id)|billing (?:account|is|not)\b|enable billing",
    re.IGNORECASE,
)
_LIMIT_REACHED = re.compile(
    r"insufficient_quota|exceeded_current_quota|credit_balance_exhausted|spend_limit"
    r"|billing[_ ]hard[_ ]limit|reached your specified api usage limits"
    r"|quota exceeded for the (?:month|day)"
    # Google says the same of a limit per minute, and then when to try again
    r"|exceeded your current quota(?!.*\bretry in \d)",
    re.IGNORECASE | re.DOTALL,
)
SPENT = re.compile(r"per_?day|limit:\s*0\b|daily limit", re.IGNORECASE)
"""What says of a rate limit that waiting a little will not help (Google's names of quotas)."""
_BAD_KEY = re.compile(
    r"invalid_api_key|api_key_invalid|(?:incorrect|invalid) api[ _]key|unregistered callers"
    r"|api[ _]key (?:not valid|expired|not found|invalid|was reported)|reported as leaked",
    re.IGNORECASE,
)
_POLICY = re.compile(
    r"content_policy|content_filter|content filtering polic|content polic|content_management_policy"
    r"|ResponsibleAIPolicyViolation|moderation_blocked|requires moderation|data_inspection_failed"
    r"|\bflagged\b|prohibited[_ ]content|safety (?:settings|filter|polic)|model armor",
    re.IGNORECASE,
)
_MODEL = re.compile(
    r"model_not_found|model_not_exist|invalid_model|DeploymentNotFound"
    r"|(?:invalid|unknown|no such|not a valid|not a chat) model|model not found"
    r"|model\b.{0,200}\bdoes not exist",
    re.IGNORECASE | re.DOTALL,
)
_SPEAKS_OF_MODEL = re.compile(r"\bmodel", re.IGNORECASE)
"""Enough where something was not found; in other errors the word may speak of anything."""

_SLOWER = frozenset({"rate_limit_exceeded", "slow_down", "rate_limit_error"})
"""Codes by which OpenAI says that waiting helps, whatever the type says."""

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
    503: FailureKind.OVERLOADED,
    504: FailureKind.TIMEOUT,
    522: FailureKind.TIMEOUT,
    524: FailureKind.TIMEOUT,
    529: FailureKind.OVERLOADED,
    # the gateway chose method, path and headers: what they get wrong is not the client's fault
    **dict.fromkeys((405, 406, 411, 415, 421, 426, 499, 501, 502), FailureKind.BAD_GATEWAY),
    **dict.fromkeys((520, 521, 523, 525, 526, 527), FailureKind.BAD_GATEWAY),
}
"""498 is Groq's "capacity exceeded", 499 Google's "cancelled", 520 to 527 are Cloudflare's."""

_NAMES = (
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

_REFUSALS = frozenset({None, FailureKind.INVALID_REQUEST, FailureKind.PERMISSION})
_HIDING = _REFUSALS | {FailureKind.TOO_LARGE, FailureKind.SERVER}
"""Kinds under which hosts hide more exact ones; None is an error without a status."""
_PLAIN = frozenset({FailureKind.UPSTREAM_AUTHENTICATION, FailureKind.BILLING, FailureKind.RATE_LIMIT})
"""Kinds whose messages may speak of too many tokens and mean something else."""


def kind_of_status(status: int) -> FailureKind:
    """What an HTTP status means where nothing else is said. Redirects are not followed: they are as bad
    as no answer.
    """
    if status < 400:
        return FailureKind.BAD_GATEWAY
    return _STATUS.get(status, FailureKind.INVALID_REQUEST if status < 500 else FailureKind.SERVER)


def kind_of(status: int | None, error: ErrorText, known: FailureKind | None = None) -> FailureKind:
    """The kind of an error that came with an HTTP status; None or 2xx for one inside an answer.

    `known` is what the format's own word for the error says, and goes before the status.
    """
    if status is None or status < 300:
        status = error.status
    kind = known
    if kind is None and status is not None:
        kind = kind_of_status(status)
    # broken upstreams put whole pages into every field
    words = f"{error.code} {error.type}"[:MAX_MESSAGE]
    said = f"{words} {error.message}"
    if kind not in _PLAIN and _OVERFLOW.search(said):
        return FailureKind.CONTEXT_OVERFLOW
    if kind in _REFUSALS and _BAD_KEY.search(said):
        return FailureKind.UPSTREAM_AUTHENTICATION
    if (kind in _REFUSALS or kind is FailureKind.SERVER) and _POLICY.search(said):
        return FailureKind.CONTENT_POLICY
    if _names_no_model(kind, error, said):
        return FailureKind.MODEL_NOT_FOUND
    return _unpaid(kind, error, said) or kind or _named(words)


def _names_no_model(kind: FailureKind | None, error: ErrorText, said: str) -> bool:
    if kind is FailureKind.NOT_FOUND:
        return error.param == "model" or _SPEAKS_OF_MODEL.search(said) is not None
    return kind in {None, FailureKind.INVALID_REQUEST} and _MODEL.search(said) is not None


def _unpaid(kind: FailureKind | None, error: ErrorText, said: str) -> FailureKind | None:
    """What is wrong if it is about money: a limit that is used up, or a bill."""
    if error.code in _SLOWER:
        return None
    poor = _NO_MONEY.search(said) is not None
    reached = _LIMIT_REACHED.search(said) is not None
    if kind in {None, FailureKind.RATE_LIMIT}:
        return FailureKind.QUOTA if poor or reached or SPENT.search(said) else None
    if kind is FailureKind.PERMISSION and (reached or SPENT.search(said)):
        return FailureKind.BILLING
    if kind is FailureKind.INVALID_REQUEST and reached:
        return FailureKind.QUOTA
    return FailureKind.BILLING if kind in _HIDING and poor else None


def _named(words: str) -> FailureKind:
    name = words.replace(" ", "_")
    return next((kind for pattern, kind in _NAMES if pattern.search(name)), FailureKind.SERVER)
