"""Names and their addresses, and names that nobody answers for."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.upstream.aiohttp_names import NameResolver
from dragoman.upstream.name_lookup import NameLookup
from dragoman.upstream.transport import Transport, UpstreamRequest

if TYPE_CHECKING:
    from tests.upstream.conftest import Line, Serve

pytestmark = pytest.mark.anyio

PROMPTLY = 2.0
"""Seconds for what takes milliseconds, on a busy machine."""


class Names:
    """Stands for the system's resolver: names in `.stuck` hang, others lead to this machine."""

    def __init__(self) -> None:
        self.hanging = threading.Semaphore(0)
        """Counts the lookups that hang."""
        self.answer = threading.Event()
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, *_: object, **__: object) -> list[Any]:
        self.asked.append(host)
        if host.endswith(".stuck"):
            self.hanging.release()
            self.answer.wait(20)
        if host.endswith(".nowhere"):
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", port))]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    made = Names()
    monkeypatch.setattr(socket, "getaddrinfo", made)
    yield made
    made.answer.set()


async def ask(transport: Transport, host: str, port: int, connect_timeout: float) -> bytes:
    request = UpstreamRequest("POST", f"http://{host}:{port}/v1", (), b"{}")
    response = await transport.send(request, connect_timeout)
    return await response.read(10)


async def serving(line: "Line") -> None:
    await line.request()
    await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")


async def test_a_name_that_nobody_answers_for_is_bounded_by_the_connect_limit(
    transport: Transport, names: Names
) -> None:
    started = time.monotonic()
    with pytest.raises(FailureError) as caught:
        await ask(transport, "api.stuck", 81, 0.2)
    assert time.monotonic() - started < PROMPTLY
    assert caught.value.failure.kind is FailureKind.TIMEOUT
    assert "api.stuck:81" in caught.value.failure.message


async def test_names_that_hang_keep_no_other_name_waiting(
    transport: Transport, serve: "Serve", names: Names
) -> None:
    server = await serve(serving)
    stuck = [asyncio.ensure_future(ask(transport, f"api{number}.stuck", 81, 20)) for number in range(12)]
    for _ in stuck:
        assert await asyncio.to_thread(names.hanging.acquire, timeout=PROMPTLY)
    assert await asyncio.wait_for(ask(transport, "well.example", server.port, 5), PROMPTLY) == b"ok"
    for one in stuck:
        one.cancel()
    done, _ = await asyncio.wait(stuck, timeout=PROMPTLY)
    assert len(done) == len(stuck)


async def test_a_name_is_found_again_after_it_hung(
    transport: Transport, serve: "Serve", names: Names
) -> None:
    server = await serve(serving)
    with pytest.raises(FailureError):
        await ask(transport, "api.stuck", server.port, 0.05)
    names.answer.set()
    assert await asyncio.wait_for(ask(transport, "api.stuck", server.port, 5), PROMPTLY) == b"ok"


async def test_a_lookup_that_hangs_does_not_hold_up_closing(transport: Transport, names: Names) -> None:
    waiting = asyncio.ensure_future(ask(transport, "api.stuck", 81, 20))
    assert await asyncio.to_thread(names.hanging.acquire, timeout=PROMPTLY)
    await asyncio.wait_for(transport.close(), PROMPTLY)
    with pytest.raises(FailureError):
        await asyncio.wait_for(waiting, PROMPTLY)


async def test_requests_to_one_name_share_its_lookup(
    transport: Transport, serve: "Serve", names: Names
) -> None:
    server = await serve(serving)
    await asyncio.gather(*(ask(transport, "well.example", server.port, 5) for _ in range(10)))
    assert names.asked.count("well.example") == 1


async def test_a_name_without_an_address_says_so(transport: Transport, names: Names) -> None:
    with pytest.raises(FailureError, match="could not be resolved") as caught:
        await ask(transport, "api.nowhere", 81, 5)
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example", "\udcff.example"])
async def test_names_that_break_the_rules_have_no_address(host: str) -> None:
    lookup = NameLookup(1, "test")
    with pytest.raises(OSError, match=r".+"):
        await NameResolver(lookup).resolve(host, 80)
    lookup.close()


async def test_a_closed_lookup_finds_nothing() -> None:
    lookup = NameLookup(1, "test")
    resolver = NameResolver(lookup)
    await resolver.close()
    with pytest.raises(OSError, match="closed"):
        await resolver.resolve("127.0.0.1", 80)


async def test_addresses_of_both_families_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def both(*_: object, **__: object) -> list[Any]:
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::7", 443, 0, 0)),
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::7", 443, 0, 2)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 443)),
        ]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    lookup = NameLookup(1, "test")
    found = await NameResolver(lookup).resolve("both.example", 443)
    lookup.close()
    assert [(one["host"], one["port"], one["family"]) for one in found] == [
        ("2001:db8::7", 443, socket.AF_INET6),
        ("fe80::7%2", 443, socket.AF_INET6),
        ("192.0.2.7", 443, socket.AF_INET),
    ]
