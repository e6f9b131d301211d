"""Whole requests, written."""

import json

import pytest

from dragoman.conversation.blocks import CacheMark, Text, Thinking, ToolCall, ToolResult
from dragoman.conversation.failure import FailureError
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import (
    CustomTool,
    FunctionTool,
    Message,
    OutputFormat,
    OutputMode,
    Request,
    Role,
    ServerTool,
    ToolChoice,
    ToolChoiceMode,
)
from dragoman.dialects.dialect import Emulation, Location, Rendered, Target
from dragoman.dialects.gemini.parse_request import parse_request
from dragoman.dialects.gemini.render_request import render_request

HELLO = (Message(Role.USER, (Text("hi"),)),)


def body(rendered: Rendered) -> object:
    return json.loads(rendered.wire.body)


def test_a_minimal_request(new: Target) -> None:
    rendered = render_request(Request("openai_chat", "public", HELLO), new)
    assert rendered.wire.path == "/v1beta/models/gemini-3-pro:generateContent"
    assert rendered.wire.body == b'{"contents":[{"parts":[{"text":"hi"}],"role":"user"}]}'
    assert rendered.losses == ()
    assert rendered.emulation == Emulation()
    assert not rendered.emulation.needed


def test_a_stream_is_always_asked_for_as_events(new: Target) -> None:
    rendered = render_request(Request("openai_chat", "public", HELLO, stream=True), new)
    assert rendered.wire.path == "/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse"


