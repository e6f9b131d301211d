"""A whole answer and its stream are the same thing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.conversation.blocks import (
    Block,
    Citation,
    Image,
    Inline,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    Unknown,
)
from dragoman.conversation.events import (
    BlockEnded,
    BlockStarted,
    Event,
    Failed,
    Started,
    Stopped,
    TextDelta,
    UsageReported,
)
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.conversation.fold import fold, unfold
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import Choice, Response, Stop, StopReason, TokenLogprob
from dragoman.conversation.usage import Usage

WORDS = st.text(max_size=12)
SIGNATURES = st.none() | st.builds(Signature, st.just("gemini"), WORDS, WORDS)
BLOCKS: st.SearchStrategy[Block] = st.one_of(
    st.builds(Text, WORDS, st.lists(st.builds(Citation, WORDS), max_size=2).map(tuple), signature=SIGNATURES),
    st.builds(Refusal, WORDS),
    st.builds(Thinking, WORDS, SIGNATURES),
    st.builds(Thinking, st.just(""), st.builds(Signature, st.just("anthropic"), WORDS, WORDS), st.just(True)),
    st.builds(ToolCall, WORDS, WORDS, WORDS, st.booleans(), SIGNATURES),
    st.builds(Image, st.builds(Inline, st.just("image/png"), st.just("aGk="))),
    st.builds(Unknown, st.just("anthropic"), st.just("server_tool_use"), st.just(b"{}"), st.just(True)),
)
STOPS = st.builds(Stop, st.sampled_from(StopReason), st.none() | WORDS)
LOGPROBS = st.none() | st.lists(st.builds(TokenLogprob, WORDS, st.floats(-9, 0)), min_size=1, max_size=3).map(
    tuple
)


@st.composite
def responses(draw: st.DrawFn) -> Response:
    count = draw(st.integers(1, 3))
    choices = tuple(
        Choice(index, tuple(draw(st.lists(BLOCKS, max_size=4))), draw(STOPS), draw(LOGPROBS))
        for index in range(count)
    )
    usage = draw(st.none() | st.builds(Usage, st.integers(0, 99), st.integers(0, 99)))
    return Response(draw(WORDS), draw(WORDS), choices, usage, draw(st.none() | st.integers(0, 2**31)))


@given(responses())
def test_an_answer_unfolds_into_a_stream_that_folds_back(response: Response) -> None:
    assert fold(unfold(response)) == response


@given(responses())
def test_a_block_opens_once_and_ends_once_and_grows_in_between(response: Response) -> None:
    open_blocks: set[tuple[int, int]] = set()
    seen: dict[int, int] = {}
    for event in unfold(response):
        match event:
            case BlockStarted():
                assert event.index == seen.get(event.choice, 0)
                seen[event.choice] = event.index + 1
                open_blocks.add((event.choice, event.index))
            case BlockEnded():
                open_blocks.remove((event.choice, event.index))
            case Stopped():
                assert not any(choice == event.choice for choice, _ in open_blocks)
            case Started() | UsageReported() | Failed():
                pass
            case _:
                index = getattr(event, "index", None)
                assert index is None or (event.choice, index) in open_blocks
    assert not open_blocks


def test_usage_reported_in_pieces_is_whole_in_the_end() -> None:
    events: list[Event] = [
        Started("id", "model"),
        UsageReported(Usage(input=3)),
        BlockStarted(0, Text("")),
        TextDelta(0, "hi"),
        BlockEnded(0),
        Stopped(Stop(StopReason.END)),
        UsageReported(Usage(output=2)),
    ]
    assert fold(events).usage == Usage(input=3, output=2)


def test_a_stream_that_ends_before_its_choice_has_stopped_is_a_failure() -> None:
    with pytest.raises(FailureError) as caught:
        fold([Started("id", "model"), BlockStarted(0, Text("")), TextDelta(0, "hal")])
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY


def test_a_stream_without_any_choice_is_a_failure() -> None:
    with pytest.raises(FailureError):
        fold([Started("id", "model")])


def test_a_failed_stream_raises_its_own_failure() -> None:
    failure = Failure(FailureKind.OVERLOADED, "busy")
    with pytest.raises(FailureError) as caught:
        fold([Started("id", "model"), Failed(failure)])
    assert caught.value.failure == failure
