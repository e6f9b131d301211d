"""Upstreams that never come to an end, at each stage: bounded in time and in memory, and let go at once."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.upstream.watched import Watched

from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.upstream.http1_transport import Http1Transport
from dragoman.upstream.transport import Transport, UpstreamRequest

if TYPE_CHECKING:
    from tests.upstream.conftest import Line, Script, Serve, TransportFactory

pytestmark = pytest.mark.anyio

LIMIT = 0.2
GENEROUS = 3.0
"""Seconds within which a limit of `LIMIT` must have been reached, on a busy machine."""


@pytest.fixture
def ended() -> Watched:
    return Watched()


def watched(script: "Script", ended: Watched, *, asked: bool = False) -> "Script":
    """A server that writes while it waits for the connection's end; if `asked`, after a request."""

    async def both(line: "Line") -> None:
        if asked:
            await line.request()
        playing = asyncio.ensure_future(script(line))
        await ended.watch(line)
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)

    return both


async def timed_out(transport: Transport, url: str) -> FailureError:
    """The failure of a request whose connection does not come about."""
    started = time.monotonic()
    with pytest.raises(FailureError) as caught:
        await transport.send(UpstreamRequest("POST", url, (), b"{}"), LIMIT)
    assert LIMIT - 0.05 < time.monotonic() - started < GENEROUS
    assert caught.value.failure.kind is FailureKind.TIMEOUT
    assert f"{LIMIT:g} s (timeouts.connect)" in caught.value.failure.message
    return caught.value


# --- connecting ----------------------------------------------------------------------------------


async def tls_without_end(line: "Line") -> None:
    """The beginning of a TLS record that never becomes whole."""
    await line.send(b"\x16\x03\x03\x40\x00\x02")


async def tls_byte_by_byte(line: "Line") -> None:
    await tls_without_end(line)
    for _ in range(200):
        await line.send(b"\0")
        await asyncio.sleep(0.02)


async def nothing(line: "Line") -> None:
    del line


async def connect_byte_by_byte(line: "Line") -> None:
    await line.send(b"HTTP/1.1 200 Connection established\r\nx-slow: ")
    for _ in range(200):
        await line.send(b"y")
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("stuck", [nothing, tls_without_end, tls_byte_by_byte])
async def test_a_tls_handshake_that_never_ends(
    transport: Transport, serve: "Serve", ended: Watched, stuck: "Script"
) -> None:
    server = await serve(watched(stuck, ended))
    error = await timed_out(transport, f"https://{server.where}/v1")
    assert server.where in error.failure.message
    await ended.closed()


@pytest.mark.parametrize("stuck", [nothing, connect_byte_by_byte])
async def test_a_proxy_that_never_opens_its_tunnel(
    make_transport: "TransportFactory",
    serve: "Serve",
    ended: Watched,
    monkeypatch: pytest.MonkeyPatch,
    stuck: "Script",
) -> None:
    proxy = await serve(watched(stuck, ended))
    monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.where}")
    made = make_transport(None)
    error = await timed_out(made, "https://upstream.invalid/v1")
    assert "upstream.invalid:443" in error.failure.message
    await ended.closed()
    await made.close()


