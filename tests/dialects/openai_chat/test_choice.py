"""Choices of answers: text, reasoning, calls and the rest, one host's oddity at a time."""

import json

import msgspec
import pytest

from dragoman.conversation.blocks import Image, Inline, Refusal, Remote, Text, Thinking, ToolCall, Unknown
from dragoman.conversation.events import (
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    CitationDelta,
    Event,
    SignatureDelta,
)
from dragoman.conversation.fold import fold
from dragoman.conversation.opaque import Signature
from dragoman.conversation.request import Request
from dragoman.conversation.response import Choice, StopReason
from dragoman.dialects.dialect import Location, Reply
from dragoman.dialects.openai_chat import DIALECT
from dragoman.dialects.registry import DIALECTS

ORIGIN = "somewhere/some-family"
DONE = b"data: [DONE]\n\n"


def chunk(delta: dict[str, object] | None = None, finish: str | None = None, **more: object) -> bytes:
    choice: dict[str, object] = {"index": 0, "finish_reason": finish}
    if delta is not None:
        choice["delta"] = delta
    return frame({"id": "chatcmpl-1", "model": "m", "created": 7, "choices": [choice], **more})


def call(
    index: int | None = None, own: str | None = None, name: str | None = None, text: str | None = None
) -> bytes:
    piece: dict[str, object] = {"function": {}}
    function: dict[str, object] = {}
    if index is not None:
        piece["index"] = index
    if own is not None:
        piece["id"] = own
    if name is not None:
        function["name"] = name
    if text is not None:
        function["arguments"] = text
    piece["function"] = function
    return chunk({"tool_calls": [piece]})


def frame(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def decode(*data: bytes) -> list[Event]:
    decoder = DIALECT.stream_decoder(ORIGIN)
    events = [event for one in data for event in decoder.feed(one)]
    return [*events, *decoder.close()]


def choice(*data: bytes) -> Choice:
    return fold(decode(*data)).choices[0]


def calls(*data: bytes) -> list[tuple[str, str, str]]:
    return [
        (block.id, block.name, block.arguments)
        for block in choice(*data, chunk({}, "tool_calls"), DONE).blocks
        if isinstance(block, ToolCall)
    ]


# --- calls ---------------------------------------------------------------------------------------


def test_calls_are_known_by_their_index() -> None:
    assert calls(
        call(0, "a", "f", ""), call(1, "b", "g", ""), call(1, None, None, "{}"), call(0, None, None, "{}")
    ) == [
        ("a", "f", "{}"),
        ("b", "g", "{}"),
    ]


def test_calls_without_an_index_begin_with_a_new_id() -> None:
    got = calls(call(None, "a", "f", '{"x":'), call(None, None, None, "1}"), call(None, "b", "f", "{}"))
    assert got == [("a", "f", '{"x":1}'), ("b", "f", "{}")]


def test_calls_that_all_say_index_0_are_told_apart_by_id() -> None:
    assert calls(call(0, "a", "f", "{}"), call(0, "b", "f", "{}")) == [("a", "f", "{}"), ("b", "f", "{}")]


def test_calls_without_ids_that_all_say_index_0_are_told_apart_by_whole_arguments() -> None:
    got = calls(call(0, None, "f", '{"a":1}'), call(0, None, "f", '{"a":'), call(0, None, None, "2}"))
    assert [(name, text) for _, name, text in got] == [("f", '{"a":1}'), ("f", '{"a":2}')]


def test_an_id_that_comes_with_every_piece_begins_nothing_new() -> None:
    assert calls(call(0, "a", "f", "{"), call(0, "a", None, '"x":1'), call(0, "a", "f", "}")) == [
        ("a", "f", '{"x":1}')
    ]


def test_an_id_that_comes_late_belongs_to_the_call() -> None:
    assert calls(call(0, None, "f"), call(0, "a", None, "{}")) == [("a", "f", "{}")]


def test_a_missing_id_is_made_of_the_answer_and_the_place() -> None:
    first, second = calls(call(0, None, "f", "{}"), call(1, None, "f", "{}"))
    assert first[0].startswith("call_")
    assert first[0] != second[0]
    assert [first, second] == calls(call(0, None, "f", "{}"), call(1, "null", "f", "{}"))


def test_a_name_that_comes_in_pieces_is_whole_when_the_arguments_begin() -> None:
    assert calls(call(0, "a", "get_"), call(0, None, "weather"), call(0, None, None, "{}")) == [
        ("a", "get_weather", "{}")
    ]


def test_a_whole_call_repeated_in_the_last_chunk_counts_once() -> None:
    got = calls(call(0, "a", "f", '{"x":'), call(0, None, None, "1}"), call(0, "a", "f", '{"x": 1}'))
    assert got == [("a", "f", '{"x":1}')]


def test_a_call_without_arguments_is_opened_all_the_same() -> None:
    assert calls(call(0, "a", "f", "")) == [("a", "f", "")]


def test_arguments_written_as_an_object_become_text() -> None:
    piece = chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": {"x": 1}}}]})
    assert calls(piece) == [("a", "f", '{"x":1}')]


@pytest.mark.parametrize("pieces", [["null"], ["nu", "ll"], [" ", "null", " "], [" "]])
def test_null_is_no_arguments(pieces: list[str]) -> None:
    stream = [call(0, "a", "f"), *(call(0, text=piece) for piece in pieces), chunk({}, "tool_calls")]
    assert calls(*stream) == [("a", "f", "")]


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ("openai_chat", b'"function":{"arguments":"{}"}'),
        ("anthropic", b'"name":"f","input":{}'),
        ("gemini", b'"name":"f","args":{}'),
    ],
)
def test_null_reaches_every_client_as_an_empty_object(client: str, expected: bytes) -> None:
    reply = Reply(Request(client, "m", ()), Location(), 0, "id", "fp", "o/f")
    encoder = DIALECTS[client].stream_encoder(reply)
    events = decode(call(0, "a", "f", "null"), chunk({}, "tool_calls"), DONE)
    sent = b"".join(map(encoder.encode, events)) + encoder.close()
    assert expected in sent
    assert b'"null' not in sent


