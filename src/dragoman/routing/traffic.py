"""What is going on at the targets: how they stand, what is on its way to them, and who waits.

One object for a process. It is asked which targets a request goes to and told what became of it, and
outlives every change of the configuration.
"""

import math
import random as randomness
import time
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple, Never

import msgspec

from dragoman.config.settings import HealthSettings, Queue
from dragoman.coordination.hints import Hints
from dragoman.routing.affinity import Affinity
from dragoman.routing.asking import Asking
from dragoman.routing.condition import unmet
from dragoman.routing.hedging import LATE, Hedges
from dragoman.routing.needs import Needs
from dragoman.routing.picking import Picker
from dragoman.routing.places import Need, Place, Places
from dragoman.routing.route import Choice, Exclusion, Route, RouteTarget
from dragoman.routing.shared_rests import SharedRests
from dragoman.routing.standing import KeyStanding, Standings, State, TargetStanding, state_of

_NOTHING_SPECIAL = Needs()
_MOST_CLIENTS = 4096
"""Clients whose needs are kept in mind."""


class TargetState(msgspec.Struct, frozen=True):
    """How one target stands with one of its keys, for people and metrics. Times are in seconds."""

    name: str
    """`provider/model`."""
    credential: str
    """Stands for the key without showing it."""
    state: State
    """`resting`: not asked while there are others; `probing`: one request at a time tries it; `limited`:
    not asked before the time that it has named in a 429."""
    seconds_left: float
    """How long that still lasts; 0 where it depends on the next request."""
    in_flight: int
    waiting: int
    failures: int
    """Failures of the target, with all its keys, within the window of `[health]`."""
    requests: int
    """Requests that have ended at the target, with all its keys, within that window."""
    first_token: float | None
    """The estimated time to the first token of a streamed answer of the target, else of a whole one; None
    before the first."""
    configured: bool
    """Whether the name stands in the configuration; else a client has made it up, and there is no end of
    such names."""


class ClientLimit(NamedTuple):
    """How many requests of somebody may be served at once."""

    name: str
    """Whose they are, as `key:ID`."""
    most: int
    words: str
    """Whose they are, for people: `key 'ci'`."""


