"""Reasoning and results for OpenAI and the hosts that are like it."""

import json

import msgspec

from dragoman.conversation.blocks import (
    Block,
    CacheMark,
    Image,
    Inline,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
from dragoman.conversation.loss import LossKind
from dragoman.conversation.opaque import Opaque, Signature
from dragoman.conversation.request import Message, Request, Role
from dragoman.dialects.dialect import Host, Rendered, Target
from dragoman.dialects.openai_chat import DIALECT
from dragoman.models.profile import UNKNOWN, Profile

PNG = Inline("image/png", "AA==")
ORIGIN = "openrouter/claude"


def user(*blocks: Block, name: str | None = None) -> Message:
    return Message(Role.USER, blocks, name)


def model(*blocks: Block, opaque: tuple[Opaque, ...] = ()) -> Message:
    return Message(Role.ASSISTANT, blocks, opaque=opaque)


def render(
    *messages: Message,
    dialect: str = "anthropic",
    system: tuple[Text, ...] = (),
    host: Host | None = None,
    profile: Profile = UNKNOWN,
) -> Rendered:
    request = Request(dialect=dialect, model="asked", messages=messages, system=system)
    return DIALECT.render_request(request, Target("p", "up", ORIGIN, profile, host or Host()))


def wire(rendered: Rendered) -> list[dict[str, object]]:
    return json.loads(rendered.wire.body)["messages"]


def codes(rendered: Rendered) -> list[tuple[LossKind, str]]:
    return [(loss.kind, loss.code) for loss in rendered.losses]


HI = user(Text("hi"))
CALL = ToolCall("call_1", "f", "{}")


# --- reasoning -----------------------------------------------------------------------------------


def signature(value: str, origin: str = ORIGIN) -> Signature:
    return Signature("openai_chat", origin, value)


def test_thinking_of_others_is_dropped_and_never_becomes_text() -> None:
    foreign = Thinking("secret", Signature("anthropic", "anthropic/claude", "SIG"))
    got = render(HI, model(foreign, Thinking("plain"), Text("x")))
    assert wire(got)[1] == {"role": "assistant", "content": "x"}
    assert codes(got)[0] == (LossKind.DROPPED, "foreign_reasoning")


def test_signed_reasoning_goes_back_to_its_own_origin() -> None:
    value = '{"type":"reasoning.text","signature":"S","format":"f","index":0}'
    turn = model(Thinking("hm", signature(value)), Text("x"))
    assert wire(render(HI, turn, HI))[1] == {
        "role": "assistant",
        "content": "x",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "hm", "signature": "S", "format": "f", "index": 0}
        ],
    }
    elsewhere = model(Thinking("hm", signature(value, "other/family")), Text("x"))
    assert "reasoning_details" not in wire(render(HI, elsewhere, HI))[1]


def test_encrypted_reasoning_and_summaries_keep_their_form() -> None:
    turn = model(
        Thinking("sum", signature('{"type":"reasoning.summary","index":0}')),
        Thinking("", signature('{"type":"reasoning.encrypted","data":"E","id":"rs_1"}'), redacted=True),
        Thinking("", signature("not json"), redacted=True),
        Text("x"),
    )
    assert wire(render(HI, turn, HI))[1]["reasoning_details"] == [
        {"type": "reasoning.summary", "summary": "sum", "index": 0},
        {"type": "reasoning.encrypted", "data": "E", "id": "rs_1"},
    ]


def test_hosts_that_want_reasoning_back_get_it_as_text() -> None:
    host = Host(replays_reasoning=True)
    got = wire(render(HI, model(Thinking("hm"), Text("x"), CALL), host=host))
    assert got[1]["reasoning_content"] == "hm"
    assert wire(render(HI, model(CALL), host=host))[1]["reasoning_content"] == ""
    assert "reasoning_content" not in wire(render(HI, model(Text("x")), HI, host=host))[1]


def test_a_clients_own_details_go_back_as_they_are() -> None:
    raw = b'[{"type":"reasoning.text", "text":"hm"}]'
    turn = model(Thinking("hm"), Text("x"), opaque=(Opaque("openai_chat", "reasoning_details", raw),))
    got = render(HI, turn, HI, dialect="openai_chat")
    assert b'"reasoning_details":' + raw in got.wire.body
    assert codes(got) == []


def test_a_calls_signature_goes_back_to_googles_own_layer() -> None:
    turn = model(ToolCall("a", "f", "{}", signature=signature("SIG")), ToolCall("b", "f", "{}"))
    calls = json.loads(json.dumps(wire(render(HI, turn))[1]["tool_calls"]))
    assert calls[0]["extra_content"] == {"google": {"thought_signature": "SIG"}}
    foreign = model(ToolCall("a", "f", "{}", signature=Signature("gemini", "google/gemini-3", "SIG")))
    assert b"extra_content" not in render(HI, foreign).wire.body


# --- results -------------------------------------------------------------------------------------


def test_results_are_one_message_each_before_the_users_own_words() -> None:
    second = ToolCall("call_2", "f", "{}")
    got = wire(
        render(
            HI,
            model(CALL, second),
            user(
                Text("also"), ToolResult("call_2", (Text("2"),)), ToolResult("call_1", (Text("a"), Text("b")))
            ),
        )
    )
    assert got[2:] == [
        {"role": "tool", "tool_call_id": "call_1", "content": "a\nb"},
        {"role": "tool", "tool_call_id": "call_2", "content": "2"},
        {"role": "user", "content": "also"},
    ]


