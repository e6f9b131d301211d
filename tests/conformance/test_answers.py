"""Answers are read as each vendor documents them, streamed and whole."""

import json

import pytest

from dragoman.conformance.answer_gemini import retry_delay
from dragoman.conformance.answer_openai_chat import documented
from dragoman.conformance.question import Call
from dragoman.conformance.reply import Cited, Counted
from dragoman.conformance.wire import WIRES
from dragoman.testing.json_value import JSON, Object

CHAT: list[JSON] = [
    {"model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "He"}}]},
    {"choices": [{"index": 0, "delta": {"content": "llo", "reasoning_content": "Hm."}}]},
    {"choices": [{"index": 0, "delta": {"reasoning_details": [{"index": 0, "data": "ab", "type": "x"}]}}]},
    {"choices": [{"index": 0, "delta": {"reasoning_details": [{"index": 0, "data": "cd"}]}}]},
    {
        "choices": [
            {
                "index": 0,
                "delta": {
                    "tool_calls": [
                        {
                            "index": 0,
                            "id": "c1",
                            "type": "function",
                            "function": {"name": "t", "arguments": ""},
                        }
                    ]
                },
            }
        ]
    },
    {
        "choices": [
            {"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1.0'}}]}}
        ]
    },
    {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "}"}}]}}]},
    {"choices": [{"index": 1, "delta": {"content": "Other"}}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]},
    {
        "choices": [],
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 2},
            "completion_tokens_details": {"reasoning_tokens": 3},
        },
    },
]


def sse(*frames: JSON, named: bool = False) -> bytes:
    lines: list[str] = []
    for frame in frames:
        kind = frame.get("type") if isinstance(frame, dict) and named else None
        lines.append((f"event: {kind}\n" if kind else "") + f"data: {json.dumps(frame)}\n\n")
    return "".join(lines).encode()


def test_a_stream_of_chat_completions_is_put_together() -> None:
    reply = WIRES["openai_chat"].read_stream(sse(*CHAT) + b"data: [DONE]\n\n")
    assert (reply.text, reply.reasoning, reply.finish) == ("Hello", "Hm.", "tool_calls")
    assert reply.calls == [Call("c1", "t", '{"a":1.0}')]
    assert reply.others == {1: "Other"}
    assert reply.usage == Counted(9, 5, 2, 0, 3)
    details = reply.echo[0]["reasoning_details"]
    assert details == [{"index": 0, "data": "abcd", "type": "x"}]
    assert documented(reply.echo[0]).keys() == {"role", "content", "tool_calls"}


def test_an_error_in_a_stream_of_chat_completions_is_no_good_end() -> None:
    failed: Object = {"error": {"message": "Too busy", "type": "server_error", "code": None}}
    reply = WIRES["openai_chat"].read_stream(sse(CHAT[0], failed))
    assert reply.error is not None
    assert (reply.error.message, reply.ended_well) == ("Too busy", False)


MESSAGES: list[JSON] = [
    {"type": "message_start", "message": {"model": "m", "usage": {"input_tokens": 7, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm."}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "c2ln"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hello"}},
    {"type": "content_block_stop", "index": 1},
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "t1", "name": "t", "input": {}},
    },
    {
        "type": "content_block_delta",
        "index": 2,
        "delta": {"type": "input_json_delta", "partial_json": '{"a":'},
    },
    {
        "type": "content_block_delta",
        "index": 2,
        "delta": {"type": "input_json_delta", "partial_json": "1.0}"},
    },
    {"type": "content_block_stop", "index": 2},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use"},
        "usage": {"output_tokens": 5, "cache_read_input_tokens": 2},
    },
    {"type": "message_stop"},
]


def test_a_stream_of_anthropic_is_put_together() -> None:
    reply = WIRES["anthropic"].read_stream(sse(*MESSAGES, named=True))
    assert (reply.text, reply.reasoning, reply.finish) == ("Hello", "Hm.", "tool_calls")
    assert reply.calls == [Call("t1", "t", '{"a":1.0}')]
    assert reply.usage == Counted(9, 5, 2, 0, 0)
    content = reply.echo[0]["content"]
    assert isinstance(content, list)
    assert content[0] == {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}


