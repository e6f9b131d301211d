"""Fetching what a request gives by URL, from real servers."""

import asyncio
import base64
import gzip
import ssl
import subprocess
import time
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from dragoman import __version__
from dragoman.conversation.blocks import Inline
from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.upstream.public_address import IPAddress
from dragoman.upstream.remote_media import AT_ONCE, MAX_WANTED, Lookup, RemoteMedia, Wanted

if TYPE_CHECKING:
    from tests.upstream.conftest import Line, Script, Seen, Serve, Server

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + bytes(30)
JPEG = b"\xff\xd8\xff\xe0" + bytes(30)
HOST = "pictures.example"


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def serving(*answers: bytes, seen: "list[Seen] | None" = None) -> "Script":
    """Gives these answers in turn on each connection, then closes it."""

    async def script(line: "Line") -> None:
        for data in answers:
            request = await line.request()
            if seen is not None:
                seen.append(request)
            with suppress(ConnectionError):
                await line.send(data)

    return script


def loopback(address: IPAddress) -> bool:
    """Stands for what is public where the test's server has to be reached: the server's address."""
    return str(address) == "127.0.0.1"


def leading_to(*servers: "Server", asked: list[tuple[str, int]] | None = None) -> Lookup:
    """Each lookup gives the next server, the last one for ever."""
    remaining = list(servers)

    async def lookup(host: str, port: int) -> list[tuple[str, int]]:
        if asked is not None:
            asked.append((host, port))
        server = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        return [("127.0.0.1", server.port)]

    return lookup


class Make(Protocol):
    def __call__(
        self,
        *,
        max_bytes: int = 100_000,
        timeout: float = 5,
        allow_private: bool = False,
        lookup: Lookup | None = None,
        permitted: Callable[[IPAddress], bool] = loopback,
        tls: ssl.SSLContext | None = None,
    ) -> RemoteMedia: ...


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    made: list[RemoteMedia] = []

    def make(
        *,
        max_bytes: int = 100_000,
        timeout: float = 5,
        allow_private: bool = False,
        lookup: Lookup | None = None,
        permitted: Callable[[IPAddress], bool] = loopback,
        tls: ssl.SSLContext | None = None,
    ) -> RemoteMedia:
        media = RemoteMedia(
            max_bytes, timeout, allow_private=allow_private, lookup=lookup, permitted=permitted, tls=tls
        )
        made.append(media)
        return media

    yield make
    for media in made:
        await media.close()


async def refusal(media: RemoteMedia, url: str = f"http://{HOST}/a.png") -> str:
    with pytest.raises(FailureError) as raised:
        await media.fetch(url, param="messages[0].content[1]")
    failure = raised.value.failure
    assert failure.kind is FailureKind.INVALID_REQUEST
    assert failure.param == "messages[0].content[1]"
    return failure.message


# What is fetched


async def test_a_file_comes_with_the_type_that_its_first_bytes_tell(make: Make, serve: "Serve") -> None:
    server = await serve(serving(answer(JPEG, "content-type: image/png")))
    found = await make(lookup=leading_to(server)).fetch(f"http://{HOST}/a.png", media_type="image/gif")
    assert found == Inline("image/jpeg", base64.b64encode(JPEG).decode())


@pytest.mark.parametrize(
    ("declared", "known", "expected"),
    [
        ("text/plain; charset=utf-8", None, "text/plain"),
        ("Text/CSV", "text/plain", "text/csv"),
        ("application/octet-stream", "text/markdown", "text/markdown"),
        ("binary/octet-stream", "Text/Markdown; a=b", "text/markdown"),
        ("nonsense", "text/markdown", "text/markdown"),
        ("image/jpg", None, "image/jpeg"),
    ],
)
async def test_where_bytes_tell_nothing_the_server_names_the_type_else_the_client(
    make: Make, serve: "Serve", declared: str, known: str | None, expected: str
) -> None:
    server = await serve(serving(answer(b"some text", f"content-type: {declared}")))
    found = await make(lookup=leading_to(server)).fetch(f"http://{HOST}/a", media_type=known)
    assert found == Inline(expected, base64.b64encode(b"some text").decode())


