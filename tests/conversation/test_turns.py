"""Histories as clients send them become histories that strict vendors take, the same way every time."""

from hypothesis import given
from hypothesis import strategies as st

from dragoman.conversation.blocks import Block, Text, ToolCall, ToolResult
from dragoman.conversation.request import Message, Role
from dragoman.conversation.turns import UNANSWERED, answered_calls, derived_call_id, merged_turns, named_calls


def user(*blocks: Block) -> Message:
    return Message(Role.USER, blocks)


def assistant(*blocks: Block) -> Message:
    return Message(Role.ASSISTANT, blocks)


def call(call_id: str, name: str = "f") -> ToolCall:
    return ToolCall(call_id, name, "{}")


def result(call_id: str, text: str = "ok", name: str | None = None) -> ToolResult:
    return ToolResult(call_id, (Text(text),), name=name)


def test_a_derived_id_depends_on_its_parts_alone() -> None:
    assert derived_call_id("1", "f", "{}") == derived_call_id("1", "f", "{}")
    assert derived_call_id("1", "f", "{}") != derived_call_id("1f", "", "{}")
    assert len(derived_call_id("x")) == len("call_") + 24


def test_parallel_calls_without_ids_get_different_ones() -> None:
    named = named_calls((assistant(ToolCall("", "f", "{}"), ToolCall("", "f", "{}")),))
    first, second = named[0].blocks
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert first.id
    assert first.id != second.id


def test_results_without_ids_belong_to_calls_by_name_and_then_by_order() -> None:
    history = (
        assistant(ToolCall("", "f", "1"), ToolCall("", "g", "2")),
        user(result("", "of g", "g"), result("", "of f", "f")),
    )
    turn, answer = named_calls(history)
    ids = {block.name: block.id for block in turn.blocks if isinstance(block, ToolCall)}
    assert [(block.call_id, block.name) for block in answer.blocks if isinstance(block, ToolResult)] == [
        (ids["g"], "g"),
        (ids["f"], "f"),
    ]


def test_an_id_used_again_in_a_later_turn_is_made_unique_with_its_result() -> None:
    history = (
        assistant(call("call_0")),
        user(result("call_0")),
        assistant(call("call_0")),
        user(result("call_0")),
    )
    named = named_calls(history)
    again, answer = named[2].blocks[0], named[3].blocks[0]
    assert isinstance(again, ToolCall)
    assert isinstance(answer, ToolResult)
    assert again.id != "call_0"
    assert answer.call_id == again.id


def test_results_come_first_and_in_the_order_of_their_calls() -> None:
    history = (assistant(call("a"), call("b")), user(Text("wait")), user(result("b")), user(result("a")))
    answered, losses = answered_calls(history)
    assert [type(block).__name__ for block in answered[1].blocks] == ["ToolResult", "ToolResult"]
    assert [block.call_id for block in answered[1].blocks if isinstance(block, ToolResult)] == ["a", "b"]
    assert answered[2] == user(Text("wait"))
    assert losses == ()


def test_a_call_without_a_result_gets_one_that_says_so() -> None:
    answered, losses = answered_calls((assistant(call("a")), user(Text("go on"))))
    assert answered[1].blocks == (ToolResult("a", (Text(UNANSWERED),), name="f", is_error=True),)
    assert [loss.code for loss in losses] == ["unanswered_tool_call"]


def test_a_result_without_a_call_stays_readable_as_text() -> None:
    answered, losses = answered_calls((user(result("ghost", "boo")),))
    assert answered == (user(Text("[tool result]"), Text("boo")),)
    assert [loss.code for loss in losses] == ["orphan_tool_result"]


def test_neighbours_of_one_role_are_joined() -> None:
    merged = merged_turns((user(Text("a")), user(Text("b")), assistant(Text("c")), user(Text("d"))))
    assert [len(message.blocks) for message in merged] == [2, 1, 1]


BLOCKS = st.one_of(
    st.builds(Text, st.sampled_from(["a", "b"])),
    st.builds(ToolCall, st.sampled_from(["", "x", "y"]), st.sampled_from(["f", "g"]), st.just("{}")),
)
ANSWERS = st.one_of(
    st.builds(Text, st.sampled_from(["a", "b"])),
    st.builds(
        ToolResult,
        st.sampled_from(["", "x", "y", "z"]),
        st.just((Text("r"),)),
        st.none() | st.sampled_from(["f", "g"]),
    ),
)
HISTORIES = st.lists(
    st.one_of(
        st.builds(Message, st.just(Role.ASSISTANT), st.lists(BLOCKS, max_size=3).map(tuple)),
        st.builds(Message, st.just(Role.USER), st.lists(ANSWERS, max_size=3).map(tuple)),
    ),
    max_size=8,
).map(tuple)


@given(HISTORIES)
def test_every_call_is_answered_exactly_once_directly_after_its_turn(history: tuple[Message, ...]) -> None:
    answered, _ = answered_calls(named_calls(history))
    for position, message in enumerate(answered):
        calls = [block.id for block in message.blocks if isinstance(block, ToolCall)]
        following = answered[position + 1].blocks if position + 1 < len(answered) else ()
        results = [block.call_id for block in following if isinstance(block, ToolResult)]
        if message.role is Role.ASSISTANT:
            assert results == calls
            assert len(set(calls)) == len(calls)


@given(HISTORIES, st.integers(0, 8))
def test_a_longer_history_begins_with_the_same_turns(history: tuple[Message, ...], cut: int) -> None:
    shorter = history[:cut]
    if shorter and len(shorter) < len(history):
        last_call = max(
            (
                place
                for place, message in enumerate(shorter)
                if any(isinstance(block, ToolCall) for block in message.blocks)
            ),
            default=-1,
        )
        # what follows the last call may still grow: its answer is not complete before the next turn
        settled = shorter[: last_call if last_call >= 0 else len(shorter)]
        before, _ = answered_calls(named_calls(settled))
        after, _ = answered_calls(named_calls(history))
        assert after[: len(before)] == before
