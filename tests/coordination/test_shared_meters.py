"""What the workers of a node count together, whatever becomes of them."""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from dragoman.coordination.meters import Draw, Meters, Slot
from dragoman.coordination.shared_meters import SharedMeters
from dragoman.coordination.shared_table import WAYS, FileForm

pytestmark = pytest.mark.anyio

Start = Callable[[], "Worker"]
Log = Callable[[], list[dict[str, str]]]
HERE = Path(__file__).parent


class Worker(Meters, Protocol):
    """Meters in a process of its own."""

    async def attach(self, path: Path) -> None: ...
    async def hold(self) -> None: ...
    def kill(self) -> None: ...


@pytest.fixture
def start(start_worker: Start) -> Start:
    return start_worker


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("seed", range(3))
async def test_processes_that_are_killed_at_any_moment_leave_what_they_counted_and_no_slot(
    tmp_path: Path, seed: int
) -> None:
    kills = 100
    command = [sys.executable, str(HERE / "meters_killing.py"), str(tmp_path), str(kills), str(seed)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    told = json.loads(output)
    first, second, third = told["used"]
    # a process may be killed after it has drawn, and before it has written that down
    at_once = kills + 3
    assert told["acknowledged"] <= first <= told["acknowledged"] + at_once
    assert abs(first - second) <= at_once
    assert told["acknowledged"] - at_once <= third <= first
    assert told["in_use"] == 0
    assert told["entered"] == [None, None, None, 0]
    assert not told["degraded"]


async def test_a_process_that_is_killed_gives_its_slots_back_at_once(tmp_path: Path, start: Start) -> None:
    path = SharedMeters.create(tmp_path)
    meters, other = SharedMeters.attach(path), start()
    await other.attach(path)
    assert await other.enter([Slot("a", 2), Slot("b", 5)]) is None
    assert await other.enter([Slot("a", 2)]) is None
    assert await meters.enter([Slot("a", 2)]) == 0
    assert [await meters.in_use(name) for name in "ab"] == [2, 1]
    other.kill()
    assert await meters.enter([Slot("a", 2)]) is None
    assert [await meters.in_use(name) for name in "ab"] == [1, 0]
    await meters.close()


async def test_the_columns_of_dead_processes_are_used_again(tmp_path: Path, start: Start) -> None:
    path = SharedMeters.create(tmp_path, FileForm(columns=3))
    meters = SharedMeters.attach(path)
    for _ in range(2):
        others = [start(), start()]
        for other in others:
            await other.attach(path)
            assert await other.enter([Slot("a", 2)]) is None
        assert await meters.in_use("a") == 2
        for other in others:
            other.kill()
    assert await meters.in_use("a") == 0
    assert not meters.degraded
    await meters.close()


async def test_without_a_free_column_a_process_counts_slots_for_itself(
    tmp_path: Path, start: Start, log: Log
) -> None:
    path = SharedMeters.create(tmp_path, FileForm(columns=1))
    other = start()
    await other.attach(path)
    assert await other.enter([Slot("a", 1)]) is None
    meters = SharedMeters.attach(path)
    assert [await meters.enter([Slot("a", 1)]) for _ in range(2)] == [None, 0]
    assert meters.degraded
    await meters.leave([Slot("a", 1)])
    assert await meters.enter([Slot("a", 1)]) is None
    await meters.close()
    assert [entry["level"] for entry in log()] == ["warning"]


async def test_a_process_that_is_stopped_in_the_middle_holds_nobody_up_for_long(
    tmp_path: Path, start: Start, log: Log
) -> None:
    path = SharedMeters.create(tmp_path)
    meters, other = SharedMeters.attach(path), start()
    draw = Draw("a", 1, 1e9, 1)
    await other.attach(path)
    await other.hold()
    began = time.monotonic()
    assert [(await meters.draw([draw])).refused for _ in range(2)] == [None, 0]
    assert 1 < time.monotonic() - began < 2
    began = time.monotonic()
    for _ in range(20):
        await meters.draw([draw])
        assert await meters.enter([Slot("a", 1)]) is None
        await meters.leave([Slot("a", 1)])
    assert time.monotonic() - began < 1
    assert meters.degraded
    # also one that comes only now
    late = start()
    await late.attach(path)
    assert (await late.draw([draw])).refused is None
    assert await late.enter([Slot("a", 1)]) is None
    other.kill()
    # now it counts with the others again, who have drawn nothing
    assert (await meters.draw([draw])).refused is None
    await meters.close()
    assert [entry["level"] for entry in log()] == ["warning"]


async def test_a_table_that_is_full_lets_a_process_count_for_itself(tmp_path: Path, log: Log) -> None:
    meters = SharedMeters.attach(SharedMeters.create(tmp_path, FileForm(WAYS, WAYS, 4)))
    draws = [Draw(f"{number}", 1, 1e9, 1) for number in range(2 * WAYS)]
    slots = [Slot(f"{number}", 1) for number in range(2 * WAYS)]
    for expected in (None, 0):
        assert {(await meters.draw([draw])).refused for draw in draws} == {expected}
        assert {await meters.enter([slot]) for slot in slots} == {expected}
    assert meters.degraded
    for draw, slot in zip(draws, slots, strict=True):
        await meters.put_back([draw])
        await meters.leave([slot])
        assert await meters.in_use(slot.name) == 0
        assert (await meters.draw([draw])).refused is None
        assert await meters.enter([slot]) is None
    await meters.close()
    assert [entry["level"] for entry in log()] == ["warning"]


async def test_a_bucket_that_is_full_again_and_a_name_without_slots_make_room(
    tmp_path: Path, log: Log
) -> None:
    now = [0.0]
    meters = SharedMeters.attach(SharedMeters.create(tmp_path, FileForm(WAYS, WAYS, 4)), lambda: now[0])
    for number in range(10 * WAYS):
        now[0] += 1
        # of what may stand there at once, one more than half
        assert (
            await meters.draw([Draw(f"{number}", 1, WAYS // 2, 1), Draw("all", 1e9, 1, 1)])
        ).refused is None
        assert await meters.enter([Slot(f"{number}", 1)]) is None
        await meters.leave([Slot(f"{number}", 1)])
    assert not meters.degraded
    await meters.close()
    assert log() == []


async def test_two_new_buckets_in_one_draw_do_not_take_each_others_place(tmp_path: Path) -> None:
    meters = SharedMeters.attach(SharedMeters.create(tmp_path, FileForm(WAYS, WAYS, 4)))
    names = [f"{number}" for number in range(WAYS)]
    drawn = await meters.draw([Draw(name, 2, 1e9, 1) for name in names])
    assert [round(level.left, 3) for level in drawn.levels] == [1] * WAYS
    drawn = await meters.draw([Draw(name, 2, 1e9, 0) for name in names])
    assert [round(level.left, 3) for level in drawn.levels] == [1] * WAYS
    await meters.close()


async def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_bytes(b"x" * 4096)
    with pytest.raises(ValueError, match="no file of counted limits"):
        SharedMeters.attach(path)
    with pytest.raises(FileNotFoundError):
        SharedMeters.attach(tmp_path / "missing")
    SharedMeters.create(tmp_path)
    with pytest.raises(FileExistsError):
        SharedMeters.create(tmp_path)
