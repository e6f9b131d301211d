"""Whether an answer has come in whole, and that nothing is waited for then."""

import asyncio
import gzip
from typing import TYPE_CHECKING

import pytest

from dragoman.conversation.failure import FailureError
from dragoman.upstream.transport import Transport, UpstreamResponse

if TYPE_CHECKING:
    from tests.upstream.conftest import Line, Serve

pytestmark = pytest.mark.anyio

FRAMINGS = {
    "length": (b"content-length: 5\r\n\r\nhel", b"lo"),
    "chunked": (b"transfer-encoding: chunked\r\n\r\n3\r\nhel\r\n", b"2\r\nlo\r\n0\r\n\r\n"),
    "close": (b"connection: close\r\n\r\nhel", b"lo"),
}


def at_once(response: UpstreamResponse) -> bytes:
    """What `next` gives without giving way to anything else."""
    step = response.next()
    try:
        step.send(None)
    except StopIteration as given:
        return given.value
    raise AssertionError("it waits")


async def until_ended(response: UpstreamResponse) -> None:
    async with asyncio.timeout(2):
        while not response.ended:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("framing", FRAMINGS)
async def test_a_body_has_ended_once_all_of_it_has_come(
    transport: Transport, serve: "Serve", framing: str, secure: bool
) -> None:
    begun, rest = FRAMINGS[framing]
    go_on = asyncio.Event()

    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\n" + begun)
        await go_on.wait()
        await line.send(rest)
        if framing != "close":
            await line.gone()

    server = await serve(script, secure=secure)
    response = await transport.send(server.post(), 5)
    assert await response.next() == b"hel"
    await asyncio.sleep(0.02)
    assert not response.ended
    go_on.set()
    await until_ended(response)
    assert at_once(response) == b"lo"
    assert at_once(response) == b""
    assert response.ended
    response.close()
    assert response.ended


async def test_a_body_that_comes_with_its_head_has_ended_with_it(
    transport: Transport, serve: "Serve"
) -> None:
    async def script(line: "Line") -> None:
        while True:
            await line.request()
            await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    server = await serve(script)
    for _ in range(3):
        response = await transport.send(server.post(), 5)
        assert response.ended
        assert at_once(response) == b"ok"
        assert at_once(response) == b""


async def test_an_answer_without_a_body_has_ended(transport: Transport, serve: "Serve") -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        await line.gone()

    server = await serve(script)
    response = await transport.send(server.post(), 5)
    assert response.ended
    assert at_once(response) == b""


async def test_a_body_that_breaks_off_has_not_ended(
    transport: Transport, serve: "Serve", secure: bool
) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbegun")

    server = await serve(script, secure=secure)
    response = await transport.send(server.post(), 5)
    await asyncio.sleep(0.05)
    assert not response.ended
    assert await response.next() == b"begun"
    with pytest.raises(FailureError, match="broke off"):
        await response.next()
    assert not response.ended


async def test_an_answer_that_was_let_go_has_not_ended(transport: Transport, serve: "Serve") -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbegun")
        await line.gone()

    server = await serve(script)
    response = await transport.send(server.post(), 5)
    response.close()
    assert not response.ended


async def test_what_is_left_of_a_packed_body_is_given_at_once(transport: Transport, serve: "Serve") -> None:
    plain = bytes(600_000)
    packed = gzip.compress(plain)

    async def script(line: "Line") -> None:
        await line.request()
        head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
        await line.send(head + packed)
        await line.gone()

    server = await serve(script)
    response = await transport.send(server.post(), 5)
    await until_ended(response)
    given = b""
    while piece := at_once(response):
        given += piece
    assert given == plain
