"""Which connections are used again, which are not, and how a slow reader holds one back."""

import asyncio
import gc
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from dragoman.upstream.transport import Transport

if TYPE_CHECKING:
    from tests.upstream.conftest import Line, Serve

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nok",
    ],
)
async def test_a_connection_is_used_again(
    transport: Transport, serve: "Serve", answer: bytes, secure: bool
) -> None:
    async def script(line: "Line") -> None:
        while True:
            await line.request()
            await line.send(answer)

    server = await serve(script, secure=secure)
    for _ in range(5):
        assert await server.ask(transport) == b"ok"
    assert server.accepted == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ],
)
async def test_a_connection_that_the_server_ends_is_not(
    transport: Transport, serve: "Serve", answer: bytes
) -> None:
    closed: asyncio.Queue[int] = asyncio.Queue()

    async def script(line: "Line") -> None:
        await line.request()
        await line.send(answer)
        await line.gone()
        closed.put_nowait(line.number)

    server = await serve(script)
    for _ in range(3):
        assert await server.ask(transport) == b"ok"
    assert server.accepted == 3
    async with asyncio.timeout(1):
        assert {await closed.get() for _ in range(3)} == {1, 2, 3}


async def test_a_connection_is_used_again_only_after_the_end_of_its_body(
    transport: Transport, serve: "Serve"
) -> None:
    async def script(line: "Line") -> None:
        while True:
            await line.request()
            await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no")
            if line.number == 1:
                await line.gone()
            await line.send(b"k")

    server = await serve(script)
    response = await transport.send(server.post(), 5)
    assert await response.next() == b"o"
    response.close()
    assert await server.ask(transport) == b"ok"
    assert await server.ask(transport) == b"ok"
    assert server.accepted == 2


async def test_a_cancelled_connection_is_not_used_again(transport: Transport, serve: "Serve") -> None:
    async def script(line: "Line") -> None:
        await line.request()
        if line.number == 1:
            await line.gone()
        await line.send(OK)

    server = await serve(script)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await transport.send(server.post(), 5)
    assert await server.ask(transport) == b"ok"
    assert server.accepted == 2


async def test_closing_after_the_end_leaves_the_connection(transport: Transport, serve: "Serve") -> None:
    async def script(line: "Line") -> None:
        while True:
            await line.request()
            await line.send(OK)

    server = await serve(script)
    for _ in range(3):
        response = await transport.send(server.post(), 5)
        assert await response.next() == b"ok"
        assert await response.next() == b""
        response.close()
        response.close()
    assert server.accepted == 1


async def test_closing_late_does_not_hurt_who_has_the_connection_now(
    transport: Transport, serve: "Serve"
) -> None:
    second = asyncio.Event()

    async def script(line: "Line") -> None:
        await line.request()
        await line.send(OK)
        await line.request()
        second.set()
        await asyncio.sleep(0.05)
        await line.send(OK)

    server = await serve(script)
    early = await transport.send(server.post(), 5)
    assert await early.read(2) == b"ok"
    late = asyncio.ensure_future(server.ask(transport))
    await second.wait()
    early.close()
    assert await late == b"ok"
    assert server.accepted == 1


async def test_a_connection_does_not_grow_with_what_it_has_carried(
    transport: Transport, serve: "Serve"
) -> None:
    async def script(line: "Line") -> None:
        while True:
            await line.answer_slowly()

    server = await serve(script)
    tracemalloc.start()
    try:
        sizes: list[int] = []
        for _ in range(2):
            for _ in range(100):
                assert await server.ask(transport) == b"ok"
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert server.accepted == 1
    # gateways of other tests may live in this process, and do their upkeep meanwhile
    assert sizes[1] - sizes[0] < 200_000


async def test_an_answer_before_the_whole_request_ends_the_connection(
    transport: Transport, serve: "Serve", secure: bool
) -> None:
    gone = asyncio.Event()
    read = asyncio.Event()

    async def script(line: "Line") -> None:
        await line.head()
        await line.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 7\r\n\r\nbecause")
        await read.wait()
        await line.gone()
        assert line.drained < 32_000_000
        gone.set()

    server = await serve(script, secure=secure)
    response = await transport.send(server.post(bytes(64_000_000)), 5)
    assert response.status == 413
    assert await response.read(100) == b"because"
    response.close()
    read.set()
    await asyncio.wait_for(gone.wait(), 2)


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
async def test_a_slow_reader_holds_the_server_back_and_misses_nothing(
    transport: Transport, serve: "Serve", framing: str
) -> None:
    piece = bytes(range(256)) * 1024
    pieces = 250
    sent = 0

    async def script(line: "Line") -> None:
        nonlocal sent
        await line.request()
        head = {
            "length": b"content-length: %d" % (len(piece) * pieces),
            "chunked": b"transfer-encoding: chunked",
            "close": b"connection: close",
        }
        await line.send(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % head[framing])
        for _ in range(pieces):
            if framing == "chunked":
                await line.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            else:
                await line.send(piece)
            sent += 1
        if framing == "chunked":
            await line.send(b"0\r\n\r\n")

    server = await serve(script)
    response = await transport.send(server.post(), 5)
    before = -1
    async with asyncio.timeout(10):
        while before != sent:
            before = sent
            await asyncio.sleep(0.2)
    assert sent < pieces * 2 / 3
    body = await response.read(len(piece) * pieces)
    assert body == piece * pieces


async def test_many_small_chunks_are_held_back_too(transport: Transport, serve: "Serve") -> None:
    chunks = b"1\r\nx\r\n" * 10_000
    rounds = 400
    sent = 0

    async def script(line: "Line") -> None:
        nonlocal sent
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(rounds):
            await line.send(chunks)
            sent += 1
        await line.send(b"0\r\n\r\n")

    server = await serve(script)
    response = await transport.send(server.post(), 5)
    before = -1
    async with asyncio.timeout(10):
        while before != sent:
            before = sent
            await asyncio.sleep(0.2)
    assert sent < rounds * 2 / 3
    response.close()
