"""Signatures of other vendors on their way through a client of this format."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.blocks import Block, Image, Inline, Text, Thinking, ToolCall
from dragoman.conversation.envelope import MARKS, seal
from dragoman.conversation.opaque import Signature
from dragoman.dialects.gemini.signatures import Carrier, Entry, Kind, packed, placed, unpacked

CLAUDE = Signature("anthropic", "anthropic/claude-4.5", "EqQB+/=sig")

ENTRIES = st.builds(
    Entry,
    st.builds(
        Signature,
        st.text(st.characters(exclude_characters="\n", codec="utf-8"), min_size=1),
        st.text(),
        st.text(),
    ),
    st.sampled_from([Kind.THINKING, Kind.REDACTED, Kind.CALL, Kind.TEXT]),
    st.integers(0, 9999),
    st.text(),
)


@given(st.lists(ENTRIES, min_size=1, max_size=3))
@settings(max_examples=100)
def test_what_is_packed_is_unpacked(entries: list[Entry]) -> None:
    assert unpacked(packed(entries)) == entries


@given(ENTRIES)
@settings(max_examples=50)
def test_the_value_is_base64_in_both_alphabets_and_bears_a_mark(entry: Entry) -> None:
    value = packed([entry])
    assert base64.b64decode(value, validate=True) == base64.urlsafe_b64decode(value)
    assert any(value.encode().startswith(mark) for mark in MARKS)


def test_a_sealed_signature_alone_is_an_entry_without_a_place() -> None:
    value = base64.urlsafe_b64encode(seal(CLAUDE).encode()).decode().rstrip("=")
    assert unpacked(value) == [Entry(CLAUDE, Kind.PLAIN)]


@pytest.mark.parametrize(
    "value",
    [
        "EqQBnative",
        "",
        "ZGdtMS",
        "ZGdtMS4hISEh",
        base64.b64encode(b"dgm1.YQ.YQ:h0:").decode(),
        base64.b64encode(b"dgm1." + b"\xff" * 9).decode(),
        base64.b64encode((seal(CLAUDE) + ":z0:").encode()).decode(),
        base64.b64encode((seal(CLAUDE) + ":h" + "9" * 5000 + ":").encode()).decode(),
    ],
)
def test_anything_else_is_a_native_signature(value: str) -> None:
    assert unpacked(value) is None


def carried(blocks: list[Block], carrier: int, *entries: Entry) -> list[Block]:
    placed(blocks, 0, carrier, list(entries))
    return blocks


def thinking(text: str, after: int = 0) -> Entry:
    return Entry(CLAUDE, Kind.THINKING, after, text)


def test_reasoning_comes_back_before_its_call() -> None:
    call = ToolCall("1", "f", "{}")
    assert carried([call], 0, thinking("why")) == [Thinking("why", CLAUDE), call]


def test_thoughts_that_were_shown_are_replaced_by_the_signed_ones() -> None:
    call = ToolCall("1", "f", "{}")
    shown: list[Block] = [Thinking("one"), Text("hi"), Thinking("two"), call]
    assert carried(shown, 3, thinking("one", 2), thinking("two")) == [
        Thinking("one", CLAUDE),
        Text("hi"),
        Thinking("two", CLAUDE),
        call,
    ]


def test_thoughts_that_a_client_joined_are_replaced_too() -> None:
    call = ToolCall("1", "f", "{}")
    assert carried([Thinking("onetwo"), call], 1, thinking("one"), thinking("two")) == [
        Thinking("one", CLAUDE),
        Thinking("two", CLAUDE),
        call,
    ]


def test_thoughts_of_others_stay() -> None:
    call = ToolCall("1", "f", "{}")
    blocks: list[Block] = [Thinking("unsigned"), Thinking("why"), call]
    assert carried(blocks, 2, thinking("why")) == [Thinking("unsigned"), Thinking("why", CLAUDE), call]


def test_a_text_is_cut_where_reasoning_interrupted_it() -> None:
    assert carried([Text("abcdef")], 1, thinking("first", 6), thinking("then", 2)) == [
        Thinking("first", CLAUDE),
        Text("abcd"),
        Thinking("then", CLAUDE),
        Text("ef"),
    ]


def test_redacted_reasoning_keeps_its_order() -> None:
    redacted = Entry(CLAUDE, Kind.REDACTED)
    assert carried([Thinking("why"), Text("x")], 2, msg_after(redacted, 1), thinking("why", 1)) == [
        Thinking("", CLAUDE, redacted=True),
        Thinking("why", CLAUDE),
        Text("x"),
    ]


def msg_after(entry: Entry, after: int) -> Entry:
    return Entry(entry.signature, entry.kind, after, entry.text)


def test_what_is_no_text_has_no_length() -> None:
    picture = Image(Inline("image/png", "QQ=="))
    assert carried([Text("ab"), picture, Text("c")], 3, thinking("x", 2)) == [
        Text("a"),
        Thinking("x", CLAUDE),
        Text("b"),
        picture,
        Text("c"),
    ]


def test_places_out_of_order_are_taken_as_the_nearest_in_order() -> None:
    assert carried([Text("abcd")], 1, thinking("x", 1), thinking("y", 3)) == [
        Text("a"),
        Thinking("x", CLAUDE),
        Thinking("y", CLAUDE),
        Text("bcd"),
    ]


def test_a_signed_text_keeps_its_signature_at_its_end() -> None:
    signed = Text("abcd", signature=CLAUDE)
    assert carried([signed], 1, thinking("x", 3), thinking("y", 1)) == [
        Text("a"),
        Thinking("x", CLAUDE),
        Text("bc"),
        Thinking("y", CLAUDE),
        Text("d", signature=CLAUDE),
    ]


def test_a_distance_beyond_the_turn_ends_at_its_beginning() -> None:
    assert carried([Text("ab")], 1, thinking("x", 99)) == [Thinking("x", CLAUDE), Text("ab")]


def test_a_plain_signature_goes_to_the_thought_before_or_makes_one() -> None:
    plain = Entry(CLAUDE, Kind.PLAIN)
    assert carried([Thinking("why")], 1, plain) == [Thinking("why", CLAUDE)]
    assert carried([Text("x")], 1, plain) == [Text("x"), Thinking("", CLAUDE)]


def test_signatures_of_the_carrier_itself_and_of_google_make_no_thinking() -> None:
    google = Entry(Signature("gemini", "g", "s"), Kind.PLAIN)
    blocks: list[Block] = [Text("x")]
    assert carried(blocks, 1, Entry(CLAUDE, Kind.CALL), Entry(CLAUDE, Kind.TEXT), google) == [Text("x")]


def test_a_carrier_counts_the_text_since() -> None:
    carrier = Carrier()
    carrier.passed(3)
    carrier.add(Thinking("one", CLAUDE))
    carrier.passed(4)
    carrier.add(Thinking("", CLAUDE, redacted=True))
    carrier.add(Thinking("unsigned"))
    carrier.passed(1)
    value = carrier.take()
    assert value is not None
    assert unpacked(value) == [Entry(CLAUDE, Kind.THINKING, 5, "one"), Entry(CLAUDE, Kind.REDACTED, 1)]
    assert carrier.empty
    assert carrier.take() is None