def test_null_in_a_whole_answer_is_no_arguments() -> None:
    body = {
        "choices": [
            {
                "finish_reason": "tool_calls",
                "message": {"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "null"}}]},
            }
        ]
    }
    [got] = DIALECT.parse_response(json.dumps(body).encode(), ORIGIN).choices
    assert [block.arguments for block in got.blocks if isinstance(block, ToolCall)] == [""]


@pytest.mark.parametrize("pieces", [["nu"], ["null", "able"], [" ", "{}"], ["n", "o"]])
def test_arguments_that_begin_like_null_are_kept(pieces: list[str]) -> None:
    stream = [call(0, "a", "f"), *(call(0, text=piece) for piece in pieces), chunk({}, "tool_calls")]
    assert calls(*stream) == [("a", "f", "".join(pieces))]


def test_null_is_the_text_of_a_free_text_tool() -> None:
    custom = {"index": 0, "id": "a", "type": "custom", "custom": {"name": "f", "input": "null"}}
    assert calls(chunk({"tool_calls": [custom]}), chunk({}, "tool_calls")) == [("a", "f", "null")]


def test_a_piece_that_says_nothing_is_no_call() -> None:
    got = choice(chunk({"content": "x", "tool_calls": [{"index": 0}]}), chunk({}, "stop"), DONE)
    assert got.blocks == (Text("x"),)
    assert got.stop.reason is StopReason.END


def test_a_call_ends_as_soon_as_the_next_one_begins() -> None:
    events = decode(call(0, "a", "f", "{}"), call(1, "b", "g", "{}"), chunk({}, "tool_calls"), DONE)
    starts = [event for event in events if isinstance(event, BlockStarted | BlockEnded)]
    assert [(type(event), event.index) for event in starts] == [
        (BlockStarted, 0),
        (BlockEnded, 0),
        (BlockStarted, 1),
        (BlockEnded, 1),
    ]


def test_calls_whose_pieces_interleave_stay_open_side_by_side() -> None:
    events = decode(
        call(0, "a", "f", "{"),
        call(1, "b", "g", "{"),
        call(0, text="}"),
        call(1, text="}"),
        chunk({}, "stop"),
        DONE,
    )
    deltas = [(event.index, event.text) for event in events if isinstance(event, ArgumentsDelta)]
    assert deltas == [(0, "{"), (1, "{"), (0, "}"), (1, "}")]


def test_text_after_a_call_is_a_block_of_its_own() -> None:
    got = choice(call(0, "a", "f", "{}"), chunk({"content": "x"}), chunk({}, "stop"), DONE)
    assert [type(block) for block in got.blocks] == [ToolCall, Text]
    assert got.stop.reason is StopReason.TOOL_CALLS


def test_googles_signature_on_a_call_is_kept_for_the_way_back() -> None:
    piece: dict[str, object] = {
        "index": 0,
        "id": "a",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": {"google": {"thought_signature": "SIG"}},
    }
    got = choice(chunk({"tool_calls": [piece]}, "stop"), DONE).blocks[0]
    assert isinstance(got, ToolCall)
    assert got.signature == Signature("openai_chat", ORIGIN, "SIG")


def test_invalid_json_in_arguments_is_kept() -> None:
    assert calls(call(0, "a", "f", '{"x": tru')) == [("a", "f", '{"x": tru')]


# --- reasoning -----------------------------------------------------------------------------------


def test_reasoning_in_two_fields_is_read_once() -> None:
    got = choice(chunk({"reasoning_content": "hm", "reasoning": "hm"}), chunk({"content": "x"}, "stop"), DONE)
    assert got.blocks == (Thinking("hm"), Text("x"))


def test_an_empty_signature_does_not_end_the_thinking() -> None:
    details: list[dict[str, object]] = [
        {
            "reasoning": text,
            "reasoning_details": [{"type": "reasoning.text", "text": text, "signature": sig, "index": 0}],
        }
        for text, sig in (("a", ""), ("b", ""), ("", "SIG"))
    ]
    got = choice(*map(chunk, details), chunk({"content": "x"}, "stop"), DONE)
    assert [type(block) for block in got.blocks] == [Thinking, Text]
    thinking = got.blocks[0]
    assert isinstance(thinking, Thinking)
    assert thinking.text == "ab"
    assert thinking.signature is not None
    assert msgspec.json.decode(thinking.signature.value) == {
        "type": "reasoning.text",
        "signature": "SIG",
        "index": 0,
    }


def test_encrypted_reasoning_is_a_block_of_its_own() -> None:
    details = [{"type": "reasoning.encrypted", "data": "ENC", "format": "openai-responses-v1", "index": 0}]
    got = choice(chunk({"reasoning_details": details}), chunk({"content": "x"}, "stop"), DONE).blocks[0]
    assert isinstance(got, Thinking)
    assert got.redacted
    assert got.signature is not None
    assert got.signature.origin == ORIGIN


# --- the rest ------------------------------------------------------------------------------------


def test_a_refusal_is_marked_as_one_and_is_the_reason_to_stop() -> None:
    got = choice(chunk({"refusal": "No"}), chunk({"refusal": "."}), chunk({}, "stop"), DONE)
    assert got.blocks == (Refusal("No."),)
    assert got.stop.reason is StopReason.REFUSAL


def test_a_stop_sequence_that_the_host_names_is_told() -> None:
    data = frame(
        {
            "id": "c",
            "choices": [
                {"index": 0, "delta": {"content": "x"}, "finish_reason": "stop", "stop_reason": "END"}
            ],
        }
    )
    assert choice(data, DONE).stop.sequence == "END"
    assert choice(data, DONE).stop.reason is StopReason.STOP_SEQUENCE


def test_a_token_number_is_no_stop_sequence() -> None:
    data = frame(
        {
            "id": "c",
            "choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop", "matched_stop": 2}],
        }
    )
    assert choice(data, DONE).stop.sequence is None


