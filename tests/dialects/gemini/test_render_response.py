"""Whole answers, written."""

import json
from collections.abc import Callable

import msgspec
import pytest

from dragoman.conversation.blocks import (
    Block,
    Citation,
    Document,
    Image,
    Inline,
    Refusal,
    Stored,
    Text,
    Thinking,
    ToolCall,
    Unknown,
)
from dragoman.conversation.opaque import Opaque, Signature
from dragoman.conversation.request import Request
from dragoman.conversation.response import Choice, Response, Stop, StopReason, TokenLogprob
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Reply
from dragoman.dialects.gemini.render_response import render_response
from dragoman.dialects.gemini.signatures import Entry, Kind, unpacked

MakeReply = Callable[..., Reply]
CLAUDE = Signature("anthropic", "anthropic/claude", "sig")
END = Stop(StopReason.END)


def parts(reply: Reply, *blocks: Block) -> list[dict[str, object]]:
    body = json.loads(render_response(Response("id", "m", (Choice(0, blocks, END),)), reply))
    return body["candidates"][0]["content"]["parts"]


def test_a_whole_answer(reply: MakeReply) -> None:
    response = Response(
        "msg_1",
        "claude",
        (
            Choice(
                0,
                (Text("Hi", citations=(Citation(url="u", start=0, end=1),)),),
                Stop(StopReason.REFUSAL, explanation="why"),
                logprobs=(TokenLogprob("Hi", -0.5),),
            ),
            Choice(1, (Refusal("no"),), Stop(StopReason.MAX_TOKENS)),
        ),
        usage=Usage(input=1, output=2),
    )
    assert json.loads(render_response(response, reply())) == {
        "candidates": [
            {
                "content": {"parts": [{"text": "Hi"}], "role": "model"},
                "finishReason": "SAFETY",
                "finishMessage": "why",
                "index": 0,
                "groundingMetadata": {
                    "groundingChunks": [{"web": {"uri": "u"}}],
                    "groundingSupports": [
                        {
                            "segment": {"startIndex": 0, "endIndex": 1, "text": "H"},
                            "groundingChunkIndices": [0],
                        }
                    ],
                },
                "logprobsResult": {"chosenCandidates": [{"token": "Hi", "logProbability": -0.5}]},
            },
            {
                "content": {"parts": [{"text": "no"}], "role": "model"},
                "finishReason": "MAX_TOKENS",
                "index": 1,
            },
        ],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3},
        "modelVersion": "claude",
        "responseId": "msg_1",
    }


def test_an_answer_without_names_gets_the_gateways(reply: MakeReply) -> None:
    body = json.loads(render_response(Response("", "", (Choice(0, (), END),)), reply()))
    assert (body["modelVersion"], body["responseId"]) == ("public-name", "fallback")
    assert body["candidates"][0]["content"] == {"parts": [{"text": ""}], "role": "model"}
    assert "usageMetadata" not in body


def test_thoughts_are_shown_only_to_clients_that_asked(reply: MakeReply) -> None:
    blocks = (Thinking("why"), Text("a"))
    assert parts(reply(thoughts=True), *blocks) == [{"text": "why", "thought": True}, {"text": "a"}]
    assert parts(reply(thoughts=False), *blocks) == [{"text": "a"}]
    silent = msgspec.structs.replace(reply(), request=Request("gemini", "m", ()))
    assert parts(silent, *blocks) == [{"text": "a"}]


def test_calls_are_whole_objects(reply: MakeReply) -> None:
    assert parts(
        reply(),
        ToolCall("1", "f", '{"a":1.0}'),
        ToolCall("", "g", ""),
        ToolCall("3", "sh", "ls", custom=True),
        ToolCall("4", "h", '{"a":"cut o'),
    ) == [
        {"functionCall": {"id": "1", "name": "f", "args": {"a": 1.0}}},
        {"functionCall": {"name": "g", "args": {}}},
        {"functionCall": {"id": "3", "name": "sh", "args": {"input": "ls"}}},
        {"functionCall": {"id": "4", "name": "h", "args": {"a": "cut o"}}},
    ]


