"""Answers of vendors and their hosts, written by hand after recorded answers and the vendors' references."""

import json

from dragoman.conformance.features_tools import WEATHER
from dragoman.testing.exchange import Answer, Chunk
from dragoman.testing.json_value import JSON, Object

_OSLO = '{"city":"Oslo"}'


def streamed(*frames: JSON, named: bool = False, done: bool = False) -> Answer:
    """A stream of these frames, each in a piece of its own."""
    pieces: list[bytes] = []
    for frame in frames:
        kind = frame.get("type") if isinstance(frame, dict) and named else None
        head = f"event: {kind}\n" if kind else ""
        pieces.append(f"{head}data: {json.dumps(frame)}\n\n".encode())
    if done:
        pieces.append(b"data: [DONE]\n\n")
    chunks = tuple(Chunk(0.0, piece) for piece in pieces)
    return Answer(200, {"content-type": "text/event-stream"}, chunks, streamed=True)


# --- Chat Completions --------------------------------------------------------------------------------


def _chunk(delta: Object, finish: str | None = None) -> Object:
    choice: Object = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": "chatcmpl-q",
        "object": "chat.completion.chunk",
        "created": 1_790_000_000,
        "model": "gpt-4o",
        "choices": [choice],
    }


def _piece(index: int, arguments: str, opening: str = "") -> Object:
    function: Object = {"arguments": arguments}
    call: Object = {"index": index, "function": function}
    if opening:
        function["name"] = WEATHER.name
        call |= {"id": opening, "type": "function"}
    return _chunk({"tool_calls": [call]})


INTERLEAVED = streamed(
    _chunk({"role": "assistant", "content": "Hi"}),
    _piece(0, "", "call_a"),
    _piece(0, '{"city"'),
    _piece(1, "", "call_b"),
    _piece(1, '{"city":'),
    _piece(0, ':"Oslo"}'),
    _piece(1, '"Rome"}'),
    _chunk({}, "tool_calls"),
    done=True,
)
STOP_WITH_CALL = streamed(
    _chunk({"role": "assistant", "content": None}),
    _piece(0, '{"city":"Oslo"}', "call_a"),
    _chunk({}, "stop"),
    done=True,
)
NO_ROLE = streamed(
    _chunk({"content": "Good evening"}),
    _chunk({"content": " to you."}, "stop"),
    {**_chunk({}), "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}},
    done=True,
)


# --- Responses ---------------------------------------------------------------------------------------


def _response(status: str, *output: JSON) -> Object:
    return {
        "id": "resp_q",
        "object": "response",
        "created_at": 1_790_000_000,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": "gpt-4o",
        "output": list(output),
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": {
            "input_tokens": 3,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 4,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 7,
        },
    }


_ITEM: Object = {
    "type": "function_call",
    "id": "fc_q",
    "call_id": "call_a",
    "name": WEATHER.name,
    "arguments": _OSLO,
    "status": "completed",
}
DONE_ONLY = streamed(
    {"type": "response.created", "sequence_number": 0, "response": _response("in_progress")},
    {"type": "response.in_progress", "sequence_number": 1, "response": _response("in_progress")},
    {
        "type": "response.output_item.added",
        "sequence_number": 2,
        "output_index": 0,
        "item": {**_ITEM, "arguments": "", "status": "in_progress"},
    },
    {
        "type": "response.function_call_arguments.done",
        "sequence_number": 3,
        "item_id": "fc_q",
        "output_index": 0,
        "arguments": _OSLO,
    },
    {"type": "response.output_item.done", "sequence_number": 4, "output_index": 0, "item": _ITEM},
    {"type": "response.completed", "sequence_number": 5, "response": _response("completed", _ITEM)},
    named=True,
)


def _delta(number: int, text: str) -> Object:
    return {
        "type": "response.output_text.delta",
        "sequence_number": number,
        "item_id": "msg_q",
        "output_index": 0,
        "content_index": 0,
        "delta": text,
        "logprobs": [],
    }


def _said(text: str) -> Object:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


_TALE = "One. Two. STOP Three."
_MESSAGE: Object = {
    "type": "message",
    "id": "msg_q",
    "role": "assistant",
    "status": "completed",
    "content": [_said(_TALE)],
}
SPLIT_STOP = streamed(
    {"type": "response.created", "sequence_number": 0, "response": _response("in_progress")},
    {"type": "response.in_progress", "sequence_number": 1, "response": _response("in_progress")},
    {
        "type": "response.output_item.added",
        "sequence_number": 2,
        "output_index": 0,
        "item": {**_MESSAGE, "content": [], "status": "in_progress"},
    },
    {
        "type": "response.content_part.added",
        "sequence_number": 3,
        "item_id": "msg_q",
        "output_index": 0,
        "content_index": 0,
        "part": _said(""),
    },
    _delta(4, "One. "),
    _delta(5, "Two. S"),
    _delta(6, "TO"),
    _delta(7, "P Three."),
    {
        "type": "response.output_text.done",
        "sequence_number": 8,
        "item_id": "msg_q",
        "output_index": 0,
        "content_index": 0,
        "text": _TALE,
        "logprobs": [],
    },
    {
        "type": "response.content_part.done",
        "sequence_number": 9,
        "item_id": "msg_q",
        "output_index": 0,
        "content_index": 0,
        "part": _said(_TALE),
    },
    {"type": "response.output_item.done", "sequence_number": 10, "output_index": 0, "item": _MESSAGE},
    {"type": "response.completed", "sequence_number": 11, "response": _response("completed", _MESSAGE)},
    named=True,
)


# --- Anthropic ---------------------------------------------------------------------------------------

PINGS = streamed(
    {
        "type": "message_start",
        "message": {
            "id": "msg_q",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 3, "output_tokens": 1},
        },
    },
    {"type": "ping"},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Good evening"}},
    {"type": "some_later_event", "anything": [1]},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " to you."}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"input_tokens": 30, "output_tokens": 4},
    },
    {"type": "message_stop"},
    named=True,
)


# --- Google ------------------------------------------------------------------------------------------


def _google(parts: list[JSON], finish: str | None = None) -> Object:
    content: Object = {"role": "model", "parts": parts}
    candidate: Object = {"content": content, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    usage: Object = {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7}
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": "gemini-2.5-flash",
        "responseId": "q",
    }


LATE_STOP = streamed(
    _google([{"functionCall": {"name": WEATHER.name, "args": {"city": "Oslo"}}}]),
    _google([{"text": ""}], "STOP"),
)
BLOCKED: Object = {
    "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
    "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3},
    "modelVersion": "gemini-2.5-flash",
    "responseId": "q",
}
