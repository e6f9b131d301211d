"""Proxies that the environment names: which requests go through them, and that they do."""

import asyncio
import base64
from typing import TYPE_CHECKING

import pytest

from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.upstream.proxies import EnvironmentProxies
from dragoman.upstream.transport import UpstreamRequest

if TYPE_CHECKING:
    from tests.upstream.conftest import TLS, Line, Seen, Serve, Server, TransportFactory

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


def test_without_variables_nothing_is_proxied() -> None:
    assert EnvironmentProxies().proxy_of("https", "api.openai.com", 443) is None


def test_each_scheme_has_its_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://secure.proxy:3128")
    monkeypatch.setenv("http_proxy", "plain.proxy:8080")
    proxies = EnvironmentProxies()
    assert proxies.proxy_of("https", "api.openai.com", 443) == "http://secure.proxy:3128"
    assert proxies.proxy_of("http", "ollama.lan", 11434) == "http://plain.proxy:8080"


def test_hosts_can_be_exempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "localhost, .lan,10.0.0.7:8000")
    proxies = EnvironmentProxies()
    assert proxies.proxy_of("http", "localhost", 11434) is None
    assert proxies.proxy_of("http", "ollama.lan", 80) is None
    assert proxies.proxy_of("http", "10.0.0.7", 8000) is None
    assert proxies.proxy_of("http", "10.0.0.7", 8001) == "http://proxy:3128"
    assert proxies.proxy_of("http", "lan.example", 80) == "http://proxy:3128"


async def tunnel(line: "Line", port: int) -> None:
    """Join a client to a server and let their bytes through, until either closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()

    await asyncio.gather(pipe(line.reader, writer), pipe(reader, line.writer))


@pytest.mark.anyio
async def test_a_request_in_the_clear_goes_to_the_proxy_with_its_whole_url(
    make_transport: "TransportFactory", serve: "Serve", monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Seen] = []

    async def script(line: "Line") -> None:
        seen.append(await line.request())
        await line.send(OK)

    proxy = await serve(script)
    monkeypatch.setenv("HTTP_PROXY", f"http://user:pass%20word@{proxy.where}")
    made = make_transport(None)
    request = proxy.post(target="/v1/models/a%3Ab:generate?x=%7E")
    elsewhere = UpstreamRequest("POST", request.url.replace(proxy.where, "upstream.invalid:81"), (), b"{}")
    response = await made.send(elsewhere, 5)
    assert await response.read(2) == b"ok"
    await made.close()
    assert seen[0].target == "http://upstream.invalid:81/v1/models/a%3Ab:generate?x=%7E"
    assert seen[0].values("host") == ["upstream.invalid:81"]
    credentials = base64.b64encode(b"user:pass word").decode()
    assert seen[0].values("proxy-authorization") == [f"Basic {credentials}"]
    assert seen[0].body == b"{}"


async def tunnelled(serve: "Serve", server: "Server", seen: "list[Seen]") -> "Server":
    """A proxy that leads to one server."""

    async def script(line: "Line") -> None:
        seen.append(await line.head())
        await line.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await tunnel(line, server.port)

    return await serve(script)


@pytest.mark.anyio
async def test_tls_goes_through_the_proxy_unread(
    make_transport: "TransportFactory", serve: "Serve", tls: "TLS", monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(line: "Line") -> None:
        while True:
            inner.append(await line.request())
            await line.send(OK)

    inner: list[Seen] = []
    outer: list[Seen] = []
    server = await serve(script, secure=True)
    proxy = await tunnelled(serve, server, outer)
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:secret@{proxy.where}")
    made = make_transport(tls.client)
    for _ in range(3):
        response = await made.send(server.post(target="/a%3Ab?c", headers=(("x-api-key", "k"),)), 5)
        assert await response.read(2) == b"ok"
    await made.close()
    assert [(seen.method, seen.target) for seen in outer] == [("CONNECT", server.where)]
    assert outer[0].values("proxy-authorization") != []
    assert outer[0].values("x-api-key") == []
    assert [seen.target for seen in inner] == ["/a%3Ab?c"] * 3
    assert inner[0].values("proxy-authorization") == []


@pytest.mark.anyio
async def test_cancelling_closes_the_tunnel(
    make_transport: "TransportFactory", serve: "Serve", tls: "TLS", monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = asyncio.Event()

    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbegun")
        await line.gone()
        gone.set()

    server = await serve(script, secure=True)
    proxy = await tunnelled(serve, server, [])
    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.where}")
    made = make_transport(tls.client)
    response = await made.send(server.post(), 5)
    assert await response.next() == b"begun"
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(response.next(), 0.05)
    await asyncio.wait_for(gone.wait(), 1)
    await made.close()


@pytest.mark.anyio
async def test_a_proxy_that_refuses(
    make_transport: "TransportFactory", serve: "Serve", monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(line: "Line") -> None:
        await line.head()
        await line.send(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")

    proxy = await serve(script)
    error = await failure(make_transport, monkeypatch, f"http://user:SECRET@{proxy.where}")
    assert error.failure.kind is FailureKind.BAD_GATEWAY
    assert "proxy" in error.failure.message
    assert "407" in error.failure.message


@pytest.mark.anyio
async def test_a_proxy_that_is_not_there(
    make_transport: "TransportFactory", serve: "Serve", monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(line: "Line") -> None:
        await line.gone()

    proxy = await serve(script)
    await proxy.stop()
    error = await failure(make_transport, monkeypatch, f"http://user:SECRET@{proxy.where}")
    assert error.failure.kind is FailureKind.BAD_GATEWAY
    assert "proxy" in error.failure.message
    assert "refused" in error.failure.message


@pytest.mark.anyio
async def test_a_proxy_of_another_kind_is_refused(
    make_transport: "TransportFactory", serve: "Serve", monkeypatch: pytest.MonkeyPatch
) -> None:
    async def script(line: "Line") -> None:
        await line.gone()

    proxy = await serve(script)
    error = await failure(make_transport, monkeypatch, f"socks5://user:SECRET@{proxy.where}")
    assert error.failure.kind is FailureKind.BAD_GATEWAY
    assert "proxies" in error.failure.message
    assert proxy.accepted == 0


async def failure(
    make_transport: "TransportFactory", monkeypatch: pytest.MonkeyPatch, url: str
) -> FailureError:
    """What comes of a request over TLS through a proxy."""
    monkeypatch.setenv("HTTPS_PROXY", url)
    made = make_transport(None)
    target = UpstreamRequest("POST", "https://upstream.invalid/v1?key=SECRET", (), b"{}")
    with pytest.raises(FailureError) as caught:
        await made.send(target, 5)
    await made.close()
    assert "upstream.invalid:443" in caught.value.failure.message
    assert "SECRET" not in caught.value.failure.message
    return caught.value