def test_googles_own_signatures_stay_on_their_part(reply: MakeReply) -> None:
    def own(value: str) -> Signature:
        return Signature("gemini", "google/gemini-3", value)

    assert parts(
        reply(),
        Thinking("t", own("A")),
        Text("a", signature=own("B")),
        ToolCall("1", "f", "{}", signature=own("C")),
        Text("", signature=own("D")),
        Text(""),
    ) == [
        {"text": "t", "thought": True, "thoughtSignature": "A"},
        {"text": "a", "thoughtSignature": "B"},
        {"functionCall": {"id": "1", "name": "f", "args": {}}, "thoughtSignature": "C"},
        {"text": "", "thoughtSignature": "D"},
    ]


def carried(part: dict[str, object]) -> list[Entry] | None:
    value = part["thoughtSignature"]
    assert isinstance(value, str)
    return unpacked(value)


def test_anothers_signature_rides_on_the_call_that_follows(reply: MakeReply) -> None:
    shown, text, call = parts(reply(), Thinking("why", CLAUDE), Text("ok"), ToolCall("1", "f", "{}"))
    assert shown == {"text": "why", "thought": True}
    assert text == {"text": "ok"}
    assert carried(call) == [Entry(CLAUDE, Kind.THINKING, 2, "why")]


def test_anothers_signature_rides_on_the_last_part_where_no_call_follows(reply: MakeReply) -> None:
    redacted = Thinking("", CLAUDE, redacted=True)
    listed = parts(reply(thoughts=False), Thinking("why", CLAUDE), redacted, Text("ok"))
    assert [part["text"] for part in listed] == ["ok"]
    assert carried(listed[0]) == [Entry(CLAUDE, Kind.THINKING, 2, "why"), Entry(CLAUDE, Kind.REDACTED, 2)]
    listed = parts(reply(), ToolCall("1", "f", "{}"), Thinking("after", CLAUDE))
    assert [set(part) for part in listed] == [
        {"functionCall"},
        {"text", "thought"},
        {"text", "thoughtSignature"},
    ]


def test_anothers_signature_does_not_push_googles_aside(reply: MakeReply) -> None:
    own = Signature("gemini", "g", "A")
    carrier, call = parts(
        reply(thoughts=False), Thinking("w", CLAUDE), ToolCall("1", "f", "{}", signature=own)
    )
    assert carried(carrier) == [Entry(CLAUDE, Kind.THINKING, 0, "w")]
    assert call["thoughtSignature"] == "A"


def test_anothers_signatures_on_calls_and_texts(reply: MakeReply) -> None:
    text, call = parts(reply(), Text("a", signature=CLAUDE), ToolCall("1", "f", "{}", signature=CLAUDE))
    assert carried(text) == [Entry(CLAUDE, Kind.TEXT)]
    assert carried(call) == [Entry(CLAUDE, Kind.CALL)]


def test_media_and_googles_own_parts(reply: MakeReply) -> None:
    assert parts(
        reply(),
        Image(Inline("image/png", "QQ=="), opaque=(Opaque("gemini", "thoughtSignature", b'"A"'),)),
        Document(Stored("anthropic", "file_1")),
        Unknown("gemini", "executableCode", b'{"executableCode":{"code":"1.0"}}', server_side=True),
        Unknown("anthropic", "server_tool_use", b"{}", server_side=True),
    ) == [
        {"inlineData": {"mimeType": "image/png", "data": "QQ=="}, "thoughtSignature": "A"},
        {"executableCode": {"code": "1.0"}},
    ]


def test_spans_count_from_their_part(reply: MakeReply) -> None:
    blocks = (
        Thinking("t"),
        Text("größe", citations=(Citation(url="u", start=3, end=5),)),
        ToolCall("1", "f", "{}"),
        Text("abc", citations=(Citation(url="u"),)),
        Text("", citations=(Citation(url="v"),)),
    )
    body = json.loads(render_response(Response("i", "m", (Choice(0, blocks, END),)), reply()))
    supports = body["candidates"][0]["groundingMetadata"]["groundingSupports"]
    assert [support["segment"] for support in supports] == [
        {"partIndex": 1, "startIndex": 4, "endIndex": 7, "text": "ße"},
        {"partIndex": 3, "startIndex": 0, "endIndex": 3, "text": "abc"},
    ]


@pytest.mark.parametrize("thoughts", [True, False])
def test_every_answer_has_a_part(reply: MakeReply, thoughts: bool) -> None:
    assert parts(reply(thoughts=thoughts), Thinking("")) == [{"text": ""}]
