"""Upstreams that say no: what they say, when they want to be asked again, and what a gateway makes of it."""

import json
from collections.abc import Iterator
from typing import NamedTuple

from tests.chaos.mishaps import http
from tests.chaos.upstream import End, Play
from tests.live.vendor_errors import VENDOR_ERRORS

from dragoman.conversation.failure import FailureKind
from dragoman.testing.json_value import Object, decode_object

SHORT = 1.0
LONG = 60.0
"""Seconds for which an upstream wants to be left alone: one is waited for, the other is not."""


class Wait(NamedTuple):
    """In which words an upstream says when it wants to be asked again."""

    name: str
    seconds: float = 0.0
    headers: tuple[str, ...] = ()
    detail: str = ""
    """What Google's `RetryInfo` says, in the body."""


DATE = "date: Sun, 06 Nov 1994 08:49:37 GMT"

WAITS = [
    Wait("without a word of when"),
    Wait("for a second", SHORT, ("retry-after: 1",)),
    Wait("for 300 milliseconds", 0.3, ("retry-after-ms: 300",)),
    Wait("until a second later", SHORT, (DATE, "retry-after: Sun, 06 Nov 1994 08:49:38 GMT")),
    Wait("for a minute", LONG, ("retry-after: 60",)),
    Wait("for 60,000 milliseconds", LONG, ("retry-after-ms: 60000",)),
]
GOOGLES_WAITS = [
    Wait("for 0.4 s as RetryInfo", 0.4, detail="0.4s"),
    Wait("for 60 s as RetryInfo", LONG, detail="60s"),
]


class Refusal(NamedTuple):
    """What an upstream answers in place of an answer."""

    name: str
    status: str
    kind: FailureKind | None = None
    """Told in the vendor's own words, and with its own status; None for a plain text that tells nothing."""


PASSING = [
    Refusal("too many requests", "429 Too Many Requests", FailureKind.RATE_LIMIT),
    Refusal("internal error", "500 Internal Server Error", FailureKind.SERVER),
    Refusal("bad gateway", "502 Bad Gateway"),
    Refusal("unavailable", "503 Service Unavailable", FailureKind.OVERLOADED),
    Refusal("unavailable, of a proxy", "503 Service Unavailable"),
    Refusal("overloaded", "529 Overloaded"),
]
"""What the same request may be spared in a moment."""

AT_FAULT = [
    Refusal("invalid", "400 Bad Request", FailureKind.INVALID_REQUEST),
    Refusal("against the rules", "400 Bad Request", FailureKind.CONTENT_POLICY),
    Refusal("too large", "413 Content Too Large"),
    Refusal("beyond words", "422 Unprocessable Content"),
]
"""What no try and no other target would be spared."""

HERE_NEVER = [
    Refusal("quota used up", "429 Too Many Requests", FailureKind.QUOTA),
    Refusal("not paid", "402 Payment Required"),
    Refusal("unknown key", "401 Unauthorized"),
    Refusal("not allowed", "403 Forbidden"),
    Refusal("no such model", "404 Not Found", FailureKind.MODEL_NOT_FOUND),
    Refusal("too long for this model", "400 Bad Request", FailureKind.CONTEXT_OVERFLOW),
]
"""What no try here would be spared, but another target may."""


def waits_of(refusal: Refusal, dialect: str) -> Iterator[Wait]:
    """In which words this may be refused."""
    yield from WAITS
    if dialect == "gemini" and refusal.kind is not None:
        yield from GOOGLES_WAITS


def refused(refusal: Refusal, dialect: str, wait: Wait = WAITS[0]) -> Play:
    """What is on the wire."""
    body = b"no healthy upstream"
    media_type = "text/plain"
    status = refusal.status
    if refusal.kind is not None:
        number, body = _vendors(refusal.kind, dialect)
        status = f"{number} {refusal.name}"
        media_type = "application/json"
    if wait.detail:
        body = _with_retry_info(body, wait.detail)
    return (http(body, f"content-type: {media_type}", *wait.headers, status=status), End.KEEP)


def _vendors(kind: FailureKind, dialect: str) -> tuple[int, bytes]:
    """The refusal in the vendor's own words, without any of when to ask again."""
    errors = VENDOR_ERRORS[dialect]
    found = next((error for error in errors if error.kind is kind), errors[0])
    told = decode_object(found.body)
    error = told["error"]
    assert isinstance(error, dict)
    if dialect == "gemini" and b"RetryInfo" in found.body:
        del error["details"]
    return found.status, json.dumps(told).encode()


def _with_retry_info(body: bytes, delay: str) -> bytes:
    told: Object = decode_object(body)
    error = told["error"]
    assert isinstance(error, dict)
    details = error.setdefault("details", [])
    assert isinstance(details, list)
    details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})
    return json.dumps(told).encode()
