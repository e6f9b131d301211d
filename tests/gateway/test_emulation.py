"""What the gateway does to an answer itself is exact, streamed in any pieces or whole."""

import itertools
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dragoman.conversation.blocks import Text, Thinking, ToolCall
from dragoman.conversation.events import (
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    Event,
    SignatureDelta,
    Started,
    Stopped,
    TextDelta,
    ThinkingDelta,
)
from dragoman.conversation.fold import fold
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.dialects.dialect import Emulation
from dragoman.gateway.emulation import Emulator, emulate


def answer(*blocks: Text | ToolCall | Thinking, reason: StopReason = StopReason.END) -> Response:
    return Response("id", "model", (Choice(0, blocks, Stop(reason)),))


def texts(response: Response, choice: int = 0) -> str:
    return "".join(block.text for block in response.choices[choice].blocks if isinstance(block, Text))


def streamed(pieces: list[str], choice: int = 0) -> list[Event]:
    return [
        BlockStarted(0, Text(""), choice),
        *(TextDelta(0, piece, choice) for piece in pieces),
        BlockEnded(0, choice),
        Stopped(Stop(StopReason.END), choice),
    ]


def test_text_is_cut_exactly_before_the_stop_sequence() -> None:
    cut = emulate(answer(Text("one END two")), Emulation(stop=("END",)))
    assert texts(cut) == "one "
    assert cut.choices[0].stop == Stop(StopReason.STOP_SEQUENCE, sequence="END")


def test_the_earliest_of_several_stop_sequences_cuts() -> None:
    cut = emulate(answer(Text("a\nb###c")), Emulation(stop=("###", "\n")))
    assert texts(cut) == "a"
    assert cut.choices[0].stop.sequence == "\n"


def test_reasoning_and_arguments_are_not_searched_for_stop_sequences() -> None:
    whole = answer(Thinking("x STOP y"), ToolCall("1", "f", '{"a":"STOP"}'), reason=StopReason.TOOL_CALLS)
    assert emulate(whole, Emulation(stop=("STOP",))) == whole


@example(["aX", "a"], ["X", "aXa"])
@example(["aXa"], ["X", "aXa"])
@example(["a", "X"], ["X", "aX"])
@given(
    st.lists(st.text(alphabet="abX", max_size=4), max_size=8),
    st.lists(st.text(alphabet="abX", min_size=1, max_size=3), min_size=1, max_size=3),
)
def test_a_stop_sequence_is_found_across_any_pieces(pieces: list[str], sequences: list[str]) -> None:
    emulator = Emulator(Emulation(stop=tuple(sequences)))
    cut = fold(out for event in [Started("id", "m"), *streamed(pieces)] for out in emulator.feed(event))
    text = "".join(pieces)
    # the one that ends first; of two that end together, the one that begins first
    found = [(text.find(sequence) + len(sequence), text.find(sequence)) for sequence in sequences]
    found = [(end, start) for end, start in found if start >= 0]
    assert texts(cut) == (text[: min(found)[1]] if found else text)
    assert emulator.finished == bool(found)


def test_the_upstream_is_wanted_until_every_choice_is_cut() -> None:
    emulator = Emulator(Emulation(stop=("X",)), choices=2)
    for event in streamed(["aX"], 0)[:2]:
        emulator.feed(event)
    assert not emulator.finished
    for event in streamed(["bX"], 1)[:2]:
        emulator.feed(event)
    assert emulator.finished


def test_nothing_of_a_choice_comes_after_its_cut() -> None:
    emulator = Emulator(Emulation(stop=("X",)))
    out = [wanted for event in streamed(["aX", "more"]) for wanted in emulator.feed(event)]
    assert out[-1] == Stopped(Stop(StopReason.STOP_SEQUENCE, sequence="X"))


def test_the_answer_tools_call_becomes_the_text_of_the_answer() -> None:
    whole = answer(ToolCall("1", "structured_output", '{"a":1}'), reason=StopReason.TOOL_CALLS)
    done = emulate(whole, Emulation(answer_tool="structured_output"))
    assert texts(done) == '{"a":1}'
    assert done.choices[0].stop.reason is StopReason.END


def test_a_call_of_the_clients_own_tool_stays_a_call_beside_the_answer_tool() -> None:
    whole = answer(ToolCall("1", "search", "{}"), reason=StopReason.TOOL_CALLS)
    assert emulate(whole, Emulation(answer_tool="structured_output")) == whole


