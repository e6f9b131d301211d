"""In which order the targets of a route are asked: its strategy, its keys, and where a conversation was."""

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import assert_never

from dragoman.config.settings import Strategy
from dragoman.routing.affinity import Affinity
from dragoman.routing.route import Route, RouteTarget
from dragoman.routing.standing import Standings

Group = list[RouteTarget]
"""One target with its keys, in the order in which to use them."""


class Picker:
    """Puts candidates in order. Draws random numbers, and changes nothing."""

    def __init__(self, standings: Standings, affinity: Affinity, random: Callable[[], float]) -> None:
        """Take what is known of targets and conversations, and a source of numbers from 0 to below 1."""
        self._standings = standings
        self._affinity = affinity
        self._random = random

    def ordered(
        self,
        route: Route,
        candidates: Sequence[RouteTarget],
        now: float,
        prefix: bytes | None,
        stream: bool | None,
    ) -> list[RouteTarget]:
        """The candidates in the order in which to ask them: target by target, each with its keys.

        `prefix` identifies the conversation, `stream` says which kind of answers is to be fast; None if
        that is not known.
        """
        if len(candidates) < 2:
            return list(candidates)
        served = self._affinity.of(route, prefix, now)
        groups = self._groups(candidates, served)
        if len(groups) > 1:
            groups = self._by_strategy(
                route.strategy, groups, now, prefix if route.affinity > 0 else None, stream
            )
            if served is not None and route.strategy in {"least_busy", "fastest"}:
                groups.sort(key=lambda group: _place(group[0]) != served)
        return [candidate for group in groups for candidate in group]

    def _groups(self, candidates: Sequence[RouteTarget], served: tuple[str, str] | None) -> list[Group]:
        groups: list[Group] = []
        for candidate in candidates:
            if groups and groups[-1][0].name == candidate.name:
                groups[-1].append(candidate)
            else:
                groups.append([candidate])
        for group in groups:
            if len(group) > 1:
                group.sort(key=lambda one: (_place(one) != served, *self._use_of(one)))
        return groups

    def _by_strategy(
        self, strategy: Strategy, groups: list[Group], now: float, prefix: bytes | None, stream: bool | None
    ) -> list[Group]:
        match strategy:
            case "ordered":
                return groups
            case "weighted":
                return sorted(groups, key=lambda group: self._lot(group[0], prefix))
            case "least_busy":
                return sorted(groups, key=lambda group: (self._in_flight(group[0]), self._random()))
            case "fastest":
                return self._fastest(groups, now, stream)
            case "cheapest":
                return sorted(
                    groups, key=lambda group: math.inf if group[0].price is None else group[0].price
                )
            case _:
                assert_never(strategy)

    def _lot(self, candidate: RouteTarget, prefix: bytes | None) -> float:
        """An exponentially distributed number with the weight as its rate: the target with the lowest goes
        first, which gives each its share of first places (Efraimidis and Spirakis). Drawn from the
        conversation, it is the same in every process, and each target keeps its conversations when others
        come and go (rendezvous hashing).
        """
        if prefix is None:
            drawn = 1.0 - self._random()
        else:
            digest = hashlib.blake2b(candidate.name.encode(), digest_size=7, key=prefix[:64]).digest()
            drawn = (int.from_bytes(digest) + 0.5) / 2**56
        return -math.log(drawn) / candidate.weight

    def _fastest(self, groups: list[Group], now: float, stream: bool | None) -> list[Group]:
        """The cheaper of two that are drawn goes first, so that not everybody runs to the same one at once;
        the others follow as a reserve, by their cost.
        """
        if stream is None:
            stream = self._is_streamed(groups)
        costs = [self._cost(group[0], now, stream=stream) for group in groups]
        first = int(self._random() * len(groups))
        second = (first + 1 + int(self._random() * (len(groups) - 1))) % len(groups)
        winner = min(first, second, key=costs.__getitem__)
        rest = sorted((place for place in range(len(groups)) if place != winner), key=costs.__getitem__)
        return [groups[place] for place in (winner, *rest)]

    def _is_streamed(self, groups: list[Group]) -> bool:
        """Which kind of answers to compare where nothing is said: streamed ones, if any were."""
        known = [self._standings.known(group[0].name) for group in groups]
        return any(one.load.streamed.known for one in known if one is not None) or not any(
            one.load.whole.known for one in known if one is not None
        )

    def _cost(self, candidate: RouteTarget, now: float, *, stream: bool) -> float:
        standing = self._standings.known(candidate.name)
        return 0.0 if standing is None else standing.load.cost(now, stream=stream)

    def _in_flight(self, candidate: RouteTarget) -> int:
        standing = self._standings.known(candidate.name)
        return 0 if standing is None else standing.load.in_flight

    def _use_of(self, candidate: RouteTarget) -> tuple[int, int]:
        standing = self._standings.known(candidate.name)
        key = None if standing is None else standing.keys.get(candidate.credential)
        return (0, 0) if key is None else (key.in_flight, key.turn)


def _place(candidate: RouteTarget) -> tuple[str, str]:
    return candidate.name, candidate.credential
