"""How each wire format tells a client what it may still use, and how long to wait."""

from datetime import datetime
from operator import attrgetter

import msgspec
import pytest

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.rate_limit import RateLimit
from dragoman.dialects import anthropic, gemini, openai_chat, openai_completions, openai_responses
from dragoman.dialects.dialect import Dialect
from dragoman.dialects.openai_rate_limits import render_duration

OPENAI = [openai_chat.DIALECT, openai_completions.DIALECT, openai_responses.DIALECT]
EVERY = [*OPENAI, anthropic.DIALECT, gemini.DIALECT]
LIMITS = (
    RateLimit("requests", 60, 59, 1.0),
    RateLimit("tokens", 150_000, 149_984, 0.006),
    RateLimit("tokens", 9_000_000, 8_000_000, 500),
)
NOW = 1_790_000_000.25


@pytest.mark.parametrize("dialect", OPENAI, ids=attrgetter("name"))
def test_openais_formats_say_how_long_it_takes(dialect: Dialect) -> None:
    assert dialect.rate_limit_headers(LIMITS, NOW) == [
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-requests", "59"),
        ("x-ratelimit-reset-requests", "1s"),
        ("x-ratelimit-limit-tokens", "150000"),
        ("x-ratelimit-remaining-tokens", "149984"),
        ("x-ratelimit-reset-tokens", "6ms"),
    ]


def test_anthropics_format_says_when_it_is() -> None:
    headers = anthropic.DIALECT.rate_limit_headers(LIMITS, NOW)
    assert headers == [
        ("anthropic-ratelimit-requests-limit", "60"),
        ("anthropic-ratelimit-requests-remaining", "59"),
        ("anthropic-ratelimit-requests-reset", "2026-09-21T14:13:22Z"),
        ("anthropic-ratelimit-tokens-limit", "150000"),
        ("anthropic-ratelimit-tokens-remaining", "149984"),
        ("anthropic-ratelimit-tokens-reset", "2026-09-21T14:13:21Z"),
    ]
    # never before it is so
    assert datetime.fromisoformat(headers[2][1]).timestamp() >= NOW + 1


def test_googles_format_has_no_headers_for_it() -> None:
    assert gemini.DIALECT.rate_limit_headers(LIMITS, NOW) == []


@pytest.mark.parametrize("dialect", EVERY, ids=attrgetter("name"))
def test_without_limits_nothing_is_said(dialect: Dialect) -> None:
    assert dialect.rate_limit_headers((), NOW) == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (-1, "0s"),
        (0.0004, "1ms"),
        (0.02, "20ms"),
        (0.017, "17ms"),
        (0.9999, "1s"),
        (1, "1s"),
        (8.64, "8.64s"),
        (59.9999, "1m0s"),
        (86.4, "1m26.4s"),
        (360, "6m0s"),
        (3600, "1h0m0s"),
        (7230.5, "2h0m30.5s"),
        (86_400, "24h0m0s"),
    ],
)
def test_durations_are_written_as_go_does(seconds: float, text: str) -> None:
    assert render_duration(seconds) == text


@pytest.mark.parametrize("dialect", EVERY, ids=attrgetter("name"))
def test_a_429_of_ours_says_how_long_to_wait_in_whole_seconds_rounded_up(dialect: Dialect) -> None:
    failure = Failure(FailureKind.RATE_LIMIT, "m", code="rate_limit_exceeded", retry_after=11.2)
    error = dialect.render_error(failure, "id")
    assert error.status == 429
    assert ("retry-after", "12") in error.headers


def test_google_also_says_it_in_the_details() -> None:
    failure = Failure(FailureKind.RATE_LIMIT, "m", code="rate_limit_exceeded", retry_after=12.0)
    error = msgspec.json.decode(gemini.DIALECT.render_error(failure, "id").body)["error"]
    assert error["status"] == "RESOURCE_EXHAUSTED"
    assert error["details"] == [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "12s"}]


@pytest.mark.parametrize("dialect", EVERY, ids=attrgetter("name"))
def test_what_never_fits_is_not_to_be_tried_again(dialect: Dialect) -> None:
    failure = Failure(FailureKind.RATE_LIMIT, "m", code="rate_limit_exceeded", should_retry=False)
    headers = dict(dialect.render_error(failure, "id").headers)
    assert headers["x-should-retry"] == "false"
    assert "retry-after" not in headers
