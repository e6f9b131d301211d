"""Whom nobody reaches through the gateway, tried against real servers."""

import asyncio
import socket
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.upstream.public_address import IPAddress, is_public
from dragoman.upstream.remote_media import MAX_REDIRECTS, Lookup, RemoteMedia

if TYPE_CHECKING:
    from tests.upstream.conftest import Line, Script, Serve

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + bytes(30)
HOST = "pictures.example"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 38\r\n\r\n" + PNG
NOT_PUBLIC = "cannot be fetched: it has no address on the public Internet."
SPELLING = "cannot be fetched: it has an address that is not written as four decimal numbers."
PORT = "cannot be fetched: it has a port other than 80 and 443."
LOGIN = "cannot be fetched: it holds a user name or a password."


@asynccontextmanager
async def opened(
    lookup: Lookup | None = None,
    permitted: Callable[[IPAddress], bool] = is_public,
    *,
    allow_private: bool = False,
) -> AsyncGenerator[RemoteMedia]:
    media = RemoteMedia(100_000, 5, allow_private=allow_private, lookup=lookup, permitted=permitted)
    try:
        yield media
    finally:
        await media.close()


def loopback(address: IPAddress) -> bool:
    """Stands for what is public where the test's server has to be reached: the server's address."""
    return str(address) == "127.0.0.1"


def giving(*answers: list[tuple[str, int]]) -> tuple[Lookup, list[str]]:
    """A resolver that gives these answers in turn, the last one for ever; and what it was asked for."""
    remaining = list(answers)
    asked: list[str] = []

    async def lookup(host: str, port: int) -> list[tuple[str, int]]:
        asked.append(host)
        return remaining.pop(0) if len(remaining) > 1 else remaining[0]

    return lookup, asked


def redirecting(*places: str) -> "Script":
    """Redirects each request to the next place; gives a picture in the end."""
    remaining = list(places)

    async def script(line: "Line") -> None:
        while True:
            await line.request()
            if remaining:
                head = f"HTTP/1.1 302 Found\r\nlocation: {remaining.pop(0)}\r\ncontent-length: 0\r\n\r\n"
                await line.send(head.encode())
            else:
                await line.send(OK)

    return script


async def never(line: "Line") -> None:
    raise AssertionError("somebody was reached whom nobody should reach")


async def refusal(media: RemoteMedia, url: str) -> str:
    with pytest.raises(FailureError) as raised:
        await media.fetch(url)
    assert raised.value.failure.kind is FailureKind.INVALID_REQUEST
    assert raised.value.__cause__ is None
    return raised.value.failure.message


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("169.254.169.254", "169.254.169.254"),
        ("0.0.0.0", "0.0.0.0"),
        ("10.0.0.1", "10.0.0.1"),
        ("[::1]", "::1"),
        ("[0:0:0:0:0:0:0:1]", "::1"),
        ("[::]", "::"),
        ("[fd00:ec2::254]", "fd00:ec2::254"),
        ("[64:ff9b::a00:1]", "64:ff9b::a00:1"),
    ],
)
async def test_an_address_in_the_url_that_is_not_public_is_not_connected_to(host: str, shown: str) -> None:
    async with opened() as media:
        assert await refusal(media, f"http://{host}/latest") == f"The URL at {shown} {NOT_PUBLIC}"


@pytest.mark.parametrize(
    "host", ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "127。0。0。1", "[::127.0.0.1]", "[2002:7f00:1::]"]
)
async def test_neither_is_one_in_disguise(host: str) -> None:
    async with opened() as media:
        assert (await refusal(media, f"http://{host}/")).endswith(NOT_PUBLIC)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "100.64.0.1",
        "::1",
        "fd00::1",
        "fe80::1%1",
        "64:ff9b::a00:1",
        "::ffff:10.1.2.3",
        "2002:a01:203::",
        "224.0.0.1",
        "0.0.0.0",
    ],
)
async def test_a_name_that_leads_to_such_an_address_is_refused_without_showing_it(address: str) -> None:
    lookup, _ = giving([(address, 80)])
    async with opened(lookup) as media:
        assert await refusal(media, f"http://{HOST}/") == f"The URL at {HOST} {NOT_PUBLIC}"


