"""How long to wait, from an upstream and to a client."""

import pytest

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.dialects.error_text import ErrorText
from dragoman.dialects.retry_after import parse_retry_after, render_retry_after

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 7.5 "}, 7.5),
        ({"retry-after": "2", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:30 GMT", "date": DATE}, 30),
        ({"retry-after": "Wed, 21 Oct 2026 07:27:00 GMT", "date": DATE}, 0),
        ({"retry-after": DATE}, None),
        ({"retry-after": "soon", "date": "now"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1" * 400}, None),
        ({}, None),
    ],
)
def test_headers(headers: dict[str, str], seconds: float | None) -> None:
    assert parse_retry_after(headers, ErrorText()) == seconds


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [
        ("34.4s", 34.4),
        ("0.25s", 0.25),
        ({"seconds": 3, "nanos": 5e8}, 3.5),
        ({"seconds": "3"}, 3),
        ({"seconds": "x"}, None),
        ({}, None),
        ("9" * 400 + "s", None),
        ("soon", None),
        (5, None),
    ],
)
def test_googles_details(delay: object, seconds: float | None) -> None:
    error = ErrorText(inner={"details": [None, {"@type": "ErrorInfo"}, {"retryDelay": delay}]})
    assert parse_retry_after({}, error) == seconds
    assert parse_retry_after({"retry-after": "1"}, error) == 1


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Please try again in 20s.", 20),
        ("Please try again in 1m30.5s.", 90.5),
        ("Please try again in 120ms.", 0.12),
        ("Please retry in 10h17m5.7s.", 37025.7),
        ("Please try again in 6m0s.", 360),
        ("Please retry after 34 seconds.", 34),
        ("try again in 5 minutes", 300),
        ("retry in 200 milliseconds", 0.2),
        ("Please try again in a while.", None),
        ("entry in 5s", None),
    ],
)
def test_words(message: str, seconds: float | None) -> None:
    assert parse_retry_after({}, ErrorText(message)) == (None if seconds is None else pytest.approx(seconds))


def test_a_client_is_told_whole_seconds() -> None:
    failure = Failure(FailureKind.RATE_LIMIT, "m", retry_after=1.2)
    assert render_retry_after(failure) == [("retry-after", "2")]
    assert render_retry_after(Failure(FailureKind.RATE_LIMIT, "m", retry_after=0)) == [("retry-after", "0")]
    assert render_retry_after(Failure(FailureKind.RATE_LIMIT, "m")) == []
