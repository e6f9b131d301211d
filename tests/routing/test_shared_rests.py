"""What processes learn of targets from each other."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Never

import pytest
from tests.routing.scenery import Clock, failure, labels, route, target

from dragoman.config.settings import HealthSettings, Queue
from dragoman.conversation.failure import FailureKind
from dragoman.coordination.hints import Hear
from dragoman.routing.route import RouteTarget
from dragoman.routing.traffic import Traffic

pytestmark = pytest.mark.anyio

FIRST, SECOND = target("a/m"), target("b/m")
BEST = route(FIRST, SECOND)
HEALTH = HealthSettings(min_failures=3, cooldown=10)


class Wire:
    """Hints to everybody else, at once."""

    def __init__(self) -> None:
        self.ears: list[Hear] = []
        self.said: list[tuple[str, float]] = []

    def end(self) -> "End":
        return End(self)


class End:
    """One end of the wire."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._ear: Hear | None = None

    def publish(self, about: str, seconds: float, /) -> None:
        self._wire.said.append((about, seconds))
        for ear in self._wire.ears:
            if ear is not self._ear:
                ear(about, seconds)

    async def follow(self, hear: Hear, /) -> Never:
        self._ear = hear
        self._wire.ears.append(hear)
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    async def close(self) -> None: ...


@contextlib.asynccontextmanager
async def sharing(clock: Clock, wire: Wire, health: HealthSettings = HEALTH) -> AsyncGenerator[Traffic]:
    traffic = Traffic(health, Queue(), now=clock, random=lambda: 0.5)
    task = asyncio.create_task(traffic.share(wire.end()))
    await asyncio.sleep(0)
    yield traffic
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def fails(traffic: Traffic, kind: FailureKind, after: float | None = None, at: RouteTarget = FIRST) -> None:
    with traffic.asking(BEST, at, stream=False) as asking:
        asking.failed(failure(kind, after))


def works(traffic: Traffic, at: RouteTarget = FIRST) -> None:
    with traffic.asking(BEST, at, stream=False) as asking:
        asking.succeeded()


async def test_a_rate_limit_that_one_meets_with_is_kept_to_by_all() -> None:
    clock, wire = Clock(), Wire()
    async with sharing(clock, wire) as first, sharing(clock, wire) as second:
        fails(first, FailureKind.RATE_LIMIT, 30)
        for traffic in (first, second):
            assert labels(traffic.choose(BEST).candidates) == ["b/m"]
            assert traffic.limit_of(FIRST) == 30
        clock.move(30)
        assert labels(second.choose(BEST).candidates) == ["a/m", "b/m"]


async def test_a_key_that_rests_leaves_the_other_keys_of_the_target_alone() -> None:
    clock, wire = Clock(), Wire()
    other = target("a/m", 2)
    async with sharing(clock, wire) as first, sharing(clock, wire) as second:
        fails(first, FailureKind.RATE_LIMIT, 30)
        assert second.rest_of(other) == 0


async def test_a_target_that_fails_for_one_rests_for_those_who_know_nothing_of_it() -> None:
    clock, wire = Clock(), Wire()
    async with sharing(clock, wire) as first, sharing(clock, wire) as second:
        for _ in range(3):
            fails(first, FailureKind.SERVER)
        assert second.rest_of(FIRST) == 10
        clock.move(10)
        assert labels(second.choose(BEST).candidates) == ["a/m", "b/m"]


async def test_who_sees_a_target_work_goes_on_until_the_first_failure_of_its_own() -> None:
    clock, wire = Clock(), Wire()
    async with sharing(clock, wire) as first, sharing(clock, wire) as second:
        works(second)
        for _ in range(3):
            fails(first, FailureKind.SERVER)
        assert second.rest_of(FIRST) == 0
        fails(second, FailureKind.SERVER)
        assert second.rest_of(FIRST) == 10


async def test_a_warning_that_is_over_changes_nothing() -> None:
    clock, wire = Clock(), Wire()
    async with sharing(clock, wire) as first, sharing(clock, wire) as second:
        works(second)
        for _ in range(3):
            fails(first, FailureKind.SERVER)
        clock.move(11)
        works(second)
        fails(second, FailureKind.SERVER)
        assert second.rest_of(FIRST) == 0


async def test_what_was_learned_is_not_told_on_and_each_rest_is_told_once() -> None:
    clock, wire = Clock(), Wire()
    async with sharing(clock, wire) as first, sharing(clock, wire):
        with first.asking(BEST, FIRST, stream=False) as late:
            for _ in range(3):
                fails(first, FailureKind.SERVER)
            late.failed(failure(FailureKind.SERVER))
        assert len(wire.said) == 1


async def test_refusals_of_keys_and_short_rests_are_not_told() -> None:
    clock, wire = Clock(), Wire()
    async with sharing(clock, wire) as first:
        fails(first, FailureKind.UPSTREAM_AUTHENTICATION)
        fails(first, FailureKind.QUOTA, at=SECOND)
        fails(first, FailureKind.RATE_LIMIT, at=target("c/m"))
        assert wire.said == []


async def test_without_rests_none_is_learned() -> None:
    clock, wire = Clock(), Wire()
    async with sharing(clock, wire) as first, sharing(clock, wire, HealthSettings(cooldown=0)) as second:
        fails(first, FailureKind.RATE_LIMIT, 30)
        assert second.rest_of(FIRST) == 0


async def test_a_request_that_began_before_what_was_learned_does_not_end_the_rest() -> None:
    clock, wire = Clock(), Wire()
    async with sharing(clock, wire) as first, sharing(clock, wire) as second:
        with second.asking(BEST, FIRST, stream=False) as asking:
            fails(first, FailureKind.RATE_LIMIT, 30)
            asking.succeeded()
        assert second.limit_of(FIRST) == 30


async def test_a_shorter_rest_does_not_take_the_place_of_a_longer_one() -> None:
    clock, wire = Clock(), Wire()
    async with sharing(clock, wire) as first, sharing(clock, wire) as second:
        fails(second, FailureKind.RATE_LIMIT, 60)
        clock.move(1)
        wire.ears[1](wire.said[0][0], 5)
        assert (first.limit_of(FIRST), second.limit_of(FIRST)) == (59, 59)


@pytest.mark.parametrize("about", ["", "x", "[]", '["limited"]', '["other",1]', '["failing",1,2]', "\x00"])
async def test_what_is_not_understood_is_not_heard(about: str) -> None:
    clock, wire = Clock(), Wire()
    async with sharing(clock, wire) as first:
        wire.ears[0](about, 60)
        assert first.targets() == []


async def test_who_shares_no_more_tells_nothing() -> None:
    clock, wire = Clock(), Wire()
    async with sharing(clock, wire) as first:
        pass
    fails(first, FailureKind.RATE_LIMIT, 30)
    assert wire.said == []
