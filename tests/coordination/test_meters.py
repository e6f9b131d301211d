"""What all meters promise: in one process, in the workers of a node, and through a server."""

import asyncio
import math
import os
import random
from pathlib import Path

import pytest
from tests.coordination.prompt_meters import Prompt

from dragoman.coordination.memory_meters import MemoryMeters
from dragoman.coordination.meters import Draw, Meters, Slot
from dragoman.coordination.shared_meters import SharedMeters

pytestmark = pytest.mark.anyio

DAY = 86_400.0
SEEDS = range(20 if os.environ.get("DRAGOMAN_MONEY") else 4)


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """What meters promise hangs on no event loop; the tests of each kind of them run on both."""
    return "asyncio", {"use_uvloop": True}


def hardly(name: str, most: float, amount: float = 1) -> Draw:
    """Out of a bucket that hardly fills up while a test runs."""
    return Draw(name, most, DAY, amount)


def dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - nothing is secret here


async def left(meters: Meters, name: str, most: float) -> float:
    return (await meters.draw([hardly(name, most, 0)])).levels[0].left


@pytest.mark.parametrize("seed", SEEDS)
async def test_of_200_draws_at_once_a_bucket_of_50_grants_exactly_50(ends: list[Meters], seed: int) -> None:
    pick = dice(seed)
    drawn = await asyncio.gather(*(pick.choice(ends).draw([hardly("b", 50)]) for _ in range(200)))
    assert [one.refused for one in drawn].count(None) == 50
    assert await left(ends[0], "b", 50) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("seed", SEEDS)
async def test_draws_of_several_buckets_at_once_take_from_all_or_from_none(
    ends: list[Meters], seed: int
) -> None:
    pick = dice(seed)
    names = ("a", "b", "c")
    asked = [
        [hardly(name, 60, pick.randint(1, 5)) for name in pick.sample(names, pick.randint(1, 3))]
        for _ in range(100)
    ]
    drawn = await asyncio.gather(*(pick.choice(ends).draw(draws) for draws in asked))
    for name in names:
        granted = sum(
            draw.amount
            for draws, one in zip(asked, drawn, strict=True)
            if one.refused is None
            for draw in draws
            if draw.name == name
        )
        assert granted <= 60
        assert await left(ends[0], name, 60) == pytest.approx(60 - granted, abs=0.1)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_large_bucket_never_grants_more_than_it_holds(ends: list[Meters], seed: int) -> None:
    pick = dice(seed)
    granted = 0.0
    for _ in range(3):
        asked = [pick.randint(1, 30) for _ in range(150)]
        drawn = await asyncio.gather(
            *(pick.choice(ends).draw([hardly("large", 2000, amount)]) for amount in asked)
        )
        granted += sum(amount for amount, one in zip(asked, drawn, strict=True) if one.refused is None)
    assert 0.85 * 2000 < granted <= 2001


async def test_a_refusal_names_the_first_that_did_not_fit_and_when_it_will(ends: list[Meters]) -> None:
    first, second = ends[:2]
    await first.draw([Draw("b", 60, 60, 50)])
    drawn = await second.draw([Draw("a", 10, 60, 1), Draw("b", 60, 60, 15), Draw("c", 1, 60, 2)])
    assert drawn.refused == 1
    assert drawn.wait == pytest.approx(5, abs=2)
    a, b, c = drawn.levels
    assert (a.left, a.full_in) == (10, 0)
    assert b.left == pytest.approx(10, abs=2)
    assert b.full_in == pytest.approx(50, abs=2)
    assert (c.left, c.full_in) == (1, 0)


async def test_what_is_granted_is_told_with_what_is_left(ends: list[Meters]) -> None:
    drawn = await ends[0].draw([Draw("a", 10, 60, 4), Draw("b", 1000, 60, 100)])
    assert (drawn.refused, drawn.wait) == (None, 0)
    assert drawn.levels[0].left == pytest.approx(6, abs=0.5)
    assert drawn.levels[0].full_in == pytest.approx(24, abs=2)
    assert drawn.levels[1].left == pytest.approx(900, abs=20)
    assert drawn.levels[1].full_in == pytest.approx(6, abs=2)


