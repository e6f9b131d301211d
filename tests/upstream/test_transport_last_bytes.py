"""What came in before a connection broke is handed on first: an answer may well be complete with it."""

import asyncio
import zlib
from typing import TYPE_CHECKING

import pytest

from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.upstream.transport import Transport

if TYPE_CHECKING:
    from tests.upstream.conftest import Line, Serve, Server

pytestmark = pytest.mark.anyio

LATE = 0.03
"""Seconds after which a body is read: the connection has long been lost then."""

CHUNKED = b"transfer-encoding: chunked\r\n"
CHUNKS = b"5\r\nbegun\r\n6\r\n, more\r\n0\r\n\r\n"
LENGTH = b"content-length: 11\r\n"
WITHOUT = b"connection: close\r\n"


def plain(body: bytes) -> bytes:
    """The bytes of a chunked body that has not all come."""
    found = b""
    while b"\r\n" in body:
        size, _, body = body.partition(b"\r\n")
        count = int(size, 16)
        found += body[:count]
        body = body[count + 2 :]
    return found


async def read(
    transport: Transport, server: "Server", late: float, body: bytes = b"{}"
) -> tuple[bytes, FailureError | None]:
    """All that a transport gives of one answer, and with what it ends."""
    response = await transport.send(server.post(body), 5)
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


@pytest.mark.parametrize(
    ("head", "body"),
    [(CHUNKED, CHUNKS), (LENGTH, b"begun, more"), (WITHOUT, b"begun, more")],
    ids=["chunked", "with a length", "without a length"],
)
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("late", [0, LATE], ids=["waiting", "late"])
async def test_what_came_before_the_break_is_handed_on(
    transport: Transport, serve: "Serve", secure: bool, head: bytes, body: bytes, reset: bool, late: float
) -> None:
    async def script(line: "Line") -> None:
        size = int((await line.request()).body)
        await line.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + body[:size])
        if reset:
            line.reset()

    server = await serve(script, secure=secure)
    sizes = range(len(body) + 1)
    found = await asyncio.gather(*(read(transport, server, late, b"%d" % size) for size in sizes))
    for size, (got, failure) in zip(sizes, found, strict=True):
        came = body[:size]
        assert got == (plain(came) if head == CHUNKED else came)
        whole = not reset if head == WITHOUT else size == len(body)
        assert (failure is None) == whole
        if failure is not None:
            assert failure.failure.kind is FailureKind.BAD_GATEWAY


@pytest.mark.parametrize("late", [0, LATE], ids=["waiting", "late"])
async def test_the_failure_stays_once_it_is_told(
    transport: Transport, serve: "Serve", secure: bool, late: float
) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\n5\r\nbegun\r\n")
        line.reset()

    server = await serve(script, secure=secure)
    response = await transport.send(server.post(), 5)
    await asyncio.sleep(late)
    assert await response.next() == b"begun"
    for _ in range(3):
        with pytest.raises(FailureError, match="broke off"):
            await response.next()


async def test_a_packed_body_is_handed_on_up_to_the_break(
    transport: Transport, serve: "Serve", secure: bool
) -> None:
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(b"begun") + packer.flush(zlib.Z_SYNC_FLUSH)

    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 999\r\n\r\n" + packed)
        line.reset()

    got, failure = await read(transport, await serve(script, secure=secure), LATE)
    assert got == b"begun"
    assert failure is not None


async def test_a_reader_far_behind_gets_all_that_came(transport: Transport, serve: "Serve") -> None:
    """More than the transport takes in ahead of its reader: the rest waits in the operating system."""
    size = 400_000

    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"x" * size)
        await line.taken()
        line.reset()

    got, failure = await read(transport, await serve(script), 10 * LATE)
    assert got == b"x" * size
    assert failure is not None


async def test_a_break_in_a_broken_chunk_is_told_after_what_came(
    transport: Transport, serve: "Serve", secure: bool
) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\n5\r\nbegun\r\n")
        await asyncio.sleep(LATE / 3)
        await line.send(b"lots\r\n")
        await line.gone()

    got, failure = await read(transport, await serve(script, secure=secure), LATE)
    assert got == b"begun"
    assert failure is not None
