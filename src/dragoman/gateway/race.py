"""Two attempts at once: the first whose answer begins goes on, the other is given up."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from dragoman.conversation.failure import FailureError

T = TypeVar("T")


class Race(Generic[T]):
    """Runs one attempt and, when it has not begun to answer in time, a second one beside it."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[T]] = set()
        self.winner: asyncio.Task[object] | None = None
        """The attempt whose answer has begun."""

    def claim(self) -> None:
        """The current task has the answer, and every other is cancelled. Raises `CancelledError` where
        another was first.
        """
        task = asyncio.current_task()
        if self.winner is None:
            self.winner = task
            for other in self._running:
                if other is not task:
                    other.cancel()
        elif self.winner is not task:
            raise asyncio.CancelledError

    async def run(
        self,
        first: Callable[[], Awaitable[T]],
        delay: float,
        second: Callable[[], Callable[[], Awaitable[T]] | None],
        hopeless: Callable[[FailureError], bool],
    ) -> T:
        """The outcome of whichever attempt has one. After `delay` seconds without an answer, `second` says
        who else to ask, if anybody. A `hopeless` failure of the first ends the race: no other attempt would
        be spared it.

        Raises the first one's failure if both fail. When this is left, neither attempt is running any more.
        """
        leading = self._begin(first)
        failed: FailureError | None = None
        try:
            await asyncio.wait({leading}, timeout=delay)
            if not leading.done() and self.winner is None and (other := second()) is not None:
                self._begin(other)
            while self._running:
                done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
                self._running -= done
                for task in done:
                    if task.cancelled():
                        continue
                    error = task.exception()
                    if error is None:
                        return task.result()
                    if not isinstance(error, FailureError):
                        raise error
                    if task is leading and self.winner in {None, task} and hopeless(error):
                        # the other one may be about to begin
                        self.winner = task
                        raise error
                    failed = error if task is leading else failed or error
        finally:
            if self._running:
                await self._stop()
        if failed is None:
            raise asyncio.CancelledError
        raise failed

    async def _stop(self) -> None:
        """Cancel whoever is running, and wait until nobody is: what they have cost is not known before. That
        holds also where this is cancelled meanwhile, such as by a shutdown after the client has left.
        """
        again: asyncio.CancelledError | None = None
        running: set[asyncio.Task[T]] = self._running
        for task in running:
            task.cancel()
        while running:
            try:
                _, running = await asyncio.wait(running)
            except asyncio.CancelledError as error:
                again = error
                running = {task for task in running if not task.done()}
        if again is not None:
            raise again

    def _begin(self, attempt: Callable[[], Awaitable[T]]) -> asyncio.Task[T]:
        task = asyncio.ensure_future(attempt())
        task.add_done_callback(_looked_at)
        self._running.add(task)
        return task


def _looked_at(task: asyncio.Task[T]) -> None:
    """Look at how an attempt ended: asyncio complains about errors that nobody has looked at."""
    if not task.cancelled():
        task.exception()
