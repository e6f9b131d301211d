"""What is known of the targets: how each of them stands, and each of its keys."""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Final, Literal, NamedTuple

from dragoman.config.settings import HealthSettings
from dragoman.routing.health import Breaker
from dragoman.routing.load import Load
from dragoman.routing.recent import Recent
from dragoman.routing.rests import ACCOUNT_WIDE, Rest
from dragoman.routing.route import RouteTarget

MOST_MADE_UP: Final = 1024
"""Targets that stand in no configuration, because clients have named them: the latest."""

State = Literal["healthy", "resting", "probing", "limited"]


class KeyStanding:
    """How one key stands at one target."""

    __slots__ = ("account", "credential", "in_flight", "own", "turn")

    def __init__(self, credential: str, account: Rest) -> None:
        self.credential = credential
        self.in_flight = 0
        self.turn = 0
        """Grows with each request: the key with the lowest was not used for longest."""
        self.own = Rest()
        """The rest of the key at this target."""
        self.account = account
        """The rest of the key at all targets."""

    def rest_after(self, kind: object) -> Rest:
        """The rest that a failure of a kind leads to."""
        return self.account if kind in ACCOUNT_WIDE else self.own


class TargetStanding:
    """How one target stands."""

    __slots__ = ("breaker", "configured", "keys", "load", "name")

    def __init__(self, name: str, *, configured: bool) -> None:
        self.name = name
        self.configured = configured
        """Whether some route of the configuration leads there."""
        self.breaker = Breaker()
        self.load = Load()
        self.keys: dict[str, KeyStanding] = {}


class Obstacle(NamedTuple):
    """Why a candidate is not to be asked now."""

    reason: str
    final: bool
    """Whether it stays out also where there is nothing else: its rate limit is known to be reached."""
    refused: bool
    """Whether its key is refused, so that others are more likely to answer."""


class Standings:
    """How all targets stand. Those of the configuration are kept for good, of others the latest."""

    def __init__(self, health: HealthSettings) -> None:
        self.health = health
        self.tell: Callable[[TargetStanding, str | None, float], None] | None = None
        """Is told of rests that begin here and that others should know of: of a target, or of a key at it,
        and for how many seconds."""
        self._turns = itertools.count(1)
        self._configured: dict[str, TargetStanding] = {}
        self._made_up: Recent[str, TargetStanding] = Recent(MOST_MADE_UP, lambda one: one.load.in_flight > 0)
        self._accounts: dict[str, Rest] = {}

    def __iter__(self) -> Iterator[TargetStanding]:
        yield from self._configured.values()
        yield from self._made_up

    def known(self, name: str) -> TargetStanding | None:
        """How a target stands; None if nothing was heard of it. Changes nothing."""
        return self._configured.get(name) or self._made_up.peek(name)

    def target(self, name: str, *, configured: bool) -> TargetStanding:
        """How a target stands, from now on known; `configured` if the configuration leads there."""
        found = self._configured.get(name)
        if found is not None:
            return found
        if not configured:
            found = self._made_up.use(name)
            if found is None:
                found = TargetStanding(name, configured=False)
                self._made_up.put(name, found)
            return found
        found = self._made_up.take(name) or TargetStanding(name, configured=True)
        found.configured = True
        self._configured[name] = found
        return found

    def key(self, target: TargetStanding, credential: str) -> KeyStanding:
        """How a key stands at a target, from now on known."""
        found = target.keys.get(credential)
        if found is None:
            account = self._accounts.setdefault(credential, Rest())
            found = target.keys[credential] = KeyStanding(credential, account)
        return found

    def next_turn(self) -> int:
        """A number higher than all before."""
        return next(self._turns)

    def forgive(self) -> None:
        """The configuration was read again, and keys may have changed: none counts as refused."""
        for account in self._accounts.values():
            account.forgive()
        for target in self:
            for key in target.keys.values():
                key.own.forgive()

    def obstacle(self, candidate: RouteTarget, now: float) -> Obstacle | None:
        """Why a candidate is not to be asked now; None if nothing speaks against it. Changes nothing."""
        target = self._configured.get(candidate.name) or self._made_up.peek(candidate.name)
        key = None if target is None else target.keys.get(candidate.credential)
        account = self._accounts.get(candidate.credential) if key is None else key.account
        own = None if key is None else key.own
        for rest in (own, account):
            if rest is not None and rest.until is not None and not rest.admits(now):
                return Obstacle(_rest_in_words(rest, now), rest.limited, not rest.limited)
        if target is None or target.breaker.admits(now):
            return None
        return Obstacle(_breaker_in_words(target.breaker, now), final=False, refused=False)

    def limit_left(self, candidate: RouteTarget, now: float) -> float:
        """How long the rate limit of a candidate's key still keeps it out. Changes nothing."""
        target = self.known(candidate.name)
        key = None if target is None else target.keys.get(candidate.credential)
        rests = (None if key is None else key.own, self._accounts.get(candidate.credential))
        return max(rest.seconds_left(now) if rest is not None and rest.limited else 0.0 for rest in rests)

    def seconds_left(self, candidate: RouteTarget, now: float) -> float:
        """How long a candidate still rests, for whatever reason; 0 if it does not. Changes nothing."""
        target = self.known(candidate.name)
        key = None if target is None else target.keys.get(candidate.credential)
        account = self._accounts.get(candidate.credential)
        return max(
            0.0 if target is None else target.breaker.seconds_left(now),
            0.0 if key is None else key.own.seconds_left(now),
            0.0 if account is None else account.seconds_left(now),
        )


def state_of(target: TargetStanding, key: KeyStanding, now: float) -> State:
    """The state of a target with one of its keys, in a word."""
    rests = (key.own, key.account)
    if any(rest.limited and rest.seconds_left(now) > 0 for rest in rests):
        return "limited"
    pauses = (target.breaker, *(rest for rest in rests if not rest.limited))
    if any(pause.seconds_left(now) > 0 for pause in pauses):
        return "resting"
    return "probing" if any(pause.until is not None for pause in pauses) else "healthy"


def _breaker_in_words(breaker: Breaker, now: float) -> str:
    if breaker.seconds_left(now) > 0:
        return f"it rests for another {_whole(breaker.seconds_left(now))} s: too many of its requests failed"
    return "too many of its requests failed, and one is trying now whether it works again"


def _rest_in_words(rest: Rest, now: float) -> str:
    seconds = _whole(rest.seconds_left(now))
    if rest.limited:
        return f"its key rests for another {seconds} s: the rate limit is reached"
    if seconds:
        return f"its key rests for another {seconds} s: it was refused ({rest.kind})"
    return f"its key was refused ({rest.kind}), and a request is trying now whether it is taken again"


def _whole(seconds: float) -> int:
    return math.ceil(seconds)
