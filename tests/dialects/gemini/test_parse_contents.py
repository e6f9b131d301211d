"""Contents as messages."""

import base64
import json

import pytest
from msgspec import Raw

from dragoman.conversation.blocks import (
    Block,
    Document,
    Image,
    Inline,
    Remote,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
from dragoman.conversation.envelope import seal
from dragoman.conversation.failure import FailureError
from dragoman.conversation.opaque import Opaque, Signature
from dragoman.conversation.request import Message, Role
from dragoman.dialects.gemini.parse_contents import parse_contents
from dragoman.dialects.gemini.signatures import Entry, Kind, packed

CLAUDE = Signature("anthropic", "anthropic/claude-4.5", "sig==")
NATIVE = Signature("gemini", "", "c2ln")


def parsed(contents: str) -> tuple[Message, ...]:
    return parse_contents(Raw(contents))


def model(*parts: str) -> tuple[Block, ...]:
    [message] = parsed('[{"role":"model","parts":[' + ",".join(parts) + "]}]")
    assert message.role is Role.ASSISTANT
    return message.blocks


def user(*parts: str) -> tuple[Block, ...]:
    [message] = parsed('[{"parts":[' + ",".join(parts) + "]}]")
    assert message.role is Role.USER
    return message.blocks


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ('"role":"user",', Role.USER),
        ('"role":"function",', Role.USER),
        ('"role":null,', Role.USER),
        ("", Role.USER),
        ('"role":"model",', Role.ASSISTANT),
    ],
)
def test_roles(role: str, expected: Role) -> None:
    assert parsed("[{" + role + '"parts":[{"text":"x"}]}]') == (Message(expected, (Text("x"),)),)


def test_a_content_without_parts_is_an_empty_message() -> None:
    assert parsed('[{"role":"user"},{"role":"user","parts":[]}]') == (Message(Role.USER, ()),) * 2


def test_the_turn_of_a_streaming_client_is_one_message() -> None:
    messages = parsed("""[
        {"role":"user","parts":[{"text":"hi"}]},
        {"role":"model","parts":[{"text":"thi","thought":true}]},
        {"role":"model","parts":[{"text":"nk","thought":true}]},
        {"role":"model","parts":[{"text":"Hel"}]},
        {"role":"model","parts":[{"text":"lo"}]},
        {"role":"model","parts":[{"functionCall":{"name":"f"}}]},
        {"role":"model","parts":[{"text":""}]},
        {"role":"user","parts":[{"text":"a"},{"text":"b"}]}
    ]""")
    assert messages == (
        Message(Role.USER, (Text("hi"),)),
        Message(Role.ASSISTANT, (Thinking("think"), Text("Hello"), ToolCall("", "f", "{}"))),
        Message(Role.USER, (Text("a"), Text("b"))),
    )


def test_media_and_calls() -> None:
    assert user('{"inlineData":{"mimeType":"image/png","data":"QQ=="}}') == (
        Image(Inline("image/png", "QQ==")),
    )
    assert user('{"fileData":{"fileUri":"https://x.org/a.pdf"}}') == (
        Document(Remote("https://x.org/a.pdf", "application/pdf")),
    )
    assert model('{"functionCall":{"id":"1","name":"f","args":{"a": 1.0, "b": [ 2 ]}}}') == (
        ToolCall("1", "f", '{"a":1.0,"b":[2]}'),
    )


def test_native_signatures_stay_on_their_part() -> None:
    assert model(
        '{"text":"t","thought":true,"thoughtSignature":"c2ln"}',
        '{"text":"a"}',
        '{"text":"","thoughtSignature":"c2ln"}',
        '{"text":"b"}',
        '{"functionCall":{"name":"f"},"thoughtSignature":"c2ln"}',
        '{"functionCall":{"name":"g"}}',
        '{"text":"","thoughtSignature":"c2ln"}',
        '{"thoughtSignature":"c2ln"}',
        "{}",
    ) == (
        Thinking("t", NATIVE),
        Text("a", signature=NATIVE),
        Text("b"),
        ToolCall("", "f", "{}", signature=NATIVE),
        ToolCall("", "g", "{}"),
        Text("", signature=NATIVE),
        Text("", signature=NATIVE),
    )


def test_a_part_with_attributes_of_its_own_stays_apart() -> None:
    metadata = Opaque("gemini", "partMetadata", b'{"x":1.0}')
    assert model('{"text":"a"}', '{"text":"b","partMetadata":{"x":1.0}}', '{"text":"c"}') == (
        Text("a"),
        Text("b", opaque=(metadata,)),
        Text("c"),
    )


def carried(*entries: Entry) -> str:
    return json.dumps(packed(list(entries)))


def test_anothers_signature_on_a_call_becomes_reasoning_before_it() -> None:
    value = carried(Entry(CLAUDE, Kind.THINKING, 0, "why"))
    assert model('{"functionCall":{"name":"f"},"thoughtSignature":' + value + "}") == (
        Thinking("why", CLAUDE),
        ToolCall("", "f", "{}"),
    )


def test_reasoning_comes_back_in_place_whether_thoughts_were_kept_or_not() -> None:
    value = carried(Entry(CLAUDE, Kind.THINKING, 5, "why"))
    expected = (Thinking("why", CLAUDE), Text("hello"), ToolCall("", "f", "{}"))
    call = '{"functionCall":{"name":"f"},"thoughtSignature":' + value + "}"
    assert model('{"text":"hello"}', call) == expected
    assert (
        model('{"text":"w","thought":true}', '{"text":"hy","thought":true}', '{"text":"hello"}', call)
        == expected
    )