async def test_a_name_that_does_not_exist_is_refused_in_the_same_words() -> None:
    async def lookup(host: str, port: int) -> list[tuple[str, int]]:
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    for resolver in (lookup, giving([])[0], None):
        for host in ("nowhere.invalid", "a" * 64 + ".invalid", "a..invalid"):
            async with opened(resolver) as media:
                message = await refusal(media, f"http://{host}/")
            assert message == f"The URL at {host} {NOT_PUBLIC}"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://localhost/", f"The URL at localhost {NOT_PUBLIC}"),
        (
            "http://2130706433/",
            f"The URL at 2130706433 {SPELLING}",
        ),
        (f"http://{HOST}:22/", f"The URL at {HOST} {PORT}"),
        (
            f"http://user:secret@{HOST}/",
            f"The URL at {HOST} {LOGIN}",
        ),
        ("file:///etc/passwd", "The URL cannot be fetched: it must begin with http:// or https://."),
        ("http://[", "The URL cannot be fetched: it is not valid."),
    ],
)
async def test_a_url_that_is_refused_by_its_text_is_not_even_looked_up(url: str, message: str) -> None:
    lookup, asked = giving([])
    async with opened(lookup) as media:
        assert await refusal(media, url) == message
    assert asked == []


async def test_a_name_is_looked_up_once_and_the_connection_goes_to_what_was_judged(serve: "Serve") -> None:
    good, bad = await serve(redirecting()), await serve(never)
    # a resolver that gives the public address to whoever checks, and another to whoever connects
    lookup, asked = giving([("127.0.0.1", good.port)], [("127.0.0.1", bad.port)])
    async with opened(lookup, loopback) as media:
        assert (await media.fetch(f"http://{HOST}/")).media_type == "image/png"
    assert asked == [HOST]


async def test_a_new_connection_is_judged_anew(serve: "Serve") -> None:
    async def once(line: "Line") -> None:
        await line.request()
        await line.send(OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1))

    server = await serve(once)
    lookup, asked = giving([("127.0.0.1", server.port)], [("10.0.0.1", 80)])
    async with opened(lookup, loopback) as media:
        await media.fetch(f"http://{HOST}/")
        assert await refusal(media, f"http://{HOST}/") == f"The URL at {HOST} {NOT_PUBLIC}"
    assert asked == [HOST, HOST]


async def test_of_several_addresses_only_those_that_may_be_are_tried(serve: "Serve") -> None:
    server, other = await serve(redirecting()), await serve(never)
    lookup, _ = giving([("127.0.0.2", other.port), ("::1", other.port), ("127.0.0.1", server.port)])
    async with opened(lookup, loopback) as media:
        await media.fetch(f"http://{HOST}/")
    assert (server.accepted, other.accepted) == (1, 0)


async def test_where_one_address_does_not_answer_the_next_is_tried(serve: "Serve") -> None:
    server = await serve(redirecting())
    lookup, _ = giving([("127.0.0.1", 1), ("127.0.0.1", server.port)])
    async with opened(lookup, loopback) as media:
        await media.fetch(f"http://{HOST}/")
    assert server.accepted == 1


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("http://127.0.0.1/", f"The URL at 127.0.0.1, to which {HOST} redirects, {NOT_PUBLIC}"),
        ("http://[::1]/", f"The URL at ::1, to which {HOST} redirects, {NOT_PUBLIC}"),
        ("//169.254.169.254/a", f"The URL at 169.254.169.254, to which {HOST} redirects, {NOT_PUBLIC}"),
        ("http://localhost/", f"The URL at localhost, to which {HOST} redirects, {NOT_PUBLIC}"),
        (
            "http://0x7f.1/",
            f"The URL at 0x7f.1, to which {HOST} redirects, {SPELLING}",
        ),
        (
            f"http://{HOST}:6379/",
            f"The URL at {HOST} cannot be fetched: it has a port other than 80 and 443.",
        ),
        (f"http://a:b@{HOST}/", f"The URL at {HOST} {LOGIN}"),
        (
            "file:///etc/passwd",
            f"The URL to which {HOST} redirects cannot be fetched: it must begin with http:// or https://.",
        ),
        ("http://[", f"The file at {HOST} cannot be fetched: it redirects to a URL that is not valid."),
    ],
)
async def test_a_redirect_is_judged_like_the_url_itself(serve: "Serve", place: str, message: str) -> None:
    server = await serve(redirecting(place))
    lookup, _ = giving([("127.0.0.1", server.port)])
    # the server's own address is permitted to the first who asks, and to nobody after that
    verdicts = iter([True])
    async with opened(lookup, lambda address: next(verdicts, False) or is_public(address)) as media:
        assert await refusal(media, f"http://{HOST}/a.png") == message
    assert server.accepted == 1


