"""Errors in OpenAI's envelope, which both of its wire formats have, and the hosts that speak them."""

from collections.abc import Callable, Mapping

import msgspec

from dragoman.conversation.failure import STATUS, Failure, FailureKind
from dragoman.dialects.dialect import ErrorBody
from dragoman.dialects.error_kind import kind_of
from dragoman.dialects.error_text import ErrorText, read_error, read_error_value
from dragoman.dialects.overflow import overflow_numbers
from dragoman.dialects.retry_after import render_retry_after
from dragoman.dialects.upstream_failure import upstream_failure

_FORMATS = frozenset({"", "openai_chat", "openai_responses", "openai_completions"})
"""Where a failure's code is one of OpenAI's, or one of our own."""

_TYPES: dict[FailureKind, tuple[str, str | None]] = {
    FailureKind.INVALID_REQUEST: ("invalid_request_error", None),
    FailureKind.CONTEXT_OVERFLOW: ("invalid_request_error", "context_length_exceeded"),
    FailureKind.CONTENT_POLICY: ("invalid_request_error", "content_policy_violation"),
    FailureKind.AUTHENTICATION: ("invalid_request_error", "invalid_api_key"),
    FailureKind.UPSTREAM_AUTHENTICATION: ("server_error", "upstream_auth"),
    FailureKind.BILLING: ("insufficient_quota", "insufficient_quota"),
    FailureKind.PERMISSION: ("permission_error", None),
    FailureKind.NOT_FOUND: ("invalid_request_error", None),
    FailureKind.MODEL_NOT_FOUND: ("invalid_request_error", "model_not_found"),
    FailureKind.METHOD_NOT_ALLOWED: ("invalid_request_error", "method_not_allowed"),
    FailureKind.REQUEST_TIMEOUT: ("invalid_request_error", "request_timeout"),
    FailureKind.CONFLICT: ("conflict", None),
    FailureKind.TOO_LARGE: ("invalid_request_error", "request_too_large"),
    FailureKind.RATE_LIMIT: ("rate_limit_error", "rate_limit_exceeded"),
    FailureKind.QUOTA: ("insufficient_quota", "insufficient_quota"),
    FailureKind.SERVER: ("server_error", "server_error"),
    FailureKind.BAD_GATEWAY: ("server_error", "upstream_error"),
    FailureKind.OVERLOADED: ("server_error", "server_is_overloaded"),
    FailureKind.TIMEOUT: ("server_error", "timeout"),
    FailureKind.CLIENT_CLOSED: ("server_error", "client_closed_request"),
}
"""How each kind is told: OpenAI's `type`, and the `code` where the failure brings none of its own."""

_FIXED_CODE = frozenset(
    {
        FailureKind.CONTEXT_OVERFLOW,
        FailureKind.AUTHENTICATION,
        FailureKind.UPSTREAM_AUTHENTICATION,
        FailureKind.BILLING,
        FailureKind.MODEL_NOT_FOUND,
        FailureKind.QUOTA,
    }
)
"""Kinds whose code clients act upon: it is OpenAI's, whatever the upstream's was."""


class Wording(msgspec.Struct, frozen=True):
    """What one of the formats says in its own way.

    Of a conversation that is too long: the `field` at fault, the `phrase` by which clients know it, and
    the whole message, made of the tokens that were used and those that there may be.
    """

    dialect: str
    field: str
    phrase: str
    exceeded: Callable[[int, int], str]
    unknown: Callable[[str], str]
    """The message where the numbers are not known, made of the upstream's."""


def parse_error(dialect: str, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """What an upstream's error answer means. Never raises."""
    return _failure(dialect, status, headers, body, read_error(body))


def embedded_failure(dialect: str, body: bytes, error: object = None) -> Failure:
    """What an error inside a 200 answer or a stream means; `error` is its decoded `error` field."""
    told = read_error_value({"error": error}) if error else read_error(body)
    return _failure(dialect, 200, {}, body, told)


def unanswered(dialect: str, body: bytes, lacking: str) -> Failure:
    """What a 200 answer means that lacks what makes it one (`choices`): an error inside it, or nothing
    that makes sense.
    """
    told = read_error(body)
    if told.message or told.code or told.status:  # a type alone tells nothing: `"status": "ok"` is one
        return _failure(dialect, 200, {}, body, told)
    return Failure(FailureKind.BAD_GATEWAY, f"The upstream's answer holds no {lacking}.", status=200)


def _failure(dialect: str, status: int, headers: Mapping[str, str], body: bytes, error: ErrorText) -> Failure:
    kind = kind_of(status, error)
    if error.code == "content_filter" and error.message:
        error = msgspec.structs.replace(error, message=f"content_filter: {error.message}")
    return upstream_failure(kind, error.status if status < 300 else status, headers, error, dialect, body)


def render_error(failure: Failure, request_id: str, wording: Wording) -> ErrorBody:
    """A failure for the client, with the gateway's id of the request."""
    headers = [
        ("content-type", "application/json"),
        ("x-request-id", request_id),
        *render_retry_after(failure),
    ]
    return ErrorBody(_status(failure), tuple(headers), error_json(failure, wording))


def _status(failure: Failure) -> int:
    if failure.kind is FailureKind.BILLING:
        return 429
    if failure.kind is FailureKind.INVALID_REQUEST and failure.status == 422:
        return 422
    return STATUS[failure.kind]


def error_json(failure: Failure, wording: Wording) -> bytes:
    """`{"error": {...}}`, as it stands in error answers."""
    return msgspec.json.encode({"error": error_members(failure, wording)})


def error_members(failure: Failure, wording: Wording) -> dict[str, str | None]:
    """`message`, `type`, `param` and `code` of an error.

    A code is kept where it is one of OpenAI's, a field where it is one of this format's.
    """
    kind_type, code = _TYPES[failure.kind]
    if failure.dialect in _FORMATS and failure.kind not in _FIXED_CODE:
        code = failure.code or code
    param = failure.param if failure.dialect in {"", wording.dialect} else None
    if failure.kind is FailureKind.CONTEXT_OVERFLOW:
        param = wording.field
    return {"message": _message(failure, wording), "type": kind_type, "param": param, "code": code}


def _message(failure: Failure, wording: Wording) -> str:
    """The failure's message; of an overflow in the format's phrase, which clients look for to shorten."""
    message = failure.message
    if failure.kind is not FailureKind.CONTEXT_OVERFLOW or wording.phrase in message:
        return message
    numbers = overflow_numbers(message)
    return wording.unknown(message) if numbers is None else wording.exceeded(*numbers)