def test_tool_names_come_back_as_the_client_gave_them() -> None:
    done = emulate(answer(ToolCall("1", "a_b", "{}")), Emulation(tool_names={"a_b": "a.b"}))
    assert done.choices[0].blocks == (ToolCall("1", "a.b", "{}"),)


def test_a_free_text_tool_gets_its_text_unwrapped() -> None:
    emulator = Emulator(Emulation(custom_tools=frozenset({"patch"})))
    events: list[Event] = [
        BlockStarted(0, ToolCall("1", "patch", "")),
        ArgumentsDelta(0, '{"input":"*** Beg'),
        ArgumentsDelta(0, 'in\\nPatch"}'),
        BlockEnded(0),
        Stopped(Stop(StopReason.TOOL_CALLS)),
    ]
    done = fold(out for event in events for out in emulator.feed(event))
    assert done.choices[0].blocks == (ToolCall("1", "patch", "*** Begin\nPatch", custom=True),)


def test_a_free_text_tools_input_that_is_no_wrapper_is_kept_as_written() -> None:
    done = emulate(answer(ToolCall("1", "patch", "plain")), Emulation(custom_tools=frozenset({"patch"})))
    assert done.choices[0].blocks == (ToolCall("1", "patch", "plain", custom=True),)


def test_only_the_first_call_goes_through_where_parallel_calls_are_unwanted() -> None:
    whole = answer(ToolCall("1", "f", "{}"), ToolCall("2", "g", "{}"), Text("after"))
    done = emulate(whole, Emulation(single_call=True))
    assert done.choices[0].blocks == (ToolCall("1", "f", "{}"), Text("after"))


def test_without_any_emulation_the_answer_is_left_alone() -> None:
    whole = answer(Text("hello"))
    assert emulate(whole, Emulation()) is whole


def test_deltas_of_other_blocks_pass_while_text_is_held_back() -> None:
    emulator = Emulator(Emulation(stop=("XY",)))
    emulator.feed(BlockStarted(0, Thinking("")))
    emulator.feed(BlockStarted(1, Text("")))
    assert emulator.feed(TextDelta(1, "aX")) == [TextDelta(1, "a")]
    assert emulator.feed(ThinkingDelta(0, "XY")) == [ThinkingDelta(0, "XY")]
    assert emulator.feed(BlockEnded(1)) == [TextDelta(1, "X"), BlockEnded(1)]


# --- wrapped answers ------------------------------------------------------------------------------

WRAPPED = Emulation(wrapped_in="value")


def unwrapped(pieces: list[str], emulation: Emulation = WRAPPED) -> str:
    emulator = Emulator(emulation)
    return texts(fold(out for event in streamed(pieces) for out in emulator.feed(event)))


@pytest.mark.parametrize(
    "value",
    [
        "[1, 2.50]",
        '"a\\"b}\\\\"',
        "1.0",
        "true",
        "null",
        '{"value":{"value":"]}"}}',
        "[]",
        '["\\\\"]',
        '""',
    ],
)
@pytest.mark.parametrize("form", ['{{"value":{}}}', ' \n{{ "value" :\t{} \n}} ', '{{"value":{},"more":[1]}}'])
def test_a_value_is_taken_out_of_its_wrapping_wherever_the_text_is_split(form: str, value: str) -> None:
    text = form.format(value)
    assert unwrapped([text]) == value
    for at in range(1, len(text)):
        assert unwrapped([text[:at], text[at:]]) == value
    assert unwrapped(list(text)) == value


@pytest.mark.parametrize(
    "text", ["", "hello", "{", '{"val', '{"values":1}', '{"a":{"value":1}}', "[1]", "  "]
)
def test_text_of_another_form_stays_as_it_is(text: str) -> None:
    for at in range(len(text) + 1):
        assert unwrapped([text[:at], text[at:]]) == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(JSON, st.lists(st.integers(0, 60), max_size=4), st.sampled_from([None, 2]))
def test_any_value_comes_out_as_it_went_in(value: object, cuts: list[int], indent: int | None) -> None:
    text = json.dumps({"value": value}, indent=indent, ensure_ascii=False)
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[one:other] for one, other in itertools.pairwise(places)]
    assert json.loads(unwrapped(pieces)) == value


