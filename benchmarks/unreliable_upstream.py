"""An upstream in the format of Chat Completions that fails, or is slow to begin, as often as it is told to.

Whatever it does is drawn from `--seed`, for each request anew. `GET /counts` tells what has come, as JSON.
"""

import argparse
import asyncio
import json
import random
import re
import socket
import struct
import time
from typing import NamedTuple, cast

import httptools
import uvloop
from typing_extensions import override

from upstream import OPENAI, openai_stream, whole

_LEAVER = re.compile(rb"Leaver (\d+)\.")
_ERROR = json.dumps(
    {"error": {"message": "The server had an error.", "type": "server_error", "param": None, "code": None}}
).encode()
_FAILED = (
    b"HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
    % (len(_ERROR), _ERROR)
)
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Manner(NamedTuple):
    """How the upstream behaves. Times are in seconds."""

    fail: float
    """The share of requests that fail: with status 500, a reset in place of an answer, or a reset after
    the head; a third each.
    """
    slow: float
    """The share of requests whose answer begins `delay` later."""
    delay: float
    median: float
    """The median of the time to the first token of all others, and how far it spreads (log-normal)."""
    spread: float
    tokens: int
    gap: float
    """Between two tokens of a stream."""


class Counts:
    """What has come and what became of it."""

    def __init__(self) -> None:
        self.requests = 0
        self.failed = 0
        self.slow = 0
        self.left: dict[str, float] = {}
        """When the connection of each request that names itself a leaver was closed (`time.monotonic`)."""


class Unreliable(asyncio.Protocol):
    """One connection: requests in turn."""

    def __init__(self, manner: Manner, counts: Counts, draw: random.Random) -> None:
        self._manner = manner
        self._counts = counts
        self._draw = draw
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._timer: asyncio.TimerHandle | None = None
        self._leaver = ""
        self._url = b""
        self._body = b""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.Transport", transport)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Note when a leaver's connection went."""
        if self._leaver:
            self._counts.left[self._leaver] = time.monotonic()
        if self._timer is not None:
            self._timer.cancel()

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
        """Answer, or fail to."""
        url, body = self._url, self._body
        self._url = self._body = b""
        if url == b"/counts":
            self._transport.write(whole(vars(self._counts)))
            return
        counts, manner = self._counts, self._manner
        counts.requests += 1
        found = _LEAVER.search(body)
        self._leaver = found[1].decode() if found else ""
        stream = b'"stream":true' in body.replace(b" ", b"")
        if self._draw.random() < manner.fail:
            counts.failed += 1
            self._fail(stream=stream)
            return
        wait = self._draw.lognormvariate(0, manner.spread) * manner.median
        if self._draw.random() < manner.slow:
            counts.slow += 1
            wait += manner.delay
        frames = [b"%x\r\n%b\r\n" % (len(frame), frame) for frame in openai_stream(manner.tokens)]
        # the first token comes with what goes before it
        parts = [_HEAD + frames[0] + frames[1], *frames[2:-1], frames[-1] + b"0\r\n\r\n"]
        self._later(wait, parts if stream else [whole(OPENAI)])

    def _fail(self, *, stream: bool) -> None:
        manner = self._draw.randrange(3)
        if manner == 0:
            self._transport.write(_FAILED)
        elif manner == 1:
            self._reset()
        else:
            self._transport.write(_HEAD if stream else whole(OPENAI)[:-100])
            self._timer = self._loop.call_later(0.01, self._reset)

    def _later(self, wait: float, parts: list[bytes]) -> None:
        self._timer = self._loop.call_later(wait, self._say, parts)

    def _say(self, parts: list[bytes]) -> None:
        if self._transport.is_closing():
            return
        if not self._manner.gap:
            parts = [b"".join(parts)]
        self._transport.write(parts[0])
        if parts[1:]:
            self._later(self._manner.gap, parts[1:])
        else:
            self._leaver = ""

    def _reset(self) -> None:
        sock: socket.socket = self._transport.get_extra_info("socket")
        # with nothing lingering, the kernel sends RST
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


async def main() -> None:
    """Serve until killed."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--seed", default="1")
    arguments.add_argument("--fail", type=float, default=0.0)
    arguments.add_argument("--slow", type=float, default=0.0)
    arguments.add_argument("--delay", type=float, default=10.0)
    arguments.add_argument("--median", type=float, default=0.0)
    arguments.add_argument("--spread", type=float, default=0.4)
    arguments.add_argument("--tokens", type=int, default=8)
    arguments.add_argument("--gap", type=float, default=0.0)
    given = arguments.parse_args()
    manner = Manner(**{name: getattr(given, name) for name in Manner._fields})
    counts = Counts()
    draw = random.Random(given.seed)  # noqa: S311 - no secret hangs on it
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Unreliable(manner, counts, draw), "127.0.0.1", given.port, backlog=1024
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
