"""How answers end."""

import pytest

from dragoman.conversation.response import Stop, StopReason
from dragoman.dialects.openai_responses.stop import status_of, stop_of


@pytest.mark.parametrize(
    ("status", "reason", "called", "refused", "expected"),
    [
        ("completed", None, False, False, StopReason.END),
        (None, None, False, False, StopReason.END),
        ("completed", None, True, False, StopReason.TOOL_CALLS),
        ("completed", None, False, True, StopReason.REFUSAL),
        ("incomplete", "max_output_tokens", False, False, StopReason.MAX_TOKENS),
        ("incomplete", "max_output_tokens", True, False, StopReason.MAX_TOKENS),
        ("incomplete", "content_filter", True, False, StopReason.REFUSAL),
        ("incomplete", "steered", False, False, StopReason.OTHER),
        ("incomplete", None, False, False, StopReason.OTHER),
    ],
)
def test_why_an_answer_ended(
    status: str | None, reason: str | None, called: bool, refused: bool, expected: StopReason
) -> None:
    assert stop_of(status, reason, called=called, refused=refused).reason is expected


@pytest.mark.parametrize(
    ("stop", "status", "reason"),
    [
        (Stop(StopReason.END), "completed", None),
        (Stop(StopReason.STOP_SEQUENCE), "completed", None),
        (Stop(StopReason.TOOL_CALLS), "completed", None),
        (Stop(StopReason.PAUSE), "completed", None),
        (Stop(StopReason.OTHER), "completed", None),
        (Stop(StopReason.MAX_TOKENS), "incomplete", "max_output_tokens"),
        (Stop(StopReason.REFUSAL, raw="refusal"), "incomplete", "content_filter"),
        (Stop(StopReason.REFUSAL, raw="SAFETY"), "incomplete", "content_filter"),
        (Stop(StopReason.REFUSAL, raw="completed"), "completed", None),
        (Stop(StopReason.REFUSAL, raw="stop"), "completed", None),
    ],
)
def test_the_status_that_a_client_reads(stop: Stop, status: str, reason: str | None) -> None:
    assert status_of(stop) == (status, reason)
