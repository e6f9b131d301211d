"""Messages as contents: the order that Google demands, and what goes into parts."""

import json

import msgspec
import pytest

from dragoman.conversation.blocks import (
    Audio,
    Block,
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
from dragoman.dialects.dialect import Target
from dragoman.dialects.gemini.render_contents import ContentsRenderer
from dragoman.dialects.gemini.render_tools import NAMES
from dragoman.dialects.tool_names import ToolNames

PICTURE = Image(Inline("image/png", "QQ=="))
CLAUDE = Signature("anthropic", "anthropic/claude", "s")


def user(*blocks: Block) -> Message:
    return Message(Role.USER, blocks)


def model(*blocks: Block) -> Message:
    return Message(Role.ASSISTANT, blocks)


def call(name: str, own: str = "") -> ToolCall:
    return ToolCall(own, name, '{"x":1.0}')


def result(
    call_id: str, *blocks: Text | Image | Audio | Document | Unknown, error: bool = False
) -> ToolResult:
    return ToolResult(call_id, blocks, is_error=error)


def rendered(
    target: Target, *messages: Message, dialect: str = "openai_chat"
) -> tuple[list[dict[str, object]], set[str]]:
    renderer = ContentsRenderer(Request(dialect, "m", messages), target, ToolNames(NAMES))
    contents = json.loads(msgspec.json.encode(renderer.contents()))
    return contents, {loss.code for loss in renderer.losses}


def contents(target: Target, *messages: Message, dialect: str = "openai_chat") -> str:
    """The contents in short: `u:` and `m:` and their parts."""
    listed, _ = rendered(target, *messages, dialect=dialect)
    return json.dumps([[content["role"], content["parts"]] for content in listed], ensure_ascii=False)


def expected(*contents: tuple[str, str]) -> str:
    return json.dumps([[role, json.loads(f"[{parts}]")] for role, parts in contents], ensure_ascii=False)


# --- turns -----------------------------------------------------------------------------------------


def test_neighbours_of_one_role_are_one_content(new: Target) -> None:
    assert contents(
        new, user(Text("a")), user(Text("b")), model(Text("c")), model(Text("d")), user(Text("e"))
    ) == (
        expected(
            ("user", '{"text":"a"},{"text":"b"}'),
            ("model", '{"text":"c"},{"text":"d"}'),
            ("user", '{"text":"e"}'),
        )
    )


def test_results_stand_alone_in_the_order_of_the_calls(old: Target) -> None:
    assert contents(
        old,
        user(Text("go")),
        model(call("f", "1"), call("g", "2")),
        user(Text("by the way"), result("2", Text("two"))),
        user(result("1", Text("one"))),
        user(Text("next")),
    ) == expected(
        ("user", '{"text":"go"}'),
        (
            "model",
            '{"functionCall":{"name":"f","args":{"x":1.0}}},{"functionCall":{"name":"g","args":{"x":1.0}}}',
        ),
        (
            "user",
            (
                '{"functionResponse":{"name":"f","response":{"output":"one"}}},'
                '{"functionResponse":{"name":"g","response":{"output":"two"}}}'
            ),
        ),
        ("user", '{"text":"by the way"},{"text":"next"}'),
    )


def test_ids_go_only_to_models_that_match_by_them(new: Target, old: Target) -> None:
    messages = (user(Text("go")), model(call("f", "call_1")), user(result("call_1", Text("x"))))
    assert contents(new, *messages).count('"id": "call_1"') == 2
    assert "call_1" not in contents(old, *messages)


def test_calls_without_ids_get_the_same_one_on_both_sides(new: Target) -> None:
    messages = (
        user(Text("go")),
        model(call("f"), call("f")),
        user(ToolResult("", (Text("a"),), name="f"), ToolResult("", (Text("b"),), name="f")),
    )
    listed, _ = rendered(new, *messages, dialect="gemini")
    text = json.dumps(listed)
    ids = [part["functionCall"]["id"] for part in json.loads(text)[1]["parts"]]
    assert len(set(ids)) == 2
    assert [part["functionResponse"]["id"] for part in json.loads(text)[2]["parts"]] == ids


def test_an_unanswered_call_gets_an_error_for_a_result(old: Target) -> None:
    listed, codes = rendered(old, user(Text("go")), model(call("f", "1")), user(Text("never mind")))
    assert listed[2]["parts"] == [{"functionResponse": {"name": "f", "response": {"error": UNANSWERED}}}]
    assert listed[3]["parts"] == [{"text": "never mind"}]
    assert "unanswered_tool_call" in codes


def test_a_result_without_its_call_becomes_text(old: Target) -> None:
    listed, codes = rendered(old, user(result("9", Text("lost"), Text(""))))
    assert listed == [{"role": "user", "parts": [{"text": "[tool result]"}, {"text": "lost"}]}]
    assert "orphan_tool_result" in codes


def test_a_history_that_begins_with_a_call_gets_a_user_turn_first(old: Target) -> None:
    assert contents(old, model(call("f", "1")), user(result("1", Text("x")))).startswith(
        '[["user", [{"text": "(conversation start)"}]], ["model"'
    )
    assert contents(old, model(Text("hello")), user(Text("hi"))).startswith('[["model"')


def test_no_messages_at_all_are_a_beginning(old: Target) -> None:
    assert contents(old) == expected(("user", '{"text":"(conversation start)"}'))


def test_empty_messages(old: Target) -> None:
    assert contents(old, user(Text("")), model(Text(""), Refusal("")), user(), model()) == expected(
        ("user", '{"text":"(empty message)"},{"text":"(empty message)"}')
    )


def test_later_instructions_stay_in_place_as_the_users_text(old: Target) -> None:
    listed, codes = rendered(
        old,
        user(Text("hi")),
        Message(Role.SYSTEM, (Text("be"), Text("brief"))),
        model(Text("ok")),
        user(Text("?")),
    )
    assert listed[0]["parts"] == [{"text": "hi"}, {"text": "<system>be\nbrief</system>"}]
    assert "system_in_place" in codes


def without_model_at_end(target: Target) -> Target:
    profile = msgspec.structs.replace(target.profile, ends_with_model=False)
    return msgspec.structs.replace(target, profile=profile)


def test_a_trailing_answer_is_followed_by_a_user_turn_where_it_must(new: Target) -> None:
    target = without_model_at_end(new)
    listed, codes = rendered(target, user(Text("hi")), model(Text("yes")))
    assert [content["role"] for content in listed] == ["user", "model", "user"]
    assert listed[2]["parts"] == [{"text": "Continue."}]
    assert "trailing_assistant" in codes
    assert [content["role"] for content in rendered(new, user(Text("hi")), model(Text("yes")))[0]] == [
        "user",
        "model",
    ]


def test_a_longer_history_begins_with_the_shorter_one(new: Target) -> None:
    target = without_model_at_end(new)
    short = [user(Text("hi")), model(Text("yes"))]
    long = [*short, model(Text("more")), user(Text("thanks"))]
    listed, _ = rendered(target, *short)
    assert rendered(target, *long)[0][: len(listed)] == listed


def test_a_prefix_that_is_not_continued_is_recorded(new: Target) -> None:
    _, codes = rendered(new, user(Text("hi")), model(Text("{")), dialect="anthropic")
    assert "prefill_unsupported" in codes


def test_names_of_messages_are_dropped_and_recorded(old: Target) -> None:
    _, codes = rendered(old, Message(Role.USER, (Text("hi"),), name="ann"))
    assert codes == {"message_name"}


# --- results ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("blocks", "response"),
    [
        ((Text('{"a": 1.0}'),), '{"a": 1.0}'),
        ((Text(' {"a":1} \n'),), '{"a": 1}'),
        ((Text("text"),), '{"output": "text"}'),
        ((Text("[1]"),), '{"output": "[1]"}'),
        ((Text("a"), Text("b")), '{"output": "a\\nb"}'),
        ((), '{"output": ""}'),
        ((Text('{"$ref":"x"}'),), '{"output": "{\\"$ref\\":\\"x\\"}"}'),
        ((Text('{"a":1} trailing'),), '{"output": "{\\"a\\":1} trailing"}'),
    ],
)
def test_a_result_is_an_object(old: Target, blocks: tuple[Text, ...], response: str) -> None:
    text = contents(old, user(Text("x")), model(call("f", "1")), user(result("1", *blocks)))
    assert f'"response": {response}' in text