def test_each_carrier_reaches_back_only_to_the_one_before() -> None:
    one = carried(Entry(CLAUDE, Kind.THINKING, 0, "one"))
    two = carried(Entry(CLAUDE, Kind.REDACTED, 2))
    assert model(
        '{"functionCall":{"name":"f"},"thoughtSignature":' + one + "}",
        '{"text":"ok"}',
        '{"text":"","thoughtSignature":' + two + "}",
    ) == (
        Thinking("one", CLAUDE),
        ToolCall("", "f", "{}"),
        Thinking("", CLAUDE, redacted=True),
        Text("ok"),
    )


def test_an_empty_part_behind_a_call_carries_what_came_after_it() -> None:
    value = carried(Entry(CLAUDE, Kind.THINKING, 0, "after"))
    assert model('{"functionCall":{"name":"f"}}', '{"text":"","thoughtSignature":' + value + "}") == (
        ToolCall("", "f", "{}"),
        Thinking("after", CLAUDE),
    )


def test_signatures_of_the_carrier_itself() -> None:
    call = carried(Entry(CLAUDE, Kind.CALL))
    text = carried(Entry(CLAUDE, Kind.TEXT))
    assert model(
        '{"text":"a"}',
        '{"text":"","thoughtSignature":' + text + "}",
        '{"functionCall":{"name":"f"},"thoughtSignature":' + call + "}",
    ) == (Text("a", signature=CLAUDE), ToolCall("", "f", "{}", signature=CLAUDE))


def test_a_bare_sealed_signature_on_a_thought_signs_it() -> None:
    value = base64.b64encode(seal(CLAUDE).encode()).decode()
    assert model('{"text":"why","thought":true,"thoughtSignature":"' + value + '"}') == (
        Thinking("why", CLAUDE),
    )


def test_googles_own_sealed_signature_keeps_its_origin() -> None:
    google = Signature("gemini", "google/gemini-3", "s")
    value = base64.b64encode(seal(google).encode()).decode()
    assert model('{"functionCall":{"name":"f"},"thoughtSignature":"' + value + '"}') == (
        ToolCall("", "f", "{}", signature=google),
    )


def test_a_users_part_carries_no_foreign_reasoning() -> None:
    value = carried(Entry(CLAUDE, Kind.THINKING, 0, "x"))
    assert user('{"text":"hi","thoughtSignature":' + value + "}") == (Text("hi"),)


@pytest.mark.parametrize(
    ("response", "text", "is_error"),
    [
        ('{"output":"text"}', "text", False),
        ('{"result":"text"}', "text", False),
        ('{"output":{"a": 1.0}}', '{"a": 1.0}', False),
        ('{"result":30000}', "30000", False),
        ('{"error":"no"}', "no", True),
        ('{"output":"a","error":"b"}', '{"output":"a","error":"b"}', False),
        ('{"temperature": 1.50}', '{"temperature": 1.50}', False),
        ("{}", "{}", False),
    ],
)
def test_results_are_text(response: str, text: str, is_error: bool) -> None:
    [result] = user('{"functionResponse":{"id":"1","name":"f","response":' + response + "}}")
    assert result == ToolResult(
        "1",
        (Text(text),),
        name="f",
        is_error=is_error,
        opaque=(Opaque("gemini", "response", response.encode()),),
    )


def test_a_result_may_hold_media_and_nothing_else() -> None:
    [result] = user(
        '{"functionResponse":{"name":"f","scheduling":"SILENT",'
        '"parts":[{"inlineData":{"mimeType":"image/png","data":"QQ=="}},{}]}}'
    )
    assert result == ToolResult(
        "",
        (Image(Inline("image/png", "QQ==")),),
        name="f",
        opaque=(Opaque("gemini", "scheduling", b'"SILENT"'),),
    )


@pytest.mark.parametrize("kind", ["executableCode", "codeExecutionResult", "toolCall", "toolResponse"])
def test_work_that_google_did_is_its_own(kind: str) -> None:
    part = '{"' + kind + '":{"id":"1"}}'
    assert model(part) == (Unknown("gemini", kind, part.encode(), server_side=True),)


@pytest.mark.parametrize(
    ("contents", "param"),
    [
        ('[{"role":"system","parts":[{"text":"x"}]}]', "contents[0].role"),
        ('[{"parts":[{"text":"x"},{}]}]', "contents[0].parts[1]"),
        ('[{"parts":[{"text":7}]}]', "contents[0].parts[0].text"),
        ('[{"role":"model","parts":[{"text":"x"},{"somethingNew":{}}]}]', "contents[0].parts[1]"),
        ('{"role":"model","parts":{"something_new":{},"inline_data":null}}', "contents[0].parts[0]"),
        ('[{"role":"model","parts":[{"videoMetadata":{}}]}]', "contents[0].parts[0]"),
        ('[{"parts":[{"functionCall":{"name":"f"}}]}]', "contents[0].parts[0]"),
        ('[{"role":"model","parts":[{"functionResponse":{"name":"f"}}]}]', "contents[0].parts[0]"),
        (
            '[{"parts":[{"functionResponse":{"name":"f","response":"text"}}]}]',
            "contents[0].parts[0].functionResponse.response",
        ),
        ('{"role":"nobody"}', "contents[0].role"),
    ],
)
def test_a_part_at_fault_is_named(contents: str, param: str) -> None:
    with pytest.raises(FailureError) as caught:
        parsed(contents)
    assert caught.value.failure.param == param


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(FailureError, match="UTF-8"):
        parse_contents(Raw(b'[{"parts":[{"functionResponse":{"name":"f","response":{"output":"\xff"}}}]}]'))
    with pytest.raises(FailureError, match="UTF-8"):
        parse_contents(Raw(b'[{"parts":[{"functionResponse":{"name":"f","response":{"a":"\xff"}}}]}]'))
