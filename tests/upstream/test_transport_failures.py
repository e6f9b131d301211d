"""What is said of upstreams that cannot be reached, or answer what is no answer."""

import asyncio
import socket
import traceback
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.upstream.transport import Transport, UpstreamRequest

if TYPE_CHECKING:
    from tests.upstream.conftest import Line, Serve, TransportFactory

pytestmark = pytest.mark.anyio


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


async def failure(transport: Transport, url: str, connect_timeout: float = 5) -> FailureError:
    """What `send` raises; the request carries secrets that must not show."""
    separator = "&" if "?" in url else "?"
    request = UpstreamRequest(
        "POST", f"{url}{separator}key=SECRET", (("authorization", "SECRET"),), b"SECRET"
    )
    with pytest.raises(FailureError) as caught:
        await transport.send(request, connect_timeout)
    assert "SECRET" not in str(caught.value)
    assert "SECRET" not in repr(caught.value.failure)
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))
    return caught.value


async def test_a_port_that_refuses(transport: Transport) -> None:
    port = free_port()
    error = await failure(transport, f"http://127.0.0.1:{port}/v1")
    assert error.failure.kind is FailureKind.BAD_GATEWAY
    assert f"127.0.0.1:{port}" in error.failure.message
    assert "refused" in error.failure.message


async def test_a_name_without_an_address(transport: Transport) -> None:
    error = await failure(transport, "http://no-such-host.invalid/v1")
    assert error.failure.kind is FailureKind.BAD_GATEWAY
    assert "no-such-host.invalid:80" in error.failure.message
    assert "resolved" in error.failure.message


async def test_a_connection_that_nobody_takes_times_out(transport: Transport) -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(4):  # fill the queue of connections that nobody accepts
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(address)
        await asyncio.sleep(0.05)
        error = await failure(transport, f"http://127.0.0.1:{address[1]}/v1", connect_timeout=0.2)
    assert error.failure.kind is FailureKind.TIMEOUT
    assert f"127.0.0.1:{address[1]}" in error.failure.message
    assert "0.2 s (timeouts.connect)" in error.failure.message


async def test_a_tls_handshake_that_gets_no_reply_times_out(transport: Transport, serve: "Serve") -> None:
    async def script(line: "Line") -> None:
        await line.gone()

    server = await serve(script)
    error = await failure(transport, f"https://{server.where}/v1", connect_timeout=0.2)
    assert error.failure.kind is FailureKind.TIMEOUT


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", id="another protocol"),
        pytest.param(b"\x15\x03\x03\x00\x02\x02\x28", id="a TLS alert"),
        pytest.param(b"<html>hello</html>\r\n\r\n", id="a body alone"),
        pytest.param(b"HTTP/1.1 OK\r\ncontent-length: 0\r\n\r\n", id="no status"),
        pytest.param(b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n", id="a line that is no header"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n", id="a length that is no number"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", id="a negative length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc",
            id="two different lengths",
        ),
        pytest.param(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", id="an upgrade"
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nx-big: %b\r\n\r\n" % (b"v" * 1_000_000), id="a header without end"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 5_000 + b"\r\n", id="headers without end"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-le", id="half a head"),
        pytest.param(b"", id="nothing"),
    ],
)
async def test_answers_that_are_not_http(transport: Transport, serve: "Serve", answer: bytes) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(answer)

    server = await serve(script)
    error = await failure(transport, server.url())
    assert error.failure.kind is FailureKind.BAD_GATEWAY
    assert server.where in error.failure.message


async def test_a_connection_reset_before_the_answer(transport: Transport, serve: "Serve") -> None:
    async def script(line: "Line") -> None:
        await line.request()
        line.reset()

    server = await serve(script)
    error = await failure(transport, server.url())
    assert error.failure.kind is FailureKind.BAD_GATEWAY
    assert server.where in error.failure.message


async def test_a_connection_reset_while_the_request_is_sent(transport: Transport, serve: "Serve") -> None:
    async def script(line: "Line") -> None:
        await line.head()
        line.reset()

    server = await serve(script)
    with pytest.raises(FailureError) as caught:
        await transport.send(server.post(bytes(20_000_000)), 5)
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY


@pytest.mark.parametrize(
    ("head", "begun"),
    [
        pytest.param(b"content-length: 10\r\n", b"begun", id="short of its length"),
        pytest.param(b"content-length: 10\r\n", b"", id="nothing of its length"),
        pytest.param(b"transfer-encoding: chunked\r\n", b"5\r\nbegun\r\n", id="no final chunk"),
        pytest.param(b"transfer-encoding: chunked\r\n", b"9\r\nbegun", id="half a chunk"),
        pytest.param(b"transfer-encoding: chunked\r\n", b"5\r\nbegun\r\n0\r\n", id="half a final chunk"),
        pytest.param(b"transfer-encoding: chunked\r\n", b"", id="no chunk"),
    ],
)
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
async def test_a_body_that_breaks_off(
    transport: Transport, serve: "Serve", head: bytes, begun: bytes, reset: bool
) -> None:
    there = asyncio.Event()

    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + begun)
        await there.wait()
        if reset:
            line.reset()

    server = await serve(script)
    response = await transport.send(server.post(), 5)
    if b"begun" in begun:
        assert await response.next() == b"begun"
    there.set()
    for _ in range(2):
        with pytest.raises(FailureError) as caught:
            await response.next()
        assert caught.value.failure.kind is FailureKind.BAD_GATEWAY
        assert server.where in caught.value.failure.message


async def test_a_body_without_a_length_that_is_reset(transport: Transport, serve: "Serve") -> None:
    there = asyncio.Event()

    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nbegun")
        await there.wait()
        line.reset()

    server = await serve(script)
    response = await transport.send(server.post(), 5)
    assert await response.next() == b"begun"
    there.set()
    with pytest.raises(FailureError) as caught:
        await response.next()
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY


async def test_a_chunk_without_a_size(transport: Transport, serve: "Serve") -> None:
    there = asyncio.Event()

    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nbegun\r\n")
        await there.wait()
        await line.send(b"lots\r\nand more\r\n")
        await line.gone()

    server = await serve(script)
    response = await transport.send(server.post(), 5)
    assert await response.next() == b"begun"
    there.set()
    with pytest.raises(FailureError) as caught:
        await response.next()
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY


async def test_reading_a_truncated_body_whole(transport: Transport, serve: "Serve") -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nbegun")

    server = await serve(script)
    response = await transport.send(server.post(), 5)
    with pytest.raises(FailureError, match="broke off") as caught:
        await response.read(100)
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY


@pytest.mark.parametrize(
    "head", [b"content-length: 1000\r\n", b"connection: close\r\n", b"transfer-encoding: chunked\r\n"]
)
async def test_a_body_beyond_the_limit_is_not_read(transport: Transport, serve: "Serve", head: bytes) -> None:
    gone = asyncio.Event()

    async def script(line: "Line") -> None:
        await line.request()
        body = b"3e8\r\n" if b"chunked" in head else b""
        await line.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + body + b"x" * 999)
        await line.gone()
        gone.set()

    server = await serve(script)
    response = await transport.send(server.post(), 5)
    with pytest.raises(FailureError, match="larger than 998 bytes") as caught:
        await response.read(998)
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY
    await asyncio.wait_for(gone.wait(), 1)


async def test_a_limit_that_is_just_enough(transport: Transport, serve: "Serve") -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n" + b"x" * 1000)

    server = await serve(script)
    response = await transport.send(server.post(), 5)
    assert await response.read(1000) == b"x" * 1000


@pytest.mark.parametrize(
    "url",
    [
        "http:///v1",
        "http://:80/v1",
        "not a url",
        "http://host:port/v1",
        "http://host:99999/v1",
        "ftp://host.invalid/v1",
        "http://[::1/v1",
        "http://host.invalid/a b",
        "http://host.invalid/ HTTP/1.1\r\nx: y\r\n\r\n",
        "http://host.invalid/é",
        "",
    ],
)
async def test_urls_that_lead_nowhere(transport: Transport, url: str) -> None:
    error = await failure(transport, url)
    assert error.failure.kind is FailureKind.BAD_GATEWAY
    assert "URL" in error.failure.message


@pytest.mark.parametrize(
    "header",
    [
        ("x-key", "SECRET\r\nx-other: 1"),
        ("x-key", "SECRET\n"),
        ("x-key\r\n", "SECRET"),
        ("x-key", "SEC\0RET"),
    ],
)
async def test_no_header_can_smuggle_in_another(
    transport: Transport, serve: "Serve", header: tuple[str, str]
) -> None:
    came: list[bytes] = []

    async def script(line: "Line") -> None:
        came.append(await line.reader.read(1000))

    server = await serve(script)
    with pytest.raises(FailureError) as caught:
        await transport.send(server.post(headers=(header,)), 5)
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY
    assert "SECRET" not in caught.value.failure.message
    await asyncio.sleep(0.05)
    assert b"".join(came) == b""


async def test_a_closed_transport_sends_nothing(make_transport: "TransportFactory", serve: "Serve") -> None:
    async def script(line: "Line") -> None:
        await line.request()

    server = await serve(script)
    made = make_transport(None)
    await made.close()
    await made.close()
    with pytest.raises(FailureError) as caught:
        await made.send(server.post(), 5)
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY
    assert server.accepted == 0