@pytest.mark.parametrize("header", ["content-type: application/octet-stream", "x-nothing: at all"])
async def test_a_file_of_no_known_type_is_refused(make: Make, serve: "Serve", header: str) -> None:
    server = await serve(serving(answer(b"\x00\x01", header)))
    message = await refusal(make(lookup=leading_to(server)))
    assert message == f"The file at {HOST} cannot be fetched: nothing tells what type of file it is."


async def test_a_file_of_another_family_than_wanted_is_refused(make: Make, serve: "Serve") -> None:
    script = serving(answer(b"<p>Please log in", "content-type: text/html"))
    media = make(lookup=leading_to(await serve(script)))
    with pytest.raises(FailureError) as raised:
        await media.fetch(f"http://{HOST}/a.png", media_type="image/png", family="image")
    assert raised.value.failure.message == (
        f"The file at {HOST} cannot be fetched: it is of the type text/html, not image/*."
    )
    assert (await media.fetch(f"http://{HOST}/a")).media_type == "text/html"


async def test_a_request_says_who_asks_and_nothing_more(
    make: Make, serve: "Serve", monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    seen: list[Seen] = []
    cookie = "set-cookie: a=b; path=/"
    redirect = answer(b"", cookie, "location: /c.png", status="302 Found")
    server = await serve(serving(redirect, answer(PNG, cookie), answer(PNG), seen=seen))
    media = make(lookup=leading_to(server))
    await media.fetch(f"http://{HOST}/a.png?sig=%2Fb+")
    await media.fetch(f"http://{HOST}/d.png")
    assert [request.target for request in seen] == ["/a.png?sig=%2Fb+", "/c.png", "/d.png"]
    for request in seen:
        assert request.method == "GET"
        assert sorted((name.lower(), value) for name, value in request.headers) == [
            ("accept", "*/*"),
            ("accept-encoding", "identity"),
            ("host", HOST),
            ("user-agent", f"dragoman/{__version__}"),
        ]


@pytest.mark.parametrize(
    ("coding", "packed"),
    [("gzip", gzip.compress(PNG * 100)), ("deflate", zlib.compress(PNG * 100))],
    ids=["gzip", "deflate"],
)
async def test_a_body_that_is_compressed_all_the_same_is_unpacked(
    make: Make, serve: "Serve", coding: str, packed: bytes
) -> None:
    server = await serve(serving(answer(packed, f"content-encoding: {coding}")))
    found = await make(lookup=leading_to(server)).fetch(f"http://{HOST}/")
    assert base64.b64decode(found.data) == PNG * 100


# How large, how long


async def test_a_body_of_just_the_largest_size_is_fetched_and_no_larger_one(
    make: Make, serve: "Serve"
) -> None:
    server = await serve(serving(answer(PNG)))
    await make(max_bytes=len(PNG), lookup=leading_to(server)).fetch(f"http://{HOST}/")
    message = await refusal(make(max_bytes=len(PNG) - 1, lookup=leading_to(server)))
    assert message == f"The file at {HOST} cannot be fetched: it is larger than {len(PNG) - 1} bytes."


async def test_a_body_that_says_that_it_is_too_large_is_not_read(make: Make, serve: "Serve") -> None:
    async def script(line: "Line") -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100001\r\n\r\n")
        await line.gone()

    assert "larger than 100000 bytes" in await refusal(make(lookup=leading_to(await serve(script))))


@pytest.mark.parametrize("head", ["transfer-encoding: chunked", "connection: close"])
async def test_a_body_without_end_is_cut_off_at_the_largest_size(
    make: Make, serve: "Serve", head: str
) -> None:
    sent = 0

    async def script(line: "Line") -> None:
        nonlocal sent
        await line.request()
        await line.send(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode())
        with suppress(ConnectionError):
            for _ in range(10_000):
                await line.send(b"2000\r\n" + bytes(0x2000) + b"\r\n")
                sent += 0x2000

    assert "larger than 100000 bytes" in await refusal(make(lookup=leading_to(await serve(script))))
    assert sent < 40_000_000


async def test_more_than_the_announced_length_is_no_answer(make: Make, serve: "Serve") -> None:
    data = answer(PNG).replace(b"content-length: 38", b"content-length: 20")
    message = await refusal(make(lookup=leading_to(await serve(serving(data)))))
    assert message == f"The file at {HOST} cannot be fetched: its server's answer is broken."


async def test_a_few_packed_bytes_that_unpack_to_very_many_are_refused_early(
    make: Make, serve: "Serve"
) -> None:
    bomb = gzip.compress(bytes(200_000_000), 1)
    server = await serve(serving(answer(bomb, "content-encoding: gzip")))
    began = time.perf_counter()
    message = await refusal(make(max_bytes=1_000_000, lookup=leading_to(server)))
    assert message == f"The file at {HOST} cannot be fetched: it is larger than 1000000 bytes."
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    ("coding", "body", "reason"),
    [
        ("gzip", b"not packed", "its compressed body is damaged"),
        ("gzip", gzip.compress(PNG)[:-4], "its compressed body breaks off"),
        ("br", PNG, "it is compressed in a way that was not asked for"),
        ("gzip, gzip", PNG, "it is compressed in a way that was not asked for"),
    ],
    ids=["damaged", "cut off", "unknown", "twice"],
)
async def test_a_compressed_body_that_cannot_be_read_is_refused(
    make: Make, serve: "Serve", coding: str, body: bytes, reason: str
) -> None:
    server = await serve(serving(answer(body, f"content-encoding: {coding}")))
    assert (
        await refusal(make(lookup=leading_to(server))) == f"The file at {HOST} cannot be fetched: {reason}."
    )