async def test_more_than_a_bucket_holds_never_fits(ends: list[Meters]) -> None:
    for most in (10.0, 1000.0):
        drawn = await ends[0].draw([hardly("b", most, most + 1)])
        assert (drawn.refused, drawn.wait) == (0, math.inf)
        assert drawn.levels[0].left == most


async def test_all_of_a_bucket_may_be_drawn_at_once(ends: list[Meters]) -> None:
    for name, most in (("small", 10.0), ("large", 1000.0)):
        assert (await ends[0].draw([hardly(name, most, most)])).refused is None
        assert (await ends[1].draw([hardly(name, most)])).refused == 0


async def test_buckets_fill_up_evenly_and_no_further(ends: list[Meters]) -> None:
    first, second = ends[:2]
    assert (await first.draw([Draw("b", 8, 3.2, 8)])).refused is None
    refused = await second.draw([Draw("b", 8, 3.2, 4)])
    assert refused.refused == 0
    await asyncio.sleep(refused.wait + 0.005)  # timers may ring a millisecond early
    assert (await second.draw([Draw("b", 8, 3.2, 4)])).refused is None
    await asyncio.sleep(3.5)
    assert (await first.draw([Draw("b", 8, 3.2, 8)])).refused is None
    assert (await second.draw([Draw("b", 8, 3.2, 8)])).refused == 0


async def test_what_is_put_back_may_be_drawn_again_by_anybody(ends: list[Meters]) -> None:
    first, second = ends[:2]
    await first.draw([hardly("a", 10, 10), hardly("b", 20, 20)])
    await second.put_back([hardly("a", 10, 4), hardly("b", 20, 1)])
    assert (await first.draw([hardly("a", 10, 4), hardly("b", 20, 1)])).refused is None
    assert (await first.draw([hardly("a", 10)])).refused == 0


async def test_a_bucket_never_holds_more_than_it_can(ends: list[Meters]) -> None:
    await ends[0].draw([hardly("a", 10, 5)])
    await ends[1].put_back([hardly("a", 10, 50)])
    assert await left(ends[2], "a", 10) == 10


async def test_what_was_used_without_asking_is_owed(ends: list[Meters]) -> None:
    first, second = ends[:2]
    await first.draw([Draw("a", 10, 10, 10)])
    await first.put_back([Draw("a", 10, 10, -5)])
    drawn = await second.draw([Draw("a", 10, 10, 1)])
    assert drawn.refused == 0
    assert drawn.wait == pytest.approx(6, abs=1.5)
    assert drawn.levels[0].left == 0
    assert drawn.levels[0].full_in == pytest.approx(15, abs=1.5)


async def test_what_was_used_of_a_large_bucket_without_asking_counts_for_all(ends: list[Meters]) -> None:
    first, second = ends[:2]
    await first.draw([hardly("a", 1000, 500)])
    await first.put_back([hardly("a", 1000, -400)])
    assert (await second.draw([hardly("a", 1000, 150)])).refused == 0


async def test_a_limit_may_change_and_holds_from_then_on(ends: list[Meters]) -> None:
    first, second = ends[:2]
    await first.draw([hardly("a", 10, 8)])
    assert (await second.draw([hardly("a", 5)])).refused == 0
    raised = await first.draw([hardly("a", 20, 12)])
    assert raised.refused is None
    assert raised.levels[0].left == pytest.approx(0, abs=0.1)


async def test_one_bucket_may_be_named_twice_in_a_draw(ends: list[Meters]) -> None:
    assert (await ends[0].draw([hardly("a", 10, 6), hardly("a", 10, 6)])).refused == 1
    drawn = await ends[1].draw([hardly("a", 10, 6), hardly("a", 10, 4)])
    assert drawn.refused is None
    assert [level.left for level in drawn.levels] == pytest.approx([0, 0], abs=0.1)


async def test_nothing_to_draw_and_nowhere_to_enter_is_fine(ends: list[Meters]) -> None:
    assert (await ends[0].draw([])).refused is None
    assert await ends[0].enter([]) is None
    await ends[0].put_back([])
    await ends[0].leave([])


