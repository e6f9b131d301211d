"""Answers that are compressed although nobody asked for it."""

import asyncio
import gzip
import zlib
from typing import TYPE_CHECKING

import pytest

from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.upstream.transport import Transport, UpstreamResponse

if TYPE_CHECKING:
    from tests.upstream.conftest import Line, Serve

pytestmark = pytest.mark.anyio


async def answered(transport: Transport, serve: "Serve", coding: bytes, body: bytes) -> UpstreamResponse:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 429 Slow Down\r\nretry-after: 3\r\n")
        await line.send(b"content-encoding: %b\r\ncontent-length: %d\r\n\r\n" % (coding, len(body)))
        await line.send(body)
        await line.gone()

    server = await serve(script)
    return await transport.send(server.post(), 5)


@pytest.mark.parametrize(
    ("coding", "body"),
    [(b"gzip", gzip.compress(b"hello")), (b"Deflate", zlib.compress(b"hello")), (b"identity", b"hello")],
    ids=["gzip", "deflate", "identity"],
)
async def test_it_is_unpacked(transport: Transport, serve: "Serve", coding: bytes, body: bytes) -> None:
    response = await answered(transport, serve, coding, body)
    assert await response.read(5) == b"hello"
    assert await response.next() == b""


async def test_headers_describe_the_unpacked_body(transport: Transport, serve: "Serve") -> None:
    response = await answered(transport, serve, b"gzip", gzip.compress(b"hello"))
    assert dict(response.headers) == {"retry-after": "3"}
    response.close()


async def test_a_stream_is_unpacked_as_it_comes(transport: Transport, serve: "Serve") -> None:
    taken = asyncio.Event()

    async def script(line: "Line") -> None:
        await line.request()
        packer = zlib.compressobj(wbits=31)
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n")
        await line.send(packer.compress(b"one") + packer.flush(zlib.Z_SYNC_FLUSH))
        await taken.wait()
        await line.send(packer.compress(b"two") + packer.flush())

    server = await serve(script)
    response = await transport.send(server.post(), 5)
    assert await response.next() == b"one"
    taken.set()
    assert await response.next() == b"two"
    assert await response.next() == b""


async def test_the_limit_is_on_the_unpacked_body(transport: Transport, serve: "Serve") -> None:
    response = await answered(transport, serve, b"gzip", gzip.compress(bytes(50_000_000)))
    with pytest.raises(FailureError, match="larger than 1000000 bytes"):
        await response.read(1_000_000)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        pytest.param(b"br", b"\x0b\x02\x80hello\x03", id="an unknown coding"),
        pytest.param(b"gzip", b"not gzip", id="another coding"),
        pytest.param(b"gzip", gzip.compress(b"hello")[:-4], id="a body that breaks off"),
    ],
)
async def test_what_cannot_be_unpacked_is_refused(
    transport: Transport, serve: "Serve", coding: bytes, body: bytes
) -> None:
    response = await answered(transport, serve, coding, body)
    assert (response.status, response.headers["retry-after"]) == (429, "3")
    with pytest.raises(FailureError, match="compressed") as caught:
        await response.read(100)
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY


async def test_an_answer_without_a_body_needs_no_unpacking(transport: Transport, serve: "Serve") -> None:
    for coding in (b"gzip", b"br"):
        response = await answered(transport, serve, coding, b"")
        assert await response.read(0) == b""