class Traffic:
    """What is going on at the targets. Belongs to one event loop; nothing in it waits but a `place`."""

    def __init__(
        self,
        health: HealthSettings | None = None,
        queue: Queue | None = None,
        *,
        now: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = randomness.random,
    ) -> None:
        """Take when targets rest and how many requests may wait; a clock in seconds that runs as fast as the
        event loop's; and a source of numbers from 0 to below 1.
        """
        self._now = now
        self._standings = Standings(health or HealthSettings())
        self._places = Places(queue or Queue(), now)
        self._anywhere = Place(self._places, (), until=math.inf, priority=0)
        """Where nothing is limited, everybody has the same place."""
        self._affinity = Affinity()
        self._picker = Picker(self._standings, self._affinity, random)
        self._hedges = Hedges()
        self._client_needs: dict[int, tuple[Sequence[ClientLimit], tuple[Need, ...]]] = {}
        """What clients need, by the identity of their limits, which are the same objects again and again."""

    def configure(self, health: HealthSettings, queue: Queue) -> None:
        """Go on with other settings. What is known stays, but for refusals of keys: they may be others."""
        self._standings.health = health
        self._standings.forgive()
        self._places.queue = queue
        self._places.tidy()
        self._client_needs.clear()

    def choose(
        self,
        route: Route,
        needs: Needs | None = None,
        prefix: bytes | None = None,
        *,
        stream: bool | None = None,
    ) -> Choice:
        """The targets to ask for a request, in their order, and the others, each with the reason.

        `needs` is for conditions; without it the request counts as one that needs nothing. `prefix`
        identifies the conversation by its beginning, `stream` says which answers are to be fast. Changes
        nothing.
        """
        now, targets = self._now(), route.targets
        if (
            len(targets) == 1
            and targets[0].when is None
            and self._standings.obstacle(targets[0], now) is None
        ):
            return Choice(targets)
        candidates: list[RouteTarget] = []
        excluded: list[Exclusion] = []
        spare: list[tuple[bool, Exclusion]] = []
        for target in targets:
            if target.when is not None and (reason := unmet(target.when, needs or _NOTHING_SPECIAL)):
                excluded.append(Exclusion(target, reason))
            elif (obstacle := self._standings.obstacle(target, now)) is None:
                candidates.append(target)
            elif obstacle.final:
                excluded.append(Exclusion(target, obstacle.reason, limited=True))
            else:
                spare.append((obstacle.refused, Exclusion(target, obstacle.reason)))
        if stream is None and needs is not None:
            stream = needs.stream
        if candidates or not spare:
            excluded += [exclusion for _, exclusion in spare]
            order = self._picker.ordered(route, candidates, now, prefix, stream)
        else:
            failing = [exclusion.target for refused, exclusion in spare if not refused]
            refusing = [exclusion.target for refused, exclusion in spare if refused]
            order = [
                *self._picker.ordered(route, failing, now, None, stream),
                *self._picker.ordered(route, refusing, now, None, stream),
            ]
        return Choice(tuple(order), tuple(excluded))

    def rest_of(self, candidate: RouteTarget) -> float:
        """Seconds until a candidate may be asked again; 0 if it may be now."""
        return self._standings.seconds_left(candidate, self._now())

    def limit_of(self, candidate: RouteTarget) -> float:
        """Seconds for which a candidate has asked to be left alone by a 429; 0 if it has not."""
        return self._standings.limit_left(candidate, self._now())

    def asking(self, route: Route, candidate: RouteTarget, *, stream: bool) -> Asking:
        """A context manager around one upstream request, to be told what becomes of it."""
        target = self._standings.target(candidate.name, configured=route.configured)
        key = self._standings.key(target, candidate.credential)
        return Asking(self._standings, target, key, stream=stream, now=self._now)

    def has_room(self, route: Route, candidate: RouteTarget) -> bool:
        """Whether a request would get a place at a candidate at once."""
        return all(self._places.has_room(key, most) for key, most, _ in _limits(route, candidate))

    def place(self, route: Route, candidate: RouteTarget, *, until: float, priority: int = 0) -> Place:
        """A place at a candidate, for the time of one upstream request: within the target's limit in this
        route, and within the limit of the key. Waits for it until `until` on the clock at the longest.

        Entering raises `FailureError` (rate limit, code `concurrency_limit`).
        """
        if candidate.max_concurrent is None and candidate.provider.max_concurrent is None:
            return self._anywhere
        needs = tuple(self._places.need(key, most, name) for key, most, name in _limits(route, candidate))
        label = (candidate.name, candidate.credential)
        return Place(self._places, needs, until=until, priority=priority, label=label)

    def client_place(self, limits: Sequence[ClientLimit], *, until: float, priority: int = 0) -> Place:
        """A place among the requests of a client's key, of its team and of the route, for one exchange. The
        limits must not change; it is quicker to give the same ones again than others that are equal.

        Entering raises `FailureError` (rate limit, code `concurrency_limit`).
        """
        known = self._client_needs.get(id(limits))
        if known is None:
            if len(self._client_needs) >= _MOST_CLIENTS:
                self._client_needs.clear()
            needs = tuple(
                self._places.need(("client", one.name), one.most, f"The gateway, for the {one.words},")
                for one in limits
            )
            # the limits are kept too, so that no others can get their identity
            known = self._client_needs[id(limits)] = limits, needs
        return Place(self._places, known[1], until=until, priority=priority)

    def first_full(self, limits: Sequence[ClientLimit]) -> int | None:
        """The place of the first of these limits that has no room now."""
        full = (not self._places.has_room(("client", one.name), one.most) for one in limits)
        return next((place for place, is_full in enumerate(full) if is_full), None)

    def remember(self, route: Route, prefix: bytes, candidate: RouteTarget) -> None:
        """A conversation is served by this candidate: its answer has begun."""
        if route.chooses:
            self._affinity.remember(route, prefix, candidate, self._now())

    def hedge_after(self, route: Route, candidate: RouteTarget, *, stream: bool) -> float | None:
        """After how many seconds without an answer a second target is asked; None for never, or as long as
        too little is known.
        """
        if route.hedge is None:
            return None
        after = route.hedge.after
        if isinstance(after, float | int):
            return after
        standing = self._standings.known(candidate.name)
        if standing is None:
            return None
        pace = standing.load.pace(stream=stream)
        usual, high = pace.quantile(0.5), pace.lateness(int(after[1:]) / 100, self._now())
        return None if usual is None or high is None else min(high, LATE * usual)

    def counts_request(self, route: Route) -> None:
        """A request of a route has come: it adds to what the route may spend on second calls."""
        self._hedges.counts_request(route)

    def take_hedge(self, route: Route) -> bool:
        """Spend one second call of a route; False if its share is used up."""
        return self._hedges.take(route)

    async def share(self, hints: Hints) -> Never:
        """Tell other processes what rests begin here, and learn of theirs, until cancelled."""
        await SharedRests(self._standings, hints, self._now).follow()

    def targets(self) -> list[TargetState]:
        """How all targets stand that anything was heard of, with each of their keys."""
        now, window = self._now(), self._standings.health.window
        waiting = self._places.waiting_by_label()
        return [
            _state(target, key, waiting[target.name, key.credential], now, window)
            for target in self._standings
            for key in target.keys.values()
        ]

    def in_use(self) -> int:
        """Places that are taken: 0 when nothing is going on."""
        return self._places.in_use()

    def waiting(self) -> int:
        """Requests that wait for a place: 0 when nothing is going on."""
        return self._places.waiting()


def _limits(route: Route, candidate: RouteTarget) -> list[tuple[Hashable, int, str]]:
    """What limits the requests to a candidate: under which key, how many, and what it is called."""
    found: list[tuple[Hashable, int, str]] = []
    if candidate.max_concurrent is not None:
        found.append(
            (("target", route.name, candidate.name), candidate.max_concurrent, f"'{candidate.name}'")
        )
    if candidate.provider.max_concurrent is not None:
        most = candidate.provider.max_concurrent
        found.append(
            (("credential", candidate.credential), most, f"The provider '{candidate.provider.name}'")
        )
    return found


def _state(target: TargetStanding, key: KeyStanding, waiting: int, now: float, window: float) -> TargetState:
    failures, requests = target.breaker.counted(now, window)
    load = target.load
    return TargetState(
        name=target.name,
        credential=key.credential,
        state=state_of(target, key, now),
        seconds_left=max(pause.seconds_left(now) for pause in (target.breaker, key.own, key.account)),
        in_flight=key.in_flight,
        waiting=waiting,
        failures=failures,
        requests=requests,
        first_token=load.whole.peak if load.streamed.peak is None else load.streamed.peak,
        configured=target.configured,
    )
