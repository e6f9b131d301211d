"""A cheap upstream that answers like OpenAI, Anthropic and Google at once, chosen by path.

Far cheaper than any gateway, so that what is measured is the gateway: all bytes are made before they are
asked for, and one clock writes the pieces of all streams. A stream has as many pieces of text as the
request allows tokens, `--gap` seconds apart (0: all at once). A request that does not bring the gateway's
own key, `sk-up`, is refused.
"""

import argparse
import asyncio
import contextlib
import ctypes
import functools
import json
import os
import re
import time
from collections.abc import Callable
from typing import cast

import uvloop
from typing_extensions import override

KEY = b"sk-up"
MOST_PIECES = 10_000
USUAL_PIECES = 64

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
        event = data({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-2.5-flash"})
        return event.replace(b"\n", b"\r\n")  # as Google ends its lines

    return [*(chunk(f" token{number}", number) for number in range(chunks)), chunk("", chunks, "STOP")]


LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
TOKENS = re.compile(rb'"max(?:_|_completion_|_output_|Output)[tT]okens": *(\d+)')
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
TICK = 0.0001
"""Seconds between two looks at the clock. Streams are spread over the ticks of a gap, as they would be if
they had nothing to do with one another.
"""


@functools.cache
def writes(kind: str, pieces: int) -> list[bytes]:
    """What is written for a stream: its head and what comes before the text, each piece of the text, and
    what comes after it.
    """
    frames = STREAMS[kind](pieces)
    before = next(place for place, frame in enumerate(frames) if b" token0" in frame)
    parts = [
        b"".join(frames[:before]),
        *frames[before : before + pieces],
        b"".join(frames[before + pieces :]),
    ]
    sent = [b"%x\r\n%s\r\n" % (len(part), part) if part else b"" for part in parts]
    return [STREAM_HEAD + sent[0], *sent[1:-1], sent[-1] + b"0\r\n\r\n"]


class Timer:
    """Ticks. The event loop's own timers know nothing smaller than a millisecond, and at each of those a
    crowd of streams would go on at once.
    """

    def __init__(self, ticked: Callable[[], None]) -> None:
        self._ticked = ticked
        self._system = ctypes.CDLL(None, use_errno=True)
        self._file = self._system.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK)
        if self._file < 0:
            raise OSError(ctypes.get_errno(), "no timer")
        asyncio.get_running_loop().add_reader(self._file, self._expired)

    def start(self) -> None:
        """Tick from now on."""
        self._set(round(TICK * 1e9))

    def stop(self) -> None:
        """Tick no more."""
        self._set(0)

    def _set(self, nanoseconds: int) -> None:
        # struct itimerspec: the interval and the first time, as seconds and nanoseconds
        times = (ctypes.c_long * 4)(0, nanoseconds, 0, nanoseconds)
        self._system.timerfd_settime(self._file, 0, ctypes.byref(times), None)

    def _expired(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._file, 8)
            self._ticked()


class Clock:
    """Writes the pieces of all streams, those of one stream a gap apart. Where the process is late, streams
    become longer: it never writes several pieces of one at once.
    """

    def __init__(self, gap: float) -> None:
        self._gap = gap
        self._phases: list[list[Stream]] = [[] for _ in range(max(1, round(gap / TICK)))]
        self._at = 0
        self._streams = 0
        self._due = 0.0
        self._timer = Timer(self._tick)

    def begin(self, transport: asyncio.Transport, parts: list[bytes]) -> None:
        """Begin a stream now, and go on with it."""
        if not self._gap:
            transport.write(b"".join(parts))
            return
        transport.write(parts[0])
        self._phases[self._at - 1].append(Stream(transport, parts))
        self._streams += 1
        if self._streams == 1:
            self._due = time.monotonic() + TICK
            self._timer.start()

    def _tick(self) -> None:
        now = time.monotonic()
        for _ in self._phases:
            if self._due > now:
                break
            if phase := self._phases[self._at]:
                going_on = [stream for stream in phase if stream.go_on()]
                self._streams -= len(phase) - len(going_on)
                self._phases[self._at] = going_on
            self._at = (self._at + 1) % len(self._phases)
            self._due += TICK
        else:
            self._due = now + TICK
        if not self._streams:
            self._timer.stop()


class Stream:
    """A stream on its way."""

    __slots__ = ("_at", "_parts", "_transport")

    def __init__(self, transport: asyncio.Transport, parts: list[bytes]) -> None:
        self._transport = transport
        self._parts = parts
        self._at = 1

    def go_on(self) -> bool:
        """Write the next piece; whether there are more."""
        if self._transport.is_closing():
            return False
        self._transport.write(self._parts[self._at])
        self._at += 1
        return self._at < len(self._parts)


class Upstream(asyncio.Protocol):
    """One connection: requests in turn, each answered by its path."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pieces: list[bytes] = []
        self._missing = 0

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.Transport", transport)

    @override
    def data_received(self, data: bytes) -> None:
        """Answer once a request is there as a whole."""
        if self._missing:
            self._pieces.append(data)
            self._missing = max(0, self._missing - len(data))
            if not self._missing:
                self._answer(self._taken())
            return
        if self._pieces:
            data = self._taken() + data
        end = data.find(b"\r\n\r\n")
        length = LENGTH.search(data, 0, end) if end >= 0 else None
        if length is not None:
            self._missing = max(0, end + 4 + int(length[1]) - len(data))
        if end < 0 or self._missing or (length is None and not _ends(data, end)):
            self._pieces.append(data)
            return
        self._answer(data)

    def _taken(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data

    def _answer(self, request: bytes) -> None:
        line = request[: request.find(b"\r\n")]
        if KEY not in request:
            self._transport.write(REFUSAL)
            return
        kind = "anthropic" if b"/messages" in line else "gemini" if b"enerateContent" in line else "openai"
        if b":stream" in line or b'"stream":true' in request or b'"stream": true' in request:
            asked = TOKENS.search(request)
            pieces = min(int(asked[1]), MOST_PIECES) if asked else USUAL_PIECES
            self._clock.begin(self._transport, writes(kind, pieces))
        else:
            self._transport.write(WHOLE[kind])


def _ends(data: bytes, end: int) -> bool:
    """Whether a request without a length is there as a whole: it has no body, or one in chunks."""
    return b"chunked" not in data[:end] or data.endswith(b"0\r\n\r\n")


def whole(value: object, status: str = "200 OK") -> bytes:
    """A whole HTTP answer with a JSON body."""
    body = json.dumps(value).encode()
    return b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (
        status.encode(),
        len(body),
        body,
    )


STREAMS = {"openai": openai_stream, "anthropic": anthropic_stream, "gemini": gemini_stream}
WHOLE = {"openai": whole(OPENAI), "anthropic": whole(ANTHROPIC), "gemini": whole(GEMINI)}
REFUSAL = whole({"error": {"message": "The gateway's key is missing."}}, "401 Unauthorized")


async def main() -> None:
    """Serve until killed."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, default=9110)
    arguments.add_argument("--gap", type=float, default=0.003)
    given = arguments.parse_args()
    clock = Clock(given.gap)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Upstream(clock), "127.0.0.1", given.port, backlog=8192)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