def test_a_value_goes_on_as_it_comes() -> None:
    emulator = Emulator(WRAPPED)
    emulator.feed(BlockStarted(0, Text("")))
    assert emulator.feed(TextDelta(0, '{"value": [1')) == [TextDelta(0, "[1")]
    assert emulator.feed(TextDelta(0, ",2")) == [TextDelta(0, ",2")]
    assert emulator.feed(TextDelta(0, "]}")) == [TextDelta(0, "]")]
    assert emulator.feed(TextDelta(0, "\n")) == []
    assert emulator.feed(BlockEnded(0)) == [BlockEnded(0)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"value":"a\\u00e9"}', "aé"),
        ('{"value":3}', "3"),
        ('{"value":"cut sh', "cut sh"),
        ("plain", "plain"),
    ],
)
def test_a_bare_word_comes_without_its_quotes(text: str, expected: str) -> None:
    bare = Emulation(wrapped_in="value", bare=True)
    for at in range(len(text) + 1):
        assert unwrapped([text[:at], text[at:]], bare) == expected


def test_the_answer_of_a_tool_is_unwrapped_before_stop_sequences_are_looked_for() -> None:
    whole = answer(ToolCall("1", "structured_output", '{"value":["aXb"]}'), reason=StopReason.TOOL_CALLS)
    done = emulate(whole, Emulation(answer_tool="structured_output", wrapped_in="value", stop=("X", '{"v')))
    assert texts(done) == '["a'
    assert done.choices[0].stop == Stop(StopReason.STOP_SEQUENCE, sequence="X")


# --- hidden reasoning -----------------------------------------------------------------------------

HIDDEN = Emulation(hide_reasoning=True)
SIGNED = Signature("anthropic", "a/claude", "sig")


def test_reasoning_without_a_signature_disappears_and_later_blocks_move_up() -> None:
    emulator = Emulator(HIDDEN)
    events: list[Event] = [
        BlockStarted(0, Thinking("")),
        ThinkingDelta(0, "secret"),
        BlockEnded(0),
        BlockStarted(1, Text("")),
        TextDelta(1, "hi"),
        BlockEnded(1),
        BlockStarted(2, ToolCall("1", "f", "")),
        ArgumentsDelta(2, "{}"),
        BlockEnded(2),
        Stopped(Stop(StopReason.END)),
    ]
    assert [out for event in events for out in emulator.feed(event)] == [
        BlockStarted(0, Text("")),
        TextDelta(0, "hi"),
        BlockEnded(0),
        BlockStarted(1, ToolCall("1", "f", "")),
        ArgumentsDelta(1, "{}"),
        BlockEnded(1),
        Stopped(Stop(StopReason.END)),
    ]


def test_a_signature_goes_through_without_the_text() -> None:
    whole = answer(Thinking("secret", SIGNED), Text("hi"), Thinking("more"), ToolCall("1", "f", "{}"))
    assert emulate(whole, HIDDEN).choices[0].blocks == (
        Thinking("", SIGNED),
        Text("hi"),
        ToolCall("1", "f", "{}"),
    )


def test_encrypted_reasoning_goes_through_whole() -> None:
    redacted = Thinking("", SIGNED, redacted=True)
    assert emulate(answer(redacted, Text("hi")), HIDDEN).choices[0].blocks == (redacted, Text("hi"))


def test_each_choice_counts_its_own_blocks() -> None:
    emulator = Emulator(HIDDEN)
    for choice in (0, 1):
        emulator.feed(BlockStarted(0, Thinking(""), choice))
    assert emulator.feed(BlockStarted(1, Text(""), 1)) == [BlockStarted(0, Text(""), 1)]
    assert emulator.feed(SignatureDelta(0, SIGNED, 0)) == [
        BlockStarted(0, Thinking(""), 0),
        SignatureDelta(0, SIGNED, 0),
    ]
    assert emulator.feed(BlockEnded(0, 0)) == [BlockEnded(0, 0)]
    assert emulator.feed(BlockEnded(0, 1)) == []
    assert emulator.feed(BlockStarted(1, Text(""), 0)) == [BlockStarted(1, Text(""), 0)]


def test_a_cut_closes_only_what_the_client_has_seen() -> None:
    emulator = Emulator(Emulation(hide_reasoning=True, stop=("X",)))
    events: list[Event] = [
        BlockStarted(0, Thinking("")),
        BlockStarted(1, Text("")),
        TextDelta(1, "aX"),
    ]
    assert [out for event in events for out in emulator.feed(event)] == [
        BlockStarted(0, Text("")),
        TextDelta(0, "a"),
        BlockEnded(0),
        Stopped(Stop(StopReason.STOP_SEQUENCE, sequence="X")),
    ]
