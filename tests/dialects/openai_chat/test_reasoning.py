"""Reasoning and signatures: every convention of clients in, and our own there and back."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.blocks import Block, Text, Thinking, ToolCall, ToolResult
from dragoman.conversation.envelope import seal
from dragoman.conversation.fold import unfold
from dragoman.conversation.opaque import Opaque, Signature
from dragoman.conversation.request import Message, Reasoning, Request
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.dialects.dialect import Location, Reply
from dragoman.dialects.openai_chat import DIALECT

CLAUDE = Signature("anthropic", "anthropic/claude-4.5", "Q2xhdWRl+/=")
GEMINI = Signature("gemini", "google/gemini-3", "R2VtaW5p")


def parse(message: dict[str, object]) -> Message:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", **message}]}
    return DIALECT.parse_request(json.dumps(body).encode(), Location()).messages[1]


def call(own: str = "call_1", **more: object) -> dict[str, object]:
    return {"id": own, "type": "function", "function": {"name": "f", "arguments": "{}"}, **more}


# --- conventions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_plain_reasoning_stands_before_the_text(field: str) -> None:
    assert parse({"content": "x", field: "hm"}).blocks == (Thinking("hm"), Text("x"))


def test_reasoning_alone_is_a_turn() -> None:
    assert parse({"content": None, "reasoning_content": "hm"}).blocks == (Thinking("hm"),)


def test_openrouters_signed_text_of_claude() -> None:
    detail = {
        "type": "reasoning.text",
        "text": "hm",
        "signature": "SIG",
        "format": "anthropic-claude-v1",
        "index": 0,
    }
    got = parse({"content": "x", "reasoning": "hm", "reasoning_details": [detail]})
    assert got.blocks == (Thinking("hm", Signature("anthropic", "", "SIG")), Text("x"))
    assert got.opaque == (Opaque("openai_chat", "reasoning_details", json.dumps([detail]).encode()),)


def test_openrouters_encrypted_reasoning_of_claude() -> None:
    detail = {"type": "reasoning.encrypted", "data": "ENC", "format": "anthropic-claude-v1"}
    assert parse({"content": "x", "reasoning_details": [detail]}).blocks == (
        Thinking("", Signature("anthropic", "", "ENC"), redacted=True),
        Text("x"),
    )


def test_openrouters_signature_of_gemini_belongs_to_the_call_it_names() -> None:
    detail = {"type": "reasoning.encrypted", "data": "SIG", "format": "google-gemini-v1", "id": "b"}
    got = parse({"content": None, "tool_calls": [call("a"), call("b")], "reasoning_details": [detail]})
    assert got.blocks == (
        ToolCall("a", "f", "{}"),
        ToolCall("b", "f", "{}", signature=Signature("gemini", "", "SIG")),
    )


def test_a_signature_of_gemini_without_a_call_belongs_to_the_first() -> None:
    detail = {"type": "reasoning.encrypted", "data": "SIG", "format": "google-gemini-v1"}
    got = parse({"content": None, "tool_calls": [call("a"), call("b")], "reasoning_details": [detail]})
    assert got.blocks[0] == ToolCall("a", "f", "{}", signature=Signature("gemini", "", "SIG"))


def entries(form: str) -> list[dict[str, object]]:
    """What can be read of some reasoning, and the same encrypted, in a vendor's format."""
    common: dict[str, object] = {"format": form, "index": 0}
    return [
        {"type": "reasoning.summary", "summary": "hm", **common},
        {"type": "reasoning.encrypted", "data": "ENC", "id": "rs_1", **common},
    ]


def test_reasoning_of_other_vendors_is_for_hosts_of_this_dialect() -> None:
    details = entries("xai-responses-v1")
    first, second, _ = parse({"content": "x", "reasoning": "hm", "reasoning_details": details}).blocks
    assert isinstance(first, Thinking)
    assert isinstance(second, Thinking)
    assert first.text == "hm"
    assert second.redacted
    assert second.signature is not None
    assert second.signature.dialect == "openai_chat"
    assert msgspec.json.decode(second.signature.value) == details[1]


def test_openais_reasoning_is_for_responses_its_summary_with_it() -> None:
    details = entries("openai-responses-v1")
    signature = Signature("openai_responses", "", "rs_1 ENC")
    got = parse({"content": "x", "reasoning": "hm", "reasoning_details": details})
    assert got.blocks == (Thinking("hm", signature), Text("x"))
    got = parse({"content": "x", "reasoning_details": details[1:]})
    assert got.blocks == (Thinking("", signature, redacted=True), Text("x"))


