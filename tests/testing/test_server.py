"""The fake provider on real sockets: answers, breaks, and clients that leave."""

import asyncio
import json
import socket
import time
import urllib.parse
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
import requests

from dragoman.conversation.blocks import Text
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.testing.exchange import Answer, Chunk, Ending
from dragoman.testing.provider import FakeProvider
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer, fake_server

pytestmark = pytest.mark.anyio

CHAT = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}
TEXT = Response("", "", (Choice(0, (Text("one two three four five six seven"),), Stop(StopReason.END)),))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def server() -> AsyncIterator[FakeServer]:
    async with FakeServer() as fake:
        yield fake


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def threaded() -> Iterator[FakeServer]:
    with fake_server() as fake:
        yield fake


def raw(*pieces: bytes, ending: Ending, streamed: bool = True) -> Answer:
    return Answer(
        200,
        {"content-type": "text/event-stream"},
        tuple(Chunk(0.0, piece) for piece in pieces),
        streamed,
        ending,
    )


def plain(path: str, body: bytes = b"", *headers: str, method: str = "POST") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: x", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def exchange(server: FakeServer, *requests_: bytes) -> bytes:
    """All that comes back on one connection to requests sent at once, until it is closed."""
    place = urllib.parse.urlsplit(server.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(b"".join(requests_))
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_it_answers(server: FakeServer, client: aiohttp.ClientSession) -> None:
    async with client.post(
        f"{server.url}/v1/chat/completions?a=b", json=CHAT, headers={"X-Test": "1"}
    ) as answer:
        assert answer.status == 200
        assert (await answer.json())["object"] == "chat.completion"

    (received,) = server.script.received
    assert received.query == {"a": "b"}
    assert received.headers["x-test"] == "1"
    assert json.loads(received.body) == CHAT
    assert received.left_at is None


async def test_it_streams_frame_by_frame(server: FakeServer, client: aiohttp.ClientSession) -> None:
    server.script.add(Scripted(TEXT, pace=0.03))
    arrivals: list[float] = []
    async with client.post(f"{server.url}/v1/chat/completions", json={**CHAT, "stream": True}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for data, _ in answer.content.iter_chunks():
            assert data.endswith(b"\n\n")
            arrivals.append(time.monotonic())

    assert len(arrivals) > 3
    assert arrivals[-1] - arrivals[0] > 0.05


async def test_a_connection_is_used_again(server: FakeServer, client: aiohttp.ClientSession) -> None:
    for stream in (False, True, False):
        async with client.post(
            f"{server.url}/v1/chat/completions", json={**CHAT, "stream": stream}
        ) as answer:
            await answer.read()

    assert (server.accepted, server.open_connections) == (1, 1)
    assert len(server.script.received) == 3


async def test_requests_sent_at_once_are_answered_in_order(server: FakeServer) -> None:
    body = json.dumps(CHAT).encode()
    data = await exchange(
        server,
        plain("/v1/nothing"),
        plain("/v1/chat/completions", body, "content-type: application/json", "connection: close"),
    )

    assert data.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert b"HTTP/1.1 200 OK\r\n" in data
    assert b"connection: close" in data


async def test_a_head_request_gets_no_body(server: FakeServer) -> None:
    data = await exchange(server, plain("/api/hello", b"", "connection: close", method="HEAD"))

    assert data.startswith(b"HTTP/1.1 404")
    assert data.endswith(b"\r\n\r\n")


async def test_a_large_request_is_told_to_go_on(server: FakeServer) -> None:
    data = await exchange(server, plain("/nope", b"x" * 10, "expect: 100-continue", "connection: close"))

    assert data.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404")


async def test_what_is_not_http_is_refused(server: FakeServer) -> None:
    assert (await exchange(server, b"\x16\x03\x01 nonsense\r\n\r\n")).startswith(b"HTTP/1.1 400")


async def test_a_stream_breaks_with_a_reset(server: FakeServer) -> None:
    server.script.add(Scripted(raw(b"data: 1\n\n", b"data: 2\n\n", ending=Ending.RESET), checked=False))
    place = urllib.parse.urlsplit(server.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(plain("/v1/messages"))
    await reader.readuntil(b"data: 2\n\n\r\n")

    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    assert server.script.received[0].left_at is None


async def test_a_stream_breaks_with_an_early_end(server: FakeServer, client: aiohttp.ClientSession) -> None:
    server.script.add(Scripted(TEXT, frames=2, ending=Ending.CLOSED))

    async with client.post(f"{server.url}/v1/chat/completions", json={**CHAT, "stream": True}) as answer:
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_an_answer_with_a_length_breaks_off_short_of_it(
    server: FakeServer, client: aiohttp.ClientSession
) -> None:
    server.script.add(Scripted(raw(b"{}", ending=Ending.CLOSED, streamed=False), checked=False))

    async with client.post(f"{server.url}/v1/messages") as answer:
        assert answer.headers["content-length"] == "3"
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()


async def test_an_answer_can_be_late(server: FakeServer, client: aiohttp.ClientSession) -> None:
    server.script.add(Scripted(TEXT, delay=0.1))
    before = time.monotonic()
    async with client.post(f"{server.url}/v1/chat/completions", json=CHAT) as answer:
        await answer.read()

    assert time.monotonic() - before > 0.1


async def test_a_client_that_leaves_a_stalled_stream_is_seen_at_once(
    server: FakeServer, client: aiohttp.ClientSession
) -> None:
    server.script.add(Scripted(TEXT, frames=2, ending=Ending.STALLED))
    answer = await client.post(f"{server.url}/v1/chat/completions", json={**CHAT, "stream": True})
    await answer.content.readany()
    (received,) = server.script.received
    assert received.left_at is None
    before = time.monotonic()
    answer.close()

    assert await received.left(2) - before < 0.5
    assert received.left_at is not None


async def test_a_client_that_leaves_between_frames_is_seen_and_gets_no_more(
    server: FakeServer, client: aiohttp.ClientSession
) -> None:
    server.script.add(Scripted(TEXT, pace=60))
    answer = await client.post(f"{server.url}/v1/chat/completions", json={**CHAT, "stream": True})
    await answer.content.readany()
    answer.close()

    await server.script.received[0].left(2)
    assert server.open_connections == 0


async def test_a_client_that_resets_is_seen(server: FakeServer) -> None:
    server.script.add(Scripted(TEXT, delay=60))
    place = urllib.parse.urlsplit(server.url)
    body = json.dumps(CHAT).encode()
    with socket.create_connection((str(place.hostname), place.port)) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.sendall(plain("/v1/chat/completions", body, "content-type: application/json"))
        (received,) = await server.script.arrived(1, 2)

    assert await received.left(2)


async def test_closing_the_server_closes_its_connections() -> None:
    async with FakeServer() as fake, aiohttp.ClientSession() as session:
        fake.script.add(Scripted(TEXT, frames=1, ending=Ending.STALLED))
        answer = await session.post(f"{fake.url}/v1/chat/completions", json={**CHAT, "stream": True})
        await fake.close()
        with pytest.raises(aiohttp.ClientError):
            await answer.read()

    assert fake.open_connections == 0


def test_it_runs_in_a_thread(threaded: FakeServer) -> None:
    answer = requests.post(f"{threaded.url}/v1/chat/completions", json=CHAT, timeout=5)

    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["role"] == "assistant"


def test_a_thread_can_wait_for_a_client_that_leaves(threaded: FakeServer) -> None:
    threaded.script.add(Scripted(TEXT, frames=1, ending=Ending.STALLED))
    url = f"{threaded.url}/v1/chat/completions"
    with requests.post(url, json={**CHAT, "stream": True}, stream=True, timeout=5) as answer:
        next(answer.iter_content(None))

    assert threaded.script.received[0].wait_left(2)


def test_the_server_takes_a_provider_with_keys() -> None:
    with fake_server(FakeProvider(keys=frozenset({"k"}))) as fake:
        url = f"{fake.url}/v1/chat/completions"

        assert requests.post(url, json=CHAT, timeout=5).status_code == 401
        bearer = {"authorization": "Bearer k"}
        assert requests.post(url, json=CHAT, headers=bearer, timeout=5).status_code == 200


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(OSError, match="address already in use"), fake_server(port=port):
            pass
