"""One upstream request, as far as the targets' standing goes: from when it is sent to how it ended."""

from collections.abc import Callable
from typing import Self

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.routing.health import FAILURES_OF_THE_REQUEST, FAILURES_OF_THE_TARGET
from dragoman.routing.rests import REFUSALS
from dragoman.routing.standing import KeyStanding, Standings, TargetStanding


class Asking:
    """A context manager around one upstream request. Within it the request counts as in flight, and may be
    the probe of a target that comes back from a rest.

    Of `succeeded` and `failed` the first call counts. Leaving without either (the client left, another
    attempt was quicker) says neither that the target works nor that it does not; only that it took so long.
    """

    __slots__ = (
        "_account_period",
        "_begun",
        "_judged",
        "_key",
        "_now",
        "_own_period",
        "_period",
        "_probes",
        "_standings",
        "_stream",
        "_target",
    )

    def __init__(
        self,
        standings: Standings,
        target: TargetStanding,
        key: KeyStanding,
        *,
        stream: bool,
        now: Callable[[], float],
    ) -> None:
        self._standings = standings
        self._target = target
        self._key = key
        self._stream = stream
        self._now = now
        self._begun = False
        self._judged = False

    def __enter__(self) -> Self:
        now, target, key = self._now(), self._target, self._key
        breaker, own, account = target.breaker, key.own, key.account
        target.load.in_flight += 1
        key.in_flight += 1
        key.turn = self._standings.next_turn()
        target.load.pace(stream=self._stream).begin(self, now)
        self._probes = (
            breaker.until is not None and breaker.take_probe(now),
            own.until is not None and own.take_probe(now),
            account.until is not None and account.take_probe(now),
        )
        self._period, self._own_period, self._account_period = breaker.period, own.period, account.period
        return self

    def __exit__(self, *_: object) -> None:
        target, key = self._target, self._key
        target.load.in_flight -= 1
        key.in_flight -= 1
        if not self._begun:
            pace = target.load.pace(stream=self._stream)
            if self._judged:
                pace.forget(self)
            else:
                pace.given_up(self, self._now())
        of_target, of_own, of_account = self._probes
        if of_target:
            target.breaker.give_back(self._period)
        if of_own:
            key.own.give_back(self._own_period)
        if of_account:
            key.account.give_back(self._account_period)

    def first_event(self) -> None:
        """The first piece of the answer itself has come. The first call counts."""
        if self._begun or self._judged:
            return
        self._begun = True
        self._target.load.pace(stream=self._stream).begun(self, self._now())
        if self._target.breaker.until is not None:
            self._target.breaker.answering(self._period)
        self._accepted()

    def succeeded(self) -> None:
        """The answer is complete."""
        self.first_event()
        if not self._judged:
            self._judged = True
            self._target.breaker.worked(self._now(), self._standings.health, self._period)

    def failed(self, failure: Failure) -> None:
        """The request has failed, before its answer began or in the middle of it."""
        if self._judged:
            return
        self._judged = True
        now, health, kind, key = self._now(), self._standings.health, failure.kind, self._key
        if kind is FailureKind.TIMEOUT and not self._begun:
            self._target.load.pace(stream=self._stream).given_up(self, now)
        if health.cooldown == 0:
            return
        if kind in FAILURES_OF_THE_TARGET:
            breaker = self._target.breaker
            rests = breaker.period
            breaker.failed(now, health, self._period, probe=self._probes[0])
            if breaker.period != rests and self._standings.tell is not None:
                self._standings.tell(self._target, None, breaker.seconds_left(now))
        elif kind in FAILURES_OF_THE_REQUEST:
            self._target.breaker.worked(now, health, self._period)
        elif kind is FailureKind.RATE_LIMIT:
            key.own.limit(now, failure.retry_after, self._own_period)
            if failure.retry_after and self._standings.tell is not None:
                self._standings.tell(self._target, key.credential, key.own.seconds_left(now))
        elif kind in REFUSALS:
            rest = key.rest_after(kind)
            rest.refuse(now, kind, health, self._own_period if rest is key.own else self._account_period)

    def _accepted(self) -> None:
        if self._key.own.until is not None:
            self._key.own.succeeded(self._own_period)
        if self._key.account.until is not None:
            self._key.account.succeeded(self._account_period)
