"""A cheap upstream that answers like OpenAI, Anthropic and Google at once, chosen by path.

Far cheaper than any gateway, so that what is measured is the gateway. Streams have `--chunks` text
pieces, `--gap` seconds apart.
"""

import argparse
import asyncio
import json
from typing import cast

import httptools
import uvloop
from typing_extensions import override

OPENAI: dict[str, object] = {
    "id": "chatcmpl-bench",
    "object": "chat.completion",
    "created": 1724972230,
    "model": "gpt-4o-2024-05-13",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Good evening! What can I do?", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 10, "total_tokens": 19},
    "system_fingerprint": "fp_bench",
}
ANTHROPIC: dict[str, object] = {
    "id": "msg_bench",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [{"type": "text", "text": "Good evening! What can I do?"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {
        "input_tokens": 9,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": 10,
    },
}
GEMINI = {
    "candidates": [
        {
            "content": {"parts": [{"text": "Good evening! What can I do?"}], "role": "model"},
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 10, "totalTokenCount": 19},
    "modelVersion": "gemini-2.5-flash",
    "responseId": "bench",
}


def data(value: object, event: str = "") -> bytes:
    """One server-sent event."""
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {json.dumps(value)}\n\n".encode()


def openai_stream(chunks: int) -> list[bytes]:
    """The frames of a Chat Completions stream."""
    head = {key: OPENAI[key] for key in ("id", "created", "model", "system_fingerprint")}
    head["object"] = "chat.completion.chunk"

    def chunk(delta: dict[str, object], reason: str | None = None) -> bytes:
        return data(
            {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]}
        )

    usage = {"prompt_tokens": 9, "completion_tokens": chunks, "total_tokens": 9 + chunks}
    return [
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"content": f" token{number}"}) for number in range(chunks)),
        chunk({}, "stop"),
        data({**head, "choices": [], "usage": usage}),
        b"data: [DONE]\n\n",
    ]


def anthropic_stream(chunks: int) -> list[bytes]:
    """The frames of a Messages stream."""
    start = {
        **ANTHROPIC,
        "content": list[object](),
        "stop_reason": None,
        "usage": {"input_tokens": 9, "output_tokens": 1},
    }
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    return [
        data({"type": "message_start", "message": start}, "message_start"),
        data(block, "content_block_start"),
        *(
            data(
                {
                    "type": "content_block_delta",
                    "index": 0,
                    "delta": {"type": "text_delta", "text": f" token{number}"},
                },
                "content_block_delta",
            )
            for number in range(chunks)
        ),
        data({"type": "content_block_stop", "index": 0}, "content_block_stop"),
        data({"type": "message_delta", "delta": end, "usage": {"output_tokens": chunks}}, "message_delta"),
        data({"type": "message_stop"}, "message_stop"),
    ]


def gemini_stream(chunks: int) -> list[bytes]:
    """The frames of a streamGenerateContent answer."""

    def chunk(text: str, number: int, reason: str | None = None) -> bytes:
        candidate: dict[str, object] = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
        if reason:
            candidate["finishReason"] = reason
        usage = {"promptTokenCount": 9, "candidatesTokenCount": number, "totalTokenCount": 9 + number}
        return data({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-2.5-flash"})

    return [*(chunk(f" token{number}", number) for number in range(chunks)), chunk("", chunks, "STOP")]


class Upstream(asyncio.Protocol):
    """One connection: requests in turn, each answered by its path."""

    def __init__(self, streams: dict[str, list[bytes]], gap: float) -> None:
        self._streams = streams
        self._gap = gap
        self._parser = httptools.HttpRequestParser(self)
        self._tasks: set[asyncio.Task[None]] = set()
        self._url = b""
        self._body = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.Transport", transport)

    @override
    def data_received(self, data: bytes) -> None:
        """Feed the HTTP parser."""
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        """Take a request's URL."""
        self._url += url

    def on_body(self, body: bytes) -> None:
        """Take a piece of a request's body."""
        self._body += body

    def on_message_complete(self) -> None:
        """Answer."""
        url, body = self._url, self._body
        self._url = self._body = b""
        kind = "anthropic" if b"/messages" in url else "gemini" if b"enerateContent" in url else "openai"
        if b":stream" in url or b'"stream":true' in body.replace(b" ", b""):
            task = asyncio.get_running_loop().create_task(self._stream(self._streams[kind]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        self._write(WHOLE[kind])

    async def _stream(self, frames: list[bytes]) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        self._write(head)
        for frame in frames:
            if self._gap:
                await asyncio.sleep(self._gap)
            self._write(b"%x\r\n%s\r\n" % (len(frame), frame))
        self._write(b"0\r\n\r\n")

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)


def whole(value: object) -> bytes:
    """A whole HTTP answer with a JSON body."""
    body = json.dumps(value).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
        len(body),
        body,
    )


WHOLE = {"openai": whole(OPENAI), "anthropic": whole(ANTHROPIC), "gemini": whole(GEMINI)}


async def main() -> None:
    """Serve until killed."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, default=9110)
    arguments.add_argument("--chunks", type=int, default=64)
    arguments.add_argument("--gap", type=float, default=0.0)
    given = arguments.parse_args()
    streams = {
        "openai": openai_stream(given.chunks),
        "anthropic": anthropic_stream(given.chunks),
        "gemini": gemini_stream(given.chunks),
    }
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Upstream(streams, given.gap), "127.0.0.1", given.port, backlog=1024
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
