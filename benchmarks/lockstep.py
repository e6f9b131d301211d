"""A client and an upstream in one: the next piece of a stream is sent once the one before has arrived at the
other side of the gateway. So the gateway does the same in every run, however busy the machine is.
"""

import contextlib
import select
import socket
from collections.abc import Generator

from benchmarks.expectation import Progress
from benchmarks.questions import Pair, Question
from benchmarks.servers import Server
from benchmarks.upstream import WHOLE, writes

PATIENCE = 0.05
"""Seconds to wait for what may not come: a gateway may keep the head of an answer until there is more."""
LONGEST = 30.0
"""Seconds to wait for what has to come."""


class Lockstep:
    """Both sides of a gateway."""

    def __init__(self, server: Server, listener: socket.socket) -> None:
        self._server = server
        self._listener = listener
        self._client = socket.create_connection(("127.0.0.1", server.port(stream=True)), timeout=LONGEST)
        self._upstreams: list[socket.socket] = []

    def ask(self, pair: Pair, asked: Question) -> None:
        """Ask, answer, and look at what comes. Raises `RuntimeError` if that is wrong."""
        self._client.sendall(_request(self._server, pair, asked))
        upstream = self._arrived()
        whole = [WHOLE[pair.upstream]]
        parts = writes(pair.upstream, asked.expected.marks) if asked.stream else whole
        progress, complete = Progress(), False
        for part in parts:
            upstream.sendall(part)
            last = part is parts[-1]
            while not complete and select.select([self._client], [], [], LONGEST if last else PATIENCE)[0]:
                data = self._client.recv(1 << 18)
                if not data:
                    raise RuntimeError("the gateway has closed the connection")
                complete = progress.add(data)
                if not last:
                    break
        if flaw := asked.expected.flaw(progress.taken()):
            raise RuntimeError(f"{pair.name}: {flaw}")

    def close(self) -> None:
        """Hang up on both sides."""
        for connection in (self._client, *self._upstreams):
            connection.close()

    def _arrived(self) -> socket.socket:
        """The connection on which the gateway has sent its request."""
        progress = Progress()
        while True:
            ready, _, _ = select.select([self._listener, *self._upstreams], [], [], LONGEST)
            if not ready:
                raise RuntimeError("the gateway has sent nothing upstream")
            for connection in ready:
                if connection is self._listener:
                    self._upstreams.append(self._listener.accept()[0])
                elif not (data := connection.recv(1 << 18)):
                    self._upstreams.remove(connection)
                elif progress.add(data):
                    return connection


@contextlib.contextmanager
def lockstep(server: Server, listener: socket.socket) -> Generator[Lockstep]:
    """Both sides of a gateway whose upstream is the listener."""
    sides = Lockstep(server, listener)
    try:
        yield sides
    finally:
        sides.close()


def _request(server: Server, pair: Pair, asked: Question) -> bytes:
    body = asked.body.encode()
    lines = [
        f"POST {asked.path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in server.headers(pair).items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
