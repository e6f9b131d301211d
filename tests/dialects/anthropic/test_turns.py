"""Requests to the wire: the order and the form of the turns."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.blocks import (
    Block,
    CacheMark,
    Citation,
    Image,
    Inline,
    Refusal,
    Remote,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
from dragoman.conversation.loss import Loss
from dragoman.conversation.opaque import Signature
from dragoman.conversation.request import Message, Request, Role
from dragoman.dialects.anthropic import DIALECT
from dragoman.dialects.anthropic.turns import arranged
from dragoman.dialects.dialect import Rendered, Target

RequestOf = Callable[..., Request]
Make = Callable[..., Target]

PICTURE = Image(Inline("image/png", "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB"))
SIGNED = Thinking("hm", Signature("anthropic", "anthropic/claude", "SIG"))
FOREIGN = Thinking("hm", Signature("gemini", "google/gemini", "SIG"))
SEARCH = Unknown(
    "anthropic", "web_search_tool_result", b'{"type":"web_search_tool_result"}', server_side=True
)


class Turns(msgspec.Struct):
    """The turns of a body, as they are written."""

    messages: list[msgspec.Raw]


def user(*blocks: Block | str) -> Message:
    return Message(Role.USER, _blocks(blocks))


def model(*blocks: Block | str) -> Message:
    return Message(Role.ASSISTANT, _blocks(blocks))


def system(*blocks: Block | str) -> Message:
    return Message(Role.SYSTEM, _blocks(blocks))


def _blocks(blocks: tuple[Block | str, ...]) -> tuple[Block, ...]:
    return tuple(Text(block) if isinstance(block, str) else block for block in blocks)


@pytest.fixture
def arrange(target: Make) -> Callable[..., tuple[Message, ...]]:
    """The turns that a history becomes."""

    def make(*messages: Message, dialect: str = "openai_chat", **profile: object) -> tuple[Message, ...]:
        request = Request(dialect=dialect, model="m", messages=messages)
        return arranged(request, target(**profile), [])

    return make


Arrange = Callable[..., tuple[Message, ...]]


@pytest.mark.parametrize(
    ("blocks", "kept"),
    [
        ((), ("(empty message)",)),
        (("",), ("(empty message)",)),
        ((" \n",), ("(empty message)",)),
        (("", "x"), ("x",)),
        ((" ", "x"), (" ", "x")),
        (("", PICTURE), (PICTURE,)),
    ],
)
def test_empty_text_of_the_user(
    arrange: Arrange, blocks: tuple[Block | str, ...], kept: tuple[str, ...]
) -> None:
    assert arrange(user(*blocks)) == (user(*kept),)


@pytest.mark.parametrize(
    ("blocks", "kept"),
    [
        ((), None),
        (("",), None),
        ((" ",), None),
        ((" ", "ok"), (" ", "ok")),
        (("", "ok", ""), ("ok",)),
        ((Refusal("No."),), ("No.",)),
        ((Refusal(""),), None),
        ((FOREIGN,), None),
        ((SIGNED, "ok"), (SIGNED, "ok")),
    ],
)
def test_empty_text_of_the_model(
    arrange: Arrange, blocks: tuple[Block | str, ...], kept: tuple[Block | str, ...] | None
) -> None:
    turns = arrange(user("a"), model(*blocks), user("b"))
    assert turns == ((user("a", "b"),) if kept is None else (user("a"), model(*kept), user("b")))


def test_the_mark_of_an_empty_text_moves_to_the_block_before(arrange: Arrange) -> None:
    mark = CacheMark("1h")
    assert arrange(user("x", Text("", cache=mark))) == (user(Text("x", cache=mark)),)
    assert arrange(user(Text("", cache=mark))) == (user(Text("(empty message)", cache=mark)),)


def test_neighbours_of_one_role_become_one_turn(arrange: Arrange) -> None:
    assert arrange(user("a"), user("b"), model("c"), user("d")) == (user("a", "b"), model("c"), user("d"))


def test_results_follow_their_calls_and_stand_before_other_content(arrange: Arrange) -> None:
    calls = model(ToolCall("1", "f", "{}"), ToolCall("2", "g", "{}"))
    turns = arrange(
        user("a"), calls, user("wait"), user(ToolResult("2", (Text("two"),))), user(ToolResult("1", ()))
    )
    assert turns == (
        user("a"),
        calls,
        user(ToolResult("1", (), name="f"), ToolResult("2", (Text("two"),), name="g"), "wait"),
    )


def test_an_empty_turn_between_call_and_result_does_not_part_them(arrange: Arrange) -> None:
    call, result = model(ToolCall("1", "f", "{}")), user(ToolResult("1", (Text("x"),), name="f"))
    assert arrange(user("a"), call, model(""), result) == (user("a"), call, result)


def test_a_call_without_result_gets_one_and_a_result_without_call_becomes_text(arrange: Arrange) -> None:
    turns = arrange(user("a"), model(ToolCall("1", "f", "{}")), user(ToolResult("9", (Text("x"),))))
    (placeholder, *rest) = turns[2].blocks
    assert isinstance(placeholder, ToolResult)
    assert (placeholder.call_id, placeholder.is_error) == ("1", True)
    assert rest == [Text("[tool result]"), Text("x")]


def test_a_history_begins_with_the_user(arrange: Arrange) -> None:
    assert arrange(model("hi"), user("a")) == (user("(conversation start)"), model("hi"), user("a"))
    assert arrange() == (user("(conversation start)"),)


def test_a_history_that_ends_with_the_model_is_asked_to_go_on(arrange: Arrange) -> None:
    assert arrange(user("a"), model("b")) == (user("a"), model("b"), user("Continue."))


def test_the_answer_to_that_does_not_change_what_stood_before_it(arrange: Arrange) -> None:
    before = arrange(user("a"), model("b"))
    assert arrange(user("a"), model("b"), model("c"), user("d")) == (*before, model("c"), user("d"))


def test_a_turn_that_clients_split_before_its_calls_is_one(arrange: Arrange) -> None:
    call = ToolCall("1", "f", "{}")
    result = ToolResult("1", (Text("x"),), name="f")
    assert arrange(user("a"), model("b"), model(call), user(result)) == (
        user("a"),
        model("b", call),
        user(result),
    )


def test_a_prefill_is_honoured_only_for_clients_of_this_format_and_without_space_at_its_end(
    arrange: Arrange,
) -> None:
    history = (user("a"), model("The answer is \n"))
    assert arrange(*history, dialect="anthropic") == (user("a"), model("The answer is"))
    assert arrange(*history, dialect="anthropic", prefill=False)[-1] == user("Continue.")
    assert arrange(*history)[-1] == user("Continue.")


def test_a_paused_turn_goes_back_as_it_is(arrange: Arrange) -> None:
    history = (user("a"), model("let me see", SEARCH))
    assert arrange(*history, dialect="anthropic", prefill=False) == history


def test_later_instructions_become_marked_text_in_place(arrange: Arrange) -> None:
    turns = arrange(user("a"), model("b"), system("Be brief."), user("c"))
    assert turns == (user("a"), model("b"), user("<system>Be brief.</system>", "c"))


def test_later_instructions_stay_where_model_and_place_allow_it(arrange: Arrange) -> None:
    after_user = (user("a"), system("x", "y"), model("b"), user("c"))
    assert (
        arrange(user("a"), system("x"), system("y"), model("b"), user("c"), system_in_place=True)
        == after_user
    )
    last = (user("a"), system("x"))
    assert arrange(*last, system_in_place=True) == last
    after_search = (user("a"), model("b", SEARCH), system("x"), model("c"), user("d"))
    assert arrange(*after_search, dialect="anthropic", system_in_place=True) == after_search


@pytest.mark.parametrize(
    ("history", "turns"),
    [
        ((system("x"), user("a")), (user("<system>x</system>", "a"),)),
        ((user("a"), model("b"), system("x"), model("c"), user("d")), None),
        ((user("a"), system("x"), user("b")), (user("a", "<system>x</system>", "b"),)),
    ],
)
def test_later_instructions_elsewhere_are_marked_text_all_the_same(
    arrange: Arrange, history: tuple[Message, ...], turns: tuple[Message, ...] | None
) -> None:
    expected = turns or (user("a"), model("b"), user("<system>x</system>"), model("c"), user("d"))
    assert arrange(*history, system_in_place=True) == expected


def test_instructions_between_call_and_result_move_behind_the_result(arrange: Arrange) -> None:
    call, result = ToolCall("1", "f", "{}"), ToolResult("1", (Text("x"),), name="f")
    turns = arrange(user("a"), model(call), system("s"), user(result), system_in_place=True)
    assert turns == (user("a"), model(call), user(result), system("s"))


def test_pictures_of_the_model_move_to_the_user(arrange: Arrange) -> None:
    turns = arrange(user("draw"), model("here", PICTURE), user("thanks"))
    assert turns == (
        user("draw"),
        model("here"),
        user("[media from the assistant's turn]", PICTURE, "thanks"),
    )


def test_reasoning_of_others_is_left_out_and_never_text(target: Make, request_of: RequestOf) -> None:
    messages = (user("a"), model(FOREIGN, Thinking("unsigned"), SIGNED, "b"), user("c"))
    losses: list[Loss] = []
    turns = arranged(request_of(messages=messages), target(), losses)
    assert turns[1] == model(SIGNED, "b")
    assert [loss.code for loss in losses] == ["foreign_reasoning"]


@pytest.mark.parametrize(
    ("signature", "kept"),
    [
        (Signature("anthropic", "anthropic/claude", "S"), True),
        (Signature("anthropic", "", "S"), True),
        (Signature("anthropic", "bedrock/claude", "S"), False),
        (Signature("gemini", "", "S"), False),
    ],
)
def test_reasoning_goes_back_only_where_it_was_signed(
    arrange: Arrange, signature: Signature, kept: bool
) -> None:
    thinking = Thinking("", signature, redacted=True)
    turns = arrange(user("a"), model(thinking, "b"), user("c"))
    assert turns[1] == (model(thinking, "b") if kept else model("b"))


def test_records_of_other_vendors_tools_are_left_out(arrange: Arrange) -> None:
    call = Unknown("openai_chat", "web_search_call", b"{}", server_side=True)
    assert arrange(user("a"), model(call, "b"), user("c"))[1] == model("b")
    assert arrange(user("a"), model(call), user("c"))[1] == model("[web search performed]")


def test_media_of_results_follow_them_where_results_hold_text_alone(arrange: Arrange) -> None:
    history = (
        user("a"),
        model(ToolCall("1", "f", "{}")),
        user(ToolResult("1", (Text("x"), PICTURE), name="f"), "b"),
    )
    assert arrange(*history) == history
    note = Text("(see attached content for tool call 1)")
    assert arrange(*history, result_media=False)[2] == user(
        ToolResult("1", (Text("x"), note), name="f"), "Content for tool call 1:", PICTURE, "b"
    )


def test_ids_and_arguments_are_written_as_the_format_wants_them(
    render: Callable[..., Rendered], request_of: RequestOf
) -> None:
    calls = model(
        ToolCall("functions.f:0", "my.tool", '{"b": 1.0, "a": 2}'),
        ToolCall("c2", "g", ""),
        ToolCall("c3", "g", '{"a": [1, 2, {"b": "cut o'),
        ToolCall("c4", "g", "[1]"),
        ToolCall("c5", "g", "nonsense"),
        ToolCall("c6", "free", "print(1)", custom=True),
    )
    results = user(ToolResult("functions.f:0", (Text("x"),)))
    body = render(request_of(messages=(user("a"), calls, results))).wire.body
    assert b'"name":"my_tool","input":{"b": 1.0, "a": 2}}' in body
    messages = msgspec.json.decode(body)["messages"]
    identity = messages[1]["content"][0]["id"]
    assert identity.startswith("functions_f_0_")
    assert messages[2]["content"][0]["tool_use_id"] == identity
    assert [block["input"] for block in messages[1]["content"][1:]] == [
        {},
        {"a": [1, 2, {"b": "cut o"}]},
        {"value": [1]},
        {"__raw_arguments": "nonsense"},
        {"input": "print(1)"},
    ]


def test_results_are_written_with_their_error_flag_and_without_empty_text(
    render: Callable[..., Rendered], request_of: RequestOf
) -> None:
    calls = model(*(ToolCall(str(number), "f", "{}") for number in range(4)))
    results = user(
        ToolResult("0", (Text("x"),), is_error=True),
        ToolResult("1", ()),
        ToolResult("2", (Text(""), Text("a"), PICTURE)),
        ToolResult("3", (Text("x", cache=CacheMark()),)),
    )
    messages = msgspec.json.decode(render(request_of(messages=(user("a"), calls, results))).wire.body)[
        "messages"
    ]
    assert messages[2]["content"][0] == {
        "type": "tool_result",
        "tool_use_id": "0",
        "content": "x",
        "is_error": True,
    }
    assert messages[2]["content"][1] == {"type": "tool_result", "tool_use_id": "1"}
    assert [block["type"] for block in messages[2]["content"][2]["content"]] == ["text", "image"]
    assert messages[2]["content"][3]["content"][0]["cache_control"] == {"type": "ephemeral"}


def test_citations_of_this_format_go_back_and_others_are_left_out(
    render: Callable[..., Rendered], request_of: RequestOf
) -> None:
    own = Citation(cited_text="c", dialect="anthropic", json=b'{"type":"page_location","cited_text":"c"}')
    history = (user("a"), model(Text("b", citations=(own, Citation(url="https://a.example")))), user("c"))
    rendered = render(request_of(messages=history))
    messages = msgspec.json.decode(rendered.wire.body)["messages"]
    assert messages[1]["content"][0]["citations"] == [{"type": "page_location", "cited_text": "c"}]
    assert "citations" in [loss.code for loss in rendered.losses]


# --- for any history -----------------------------------------------------------------------------

TEXTS = st.sampled_from(["", " ", "a", "b"]).map(Text)
USER_BLOCKS = st.one_of(
    TEXTS, st.sampled_from([PICTURE, ToolResult("1", (Text("r"),)), ToolResult("", (), name="f")])
)
MODEL_BLOCKS = st.one_of(
    TEXTS,
    st.sampled_from(
        [
            SIGNED,
            FOREIGN,
            PICTURE,
            Refusal("No."),
            ToolCall("1", "f", "{}"),
            ToolCall("", "f", '{"a":'),
            Unknown("openai_chat", "search", b"{}", server_side=True),
        ]
    ),
)
MESSAGES = st.one_of(
    st.lists(USER_BLOCKS, max_size=3).map(lambda blocks: user(*blocks)),
    st.lists(MODEL_BLOCKS, max_size=3).map(lambda blocks: model(*blocks)),
    st.lists(TEXTS, max_size=2).map(lambda blocks: system(*blocks)),
)


@given(st.lists(MESSAGES, max_size=7), st.booleans())
@settings(max_examples=100)
def test_any_history_becomes_turns_that_the_vendor_accepts(
    target: Make, history: list[Message], in_place: bool
) -> None:
    request = Request(dialect="openai_chat", model="m", messages=tuple(history))
    rendered = DIALECT.render_request(request, target(system_in_place=in_place))
    messages = msgspec.json.decode(rendered.wire.body)["messages"]
    assert messages[0]["role"] == "user"
    assert messages[-1]["role"] != "assistant"
    waiting: list[str] = []
    seen: set[str] = set()
    previous = None
    for position, message in enumerate(messages):
        role, content = message["role"], message["content"]
        assert content
        assert role != previous
        assert all(block["text"] for block in content if block["type"] == "text")
        assert any(block["type"] != "text" or block["text"].strip() for block in content)
        results = [block["tool_use_id"] for block in content if block["type"] == "tool_result"]
        assert results == waiting
        assert all(block["type"] == "tool_result" for block in content[: len(results)])
        waiting = [block["id"] for block in content if block["type"] == "tool_use"]
        assert not seen & set(waiting)
        assert len(waiting) == len(set(waiting))
        seen |= set(waiting)
        if role == "system":
            assert position > 0
            assert position + 1 == len(messages) or messages[position + 1]["role"] == "assistant"
        previous = role
    assert not waiting


@given(st.lists(MESSAGES, max_size=5), st.text("xyz", min_size=1, max_size=3))
@settings(max_examples=60)
def test_a_longer_history_begins_with_the_same_turns(
    target: Make, history: list[Message], answer: str
) -> None:
    """What was sent before comes first, byte for byte, once the answer has come and the user goes on."""

    def sent(messages: list[Message]) -> list[bytes]:
        request = Request(dialect="openai_chat", model="m", messages=tuple(messages))
        body = DIALECT.render_request(request, target()).wire.body
        return [bytes(turn) for turn in msgspec.json.decode(body, type=Turns).messages]

    before = sent(history)
    after = sent([*history, model(answer), user("next")])
    assert after[: len(before)] == before


def test_a_remote_picture_of_the_model_moves_too(arrange: Arrange) -> None:
    picture = Image(Remote("https://a.example/x.png"))
    assert arrange(user("a"), model(picture)) == (user("a", "[media from the assistant's turn]", picture),)