def test_instructions_are_one_part_each(new: Target) -> None:
    rendered = render_request(Request("anthropic", "m", HELLO, system=(Text("a"), Text(""), Text("b"))), new)
    assert json.loads(rendered.wire.body)["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}]}


def test_the_form_of_the_answer_may_become_an_instruction(old: Target) -> None:
    request = Request(
        "openai_chat",
        "m",
        HELLO,
        system=(Text("a"),),
        tools=(FunctionTool("f"),),
        output=OutputFormat(OutputMode.JSON_OBJECT),
    )
    parts = json.loads(render_request(request, old).wire.body)["systemInstruction"]["parts"]
    assert parts == [{"text": "a"}, {"text": "Respond with one JSON object only, without a code fence."}]


def test_tools_their_choice_and_their_names(new: Target) -> None:
    request = Request(
        "openai_chat",
        "m",
        (
            *HELLO,
            Message(
                Role.ASSISTANT, (ToolCall("1", "get weather", "{}"), ToolCall("2", "sh", "ls", custom=True))
            ),
            Message(Role.USER, (ToolResult("1", (Text("x"),)), ToolResult("2", (Text("y"),)))),
        ),
        tools=(FunctionTool("get weather"), CustomTool("sh")),
        tool_choice=ToolChoice(ToolChoiceMode.NAMED, ("get weather",)),
        parallel_tool_calls=False,
    )
    rendered = render_request(request, new)
    wire = json.loads(rendered.wire.body)
    assert [tool["name"] for tool in wire["tools"][0]["functionDeclarations"]] == ["get_weather", "sh"]
    assert wire["toolConfig"] == {
        "functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["get_weather"]}
    }
    calls = [part["functionCall"] for part in wire["contents"][1]["parts"]]
    assert calls == [
        {"id": "1", "name": "get_weather", "args": {}},
        {"id": "2", "name": "sh", "args": {"input": "ls"}},
    ]
    assert wire["contents"][2]["parts"][0]["functionResponse"]["name"] == "get_weather"
    assert rendered.emulation == Emulation(
        single_call=True, tool_names={"get_weather": "get weather"}, custom_tools=frozenset({"sh"})
    )
    assert {loss.code for loss in rendered.losses} == {
        "custom_tool",
        "parallel_tool_calls",
        "signature_placeholder",
    }


def test_a_choice_without_functions_is_not_written(new: Target) -> None:
    request = Request(
        "openai_chat",
        "m",
        HELLO,
        tool_choice=ToolChoice(ToolChoiceMode.NONE),
        parallel_tool_calls=False,
    )
    rendered = render_request(request, new)
    assert "toolConfig" not in json.loads(rendered.wire.body)
    assert not rendered.emulation.needed


def test_stops_and_answers_beyond_the_wire_are_emulated(new: Target) -> None:
    rendered = render_request(Request("openai_chat", "m", HELLO, stop=tuple("abcdef"), candidates=2), new)
    assert rendered.emulation == Emulation(stop=("f",), fan_out=2)


@pytest.mark.parametrize(
    ("tier", "expected"),
    [("flex", "flex"), ("priority", "priority"), ("fast", "priority"), ("default", None), ("auto", None)],
)
def test_tiers(new: Target, tier: str, expected: str | None) -> None:
    rendered = render_request(Request("openai_chat", "m", HELLO, service_tier=tier), new)
    assert json.loads(rendered.wire.body).get("serviceTier") == expected


def test_what_cannot_be_said_is_recorded(new: Target) -> None:
    request = Request(
        "openai_chat",
        "m",
        HELLO,
        user="u",
        metadata={"a": "b"},
        verbosity="low",
        extras=(Opaque("openai_chat", "prediction", b"{}"),),
    )
    losses = render_request(request, new).losses
    assert [loss.path for loss in losses] == ["$.user", "$.metadata", "$.verbosity", "$.prediction"]


@pytest.mark.parametrize(
    "request_",
    [
        Request("anthropic", "m", HELLO, cache=CacheMark()),
        Request("anthropic", "m", HELLO, system=(Text("s", cache=CacheMark("1h")),)),
        Request("anthropic", "m", HELLO, tools=(FunctionTool("f", cache=CacheMark()),)),
        Request("anthropic", "m", (Message(Role.USER, (Text("x", cache=CacheMark()),)),)),
    ],
)
def test_cache_marks_are_one_loss(new: Target, request_: Request) -> None:
    assert [loss.code for loss in render_request(request_, new).losses] == ["cache_control"]


def test_the_same_request_gives_the_same_bytes(new: Target) -> None:
    request = Request("openai_chat", "m", HELLO, tools=(FunctionTool("a b"), FunctionTool("c")))
    assert render_request(request, new) == render_request(request, new)


def test_a_failure_reaches_the_caller(new: Target) -> None:
    with pytest.raises(FailureError):
        render_request(
            Request("openai_chat", "m", HELLO, tools=(ServerTool("anthropic", "bash", b"{}"),)), new
        )


GOOGLE = """{
    "contents":[
        {"role":"user","parts":[{"text":"look"},{"inlineData":{"mimeType":"image/png","data":"QQ=="}}]},
        {"role":"model","parts":[{"text":"hm","thought":true},
            {"functionCall":{"id":"1","name":"f","args":{"a":1.0}},"thoughtSignature":"c2ln"}]},
        {"role":"user","parts":[{"functionResponse":{"id":"1","name":"f","response":{"result":{"b":2.50}}}}]}
    ],
    "systemInstruction":{"parts":[{"text":"be brief"}]},
    "tools":[{"functionDeclarations":[{"name":"f","parameters":{"type":"OBJECT","properties":{"a":{"type":"NUMBER"}}}}]},
        {"googleSearch":{}}],
    "toolConfig":{"functionCallingConfig":{"mode":"VALIDATED","streamFunctionCallArguments":true},
        "retrievalConfig":{"languageCode":"de"}},
    "safetySettings":[{"category":"X","threshold":"OFF"}],
    "cachedContent":"cachedContents/1",
    "generationConfig":{"temperature":0.5,"responseMimeType":"application/json",
        "responseSchema":{"type":"OBJECT","nullable":false},
        "thinkingConfig":{"includeThoughts":true,"thinkingLevel":"LOW"},"responseModalities":["TEXT"]},
    "serviceTier":"flex",
    "somethingNew":{"x":1.0}
}"""


def test_googles_own_request_survives_being_read_and_written(new: Target) -> None:
    rendered = render_request(parse_request(GOOGLE.encode(), Location("gemini-3-pro")), new)
    assert body(rendered) == json.loads(GOOGLE)
    assert rendered.losses == ()
    assert b'"a":1.0' in rendered.wire.body
    assert b'"x":1.0' in rendered.wire.body


def test_what_only_google_has_finds_its_place_even_alone(new: Target) -> None:
    extras = (
        Opaque("gemini", "toolConfig.retrievalConfig", b'{"languageCode":"de"}'),
        Opaque("gemini", "generationConfig.speechConfig", b"{}"),
        Opaque("gemini", "labels", b'{"a":"b"}'),
    )
    wire = json.loads(render_request(Request("gemini", "m", HELLO, extras=extras), new).wire.body)
    assert wire["toolConfig"] == {"retrievalConfig": {"languageCode": "de"}}
    assert wire["generationConfig"] == {"speechConfig": {}}
    assert wire["labels"] == {"a": "b"}


def test_every_upstream_prefix_is_kept_as_a_conversation_grows(new: Target) -> None:
    turns = [
        Message(Role.USER, (Text("one"),)),
        Message(Role.ASSISTANT, (Thinking("foreign"), Text("two"), ToolCall("1", "f", "{}"))),
        Message(Role.USER, (ToolResult("1", (Text("three"),)),)),
        Message(Role.ASSISTANT, (Text("four"),)),
        Message(Role.USER, (Text(""),)),
    ]
    whole = json.loads(render_request(Request("openai_chat", "m", tuple(turns)), new).wire.body)["contents"]
    for count in (1, 3):
        part = json.loads(render_request(Request("openai_chat", "m", tuple(turns[:count])), new).wire.body)
        shorter = part["contents"]
        for content in shorter:
            for piece in content["parts"]:
                # the placeholder is for the current turn alone
                piece.pop("thoughtSignature", None)
        assert whole[: len(shorter)] == shorter
