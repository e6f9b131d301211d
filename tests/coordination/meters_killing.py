"""Processes that count together and are killed at random moments; what was counted goes to standard output.

Run as `meters_killing.py FOLDER KILLS SEED`. Each process draws one out of two buckets in one step, writes
down that it has, owes one to a third, and takes and leaves slots.
"""

import asyncio
import json
import mmap
import os
import random
import signal
import struct
import sys
import time
from pathlib import Path

from dragoman.coordination.meters import Draw, Slot
from dragoman.coordination.shared_meters import SharedMeters

MOST, SECONDS = 1e9, 1e18
"""A bucket that does not fill up while this runs."""
SLOTS = 3


def drawn(name: str, amount: float) -> Draw:
    return Draw(name, MOST, SECONDS, amount)


async def hammer(path: Path, counter: mmap.mmap) -> None:
    meters = SharedMeters.attach(path)
    count = 0
    while True:
        await meters.draw([drawn("a", 1), drawn("b", 1)])
        count += 1
        struct.pack_into("@Q", counter, 0, count)
        await meters.put_back([drawn("c", -1)])
        if await meters.enter([Slot("s", SLOTS)]) is None:
            await meters.leave([Slot("s", SLOTS)])
        await meters.draw([drawn(f"name {count % 500}", 1)])


async def result(path: Path) -> dict[str, object]:
    meters = SharedMeters.attach(path)
    levels = (await meters.draw([drawn(name, 0) for name in "abc"])).levels
    in_use = await meters.in_use("s")
    entered = [await meters.enter([Slot("s", SLOTS)]) for _ in range(SLOTS + 1)]
    await meters.close()
    return {
        "used": [MOST - level.left for level in levels],
        "in_use": in_use,
        "entered": entered,
        "degraded": meters.degraded,
    }


def main() -> None:
    folder, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    pick = random.Random(seed)  # noqa: S311 - nothing is secret here
    path = SharedMeters.create(folder)
    acknowledged = 0
    running: list[tuple[int, mmap.mmap]] = []
    for _ in range(kills + 3):
        counter = mmap.mmap(-1, 8)
        pid = os.fork()
        if not pid:
            asyncio.run(hammer(path, counter))
        running.append((pid, counter))
        if len(running) == 3:
            time.sleep(pick.uniform(0.001, 0.02))
            pid, counter = running.pop(pick.randrange(3))
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            acknowledged += struct.unpack_from("@Q", counter)[0]
    for pid, counter in running:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        acknowledged += struct.unpack_from("@Q", counter)[0]
    print(json.dumps({"acknowledged": acknowledged, **asyncio.run(result(path))}))  # noqa: T201 - this is the result


main()
