"""An upstream on a plain socket: it does what no HTTP server would, and sees when the gateway leaves."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable

from tests.live.client import Ask

from dragoman.conversation.blocks import Text
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.testing.exchange import Answer, Chunk, Ending
from dragoman.testing.provider import FakeProvider
from dragoman.testing.script import Scripted

PATIENCE = 20.0
"""Seconds after which a gateway that neither asks nor leaves is given up."""


class Line:
    """One connection to a raw upstream, its first request read; `whole` or only as far as it comes by
    itself with its head.
    """

    def __init__(self, connection: socket.socket, *, whole: bool = True) -> None:
        self._connection = connection
        self.asked = self._read(whole=whole)

    def _read(self, *, whole: bool) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        if not whole:
            return data
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += self._more()
        return head + b"\r\n\r\n" + body

    def _more(self) -> bytes:
        data = self._connection.recv(65536)
        if not data:
            raise ConnectionError("the gateway has left in the middle of its request")
        return data

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def answer(self, body: bytes, media_type: str = "application/json", status: str = "200 OK") -> None:
        """A whole answer, after which the connection is closed."""
        head = f"HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\ncontent-length: {len(body)}\r\n"
        self.send(head.encode() + b"connection: close\r\n\r\n" + body)

    def begin(self, media_type: str = "text/event-stream") -> None:
        """The head of an answer in chunks."""
        head = f"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: {media_type}\r\n"
        self.send(head.encode() + b"transfer-encoding: chunked\r\n\r\n")

    def chunk(self, data: bytes) -> None:
        """The next chunk of the answer; an empty one ends it."""
        self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def reset(self) -> None:
        """Break the connection off with RST in place of FIN."""
        time.sleep(0.02)  # what was sent before has to be read first: a reset discards it
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.close()

    def wait_left(self) -> float:
        """Wait until the gateway has closed the connection; when that was (`time.monotonic`)."""
        self.drain()
        return time.monotonic()

    def drain(self) -> int:
        """Take in what comes until the gateway has closed the connection; how many bytes that was."""
        came = 0
        with contextlib.suppress(ConnectionError):
            while data := self._connection.recv(65536):
                came += len(data)
        return came


class RawUpstream:
    """A server that does with each connection what `play` says, then closes it."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.play: Callable[[Line], None] = close
        self.reads = True
        """Whether it takes requests in to their end."""
        self.asked: list[bytes] = []

    def serve(self) -> None:
        """Accept connections until `close`."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._meet, args=(connection, self.play, self.reads), daemon=True).start()

    def _meet(self, connection: socket.socket, play: Callable[[Line], None], reads: bool) -> None:
        connection.settimeout(PATIENCE)
        # a gateway that leaves in the middle is what some tests are about: they look for it themselves
        with connection, contextlib.suppress(OSError):
            line = Line(connection, whole=reads)
            self.asked.append(line.asked)
            play(line)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def close(_: Line) -> None:
    """Say nothing."""


def saying(text: str) -> Response:
    """An answer of a model."""
    stop = Stop(StopReason.END)
    return Response("", "", (Choice(0, (Text(text),), stop),), Usage(input=5, output=len(text.split())))


def pieces_of(ask: Ask, scripted: Scripted) -> list[bytes]:
    """What the fake provider would answer to a request, frame by frame, for a raw upstream to say."""
    provider = FakeProvider()
    provider.script.add(scripted)
    path, _, query = ask.target.partition("?")
    answer = provider.answer(ask.method, path, query, ask.headers, ask.body)
    return [chunk.data for chunk in answer.chunks]


def stream_of(
    pieces: list[bytes], media_type: str = "text/event-stream", ending: Ending = Ending.WHOLE
) -> Answer:
    """A streamed answer for the fake to give, piece by piece."""
    chunks = tuple(Chunk(0.0, piece) for piece in pieces)
    return Answer(200, {"content-type": media_type}, chunks, streamed=True, ending=ending)
