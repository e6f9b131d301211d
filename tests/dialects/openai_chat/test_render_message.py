"""Turns for OpenAI and the hosts that are like it."""

import base64
import json

import pytest

from dragoman.conversation.blocks import (
    Audio,
    Block,
    CacheMark,
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
from dragoman.conversation.loss import LossKind
from dragoman.conversation.opaque import Opaque
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


def refused(*messages: Message, dialect: str = "anthropic") -> str | None:
    with pytest.raises(FailureError) as caught:
        render(*messages, dialect=dialect)
    return caught.value.failure.code


HI = user(Text("hi"))
CALL = ToolCall("call_1", "f", "{}")


# --- instructions --------------------------------------------------------------------------------


def test_one_instruction_is_a_string_and_several_are_parts() -> None:
    assert wire(render(HI, system=(Text("a"),)))[0] == {"role": "system", "content": "a"}
    assert wire(render(HI, system=(Text("a"), Text("b"))))[0] == {
        "role": "system",
        "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
    }


def test_the_role_of_instructions_is_the_models_or_the_hosts() -> None:
    profile = Profile(family="o", instructions_role="developer")
    later = Message(Role.SYSTEM, (Text("b"),))
    got = wire(render(HI, later, system=(Text("a"),), profile=profile))
    assert [message["role"] for message in got] == ["developer", "user", "developer"]
    host = Host(instructions_role="system")
    assert wire(render(HI, system=(Text("a"),), profile=profile, host=host))[0]["role"] == "system"


# --- users ---------------------------------------------------------------------------------------


def test_one_text_is_a_string_and_everything_else_is_parts() -> None:
    assert wire(render(HI)) == [{"role": "user", "content": "hi"}]
    assert wire(render(user(Text("a"), Image(PNG, "low"), Image(Remote("https://e.com")))))[0]["content"] == [
        {"type": "text", "text": "a"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://e.com"}},
    ]


def test_names_of_speakers_go_where_the_host_takes_them() -> None:
    named = user(Text("hi"), name="ann")
    assert wire(render(named)) == [{"role": "user", "content": "hi", "name": "ann"}]
    got = render(named, named, host=Host(message_names=False))
    assert wire(got)[0] == {"role": "user", "content": "hi"}
    assert codes(got) == [(LossKind.DROPPED, "message_name")]


def test_sound_has_openais_words_for_its_form() -> None:
    got = wire(render(user(Audio(Inline("audio/x-wav", "AA==")), Audio(Inline("audio/flac", "BB==")))))
    assert got[0]["content"] == [
        {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
        {"type": "input_audio", "input_audio": {"data": "BB==", "format": "flac"}},
    ]


def test_documents_are_files_with_a_data_url() -> None:
    pdf = Document(Inline("application/pdf", "JVBE"), "a.pdf", context="From the archive.", cited=True)
    got = render(user(pdf))
    assert wire(got)[0]["content"] == [
        {"type": "text", "text": "From the archive."},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
    ]
    assert codes(got) == [(LossKind.DROPPED, "document_citations")]


def test_text_documents_are_text() -> None:
    data = base64.b64encode("Grüße".encode()).decode()
    assert wire(render(user(Document(Inline("text/plain", data), "Note"))))[0]["content"] == "Note\n\nGrüße"


def test_our_own_files_keep_their_ids() -> None:
    assert wire(render(user(Document(Stored("openai_chat", "file-1")))))[0]["content"] == [
        {"type": "file", "file": {"file_id": "file-1"}}
    ]


def test_a_document_by_url_is_for_hosts_whose_clients_know_them() -> None:
    remote = Document(Remote("https://e.com/a.pdf"), "a.pdf")
    assert wire(render(user(remote), dialect="openai_chat"))[0]["content"] == [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "https://e.com/a.pdf"}}
    ]
    assert refused(user(remote)) == "document_url_not_portable"


@pytest.mark.parametrize(
    ("block", "code"),
    [
        (Image(Stored("anthropic", "file_1")), "file_id_not_portable"),
        (Document(Stored("gemini", "files/1")), "file_id_not_portable"),
        (Audio(Remote("https://e.com/a.mp3")), "audio_not_portable"),
        (Unknown("gemini", "video", b"{}"), "content_not_portable"),
        (Document(Inline("text/plain", "!")), "invalid_value"),
        (ToolCall("a", "f", "{}"), "invalid_value"),
    ],
)
def test_content_that_cannot_be_said_is_refused(block: Block, code: str) -> None:
    assert refused(user(block)) == code


def test_our_own_hosts_parts_go_back_as_they_are() -> None:
    part = Unknown("openai_chat", "video_url", b'{"type":"video_url", "x":1.0}')
    assert b'[{"type":"video_url", "x":1.0}]' in render(user(part)).wire.body


def test_work_of_another_vendors_tools_is_left_out() -> None:
    done = Unknown("anthropic", "server_tool_use", b"{}", server_side=True)
    got = render(HI, model(done, Text("Found it.")))
    assert wire(got)[1] == {"role": "assistant", "content": "Found it."}
    assert (LossKind.DROPPED, "server_tool_history") in codes(got)


def test_cache_marks_are_dropped_with_one_loss() -> None:
    mark = CacheMark("1h")
    got = render(user(Text("a", cache=mark), Text("b", cache=mark)), system=(Text("c", cache=mark),))
    assert b"cache_control" not in got.wire.body
    assert codes(got) == [(LossKind.DROPPED, "cache_control")]


def test_our_own_clients_cache_marks_stay() -> None:
    got = wire(render(user(Text("a", cache=CacheMark())), dialect="openai_chat"))
    assert got[0]["content"] == [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]


def test_openais_own_cache_marks_go_back_as_they_were() -> None:
    marked = Text(
        "a", cache=CacheMark(), opaque=(Opaque("openai_chat", "prompt_cache_breakpoint", b'{"x":1}'),)
    )
    assert wire(render(user(marked), dialect="openai_chat"))[0]["content"] == [
        {"type": "text", "text": "a", "prompt_cache_breakpoint": {"x": 1}}
    ]


# --- the model -----------------------------------------------------------------------------------


def test_text_and_calls_of_one_turn_are_one_message() -> None:
    turn = model(
        Text("a"), Text("b"), ToolCall("call_1", "f", ""), ToolCall("call_2", "sh", "ls", custom=True)
    )
    assert wire(render(HI, turn))[1] == {
        "role": "assistant",
        "content": "ab",
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "call_2", "type": "custom", "custom": {"name": "sh", "input": "ls"}},
        ],
    }


