"""Failures from the wire and to it."""

from collections.abc import Mapping

import msgspec

from dragoman.conversation.failure import STATUS, Failure, FailureKind
from dragoman.dialects.anthropic.wire import DIALECT
from dragoman.dialects.dialect import ErrorBody, Location, Sent
from dragoman.dialects.error_kind import kind_of
from dragoman.dialects.error_text import ErrorText, read_error
from dragoman.dialects.foreign_fields import NO_THREADS
from dragoman.dialects.overflow import overflow_numbers
from dragoman.dialects.retry_after import parse_retry_after, render_retry_after
from dragoman.dialects.upstream_failure import upstream_failure
from dragoman.frames.sse import encode_event

_BY_TYPE = {
    "invalid_request_error": FailureKind.INVALID_REQUEST,
    "authentication_error": FailureKind.UPSTREAM_AUTHENTICATION,
    "billing_error": FailureKind.BILLING,
    "permission_error": FailureKind.PERMISSION,
    "not_found_error": FailureKind.NOT_FOUND,
    "conflict_error": FailureKind.CONFLICT,
    "request_too_large": FailureKind.TOO_LARGE,
    "rate_limit_error": FailureKind.RATE_LIMIT,
    "api_error": FailureKind.SERVER,
    "timeout_error": FailureKind.TIMEOUT,
    "overloaded_error": FailureKind.OVERLOADED,
}

_STATUS_DECIDES = frozenset({401, 402, 405, 409, 413, 415, 421})
"""Statuses that mean one thing, whatever the body calls it."""

_TYPES = {
    FailureKind.INVALID_REQUEST: "invalid_request_error",
    FailureKind.CONTEXT_OVERFLOW: "invalid_request_error",
    FailureKind.CONTENT_POLICY: "invalid_request_error",
    FailureKind.AUTHENTICATION: "authentication_error",
    FailureKind.UPSTREAM_AUTHENTICATION: "api_error",
    FailureKind.BILLING: "billing_error",
    FailureKind.PERMISSION: "permission_error",
    FailureKind.NOT_FOUND: "not_found_error",
    FailureKind.MODEL_NOT_FOUND: "not_found_error",
    FailureKind.METHOD_NOT_ALLOWED: "invalid_request_error",
    FailureKind.REQUEST_TIMEOUT: "timeout_error",
    FailureKind.CONFLICT: "conflict_error",
    FailureKind.TOO_LARGE: "request_too_large",
    FailureKind.RATE_LIMIT: "rate_limit_error",
    FailureKind.QUOTA: "rate_limit_error",
    FailureKind.SERVER: "api_error",
    FailureKind.BAD_GATEWAY: "api_error",
    FailureKind.OVERLOADED: "overloaded_error",
    FailureKind.TIMEOUT: "timeout_error",
    FailureKind.CLIENT_CLOSED: "api_error",
}
_OVERLOADED_STATUS = 529


class ErrorDetails(msgspec.Struct):
    """What programs read of an error: its code, and what of the request the model does not have."""

    error_code: str
    unsupported: tuple[str, ...]


class ErrorOut(msgspec.Struct, omit_defaults=True):
    """The `error` of an error body."""

    type: str
    message: str
    details: ErrorDetails | None = None


class ErrorEnvelope(msgspec.Struct, tag_field="type", tag="error", omit_defaults=True):
    """An error body."""

    error: ErrorOut
    request_id: str | None = None


def parse_error(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """What an upstream's error answer means. Header names are in lower case. Never raises."""
    return _failure(status, headers, body, read_error(body))


def parse_stream_error(body: bytes) -> Failure:
    """What an `error` event means, or an error body under a status of success. Never raises."""
    return _failure(None, {}, body, read_error(body))


def _failure(status: int | None, headers: Mapping[str, str], body: bytes, error: ErrorText) -> Failure:
    kind = _kind(status, headers, error)
    enveloped = error.outer.get("type") == "error" and error.inner is not error.outer
    if enveloped and error.inner.get("message"):
        return upstream_failure(kind, status, headers, error, DIALECT, body)
    return upstream_failure(kind, status, headers, error)


def _kind(status: int | None, headers: Mapping[str, str], error: ErrorText) -> FailureKind:
    known = None if status in _STATUS_DECIDES else _BY_TYPE.get(error.type)
    if known is None and status == 424:
        known = FailureKind.SERVER  # Amazon's word for a model that broke off
    kind = kind_of(status, error, known)
    final = headers.get("x-should-retry") == "false" and parse_retry_after(headers, error) is None
    return FailureKind.QUOTA if kind is FailureKind.RATE_LIMIT and final else kind


def render_error(failure: Failure, request_id: str) -> ErrorBody:
    """A failure for the client, with the gateway's id of the request.

    What an upstream of this dialect said goes to the client byte for byte, status included: clients
    match its wording.
    """
    headers = [
        ("content-type", "application/json"),
        ("request-id", request_id),
        ("x-request-id", request_id),
        *render_retry_after(failure),
    ]
    status = _OVERLOADED_STATUS if failure.kind is FailureKind.OVERLOADED else STATUS[failure.kind]
    if failure.dialect == DIALECT and failure.body:
        return ErrorBody(failure.status or status, tuple(headers), failure.body)
    return ErrorBody(status, tuple(headers), msgspec.json.encode(_envelope(failure, request_id)))


def error_frame(failure: Failure) -> bytes:
    """The event that ends a stream with an error."""
    if failure.dialect == DIALECT and failure.body and not {10, 13} & set(failure.body):
        return encode_event("error", failure.body)
    return encode_event("error", msgspec.json.encode(_envelope(failure, None)))


def stream_failure(failure: Failure, location: Location, sent: Sent, /) -> bytes:
    """The bytes that end a passed-through stream with an error, whether anything went before or not."""
    del location, sent
    return error_frame(failure)


def _envelope(failure: Failure, request_id: str | None) -> ErrorEnvelope:
    message = failure.message
    if failure.kind is FailureKind.CONTEXT_OVERFLOW:
        message = _overflow_message(message)
    elif failure.param and failure.param not in message:
        message = f"{failure.param}: {message}"
    details = ErrorDetails(NO_THREADS, ("model",)) if failure.code == NO_THREADS else None
    return ErrorEnvelope(ErrorOut(_TYPES[failure.kind], message, details), request_id)


def _overflow_message(message: str) -> str:
    """The phrase by which this format's clients know that the conversation has to be shortened."""
    if message.startswith("prompt is too long"):
        return message
    numbers = overflow_numbers(message)
    counts = "" if numbers is None else f"{numbers[0]} tokens > {numbers[1]} maximum "
    return f"prompt is too long: {counts}({message})"
