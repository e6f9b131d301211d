"""Failures made of upstreams' errors."""

import pytest

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.dialects.error_text import ErrorText
from dragoman.dialects.registry import DIALECTS
from dragoman.dialects.upstream_failure import upstream_failure


def test_what_an_upstream_says_is_kept() -> None:
    error = ErrorText("m", code="c", param="p")
    got = upstream_failure(FailureKind.INVALID_REQUEST, 400, {"retry-after": "5"}, error, "gemini", b"{}")
    assert got == Failure(FailureKind.INVALID_REQUEST, "m", "p", "c", 400, None, "gemini", b"{}")


def test_only_what_may_pass_tells_how_long_to_wait() -> None:
    for kind in FailureKind:
        got = upstream_failure(kind, 429, {"retry-after": "5"}, ErrorText("m"))
        assert got.retry_after == (5 if got.retryable else None)


def test_silence_is_told_by_its_status() -> None:
    told = upstream_failure(FailureKind.SERVER, 500, {}, ErrorText()).message
    assert told == "The upstream answered with status 500."
    told = upstream_failure(FailureKind.SERVER, None, {}, ErrorText()).message
    assert told == "The upstream answered with an error and no message."


@pytest.mark.parametrize(
    ("code", "kept"), [("API_KEY_INVALID", "API_KEY_INVALID"), ("key: sk-1", None), ("", None)]
)
def test_nothing_of_a_refused_key_goes_on_but_a_name(code: str, kept: str | None) -> None:
    error = ErrorText("Incorrect API key: hush", code=code, param="hush")
    got = upstream_failure(FailureKind.UPSTREAM_AUTHENTICATION, 401, {}, error, "gemini", b"hush")
    assert got == Failure(
        FailureKind.UPSTREAM_AUTHENTICATION,
        "The upstream refused the gateway's credentials (HTTP 401).",
        code=kept,
        status=401,
    )


@pytest.mark.parametrize("upstream", DIALECTS)
def test_a_refused_key_is_told_in_the_same_words_by_every_format(upstream: str) -> None:
    body = b'{"type":"error","error":{"type":"authentication_error","message":"Bad key: hush"}}'
    failure = DIALECTS[upstream].parse_error(401, {}, body)
    assert failure.message == "The upstream refused the gateway's credentials (HTTP 401)."
    for client in DIALECTS.values():
        told = client.render_error(failure, "r")
        assert told.status == 502
        assert b"hush" not in told.body
