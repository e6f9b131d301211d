"""Whole answers in pieces."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.blocks import Block, Refusal, Text, Thinking, ToolCall
from dragoman.conversation.events import (
    ArgumentsDelta,
    LogprobsReported,
    Started,
    TextDelta,
    UsageReported,
)
from dragoman.conversation.fold import fold
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import Choice, Response, Stop, StopReason, TokenLogprob
from dragoman.conversation.usage import Usage
from dragoman.testing.pacing import paced
from dragoman.testing.tokens import split_tokens


def response(*blocks: Block, logprobs: tuple[TokenLogprob, ...] | None = None, choices: int = 1) -> Response:
    choice = Choice(0, blocks, Stop(StopReason.END), logprobs)
    return Response(
        "id",
        "demo",
        tuple(Choice(number, choice.blocks, choice.stop, choice.logprobs) for number in range(choices)),
        Usage(input=3, output=9, cache_read=1, cache_write=0, reasoning=2),
    )


def test_text_comes_a_few_words_at_a_time() -> None:
    events = list(paced(response(Text("one two three four\nfive"))))

    assert [event.text for event in events if isinstance(event, TextDelta)] == [
        "one two three ",
        "four\nfive",
    ]


def test_arguments_come_in_pieces() -> None:
    events = list(paced(response(ToolCall("a", "f", '{"city":"New York"}'))))

    assert [event.text for event in events if isinstance(event, ArgumentsDelta)] == [
        '{"city":"New',
        ' York"}',
    ]


def test_input_is_known_at_the_start_and_output_at_the_end() -> None:
    first, second, *_, last = paced(response(Text("Hi")))

    assert isinstance(first, Started)
    assert second == UsageReported(Usage(input=3, output=0, cache_read=1, cache_write=0))
    assert last == UsageReported(Usage(input=3, output=9, cache_read=1, cache_write=0, reasoning=2))


def test_candidates_come_side_by_side() -> None:
    events = list(paced(response(Text("one two three four"), choices=2)))

    texts = [(event.choice, event.text) for event in events if isinstance(event, TextDelta)]
    assert texts == [(0, "one two three "), (1, "one two three "), (0, "four"), (1, "four")]


def test_log_probabilities_come_with_their_words() -> None:
    logprobs = tuple(TokenLogprob(token, -1.0) for token in split_tokens("one two three four"))
    events = list(paced(response(Text("one two three four"), logprobs=logprobs)))

    pairs = [
        ("".join(token.token for token in before.tokens), after.text)
        for before, after in itertools.pairwise(events)
        if isinstance(before, LogprobsReported) and isinstance(after, TextDelta)
    ]
    assert pairs == [("one two thre", "one two thre"), ("e four", "e four")]


BLOCKS = st.one_of(
    st.builds(Text, st.text(max_size=40)),
    st.builds(Refusal, st.text(max_size=40)),
    st.builds(Thinking, st.text(max_size=40), st.just(Signature("anthropic", "", "s"))),
    st.builds(ToolCall, st.just("a"), st.just("f"), st.text(max_size=40)),
)


@settings(max_examples=100)
@given(st.lists(BLOCKS, max_size=4), st.integers(1, 3), st.booleans())
def test_the_pieces_make_the_answer_again(blocks: list[Block], choices: int, foreign: bool) -> None:
    texts = "".join(block.text for block in blocks if isinstance(block, Text))
    tokens = split_tokens("something else" if foreign else texts)
    logprobs = tuple(TokenLogprob(token, -1.0) for token in tokens) or None
    whole = response(*blocks, logprobs=logprobs, choices=choices)

    assert fold(paced(whole)) == whole