async def drip(line: "Line") -> None:
    await line.request()
    await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    while True:
        await line.send(b"x")
        await asyncio.sleep(0.02)


async def silence(line: "Line") -> None:
    await line.gone()


async def redirects_slowly(line: "Line") -> None:
    while True:
        await line.request()
        await asyncio.sleep(0.15)
        await line.send(answer(b"", f"location: http://{HOST}/", status="302 Found"))


@pytest.mark.parametrize("script", [drip, silence, redirects_slowly])
async def test_one_time_limit_holds_for_everything(make: Make, serve: "Serve", script: "Script") -> None:
    media = make(timeout=0.3, lookup=leading_to(await serve(script)))
    began = time.perf_counter()
    assert await refusal(media) == f"The file at {HOST} cannot be fetched: it took longer than 0.3 seconds."
    assert time.perf_counter() - began < 2


async def test_the_time_limit_holds_for_the_lookup_too(make: Make) -> None:
    async def lookup(host: str, port: int) -> list[tuple[str, int]]:
        await asyncio.sleep(60)
        return []

    assert "took longer than 0.1 seconds" in await refusal(make(timeout=0.1, lookup=lookup))


async def test_a_caller_that_is_cancelled_closes_the_connection(make: Make, serve: "Serve") -> None:
    gone = asyncio.Event()

    async def script(line: "Line") -> None:
        await line.request()
        await line.gone()
        gone.set()

    media = make(lookup=leading_to(await serve(script)))
    task = asyncio.create_task(media.fetch(f"http://{HOST}/"))
    await asyncio.sleep(0.1)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await asyncio.wait_for(gone.wait(), 5)


# What comes back otherwise


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (answer(b"", status="404 Not Found"), "its server answers with status 404"),
        (answer(PNG, status="206 Partial Content"), "its server answers with status 206"),
        (answer(b"", status="304 Not Modified"), "its server answers with status 304"),
        (answer(b""), "it is empty"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "its server's answer is broken"),
        (b"", "its server's answer is broken"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n" + PNG, "its server's answer is broken"),
    ],
    ids=["missing", "partial", "not modified", "empty", "not HTTP", "nothing", "cut off"],
)
async def test_an_answer_of_no_use_is_refused(make: Make, serve: "Serve", data: bytes, reason: str) -> None:
    media = make(lookup=leading_to(await serve(serving(data))))
    assert await refusal(media) == f"The file at {HOST} cannot be fetched: {reason}."


async def test_a_server_that_cannot_be_reached_is_not_named_by_its_address(make: Make) -> None:
    async def lookup(host: str, port: int) -> list[tuple[str, int]]:
        return [("127.0.0.1", 1)]

    message = await refusal(make(lookup=lookup))
    assert message == f"The file at {HOST} cannot be fetched: there is no connection to its server."


