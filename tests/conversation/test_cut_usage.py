"""What an answer took that was cut short is estimated, where its upstream did not come to tell it."""

import pytest

from dragoman.conversation.blocks import Text, Thinking, ToolCall
from dragoman.conversation.cut_usage import MOST_HEARD, CutUsage, CutUsages
from dragoman.conversation.events import (
    ArgumentsDelta,
    BlockStarted,
    Stopped,
    TextDelta,
    ThinkingDelta,
    UsageReported,
)
from dragoman.conversation.request import Message, Request, Role
from dragoman.conversation.response import Stop, StopReason
from dragoman.conversation.token_estimate import estimate_tokens
from dragoman.conversation.usage import Usage

REQUEST = Request("openai_chat", "m", (Message(Role.USER, (Text("Count to ten."),)),))
ASKED = estimate_tokens(REQUEST)


def test_without_a_word_of_the_upstream_both_sides_are_estimated() -> None:
    cut = CutUsage(REQUEST)
    cut.hear(BlockStarted(0, Text("")))
    cut.hear(TextDelta(0, "one two "))
    cut.hear(TextDelta(0, "three"))
    usage = cut.estimated(None)
    assert usage.input == ASKED
    assert 3 <= (usage.output or 0) <= 6


def test_the_copies_of_a_request_are_counted_each() -> None:
    assert CutUsage(REQUEST, copies=3).estimated(None).input == 3 * ASKED


def test_a_long_answer_is_taken_to_go_on_as_it_began() -> None:
    cut, short = CutUsage(), CutUsage()
    words = "one two three " * (MOST_HEARD // 14 + 1)
    short.hear(TextDelta(0, words))
    for _ in range(20):
        cut.hear(TextDelta(0, words))
    assert cut.estimated(None).output == 20 * (short.estimated(None).output or 0)
    assert cut.estimated(None).input is None
    assert cut.estimated(None, REQUEST).input == ASKED


def test_reasoning_and_arguments_count_as_output() -> None:
    cut = CutUsage(REQUEST)
    cut.hear(BlockStarted(0, Thinking("")))
    cut.hear(ThinkingDelta(0, "a long thought " * 10))
    cut.hear(BlockStarted(1, ToolCall("c", "look", "")))
    cut.hear(ArgumentsDelta(1, '{"city":"Oslo"}'))
    assert (cut.estimated(None).output or 0) > 30


@pytest.mark.parametrize(("told", "output"), [(1, 3), (50, 50)])
def test_what_the_upstream_has_told_stands_unless_more_was_said(told: int, output: int) -> None:
    cut = CutUsage(REQUEST)
    cut.hear(TextDelta(0, "one two three"))
    usage = cut.estimated(Usage(input=9, output=told, cache_read=4))
    assert (usage.input, usage.cache_read) == (9, 4)
    assert (usage.output or 0) >= output


def test_nothing_that_was_said_is_no_output() -> None:
    cut = CutUsage(REQUEST)
    cut.hear(BlockStarted(0, Text("")))
    assert cut.estimated(None) == Usage(input=ASKED, output=0)


def test_words_that_come_with_their_block_count() -> None:
    cut = CutUsage(REQUEST)
    cut.hear(BlockStarted(0, Text("one two three")))
    cut.hear(BlockStarted(1, ToolCall("c", "look_it_up", "")))
    assert (cut.estimated(None).output or 0) > 4


def test_of_several_copies_only_those_are_estimated_that_were_cut() -> None:
    cuts = CutUsages(3)
    cuts.hear(TextDelta(0, "one"), 0)
    cuts.hear(UsageReported(Usage(input=50, output=9)), 0)
    cuts.hear(Stopped(Stop(StopReason.END)), 0)
    cuts.hear(TextDelta(0, "one two three"), 1)
    assert not cuts.complete
    total = cuts.total(REQUEST)
    assert total.input == 50 + 2 * ASKED
    assert 9 + 2 <= (total.output or 0) <= 9 + 5


def test_several_copies_that_have_told_all_are_summed() -> None:
    cuts = CutUsages(2)
    for copy in range(2):
        cuts.hear(UsageReported(Usage(input=50, output=0)), copy)
        cuts.hear(UsageReported(Usage(output=4, cache_read=3)), copy)
        cuts.hear(Stopped(Stop(StopReason.END)), copy)
    assert cuts.complete
    assert cuts.total(REQUEST) == Usage(input=100, output=8, cache_read=6)


def test_a_copy_that_told_of_its_prompt_and_said_nothing_counts_as_told() -> None:
    cuts = CutUsages()
    cuts.hear(UsageReported(Usage(input=50, output=1)))
    assert cuts.total(REQUEST) == Usage(input=50, output=1)
    assert not cuts.complete
