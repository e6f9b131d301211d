"""Whole days of traffic in a moment: requests come, targets slow down, fail and recover, and the routes
follow by themselves.
"""

import collections
import heapq
import itertools
from collections.abc import Callable

from tests.routing.scenery import Clock, dice, failure, route, target

from dragoman.config.settings import HealthSettings, Strategy
from dragoman.conversation.failure import FailureKind
from dragoman.routing.asking import Asking
from dragoman.routing.route import Route
from dragoman.routing.traffic import Traffic

Behaviour = Callable[[str, float], tuple[float, FailureKind | None]]
"""Of a target at a time: the seconds to its first token, and what is wrong, if anything."""


class World:
    """Requests that come at random times, one target each, against targets that behave as they are told."""

    def __init__(self, served: Route, behaviour: Behaviour, *, rate: float, retries: bool = False) -> None:
        """Let `rate` requests a second come, with one try each, or with one for each candidate."""
        self.clock = Clock()
        self._dice = dice(11)
        self.traffic = Traffic(HealthSettings(), now=self.clock, random=self._dice.random)
        self._route = served
        self._behaviour = behaviour
        self._rate = rate
        self._retries = retries
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self.asked: list[tuple[float, str]] = []
        """When which target was asked."""
        self.failed: list[float] = []
        """When requests failed for good."""
        self.requests = 0
        self._began = self.clock.time
        self._at(0.0, self._arrive)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.clock.time + seconds
        while self._events[0][0] <= end:
            self.clock.time, _, happens = heapq.heappop(self._events)
            happens()
        self.clock.time = end

    def shares(self, since: float, until: float) -> dict[str, float]:
        """The share of each target among those asked in a span of time."""
        asked = collections.Counter(name for moment, name in self.asked if since <= moment < until)
        return {name: count / asked.total() for name, count in asked.items()}

    def _at(self, seconds: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.clock.time + seconds, next(self._numbers), happens))

    def _arrive(self) -> None:
        self.requests += 1
        self._ask([one.name for one in self.traffic.choose(self._route).candidates])
        self._at(self._dice.expovariate(self._rate), self._arrive)

    def _ask(self, names: list[str]) -> None:
        name, rest = names[0], names[1:] if self._retries else []
        candidate = next(one for one in self._route.targets if one.name == name)
        now = self.clock.time - self._began
        self.asked.append((now, name))
        seconds, wrong = self._behaviour(name, now)
        asking = self.traffic.asking(self._route, candidate, stream=True)
        asking.__enter__()
        self._at(seconds, lambda: self._answer(asking, wrong, rest))

    def _answer(self, asking: Asking, wrong: FailureKind | None, rest: list[str]) -> None:
        if wrong is None:
            asking.first_event()
            self._at(1.0, lambda: self._end(asking))
            return
        asking.failed(failure(wrong))
        asking.__exit__(None, None, None)
        if rest:
            self._ask(rest)
        else:
            self.failed.append(self.clock.time - self._began)

    def _end(self, asking: Asking) -> None:
        asking.succeeded()
        asking.__exit__(None, None, None)


def two(strategy: Strategy) -> Route:
    return route(target("a/m"), target("b/m"), strategy=strategy)


def test_fastest_sends_most_requests_to_the_faster_target_and_follows_when_they_swap() -> None:
    def behaviour(name: str, now: float) -> tuple[float, None]:
        return (0.2 if (name == "a/m") == (now < 300) else 2.0), None

    world = World(two("fastest"), behaviour, rate=20)
    world.run(600)
    assert world.shares(30, 300)["a/m"] > 0.85
    assert world.shares(330, 600)["b/m"] > 0.85


def test_a_target_that_gets_stuck_is_left_alone_within_seconds() -> None:
    def behaviour(name: str, now: float) -> tuple[float, None]:
        return (60.0 if name == "a/m" and now >= 100 else 0.3), None

    world = World(two("fastest"), behaviour, rate=20)
    world.run(200)
    assert world.shares(50, 100)["a/m"] > 0.3
    assert world.shares(105, 200).get("a/m", 0) < 0.05


def test_a_target_that_was_slow_for_a_while_gets_its_share_back() -> None:
    def behaviour(name: str, now: float) -> tuple[float, None]:
        return (5.0 if name == "a/m" and 100 <= now < 200 else 0.3), None

    world = World(two("fastest"), behaviour, rate=20)
    world.run(600)
    assert world.shares(110, 200).get("a/m", 0) < 0.15
    assert world.shares(300, 600)["a/m"] > 0.3


def test_a_target_that_is_down_for_a_while_is_hardly_asked_and_comes_back_by_itself() -> None:
    def behaviour(name: str, now: float) -> tuple[float, FailureKind | None]:
        down = name == "a/m" and 100 <= now < 400
        return (0.05, FailureKind.SERVER) if down else (0.3, None)

    world = World(two("ordered"), behaviour, rate=10, retries=True)
    world.run(1000)
    assert world.failed == []
    assert world.shares(0, 100)["a/m"] == 1
    # five failures in a row, then rests of 10, 20, 40, 80, 160 s, and a request at the end of each
    asked_in_vain = sum(name == "a/m" for moment, name in world.asked if 100 <= moment < 400)
    assert 9 <= asked_in_vain <= 12
    assert world.shares(430, 1000)["a/m"] == 1


def test_with_one_of_two_targets_failing_often_the_other_serves() -> None:
    chance = dice(5)

    def behaviour(name: str, now: float) -> tuple[float, FailureKind | None]:
        wrong = name == "a/m" and chance.random() < 0.3
        return (0.05, FailureKind.OVERLOADED) if wrong else (0.3, None)

    world = World(two("ordered"), behaviour, rate=20, retries=True)
    world.run(600)
    assert world.failed == []


def test_a_single_target_is_asked_on_however_often_it_fails() -> None:
    def behaviour(name: str, now: float) -> tuple[float, FailureKind | None]:
        return (0.05, FailureKind.SERVER) if now < 100 else (0.3, None)

    world = World(route(target("a/m")), behaviour, rate=5)
    world.run(200)
    assert len(world.asked) == world.requests
    assert max(world.failed) < 101
    assert world.traffic.targets()[0].state == "healthy"
