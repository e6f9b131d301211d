"""Turns as items."""

import json
from typing import Any

import msgspec
import pytest

from dragoman.conversation.blocks import (
    Audio,
    Block,
    CacheMark,
    Citation,
    Document,
    Image,
    Inline,
    Refusal,
    Remote,
    Stored,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
from dragoman.conversation.failure import FailureError
from dragoman.conversation.opaque import Opaque, Signature
from dragoman.conversation.request import Message, Request, Role
from dragoman.conversation.turns import UNANSWERED
from dragoman.dialects.dialect import Host, Location, Rendered, Target
from dragoman.dialects.openai_responses.parse_request import parse_request
from dragoman.dialects.openai_responses.render_request import render_request
from dragoman.dialects.openai_responses.wire import NAME
from dragoman.models.profile import UNKNOWN, Profile

PNG = Inline("image/png", "iVBORw0KGgo=")
PDF = Inline("application/pdf", "JVBERi0=")
PROOF = Signature(NAME, "p/x", "rs_1 gAAA")


def target(profile: Profile = UNKNOWN, host: Host | None = None) -> Target:
    return Target("p", "up", "p/x", profile, host or Host())


def user(*blocks: Block) -> Message:
    return Message(Role.USER, blocks)


def model(*blocks: Block) -> Message:
    return Message(Role.ASSISTANT, blocks)


def render(*messages: Message, dialect: str = "anthropic", to: Target | None = None) -> Rendered:
    request = Request(dialect=dialect, model="asked", messages=messages)
    return render_request(request, to or target())


def items(*messages: Message, dialect: str = "anthropic", to: Target | None = None) -> list[Any]:
    return json.loads(render(*messages, dialect=dialect, to=to).wire.body)["input"]


def codes(rendered: Rendered) -> set[str]:
    return {loss.code for loss in rendered.losses}


def item(role: str, content: object, **members: object) -> dict[str, object]:
    return {"type": "message", "role": role, "content": content, **members}


def called(own: str = "c1", name: str = "f", arguments: str = "{}") -> dict[str, object]:
    return {"type": "function_call", "call_id": own, "name": name, "arguments": arguments}


def answered(output: object, own: str = "c1") -> dict[str, object]:
    return {"type": "function_call_output", "call_id": own, "output": output}


def test_the_order_of_a_turn_is_kept() -> None:
    turn = model(Text("a"), ToolCall("c1", "f", "{}"), Text("b"), ToolCall("c2", "f", '{"x":1.0}'))
    results = user(ToolResult("c2", (Text("2"),)), ToolResult("c1", (Text("1"),)))
    assert items(user(Text("hi")), turn, results) == [
        item("user", "hi"),
        item("assistant", "a"),
        called(),
        item("assistant", "b"),
        called("c2", arguments='{"x":1.0}'),
        answered("1"),
        answered("2", "c2"),
    ]


def test_reasoning_of_the_same_origin_goes_back_in_its_place_byte_for_byte() -> None:
    turn = model(
        Text("a"),
        Thinking("hm\u2028", PROOF),
        ToolCall("c1", "f", "{}"),
        Thinking("", PROOF, redacted=True),
        Text("b"),
    )
    got = items(user(Text("hi")), turn)
    assert [one["type"] for one in got[1:]] == [
        "message",
        "reasoning",
        "function_call",
        "reasoning",
        "message",
        "function_call_output",
    ]
    assert got[2] == {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "hm\u2028"}],
        "encrypted_content": "gAAA",
    }
    assert got[4] == {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}


@pytest.mark.parametrize(
    "signature",
    [
        None,
        Signature("anthropic", "a/claude", "sig"),
        Signature("gemini", "", "sig"),
        Signature(NAME, "other/x", "rs_1 gAAA"),
        Signature("openai_chat", "p/x", "sig"),
    ],
)
def test_reasoning_of_another_origin_is_left_out_and_never_becomes_text(signature: Signature | None) -> None:
    rendered = render(user(Text("hi")), model(Thinking("secret", signature), Text("a")), user(Text("b")))
    assert b"secret" not in rendered.wire.body
    assert b'reasoning"' not in rendered.wire.body.replace(b"reasoning.encrypted", b"")
    assert codes(rendered) == {"foreign_reasoning"}


