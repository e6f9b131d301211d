"""Failures from the wire and to it."""

import math
import re
from collections.abc import Mapping

import msgspec

from dragoman.conversation.failure import STATUS, Failure, FailureKind
from dragoman.dialects.anthropic.error_body import ErrorText, read_error
from dragoman.dialects.anthropic.wire import DIALECT
from dragoman.dialects.dialect import ErrorBody, Location
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

_BY_STATUS = {
    400: FailureKind.INVALID_REQUEST,
    401: FailureKind.UPSTREAM_AUTHENTICATION,
    402: FailureKind.BILLING,
    403: FailureKind.PERMISSION,
    404: FailureKind.NOT_FOUND,
    # the gateway chose method, path and headers: what they get wrong is not the client's fault
    405: FailureKind.BAD_GATEWAY,
    415: FailureKind.BAD_GATEWAY,
    421: FailureKind.BAD_GATEWAY,
    408: FailureKind.TIMEOUT,
    409: FailureKind.CONFLICT,
    413: FailureKind.TOO_LARGE,
    424: FailureKind.SERVER,
    429: FailureKind.RATE_LIMIT,
    498: FailureKind.OVERLOADED,
    500: FailureKind.SERVER,
    502: FailureKind.BAD_GATEWAY,
    503: FailureKind.OVERLOADED,
    504: FailureKind.TIMEOUT,
    520: FailureKind.BAD_GATEWAY,
    522: FailureKind.TIMEOUT,
    524: FailureKind.TIMEOUT,
    529: FailureKind.OVERLOADED,
}

_STATUS_DECIDES = frozenset({401, 402, 405, 409, 413, 415, 421})
"""Statuses that mean one thing, whatever the body calls it."""

_OVERFLOW = re.compile(
    r"context_length_exceeded|maximum context length|prompt is too long|exceed_context_size_error"
    r"|input length and `?max_tokens`? exceed context limit|input is too long for requested model"
    r"|input token count.{0,80}exceeds the maximum|too many tokens|exceeds the available context size"
    r"|exceeds the maximum allowed input length|max_prompt_tokens"
    r"|context window.{0,80}exceed|exceed.{0,80}context window",
    re.IGNORECASE | re.DOTALL,
)
_HARD_QUOTA = re.compile(
    r"(?:enforced|contract|organization)_spend_limit|insufficient_quota|credit_balance_exhausted"
    r"|reached your specified api usage limits|quota exceeded for the (?:month|day)",
    re.IGNORECASE,
)
_BILLING = re.compile(r"credit balance is too low|insufficient (?:balance|credits)", re.IGNORECASE)
_POLICY = re.compile(r"content_policy_violation|content_filter|content filtering policy", re.IGNORECASE)
_NUMBER = re.compile(r"\d[\d,]{2,}")

_REFUSED_KEY = "The upstream provider refused the gateway's credentials."

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


class ErrorOut(msgspec.Struct):
    """The `error` of an error body."""

    type: str
    message: str


class ErrorEnvelope(msgspec.Struct, tag_field="type", tag="error", omit_defaults=True):
    """An error body."""

    error: ErrorOut
    request_id: str | None = None