async def test_any_name_is_a_name(ends: list[Meters]) -> None:
    for name in ("", "\x00\r\n*1", "schl\u00fcssel \u2028", "\ud800", "x" * 10_000):
        assert (await ends[0].draw([hardly(name, 2, 2)])).refused is None
        assert (await ends[1].draw([hardly(name, 2)])).refused == 0
        assert await ends[0].enter([Slot(name, 1)]) is None
        assert await ends[1].enter([Slot(name, 1)]) == 0


@pytest.mark.parametrize("seed", SEEDS)
async def test_never_more_are_in_than_there_are_slots(ends: list[Meters], seed: int) -> None:
    pick = dice(seed)
    entered = await asyncio.gather(*(pick.choice(ends).enter([Slot("s", 7)]) for _ in range(60)))
    assert entered.count(None) == 7
    assert await ends[pick.randrange(4)].in_use("s") == 7


@pytest.mark.parametrize("seed", SEEDS)
async def test_slots_come_back_when_they_are_left(ends: list[Meters], seed: int) -> None:
    pick = dice(seed)

    async def visit() -> bool:
        meters = pick.choice(ends)
        slots = [Slot("s", 5), Slot("t", 3)]
        if await meters.enter(slots) is not None:
            return False
        assert 1 <= await meters.in_use("t") <= 3
        await meters.leave(slots)
        return True

    assert any(await asyncio.gather(*(visit() for _ in range(50))))
    assert [await ends[0].in_use(name) for name in "st"] == [0, 0]


async def test_slots_under_several_names_are_taken_all_or_not_at_all(ends: list[Meters]) -> None:
    first, second = ends[:2]
    assert await first.enter([Slot("a", 2), Slot("b", 1)]) is None
    assert await second.enter([Slot("a", 2), Slot("b", 1)]) == 1
    assert [await second.in_use(name) for name in "abc"] == [1, 1, 0]
    await first.leave([Slot("b", 1)])
    assert await second.enter([Slot("a", 2), Slot("b", 1)]) is None


async def test_the_number_of_slots_may_change(ends: list[Meters]) -> None:
    first, second = ends[:2]
    assert await first.enter([Slot("a", 2)]) is None
    assert await first.enter([Slot("a", 2)]) is None
    assert await second.enter([Slot("a", 3)]) is None
    await first.leave([Slot("a", 3)])
    assert await second.enter([Slot("a", 2)]) == 0


async def test_leaving_without_having_entered_frees_nobody_elses_slot(ends: list[Meters]) -> None:
    await ends[0].leave([Slot("a", 1)])
    assert await ends[0].in_use("a") == 0
    assert await ends[0].enter([Slot("a", 1)]) is None
    assert await ends[1].enter([Slot("a", 1)]) == 0


async def test_who_closes_gives_everything_back_and_fails_nobody(ends: list[Meters]) -> None:
    first, second = ends[:2]
    await first.enter([Slot("a", 1)])
    await first.draw([hardly("b", 1000, 900)])
    await first.close()
    await first.close()
    assert (await first.draw([hardly("c", 1)])).refused is None
    await first.put_back([hardly("c", 1)])
    assert await first.enter([Slot("d", 1)]) is None
    await first.leave([Slot("d", 1)])
    if first is not second:
        assert await second.enter([Slot("a", 1)]) is None
        assert (await second.draw([hardly("b", 1000, 99.9)])).refused is None


async def test_what_is_counted_here_is_counted_at_once(tmp_path: Path) -> None:
    shared = SharedMeters.attach(SharedMeters.create(tmp_path))
    for meters in (MemoryMeters(), shared):
        prompt = Prompt(meters)
        await prompt.draw([hardly("a", 5, 1)])
        await prompt.put_back([hardly("a", 5, 1)])
        assert await prompt.enter([Slot("a", 1)]) is None
        assert await prompt.enter([Slot("a", 1)]) == 0
        await prompt.leave([Slot("a", 1)])
        assert await prompt.in_use("a") == 0
        assert prompt.served == 4
        await meters.close()
