"""What hedging is for, on a clock of our own: few slow answers, at little cost."""

import heapq
import itertools
import math
from collections.abc import Callable

import pytest
from tests.routing.scenery import Clock, dice, route, target

from dragoman.config.settings import Quantile, Strategy
from dragoman.routing.asking import Asking
from dragoman.routing.route import Hedge, Route, RouteTarget
from dragoman.routing.traffic import Traffic

REQUESTS, RATE = 4000, 150.0
"""How many, and how many a second."""

MEDIAN, SPREAD = 0.2, 0.4
"""Of the time to the first token, in seconds (log-normal)."""

SLOW, DELAY = 0.05, 10.0
"""The share of answers that begin later, and by how many seconds."""


class World:
    """Two targets, each slow now and then, and requests that come at random moments."""

    def __init__(self, route: Route, seed: int) -> None:
        self._draw = dice(seed)
        self._clock = Clock()
        self._traffic = Traffic(now=self._clock, random=self._draw.random)
        self._route = route
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self.times: list[float] = []
        """To the first token, as the clients see it, in seconds."""
        self.calls = 0

    def run(self) -> None:
        """All requests to their ends."""
        moment = self._clock.time
        for _ in range(REQUESTS):
            moment += self._draw.expovariate(RATE)
            self._at(moment, self._request)
        while self._events:
            moment, _, event = heapq.heappop(self._events)
            self._clock.time = moment
            event()

    def _at(self, moment: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._numbers), event))

    def _request(self) -> None:
        traffic, began = self._traffic, self._clock.time
        traffic.counts_request(self._route)
        first, second = traffic.choose(self._route, stream=True).candidates
        waiting: list[Asking] = []
        self._ask(first, began, waiting)
        after = traffic.hedge_after(self._route, first, stream=True)

        def hedge() -> None:
            if waiting and traffic.take_hedge(self._route):
                self._ask(second, began, waiting)

        if after is not None:
            self._at(began + after, hedge)

    def _ask(self, candidate: RouteTarget, began: float, waiting: list[Asking]) -> None:
        self.calls += 1
        asking = self._traffic.asking(self._route, candidate, stream=True)
        asking.__enter__()
        waiting.append(asking)
        wait = MEDIAN * self._draw.lognormvariate(0, SPREAD)
        wait += DELAY if self._draw.random() < SLOW else 0.0

        def answer() -> None:
            if asking in waiting:
                asking.succeeded()
                for one in waiting:
                    one.__exit__(None, None, None)
                waiting.clear()
                self.times.append(self._clock.time - began)

        self._at(self._clock.time + wait, answer)


def slowest_percent(hedge: Hedge | None, strategy: Strategy, seed: int) -> tuple[float, float]:
    """The 99th percentile of the times to the first token, and the calls for each request."""
    world = World(route(target("a/m"), target("b/m"), strategy=strategy, affinity=0.0, hedge=hedge), seed)
    world.run()
    assert len(world.times) == REQUESTS
    return sorted(world.times)[math.ceil(0.99 * REQUESTS) - 1], world.calls / REQUESTS


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("strategy", ["ordered", "weighted", "least_busy", "fastest"])
@pytest.mark.parametrize("after", ["p95", 1.0])
def test_the_slowest_percent_is_five_times_faster_for_six_percent_more_calls(
    after: float | Quantile, strategy: Strategy, seed: int
) -> None:
    alone, _ = slowest_percent(None, strategy, seed)
    hedged, calls = slowest_percent(Hedge(after, 0.06), strategy, seed)
    assert hedged < alone / 5
    assert calls < 1.06 + 1 / REQUESTS
