"""Whom a transport trusts."""

from typing import TYPE_CHECKING

import pytest

from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.upstream.transport import Transport, UpstreamRequest

if TYPE_CHECKING:
    from tests.upstream.conftest import TLS, Line, Serve, TransportFactory

pytestmark = pytest.mark.anyio


async def script(line: "Line") -> None:
    await line.request()
    await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")


async def test_a_certificate_that_is_trusted(transport: Transport, serve: "Serve") -> None:
    server = await serve(script, secure=True)
    response = await transport.send(server.post(), 5)
    assert await response.read(2) == b"ok"


async def test_a_certificate_that_signs_itself_is_refused(
    make_transport: "TransportFactory", serve: "Serve"
) -> None:
    server = await serve(script, secure=True)
    made = make_transport(None)
    with pytest.raises(FailureError) as caught:
        await made.send(server.post(target="/v1?key=SECRET"), 5)
    await made.close()
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY
    assert server.where in caught.value.failure.message
    assert "certificate" in caught.value.failure.message
    assert "SECRET" not in caught.value.failure.message


async def test_a_certificate_for_another_host_is_refused(
    make_transport: "TransportFactory", serve: "Serve", tls_elsewhere: "TLS"
) -> None:
    server = await serve(script, secure=True, context=tls_elsewhere.server)
    made = make_transport(tls_elsewhere.client)
    with pytest.raises(FailureError, match="certificate") as caught:
        await made.send(server.post(), 5)
    await made.close()
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY


async def test_a_server_without_tls_is_refused(transport: Transport, serve: "Serve") -> None:
    async def plain(line: "Line") -> None:
        await line.reader.read(1000)
        await line.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    server = await serve(plain)
    with pytest.raises(FailureError) as caught:
        await transport.send(UpstreamRequest("POST", f"https://{server.where}/", (), b"{}"), 5)
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY
    assert server.where in caught.value.failure.message


async def test_an_answer_cut_off_under_tls(transport: Transport, serve: "Serve") -> None:
    async def cut(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nbegun")

    server = await serve(cut, secure=True)
    response = await transport.send(server.post(), 5)
    with pytest.raises(FailureError, match="broke off"):
        await response.read(100)
