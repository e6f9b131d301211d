"""How long connections are kept, and how many."""

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.upstream.watched import Watched

from dragoman.upstream import http1_pool
from dragoman.upstream.transport import Transport

if TYPE_CHECKING:
    from tests.upstream.conftest import Line, Serve, Server

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
async def server(serve: "Serve", watched: Watched, secure: bool) -> "Server":
    """Watches its connections after the first request."""

    async def script(line: "Line") -> None:
        await line.request()
        await line.send(OK)
        await watched.watch(line)

    return await serve(script, secure=secure)


async def test_idle_connections_are_closed_after_a_while(
    strict_transport: Transport, server: "Server", watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http1_pool, "_KEEP_ALIVE", 0.1)
    assert await server.ask(strict_transport) == b"ok"
    await asyncio.sleep(0.05)
    assert not watched.gone.is_set()
    await watched.closed()


async def test_an_expired_connection_is_not_used_even_if_it_is_still_there(
    strict_transport: Transport, server: "Server", watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http1_pool, "_KEEP_ALIVE", -1)
    assert await server.ask(strict_transport) == b"ok"
    assert await server.ask(strict_transport) == b"ok"
    assert server.accepted == 2


async def test_a_connection_is_not_kept_for_ever(
    strict_transport: Transport, serve: "Serve", monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(line: "Line") -> None:
        while True:
            await line.request()
            await line.send(OK)

    server = await serve(script)
    monkeypatch.setattr(http1_pool, "_OLDEST", 0.2)
    for _ in range(3):
        assert await server.ask(strict_transport) == b"ok"
    assert server.accepted == 1
    await asyncio.sleep(0.25)
    assert [await server.ask(strict_transport) for _ in range(2)] == [b"ok"] * 2
    assert server.accepted == 2


async def test_so_many_idle_connections_are_kept_and_no_more(
    strict_transport: Transport, serve: "Serve", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http1_pool, "_MOST_IDLE", 3)
    there = asyncio.Event()
    gone: list[int] = []

    async def script(line: "Line") -> None:
        await line.request()
        if line.number == 10:
            there.set()
        await there.wait()
        await line.send(OK)
        await line.gone()
        gone.append(line.number)

    server = await serve(script)
    assert await asyncio.gather(*(server.ask(strict_transport) for _ in range(10))) == [b"ok"] * 10
    await asyncio.sleep(0.1)
    assert len(gone) == 7


async def test_the_connection_that_was_used_last_is_used_next(
    strict_transport: Transport, serve: "Serve"
) -> None:
    turns = {1: asyncio.Event(), 2: asyncio.Event()}
    served: list[int] = []

    async def script(line: "Line") -> None:
        while True:
            await line.request()
            await turns[line.number].wait()
            served.append(line.number)
            await line.send(OK)

    server = await serve(script)
    first = asyncio.ensure_future(server.ask(strict_transport))
    await asyncio.sleep(0.02)
    second = asyncio.ensure_future(server.ask(strict_transport))
    await asyncio.sleep(0.02)
    turns[2].set()
    await second
    turns[1].set()
    await first
    for _ in range(3):
        assert await server.ask(strict_transport) == b"ok"
    assert served == [2, 1, 1, 1, 1]
