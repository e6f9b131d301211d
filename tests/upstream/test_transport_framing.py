"""Where an answer ends: what could be read in two ways is refused, and no answer gets another's bytes."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.upstream.transport import Transport, UpstreamRequest

if TYPE_CHECKING:
    from tests.upstream.conftest import Line, Serve

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CHUNKS = b"2\r\nok\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"content-length: 2\r\ntransfer-encoding: chunked\r\n", id="a length and chunks"),
        pytest.param(b"transfer-encoding: chunked\r\ncontent-length: 2\r\n", id="chunks and a length"),
        pytest.param(b"transfer-encoding: gzip\r\n", id="another coding"),
        pytest.param(b"transfer-encoding: gzip, chunked\r\n", id="another coding in chunks"),
        pytest.param(b"transfer-encoding: chunked, gzip\r\n", id="chunks in another coding"),
        pytest.param(b"transfer-encoding: xchunked\r\n", id="an unknown coding"),
        pytest.param(b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", id="chunks in chunks"),
        pytest.param(b"x: y\rtransfer-encoding: chunked\r\n", id="a lone carriage return"),
        pytest.param(b"x: a\0b\r\ntransfer-encoding: chunked\r\n", id="a null"),
        pytest.param(b": y\r\ntransfer-encoding: chunked\r\n", id="a header without a name"),
        pytest.param(b"x\x80y: z\r\ntransfer-encoding: chunked\r\n", id="a name that is none"),
        pytest.param(b"content-length: 2, 2\r\n", id="a list of lengths"),
        pytest.param(b"content-length: +2\r\n", id="a length with a sign"),
        pytest.param(b"content-length: 0x2\r\n", id="a hexadecimal length"),
        pytest.param(b"content-length: \r\n", id="an empty length"),
        pytest.param(b"content-length: 18446744073709551618\r\n", id="a length that overflows"),
    ],
)
async def test_a_body_whose_end_is_in_doubt_is_refused(
    transport: Transport, serve: "Serve", head: bytes
) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + CHUNKS)
        await line.gone()

    server = await serve(script)
    with pytest.raises(FailureError, match="not valid HTTP") as caught:
        await transport.send(server.post(), 5)
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY
    assert server.where in caught.value.failure.message


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"transfer-encoding : chunked\r\n", id="a space before the colon"),
        pytest.param(b" transfer-encoding: chunked\r\n", id="a space before the first header"),
        pytest.param(b"x: y\r\n transfer-encoding: chunked\r\n", id="a folded line"),
        pytest.param(b"x: y\ntransfer-encoding: chunked\r\n", id="a lone line feed"),
    ],
)
async def test_what_other_parsers_read_otherwise_is_refused(
    strict_transport: Transport, serve: "Serve", head: bytes
) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + CHUNKS)
        await line.gone()

    server = await serve(script)
    with pytest.raises(FailureError, match="not valid HTTP"):
        await strict_transport.send(server.post(), 5)


@pytest.mark.parametrize("version", [b"RTSP/1.0", b"ICE/1.0"])
async def test_what_only_looks_like_http_is_refused(
    strict_transport: Transport, serve: "Serve", version: bytes
) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(version + OK[8:])
        await line.gone()

    server = await serve(script)
    with pytest.raises(FailureError, match="not valid HTTP"):
        await strict_transport.send(server.post(), 5)


@pytest.mark.parametrize("version", [b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.2", b"http/1.1"])
async def test_another_protocol_is_refused(transport: Transport, serve: "Serve", version: bytes) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(version + OK[8:])
        await line.gone()

    server = await serve(script)
    with pytest.raises(FailureError, match="not valid HTTP"):
        await transport.send(server.post(), 5)


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param(b"0x2\r\nok\r\n0\r\n\r\n", id="a sign for hexadecimal"),
        pytest.param(b"-2\r\nok\r\n0\r\n\r\n", id="a negative size"),
        pytest.param(b"2\nok\n0\n\n", id="lone line feeds"),
        pytest.param(b"2\r\nok??0\r\n\r\n", id="more than the size"),
        pytest.param(b"fffffffffffffffff\r\nok", id="a size that overflows"),
        pytest.param(b"\r\nok\r\n0\r\n\r\n", id="no size"),
    ],
)
async def test_a_chunk_whose_end_is_in_doubt_breaks_the_answer_off(
    transport: Transport, serve: "Serve", chunks: bytes
) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        await asyncio.sleep(0.01)
        await line.send(chunks)
        await line.gone()

    server = await serve(script)
    response = await transport.send(server.post(), 5)
    with pytest.raises(FailureError, match="broke off"):
        await response.read(100)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-sum: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + OK,
        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\ncontent-length: 9\r\n\r\n" + OK,
    ],
    ids=["trailers", "extensions", "100", "103", "103 with a length"],
)
async def test_what_stands_around_a_body_does_not_cost_the_connection(
    transport: Transport, serve: "Serve", answer: bytes
) -> None:
    async def script(line: "Line") -> None:
        while True:
            await line.request()
            await line.send(answer)

    server = await serve(script)
    for _ in range(3):
        response = await transport.send(server.post(), 5)
        assert response.status == 200
        assert "link" not in response.headers
        assert await response.read(2) == b"ok"
    assert server.accepted == 1


@pytest.mark.parametrize(
    "rest", [b"HTTP/1.1 200 OK\r\ncontent-le", b"HTTP/1.1 100 Continue\r\n\r\n", b"H"], ids=str
)
async def test_the_beginning_of_another_answer_ends_the_connection(
    strict_transport: Transport, serve: "Serve", rest: bytes
) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(OK + rest if line.number == 1 else OK)
        await line.gone()

    server = await serve(script)
    assert await server.ask(strict_transport) == b"ok"
    assert await server.ask(strict_transport) == b"ok"
    assert server.accepted == 2


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_what_follows_an_answer_that_has_no_body_is_not_its_body(
    transport: Transport, serve: "Serve", status: bytes
) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        if line.number == 1:
            await line.send(b"HTTP/1.1 %b\r\ncontent-length: 2\r\n\r\n" % status)
            await asyncio.sleep(0.02)
            await line.send(b"no")
        else:
            await line.send(OK)
        await line.gone()

    server = await serve(script)
    response = await transport.send(server.post(), 5)
    assert await response.read(100) == b""
    await asyncio.sleep(0.05)
    assert await server.ask(transport) == b"ok"
    assert server.accepted == 2


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        pytest.param(b"HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\n", b"", id="204 with a length"),
        pytest.param(
            b"HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n", b"", id="204 in chunks"
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nconnection: close\r\n\r\n",
            b"ok",
            id="a trailer that ends the connection",
        ),
    ],
)
async def test_a_connection_that_may_be_out_of_step_is_not_used_again(
    strict_transport: Transport, serve: "Serve", answer: bytes, body: bytes
) -> None:
    async def script(line: "Line") -> None:
        while True:
            await line.request()
            await line.send(answer if line.number == 1 else OK)

    server = await serve(script)
    response = await strict_transport.send(server.post(), 5)
    assert await response.read(100) == body
    assert await server.ask(strict_transport) == b"ok"
    assert server.accepted == 2


async def test_an_answer_to_head_is_whole_with_its_head(transport: Transport, serve: "Serve") -> None:
    async def script(line: "Line") -> None:
        while True:
            seen = await line.request()
            await line.send(OK[:-2] if seen.method == "HEAD" else OK)

    server = await serve(script)
    for _ in range(2):
        response = await transport.send(UpstreamRequest("HEAD", server.url(), (), b""), 5)
        assert response.headers["content-length"] == "2"
        assert await asyncio.wait_for(response.read(2), 1) == b""
        assert await server.ask(transport) == b"ok"


async def test_a_server_that_says_no_more_is_not_asked_again(transport: Transport, serve: "Serve") -> None:
    """It closes its own side only, and would read another request without being able to answer."""
    read: list[bytes] = []

    async def script(line: "Line") -> None:
        await line.request()
        await line.send(OK)
        line.writer.write_eof()
        read.append(await line.reader.read())

    server = await serve(script)
    for _ in range(3):
        assert await server.ask(transport) == b"ok"
        await asyncio.sleep(0.02)
    assert server.accepted == 3
    assert set(read) == {b""}


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding"])
async def test_nobody_else_says_how_long_a_request_is(
    transport: Transport, serve: "Serve", name: str
) -> None:
    async def script(line: "Line") -> None:
        await line.request()

    server = await serve(script)
    value = "1" if name == "Content-Length" else "chunked"
    with pytest.raises(FailureError, match="cannot be sent"):
        await transport.send(server.post(headers=((name, value),)), 5)


@pytest.mark.parametrize("method", ["GET / HTTP/1.1\r\nx: y\r\n\r\nGET", "", "G T", "GÉT", "GET\0"])
async def test_no_method_can_smuggle_in_a_request(transport: Transport, serve: "Serve", method: str) -> None:
    came: list[bytes] = []

    async def script(line: "Line") -> None:
        came.append(await line.reader.read(1000))

    server = await serve(script)
    with pytest.raises(FailureError, match="cannot be sent"):
        await transport.send(UpstreamRequest(method, server.url(), (), b""), 5)
    await asyncio.sleep(0.02)
    assert b"".join(came) == b""
