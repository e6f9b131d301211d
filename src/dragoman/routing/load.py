"""How busy a target is, and how long it takes to its first token.

The estimate is a peak-sensitive moving average (as in Finagle's load balancer): a slower answer than
expected is believed at once, faster ones with time. So a target that has become slow is left alone within
one answer, and comes back by itself.
"""

import itertools
import math
from collections import deque
from typing import Final

DECAY: Final = 10.0
"""Seconds in which an old estimate loses all but a third (1/e) of its weight."""
MOST_TIMES: Final = 500
"""Times that quantiles are taken of."""
FEWEST_TIMES: Final = 20
"""Fewer than these make no quantile."""
UNKNOWN: Final = 1e9
"""The cost of a target that is being tried for the first time: more than any that is known."""


class Pace:
    """Times to the first token of one kind of answers of a target, in seconds."""

    __slots__ = ("_fresh", "_peak", "_seen", "_sorted", "_times", "_waiting")

    def __init__(self) -> None:
        self._peak = 0.0
        self._seen: float | None = None
        self._times: deque[float] = deque(maxlen=MOST_TIMES)
        self._sorted: list[float] = []
        self._fresh = 0
        self._waiting: dict[object, float] = {}

    @property
    def known(self) -> bool:
        """Whether there has been any answer."""
        return self._seen is not None

    @property
    def peak(self) -> float | None:
        """The estimate as of the last answer; None before the first."""
        return None if self._seen is None else self._peak

    def begin(self, asking: object, now: float) -> None:
        """A request is sent; it waits for its first token from now on."""
        self._waiting[asking] = now

    def begun(self, asking: object, now: float) -> None:
        """A request has its first token."""
        started = self._waiting.pop(asking, None)
        if started is not None:
            self._add(now - started, now)

    def given_up(self, asking: object, now: float) -> None:
        """A request that still waited has ended without an answer: it would have taken longer than that.

        That says something only where it is longer than what was to be expected.
        """
        started = self._waiting.pop(asking, None)
        if started is None:
            return
        waited = now - started
        if self._seen is None or waited > self.estimate(now):
            self._observe(waited, now)
        middle = self.quantile(0.5)
        if middle is None or waited > middle:
            self._note(waited)

    def forget(self, asking: object) -> None:
        """A request has ended in a way that says nothing about the time to the first token."""
        self._waiting.pop(asking, None)

    def estimate(self, now: float) -> float:
        """The estimate as of now: the longer the last answer is ago, the lower."""
        if self._seen is None:
            return 0.0
        return self._peak * math.exp((self._seen - now) / DECAY)

    def expected(self, now: float) -> float:
        """What the next request has to expect.

        The estimate fades while nothing is asked, so that a slow target is tried again some day. As long as
        one request tries it, the old estimate holds for the others, or what that one has waited already.
        """
        if not self._waiting:
            return self.estimate(now)
        longest = now - next(iter(self._waiting.values()))
        return max(longest, UNKNOWN if self._seen is None else self._peak)

    def quantile(self, share: float) -> float | None:
        """The time within which that share (0 to 1) of the latest answers began; None as long as there are
        too few.
        """
        count = len(self._times)
        if count < FEWEST_TIMES:
            return None
        if not self._sorted or self._fresh > count // 16:
            self._sorted = sorted(self._times)
            self._fresh = 0
        return self._sorted[max(0, math.ceil(share * len(self._sorted)) - 1)]

    def lateness(self, share: float, now: float) -> float | None:
        """The time within which that share (0 to 1) of the answers begins, requests that still wait included:
        those that have waited for longer take longer still. Without them, slow answers would count only long
        after the quick ones of the same moment. None as long as too little is known.
        """
        known = self.quantile(share)
        if known is None:
            return None
        count = len(self._sorted)
        longest = itertools.islice(self._waiting.values(), count)
        later = sum(1 for _ in itertools.takewhile(lambda began: now - began > known, longest))
        return self._sorted[min(count, max(1, math.ceil(share * (count + later)))) - 1]

    def _add(self, seconds: float, now: float) -> None:
        self._observe(seconds, now)
        self._note(seconds)

    def _observe(self, seconds: float, now: float) -> None:
        if self._seen is None or seconds >= self._peak:
            self._peak = seconds
        else:
            kept = math.exp((self._seen - now) / DECAY)
            self._peak = self._peak * kept + seconds * (1.0 - kept)
        self._seen = now

    def _note(self, seconds: float) -> None:
        self._times.append(seconds)
        self._fresh += 1


class Load:
    """What is on its way to one target, and its pace: that of streamed and that of whole answers."""

    __slots__ = ("in_flight", "streamed", "whole")

    def __init__(self) -> None:
        self.in_flight = 0
        self.streamed = Pace()
        self.whole = Pace()

    def pace(self, *, stream: bool) -> Pace:
        """The pace of one kind of answers."""
        return self.streamed if stream else self.whole

    def cost(self, now: float, *, stream: bool) -> float:
        """What choosing this target costs: its expected time to the first token, once for each request that
        is there and for the new one.
        """
        return self.pace(stream=stream).expected(now) * (self.in_flight + 1)