async def test_after_the_end_nothing_is_fetched(make: Make, serve: "Serve") -> None:
    media = make(lookup=leading_to(await serve(serving(answer(PNG)))))
    await media.close()
    assert "the gateway is stopping" in await refusal(media)


# TLS


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a `certificate.pem` for the host of these tests that signs itself, and its `key.pem`."""
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=test"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-addext", f"subjectAltName=DNS:{HOST}"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    subprocess.run(command, check=True, capture_output=True)
    return folder


async def test_the_name_in_the_url_is_the_one_that_tls_checks_and_the_server_hears(
    make: Make, serve: "Serve", certificate: Path
) -> None:
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "certificate.pem", certificate / "key.pem")
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    seen: list[Seen] = []
    server = await serve(serving(answer(PNG), seen=seen), secure=True, context=context)
    trusting = ssl.create_default_context(cafile=str(certificate / "certificate.pem"))
    media = make(lookup=leading_to(server), tls=trusting)
    found = await media.fetch(f"https://{HOST}/a.png")
    assert found.media_type == "image/png"
    assert names == [HOST]
    assert seen[0].values("host") == [HOST]
    no_connection = "cannot be fetched: there is no secure connection to its server."
    assert (
        await refusal(media, "https://elsewhere.example/") == f"The file at elsewhere.example {no_connection}"
    )
    stranger = make(lookup=leading_to(server))
    assert await refusal(stranger, f"https://{HOST}/") == f"The file at {HOST} {no_connection}"


# Several at once


async def test_everything_of_a_request_is_fetched_side_by_side_the_same_thing_once(
    make: Make, serve: "Serve"
) -> None:
    running = most = total = 0

    async def script(line: "Line") -> None:
        nonlocal running, most, total
        request = await line.request()
        running += 1
        total += 1
        most = max(most, running)
        await asyncio.sleep(0.05)
        running -= 1
        await line.send(answer(request.target.encode(), "content-type: text/plain", "connection: close"))

    media = make(lookup=leading_to(await serve(script)))
    wanted = [Wanted(f"http://{HOST}/{number % 20}", param=f"messages[{number}]") for number in range(40)]
    found = await media.fetch_all(wanted)
    assert [base64.b64decode(one.data).decode() for one in found] == [
        f"/{number % 20}" for number in range(40)
    ]
    assert total == 20
    assert most == AT_ONCE
    assert await media.fetch_all([]) == []


async def test_one_that_fails_ends_the_others(make: Make, serve: "Serve") -> None:
    gone = asyncio.Event()

    async def script(line: "Line") -> None:
        request = await line.request()
        if request.target == "/bad":
            await line.send(answer(b"", status="404 Not Found"))
            return
        await line.gone()
        gone.set()

    media = make(lookup=leading_to(await serve(script)))
    with pytest.raises(FailureError) as raised:
        await media.fetch_all(
            [Wanted(f"http://{HOST}/slow", param="a"), Wanted(f"http://{HOST}/bad", param="b")]
        )
    assert raised.value.failure.param == "b"
    assert "status 404" in raised.value.failure.message
    await asyncio.wait_for(gone.wait(), 5)


async def test_all_files_of_a_request_have_one_bound_too(make: Make, serve: "Serve") -> None:
    media = make(max_bytes=100, lookup=leading_to(await serve(serving(answer(PNG + bytes(62))))))
    assert len(await media.fetch_all([Wanted(f"http://{HOST}/{number}") for number in range(4)])) == 4
    with pytest.raises(FailureError, match="all files of the request together are larger than 400 bytes"):
        await media.fetch_all([Wanted(f"http://{HOST}/{number}") for number in range(5)])


async def test_a_request_may_not_give_any_number_of_urls(make: Make) -> None:
    asked: list[tuple[str, int]] = []

    async def lookup(host: str, port: int) -> list[tuple[str, int]]:
        asked.append((host, port))
        return []

    wanted = [Wanted(f"http://{HOST}/{number}", param=f"[{number}]") for number in range(MAX_WANTED + 1)]
    with pytest.raises(FailureError) as raised:
        await make(lookup=lookup).fetch_all(wanted)
    assert raised.value.failure.message == "The request gives 101 files by URL; at most 100 are fetched."
    assert raised.value.failure.param == "[100]"
    assert asked == []
