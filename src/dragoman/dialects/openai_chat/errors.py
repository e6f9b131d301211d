"""Errors: what an upstream's mean, and how failures are told to the client."""

from collections.abc import Mapping

import msgspec

from dragoman.conversation.failure import STATUS, Failure, FailureKind
from dragoman.dialects.dialect import ErrorBody, Location
from dragoman.dialects.error_kind import kind_of
from dragoman.dialects.error_text import ErrorText, read_error, read_error_value
from dragoman.dialects.openai_chat.wire import NAME
from dragoman.dialects.overflow import overflow_numbers
from dragoman.dialects.retry_after import render_retry_after
from dragoman.dialects.upstream_failure import upstream_failure
from dragoman.frames.sse import encode_data

DONE = b"data: [DONE]\n\n"
"""The frame that ends every stream."""

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


def parse_error(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """What an upstream's error answer means. Never raises."""
    return _failure(status, headers, body, read_error(body))


def embedded_failure(body: bytes, error: object = None) -> Failure:
    """What an error inside a 200 answer or a stream means; `error` is its decoded `error` field."""
    told = read_error_value({"error": error}) if error else read_error(body)
    return _failure(200, {}, body, told)


def unanswered(body: bytes) -> Failure:
    """What a 200 answer without any choice means: an error inside it, or nothing that makes sense."""
    told = read_error(body)
    if told.message or told.code or told.status:  # a type alone tells nothing: `"status": "ok"` is one
        return _failure(200, {}, body, told)
    return Failure(FailureKind.BAD_GATEWAY, "The upstream's answer holds no choices.", status=200)


def _failure(status: int, headers: Mapping[str, str], body: bytes, error: ErrorText) -> Failure:
    kind = kind_of(status, error)
    if error.code == "content_filter" and error.message:
        error = msgspec.structs.replace(error, message=f"content_filter: {error.message}")
    return upstream_failure(kind, error.status if status < 300 else status, headers, error, NAME, body)


def render_error(failure: Failure, request_id: str) -> ErrorBody:
    """A failure for the client, with the gateway's id of the request."""
    headers = [
        ("content-type", "application/json"),
        ("x-request-id", request_id),
        *render_retry_after(failure),
    ]
    return ErrorBody(_status(failure), tuple(headers), error_json(failure))


def _status(failure: Failure) -> int:
    if failure.kind is FailureKind.BILLING:
        return 429
    if failure.kind is FailureKind.INVALID_REQUEST and failure.status == 422:
        return 422
    return STATUS[failure.kind]


def error_json(failure: Failure) -> bytes:
    """`{"error": {...}}`, as it stands in error answers and in streams."""
    kind_type, code = _TYPES[failure.kind]
    param = failure.param
    if failure.dialect in {"", NAME}:
        code = code if failure.kind in _FIXED_CODE else failure.code or code
    else:
        param = None
    if failure.kind is FailureKind.CONTEXT_OVERFLOW:
        param = "messages"
    return msgspec.json.encode(
        {"error": {"message": _message(failure), "type": kind_type, "param": param, "code": code}}
    )


def _message(failure: Failure) -> str:
    """The failure's message; of an overflow in OpenAI's phrase, which clients look for to shorten."""
    message = failure.message
    if failure.kind is not FailureKind.CONTEXT_OVERFLOW or "maximum context length" in message:
        return message
    numbers = overflow_numbers(message)
    if numbers is not None:
        used, limit = numbers
        return (
            f"This model's maximum context length is {limit} tokens. However, your messages "
            f"resulted in {used} tokens. Please reduce the length of the messages."
        )
    return f"Your messages exceed this model's maximum context length. Please shorten them. ({message})"


def stream_failure(failure: Failure, location: Location, committed: bool) -> bytes:
    """The frames that end a stream with an error, whether or not others went before."""
    del location, committed
    return encode_data(error_json(failure)) + DONE
