"""What goes out and what comes back when all is well."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from dragoman import __version__
from dragoman.upstream.transport import Transport, UpstreamRequest

if TYPE_CHECKING:
    from tests.upstream.conftest import Line, Seen, Serve

pytestmark = pytest.mark.anyio

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


async def exchange(transport: Transport, serve: "Serve", answer: bytes, method: str = "POST") -> bytes:
    """The body that a transport reads from an answer after which the server closes."""

    async def script(line: "Line") -> None:
        await line.request()
        await line.send(answer)

    server = await serve(script)
    response = await transport.send(UpstreamRequest(method, server.url(), (), b""), 5)
    assert response.status in (200, 204, 304)
    return await response.read(1 << 20)


async def sent(transport: Transport, serve: "Serve", request: UpstreamRequest) -> "Seen":
    """What a server sees of a request; its URL is only a path."""
    seen: list[Seen] = []

    async def script(line: "Line") -> None:
        seen.append(await line.request())
        await line.send(OK)

    server = await serve(script)
    target = UpstreamRequest(request.method, server.url(request.url), request.headers, request.body)
    response = await transport.send(target, 5)
    await response.read(10)
    return seen[0]


@pytest.mark.parametrize(
    "target",
    [
        "/v1beta/models/gemini-2.5-pro:generateContent?alt=sse&key=a%20b",
        "/model/us.anthropic.claude%3A0%2fx%7e/invoke",
        "/a/../b/./c//d",
        "/p?q=a+b&q=%2B&empty=&x=%e2%82%ac",
        "/p/;v=1/@me/$all/(1)/'q'",
    ],
)
async def test_the_target_goes_out_byte_for_byte(transport: Transport, serve: "Serve", target: str) -> None:
    seen = await sent(transport, serve, UpstreamRequest("POST", target, (), b"{}"))
    assert seen.target == target


async def test_method_headers_and_body_go_out_as_given(transport: Transport, serve: "Serve") -> None:
    headers = (("x-api-key", "k"), ("anthropic-beta", "a"), ("anthropic-beta", "b"), ("X-Mixed", "é ü"))
    seen = await sent(transport, serve, UpstreamRequest("PUT", "/p", headers, b"\x00body\xff"))
    assert seen.method == "PUT"
    assert seen.body == b"\x00body\xff"
    assert seen.values("x-api-key") == ["k"]
    assert seen.values("anthropic-beta") == ["a", "b"]
    assert "é ü".encode().decode("latin-1") in seen.values("x-mixed")


async def test_only_what_http_needs_is_added(transport: Transport, serve: "Serve") -> None:
    seen = await sent(transport, serve, UpstreamRequest("POST", "/p", (), b"{}"))
    assert {name.lower() for name, _ in seen.headers} == {
        "host",
        "content-length",
        "user-agent",
        "accept-encoding",
    }
    assert seen.values("content-length") == ["2"]
    assert seen.values("host")[0].startswith("127.0.0.1:")
    assert seen.values("user-agent") == [f"dragoman/{__version__}"]
    assert seen.values("accept-encoding") == ["identity"]


async def test_a_get_goes_out_without_a_body(transport: Transport, serve: "Serve") -> None:
    seen = await sent(transport, serve, UpstreamRequest("GET", "/p", (), b""))
    assert seen.values("content-length") == []
    assert seen.values("transfer-encoding") == []


async def test_a_post_without_a_body_says_so(transport: Transport, serve: "Serve") -> None:
    seen = await sent(transport, serve, UpstreamRequest("POST", "/p", (), b""))
    assert seen.values("content-length") == ["0"]


async def test_headers_that_are_given_are_not_added_twice(transport: Transport, serve: "Serve") -> None:
    headers = (("User-Agent", "mine"), ("accept-encoding", "gzip"), ("Host", "other.example"))
    seen = await sent(transport, serve, UpstreamRequest("POST", "/p", headers, b"{}"))
    assert seen.values("user-agent") == ["mine"]
    assert seen.values("accept-encoding") == ["gzip"]
    assert seen.values("host") == ["other.example"]


async def test_a_large_request_arrives_whole(transport: Transport, serve: "Serve") -> None:
    body = bytes(range(256)) * 4096 * 5
    seen = await sent(transport, serve, UpstreamRequest("POST", "/p", (), body))
    assert seen.values("content-length") == [str(len(body))]
    assert seen.body == body


async def test_status_and_headers_of_the_answer(transport: Transport, serve: "Serve") -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(
            b"HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\nX-Id: a\r\nx-id: b\r\n"
            b"Empty:\r\nContent-Length: 4\r\n\r\nbusy"
        )

    server = await serve(script)
    response = await transport.send(server.post(), 5)
    assert response.status == 429
    assert dict(response.headers) == {
        "retry-after": "7",
        "x-id": "a, b",
        "empty": "",
        "content-length": "4",
    }
    assert await response.read(4) == b"busy"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n003;x=y\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 200\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 103 Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 102 Wait\r\n\r\nHTTP/1.0 200 OK\r\n\r\nhello",
    ],
)
async def test_every_way_to_frame_a_body(transport: Transport, serve: "Serve", answer: bytes) -> None:
    assert await exchange(transport, serve, answer) == b"hello"


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("POST", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
        ("POST", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("POST", b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"),
        ("DELETE", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n"),
        ("HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"),
    ],
)
async def test_an_empty_body_is_empty(
    transport: Transport, serve: "Serve", method: str, answer: bytes
) -> None:
    assert await exchange(transport, serve, answer, method) == b""


async def test_an_answer_that_comes_byte_by_byte(transport: Transport, serve: "Serve") -> None:
    answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"

    async def script(line: "Line") -> None:
        await line.request()
        for at in range(len(answer)):
            await line.send(answer[at : at + 1])
            await asyncio.sleep(0.001)

    server = await serve(script)
    response = await transport.send(server.post(), 5)
    assert await response.read(5) == b"hello"


async def test_headers_of_sixty_kilobytes_pass(transport: Transport, serve: "Serve") -> None:
    value = b"v" * 60_000
    many = b"".join(b"x-%d: %d\r\n" % (number, number) for number in range(200))

    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\nx-big: %b\r\n%bcontent-length: 2\r\n\r\nok" % (value, many))

    server = await serve(script)
    response = await transport.send(server.post(), 5)
    assert response.headers["x-big"].encode() == value
    assert response.headers["x-199"] == "199"
    assert await response.read(2) == b"ok"


async def test_redirects_are_answers(transport: Transport, serve: "Serve") -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /b\r\ncontent-length: 0\r\n\r\n")
        await line.gone()

    server = await serve(script)
    response = await transport.send(server.post(), 5)
    assert response.status == 307
    assert response.headers["location"] == "/b"
    assert await response.read(0) == b""


async def test_cookies_are_not_kept(transport: Transport, serve: "Serve") -> None:
    seen: list[Seen] = []

    async def script(line: "Line") -> None:
        while True:
            seen.append(await line.request())
            await line.send(b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n")

    server = await serve(script)
    for _ in range(2):
        response = await transport.send(server.post(), 5)
        assert response.headers["set-cookie"] == "a=b"
        await response.read(0)
    assert seen[1].values("cookie") == []


async def test_pieces_are_handed_on_as_they_arrive(transport: Transport, serve: "Serve") -> None:
    taken = asyncio.Event()

    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await taken.wait()
        await line.send(b"6\r\nsecond\r\n")
        await line.send(b"0\r\n\r\n")

    server = await serve(script)
    response = await transport.send(server.post(), 5)
    assert await response.next() == b"first"
    taken.set()
    assert await response.next() == b"second"
    assert await response.next() == b""
    assert await response.next() == b""


async def test_the_head_is_handed_on_before_the_body(transport: Transport, serve: "Serve") -> None:
    seen = asyncio.Event()

    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n")
        await seen.wait()
        await line.send(b"ok")

    server = await serve(script)
    response = await transport.send(server.post(), 5)
    seen.set()
    assert await response.read(2) == b"ok"


async def test_read_gives_what_next_has_left(transport: Transport, serve: "Serve") -> None:
    taken = asyncio.Event()

    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\none")
        await taken.wait()
        await line.send(b"twoend")

    server = await serve(script)
    response = await transport.send(server.post(), 5)
    assert await response.next() == b"one"
    taken.set()
    assert await response.read(6) == b"twoend"
    assert await response.read(6) == b""


async def test_a_slow_answer_is_not_a_slow_connection(transport: Transport, serve: "Serve") -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await asyncio.sleep(0.4)
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n")
        await asyncio.sleep(0.4)
        await line.send(b"ok")

    server = await serve(script)
    response = await transport.send(server.post(), 0.2)
    assert await response.read(2) == b"ok"


async def test_many_requests_at_once(transport: Transport, serve: "Serve") -> None:
    waiting = 0
    all_there = asyncio.Event()

    async def script(line: "Line") -> None:
        nonlocal waiting
        seen = await line.request()
        waiting += 1
        if waiting == 150:
            all_there.set()
        await all_there.wait()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(seen.body), seen.body))

    server = await serve(script)

    async def one(number: int) -> bytes:
        response = await transport.send(server.post(b"body %d" % number), 20)
        return await response.read(100)

    bodies = await asyncio.gather(*(one(number) for number in range(150)))
    assert bodies == [b"body %d" % number for number in range(150)]
