"""The promise: when the client leaves, the upstream's connection is closed at once.

Every test has the server itself say that the connection is gone, over plain sockets and over TLS.
"""

import asyncio
import gc
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.upstream.watched import PROMPTLY, Watched

from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.upstream.http1_connection import Http1Connection
from dragoman.upstream.transport import Transport, UpstreamResponse

if TYPE_CHECKING:
    from tests.upstream.conftest import Line, Serve, Server

pytestmark = pytest.mark.anyio

BEGUN = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegun\r\n"


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
async def silent(serve: "Serve", watched: Watched, secure: bool) -> "Server":
    """Takes requests and never answers."""

    async def script(line: "Line") -> None:
        await line.request()
        await watched.watch(line)

    return await serve(script, secure=secure)


@pytest.fixture
async def stalling(serve: "Serve", watched: Watched, secure: bool) -> "Server":
    """Begins an answer and says nothing more."""

    async def script(line: "Line") -> None:
        await line.request()
        await line.send(BEGUN)
        await watched.watch(line)

    return await serve(script, secure=secure)


async def cancel(coroutine: Coroutine[Any, Any, object], when: asyncio.Event) -> None:
    """Run a coroutine and cancel it once the event has come and it waits again."""
    task = asyncio.ensure_future(coroutine)
    await when.wait()
    await asyncio.sleep(0.02)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_cancelled_while_it_waits_for_the_head(
    transport: Transport, silent: "Server", watched: Watched
) -> None:
    await cancel(transport.send(silent.post(), 5), watched.reached)
    await watched.closed()


async def test_cancelled_in_the_middle_of_the_head(
    transport: Transport, serve: "Serve", watched: Watched, secure: bool
) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-le")
        await watched.watch(line)

    server = await serve(script, secure=secure)
    await cancel(transport.send(server.post(), 5), watched.reached)
    await watched.closed()


async def test_cancelled_while_the_request_is_sent(
    transport: Transport, serve: "Serve", watched: Watched, secure: bool
) -> None:
    body = bytes(64_000_000)
    resume = asyncio.Event()

    async def script(line: "Line") -> None:
        await line.head()
        watched.reached.set()
        await resume.wait()
        await watched.watch(line)

    server = await serve(script, secure=secure)
    await cancel(transport.send(server.post(body), 5), watched.reached)
    resume.set()
    await watched.closed()
    assert watched.drained < len(body) / 2


class OpenFiles:
    """Counts this process's open files, the sockets of both sides among them."""

    FOLDER = Path("/proc/self/fd")

    def __init__(self) -> None:
        self._before = 0

    def remember(self) -> None:
        self._before = len(list(self.FOLDER.iterdir()))

    async def fewer(self) -> None:
        for _ in range(50):
            if len(list(self.FOLDER.iterdir())) < self._before:
                return
            await asyncio.sleep(PROMPTLY / 50)
        pytest.fail("the socket is still open")


@pytest.mark.skipif(not OpenFiles.FOLDER.exists(), reason="counts open files as Linux shows them")
@pytest.mark.parametrize("begun", [False, True], ids=["no head yet", "in mid-body"])
@pytest.mark.parametrize("end", ["cancelled", "transport closed"])
async def test_no_socket_waits_for_a_server_that_does_not_read(
    transport: Transport, serve: "Serve", watched: Watched, secure: bool, end: str, begun: bool
) -> None:
    files = OpenFiles()

    async def script(line: "Line") -> None:
        await line.head()
        if begun:
            await line.send(BEGUN)
        files.remember()
        watched.reached.set()
        await asyncio.sleep(60)

    async def exchange() -> None:
        response = await transport.send(server.post(bytes(64_000_000)), 5)
        await response.read(100)

    server = await serve(script, secure=secure)
    if end == "cancelled":
        await cancel(exchange(), watched.reached)
    else:
        task = asyncio.ensure_future(exchange())
        await watched.reached.wait()
        await asyncio.sleep(0.02)
        await asyncio.wait_for(transport.close(), PROMPTLY)
        with pytest.raises(FailureError):
            await task
    await files.fewer()


@pytest.mark.skipif(not OpenFiles.FOLDER.exists(), reason="counts open files as Linux shows them")
async def test_no_socket_waits_once_the_answer_is_whole(
    transport: Transport, serve: "Serve", watched: Watched, secure: bool
) -> None:
    files = OpenFiles()

    async def script(line: "Line") -> None:
        await line.head()
        files.remember()
        await line.send(BEGUN + b"0\r\n\r\n")
        await asyncio.sleep(60)

    server = await serve(script, secure=secure)
    response = await transport.send(server.post(bytes(64_000_000)), 5)
    assert await response.read(5) == b"begun"
    await files.fewer()


@pytest.mark.parametrize("way", ["next", "read"])
async def test_cancelled_in_mid_body(
    transport: Transport, stalling: "Server", watched: Watched, way: str
) -> None:
    response = await transport.send(stalling.post(), 5)
    assert await response.next() == b"begun"
    await cancel(response.next() if way == "next" else response.read(1000), watched.reached)
    await watched.closed()
    with pytest.raises(FailureError):
        await response.next()


async def test_cancelled_in_a_body_without_a_length(
    transport: Transport, serve: "Serve", watched: Watched, secure: bool
) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nbegun")
        await watched.watch(line)

    server = await serve(script, secure=secure)
    response = await transport.send(server.post(), 5)
    assert await response.next() == b"begun"
    await cancel(response.next(), watched.reached)
    await watched.closed()


