"""Whether a target works: the share of its failures over a while, rests, and how it comes back."""

from collections import deque
from typing import Final

from dragoman.config.settings import HealthSettings
from dragoman.conversation.failure import FailureKind

BUCKETS: Final = 10
"""Parts of the window that are forgotten one by one."""

FAILURES_OF_THE_TARGET: Final = frozenset(
    {FailureKind.SERVER, FailureKind.BAD_GATEWAY, FailureKind.OVERLOADED, FailureKind.TIMEOUT}
)
"""Kinds that say that a target does not work."""

FAILURES_OF_THE_REQUEST: Final = frozenset(
    {
        FailureKind.INVALID_REQUEST,
        FailureKind.CONTEXT_OVERFLOW,
        FailureKind.CONTENT_POLICY,
        FailureKind.NOT_FOUND,
        FailureKind.MODEL_NOT_FOUND,
        FailureKind.METHOD_NOT_ALLOWED,
        FailureKind.CONFLICT,
        FailureKind.TOO_LARGE,
    }
)
"""Kinds that a target in good health answers with."""


class Breaker:
    """Counts what becomes of a target's requests, and gives the target a rest when too many fail.

    After the rest one request at a time may try it (the probe). If that fails, the next rest is twice as
    long; once a request has begun to be answered, everybody may come again. What began before the last rest
    is not counted: it says nothing about the time after. Times are in seconds on the clock of `now`.
    """

    __slots__ = (
        "_buckets",
        "_failures",
        "_in_a_row",
        "_next_rest",
        "_requests",
        "_warned_until",
        "period",
        "probing",
        "until",
    )

    def __init__(self) -> None:
        self._buckets: deque[_Bucket] = deque()
        self._requests = 0
        self._failures = 0
        self._in_a_row = 0
        self._next_rest: float | None = None
        self._warned_until: float | None = None
        self.until: float | None = None
        """The end of the rest; None for a target that works. It stays behind the end until a probe has
        shown what is the case."""
        self.probing = False
        """Whether a probe is on its way."""
        self.period = 0
        """The number of rests so far: what began in another period is not counted."""

    def admits(self, now: float) -> bool:
        """Whether a request may go there: the target works, or has rested and nobody tries it."""
        return self.until is None or (now >= self.until and not self.probing)

    def seconds_left(self, now: float) -> float:
        """How long the rest still lasts; 0 if there is none."""
        return 0.0 if self.until is None else max(0.0, self.until - now)

    def take_probe(self, now: float) -> bool:
        """Whether a request that is sent now is the probe; it has to be given back."""
        if self.until is None or self.probing or now < self.until:
            return False
        self.probing = True
        return True

    def give_back(self, period: int) -> None:
        """A probe of a period has ended, however it went."""
        if period == self.period:
            self.probing = False

    def answering(self, period: int) -> None:
        """A request has begun to be answered. The next rest is still long until one has ended well."""
        if period == self.period and self.until is not None:
            self._close()

    def worked(self, now: float, health: HealthSettings, period: int) -> None:
        """A request has ended without fault of the target."""
        if period != self.period:
            return
        if self.until is not None:
            self._close()
        self._next_rest = None
        self._in_a_row = 0
        self._count(now, health.window, failed=0)

    def failed(self, now: float, health: HealthSettings, period: int, *, probe: bool) -> None:
        """A request has failed by fault of the target."""
        if period != self.period:
            return
        if self.until is not None:
            if probe:
                self._rest(now, health)
            return
        self._count(now, health.window, failed=1)
        self._trim(now, health.window)
        self._in_a_row += 1
        # after a long time of health, an outage would take half the window to reach the share
        outage = self._in_a_row >= health.min_failures
        enough = self._failures >= health.min_failures
        warned = self._warned_until is not None and now < self._warned_until
        if warned or (enough and (outage or self._failures >= health.failure_share * self._requests)):
            self._rest(now, health)

    def learn(self, until: float, now: float, health: HealthSettings) -> None:
        """Another process gives the target a rest until then. So does this one if it has not asked the target
        lately; else it trusts what it has seen itself, and the next failure is enough.
        """
        if self.until is not None:
            return
        self._trim(now, health.window)
        if self._requests:
            self._warned_until = until
        else:
            self._begin(until)

    def counted(self, now: float, window: float) -> tuple[int, int]:
        """The failures and the requests within the window."""
        self._trim(now, window)
        return self._failures, self._requests

    def _rest(self, now: float, health: HealthSettings) -> None:
        rest = self._next_rest or health.cooldown
        self._next_rest = max(health.cooldown, min(rest * 2, health.max_cooldown))
        self._begin(now + rest)

    def _begin(self, until: float) -> None:
        self.until = until
        self.period += 1
        self.probing = False
        self._warned_until = None

    def _close(self) -> None:
        self.until = None
        self.probing = False
        self._buckets.clear()
        self._requests = self._failures = self._in_a_row = 0

    def _count(self, now: float, window: float, failed: int) -> None:
        buckets = self._buckets
        if not buckets or now - buckets[-1].began >= window / BUCKETS:
            self._trim(now, window)
            buckets.append(_Bucket(now))
        bucket = buckets[-1]
        bucket.requests += 1
        bucket.failures += failed
        self._requests += 1
        self._failures += failed

    def _trim(self, now: float, window: float) -> None:
        buckets = self._buckets
        while buckets and now - buckets[0].began >= window:
            bucket = buckets.popleft()
            self._requests -= bucket.requests
            self._failures -= bucket.failures


class _Bucket:
    __slots__ = ("began", "failures", "requests")

    def __init__(self, began: float) -> None:
        self.began = began
        self.requests = 0
        self.failures = 0
