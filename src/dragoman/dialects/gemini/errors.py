"""Errors, in Google's words and in ours.

Google answers with a `google.rpc.Status`: a message, a status word, and details of several types.
Proxies and other servers in between answer with almost anything, so nothing is taken for granted.
"""

import re
from collections.abc import Mapping

import msgspec

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.dialects.dialect import ErrorBody, Location, Sent
from dragoman.dialects.error_kind import SPENT, kind_of
from dragoman.dialects.error_text import ErrorText, read_error, read_error_value
from dragoman.dialects.json_tree import ANY, UNREADABLE, elements, members
from dragoman.dialects.overflow import overflow_numbers
from dragoman.dialects.retry_after import render_retry_after
from dragoman.dialects.upstream_failure import upstream_failure

DIALECT = "gemini"

_TYPE = "type.googleapis.com/google.rpc."

# --- what an upstream says -------------------------------------------------------------------------


class _Details(msgspec.Struct):
    """What Google's typed details tell of an error."""

    reasons: set[str] = set()
    quotas: list[str] = []


def parse_error(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """What an upstream's error answer means. Never raises."""
    return _failure(status, headers, read_error(body), body)


def parse_error_tree(status: int, headers: Mapping[str, str], tree: object, body: bytes) -> Failure:
    """What an error object means, in an answer of its own or inside a stream that began well.

    `status` is 0 or 200 where there is no HTTP status to go by.
    """
    return _failure(status, headers, read_error_value(tree), body)


def _failure(status: int, headers: Mapping[str, str], error: ErrorText, body: bytes) -> Failure:
    word = error.type.upper()
    answered = status if status >= 300 else error.status or _WORDS.get(word, 502)
    details = _details_of(error)
    kind = _kind(answered, error, details)
    code = next((reason for reason in sorted(details.reasons) if reason), word)
    error = msgspec.structs.replace(error, code=code)
    return upstream_failure(kind, answered, headers, error, DIALECT, body)


def _details_of(error: ErrorText) -> _Details:
    found = _Details()
    for each in elements(error.inner.get("details")) or ():
        detail = members(each) or {}
        kind = str(detail.get("@type", "")).rpartition(".")[2]
        if kind == "ErrorInfo":
            found.reasons.add(str(detail.get("reason", "")))
            metadata = members(detail.get("metadata")) or {}
            if metadata.get("quota_limit_value") == "0":
                found.quotas.append("limit: 0")
            found.quotas.append(str(metadata.get("quota_limit", "")))
        elif kind == "QuotaFailure":
            for violation in elements(detail.get("violations")) or ():
                fields = members(violation) or {}
                found.quotas.append(f"{fields.get('quotaId', '')} {fields.get('description', '')}")
    return found


_WORDS = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ABORTED": 409,
    "ALREADY_EXISTS": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNKNOWN": 500,
    "DATA_LOSS": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""HTTP statuses of `google.rpc` words, for errors that come without one."""

_KEY_REASONS = frozenset(
    {
        "API_KEY_INVALID",
        "API_KEY_EXPIRED",
        "API_KEY_SERVICE_BLOCKED",
        "API_KEY_HTTP_REFERRER_BLOCKED",
        "API_KEY_IP_ADDRESS_BLOCKED",
        "ACCESS_TOKEN_EXPIRED",
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        "CREDENTIALS_MISSING",
        "CONSUMER_INVALID",
        "CONSUMER_SUSPENDED",
        "SERVICE_DISABLED",
        "IAM_PERMISSION_DENIED",
    }
)
_LOCATION = re.compile(r"user location is not supported", re.IGNORECASE)


def _kind(status: int, error: ErrorText, details: _Details) -> FailureKind:
    if details.reasons & _KEY_REASONS:
        return FailureKind.UPSTREAM_AUTHENTICATION
    if status == 429:
        # Google speaks of an exceeded quota for every limit: only its name tells for how long
        spent = any(SPENT.search(quota) for quota in (*details.quotas, error.message))
        return FailureKind.QUOTA if spent else FailureKind.RATE_LIMIT
    if status == 400 and _LOCATION.search(error.message):
        return FailureKind.PERMISSION
    return kind_of(status, error)


# --- what a client is told -------------------------------------------------------------------------

_ANSWERS = {
    FailureKind.INVALID_REQUEST: (400, "INVALID_ARGUMENT"),
    FailureKind.CONTEXT_OVERFLOW: (400, "INVALID_ARGUMENT"),
    FailureKind.CONTENT_POLICY: (400, "INVALID_ARGUMENT"),
    FailureKind.AUTHENTICATION: (401, "UNAUTHENTICATED"),
    FailureKind.UPSTREAM_AUTHENTICATION: (502, "INTERNAL"),
    FailureKind.BILLING: (400, "FAILED_PRECONDITION"),
    FailureKind.PERMISSION: (403, "PERMISSION_DENIED"),
    FailureKind.NOT_FOUND: (404, "NOT_FOUND"),
    FailureKind.MODEL_NOT_FOUND: (404, "NOT_FOUND"),
    FailureKind.METHOD_NOT_ALLOWED: (405, "UNIMPLEMENTED"),
    FailureKind.REQUEST_TIMEOUT: (408, "DEADLINE_EXCEEDED"),
    FailureKind.CONFLICT: (409, "ABORTED"),
    FailureKind.TOO_LARGE: (400, "INVALID_ARGUMENT"),
    FailureKind.RATE_LIMIT: (429, "RESOURCE_EXHAUSTED"),
    FailureKind.QUOTA: (429, "RESOURCE_EXHAUSTED"),
    FailureKind.SERVER: (500, "INTERNAL"),
    FailureKind.BAD_GATEWAY: (502, "UNAVAILABLE"),
    FailureKind.OVERLOADED: (503, "UNAVAILABLE"),
    FailureKind.TIMEOUT: (504, "DEADLINE_EXCEEDED"),
    FailureKind.CLIENT_CLOSED: (499, "CANCELLED"),
}
"""HTTP status and status word of each kind. The gateway's own refused key is never the client's 401."""


def render_error(failure: Failure, request_id: str) -> ErrorBody:
    """A failure as an HTTP answer; `request_id` goes into a header, for the body has no place for it."""
    headers = [
        ("content-type", "application/json; charset=UTF-8"),
        ("x-request-id", request_id),
        *render_retry_after(failure),
    ]
    return ErrorBody(_ANSWERS[failure.kind][0], tuple(headers), render_failure(failure))


def render_failure(failure: Failure) -> bytes:
    """A failure as Google's error object, for an answer of its own or inside a stream."""
    code, word = _ANSWERS[failure.kind]
    error: dict[str, object] = {"code": code, "message": _told(failure), "status": word}
    if details := _details(failure):
        error["details"] = details
    return msgspec.json.encode({"error": error})


def stream_failure(failure: Failure, location: Location, sent: Sent) -> bytes:
    """The bytes that end a passed-through stream with an error. Where frames went to the client before, an
    array is open.
    """
    error = render_failure(failure)
    if location.sse:
        return b"data: " + error + b"\r\n\r\n"
    return (b",\r\n" if sent.begun else b"[") + error + b"\n]"


def _told(failure: Failure) -> str:
    """The message; for an overflow in the words that clients of this format look for."""
    message = failure.message
    if failure.kind is not FailureKind.CONTEXT_OVERFLOW or re.search(r"input token count", message):
        return message
    numbers = overflow_numbers(message)
    if numbers is not None:
        used, limit = numbers
        return f"The input token count ({used}) exceeds the maximum number of tokens allowed ({limit})."
    return f"The input token count exceeds the maximum number of tokens allowed. {message}"


_KEPT = frozenset({"BadRequest", "QuotaFailure"})


def _details(failure: Failure) -> list[object]:
    """Google's own details where they are the client's business, else ours in the same types.

    The others (ErrorInfo, DebugInfo, Help) name the key and project of the gateway.
    """
    details: list[object] = []
    if failure.dialect == DIALECT:
        details.extend(_kept_details(failure.body))
    elif failure.param is not None:
        violation = {"field": failure.param, "description": failure.message}
        details.append({"@type": _TYPE + "BadRequest", "fieldViolations": [violation]})
    if failure.retry_after is not None:
        delay = f"{failure.retry_after:.3f}".rstrip("0").rstrip(".")
        details.append({"@type": _TYPE + "RetryInfo", "retryDelay": delay + "s"})
    return details


def _kept_details(body: bytes) -> list[object]:
    try:
        tree = ANY.decode(body)
    except UNREADABLE:
        return []
    listed = elements(tree)
    error = members((members(listed[0] if listed else tree) or {}).get("error")) or {}
    return [
        detail
        for detail in elements(error.get("details")) or ()
        if str((members(detail) or {}).get("@type", "")).rpartition(".")[2] in _KEPT
    ]
