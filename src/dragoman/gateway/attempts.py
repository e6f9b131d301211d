"""The attempts of one exchange: one budget for retries, other targets and hedges, and who goes next.

As long as nothing of an answer has been said to the client, another attempt may be made. The wait before
a target is asked again is drawn at random up to a bound that doubles from try to try, so that clients that
failed together do not come back together (Brooker, "Exponential Backoff And Jitter", 2015).
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import msgspec

from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.gateway.admission import Admission
from dragoman.gateway.attempt import Attempt, UnservableError
from dragoman.gateway.gateway import Gateway
from dragoman.gateway.race import Race
from dragoman.gateway.record import AttemptRecord, Record
from dragoman.routing.needs import Needs
from dragoman.routing.route import Exclusion, Route, RouteTarget

T = TypeVar("T")

Ask = Callable[[Attempt], Awaitable[T]]
"""Asks one target, in this attempt or, where its refusals say what to do better, in others `again`."""

NO_ROOM = "concurrency_limit"
"""The code of a failure that is our own: too many requests are on their way already."""

LEAST_LEFT = 0.01
"""Seconds that have to be left for another attempt. Timers may ring a few milliseconds early: what is left
then is no time, and the attempt would only count against its target.
"""

_OTHER_KEY = frozenset(
    {
        FailureKind.UPSTREAM_AUTHENTICATION,
        FailureKind.BILLING,
        FailureKind.PERMISSION,
        FailureKind.QUOTA,
    }
)
"""What another account may be spared, and this one will not be soon."""
_OTHER_TARGET = frozenset({FailureKind.MODEL_NOT_FOUND, FailureKind.NOT_FOUND, FailureKind.CONTEXT_OVERFLOW})
"""What another model or place may be spared, and this one never."""


class Attempts(Generic[T]):
    """Asks targets until one answers, or the budget of tries and time is spent."""

    __slots__ = (
        "_ask",
        "_candidates",
        "_chosen",
        "_gateway",
        "_given_up",
        "_loop",
        "_needs",
        "_prefix",
        "_race",
        "_ready",
        "_record",
        "_route",
        "admission",
        "end",
        "left",
        "priority",
        "stream",
    )

    def __init__(
        self,
        gateway: Gateway,
        record: Record,
        route: Route,
        ask: Ask[T],
        admission: Admission,
        *,
        needs: Needs | None = None,
        prefix: bytes | None = None,
        stream: bool = False,
        priority: int = 0,
    ) -> None:
        """Take the route and how one of its targets is asked. `prefix` stands for the beginning of the
        conversation, `priority` for the client's key where requests wait.
        """
        self._gateway = gateway
        self._record = record
        self._route = route
        self._ask = ask
        self.admission = admission
        self._prefix = prefix
        self._loop = gateway.watch.loop
        self._race: Race[T] | None = None
        self.end = record.began + route.timeouts.total
        self.priority = priority
        self.stream = stream
        self.left = route.attempts
        """How many more upstream requests are allowed."""
        self._needs = needs
        self._candidates: Sequence[RouteTarget] = ()
        self._chosen: tuple[RouteTarget, ...] = ()
        """All that have been candidates."""
        self._given_up: tuple[str, ...] = ()
        """The names of targets that are asked no more."""
        self._ready: dict[int, float] = {}
        """When a target that has failed may be asked again, by its identity: what a route holds has no
        cheaper name."""
        self._choose(route)
        if route.hedge is not None:
            gateway.traffic.counts_request(route)

    async def answer(self) -> T:
        """The outcome of the first attempt that has one.

        Raises a `FailureError` at once if no other target would be spared it; else, if none has answered, the
        last that may pass by itself, before one that will not: the client may well try again then.
        """
        failed: FailureError | None = None
        unservable: FailureError | None = None
        while (following := self._next()) is not None:
            candidate, delay = following
            if delay > 0.0:
                self._record.waited += delay
                await asyncio.sleep(delay)
            spent = self.left
            try:
                attempt = Attempt(self._gateway, self._route, candidate, self)
                if self._route.hedge is not None and (hedge := self._hedge_delay(candidate)) is not None:
                    return await self._raced(attempt, hedge)
                return await self._ask(attempt)
            except UnservableError as error:
                unservable = unservable or error
                self._exclude(candidate, error.failure.message)
            except FailureError as error:
                self._record.answered = None
                if is_full(error.failure):
                    # whoever is asked next, the client has waited long enough for a place
                    self._candidates = [one for one in self._candidates if one is not candidate]
                    if not any(map(self._has_room, self._candidates)):
                        raise failed or error from None
                elif not worth_another(error.failure) or self._over_in(0.0) or self.left == spent:
                    raise
                if failed is None or error.failure.retryable or not failed.failure.retryable:
                    failed = error
        raise failed or self._nowhere(unservable)

    # what its attempts ask of it

    @property
    def retrying(self) -> bool:
        """See `Supervisor`."""
        return len(self._record.attempts) > 1

    def spend(self, record: AttemptRecord) -> None:
        """See `Supervisor`."""
        if self.left <= 0:
            raise FailureError(Failure(FailureKind.OVERLOADED, "No more upstream requests are allowed."))
        self.left -= 1
        self._record.attempts.append(record)

    def claim(self, record: AttemptRecord) -> None:
        """See `Supervisor`."""
        if self._race is not None:
            self._race.claim()
            for other in self._record.attempts:
                if other is not record and other.outcome == "abandoned":
                    other.outcome = "lost"
        self._record.answered = record
        if self._prefix is not None:
            self._gateway.traffic.remember(self._route, self._prefix, record.target)

    def failed(self, target: RouteTarget, failure: Failure) -> None:
        """See `Supervisor`."""
        again = failure.retryable if failure.should_retry is None else failure.should_retry
        if failure.kind is FailureKind.CONFLICT:
            again = again and self._tries(target) == 1
        if failure.kind in _OTHER_TARGET:
            self._give_up(target)
        elif not again:
            self._candidates = [one for one in self._candidates if one is not target]
        else:
            retries = self._gateway.retries
            bound = min(retries.max_backoff, retries.backoff * 2 ** max(0, self._tries(target) - 1))
            wait = max(random.uniform(0, bound), failure.retry_after or 0.0)  # noqa: S311 - no secret
            self._ready[id(target)] = self._loop.time() + wait

    # who goes next

    def _next(self) -> tuple[RouteTarget, float] | None:
        """The target to ask now, and the seconds to wait before; None where nobody is left to ask."""
        if self.left <= 0:
            return None
        if not self._candidates:
            self._choose_again()
        candidates = self._candidates
        if not candidates:
            return None
        candidate, delay = candidates[0], 0.0
        if self._record.attempts or (len(candidates) > 1 and not self._has_room(candidate)):
            now = self._loop.time()
            candidate = min(
                candidates,
                key=lambda one: (self._delay(one, now), self._tries(one), not self._has_room(one)),
            )
            delay = self._delay(candidate, now)
        if delay > self._gateway.retries.max_backoff or self._over_in(delay):
            return None
        return candidate, delay

    def _tries(self, candidate: RouteTarget) -> int:
        """How often a candidate has been sent a request."""
        return sum(one.target is candidate for one in self._record.attempts)

    def _delay(self, candidate: RouteTarget, now: float) -> float:
        own = max(0.0, self._ready.get(id(candidate), 0.0) - now)
        return max(own, self._gateway.traffic.limit_of(candidate)) if self._tries(candidate) else own

    def _over_in(self, seconds: float) -> bool:
        """Whether the time of the whole exchange is up by then."""
        return self._loop.time() + seconds >= self.end - LEAST_LEFT

    def _has_room(self, candidate: RouteTarget) -> bool:
        return self._gateway.traffic.has_room(self._route, candidate)

    def _exclude(self, candidate: RouteTarget, reason: str) -> None:
        self._give_up(candidate)
        self._record.excluded.append(Exclusion(candidate, reason))

    def _give_up(self, candidate: RouteTarget) -> None:
        """Ask a target no more, with whatever key."""
        self._given_up = (*self._given_up, candidate.name)
        self._candidates = [one for one in self._candidates if one.name != candidate.name]

    def _choose(self, route: Route) -> None:
        choice = self._gateway.traffic.choose(route, self._needs, self._prefix, stream=self.stream)
        if choice.excluded:
            self._record.excluded.extend(choice.excluded)
        self._candidates = choice.candidates
        self._chosen += choice.candidates

    def _choose_again(self) -> None:
        """None is left of those who were well: whoever rests is better than nobody."""
        targets = self._route.targets
        if len(self._chosen) == len(targets):
            return
        chosen = {id(one) for one in self._chosen}
        others = [one for one in targets if id(one) not in chosen and one.name not in self._given_up]
        excluded = self._record.excluded
        excluded[:] = [one for one in excluded if all(one.target is not other for other in others)]
        self._choose(msgspec.structs.replace(self._route, targets=tuple(others)))

    def _nowhere(self, unservable: UnservableError | None) -> FailureError:
        """Why nobody was asked at all. `unservable` is what the first target said that cannot be asked."""
        if self._candidates:
            total = self._route.timeouts.total
            words = f"The request has waited for {total:g} s (timeouts.total), and was not sent."
            return FailureError(Failure(FailureKind.TIMEOUT, words))
        excluded = self._record.excluded
        if unservable is not None and len({one.target.name for one in excluded}) == 1:
            return unservable
        reasons = "; ".join(f"{one.target.label}: {one.reason}" for one in excluded)
        limited = [self._gateway.traffic.limit_of(one.target) for one in excluded if one.limited]
        if limited:
            return FailureError(
                Failure(
                    FailureKind.RATE_LIMIT,
                    f"Every target of '{self._route.name}' is at its limit. Try again later. ({reasons})",
                    retry_after=min(limited),
                )
            )
        return FailureError(
            Failure(
                FailureKind.INVALID_REQUEST,
                f"No target of '{self._route.name}' serves this request. ({reasons})",
                param="model" if unservable is None else unservable.failure.param,
                code="no_target" if unservable is None else unservable.failure.code,
            )
        )

    # one target, or two that race

    async def _raced(self, first: Attempt, delay: float) -> T:
        race = self._race = Race[T]()
        try:
            return await race.run(
                lambda: self._ask(first),
                delay,
                lambda: self._second(first.target),
                lambda error: not worth_another(error.failure),
            )
        finally:
            self._race = None

    def _hedge_delay(self, candidate: RouteTarget) -> float | None:
        """After how many seconds a second target is asked as well; None for not at all."""
        if self.left < 2 or len(self._candidates) < 2:
            return None
        return self._gateway.traffic.hedge_after(self._route, candidate, stream=self.stream)

    def _second(self, first: RouteTarget) -> Callable[[], Awaitable[T]] | None:
        """Who else is asked: another target that may be asked now and has a free place, while there are
        tries and share for it.
        """
        waiting = self._tries(first) == 0
        begun = any(one.first_event is not None and one.ended is None for one in self._record.attempts)
        if self.left <= waiting or begun:
            return None
        now = self._loop.time()
        others = [
            one
            for one in self._candidates
            if one is not first and self._delay(one, now) == 0 and self._has_room(one)
        ]
        # the same model with another key is as slow: rather another target
        others.sort(key=lambda one: (one.name == first.name, self._tries(one)))
        if not others or not self._gateway.traffic.take_hedge(self._route):
            return None
        other = others[0]
        return lambda: self._ask(Attempt(self._gateway, self._route, other, self, hedge=True))


def is_full(failure: Failure) -> bool:
    """Whether too many requests are on their way already, by our own limits."""
    return failure.code == NO_ROOM and failure.status is None


def worth_another(failure: Failure) -> bool:
    """Whether another attempt may serve what this one did not: not where the request is at fault."""
    if is_full(failure):
        return False
    return failure.retryable or failure.should_retry is True or failure.kind in _OTHER_KEY | _OTHER_TARGET