def test_text_around_reasoning_that_is_left_out_stays_one_message() -> None:
    turn = model(Text("a"), Thinking("secret"), Text("b"))
    texts: list[dict[str, Any]] = [
        {"type": "output_text", "text": text, "annotations": []} for text in ("a", "b")
    ]
    assert items(user(Text("hi")), turn)[1] == item("assistant", texts)


def test_reasoning_that_nothing_came_of_is_left_out() -> None:
    assert items(user(Text("hi")), model(Thinking("", PROOF, redacted=True)), user(Text("go"))) == [
        item("user", "hi"),
        item("user", "go"),
    ]


def test_later_instructions_stay_in_place() -> None:
    later = Message(Role.SYSTEM, (Text("be brief"),))
    assert items(user(Text("hi")), later, user(Text("b"))) == [
        item("user", "hi"),
        item("developer", "be brief"),
        item("user", "b"),
    ]
    named = target(host=Host(instructions_role="system"))
    assert items(user(Text("hi")), later, to=named)[1] == item("system", "be brief")


def test_media_go_native_in_messages_and_in_results() -> None:
    media = (Text("see"), Image(PNG, "low"), Image(Remote("https://e.com/a.png")), Document(PDF, "a"))
    parts = [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"},
        {"type": "input_image", "image_url": "https://e.com/a.png"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="},
    ]
    got = items(user(*media), model(ToolCall("c1", "f", "{}")), user(ToolResult("c1", media)))
    assert got == [item("user", parts), called(), answered(parts)]


def test_documents_by_url_and_with_context() -> None:
    (got,) = items(user(Document(Remote("https://e.com/a.pdf"), context="from 1999")))
    assert got["content"] == [
        {"type": "input_text", "text": "from 1999"},
        {"type": "input_file", "file_url": "https://e.com/a.pdf"},
    ]


@pytest.mark.parametrize("dialect", ["openai_chat", NAME])
def test_files_that_openai_keeps_are_known_in_both_of_its_formats(dialect: str) -> None:
    (got,) = items(
        user(Document(Stored(dialect, "file-1")), Image(Stored(dialect, "file-2"))), dialect=dialect
    )
    assert [part["file_id"] for part in got["content"]] == ["file-1", "file-2"]


@pytest.mark.parametrize(
    ("block", "code"),
    [
        (Audio(Inline("audio/wav", "UklGRg==")), "audio_not_portable"),
        (Image(Stored("anthropic", "file_1")), "file_id_not_portable"),
        (Document(Stored("gemini", "files/1")), "file_id_not_portable"),
        (Unknown("gemini", "fileData", b"{}"), "content_not_portable"),
    ],
)
def test_what_cannot_be_said_is_refused_by_its_place(block: Block, code: str) -> None:
    with pytest.raises(FailureError) as caught:
        render(user(Text("x"), block))
    assert (caught.value.failure.param, caught.value.failure.code) == ("messages[0].content[1]", code)
    if not isinstance(block, Unknown):
        inside = (Text("x"), block)
        result = ToolResult(
            "c1", tuple(one for one in inside if isinstance(one, Text | Image | Audio | Document))
        )
        with pytest.raises(FailureError) as caught:
            render(user(Text("x")), model(ToolCall("c1", "f", "{}")), user(result))
        assert caught.value.failure.param == "messages[2].content[0].content[1]"


def test_a_clients_own_sound_cannot_be_referred_to() -> None:
    spoken = Message(Role.ASSISTANT, (Text("x"),), opaque=(Opaque("openai_chat", "audio", b'{"id":"a"}'),))
    with pytest.raises(FailureError) as caught:
        render(user(Text("hi")), spoken, dialect="openai_chat")
    assert caught.value.failure.param == "messages[1].audio"


def test_a_failed_tool_is_marked_once() -> None:
    def output(*blocks: Text | Image) -> object:
        failed = ToolResult("c1", blocks, is_error=True)
        return items(user(Text("hi")), model(ToolCall("c1", "f", "{}")), user(failed))[2]["output"]

    assert output(Text("boom")) == "[tool error] boom"
    assert output(Text("[tool error] boom")) == "[tool error] boom"
    assert output() == "[tool error]"
    assert output(Text("boom"), Image(PNG)) == [
        {"type": "input_text", "text": "[tool error]"},
        {"type": "input_text", "text": "boom"},
        {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo="},
    ]


def test_the_borders_of_a_results_texts_are_kept_where_the_host_takes_parts() -> None:
    turns = (
        user(Text("hi")),
        model(ToolCall("c1", "f", "{}")),
        user(ToolResult("c1", (Text("a"), Text("b")))),
    )
    assert items(*turns)[2]["output"] == [
        {"type": "input_text", "text": "a"},
        {"type": "input_text", "text": "b"},
    ]
    assert items(*turns, to=target(host=Host(text_parts=False)))[2]["output"] == "a\nb"


def test_what_nobody_else_knows_in_a_result_goes_as_its_json() -> None:
    result = ToolResult("c1", (Unknown("anthropic", "search_result", b'{"title":"x"}'),))
    rendered = render(user(Text("hi")), model(ToolCall("c1", "f", "{}")), user(result))
    assert json.loads(rendered.wire.body)["input"][2]["output"] == '{"title":"x"}'
    assert "tool_result_as_text" in codes(rendered)


def test_free_text_tools_go_native_with_their_results() -> None:
    turns = (
        user(Text("hi")),
        model(ToolCall("c1", "sh", "ls", custom=True)),
        user(ToolResult("c1", (Text("x"),))),
    )
    assert items(*turns)[1:] == [
        {"type": "custom_tool_call", "call_id": "c1", "name": "sh", "input": "ls"},
        {"type": "custom_tool_call_output", "call_id": "c1", "output": "x"},
    ]
    assert items(*turns, to=target(host=Host(custom_tools=False)))[1:] == [
        called(name="sh", arguments='{"input":"ls"}'),
        answered("x"),
    ]


def test_calls_without_results_and_results_without_calls_are_set_right() -> None:
    rendered = render(
        user(Text("hi")), model(ToolCall("c1", "f", "")), user(ToolResult("other", (Text("x"),)), Text("y"))
    )
    got = json.loads(rendered.wire.body)["input"]
    assert got[1:3] == [called(), answered(f"[tool error] {UNANSWERED}")]
    assert got[3]["content"] == [{"type": "input_text", "text": text} for text in ("[tool result]", "x", "y")]
    assert {"unanswered_tool_call", "orphan_tool_result"} <= codes(rendered)


def test_what_goes_on_from_kept_answers_may_begin_with_a_result() -> None:
    body = {"model": "m", "previous_response_id": "resp_1", "input": [answered("x")]}
    rendered = render_request(parse_request(json.dumps(body).encode(), Location()), target())
    got = json.loads(rendered.wire.body)
    assert (got["input"], got["previous_response_id"]) == ([answered("x")], "resp_1")
    assert rendered.losses == ()


@pytest.mark.parametrize("own", ["c" * 64, "c" * 65, "x" * 300])
def test_ids_of_calls_stay_within_64_characters_and_agree(own: str) -> None:
    got = items(user(Text("hi")), model(ToolCall(own, "f", "{}")), user(ToolResult(own, (Text("x"),))))
    assert got[1]["call_id"] == got[2]["call_id"]
    assert 0 < len(got[1]["call_id"]) <= 64
    assert (got[1]["call_id"] == own) == (len(own) <= 64)


def test_calls_without_ids_get_some_that_agree() -> None:
    got = items(
        user(Text("hi")), model(ToolCall("", "f", "{}")), user(ToolResult("", (Text("x"),), name="f"))
    )
    assert got[1]["call_id"] == got[2]["call_id"] != ""


@pytest.mark.parametrize("arguments", ["", "null", " "])
def test_a_call_without_arguments_has_an_empty_object(arguments: str) -> None:
    assert items(user(Text("hi")), model(ToolCall("c1", "f", arguments)))[1]["arguments"] == "{}"


@pytest.mark.parametrize("arguments", ['{"a":', "nonsense", '{"a":1.0,"b":12345678901234567890}'])
def test_arguments_go_as_the_model_wrote_them(arguments: str) -> None:
    assert items(user(Text("hi")), model(ToolCall("c1", "f", arguments)))[1]["arguments"] == arguments


def test_the_models_texts_refusals_and_citations() -> None:
    cited = Text("see E", (Citation("https://e.com", "E", start=4, end=5, dialect="gemini"),))
    annotation = {
        "type": "url_citation",
        "start_index": 4,
        "end_index": 5,
        "title": "E",
        "url": "https://e.com",
    }
    none: list[object] = []
    parts: list[object] = [
        {"type": "output_text", "text": "see E", "annotations": [annotation]},
        {"type": "output_text", "text": "b", "annotations": none},
        {"type": "refusal", "refusal": "no"},
    ]
    said = items(user(Text("hi")), model(cited, Text("b"), Refusal("no"), Text("")))[1]
    assert said == item("assistant", parts)


def test_pictures_of_the_model_go_into_a_message_of_the_user() -> None:
    rendered = render(user(Text("hi")), model(Text("a"), Image(PNG)), user(Text("b")))
    got = json.loads(rendered.wire.body)["input"]
    assert [one["role"] for one in got] == ["user", "assistant", "user", "user"]
    assert got[2]["content"][1]["type"] == "input_image"
    assert "assistant_media" in codes(rendered)


@pytest.mark.parametrize(("own", "stays"), [("ig_1", True), ("ig_dgm1", False), (None, False)])
def test_a_picture_that_an_upstream_of_this_format_made_goes_back_as_it_came(
    own: str | None, stays: bool
) -> None:
    picture = {"type": "image_generation_call", "status": "completed", "result": PNG.data, "size": "1x1"}
    if own is not None:
        picture["id"] = own
    body = json.dumps({"model": "m", "input": [item("user", "hi"), picture, item("user", "b")]}).encode()
    got = json.loads(render_request(parse_request(body, Location()), target()).wire.body)["input"]
    moved = {"type": "input_image", "image_url": "data:image/png;base64," + PNG.data}
    assert (got[1] == picture) is stays
    assert (got[1]["type"] == "message" and moved in got[1]["content"]) is not stays


def test_messages_of_the_model_stay_messages_of_their_own() -> None:
    history = [
        item("user", "hi"),
        item("assistant", "a"),
        item("assistant", "b"),
        item("assistant", "c"),
        called(),
        item("assistant", "d"),
        answered("1"),
    ]
    body = json.dumps({"model": "m", "input": history}).encode()
    assert json.loads(render_request(parse_request(body, Location()), target()).wire.body)["input"] == history


def test_another_vendors_own_work_is_left_out() -> None:
    done = Unknown("anthropic", "server_tool_use", b"{}", server_side=True)
    rendered = render(user(Text("hi")), model(done, Text("a")))
    assert json.loads(rendered.wire.body)["input"][1] == item("assistant", "a")
    assert "server_tool_history" in codes(rendered)


def test_items_of_this_format_stay_as_they_are() -> None:
    search: dict[str, object] = {
        "type": "web_search_call",
        "id": "ws_1",
        "status": "completed",
        "action": {"n": 1.0},
    }
    history: list[dict[str, object]] = [
        item("user", "hi"),
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gA"},
        search,
        item("assistant", "a", id="msg_1", status="completed", phase="commentary"),
        {**called(), "id": "fc_1", "status": "completed"},
        {**called("c2"), "namespace": "ns"},
        answered("1"),
        answered("2", "c2"),
        item("assistant", "b", phase="final_answer"),
        {"type": "compaction", "encrypted_content": "x"},
        item("user", [{"type": "input_text", "text": "c", "prompt_cache_breakpoint": {"mode": "explicit"}}]),
    ]
    request = parse_request(json.dumps({"model": "m", "input": history}).encode(), Location())
    assert json.loads(render_request(request, target()).wire.body)["input"] == history


def test_ids_that_were_made_here_are_not_sent() -> None:
    history = [item("user", "hi"), item("assistant", "a", id="msg_dgm" + "0" * 32), item("user", "b")]
    request = parse_request(json.dumps({"model": "m", "input": history}).encode(), Location())
    got = json.loads(render_request(request, target()).wire.body)["input"]
    assert "id" not in got[1]


def test_the_phase_of_a_message_survives_from_chat_completions() -> None:
    turn = Message(Role.ASSISTANT, (Text("a"),), opaque=(Opaque("openai_chat", "phase", b'"commentary"'),))
    assert items(user(Text("hi")), turn, dialect="openai_chat")[1]["phase"] == "commentary"


def test_names_of_speakers_and_cache_marks_are_lost() -> None:
    named = Message(Role.USER, (Text("x", cache=CacheMark()),), name="ann")
    rendered = render(named)
    assert json.loads(rendered.wire.body)["input"] == [item("user", "x")]
    assert codes(rendered) == {"message_name", "cache_control"}


def test_a_trailing_turn_of_the_model_is_history() -> None:
    strict = Profile(family="x", ends_with_model=False)
    assert "prefill_unsupported" in codes(render(user(Text("hi")), model(Text("a"))))
    for dialect in ("openai_chat", "openai_responses", "gemini"):
        assert codes(render(user(Text("hi")), model(Text("a")), dialect=dialect)) == set()
    turns = (user(Text("hi")), model(Text("a")), model(Text("b")))
    got = items(*turns, dialect="openai_chat", to=target(strict))
    assert [one["content"] for one in got] == ["hi", "a", "Continue.", "b", "Continue."]


def test_text_documents_are_spelled_out_for_hosts_without_files() -> None:
    bare = target(host=Host(files=False))
    (got,) = items(user(Document(Inline("text/plain", "aGk="), "a.txt")), to=bare)
    assert got == item("user", "a.txt\n\nhi")
    with pytest.raises(FailureError) as caught:
        render(user(Document(PDF)), to=bare)
    assert caught.value.failure.code == "document_not_portable"


def test_a_conversation_without_any_turn_still_says_something() -> None:
    assert items() == [item("user", "(empty message)")]
    assert items(user()) == [item("user", "")]


def test_a_longer_history_begins_with_the_same_items() -> None:
    turns = [
        user(Text("hi")),
        model(
            Thinking("", PROOF, redacted=True), Text("a"), ToolCall("", "f", "{}"), ToolCall("", "f", "{}")
        ),
        user(ToolResult("", (Text("1"),)), ToolResult("", (Text("2"),)), Text("and?")),
        Message(Role.SYSTEM, (Text("be brief"),)),
        model(Text("b")),
        user(Text("c")),
    ]
    whole = items(*turns)
    for count in (1, 3, 4, 5, 6):
        begun = items(*turns[:count])
        assert whole[: len(begun)] == begun


def test_the_same_request_gives_the_same_bytes() -> None:
    request = Request(
        dialect="gemini", model="m", messages=(user(Text("hi")), model(ToolCall("", "a.b", "{}")))
    )
    again = msgspec.structs.replace(request)
    assert render_request(request, target()) == render_request(again, target())