async def test_cancelled_on_a_connection_that_served_before(
    transport: Transport, serve: "Serve", watched: Watched, secure: bool
) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await line.request()
        await watched.watch(line)

    server = await serve(script, secure=secure)
    response = await transport.send(server.post(), 5)
    assert await response.read(2) == b"ok"
    await cancel(transport.send(server.post(), 5), watched.reached)
    await watched.closed()
    assert server.accepted == 1


async def test_timeouts_of_the_caller_are_cancellations(
    transport: Transport, silent: "Server", watched: Watched
) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await transport.send(silent.post(), 5)
    await watched.closed()


async def test_closed_before_the_body_was_read(
    transport: Transport, stalling: "Server", watched: Watched
) -> None:
    response = await transport.send(stalling.post(), 5)
    response.close()
    response.close()
    await watched.closed()
    with pytest.raises(FailureError, match="closed"):
        await response.next()


async def test_closed_in_mid_body(transport: Transport, stalling: "Server", watched: Watched) -> None:
    response = await transport.send(stalling.post(), 5)
    assert await response.next() == b"begun"
    response.close()
    await watched.closed()
    with pytest.raises(FailureError, match="closed"):
        await response.read(10)


async def test_closed_while_the_server_sends_more_than_is_read(
    transport: Transport, serve: "Serve", watched: Watched, secure: bool
) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
        watched.reached.set()
        try:
            for _ in range(100):
                await line.send(bytes(1_000_000))
        except ConnectionError:
            watched.gone.set()

    server = await serve(script, secure=secure)
    response = await transport.send(server.post(), 5)
    assert await response.next()
    await asyncio.sleep(0.1)
    response.close()
    await watched.closed()


async def test_closing_wakes_a_reader(transport: Transport, stalling: "Server", watched: Watched) -> None:
    response = await transport.send(stalling.post(), 5)
    assert await response.next() == b"begun"
    reader = asyncio.ensure_future(response.next())
    await asyncio.sleep(0.02)
    response.close()
    with pytest.raises(FailureError) as caught:
        await asyncio.wait_for(reader, PROMPTLY)
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY
    await watched.closed()


async def test_closing_the_transport_closes_answers_in_mid_body(
    transport: Transport, stalling: "Server", watched: Watched
) -> None:
    response = await transport.send(stalling.post(), 5)
    assert await response.next() == b"begun"
    reader = asyncio.ensure_future(response.next())
    await asyncio.sleep(0.02)
    await transport.close()
    await watched.closed()
    with pytest.raises(FailureError):
        await asyncio.wait_for(reader, PROMPTLY)


async def test_closing_the_transport_ends_what_waits_for_a_head(
    transport: Transport, silent: "Server", watched: Watched
) -> None:
    sending = asyncio.ensure_future(transport.send(silent.post(), 5))
    await watched.reached.wait()
    await transport.close()
    await watched.closed()
    with pytest.raises(FailureError) as caught:
        await asyncio.wait_for(sending, PROMPTLY)
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY
    assert silent.accepted == 1


async def test_closing_the_transport_closes_idle_connections(
    transport: Transport, serve: "Serve", watched: Watched, secure: bool
) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await watched.watch(line)

    server = await serve(script, secure=secure)
    response = await transport.send(server.post(), 5)
    assert await response.read(2) == b"ok"
    await transport.close()
    await watched.closed()


async def test_one_that_leaves_does_not_disturb_the_others(
    transport: Transport, serve: "Serve", secure: bool
) -> None:
    gone: list[bytes] = []
    done = asyncio.Event()

    async def script(line: "Line") -> None:
        seen = await line.request()
        await line.send(BEGUN)
        if int(seen.body) % 2:
            await line.gone()
            gone.append(seen.body)
            if len(gone) == 10:
                done.set()
        else:
            await done.wait()
            await line.send(b"4\r\nrest\r\n0\r\n\r\n")

    server = await serve(script, secure=secure)

    async def begin(number: int) -> UpstreamResponse:
        response = await transport.send(server.post(b"%d" % number), 20)
        assert await response.next() == b"begun"
        return response

    responses = await asyncio.gather(*(begin(number) for number in range(20)))
    readers = [asyncio.ensure_future(response.read(10)) for response in responses]
    await asyncio.sleep(0.02)
    for reader in readers[1::2]:
        reader.cancel()
    await asyncio.wait_for(done.wait(), PROMPTLY)
    assert await asyncio.gather(*readers[::2]) == [b"rest"] * 10


async def test_nothing_is_left_of_an_attempt_that_is_given_up_as_it_succeeds(
    strict_transport: Transport, serve: "Serve"
) -> None:
    """Event loops differ in what they tell a connection that nobody waits for any more."""

    async def script(line: "Line") -> None:
        await line.gone()

    server = await serve(script)
    for turn in range(120):
        attempt = asyncio.ensure_future(strict_transport.send(server.get(), 5))
        for _ in range(turn % 12):
            await asyncio.sleep(0)
        attempt.cancel()
        await asyncio.wait([attempt])
        del attempt
    await asyncio.sleep(0.02)
    gc.collect()
    assert not [held for held in gc.get_objects() if isinstance(held, Http1Connection)]
