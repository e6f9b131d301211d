"""Why answers end."""

import pytest

from dragoman.conversation.response import Stop, StopReason
from dragoman.dialects.gemini.stops import BROKEN, blocked, broken, parse_stop, reason_name, render_reason


@pytest.mark.parametrize(
    ("reason", "called", "expected"),
    [
        ("STOP", False, StopReason.END),
        ("STOP", True, StopReason.TOOL_CALLS),
        ("OTHER", True, StopReason.TOOL_CALLS),
        ("MAX_TOKENS", True, StopReason.MAX_TOKENS),
        ("CONTINUATION", False, StopReason.MAX_TOKENS),
        ("SAFETY", True, StopReason.REFUSAL),
        ("RECITATION", False, StopReason.REFUSAL),
        ("LANGUAGE", False, StopReason.REFUSAL),
        ("ESCALATION", False, StopReason.REFUSAL),
        ("OTHER", False, StopReason.OTHER),
        ("NO_IMAGE", False, StopReason.OTHER),
        ("MALFORMED_FUNCTION_CALL", False, StopReason.OTHER),
        ("A_NEW_REASON", False, StopReason.OTHER),
        (1, False, StopReason.END),
        (2, False, StopReason.MAX_TOKENS),
        (99, False, StopReason.OTHER),
    ],
)
def test_a_finish_reason_has_its_meaning(reason: str | int, called: bool, expected: StopReason) -> None:
    assert parse_stop(reason, None, called=called).reason is expected


def test_the_vendors_words_are_kept() -> None:
    assert parse_stop("SAFETY", "why", called=False) == Stop(
        StopReason.REFUSAL, explanation="why", raw="SAFETY"
    )
    assert parse_stop("STOP", "Model generated function call(s).", called=True) == Stop(
        StopReason.TOOL_CALLS, raw="STOP"
    )
    assert blocked("BLOCKLIST", "why") == Stop(StopReason.REFUSAL, explanation="why", raw="BLOCKLIST")
    assert blocked(1, None).raw == "SAFETY"


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        (Stop(StopReason.END), "STOP"),
        (Stop(StopReason.STOP_SEQUENCE, sequence="x"), "STOP"),
        (Stop(StopReason.TOOL_CALLS, raw="tool_use"), "STOP"),
        (Stop(StopReason.PAUSE), "STOP"),
        (Stop(StopReason.MAX_TOKENS, raw="length"), "MAX_TOKENS"),
        (Stop(StopReason.REFUSAL, raw="content_filter"), "SAFETY"),
        (Stop(StopReason.REFUSAL, raw="RECITATION"), "RECITATION"),
        (Stop(StopReason.OTHER, raw="weird"), "OTHER"),
        (Stop(StopReason.OTHER, raw="MALFORMED_FUNCTION_CALL"), "MALFORMED_FUNCTION_CALL"),
    ],
)
def test_a_client_reads_googles_reason(stop: Stop, expected: str) -> None:
    assert render_reason(stop) == expected


def test_a_broken_answer_says_how() -> None:
    assert "UNEXPECTED_TOOL_CALL" in BROKEN
    failure = broken("MALFORMED_FUNCTION_CALL", "call: x")
    assert failure.retryable
    assert "MALFORMED_FUNCTION_CALL (call: x)" in failure.message


def test_numbers_are_named() -> None:
    assert [reason_name(number) for number in (1, 2, 3, 4, 5, 6)] == [
        "STOP",
        "MAX_TOKENS",
        "SAFETY",
        "RECITATION",
        "OTHER",
        "OTHER",
    ]
