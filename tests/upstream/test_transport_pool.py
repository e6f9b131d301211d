"""Which connections are used again, which are not, and what happens when one turns out to be stale."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.upstream.transport import Transport

if TYPE_CHECKING:
    from tests.upstream.conftest import Line, Serve, Server

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def secure(request: pytest.FixtureRequest) -> bool:
    return request.param


async def ask(transport: Transport, server: "Server", body: bytes = b"{}") -> bytes:
    response = await transport.send(server.post(body), 5)
    try:
        return await response.read(1 << 20)
    finally:
        response.close()


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
        assert await ask(transport, server) == b"ok"
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
    closed = 0

    async def script(line: "Line") -> None:
        nonlocal closed
        await line.request()
        await line.send(answer)
        await line.gone()
        closed += 1

    server = await serve(script)
    for _ in range(3):
        assert await ask(transport, server) == b"ok"
    assert server.accepted == 3
    async with asyncio.timeout(1):
        while closed < 3:
            await asyncio.sleep(0.01)


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
    assert await ask(transport, server) == b"ok"
    assert await ask(transport, server) == b"ok"
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
    assert await ask(transport, server) == b"ok"
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
    late = asyncio.ensure_future(ask(transport, server))
    await second.wait()
    early.close()
    assert await late == b"ok"
    assert server.accepted == 1


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("size", [2, 3_000_000])
async def test_a_stale_connection_is_replaced_unnoticed(
    transport: Transport, serve: "Serve", reset: bool, size: int, secure: bool
) -> None:
    bodies: list[bytes] = []

    async def script(line: "Line") -> None:
        bodies.append((await line.request()).body)
        await line.send(OK)
        if line.number == 1:
            await line.head()
            if reset:
                line.reset()
        else:
            await line.gone()

    server = await serve(script, secure=secure)
    assert await ask(transport, server) == b"ok"
    assert await ask(transport, server, bytes(size)) == b"ok"
    assert bodies == [b"{}", bytes(size)]
    assert server.accepted == 2


async def test_a_connection_that_closed_while_idle_is_replaced_unnoticed(
    transport: Transport, serve: "Serve", secure: bool
) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(OK)

    server = await serve(script, secure=secure)
    for _ in range(3):
        assert await ask(transport, server) == b"ok"
        await asyncio.sleep(0.05)
    assert server.accepted == 3


async def test_a_connection_that_was_reset_while_idle_is_replaced_unnoticed(
    transport: Transport, serve: "Serve"
) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(OK)
        await asyncio.sleep(0.02)
        line.reset()

    server = await serve(script)
    for _ in range(3):
        assert await ask(transport, server) == b"ok"
        await asyncio.sleep(0.05)
    assert server.accepted == 3


async def test_many_stale_connections_cost_one_new_one_each(transport: Transport, serve: "Serve") -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await asyncio.sleep(0.1)
        await line.send(OK)
        if line.number <= 5:
            await line.head()
        else:
            await line.gone()

    server = await serve(script)
    assert await asyncio.gather(*(ask(transport, server) for _ in range(5))) == [b"ok"] * 5
    assert server.accepted == 5
    assert await ask(transport, server) == b"ok"
    assert server.accepted == 6


async def test_a_request_is_sent_again_only_once(transport: Transport, serve: "Serve") -> None:
    requests = 0

    async def script(line: "Line") -> None:
        nonlocal requests
        await line.request()
        requests += 1
        if line.number == 1:
            await line.send(OK)
            await line.request()
            requests += 1

    server = await serve(script)
    assert await ask(transport, server) == b"ok"
    with pytest.raises(FailureError) as caught:
        await ask(transport, server)
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY
    assert requests == 3


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_request_on_a_new_connection_is_not_sent_again(
    transport: Transport, serve: "Serve", method: str
) -> None:
    async def script(line: "Line") -> None:
        await line.request()

    server = await serve(script)
    with pytest.raises(FailureError):
        await transport.send(server.post() if method == "POST" else server.get(), 5)
    assert server.accepted == 1


async def test_a_request_is_not_sent_again_once_an_answer_began(transport: Transport, serve: "Serve") -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(OK)
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-le")

    server = await serve(script)
    assert await ask(transport, server) == b"ok"
    with pytest.raises(FailureError):
        await ask(transport, server)
    assert server.accepted == 1


@pytest.mark.parametrize(
    "waiting",
    [
        b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 5\r\n\r\nwrong",
        b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 5\r\n\r\n",
        b"junk",
    ],
)
async def test_what_was_not_asked_for_is_not_taken_for_an_answer(
    transport: Transport, serve: "Serve", waiting: bytes
) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(OK)
        if line.number == 1:
            await asyncio.sleep(0.02)
            await line.send(waiting)
        await line.gone()

    server = await serve(script)
    assert await ask(transport, server) == b"ok"
    await asyncio.sleep(0.1)
    assert await ask(transport, server) == b"ok"
    assert server.accepted == 2


async def test_what_follows_a_body_is_not_taken_for_the_next_answer(
    transport: Transport, serve: "Serve"
) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        if line.number == 1:
            await line.send(OK + b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwrong")
        else:
            await line.send(OK)
        await line.gone()

    server = await serve(script)
    assert await ask(transport, server) == b"ok"
    assert await ask(transport, server) == b"ok"
    assert server.accepted == 2


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
