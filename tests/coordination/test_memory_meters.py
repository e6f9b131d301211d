"""What one process counts: against a simple model, and that it does not grow."""

import asyncio
from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.coordination.memory_meters import MemoryMeters
from dragoman.coordination.meters import Draw, Slot


def alike(draws: list[Draw]) -> list[Draw]:
    """The same draws, where what is drawn from twice is the same bucket."""
    first = {draw.name: draw for draw in reversed(draws)}
    return [draw._replace(most=first[draw.name].most, seconds=first[draw.name].seconds) for draw in draws]


NAMES = st.sampled_from("abc")
# what binary fractions can say exactly, so that the model and floating point have to agree to the last digit
AMOUNTS = st.integers(-8, 24).map(lambda number: number / 4)
DRAWS = st.lists(
    st.builds(
        Draw,
        NAMES,
        st.sampled_from([1.0, 2.0, 4.0]),
        st.sampled_from([0.5, 1.0, 2.0]),
        AMOUNTS.filter(lambda amount: amount >= 0),
    ),
    max_size=4,
).map(alike)
BACK = st.lists(st.builds(Draw, NAMES, st.just(4.0), st.just(1.0), AMOUNTS), max_size=3)
SLOTS = st.lists(st.builds(Slot, NAMES, st.integers(1, 3)), max_size=4)
PAUSES = st.integers(0, 16).map(lambda number: number / 16)


class Drawing(NamedTuple):
    draws: list[Draw]


class Returning(NamedTuple):
    draws: list[Draw]


class Entering(NamedTuple):
    slots: list[Slot]


class Leaving(NamedTuple):
    place: int


class Waiting(NamedTuple):
    seconds: float


Step = Drawing | Returning | Entering | Leaving | Waiting
STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        st.builds(Drawing, DRAWS),
        st.builds(Returning, BACK),
        st.builds(Entering, SLOTS),
        st.builds(Leaving, st.integers(0, 5)),
        st.builds(Waiting, PAUSES),
    ),
    max_size=30,
)


class Model:
    """The same, said as simply as can be: everything is a fraction, and time passes for every bucket."""

    def __init__(self) -> None:
        self.used: dict[str, Fraction] = {}
        self.rate: dict[str, Fraction] = {}
        self.inside: list[tuple[str, ...]] = []

    def wait(self, seconds: float) -> None:
        for name in self.used:
            self.used[name] = max(Fraction(), self.used[name] - self.rate[name] * Fraction(seconds))

    def draw(self, draws: list[Draw]) -> int | None:
        before = dict(self.used)
        refused = None
        for place, draw in enumerate(draws):
            self.used.setdefault(draw.name, Fraction())
            before.setdefault(draw.name, Fraction())
            self.rate[draw.name] = Fraction(draw.most) / Fraction(draw.seconds)
            if refused is None:
                self.used[draw.name] += Fraction(draw.amount)
                if self.used[draw.name] > draw.most:
                    refused = place
        if refused is not None:
            self.used = before
        return refused

    def put_back(self, draws: list[Draw]) -> None:
        for draw in draws:
            self.rate[draw.name] = Fraction(draw.most) / Fraction(draw.seconds)
            used = self.used.get(draw.name, Fraction())
            self.used[draw.name] = max(Fraction(), used - Fraction(draw.amount))

    def in_use(self, name: str) -> int:
        return sum(names.count(name) for names in self.inside)

    def enter(self, slots: list[Slot]) -> int | None:
        for place, slot in enumerate(slots):
            own = [other.name for other in slots[:place]].count(slot.name)
            if self.in_use(slot.name) + own >= slot.most:
                return place
        self.inside.append(tuple(slot.name for slot in slots))
        return None


@given(STEPS)
@settings(max_examples=100, deadline=None)
def test_it_agrees_with_a_simple_model(steps: list[Step]) -> None:
    now = [0.0]
    meters, model = MemoryMeters(lambda: now[0]), Model()

    async def run() -> None:
        for step in steps:
            match step:
                case Drawing(draws):
                    drawn = await meters.draw(draws)
                    assert drawn.refused == model.draw(draws)
                    for draw, level in zip(draws, drawn.levels, strict=True):
                        used = model.used[draw.name]
                        assert level.left == pytest.approx(max(0.0, draw.most - float(used)))
                        assert level.full_in == pytest.approx(float(used / model.rate[draw.name]))
                case Returning(draws):
                    await meters.put_back(draws)
                    model.put_back(draws)
                case Entering(slots):
                    assert await meters.enter(slots) == model.enter(slots)
                case Leaving(place):
                    if place < len(model.inside):
                        await meters.leave([Slot(name, 1) for name in model.inside.pop(place)])
                case Waiting(seconds):
                    now[0] += seconds
                    model.wait(seconds)
            assert [await meters.in_use(name) for name in "abc"] == [model.in_use(name) for name in "abc"]

    asyncio.run(run())


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.anyio
async def test_after_the_wait_that_is_named_a_draw_fits_and_not_before() -> None:
    now = [1234.5678]
    meters = MemoryMeters(lambda: now[0])
    for number in range(1, 200):
        draw = Draw("a", 7, 60, 0.1 * (number % 70))
        drawn = await meters.draw([draw])
        if drawn.refused is not None:
            now[0] += drawn.wait * 0.999
            assert (await meters.draw([draw])).refused == 0
            now[0] += drawn.wait * 0.001
            assert (await meters.draw([draw])).refused is None


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.anyio
async def test_what_is_full_again_is_forgotten() -> None:
    now = [0.0]
    meters = MemoryMeters(lambda: now[0])
    for number in range(20_000):
        now[0] += 1
        await meters.draw([Draw(f"key {number}", 1, 100, 1)])
        await meters.enter([Slot(f"key {number}", 1)])
        await meters.leave([Slot(f"key {number}", 1)])
        assert len(meters) <= 300
    now[0] += 1000
    for number in range(300):
        await meters.draw([Draw(f"new {number}", 1, 0.001, 1)])
        now[0] += 1
    assert len(meters) <= 3
