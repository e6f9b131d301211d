"""Kept connections that turn out to be no good: replaced unnoticed where that is safe."""

import asyncio
import gc
from typing import TYPE_CHECKING

import pytest

from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.upstream.transport import Transport

if TYPE_CHECKING:
    from tests.upstream.conftest import Line, Serve

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


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
    assert await server.ask(transport) == b"ok"
    assert await server.ask(transport, bytes(size)) == b"ok"
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
        assert await server.ask(transport) == b"ok"
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
        assert await server.ask(transport) == b"ok"
        await asyncio.sleep(0.05)
    assert server.accepted == 3


async def test_a_connection_that_breaks_while_idle_is_not_worth_a_log_line(
    transport: Transport, serve: "Serve"
) -> None:
    async def script(line: "Line") -> None:
        await line.answer_slowly()
        await asyncio.sleep(0.02)
        line.reset()

    noise: list[object] = []
    loop = asyncio.get_running_loop()
    usual = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: noise.append(context))
    try:
        server = await serve(script)
        for _ in range(2):
            assert await server.ask(transport) == b"ok"
            await asyncio.sleep(0.05)
        gc.collect()
    finally:
        loop.set_exception_handler(usual)
    assert server.accepted == 2
    assert noise == []


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
    assert await asyncio.gather(*(server.ask(transport) for _ in range(5))) == [b"ok"] * 5
    assert server.accepted == 5
    assert await server.ask(transport) == b"ok"
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
    assert await server.ask(transport) == b"ok"
    with pytest.raises(FailureError) as caught:
        await server.ask(transport)
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
    assert await server.ask(transport) == b"ok"
    with pytest.raises(FailureError):
        await server.ask(transport)
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
    sent = asyncio.Event()

    async def script(line: "Line") -> None:
        await line.request()
        await line.send(OK)
        if line.number == 1:
            await asyncio.sleep(0.02)
            await line.send(waiting)
            sent.set()
        await line.gone()

    server = await serve(script)
    assert await server.ask(transport) == b"ok"
    await sent.wait()
    await asyncio.sleep(0.1)
    assert await server.ask(transport) == b"ok"
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
    assert await server.ask(transport) == b"ok"
    assert await server.ask(transport) == b"ok"
    assert server.accepted == 2
