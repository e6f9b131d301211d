"""Blocks from parts."""

from dragoman.conversation.blocks import Text, Thinking, ToolCall
from dragoman.conversation.opaque import Signature
from dragoman.dialects.gemini.joined_blocks import JoinedBlocks

SIGNATURE = Signature("gemini", "o", "s")
CALL = ToolCall("1", "f", "{}")


def test_neighbours_of_one_kind_are_one_block() -> None:
    joined = JoinedBlocks()
    for kind, text in (
        (Thinking, "a"),
        (Thinking, "b"),
        (Text, "c"),
        (Text, ""),
        (Text, "d"),
        (Thinking, "e"),
    ):
        joined.grow(kind, text, None)
    assert joined.blocks == [Thinking("ab"), Text("cd"), Thinking("e")]


def test_a_signature_ends_a_block() -> None:
    joined = JoinedBlocks()
    joined.grow(Text, "a", None)
    joined.grow(Text, "", SIGNATURE)
    joined.grow(Text, "b", None)
    joined.grow(Thinking, "", SIGNATURE)
    assert joined.blocks == [Text("a", signature=SIGNATURE), Text("b"), Thinking("", SIGNATURE)]


def test_nothing_makes_no_block() -> None:
    joined = JoinedBlocks()
    joined.grow(Text, "", None)
    assert joined.blocks == []


def test_a_whole_block_stands_between() -> None:
    joined = JoinedBlocks()
    joined.grow(Text, "a", None)
    joined.add(CALL)
    joined.grow(Text, "b", None)
    assert joined.blocks == [Text("a"), CALL, Text("b")]


def test_the_pieces_of_a_text_are_joined_only_once() -> None:
    joined = JoinedBlocks()
    for _ in range(1000):
        joined.grow(Text, "x", None)
        assert getattr(joined, "_blocks", None) == []
    assert joined.blocks == [Text("x" * 1000)]
