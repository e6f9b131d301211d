"""An upstream on raw sockets that does, byte for byte, what a test has laid out for each request.

Which request is which stands in its words (`number 17`), and which of the upstream's places it is meant
for in its path (`/first/anthropic/v1/messages`): so many tests' requests can be on their way at once.
"""

import asyncio
import contextlib
import enum
import re
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

from tests.chaos.speech import speech

from dragoman.testing.json_value import decode_object

PATIENCE = 30.0
"""Seconds after which a gateway that does not leave a stalled upstream is given up."""


class End(enum.Enum):
    """What becomes of the connection in the end."""

    CLOSE = "close"
    """It is closed in order (FIN)."""
    RESET = "reset"
    """It is reset (RST)."""
    STALL = "stall"
    """Nothing more comes until the gateway leaves."""
    KEEP = "keep"
    """The next request may come on it."""


Step = bytes | float | End
Play = tuple[Step, ...]
"""Bytes to send, seconds to wait, and in the end an `End`."""

Plays = Mapping[str, Sequence[Play]]
"""What each place does, try for try; the last counts for all further ones. Places without a play give
the good answer.
"""


class Asked(NamedTuple):
    """One request that came. Times are of the event loop's clock."""

    number: int
    place: str
    dialect: str
    arrived: float


class Parts(NamedTuple):
    """What of a request says which one it is."""

    place: str
    dialect: str
    stream: bool
    number: int | None


_PATH = re.compile(rb"POST /(\w+)/(\w+)/(\S+) HTTP/1\.1\r\n")
_NUMBER = re.compile(rb"number (\d+)")
_LENGTH = re.compile(rb"content-length: (\d+)\r\n", re.IGNORECASE)


class Upstream:
    """The server. Lives in one event loop."""

    def __init__(self) -> None:
        self.plays: dict[int, Plays] = {}
        self.asked: dict[int, list[Asked]] = {}
        self.port = 0
        self.tasks: set[asyncio.Task[None]] = set()
        self._idle: set[asyncio.StreamWriter] = set()
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", 0, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    @property
    def open(self) -> int:
        """How many connections the gateway has here."""
        return len(self._open)

    @property
    def busy(self) -> int:
        """How many of them a request is going on with."""
        return len(self._open - self._idle)

    def close_idle(self) -> None:
        """Close the connections on which nothing is going on, as servers do after a while."""
        for writer in self._idle:
            writer.close()

    async def _meet(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        self._open.add(sink)
        try:
            # that a gateway leaves in the middle is no error here: tests look at what came of it
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while await self._serve(source, sink):
                    continue
        finally:
            self.tasks.discard(task)
            self._open.discard(sink)
            self._idle.discard(sink)
            sink.close()

    async def _serve(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> bool:
        """Answer one request; whether another may come."""
        self._idle.add(sink)
        head = await source.readuntil(b"\r\n\r\n")
        self._idle.discard(sink)
        length = _LENGTH.search(head)
        body = await source.readexactly(int(length[1]) if length else 0)
        parts = read_parts(head, body)
        return await self._perform(self._play_for(parts), source, sink)

    def _play_for(self, parts: Parts) -> Play:
        good: Play = (speech(parts.place, parts.dialect, stream=parts.stream).wire, End.KEEP)
        if parts.number is None:
            return good
        asked = self.asked.setdefault(parts.number, [])
        earlier = sum(one.place == parts.place for one in asked)
        arrived = asyncio.get_running_loop().time()
        asked.append(Asked(parts.number, parts.place, parts.dialect, arrived))
        plays = self.plays.get(parts.number, {}).get(parts.place, ())
        return plays[min(earlier, len(plays) - 1)] if plays else good

    async def _perform(self, play: Play, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> bool:
        for step in play:
            match step:
                case bytes():
                    sink.write(step)
                    await sink.drain()
                case float() | int():
                    await asyncio.sleep(step)
                case End.KEEP:
                    return True
                case End.CLOSE:
                    break
                case End.RESET:
                    # what was sent before has to be read first: a reset discards it
                    await asyncio.sleep(0.005)
                    reset(sink)
                    break
                case End.STALL:
                    await asyncio.wait_for(source.read(), PATIENCE)
                    break
        return False


def read_parts(head: bytes, body: bytes) -> Parts:
    """What of a request says which one it is."""
    path = _PATH.match(head)
    assert path is not None, head
    place, dialect = path[1].decode(), path[2].decode()
    stream = b":stream" in path[3] if dialect == "gemini" else decode_object(body).get("stream") is True
    number = _NUMBER.search(body)
    return Parts(place, dialect, stream, int(number[1]) if number else None)


def reset(sink: asyncio.StreamWriter) -> None:
    """Break a connection off with RST in place of FIN."""
    connection = sink.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sink.transport.abort()


class Unreachable:
    """Places that no request gets through to, each with a port of its own, as `ports` says.

    `closed` refuses connections, `full` lets them wait for ever, `slam` resets them as soon as they are
    there, `deaf` takes them and neither reads nor says anything.
    """

    PLACES = ("closed", "full", "slam", "deaf")

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self.ports: dict[str, int] = {}
        self.connections: set[asyncio.StreamWriter] = set()
        """The ones to the deaf place."""

    async def start(self) -> None:
        closed, full = (self._stack.enter_context(socket.socket()) for _ in range(2))
        closed.bind(("127.0.0.1", 0))
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            # once its queue is full, the system lets further attempts wait
            waiting = self._stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        slam = await asyncio.start_server(self._slam, "127.0.0.1", 0)
        deaf = await asyncio.start_server(self._listen_not, "127.0.0.1", 0)
        self._stack.callback(slam.close)
        self._stack.callback(deaf.close)
        ports = (one.getsockname()[1] for one in (closed, full, slam.sockets[0], deaf.sockets[0]))
        self.ports = dict(zip(self.PLACES, ports, strict=True))

    def stop(self) -> None:
        self._stack.close()
        for sink in self.connections:
            sink.transport.abort()

    async def _slam(self, _: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        reset(sink)

    async def _listen_not(self, _: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        cast("asyncio.Transport", sink.transport).pause_reading()
        self.connections.add(sink)
