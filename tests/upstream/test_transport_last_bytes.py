"""What came in before a connection broke is handed on first: an answer may well be complete with it."""

import asyncio
import gzip
from typing import TYPE_CHECKING

import pytest

from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.upstream.transport import Transport

if TYPE_CHECKING:
    from tests.upstream.conftest import Line, Serve

pytestmark = pytest.mark.anyio

LATE = 0.03
"""Seconds after which a body is read: the connection has long been lost then."""

CHUNKED = b"transfer-encoding: chunked\r\n"
CHUNKS = b"5\r\nbegun\r\n6\r\n, more\r\n0\r\n\r\n"
LENGTH = b"content-length: 11\r\n"
WITHOUT = b"connection: close\r\n"

CUTS = [
    *((CHUNKED, CHUNKS, size) for size in range(len(CHUNKS) + 1)),
    *((LENGTH, b"begun, more", size) for size in range(12)),
    *((WITHOUT, b"begun, more", size) for size in range(12)),
]
"""How bodies are framed, one body in that framing, and how much of it comes."""


def plain(body: bytes) -> bytes:
    """The bytes of a chunked body that has not all come."""
    found = b""
    while b"\r\n" in body:
        size, _, body = body.partition(b"\r\n")
        count = int(size, 16)
        found += body[:count]
        body = body[count + 2 :]
    return found


async def read(transport: Transport, server_url: str, late: float) -> tuple[bytes, FailureError | None]:
    from dragoman.upstream.transport import UpstreamRequest

    response = await transport.send(UpstreamRequest("POST", server_url, (), b"{}"), 5)
    assert response.status == 200
    pieces: list[bytes] = []
    while True:
        await asyncio.sleep(late)
        try:
            piece = await response.next()
        except FailureError as error:
            return b"".join(pieces), error
        if not piece:
            return b"".join(pieces), None
        pieces.append(piece)


@pytest.mark.parametrize(("head", "body", "size"), CUTS)
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("late", [0, LATE], ids=["waiting", "late"])
async def test_what_came_before_the_break_is_handed_on(
    transport: Transport, serve: "Serve", secure: bool, head: bytes, body: bytes, size: int, reset: bool, late: float
) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + body[:size])
        if reset:
            line.reset()

    server = await serve(script, secure=secure)
    got, failure = await read(transport, server.url(), late)
    came = body[:size]
    assert got == (plain(came) if head == CHUNKED else came)
    whole = not reset if head == WITHOUT else size == len(body)
    assert (failure is None) == whole
    if failure is not None:
        assert failure.failure.kind is FailureKind.BAD_GATEWAY
