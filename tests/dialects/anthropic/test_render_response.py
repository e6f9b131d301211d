"""Whole answers to the wire."""

from collections.abc import Callable

import msgspec
import pytest
from anthropic.types import Message as SDKMessage

from dragoman.conversation.blocks import (
    Block,
    Citation,
    Image,
    Inline,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    Unknown,
)
from dragoman.conversation.envelope import seal
from dragoman.conversation.opaque import Opaque, Signature
from dragoman.conversation.request import Reasoning
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.dialects.anthropic import DIALECT
from dragoman.dialects.anthropic.signatures import UNSIGNED, Slot, sealed
from dragoman.dialects.dialect import Reply

ReplyOf = Callable[..., Reply]
GOOGLE = Signature("gemini", "google/gemini", "SIG")


@pytest.fixture
def written(reply: ReplyOf) -> Callable[..., dict[str, object]]:
    """The body of an answer with these blocks."""

    def make(
        *blocks: Block,
        stop: Stop = Stop(StopReason.END),  # noqa: B008 - frozen
        reasoning: Reasoning | None = None,
        **fields: object,
    ) -> dict[str, object]:
        response = Response(id="chatcmpl-1", model="gpt", choices=(Choice(0, blocks, stop),))
        changed = msgspec.structs.replace(response, **fields)
        return msgspec.json.decode(DIALECT.render_response(changed, reply(reasoning)))

    return make


Written = Callable[..., dict[str, object]]


def test_an_answer_field_for_field(reply: ReplyOf) -> None:
    response = Response(
        id="chatcmpl-abc",
        model="gpt",
        choices=(Choice(0, (Text("Hi"),), Stop(StopReason.END, raw="stop")),),
        usage=Usage(input=5, output=2, cache_read=3),
        service_tier="default",
    )
    assert DIALECT.render_response(response, reply()) == (
        b'{"type":"message","id":"msg_abc","role":"assistant","model":"gpt","content":[{"type":"text",'
        b'"text":"Hi"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":5,'
        b'"cache_creation_input_tokens":0,"cache_read_input_tokens":3,"output_tokens":2,'
        b'"service_tier":"standard"}}'
    )


def test_what_the_upstream_leaves_out_is_made_up_for(written: Written) -> None:
    body = written(id="", model="")
    assert (body["id"], body["model"]) == ("msg_fallback", "asked-model")
    assert body["usage"] == {
        "input_tokens": 0,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 0,
    }
    assert body["content"] == []


def test_usage_in_parts(written: Written) -> None:
    usage = written(usage=Usage(1, 9, cache_write=7, cache_write_1h=3, reasoning=4))["usage"]
    assert usage == {
        "input_tokens": 1,
        "cache_creation_input_tokens": 7,
        "cache_read_input_tokens": 0,
        "output_tokens": 9,
        "cache_creation": {"ephemeral_5m_input_tokens": 4, "ephemeral_1h_input_tokens": 3},
        "output_tokens_details": {"thinking_tokens": 4},
    }


CALL = ToolCall("call_1", "f", '{"a": 1.0}')


@pytest.mark.parametrize(
    ("stop", "blocks", "word", "sequence"),
    [
        (Stop(StopReason.END), (), "end_turn", None),
        (Stop(StopReason.TOOL_CALLS), (CALL,), "tool_use", None),
        (Stop(StopReason.END), (CALL,), "tool_use", None),
        (Stop(StopReason.TOOL_CALLS), (), "end_turn", None),
        (Stop(StopReason.MAX_TOKENS), (CALL,), "max_tokens", None),
        (
            Stop(StopReason.MAX_TOKENS, raw="model_context_window_exceeded"),
            (),
            "model_context_window_exceeded",
            None,
        ),
        (Stop(StopReason.STOP_SEQUENCE, sequence="END"), (), "stop_sequence", "END"),
        (Stop(StopReason.REFUSAL), (), "refusal", None),
        (Stop(StopReason.END), (Refusal("I cannot."),), "refusal", None),
        (Stop(StopReason.PAUSE), (), "pause_turn", None),
        (Stop(StopReason.OTHER, raw="insufficient_system_resource"), (), "end_turn", None),
    ],
)
def test_stop_reasons(
    written: Written, stop: Stop, blocks: tuple[Block, ...], word: str, sequence: str | None
) -> None:
    body = written(*blocks, stop=stop)
    assert (body["stop_reason"], body["stop_sequence"]) == (word, sequence)


def test_a_refusal_is_explained(written: Written) -> None:
    body = written(stop=Stop(StopReason.REFUSAL, explanation="No."))
    assert body["stop_details"] == {"type": "refusal", "category": None, "explanation": "No."}


def test_details_of_this_format_come_through(written: Written) -> None:
    details = Opaque("anthropic", "stop_details", b'{"type":"refusal","category":"cyber"}')
    other = Opaque("gemini", "promptFeedback", b"{}")
    body = written(stop=Stop(StopReason.REFUSAL), extras=(details, other))
    assert body["stop_details"] == {"type": "refusal", "category": "cyber"}
    assert "promptFeedback" not in body


def thinking(text: str, signature: str) -> dict[str, object]:
    return {"type": "thinking", "thinking": text, "signature": signature}


def redacted(data: str) -> dict[str, object]:
    return {"type": "redacted_thinking", "data": data}


def text(words: str) -> dict[str, object]:
    return {"type": "text", "text": words}


