"""Streamed answers of every vendor, in the pieces that a test wants."""

import json
from collections.abc import Sequence

from dragoman.testing.exchange import Answer, Chunk
from dragoman.testing.json_value import JSON, Object

_TYPE = {"content-type": "text/event-stream"}


def text_stream(upstream: str, pieces: Sequence[str], *, pace: float = 0.0) -> Answer:
    """An answer whose text comes in these pieces, one frame each; `pace` is in seconds between them."""
    match upstream:
        case "openai_chat":
            frames = _chat(pieces)
        case "openai_responses":
            frames = _responses(pieces)
        case "anthropic":
            frames = _anthropic(pieces)
        case _:
            frames = _gemini(pieces)
    return Answer(200, _TYPE, tuple(Chunk(pace, frame) for frame in frames), streamed=True)


def _frame(value: JSON, event: str = "") -> bytes:
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {json.dumps(value)}\n\n".encode()


def _chat(pieces: Sequence[str]) -> list[bytes]:
    def chunk(**more: JSON) -> bytes:
        return _frame({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", **more})

    def choice(delta: Object, finish: str | None = None) -> bytes:
        return chunk(choices=[{"index": 0, "delta": delta, "finish_reason": finish}])

    usage: Object = {"prompt_tokens": 5, "completion_tokens": 9, "total_tokens": 14}
    return [
        choice({"role": "assistant", "content": ""}),
        *(choice({"content": piece}) for piece in pieces),
        choice({}, "stop"),
        chunk(choices=[], usage=usage),
        b"data: [DONE]\n\n",
    ]


def _anthropic(pieces: Sequence[str]) -> list[bytes]:
    def event(name: str, **more: JSON) -> bytes:
        return _frame({"type": name, **more}, name)

    usage: Object = {"input_tokens": 5, "output_tokens": 1}
    message: Object = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    ending: Object = {"stop_reason": "end_turn", "stop_sequence": None}
    return [
        event("message_start", message=message),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        *(
            event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
            for piece in pieces
        ),
        event("content_block_stop", index=0),
        event("message_delta", delta=ending, usage={"output_tokens": 9}),
        event("message_stop"),
    ]


def _gemini(pieces: Sequence[str]) -> list[bytes]:
    def chunk(text: str, **more: JSON) -> bytes:
        candidate: Object = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0, **more}
        usage: Object = {"promptTokenCount": 5, "candidatesTokenCount": 9, "totalTokenCount": 14}
        return _frame(
            {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m", "responseId": "r"}
        )

    return [*map(chunk, pieces), chunk("", finishReason="STOP")]


def _responses(pieces: Sequence[str]) -> list[bytes]:
    text = "".join(pieces)
    response: Object = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m"}
    item: Object = {"id": "msg_1", "type": "message", "role": "assistant"}
    part: Object = {"type": "output_text", "text": text, "annotations": []}
    whole: Object = {**item, "status": "completed", "content": [part]}
    usage: Object = {"input_tokens": 5, "output_tokens": 9, "total_tokens": 14}
    place: Object = {"output_index": 0, "content_index": 0, "item_id": "msg_1"}
    events: list[Object] = [
        {"type": "response.created", "response": {**response, "status": "in_progress", "output": []}},
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**item, "status": "in_progress", "content": []},
        },
        {"type": "response.content_part.added", **place, "part": {**part, "text": ""}},
        *({"type": "response.output_text.delta", **place, "delta": piece} for piece in pieces),
        {"type": "response.output_text.done", **place, "text": text},
        {"type": "response.content_part.done", **place, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": whole},
        {
            "type": "response.completed",
            "response": {**response, "status": "completed", "output": [whole], "usage": usage},
        },
    ]
    numbered = [{**event, "sequence_number": number} for number, event in enumerate(events)]
    return [_frame(event, str(event["type"])) for event in numbered]