@pytest.mark.parametrize("way", ["tls", "tunnel"])
async def test_cancelled_while_it_connects(
    make_transport: "TransportFactory",
    serve: "Serve",
    ended: Watched,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    server = await serve(watched(nothing, ended))
    url = f"https://{server.where}/v1"
    if way == "tunnel":
        monkeypatch.setenv("HTTPS_PROXY", f"http://{server.where}")
        url = "https://upstream.invalid/v1"
    made = make_transport(None)
    task = asyncio.ensure_future(made.send(UpstreamRequest("POST", url, (), b"{}"), 20))
    await ended.reached.wait()
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await ended.closed()
    await made.close()


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port whose queue of connections is full: nobody answers to another one."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


SOCKETS = Path("/proc/net/tcp")
SYN_SENT, ESTABLISHED = "02", "01"


def sockets(port: int, state: str) -> list[tuple[int, int]]:
    """The sockets of this machine that lead to a port: bytes not yet sent, and bytes not yet read."""
    rows = [line.split() for line in SOCKETS.read_text().splitlines()[1:]]
    queues = [row[4].split(":") for row in rows if row[2].endswith(f":{port:04X}") and row[3] == state]
    return [(int(sent, 16), int(received, 16)) for sent, received in queues]


@pytest.mark.skipif(not SOCKETS.exists(), reason="looks at sockets as Linux shows them")
@pytest.mark.parametrize("end", ["cancelled", "timed out", "transport closed"])
async def test_an_attempt_to_connect_is_given_up_at_once(
    transport: Transport, black_hole: int, end: str
) -> None:
    others = len(sockets(black_hole, SYN_SENT))
    request = UpstreamRequest("POST", f"http://127.0.0.1:{black_hole}/v1", (), b"{}")
    task = asyncio.ensure_future(transport.send(request, LIMIT if end == "timed out" else 20))
    await asyncio.sleep(LIMIT / 2)
    assert len(sockets(black_hole, SYN_SENT)) == others + 1
    if end == "cancelled":
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        if end == "transport closed":
            await transport.close()
        with pytest.raises(FailureError):
            await asyncio.wait_for(task, GENEROUS)
    await asyncio.sleep(0.01)
    assert len(sockets(black_hole, SYN_SENT)) == others


async def test_when_the_connection_came_about_is_told(transport: Transport, serve: "Serve") -> None:
    """Later than the request for it, and before the answer."""

    async def script(line: "Line") -> None:
        while True:
            await line.request()
            await asyncio.sleep(0.1)
            await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")

    server = await serve(script)
    before: float = 0
    for _ in ("on a new connection", "on a kept one"):
        began = time.monotonic()
        response = await transport.send(server.post(), 5)
        assert began <= response.connected_at <= time.monotonic() - 0.09
        assert response.connected_at > before
        assert await response.read(2) == b"ok"
        before = response.connected_at
    assert server.accepted == 1


async def test_the_time_that_connecting_takes_comes_before_it(
    transport: Transport, serve: "Serve", monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(host: str, port: int, **_: object) -> list[Any]:
        del host
        time.sleep(0.2)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", port))]

    async def script(line: "Line") -> None:
        await line.answer_slowly()

    server = await serve(script)
    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    began = time.monotonic()
    request = UpstreamRequest("POST", f"http://slow.example:{server.port}/v1", (), b"{}")
    response = await transport.send(request, 5)
    assert began + 0.19 <= response.connected_at <= time.monotonic()
    assert await response.read(2) == b"ok"


# --- requests that are not taken, and heads without end ------------------------------------------


async def test_a_request_that_nobody_reads_is_given_up_with_its_sender(
    transport: Transport, serve: "Serve", ended: Watched, secure: bool
) -> None:
    body = bytes(20_000_000)
    resume = asyncio.Event()

    async def script(line: "Line") -> None:
        await line.head()
        await resume.wait()
        await ended.watch(line)

    server = await serve(script, secure=secure)
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(LIMIT):
            await transport.send(server.post(body), 5)
    assert time.monotonic() - started < GENEROUS
    resume.set()
    await ended.closed()
    assert ended.drained < len(body) / 2


@pytest.mark.parametrize("size", [1_000, 200_000, 20_000_000])
@pytest.mark.parametrize("rude", [False, True], ids=["waits", "closes"])
async def test_an_error_that_comes_before_the_request_is_sent_is_delivered(
    transport: Transport, serve: "Serve", secure: bool, size: int, rude: bool
) -> None:
    """Also where the server closes over what it has not read, which breaks the connection."""

    async def script(line: "Line") -> None:
        await line.head()
        await line.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 8\r\nconnection: close\r\n\r\ntoo much")
        if not rude:
            await line.gone()

    server = await serve(script, secure=secure)
    for _ in range(5):
        response = await transport.send(server.post(bytes(size)), 5)
        assert response.status == 413
        assert await response.read(100) == b"too much"


@pytest.mark.parametrize(
    "interim", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"]
)
@pytest.mark.parametrize("pause", [0, 0.01], ids=["in a flood", "one by one"])
async def test_interim_answers_for_ever_leave_the_caller_its_say(
    transport: Transport, serve: "Serve", ended: Watched, secure: bool, interim: bytes, pause: float
) -> None:
    async def script(line: "Line") -> None:
        while True:
            await line.send(interim * (1 if pause else 200))
            await asyncio.sleep(pause)

    server = await serve(watched(script, ended, asked=True), secure=secure)
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(LIMIT):
            await transport.send(server.post(), 5)
    assert time.monotonic() - started < GENEROUS
    await ended.closed()


@pytest.mark.parametrize("beginning", [b"HTTP/1.1 200 ", b"HTTP/1.1 200 OK\r\nx-long: "])
async def test_a_head_that_drips_leaves_the_caller_its_say(
    transport: Transport, serve: "Serve", ended: Watched, secure: bool, beginning: bytes
) -> None:
    async def script(line: "Line") -> None:
        await line.send(beginning)
        while True:
            await line.send(b"x")
            await asyncio.sleep(0.01)

    server = await serve(watched(script, ended, asked=True), secure=secure)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(LIMIT):
            await transport.send(server.post(), 5)
    await ended.closed()


@pytest.mark.parametrize(
    "line_of_it", [b"y" * 65_536, b"x: y\r\n", b"x: %b\r\n" % (b"y" * 60_000)], ids=["line", "lines", "both"]
)
async def test_a_head_without_end_is_refused_by_its_size(
    transport: Transport, serve: "Serve", ended: Watched, secure: bool, line_of_it: bytes
) -> None:
    sent = 0

    async def script(line: "Line") -> None:
        nonlocal sent
        await line.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            await line.send(line_of_it)
            sent += len(line_of_it)

    server = await serve(watched(script, ended, asked=True), secure=secure)
    with pytest.raises(FailureError, match="too large") as caught:
        await asyncio.wait_for(transport.send(server.post(), 5), 10)
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY
    await ended.closed()
    assert sent < 32_000_000


# --- back-pressure -------------------------------------------------------------------------------


@pytest.mark.skipif(not SOCKETS.exists(), reason="looks at sockets as Linux shows them")
@pytest.mark.parametrize("head", [b"content-length: 1000000000\r\n", b"transfer-encoding: chunked\r\n"])
@pytest.mark.parametrize("piece", [100, 100_000])
async def test_what_is_not_read_is_not_taken_from_the_socket(
    transport: Transport, serve: "Serve", secure: bool, head: bytes, piece: int
) -> None:
    """Memory for each stream is bounded, and a slow client slows its upstream down."""
    sent = 0
    framed = b"%x\r\n%b\r\n" % (piece, bytes(piece)) if b"chunked" in head else bytes(piece)
    lines: list[Line] = []

    async def script(line: "Line") -> None:
        nonlocal sent
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        lines.append(line)
        batch = framed * max(1, 10_000 // piece)
        while True:
            sent += len(batch)
            await line.send(batch)

    server = await serve(script, secure=secure)
    response = await transport.send(server.post(), 5)
    assert await response.next()
    before = await standstill(lambda: sent)
    [(_, unread)] = sockets(server.port, ESTABLISHED)
    held = sent - lines[0].unsent() - unread
    assert held < 1_000_000
    async with asyncio.timeout(10):
        while sent == before:
            await response.next()
    response.close()


async def standstill(count: Callable[[], int]) -> int:
    """A number once it grows no more."""
    last = -1
    while (now := count()) != last:
        last = now
        await asyncio.sleep(0.1)
    return last


async def test_closing_just_as_an_attempt_to_connect_runs_out() -> None:
    async def nowhere(host: str, port: int) -> list[tuple[str, int]]:
        await asyncio.sleep(60)
        return [(host, port)]

    transport = Http1Transport(lookup=nowhere)
    attempt = asyncio.ensure_future(
        transport.send(UpstreamRequest("GET", "http://x.invalid/", (), b""), 0.05)
    )
    await asyncio.sleep(0)
    closed: list[bool] = []

    def close() -> None:
        # at once, in the turn of the event loop in which the time is up
        try:
            transport.close().send(None)
        except StopIteration:
            closed.append(True)

    asyncio.get_running_loop().call_later(0.06, close)
    time.sleep(0.1)  # noqa: ASYNC251 - both are due by then
    with pytest.raises(FailureError):
        await attempt
    assert closed == [True]
