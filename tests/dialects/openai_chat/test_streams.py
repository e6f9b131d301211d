"""Every recorded stream against its unary twin, and under every split of its bytes."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.events import (
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    CitationDelta,
    Event,
    Failed,
    LogprobsReported,
    SignatureDelta,
    Started,
    Stopped,
    TextDelta,
    ThinkingDelta,
    UsageReported,
)
from dragoman.conversation.fold import fold
from dragoman.conversation.request import Request
from dragoman.dialects.dialect import Location, Reply
from dragoman.dialects.openai_chat import DIALECT

STREAMS = sorted((Path(__file__).parent / "streams").glob("*.sse"))
ORIGIN = "somewhere/some-family"

every_stream = pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)


def decoded(data: bytes, *cuts: int) -> list[Event]:
    decoder = DIALECT.stream_decoder(ORIGIN)
    events: list[Event] = []
    start = 0
    for cut in (*sorted(cuts), len(data)):
        events.extend(decoder.feed(data[start:cut]))
        start = cut
    return [*events, *decoder.close()]


@every_stream
def test_a_stream_folds_into_what_its_unary_twin_parses_to(path: Path) -> None:
    twin = DIALECT.parse_response(path.with_suffix(".json").read_bytes(), ORIGIN)
    assert fold(decoded(path.read_bytes())) == twin


@every_stream
def test_metering_a_whole_answer_agrees_with_parsing_it(path: Path) -> None:
    body = path.with_suffix(".json").read_bytes()
    parsed, metered = DIALECT.parse_response(body, ORIGIN), DIALECT.meter_response(body)
    assert metered.stops == tuple(choice.stop.reason for choice in parsed.choices)
    assert metered.usage == parsed.usage


@every_stream
@settings(max_examples=40)
@given(data=st.data())
def test_any_split_of_the_bytes_gives_the_same_events(path: Path, data: st.DataObject) -> None:
    body = path.read_bytes()
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=12))
    assert decoded(body, *cuts) == decoded(body)


@every_stream
def test_byte_by_byte_gives_the_same_events_and_leaves_nothing_pending(path: Path) -> None:
    body = path.read_bytes()
    assert decoded(body, *range(len(body))) == decoded(body)
    decoder = DIALECT.stream_decoder(ORIGIN)
    decoder.feed(body)
    assert decoder.pending == 0


@every_stream
def test_events_follow_the_grammar(path: Path) -> None:
    assert_grammar(decoded(path.read_bytes()))


def assert_grammar(events: list[Event]) -> None:
    opened: dict[int, int] = {}
    live: set[tuple[int, int]] = set()
    stopped: set[int] = set()
    for place, event in enumerate(events):
        match event:
            case Started():
                assert place == 0
            case BlockStarted(index=index, choice=choice):
                assert choice not in stopped
                assert index == opened.get(choice, 0)
                opened[choice] = index + 1
                live.add((choice, index))
            case BlockEnded(index=index, choice=choice):
                live.remove((choice, index))
            case Stopped(choice=choice):
                assert not [one for one in live if one[0] == choice]
                stopped.add(choice)
            case UsageReported() | LogprobsReported():
                pass
            case Failed():
                assert place == len(events) - 1
            case (
                TextDelta(index=index, choice=choice)
                | ThinkingDelta(index=index, choice=choice)
                | ArgumentsDelta(index=index, choice=choice)
                | SignatureDelta(index=index, choice=choice)
                | CitationDelta(index=index, choice=choice)
            ):
                assert (choice, index) in live
    assert not live


@every_stream
def test_what_our_encoder_writes_our_decoder_reads_as_the_same_answer(path: Path) -> None:
    events = decoded(path.read_bytes())
    request = Request(dialect="openai_chat", model="m", messages=(), stream=True, stream_usage=True)
    legacy = path.stem == "function_call"
    reply = Reply(
        request=Request(
            dialect="openai_chat", model="m", messages=(), stream_usage=True, legacy_functions=legacy
        )
        if legacy
        else request,
        location=Location(),
        created=1,
        fallback_id="chatcmpl-fallback",
        fingerprint="fp",
        origin=ORIGIN,
    )
    encoder = DIALECT.stream_encoder(reply)
    again = b"".join(map(encoder.encode, events)) + encoder.close()
    before, after = fold(events), fold(decoded(again))
    assert after.usage == before.usage
    assert [choice.stop.reason for choice in after.choices] == [
        choice.stop.reason for choice in before.choices
    ]
    assert [choice.logprobs for choice in after.choices] == [choice.logprobs for choice in before.choices]


@pytest.mark.parametrize(
    "path", [path for path in STREAMS if path.stem != "choices"], ids=lambda path: path.stem
)
def test_a_stream_cut_anywhere_before_its_finish_fails(path: Path) -> None:
    body = path.read_bytes()
    for cut in range(0, body.find(b'"finish_reason":"'), 7):
        events = decoded(body[:cut])
        assert isinstance(events[-1], Failed)
        assert events[-1].failure.retryable


@settings(max_examples=100)
@given(st.binary(max_size=400))
def test_random_bytes_never_raise(data: bytes) -> None:
    events = decoded(data, len(data) // 2)
    assert isinstance(events[-1], Failed)


@settings(max_examples=100)
@given(st.data())
def test_damaged_streams_never_raise_and_keep_the_grammar(data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from(STREAMS)).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=6))
    events = decoded(bytes(body))
    assert not any(isinstance(event, Failed) for event in events[:-1])
    if not isinstance(events[-1], Failed):
        assert_grammar(events)
