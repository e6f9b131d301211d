"""How long an upstream may take: one timer for each attempt, looked at again only when it rings."""

import asyncio
from types import TracebackType
from typing import Literal, Self

from dragoman.config.settings import Timeouts
from dragoman.conversation.failure import Failure, FailureError, FailureKind

Limit = Literal["first_event", "between_events", "total"]


class TimeLimits:
    """Bounds what happens inside `async with`: the whole exchange, the wait for the first piece of an
    answer, and each silence after it.

    Raises `FailureError` (timeout) that says which limit was reached. The upstream is waited for from
    `sent` on, and not while a slow client is.
    """

    def __init__(self, timeouts: Timeouts, end: float) -> None:
        """Take the limits, in seconds, and when the exchange is over, on the event loop's clock."""
        self._timeouts = timeouts
        self._loop = asyncio.get_running_loop()
        self._end = end
        self._due = end
        self._limit: Limit = "total"
        self._armed = end
        self._timer: asyncio.TimerHandle | None = None
        self._timeout = asyncio.timeout(None)
        self._left = 0.0
        self._paused = False
        self._lifted = False

    def sent(self) -> None:
        """The request goes out: an answer is waited for, from now."""
        self._wait("first_event", self._timeouts.first_event)

    def alive(self) -> None:
        """A whole event has come, and the next is waited for, from now."""
        self._wait("between_events", self._timeouts.between_events)

    def pause(self) -> None:
        """It is the client's turn: only the limit of the whole exchange counts until `resume` or `alive`."""
        if not self._paused:
            self._paused = True
            self._left = self._due - self._loop.time()
            self._due = self._end

    def resume(self) -> None:
        """It is the upstream's turn again, which has not said anything new."""
        if self._paused:
            self._paused = False
            self._move(min(self._end, self._loop.time() + self._left))

    def lift(self) -> None:
        """The upstream has done its part: the client may take what is left at its own pace."""
        self._lifted = True
        self._disarm()
        if self._timeout.when() is not None and not self.expired:
            # it has rung in this very moment
            self._timeout.reschedule(None)

    @property
    def paused(self) -> bool:
        """Whether it is, or was at the end, the client's turn: no upstream is to blame for the time."""
        return self._paused

    @property
    def expired(self) -> bool:
        """Whether a limit was reached: the cancellation that comes with it is ours."""
        return self._timeout.expired()

    @property
    def over(self) -> bool:
        """Whether the time of the whole exchange is up. Timers may fire a little early, so it is the
        limit that tells, and not the clock.
        """
        return self.expired and self._due == self._end

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        self._arm(self._end)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._disarm()
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            raise FailureError(self.failure()) from None

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

    def _wait(self, limit: Limit, seconds: float) -> None:
        self._paused = False
        self._limit = limit
        self._move(min(self._end, self._loop.time() + seconds))

    def _move(self, due: float) -> None:
        self._due = due
        # a timer that rings too early looks again; only one that would ring too late is set anew
        if due < self._armed and not self._lifted:
            self._arm(due)

    def _arm(self, moment: float) -> None:
        self._disarm()
        self._armed = moment
        self._timer = self._loop.call_at(moment, self._ring)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        if self._due > self._armed:
            self._arm(self._due)
        else:
            self._timer = None
            self._timeout.reschedule(self._loop.time())
