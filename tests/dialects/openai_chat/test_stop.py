"""Why an answer stopped, in both directions."""

import pytest

from dragoman.conversation.response import Stop, StopReason
from dragoman.dialects.openai_chat.stop import broken_off, finish_of, stop_of


@pytest.mark.parametrize(
    ("finish", "called", "reason"),
    [
        ("stop", False, StopReason.END),
        ("length", False, StopReason.MAX_TOKENS),
        ("tool_calls", True, StopReason.TOOL_CALLS),
        ("function_call", True, StopReason.TOOL_CALLS),
        ("content_filter", False, StopReason.REFUSAL),
        ("stop", True, StopReason.TOOL_CALLS),
        ("eos", True, StopReason.TOOL_CALLS),
        (None, True, StopReason.TOOL_CALLS),
        ("length", True, StopReason.MAX_TOKENS),
        ("content_filter", True, StopReason.REFUSAL),
        ("tool_calls", False, StopReason.END),
        ("model_length", False, StopReason.MAX_TOKENS),
        ("eos", False, StopReason.END),
        ("STOP", False, StopReason.END),
        ("something_new", False, StopReason.OTHER),
        (None, False, StopReason.OTHER),
    ],
)
def test_the_calls_that_came_correct_the_reason(finish: str | None, called: bool, reason: StopReason) -> None:
    got = stop_of(finish, called=called, refused=False)
    assert got.reason is reason
    assert got.raw == (finish or "")


def test_a_refusal_that_ends_with_stop_is_one() -> None:
    assert stop_of("stop", called=False, refused=True).reason is StopReason.REFUSAL


@pytest.mark.parametrize(
    ("reason", "called", "finish"),
    [
        (StopReason.END, False, "stop"),
        (StopReason.END, True, "tool_calls"),
        (StopReason.MAX_TOKENS, True, "length"),
        (StopReason.STOP_SEQUENCE, False, "stop"),
        (StopReason.TOOL_CALLS, True, "tool_calls"),
        (StopReason.TOOL_CALLS, False, "stop"),
        (StopReason.REFUSAL, False, "content_filter"),
        (StopReason.PAUSE, False, "stop"),
        (StopReason.OTHER, False, "stop"),
    ],
)
def test_the_finish_reason_for_clients(reason: StopReason, called: bool, finish: str) -> None:
    assert finish_of(Stop(reason), called=called, legacy=False) == finish


def test_the_retired_form_has_a_finish_reason_of_its_own() -> None:
    assert finish_of(Stop(StopReason.TOOL_CALLS), called=True, legacy=True) == "function_call"


def test_openais_own_refusal_goes_out_as_it_came() -> None:
    assert finish_of(Stop(StopReason.REFUSAL, raw="stop"), called=False, legacy=False) == "stop"


def test_finish_reasons_that_mean_failure() -> None:
    assert broken_off("stop") is None
    assert broken_off(None) is None
    failure = broken_off("insufficient_system_resource")
    assert failure is not None
    assert failure.retryable