def parse_error(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """What an upstream's error answer means. Header names are in lower case. Never raises."""
    text = read_error(body)
    return _failure(status, headers, body, text)


def parse_stream_error(body: bytes) -> Failure:
    """What an `error` event means, or an error body under a status of success. Never raises."""
    return _failure(None, {}, body, read_error(body))


def _failure(status: int | None, headers: Mapping[str, str], body: bytes, text: ErrorText) -> Failure:
    kind = _kind(status, headers, text)
    message = text.message or f"The upstream answered with status {status}."
    if kind is FailureKind.UPSTREAM_AUTHENTICATION:
        # the upstream may have quoted the key: nothing of what it said goes on
        return Failure(kind, _REFUSED_KEY, status=status)
    return Failure(
        kind,
        message,
        code=text.code or None,
        status=status,
        retry_after=None if kind is FailureKind.QUOTA else _retry_after(headers),
        dialect=DIALECT if text.own else "",
        body=body if text.own else b"",
    )


def _kind(status: int | None, headers: Mapping[str, str], text: ErrorText) -> FailureKind:
    by_type = _BY_TYPE.get(text.type)
    if status is None:
        by_status = _BY_STATUS.get(text.status or 500, FailureKind.SERVER)
    elif status >= 500:
        by_status = _BY_STATUS.get(status, FailureKind.SERVER)
    else:
        by_status = _BY_STATUS.get(status, FailureKind.INVALID_REQUEST)
    kind = by_status if by_type is None or status in _STATUS_DECIDES else by_type
    said = f"{text.code} {text.type} {text.message}"
    if kind in _REFUSALS and _OVERFLOW.search(said):
        return FailureKind.CONTEXT_OVERFLOW
    if kind in _REFUSALS and _POLICY.search(said):
        return FailureKind.CONTENT_POLICY
    if kind in _REFUSALS and _BILLING.search(said):
        return FailureKind.BILLING
    if kind in {FailureKind.RATE_LIMIT, FailureKind.INVALID_REQUEST} and _HARD_QUOTA.search(said):
        return FailureKind.QUOTA
    if (
        kind is FailureKind.RATE_LIMIT
        and headers.get("x-should-retry") == "false"
        and _retry_after(headers) is None
    ):
        return FailureKind.QUOTA
    if kind is FailureKind.NOT_FOUND and "model" in said.lower():
        return FailureKind.MODEL_NOT_FOUND
    return kind


_REFUSALS = frozenset(
    {
        FailureKind.INVALID_REQUEST,
        FailureKind.PERMISSION,
        FailureKind.TOO_LARGE,
        FailureKind.SERVER,
        FailureKind.RATE_LIMIT,
    }
)
"""Kinds under which hosts hide that the prompt is too long, or that nobody pays."""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    for name, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) / scale
        except ValueError:
            continue
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    return None


def render_error(failure: Failure, request_id: str) -> ErrorBody:
    """A failure for the client, with the gateway's id of the request.

    What an upstream of this dialect said goes to the client byte for byte, status included: clients
    match its wording.
    """
    headers = [
        ("content-type", "application/json"),
        ("request-id", request_id),
        ("x-request-id", request_id),
    ]
    if failure.retry_after is not None:
        headers.append(("retry-after", str(math.ceil(failure.retry_after))))
    status = _OVERLOADED_STATUS if failure.kind is FailureKind.OVERLOADED else STATUS[failure.kind]
    if failure.dialect == DIALECT and failure.body:
        return ErrorBody(failure.status or status, tuple(headers), failure.body)
    return ErrorBody(status, tuple(headers), msgspec.json.encode(_envelope(failure, request_id)))


def error_frame(failure: Failure) -> bytes:
    """The event that ends a stream with an error."""
    if failure.dialect == DIALECT and failure.body and not {10, 13} & set(failure.body):
        return encode_event("error", failure.body)
    return encode_event("error", msgspec.json.encode(_envelope(failure, None)))


def stream_failure(failure: Failure, location: Location, begun: bool, /) -> bytes:
    """The bytes that end a passed-through stream with an error, whether anything went before or not."""
    del location, begun
    return error_frame(failure)


def _envelope(failure: Failure, request_id: str | None) -> ErrorEnvelope:
    message = failure.message
    if failure.kind is FailureKind.CONTEXT_OVERFLOW:
        message = _overflow_message(message)
    elif failure.param and failure.param not in message:
        message = f"{failure.param}: {message}"
    return ErrorEnvelope(ErrorOut(_TYPES[failure.kind], message), request_id)


def _overflow_message(message: str) -> str:
    """The phrase by which this format's clients know that the conversation has to be shortened."""
    if message.startswith("prompt is too long"):
        return message
    numbers = [int(number.replace(",", "")) for number in _NUMBER.findall(message)]
    limit = next((number for number in numbers if number < max(numbers)), None)
    counts = "" if limit is None else f"{max(numbers)} tokens > {limit} maximum "
    return f"prompt is too long: {counts}({message})"