@pytest.mark.parametrize(
    "extension",
    [
        {"extra_content": {"google": {"thought_signature": "SIG"}}},
        {"provider_specific_fields": {"thought_signature": "SIG"}},
        {"function": {"name": "f", "arguments": "{}", "thought_signature": "SIG"}},
    ],
)
def test_signatures_of_gemini_in_a_calls_extensions(extension: dict[str, object]) -> None:
    got = parse({"content": None, "tool_calls": [{**call(), **extension}]})
    assert got.blocks == (ToolCall("call_1", "f", "{}", signature=Signature("gemini", "", "SIG")),)


def test_a_signature_inside_a_calls_id_leaves_the_id_and_its_results() -> None:
    body = {
        "model": "m",
        "messages": [
            {"role": "assistant", "content": None, "tool_calls": [call("call_1__thought__SIG")]},
            {"role": "tool", "tool_call_id": "call_1__thought__SIG", "content": "1"},
        ],
    }
    first, second = DIALECT.parse_request(json.dumps(body).encode(), Location()).messages
    assert first.blocks == (ToolCall("call_1", "f", "{}", signature=Signature("gemini", "", "SIG")),)
    assert second.blocks == (ToolResult("call_1", (Text("1"),)),)


@pytest.mark.parametrize("slot", ["thinking_blocks", "content_blocks"])
def test_blocks_in_anthropics_own_form(slot: str) -> None:
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": "SIG"},
        {"type": "redacted_thinking", "data": "ENC"},
        {"type": "text", "text": "x"},
    ]
    assert parse({"content": "x", "reasoning_content": "hm", slot: blocks}).blocks == (
        Thinking("hm", Signature("anthropic", "", "SIG")),
        Thinking("", Signature("anthropic", "", "ENC"), redacted=True),
        Text("x"),
    )


def test_a_sealed_signature_is_unsealed_wherever_it_stands() -> None:
    sealed = seal(GEMINI)
    got = parse(
        {"content": None, "tool_calls": [call(extra_content={"google": {"thought_signature": sealed}})]}
    )
    assert got.blocks == (ToolCall("call_1", "f", "{}", signature=GEMINI),)
    blocks = [{"type": "thinking", "thinking": "hm", "signature": seal(CLAUDE)}]
    assert parse({"content": "x", "thinking_blocks": blocks}).blocks[0] == Thinking("hm", CLAUDE)


def test_sealed_entries_never_go_on_as_they_are() -> None:
    entry = {"type": "reasoning.text", "text": "hm", "signature": seal(CLAUDE)}
    foreign = {"type": "reasoning.text", "text": "ha", "signature": "S", "format": "anthropic-claude-v1"}
    assert parse({"content": "x", "reasoning_details": [entry, foreign]}).opaque == ()


# --- our own, there and back ---------------------------------------------------------------------


def reply(reasoning: Reasoning | None = None) -> Reply:
    request = Request(dialect="openai_chat", model="m", messages=(), reasoning=reasoning)
    return Reply(request, Location(), 1, "chatcmpl-f", "fp", "o")


def response(*blocks: Block) -> Response:
    return Response("msg_1", "m", (Choice(0, blocks, Stop(StopReason.END)),))


def whole(answer: Response, to: Reply) -> dict[str, object]:
    return msgspec.json.decode(DIALECT.render_response(answer, to))["choices"][0]["message"]


def streamed(answer: Response, to: Reply) -> dict[str, object]:
    """The message that a client puts together from a stream."""
    encoder = DIALECT.stream_encoder(to)
    data = b"".join(encoder.encode(event) for event in unfold(answer)) + encoder.close()
    texts: dict[str, str] = {}
    details: list[object] = []
    calls: dict[int, dict[str, object]] = {}
    arguments: dict[int, str] = {}
    for line in data.split(b"\n\n"):
        if not line.startswith(b"data: {"):
            continue
        delta = msgspec.json.decode(line[6:])["choices"][0]["delta"]
        for name in ("content", "reasoning_content"):
            texts[name] = texts.get(name, "") + (delta.get(name) or "")
        details.extend(delta.get("reasoning_details", []))
        for piece in delta.get("tool_calls", []):
            place = piece.pop("index")
            function = piece.pop("function", {})
            arguments[place] = arguments.get(place, "") + function.get("arguments", "")
            calls.setdefault(place, {"name": function.get("name")}).update(piece)
    message: dict[str, object] = {"content": texts["content"]}
    if texts["reasoning_content"]:
        message["reasoning_content"] = texts["reasoning_content"]
    if details:
        message["reasoning_details"] = details
    if calls:
        message["tool_calls"] = [
            {**calls[place], "function": {"name": calls[place].pop("name"), "arguments": arguments[place]}}
            for place in sorted(calls)
        ]
    return message


