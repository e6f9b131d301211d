"""How long an upstream may take: one timer for each attempt, moved on with every sign of life."""

import asyncio
from types import TracebackType
from typing import Self

from dragoman.config.settings import Timeouts
from dragoman.conversation.failure import Failure, FailureError, FailureKind


class TimeLimits:
    """Bounds what happens inside `async with`: the whole exchange, and each silence of the upstream.

    Raises `FailureError` (timeout) that says which limit was reached. Silence is counted from `alive`
    on, and not while a slow client is waited for.
    """

    def __init__(self, timeouts: Timeouts, end: float) -> None:
        """Take the limits, in seconds, and when the exchange is over, on the event loop's clock."""
        self._timeouts = timeouts
        self._loop = asyncio.get_running_loop()
        self._end = end
        self._timeout = asyncio.timeout_at(self._next())

    def alive(self) -> None:
        """It is the upstream's turn, from now."""
        self._timeout.reschedule(self._next())

    def pause(self) -> None:
        """It is the client's turn: only the limit of the whole exchange counts until `alive`."""
        self._timeout.reschedule(self._end)

    def lift(self) -> None:
        """The upstream has done its part: the client may take what is left at its own pace."""
        if not self.expired:
            self._timeout.reschedule(None)

    @property
    def expired(self) -> bool:
        """Whether a limit was reached: the cancellation that comes with it is ours."""
        return self._timeout.expired()

    @property
    def over(self) -> bool:
        """Whether the time of the whole exchange is up. Timers may fire a little early, so it is the
        limit that tells, and not the clock.
        """
        return self.expired and self._timeout.when() == self._end

    async def __aenter__(self) -> Self:
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            raise FailureError(self.failure()) from None

    def failure(self) -> Failure:
        """What to tell the client when a limit was reached."""
        words = (
            f"The answer took longer than {self._timeouts.total:g} s (timeouts.total)."
            if self.over
            else f"The upstream said nothing for {self._timeouts.silence:g} s (timeouts.silence)."
        )
        return Failure(FailureKind.TIMEOUT, words)

    def _next(self) -> float:
        return min(self._end, self._loop.time() + self._timeouts.silence)
