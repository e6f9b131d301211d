"""Rests of credentials: after a 429, and after a key was refused."""

from typing import Final

from dragoman.config.settings import HealthSettings
from dragoman.conversation.failure import FailureKind

FIRST_REST: Final = 1.0
LONGEST_REST: Final = 60.0
"""Seconds: rests after a 429 that does not say how long."""
LONGEST_ASKED: Final = 3600.0
"""Seconds: the longest `Retry-After` that is believed; no rest is for ever."""

REFUSALS: Final = frozenset(
    {
        FailureKind.QUOTA,
        FailureKind.PERMISSION,
        FailureKind.BILLING,
        FailureKind.UPSTREAM_AUTHENTICATION,
    }
)
"""Kinds that say that a key is not accepted, and will not be in a moment."""
ACCOUNT_WIDE: Final = frozenset({FailureKind.BILLING, FailureKind.UPSTREAM_AUTHENTICATION})
"""Refusals that hold for every model. Rate limits, quotas and permissions are given out for each model by
OpenAI, Anthropic and Google alike: another model of the same key may well be free.
"""


class Rest:
    """The rest of one credential. Times are in seconds on the clock of `now`.

    After a rate limit it is over when its time has come. After a refusal one request at a time may then try
    (the probe). What began before the last rest changes nothing, except for a longer `Retry-After`: a hundred
    requests that come back with a 429 at once are one.
    """

    __slots__ = ("_limits", "_next_rest", "kind", "period", "probing", "until")

    def __init__(self) -> None:
        self.until: float | None = None
        """The end of the rest; None if there is none. It stays behind the end until a request succeeds."""
        self.kind = FailureKind.RATE_LIMIT
        """Why it rests."""
        self.probing = False
        self.period = 0
        """The number of rests so far."""
        self._limits = 0
        self._next_rest: float | None = None

    @property
    def limited(self) -> bool:
        """Whether it rests because of a rate limit, not of a refusal."""
        return self.kind is FailureKind.RATE_LIMIT

    def admits(self, now: float) -> bool:
        """Whether a request may use the credential."""
        return self.until is None or (now >= self.until and not self.probing)

    def seconds_left(self, now: float) -> float:
        """How long the rest still lasts; 0 if there is none."""
        return 0.0 if self.until is None else max(0.0, self.until - now)

    def take_probe(self, now: float) -> bool:
        """Whether a request that is sent now is the probe; it has to be given back."""
        if self.until is None or self.limited or self.probing or now < self.until:
            return False
        self.probing = True
        return True

    def give_back(self, period: int) -> None:
        """A probe of a period has ended, however it went."""
        if period == self.period:
            self.probing = False

    def limit(self, now: float, retry_after: float | None, period: int) -> None:
        """A request was answered with a rate limit; `retry_after` in seconds as the upstream said."""
        if retry_after is not None and retry_after > 0:
            rest = min(retry_after, LONGEST_ASKED)
        else:
            rest = min(FIRST_REST * 2 ** min(self._limits, 10), LONGEST_REST)
        until = now + rest
        if period == self.period:
            self._begin(until, FailureKind.RATE_LIMIT)
            self._limits += 1
        elif retry_after is not None and self.limited and self.until is not None:
            self.until = max(self.until, until)

    def refuse(self, now: float, kind: FailureKind, health: HealthSettings, period: int) -> None:
        """A request was answered with a refusal of the key."""
        if period != self.period:
            return
        rest = self._next_rest or health.cooldown
        self._next_rest = max(health.cooldown, min(rest * 2, health.max_cooldown))
        self._begin(now + rest, kind)

    def learn(self, until: float) -> None:
        """Another process was answered with a rate limit that holds until then."""
        if self.until is None or (self.limited and until > self.until):
            self._begin(until, FailureKind.RATE_LIMIT)

    def succeeded(self, period: int) -> None:
        """A request was answered: the credential is accepted."""
        if period == self.period:
            self._end()

    def forgive(self) -> None:
        """The key may be another one now: a refusal says nothing any more."""
        if self.until is not None and not self.limited:
            self._end()

    def _begin(self, until: float, kind: FailureKind) -> None:
        self.until = until
        self.kind = kind
        self.period += 1
        self.probing = False

    def _end(self) -> None:
        self.until = None
        self.probing = False
        self._limits = 0
        self._next_rest = None
