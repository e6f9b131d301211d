"""What a caller is told, and asked, about the connections that its request goes out on."""

import asyncio
import dataclasses
from typing import TYPE_CHECKING

import msgspec
import pytest

from dragoman.conversation.failure import FailureError
from dragoman.upstream.transport import Transport, UpstreamRequest

if TYPE_CHECKING:
    from tests.upstream.conftest import Line, Serve, Server

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@dataclasses.dataclass
class Told:
    """Keeps what it is told, and answers as it is meant to."""

    may_resend: bool = True
    connected: int = 0
    asked: int = 0

    def on(self, request: UpstreamRequest, *, fresh: bool = False) -> UpstreamRequest:
        def connected() -> None:
            self.connected += 1

        def resend() -> bool:
            self.asked += 1
            return self.may_resend

        return msgspec.structs.replace(request, connected=connected, resend=resend, fresh=fresh)


@pytest.fixture
async def forgetful(serve: "Serve") -> "Server":
    """Closes each kept connection over its second request, without a word."""

    async def script(line: "Line") -> None:
        await line.request()
        await line.send(OK)
        await line.request()

    return await serve(script)


async def test_a_request_goes_out_again_only_where_its_sender_agrees(
    transport: Transport, forgetful: "Server"
) -> None:
    assert await forgetful.ask(transport) == b"ok"
    told = Told()
    response = await transport.send(told.on(forgetful.post()), 5)
    assert await response.read(2) == b"ok"
    assert (told.asked, told.connected, forgetful.accepted) == (1, 2, 2)


async def test_a_request_whose_sender_does_not_agree_fails(transport: Transport, forgetful: "Server") -> None:
    assert await forgetful.ask(transport) == b"ok"
    told = Told(may_resend=False)
    with pytest.raises(FailureError, match="closed the connection before it answered"):
        await transport.send(told.on(forgetful.post()), 5)
    assert (told.asked, told.connected, forgetful.accepted) == (1, 1, 1)


async def test_nobody_is_asked_on_a_new_connection(transport: Transport, serve: "Serve") -> None:
    async def script(line: "Line") -> None:
        await line.request()

    server = await serve(script)
    told = Told()
    with pytest.raises(FailureError, match="closed the connection before it answered"):
        await transport.send(told.on(server.post()), 5)
    assert (told.asked, told.connected, server.accepted) == (0, 1, 1)


async def test_a_fresh_request_gets_a_connection_of_its_own(
    transport: Transport, forgetful: "Server"
) -> None:
    assert await forgetful.ask(transport) == b"ok"
    told = Told()
    response = await transport.send(told.on(forgetful.post(), fresh=True), 5)
    assert await response.read(2) == b"ok"
    assert (told.asked, told.connected, forgetful.accepted) == (0, 1, 2)


async def test_connected_is_not_told_where_there_is_no_connection(
    transport: Transport, serve: "Serve"
) -> None:
    async def script(line: "Line") -> None:
        await line.gone()

    server = await serve(script)
    await server.stop()
    told = Told()
    with pytest.raises(FailureError, match="refused"):
        await transport.send(told.on(server.post()), 5)
    assert told.connected == 0


async def test_one_that_leaves_as_its_answer_comes_does_not_take_the_connection_from_the_next(
    transport: Transport, serve: "Serve"
) -> None:
    async def script(line: "Line") -> None:
        while True:
            await line.request()
            await line.send(OK)

    server = await serve(script)
    for turns in range(12):
        leaving = asyncio.ensure_future(server.ask(transport))
        following = asyncio.ensure_future(server.ask(transport))
        for _ in range(turns):
            await asyncio.sleep(0)
        leaving.cancel()
        others = [server.ask(transport) for _ in range(3)]
        assert await asyncio.gather(following, *others) == [b"ok"] * 4
        await asyncio.gather(leaving, return_exceptions=True)