USE: dict[str, object] = {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1.0}}
LAYOUTS: list[tuple[tuple[Block, ...], list[dict[str, object]]]] = [
    ((Text("a"), Text(""), Refusal(""), Refusal("b")), [text("a"), text("b")]),
    ((CALL,), [USE]),
    ((ToolCall("call_1", "f", ""),), [{**USE, "input": {}}]),
    ((ToolCall("call_1", "f", "x = 1", custom=True),), [{**USE, "input": {"input": "x = 1"}}]),
    ((Thinking("hm", Signature("anthropic", "a", "S")),), [thinking("hm", "S")]),
    ((Thinking("", Signature("anthropic", "a", "D"), redacted=True),), [redacted("D")]),
    ((Thinking("hm", GOOGLE),), [thinking("hm", seal(GOOGLE))]),
    ((Thinking("", GOOGLE, redacted=True),), [redacted(seal(GOOGLE))]),
    ((Thinking("hm"), Text("a")), [thinking("hm", UNSIGNED), text("a")]),
    ((Thinking(""), Text("a")), [text("a")]),
    (
        (Thinking("hm"), Text(""), msgspec.structs.replace(CALL, signature=GOOGLE)),
        [thinking("hm", sealed(GOOGLE, Slot.NEXT)), USE],
    ),
    (
        (Text("a"), msgspec.structs.replace(CALL, signature=GOOGLE)),
        [text("a"), thinking("", sealed(GOOGLE, Slot.NEXT)), USE],
    ),
    ((Text("a", signature=GOOGLE), Text("b")), [text("a"), redacted(sealed(GOOGLE, Slot.LAST)), text("b")]),
    ((Text("", signature=GOOGLE), Text("b")), [redacted(sealed(GOOGLE, Slot.ALONE)), text("b")]),
    (
        (Text("a", signature=GOOGLE), Thinking("hm"), CALL),
        [text("a"), redacted(sealed(GOOGLE, Slot.LAST)), thinking("hm", UNSIGNED), USE],
    ),
    ((Text("a"), Text("", signature=GOOGLE)), [text("a")]),
    ((Text("a", signature=GOOGLE),), [text("a")]),
    ((Image(Inline("image/png", "AAAA")),), [text("[image that cannot be shown here]")]),
    ((Unknown("gemini", "executableCode", b"{}", server_side=True), Text("a")), [text("a")]),
    (
        (
            Unknown(
                "anthropic", "web_search_tool_result", b'{"type":"web_search_tool_result"}', server_side=True
            ),
        ),
        [{"type": "web_search_tool_result"}],
    ),
]


@pytest.mark.parametrize(("blocks", "content"), LAYOUTS)
def test_blocks_are_laid_out(
    written: Written, blocks: tuple[Block, ...], content: list[dict[str, object]]
) -> None:
    assert written(*blocks)["content"] == content


def test_reasoning_that_the_client_does_not_want_to_read_leaves_its_signature(written: Written) -> None:
    hidden = Reasoning(effort="low", visible=False)
    assert written(Thinking("hm", Signature("anthropic", "", "S")), reasoning=hidden)["content"] == [
        thinking("", "S")
    ]
    assert written(Thinking("hm"), Text("a"), reasoning=hidden)["content"] == [text("a")]


def test_citations_of_spans_part_the_text(written: Written) -> None:
    cited = Text(
        "Rain today. Sun later.",
        (
            Citation("https://a.example", "A", start=0, end=11),
            Citation("https://b.example", None, "sun", start=12, end=22),
        ),
    )
    assert written(cited)["content"] == [
        {**text("Rain today."), "citations": [web("https://a.example", "A", "")]},
        text(" "),
        {**text("Sun later."), "citations": [web("https://b.example", None, "sun")]},
    ]


def web(url: str, title: str | None, words: str) -> dict[str, object]:
    return {
        "type": "web_search_result_location",
        "cited_text": words,
        "url": url,
        "title": title,
        "encrypted_index": UNSIGNED,
    }


def test_citations_of_the_whole_and_of_this_format(written: Written) -> None:
    own = Citation(dialect="anthropic", json=b'{"type":"page_location"}')
    cited = Text("a", (Citation("https://a.example"), own, Citation(title="no address")))
    assert written(cited)["content"] == [
        {**text("a"), "citations": [web("https://a.example", None, ""), {"type": "page_location"}]}
    ]


def test_ids_of_calls_fit_the_format(written: Written) -> None:
    content = written(ToolCall("functions.f:0", "f", "{}"), ToolCall("", "f", "{}"))["content"]
    ids = [block["id"] for block in msgspec.json.decode(msgspec.json.encode(content))]
    assert ids[0].startswith("functions_f_0_")
    assert ids[1].startswith("call_")


def test_the_vendors_own_library_reads_the_answer(reply: ReplyOf) -> None:
    blocks = (Thinking("hm", GOOGLE), Text("a", (Citation("https://a.example"),)), CALL)
    response = Response("x", "m", (Choice(0, blocks, Stop(StopReason.TOOL_CALLS)),), Usage(1, 2, reasoning=1))
    message = SDKMessage.model_validate_json(DIALECT.render_response(response, reply()), strict=True)
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    assert message.stop_reason == "tool_use"


def test_the_stated_candidate_is_the_first(reply: ReplyOf) -> None:
    assert b'"content":[]' in DIALECT.render_response(Response("x", "m", ()), reply())
