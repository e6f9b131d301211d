"""Hosts as they stand in URLs, and the addresses behind them."""

import asyncio
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any

import pytest

from dragoman.upstream.http1_transport import Http1Transport
from dragoman.upstream.transport import Transport, UpstreamRequest

if TYPE_CHECKING:
    from tests.upstream.conftest import TLS, Line, Seen, Serve, TransportFactory

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def leading_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Lets every name lead to these addresses; gives the names that are asked for."""
    asked: list[str] = []

    def found(host: str, port: int, *_: object, **__: object) -> list[Any]:
        asked.append(host)
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
            if ":" in address
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    return asked


async def ask(transport: Transport, url: str) -> bytes:
    response = await transport.send(UpstreamRequest("POST", url, (), b"{}"), 5)
    return await response.read(10)


@pytest.mark.parametrize("order", [("127.0.0.2", "127.0.0.1"), ("::1", "127.0.0.1"), ("127.0.0.1", "::1")])
async def test_an_address_that_refuses_gives_way_to_another(
    transport: Transport, serve: "Serve", monkeypatch: pytest.MonkeyPatch, order: tuple[str, ...]
) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(OK)

    server = await serve(script)
    leading_to(monkeypatch, *order)
    began = time.monotonic()
    assert await ask(transport, f"http://two.example:{server.port}/") == b"ok"
    assert time.monotonic() - began < 2


async def test_the_host_header_names_the_host_of_the_url(
    transport: Transport, serve: "Serve", monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Seen] = []

    async def script(line: "Line") -> None:
        seen.append(await line.request())
        await line.send(OK)

    server = await serve(script)
    leading_to(monkeypatch, "127.0.0.1")
    assert await ask(transport, f"http://api.example:{server.port}/") == b"ok"
    assert seen[0].values("host") == [f"api.example:{server.port}"]


async def test_an_address_of_ipv6_stands_in_brackets(transport: Transport) -> None:
    heads: list[bytes] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(OK)
        await reader.read()
        writer.close()

    try:
        listener = await asyncio.start_server(accept, "::1", 0)
    except OSError:
        pytest.skip("the machine has no IPv6")
    port = listener.sockets[0].getsockname()[1]
    assert await ask(transport, f"http://[::1]:{port}/") == b"ok"
    assert f"host: [::1]:{port}\r\n".encode() in heads[0].lower()
    await transport.close()
    listener.close()


async def test_tls_names_the_host_and_no_address(
    make_transport: "TransportFactory", serve: "Serve", tls: "TLS", monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(OK)

    names: list[str | None] = []
    tls.server.sni_callback = lambda _socket, name, _context: names.append(name)
    server = await serve(script, secure=True)
    leading_to(monkeypatch, "127.0.0.1")
    careless = ssl.create_default_context()
    careless.check_hostname = False
    careless.verify_mode = ssl.CERT_NONE
    made = make_transport(careless)
    assert await ask(made, f"https://api.example:{server.port}/") == b"ok"
    assert await ask(made, f"https://{server.where}/") == b"ok"
    await made.close()
    assert names == ["api.example", None]


async def test_hosts_are_told_apart(transport: Transport, serve: "Serve") -> None:
    """A connection to one server never carries a request to another."""

    async def script(line: "Line") -> None:
        while True:
            await line.request()
            await line.send(OK)

    first, second = await serve(script), await serve(script)
    for _ in range(3):
        for server in (first, second):
            assert await server.ask(transport) == b"ok"
    assert (first.accepted, second.accepted) == (1, 1)


async def test_a_name_may_lead_elsewhere_after_a_while(
    serve: "Serve", monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")

    server = await serve(script)
    url = f"http://moving.example:{server.port}/"
    monkeypatch.setattr("dragoman.upstream.name_lookup._RECENT", 0.1)
    transport = Http1Transport()
    asked = leading_to(monkeypatch, "127.0.0.1")
    assert [await ask(transport, url) for _ in range(3)] == [b"ok"] * 3
    assert len(asked) == 1
    await asyncio.sleep(0.15)
    assert await ask(transport, url) == b"ok"
    assert len(asked) == 2
    await transport.close()