def test_an_error_is_an_error(old: Target) -> None:
    text = contents(
        old, user(Text("x")), model(call("f", "1")), user(result("1", Text('{"a":1}'), error=True))
    )
    assert '"response": {"error": "{\\"a\\":1}"}' in text


def test_googles_own_response_goes_back_as_it_came(old: Target) -> None:
    own = ToolResult("1", (Text("x"),), name="f", opaque=(Opaque("gemini", "response", b'{"result":"x"}'),))
    text = contents(old, user(Text("x")), model(call("f", "1")), user(own), dialect="gemini")
    assert '"response": {"result": "x"}' in text


def test_media_stand_inside_a_result_where_the_model_takes_them(new: Target) -> None:
    listed, codes = rendered(
        new, user(Text("x")), model(call("f", "1")), user(result("1", Text("see"), PICTURE), Text("well?"))
    )
    assert listed[2]["parts"] == [
        {
            "functionResponse": {
                "id": "1",
                "name": "f",
                "response": {"output": "see"},
                "parts": [{"inlineData": {"mimeType": "image/png", "data": "QQ=="}}],
            }
        }
    ]
    assert listed[3]["parts"] == [{"text": "well?"}]
    assert "tool_result_media" not in codes


@pytest.mark.parametrize(
    "block", [PICTURE, Image(Remote("https://x.org/a.png")), Audio(Inline("audio/wav", "QQ=="))]
)
def test_other_media_follow_in_the_users_turn(old: Target, new: Target, block: Image | Audio) -> None:
    target = old if block is PICTURE else new
    listed, codes = rendered(
        target, user(Text("x")), model(call("f", "1")), user(result("1", block), Text("?"))
    )
    assert "parts" not in json.dumps(listed[2]["parts"])
    following = json.dumps(listed[3]["parts"])
    assert following.startswith('[{"text": "(attached by the result of f)"}, {"')
    assert following.endswith('{"text": "?"}]')
    assert "tool_result_media" in codes