def test_sound_goes_by_in_pieces_as_it_comes() -> None:
    got = choice(
        chunk({"audio": {"id": "a", "data": "QQ=="}}), chunk({"audio": {"data": "Qg=="}}, "stop"), DONE
    )
    assert [block.kind for block in got.blocks if isinstance(block, Unknown)] == ["audio", "audio"]


def test_pictures_of_the_openrouter_kind_become_images() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgoAAA"}}
    got = choice(chunk({"content": "Here", "images": [picture]}, "stop"), DONE)
    assert got.blocks == (Text("Here"), Image(Inline("image/png", "iVBORw0KGgoAAA")))


def test_unsigned_details_are_signed_by_their_own_form_so_that_they_go_back() -> None:
    details = [{"type": "reasoning.text", "text": text, "format": "unknown", "index": 0} for text in "ab"]
    pieces: list[dict[str, object]] = [
        {"reasoning": "x", "reasoning_details": [detail]} for detail in details
    ]
    empty: dict[str, object] = {"reasoning_details": [{"type": "reasoning.text", "index": 0}]}
    got = choice(*map(chunk, pieces), chunk(empty), chunk({"content": "x"}, "stop"), DONE).blocks[0]
    value = '{"type":"reasoning.text","format":"unknown","index":0}'
    assert got == Thinking("ab", Signature("openai_chat", ORIGIN, value))


def test_parts_of_a_content_array_of_every_kind() -> None:
    parts: list[object] = [
        7,
        {"type": "reference", "reference_ids": [1]},
        {"type": "image_url", "image_url": "https://e.com/a.png"},
        {"type": "image_url"},
        {"type": "refusal", "refusal": "No."},
        {"type": "thinking", "thinking": "hm"},
    ]
    got = choice(chunk({"content": parts}), chunk({}, "stop"), DONE)
    assert got.blocks == (Image(Remote("https://e.com/a.png")), Refusal("No."), Thinking("hm"))


def test_annotations_without_open_text_cite_nothing() -> None:
    note = {"type": "url_citation", "url_citation": {"url": "https://e.com"}}
    events = decode(chunk({"annotations": [note]}), chunk({"content": "x"}, "stop"), DONE)
    assert not any(isinstance(event, CitationDelta) for event in events)


def test_a_signature_that_comes_after_the_arguments_belongs_to_the_call() -> None:
    late: dict[str, object] = {"index": 0, "extra_content": {"google": {"thought_signature": "SIG"}}}
    events = decode(
        call(0, "a", "f", "{"), chunk({"tool_calls": [late]}), call(0, text="}"), chunk({}, "stop"), DONE
    )
    assert SignatureDelta(0, Signature("openai_chat", ORIGIN, "SIG")) in events
    assert isinstance(fold(events).choices[0].blocks[0], ToolCall)


def test_a_new_name_without_an_index_begins_a_new_call() -> None:
    got = calls(call(None, None, "f", "{}"), call(None, None, "g", "{"), call(None, None, "g", "}"))
    assert [(name, text) for _, name, text in got] == [("f", "{}"), ("g", "{}")]