def test_every_call_is_answered() -> None:
    got = render(HI, model(CALL))
    assert wire(got)[2] == {
        "role": "tool",
        "tool_call_id": "call_1",
        "content": "[tool error] [no result: tool call was not completed]",
    }
    assert (LossKind.EMULATED, "unanswered_tool_call") in codes(got)


def test_a_result_without_a_call_is_text() -> None:
    got = render(HI, user(ToolResult("gone", (Text("42"),))))
    assert wire(got)[1]["content"] == [
        {"type": "text", "text": "[tool result]"},
        {"type": "text", "text": "42"},
    ]


def test_an_error_is_marked_once() -> None:
    for text in ("boom", "[tool error] boom"):
        got = wire(render(HI, model(CALL), user(ToolResult("call_1", (Text(text),), is_error=True))))
        assert got[2]["content"] == "[tool error] boom"
    assert (
        wire(render(HI, model(CALL), user(ToolResult("call_1", (), is_error=True))))[2]["content"]
        == "[tool error]"
    )


def test_media_in_results_move_behind_the_group() -> None:
    results = user(ToolResult("call_1", (Text("see"), Image(PNG))), ToolResult("call_2", (Image(PNG),)))
    got = render(HI, model(CALL, ToolCall("call_2", "f", "{}")), results, HI)
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    assert wire(got)[2:] == [
        {
            "role": "tool",
            "tool_call_id": "call_1",
            "content": "see\n(see attached content for tool call call_1)",
        },
        {"role": "tool", "tool_call_id": "call_2", "content": "(see attached content for tool call call_2)"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Attached content for tool call call_1:"},
                picture,
                {"type": "text", "text": "Attached content for tool call call_2:"},
                picture,
            ],
        },
        {"role": "user", "content": "hi"},
    ]
    assert codes(got) == [(LossKind.APPROXIMATED, "tool_result_media")]


def test_parts_of_results_that_only_others_know_are_their_json() -> None:
    result = ToolResult("call_1", (Unknown("anthropic", "search_result", b'{"a":1}'),))
    got = render(HI, model(CALL), user(result))
    assert wire(got)[2]["content"] == '{"a":1}'
    assert codes(got) == [(LossKind.APPROXIMATED, "tool_result_as_text")]


def test_long_ids_are_shortened_alike_in_call_and_result() -> None:
    own = "toolu_" + "x" * 60
    got = wire(render(HI, model(ToolCall(own, "f", "{}")), user(ToolResult(own, (Text("1"),)))))
    calls = json.loads(json.dumps(got[1]["tool_calls"]))
    assert len(calls[0]["id"]) <= 40
    assert got[2]["tool_call_id"] == calls[0]["id"]
    assert wire(render(HI, model(ToolCall("x" * 40, "f", "{}"))))[2]["tool_call_id"] == "x" * 40


def test_calls_without_ids_get_some_that_their_results_know() -> None:
    turn, results = (
        model(ToolCall("", "f", "{}"), ToolCall("", "g", "{}")),
        user(ToolResult("", (Text("G"),), name="g"), ToolResult("", (Text("F"),), name="f")),
    )
    got = wire(render(HI, turn, results, dialect="gemini"))
    ids = [call["id"] for call in json.loads(json.dumps(got[1]["tool_calls"]))]
    assert [(message["tool_call_id"], message["content"]) for message in got[2:]] == [
        (ids[0], "F"),
        (ids[1], "G"),
    ]


def test_a_longer_history_begins_with_the_same_bytes() -> None:
    turns = [
        HI,
        model(Text("Let me see."), CALL, ToolCall("", "g", "{}")),
        user(ToolResult("call_1", (Image(PNG),)), Text("go on")),
        model(Image(PNG)),
        user(Text("and")),
        model(ToolCall("call_1", "f", "{}")),
        user(ToolResult("call_1", (Text("again"),))),
    ]
    before: list[dict[str, object]] = []
    # a history that ends with the model's calls is not one that a client sends
    for count in (1, 3, 5, 7):
        now = wire(render(*turns[:count]))
        assert now[: len(before)] == before
        before = now


def test_the_structs_of_the_request_are_left_alone() -> None:
    turn = model(Thinking("hm"), CALL)
    copy = msgspec.structs.replace(turn)
    render(HI, turn)
    assert turn == copy


def test_a_result_keeps_its_cache_mark_for_our_own_clients() -> None:
    marked = ToolResult("call_1", (Text("1"),), cache=CacheMark())
    assert wire(render(HI, model(CALL), user(marked), dialect="openai_chat"))[2] == {
        "role": "tool",
        "tool_call_id": "call_1",
        "content": "1",
        "cache_control": {"type": "ephemeral"},
    }
    inside = ToolResult("call_1", (Text("1", cache=CacheMark()),), is_error=True)
    assert wire(render(HI, model(CALL), user(inside), dialect="openai_chat"))[2]["content"] == [
        {"type": "text", "text": "[tool error]"},
        {"type": "text", "text": "1", "cache_control": {"type": "ephemeral"}},
    ]


def test_what_only_the_model_says_is_text_or_nothing_among_a_users_words() -> None:
    assert wire(render(user(Refusal("No."), Thinking("hm")))) == [{"role": "user", "content": "No."}]


def test_a_conversation_is_never_empty() -> None:
    assert wire(render(model(Thinking("hm")))) == [{"role": "user", "content": "(empty message)"}]