# --- content ---------------------------------------------------------------------------------------


def test_media_and_their_attributes(old: Target) -> None:
    low = Opaque("gemini", "mediaResolution", b'{"level":"LOW"}')
    assert contents(
        old,
        user(
            Image(Inline("image/png", "QQ=="), opaque=(low,)),
            Audio(Remote("https://x.org/a.wav")),
            Document(Stored("gemini", "files/1", "application/pdf")),
        ),
    ) == expected(
        (
            "user",
            (
                '{"inlineData":{"mimeType":"image/png","data":"QQ=="},"mediaResolution":{"level":"LOW"}},'
                '{"fileData":{"fileUri":"https://x.org/a.wav","mimeType":"audio/wav"}},'
                '{"fileData":{"fileUri":"files/1","mimeType":"application/pdf"}}'
            ),
        )
    )


def test_what_cannot_be_asked_for_is_recorded(old: Target) -> None:
    listed, codes = rendered(
        old,
        user(
            Image(Inline("image/png", "QQ=="), detail="high"),
            Document(Inline("application/pdf", "QQ=="), title="T", context="C", cited=True),
        ),
    )
    assert json.dumps(listed[0]["parts"]).count('{"text": "T\\nC"}') == 1
    assert codes == {"image_detail", "document_citations"}