async def test_a_redirect_to_a_name_inside_the_network_is_refused(serve: "Serve") -> None:
    server = await serve(redirecting("http://intranet.example/"))
    lookup, asked = giving([("127.0.0.1", server.port)], [("10.0.0.1", 80)])
    async with opened(lookup, loopback) as media:
        message = await refusal(media, f"http://{HOST}/")
    assert asked == [HOST, "intranet.example"]
    assert message == f"The URL at intranet.example, to which {HOST} redirects, {NOT_PUBLIC}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_every_kind_of_redirect_is_followed_relative_ones_too(serve: "Serve", status: int) -> None:
    targets: list[str] = []

    async def script(line: "Line") -> None:
        targets.append((await line.request()).target)
        head = f"HTTP/1.1 {status} Elsewhere\r\nlocation: ../c%2f.png?d=%2B\r\ncontent-length: 0\r\n\r\n"
        await line.send(head.encode())
        targets.append((await line.request()).target)
        await line.send(OK)

    server = await serve(script)
    lookup, _ = giving([("127.0.0.1", server.port)])
    async with opened(lookup, loopback) as media:
        await media.fetch(f"http://{HOST}/a/b.png")
    assert targets == ["/a/b.png", "/c%2f.png?d=%2B"]


async def test_three_redirects_are_followed_and_no_fourth(serve: "Serve") -> None:
    places = [f"http://{number}.{HOST}/" for number in range(MAX_REDIRECTS + 1)]
    for count in (MAX_REDIRECTS, MAX_REDIRECTS + 1):
        server = await serve(redirecting(*places[:count]))
        lookup, asked = giving([("127.0.0.1", server.port)])
        async with opened(lookup, loopback) as media:
            if count == MAX_REDIRECTS:
                await media.fetch(f"http://{HOST}/")
            else:
                message = await refusal(media, f"http://{HOST}/")
                assert message == f"The file at {HOST} cannot be fetched: it redirects more than 3 times."
        assert len(asked) == MAX_REDIRECTS + 1


async def test_a_redirect_to_nowhere_is_not_followed_for_ever(serve: "Serve") -> None:
    async def script(line: "Line") -> None:
        while True:
            await line.request()
            await line.send(b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n")

    lookup, _ = giving([("127.0.0.1", (await serve(script)).port)])
    async with opened(lookup, loopback) as media:
        assert "redirects more than 3 times" in await refusal(media, f"http://{HOST}/")


async def test_where_private_addresses_are_allowed_any_address_and_port_will_do(serve: "Serve") -> None:
    server = await serve(redirecting("/b.png"))
    async with opened(allow_private=True) as media:
        for host in ("127.0.0.1", "localhost"):
            found = await media.fetch(f"http://{host}:{server.port}/a.png")
            assert found.media_type == "image/png"
        message = "The URL at nowhere.invalid cannot be fetched: it has no address."
        assert await refusal(media, "http://nowhere.invalid/") == message
        assert "user name" in await refusal(media, f"http://a:b@127.0.0.1:{server.port}/")


async def test_names_that_nobody_answers_for_hold_up_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def unanswered(*_: object, **__: object) -> list[object]:
        answered.wait(20)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", unanswered)
    async with opened() as media:
        fetches = [asyncio.create_task(media.fetch(f"https://silent{one}.example/")) for one in range(50)]
        await asyncio.sleep(0.05)
        try:
            # upstreams' names are looked up by these threads
            assert await asyncio.wait_for(asyncio.to_thread(int, "1"), 2) == 1
        finally:
            answered.set()
            for fetch in fetches:
                fetch.cancel()
            await asyncio.gather(*fetches, return_exceptions=True)
