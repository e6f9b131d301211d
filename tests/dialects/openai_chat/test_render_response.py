"""Whole answers for our clients."""

import json

import pytest

from dragoman.conversation.blocks import (
    Audio,
    Block,
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
from dragoman.conversation.request import Request
from dragoman.conversation.response import (
    AlternativeToken,
    Choice,
    Response,
    Stop,
    StopReason,
    TokenLogprob,
)
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Location, Reply
from dragoman.dialects.openai_chat import DIALECT

END = Stop(StopReason.END)


def reply(*, legacy: bool = False) -> Reply:
    request = Request(dialect="openai_chat", model="asked", messages=(), legacy_functions=legacy)
    return Reply(request, Location(), 1700000000, "chatcmpl-fallback", "fp_dragoman", "o")


def render(response: Response, *, legacy: bool = False) -> bytes:
    return DIALECT.render_response(response, reply(legacy=legacy))


def choice(*blocks: Block, stop: Stop = END, legacy: bool = False) -> dict[str, object]:
    return json.loads(render(Response("id", "m", (Choice(0, blocks, stop),)), legacy=legacy))["choices"][0]


def message(*blocks: Block, stop: Stop = END, legacy: bool = False) -> dict[str, object]:
    answer = render(Response("id", "m", (Choice(0, blocks, stop),)), legacy=legacy)
    return json.loads(answer)["choices"][0]["message"]


def test_the_whole_form_byte_for_byte() -> None:
    response = Response(
        "msg_01AbC",
        "claude-haiku-4-5",
        (Choice(0, (Text("Hello!"),), END),),
        Usage(input=9, output=3, cache_read=2, reasoning=0),
        created=1760000000,
    )
    assert render(response) == (
        b'{"id":"chatcmpl-01AbC","object":"chat.completion","created":1760000000,"model":"claude-haiku-4-5",'
        b'"choices":[{"index":0,"message":{"role":"assistant","content":"Hello!","refusal":null},"logprobs":null,'
        b'"finish_reason":"stop"}],"usage":{"prompt_tokens":11,"completion_tokens":3,"total_tokens":14,'
        b'"prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":{"reasoning_tokens":0}},'
        b'"system_fingerprint":"fp_dragoman"}'
    )


def test_what_the_upstream_did_not_say_is_filled_in() -> None:
    got = json.loads(render(Response("", "", (Choice(0, (), END),))))
    assert (got["id"], got["created"], got["model"]) == ("chatcmpl-fallback", 1700000000, "asked")
    assert "usage" not in got
    assert got["choices"][0]["message"]["content"] == ""


@pytest.mark.parametrize(
    ("upstream", "ours"),
    [
        ("chatcmpl-abc", "chatcmpl-abc"),
        ("msg_abc", "chatcmpl-abc"),
        ("resp_abc", "chatcmpl-abc"),
        ("gen-17-abc", "chatcmpl-17-abc"),
        ("Zx81", "chatcmpl-Zx81"),
        ("msg_", "chatcmpl-fallback"),
        ("", "chatcmpl-fallback"),
    ],
)
def test_ids_have_openais_form(upstream: str, ours: str) -> None:
    assert json.loads(render(Response(upstream, "m", ())))["id"] == ours


def test_the_tier_is_told_where_it_is_known() -> None:
    assert json.loads(render(Response("a", "m", (), service_tier="priority")))["service_tier"] == "priority"


def test_calls_alone_have_no_content() -> None:
    got = choice(ToolCall("a", "f", '{"x": 1.0}'), ToolCall("", "g", ""), stop=Stop(StopReason.TOOL_CALLS))
    assert got["finish_reason"] == "tool_calls"
    made = message(ToolCall("a", "f", '{"x": 1.0}'), ToolCall("", "g", ""))
    assert made["content"] is None
    calls: list[dict[str, object]] = json.loads(json.dumps(made["tool_calls"]))
    assert calls[0] == {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1.0}'}}
    assert calls[1]["function"] == {"name": "g", "arguments": "{}"}
    assert str(calls[1]["id"]).startswith("call_")


def test_free_text_calls() -> None:
    assert message(ToolCall("a", "sh", "ls", custom=True))["tool_calls"] == [
        {"id": "a", "type": "custom", "custom": {"name": "sh", "input": "ls"}}
    ]


def test_the_retired_form_has_one_call() -> None:
    calls = (ToolCall("a", "f", ""), ToolCall("b", "g", "{}"))
    made = message(*calls, legacy=True)
    assert made["function_call"] == {"name": "f", "arguments": "{}"}
    assert "tool_calls" not in made
    assert choice(*calls, legacy=True)["finish_reason"] == "function_call"


def test_texts_are_one_text() -> None:
    assert message(Text("a"), Text("b"))["content"] == "ab"


def test_refusals_and_explanations() -> None:
    refused = Stop(StopReason.REFUSAL, explanation="Not that.")
    made = message(stop=refused)
    assert (made["content"], made["refusal"]) == (None, "Not that.")
    assert choice(stop=refused)["finish_reason"] == "content_filter"
    assert message(Text("Sorry"), stop=refused)["content"] == "Sorry"
    assert message(Refusal("No."), stop=refused)["refusal"] == "No."


def test_a_blocked_prompt_is_an_answer_without_content() -> None:
    assert message(stop=Stop(StopReason.REFUSAL))["content"] is None


def test_citations_count_from_the_beginning_of_the_message() -> None:
    cited = Text(
        "def", (Citation(url="https://e.com", title="T", start=1, end=2), Citation(url="https://f.com"))
    )
    made = message(Text("abc"), cited, Text("", (Citation(title="a book"),)))
    assert made["annotations"] == [
        {
            "type": "url_citation",
            "url_citation": {"start_index": 4, "end_index": 5, "title": "T", "url": "https://e.com"},
        },
        {
            "type": "url_citation",
            "url_citation": {"start_index": 3, "end_index": 6, "title": "", "url": "https://f.com"},
        },
    ]


def test_log_probabilities() -> None:
    tokens = (TokenLogprob("x", -0.5, (120,), (AlternativeToken("y", -1.0),)),)
    got = json.loads(render(Response("a", "m", (Choice(0, (Text("x"),), END, tokens),))))
    assert got["choices"][0]["logprobs"] == {
        "content": [
            {
                "token": "x",
                "logprob": -0.5,
                "bytes": [120],
                "top_logprobs": [{"token": "y", "logprob": -1.0, "bytes": None}],
            }
        ],
        "refusal": None,
    }


def test_pictures_and_sound() -> None:
    made = message(
        Image(Inline("image/png", "AA==")), Image(Remote("https://e.com")), Image(Stored("gemini", "x"))
    )
    assert made["images"] == [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        {"type": "image_url", "image_url": {"url": "https://e.com"}},
    ]
    sound = message(Audio(Inline("audio/pcm", "QQ==")))["audio"]
    assert isinstance(sound, dict)
    assert sound["data"] == "QQ=="


def test_openais_own_sound_is_put_together() -> None:
    pieces = [
        Unknown("openai_chat", "audio", json.dumps(piece).encode())
        for piece in (
            {"id": "a", "transcript": "Hel"},
            {"transcript": "lo", "data": "QQ=="},
            {"expires_at": 9},
        )
    ]
    assert message(*pieces)["audio"] == {"id": "a", "transcript": "Hello", "data": "QQ==", "expires_at": 9}


def test_what_only_other_dialects_have_is_left_out() -> None:
    made = message(
        Text("x"),
        Unknown("anthropic", "server_tool_use", b"{}", server_side=True),
        Unknown("gemini", "executableCode", b"{}"),
        Document(Inline("application/pdf", "")),
        ToolResult("a", ()),
        Thinking(""),
    )
    assert made == {"role": "assistant", "content": "x", "refusal": None}


def test_several_choices() -> None:
    got = json.loads(render(Response("a", "m", (Choice(0, (Text("x"),), END), Choice(1, (Text("y"),), END)))))
    assert [(one["index"], one["message"]["content"]) for one in got["choices"]] == [(0, "x"), (1, "y")]


def test_a_quotation_goes_back_where_it_came_from() -> None:
    cited = Text("x", (Citation(url="https://e.com", cited_text="so", dialect="openai_chat"),))
    notes: list[dict[str, dict[str, str]]] = json.loads(json.dumps(message(cited)["annotations"]))
    assert notes[0]["url_citation"]["content"] == "so"


def test_sound_that_cannot_be_read_is_left_out() -> None:
    assert "audio" not in message(Text("x"), Unknown("openai_chat", "audio", b"{"))