@pytest.mark.parametrize(
    ("block", "path", "code"),
    [
        (Image(Stored("anthropic", "file_1")), "messages[1].content[1]", "file_id_not_portable"),
        (Unknown("anthropic", "search_result", b"{}"), "messages[1].content[1]", "content_not_portable"),
        (
            ToolResult("1", (Text("x"), Document(Stored("anthropic", "file_1")))),
            "messages[1].content[1].content[1]",
            "file_id_not_portable",
        ),
    ],
)
def test_content_of_another_vendor_is_refused_with_its_path(
    old: Target, block: Block, path: str, code: str
) -> None:
    with pytest.raises(FailureError) as caught:
        rendered(old, user(Text("a")), user(Text("b"), block), dialect="anthropic")
    assert caught.value.failure.param == path
    assert caught.value.failure.code == code


def test_a_path_is_in_the_clients_own_words(old: Target) -> None:
    with pytest.raises(FailureError) as caught:
        rendered(old, user(Document(Stored("x", "1"))), dialect="gemini")
    assert caught.value.failure.param == "contents[0].parts[0]"


def test_googles_own_content_goes_back_as_it_came(old: Target) -> None:
    code = Unknown("gemini", "executableCode", b'{"executableCode":{"code":"1.0"}}', server_side=True)
    video = Unknown("gemini", "fileData", b'{"fileData":{"fileUri":"https://youtu.be/x"}}')
    assert contents(old, user(video), model(code, Refusal("no")), user(Text("ok"))) == expected(
        ("user", '{"fileData":{"fileUri":"https://youtu.be/x"}}'),
        ("model", '{"executableCode":{"code":"1.0"}},{"text":"no"}'),
        ("user", '{"text":"ok"}'),
    )


def test_what_another_vendor_did_itself_is_left_out(old: Target) -> None:
    search = Unknown("anthropic", "server_tool_use", b"{}", server_side=True)
    listed, codes = rendered(old, user(Text("hi")), model(search), user(search), model(search, Text("a")))
    assert [content["parts"] for content in listed] == [
        [{"text": "hi"}],
        [{"text": "[web search performed]"}],
        [{"text": "(empty message)"}],
        [{"text": "a"}],
    ]
    assert codes == {"server_tool_history"}


# --- reasoning -------------------------------------------------------------------------------------


def native(value: str, origin: str = "google/gemini-3") -> Signature:
    return Signature("gemini", origin, value)


def test_anothers_reasoning_is_dropped_and_recorded(new: Target) -> None:
    listed, codes = rendered(
        new, user(Text("hi")), model(Thinking("t", CLAUDE), Thinking("u"), Text("ok")), user(Text("?"))
    )
    assert listed[1]["parts"] == [{"text": "ok"}]
    assert codes == {"foreign_reasoning"}


def test_reasoning_of_another_google_model_is_dropped_too(new: Target) -> None:
    listed, _ = rendered(new, user(Text("hi")), model(Thinking("t", native("s", "vertex/other")), Text("ok")))
    assert listed[1]["parts"] == [{"text": "ok"}]


def test_signatures_go_back_on_their_own_part(new: Target) -> None:
    assert contents(
        new,
        user(Text("hi")),
        model(
            Thinking("why", native("A", "")),
            Text("ok", signature=native("B")),
            Text("", signature=native("C")),
            ToolCall("1", "f", "{}", signature=native("D")),
            ToolCall("2", "g", "{}", signature=CLAUDE),
        ),
        dialect="gemini",
    ).startswith(
        expected(
            ("user", '{"text":"hi"}'),
            (
                "model",
                (
                    '{"text":"why","thought":true,"thoughtSignature":"A"},'
                    '{"text":"ok","thoughtSignature":"B"},'
                    '{"text":"","thoughtSignature":"C"},'
                    '{"functionCall":{"id":"1","name":"f","args":{}},"thoughtSignature":"D"},'
                    '{"functionCall":{"id":"2","name":"g","args":{}}}'
                ),
            ),
        )[:-1]
    )