def test_a_stream_of_anthropic_without_its_last_event_has_no_end() -> None:
    assert WIRES["anthropic"].read_stream(sse(*MESSAGES[:-1], named=True)).finish == ""


RESPONSE: Object = {
    "object": "response",
    "model": "m",
    "status": "completed",
    "output": [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {
            "type": "message",
            "content": [
                {
                    "type": "output_text",
                    "text": "Hello",
                    "annotations": [{"type": "url_citation", "url": "https://a.b", "title": "A"}],
                }
            ],
        },
        {"type": "function_call", "call_id": "c1", "name": "t", "arguments": '{"a":1.0}'},
    ],
    "usage": {"input_tokens": 9, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 2}},
}


def test_a_whole_response_is_read() -> None:
    reply = WIRES["openai_responses"].read_answer(RESPONSE)
    assert (reply.text, reply.reasoning, reply.finish) == ("Hello", "Hm.", "tool_calls")
    assert reply.calls == [Call("c1", "t", '{"a":1.0}')]
    assert reply.citations == [Cited("https://a.b", "A")]
    assert reply.usage == Counted(9, 5, 2, 0, 0)


def test_a_streamed_response_is_what_its_items_say() -> None:
    items = RESPONSE["output"]
    assert isinstance(items, list)
    frames: list[JSON] = [
        {"type": "response.output_item.done", "output_index": index, "item": item}
        for index, item in enumerate(items)
    ]
    ending: JSON = {"type": "response.completed", "response": RESPONSE}
    whole = WIRES["openai_responses"].read_stream(sse(*frames, ending, named=True))
    assert (whole.text, whole.finish, len(whole.calls)) == ("Hello", "tool_calls", 1)
    cut = WIRES["openai_responses"].read_stream(sse(*frames, named=True))
    assert (cut.text, cut.finish) == ("Hello", "")


@pytest.mark.parametrize(
    ("status", "details", "finish"),
    [
        ("incomplete", {"reason": "max_output_tokens"}, "length"),
        ("incomplete", {"reason": "content_filter"}, "content_filter"),
        ("in_progress", None, ""),
    ],
)
def test_the_end_of_a_response_is_its_status(status: str, details: JSON, finish: str) -> None:
    body = RESPONSE | {"status": status, "incomplete_details": details}
    assert WIRES["openai_responses"].read_answer(body).finish == finish


GOOGLE: list[JSON] = [
    {"candidates": [{"index": 0, "content": {"parts": [{"text": "Hm.", "thought": True}]}}]},
    {"candidates": [{"content": {"parts": [{"text": "Hello"}]}}], "modelVersion": "m"},
    {
        "candidates": [
            {
                "content": {"parts": [{"functionCall": {"name": "t", "args": {"a": 1}}}]},
                "finishReason": "STOP",
                "groundingMetadata": {"groundingChunks": [{"web": {"uri": "https://a.b", "title": "A"}}]},
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 9,
            "candidatesTokenCount": 5,
            "thoughtsTokenCount": 3,
            "cachedContentTokenCount": 2,
        },
    },
]


@pytest.mark.parametrize("body", [sse(*GOOGLE), json.dumps(GOOGLE).encode()])
def test_both_streams_of_google_are_put_together(body: bytes) -> None:
    reply = WIRES["gemini"].read_stream(body)
    assert (reply.text, reply.reasoning, reply.finish) == ("Hello", "Hm.", "tool_calls")
    assert reply.calls == [Call("", "t", '{"a":1}')]
    assert reply.citations == [Cited("https://a.b", "A")]
    assert reply.usage == Counted(9, 8, 2, 0, 3)


def test_the_time_to_wait_stands_in_a_detail() -> None:
    details: list[JSON] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}]
    assert retry_delay({"error": {"details": details}}) == 7.0
    assert retry_delay({"error": {}}) is None
