"""How long an upstream may take: one timer for all attempts of a process, which looks at what is due."""

import asyncio
import math
from types import TracebackType
from typing import Literal, Self

from dragoman.config.settings import Timeouts
from dragoman.conversation.failure import Failure, FailureError, FailureKind

Limit = Literal["first_event", "between_events", "total"]

LOOK = 1.0
"""Seconds between two looks at the attempts that are under way. Nearly all end long before any limit of
theirs, and most before anybody has looked: they cost no timer of their own.
"""
APART = 0.005
"""Seconds that lie between two looks at least: so much later than it is due may a limit ring."""


class Watch:
    """Looks after all limits of one event loop, with one timer; with none while nothing is under way."""

    __slots__ = ("_open", "_timer", "loop", "next")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.next = math.inf
        """When it looks next, on the loop's clock."""
        self._open: set[TimeLimits] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, limits: "TimeLimits") -> None:
        """Look after limits from now on, until they are dropped."""
        self._open.add(limits)
        self.expect(limits.due)

    def drop(self, limits: "TimeLimits") -> None:
        """Look after limits no more."""
        self._open.discard(limits)

    def expect(self, due: float) -> None:
        """Something is due then, of what is looked after."""
        if due < self.next:
            self._look_at(min(due, self.loop.time() + LOOK))

    def _look_at(self, moment: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.next = moment
        self._timer = self.loop.call_at(moment, self._look)

    def _look(self) -> None:
        self._timer, self.next = None, math.inf
        now = self.loop.time()
        late: list[TimeLimits] = []
        following = now + LOOK
        for limits in self._open:
            if limits.due <= now:
                late.append(limits)
            elif limits.due < following:
                following = limits.due
        for limits in late:
            self._open.discard(limits)
            # not at once: what comes in at this very moment may lift it
            self.loop.call_soon(limits.ring)
        if self._open:
            self._look_at(max(following, now + APART))


class TimeLimits:
    """Bounds what happens inside `with`: the whole exchange, the wait for the first piece of an answer, and
    each silence after it.

    Raises `FailureError` (timeout) that says which limit was reached. The upstream is waited for from
    `sent` on, and not while a slow client is.
    """

    __slots__ = (
        "_cancelling",
        "_end",
        "_left",
        "_lifted",
        "_limit",
        "_paused",
        "_task",
        "_timeouts",
        "_watch",
        "due",
        "expired",
    )

    def __init__(self, timeouts: Timeouts, end: float, watch: Watch) -> None:
        """Take the limits, in seconds, and when the exchange is over, on the event loop's clock."""
        self._timeouts = timeouts
        self._watch = watch
        self._end = end
        self._limit: Limit = "total"
        self._left = 0.0
        self._paused = False
        self._lifted = False
        self.due = end
        """When the next limit is reached."""
        self.expired = False
        """Whether a limit was reached: the cancellation that comes with it is ours."""

    def sent(self) -> None:
        """The request goes out: an answer is waited for, from now."""
        self._limit = "first_event"
        self._move(self._timeouts.first_event)

    def alive(self) -> None:
        """A whole event has come, and the next is waited for, from now."""
        self._limit = "between_events"
        self._move(self._timeouts.between_events)

    def pause(self) -> None:
        """It is the client's turn: only the limit of the whole exchange counts until `resume` or `alive`."""
        if not self._paused:
            self._paused = True
            self._left = self.due - self._watch.loop.time()
            self.due = self._end

    def resume(self) -> None:
        """It is the upstream's turn again, which has not said anything new."""
        if self._paused:
            self._move(self._left)

    def lift(self) -> None:
        """The upstream has done its part: the client may take what is left at its own pace."""
        self._lifted = True
        self._watch.drop(self)

    @property
    def paused(self) -> bool:
        """Whether it is, or was at the end, the client's turn: no upstream is to blame for the time."""
        return self._paused

    @property
    def over(self) -> bool:
        """Whether the time of the whole exchange is up. Timers may fire a little early, so it is the
        limit that tells, and not the clock.
        """
        return self.expired and self.due == self._end

    def __enter__(self) -> Self:
        task = asyncio.current_task(self._watch.loop)
        if task is None:
            raise RuntimeError("Limits hold for a task, and there is none.")
        self._task = task
        self._cancelling = task.cancelling()
        self._watch.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._lifted:
            self.lift()
        # cancelled also by somebody else, or a cancellation that was swallowed, it is no timeout any more
        if self.expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise FailureError(self.failure()) from None

    def ring(self) -> None:
        """A limit has been reached, unless it has been lifted or moved in this very moment."""
        if self._lifted:
            return
        if self.due > self._watch.loop.time():
            self._watch.add(self)
            return
        self.expired = True
        self._task.cancel()

    def failure(self) -> Failure:
        """What to tell the client when a limit was reached."""
        timeouts = self._timeouts
        if self.over:
            words = f"The answer took longer than {timeouts.total:g} s (timeouts.total)."
        elif self._limit == "first_event":
            words = (
                f"The upstream did not begin to answer within {timeouts.first_event:g} s "
                "(timeouts.first_event)."
            )
        else:
            words = (
                f"The upstream sent nothing new for {timeouts.between_events:g} s (timeouts.between_events)."
            )
        return Failure(FailureKind.TIMEOUT, words)

    def _move(self, seconds: float) -> None:
        """It is the upstream's turn, for so long."""
        self._paused = False
        watch = self._watch
        due = watch.loop.time() + seconds
        due = min(due, self._end)
        self.due = due
        # a look that comes too early does no harm; only one that would come too late is moved
        if due < watch.next and not self._lifted:
            watch.expect(due)