def test_a_signature_that_came_before_its_call_goes_onto_the_call(new: Target) -> None:
    listed, _ = rendered(
        new,
        user(Text("hi")),
        model(Thinking("why", native("A")), call("f", "1"), call("g", "2")),
        user(result("1"), result("2")),
    )
    assert json.loads(json.dumps(listed[1]["parts"])) == [
        {"text": "why", "thought": True},
        {"functionCall": {"id": "1", "name": "f", "args": {"x": 1.0}}, "thoughtSignature": "A"},
        {"functionCall": {"id": "2", "name": "g", "args": {"x": 1.0}}},
    ]
    listed, _ = rendered(
        new, user(Text("hi")), model(Thinking("", native("A")), call("f", "1")), user(result("1"))
    )
    assert json.loads(json.dumps(listed[1]["parts"])) == [
        {"functionCall": {"id": "1", "name": "f", "args": {"x": 1.0}}, "thoughtSignature": "A"}
    ]


def test_a_signature_behind_a_text_goes_onto_an_empty_part(new: Target) -> None:
    listed, _ = rendered(
        new, user(Text("hi")), model(Text("ok"), Thinking("", native("A"), redacted=True)), user(Text("?"))
    )
    assert listed[1]["parts"] == [{"text": "ok"}, {"text": "", "thoughtSignature": "A"}]


def test_googles_unsigned_thoughts_go_back_to_google(new: Target) -> None:
    listed, codes = rendered(new, user(Text("hi")), model(Thinking("t"), Text("ok")), dialect="gemini")
    assert listed[1]["parts"] == [{"text": "t", "thought": True}, {"text": "ok"}]
    assert codes == set()


def signatures(listed: list[dict[str, object]]) -> list[str]:
    return [
        part.get("thoughtSignature", "-")
        for content in json.loads(json.dumps(listed))
        for part in content["parts"]
        if "functionCall" in part
    ]


def test_the_first_call_of_each_step_of_the_current_turn_gets_a_placeholder(new: Target, old: Target) -> None:
    messages = (
        user(Text("earlier")),
        model(call("a", "1")),
        user(result("1", Text("x"))),
        user(Text("now")),
        model(call("b", "2"), call("c", "3")),
        user(result("2", Text("x")), result("3", Text("x"))),
        model(ToolCall("4", "d", "{}", signature=native("D")), call("e", "5")),
        user(result("4", Text("x")), result("5", Text("x"))),
        model(Text("hm"), call("f", "6")),
        user(result("6", Text("x"))),
    )
    listed, codes = rendered(new, *messages)
    placeholder = "skip_thought_signature_validator"
    assert signatures(listed) == ["-", placeholder, "-", "D", "-", placeholder]
    assert "signature_placeholder" in codes
    listed, codes = rendered(old, *messages)
    assert set(signatures(listed)) == {"-"}
    assert "signature_placeholder" not in codes


def test_blocks_in_unusual_places(new: Target) -> None:
    stray = Unknown("gemini", "fileData", b'{"fileData":{"fileUri":"https://youtu.be/x"}}')
    listed, _ = rendered(
        new,
        user(Refusal("no"), Thinking("mine")),
        model(PICTURE, ToolResult("1", ()), call("f", "2")),
        user(result("2", stray)),
    )
    assert [content["parts"] for content in listed[:2]] == [
        [{"text": "no"}],
        [
            {"inlineData": {"mimeType": "image/png", "data": "QQ=="}},
            {
                "functionCall": {"id": "2", "name": "f", "args": {"x": 1.0}},
                "thoughtSignature": "skip_thought_signature_validator",
            },
        ],
    ]
    assert '"parts": [{"fileData": {"fileUri": "https://youtu.be/x"}}]' in json.dumps(listed[2])


def test_what_a_user_says_without_saying_anything_is_a_placeholder(new: Target) -> None:
    listed, _ = rendered(new, user(Thinking("mine")))
    assert listed == [{"role": "user", "parts": [{"text": "(empty message)"}]}]