def test_calls_alone_have_null_content() -> None:
    assert wire(render(HI, model(CALL)))[1]["content"] is None


def test_a_refusal_is_a_part_of_its_own_or_a_field() -> None:
    assert wire(render(HI, model(Refusal("No."))))[1]["content"] == [{"type": "refusal", "refusal": "No."}]
    assert wire(render(HI, model(Text("Hm."), Refusal("No."))))[1] == {
        "role": "assistant",
        "content": "Hm.",
        "refusal": "No.",
    }


def test_an_empty_turn_is_left_out() -> None:
    assert wire(render(HI, model(Thinking("hm")), HI)) == [{"role": "user", "content": "hi"}] * 2


def test_our_own_clients_fields_of_a_turn_come_back() -> None:
    got = wire(
        render(HI, model(opaque=(Opaque("openai_chat", "audio", b'{"id":"a"}'),)), dialect="openai_chat")
    )
    assert got[1] == {"role": "assistant", "content": None, "audio": {"id": "a"}}


def test_pictures_of_the_model_move_to_the_user() -> None:
    got = render(HI, model(Text("Here."), Image(PNG)), user(Text("Nice.")))
    assert wire(got)[1:] == [
        {"role": "assistant", "content": "Here."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Attached content of the assistant's last message:"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
            ],
        },
        {"role": "user", "content": "Nice."},
    ]
    assert codes(got) == [(LossKind.APPROXIMATED, "assistant_media")]


def test_a_prefill_is_history_here() -> None:
    got = render(HI, model(Text("I am")))
    assert wire(got)[-1] == {"role": "assistant", "content": "I am"}
    assert codes(got) == [(LossKind.APPROXIMATED, "prefill_unsupported")]
    for dialect in ("openai_chat", "openai_responses", "gemini"):
        assert codes(render(HI, model(Text("I am")), dialect=dialect)) == []


def test_where_a_history_may_not_end_with_the_model_it_is_asked_to_go_on() -> None:
    profile = Profile(family="c", ends_with_model=False)
    first = render(HI, model(Text("a")), dialect="openai_chat", profile=profile)
    assert wire(first)[-1] == {"role": "user", "content": "Continue."}
    longer = render(HI, model(Text("a")), model(Text("b")), HI, dialect="openai_chat", profile=profile)
    assert wire(longer)[: len(wire(first))] == wire(first)
    assert codes(longer) == [(LossKind.EMULATED, "trailing_assistant")]


def test_calls_and_their_results_have_ids_in_the_form_of_the_model() -> None:
    got = wire(
        render(
            user(Text("q")),
            model(ToolCall("toolu_1", "f", "{}")),
            user(ToolResult("toolu_1", (Text("r"),))),
            profile=Profile(family="mistral", call_id_form="mistral"),
        )
    )
    calls = json.loads(json.dumps(got[1]["tool_calls"]))
    assert len(calls[0]["id"]) == 9
    assert got[2]["tool_call_id"] == calls[0]["id"]