def back(message: dict[str, object]) -> tuple[Block, ...]:
    return parse({name: value for name, value in message.items() if name != "role"}).blocks


SIGNED_CALL = ToolCall("call_1", "f", "{}", signature=GEMINI)

TURNS: list[tuple[Block, ...]] = [
    (Thinking("hm", CLAUDE), Text("x")),
    (Thinking("", CLAUDE), Text("x")),
    (Thinking("", CLAUDE, redacted=True), Text("x")),
    (Thinking("a", CLAUDE), Text("x"), Thinking("b", CLAUDE), ToolCall("call_1", "f", "{}")),
    (
        Thinking("a", CLAUDE),
        ToolCall("call_1", "f", "{}"),
        Thinking("b", CLAUDE),
        ToolCall("call_2", "f", "{}"),
    ),
    (Thinking("a"), Text("x"), SIGNED_CALL, ToolCall("call_2", "f", "{}")),
    (Thinking("a"), Text("xy", signature=GEMINI), Text("z")),
    (Text("x"), Text("", signature=GEMINI)),
    (Thinking("a"), Thinking("b", CLAUDE), Text("x")),
    (Thinking("b", CLAUDE), Thinking("c"), Text("x")),
    (Text("x"), Thinking("", GEMINI, redacted=True), SIGNED_CALL),
]


@pytest.mark.parametrize("blocks", TURNS)
def test_a_turn_comes_back_as_it_went_out(blocks: tuple[Block, ...]) -> None:
    assert back(whole(response(*blocks), reply())) == blocks
    assert back(streamed(response(*blocks), reply())) == blocks


@settings(max_examples=100)
@given(
    st.lists(
        st.one_of(
            st.builds(Text, st.text(min_size=1, max_size=5)),
            st.builds(Thinking, st.text(min_size=1, max_size=5), st.just(CLAUDE)),
            st.builds(
                ToolCall,
                st.integers(0, 999).map("call_{}".format),
                st.just("f"),
                st.just("{}"),
                signature=st.sampled_from([None, GEMINI]),
            ),
        ),
        min_size=1,
        max_size=6,
        unique_by=lambda block: block.id if isinstance(block, ToolCall) else id(block),
    )
)
def test_signed_thinking_keeps_its_place_among_texts_and_calls(blocks: list[Block]) -> None:
    # texts and calls are kept apart by the format: calls that come before text come back after it,
    # and texts that follow each other come back as one
    for message in (whole(response(*blocks), reply()), streamed(response(*blocks), reply())):
        got = back(message)
        assert [b for b in got if isinstance(b, Thinking)] == [b for b in blocks if isinstance(b, Thinking)]
        assert [b for b in got if isinstance(b, ToolCall)] == [b for b in blocks if isinstance(b, ToolCall)]
        assert _before(got) == _before(tuple(blocks))


def _before(blocks: tuple[Block, ...]) -> list[tuple[str, int]]:
    """What stands before each thought: the text, and the number of calls."""
    return [
        (
            "".join(before.text for before in blocks[:place] if isinstance(before, Text)),
            sum(isinstance(before, ToolCall) for before in blocks[:place]),
        )
        for place, block in enumerate(blocks)
        if isinstance(block, Thinking)
    ]


def test_a_client_that_does_not_want_to_read_it_gets_only_the_signature() -> None:
    answer = response(Thinking("secret", CLAUDE), Text("x"))
    for message in (
        whole(answer, reply(Reasoning(visible=False))),
        streamed(answer, reply(Reasoning(visible=False))),
    ):
        assert "secret" not in json.dumps(message)
        assert back(message) == (Thinking("", CLAUDE), Text("x"))


def test_a_call_of_gemini_carries_its_signature_in_googles_slot_too() -> None:
    for message in (whole(response(SIGNED_CALL), reply()), streamed(response(SIGNED_CALL), reply())):
        slot = {"google": {"thought_signature": seal(GEMINI)}}
        assert json.dumps({"extra_content": slot})[1:-1] in json.dumps(message)


def test_thinking_in_a_content_array_is_left_in_place() -> None:
    message = whole(response(Thinking("a", CLAUDE), Text("x"), Thinking("b", CLAUDE)), reply())
    message["content"] = [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]
    kinds = [type(block) for block in back(message)]
    assert kinds == [Thinking, Thinking, Text]


def test_an_entry_that_says_nothing_of_its_vendor_is_only_text() -> None:
    got = parse({"content": "x", "reasoning_details": [{"type": "reasoning.text", "text": "hm"}]})
    assert got.blocks == (Thinking("hm"), Text("x"))
