"""Places: how many requests may be somewhere at once, and the queue of those that wait for one.

A request takes all the places that it needs in one step or none of them, so that nobody holds one while
waiting for another, and no two can block each other. Places are context managers; whichever way they are
left, and whenever a waiting one is cancelled, nothing stays taken.
"""

import asyncio
import bisect
import itertools
import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from typing import Final, NamedTuple

from dragoman.config.settings import Queue
from dragoman.conversation.failure import Failure, FailureError, FailureKind

_NEWEST: Final = 0.2
"""The weight of the latest time in the average of how long a place is held."""


class Limit:
    """One thing of which only so many may be in use at once, and who waits for it."""

    __slots__ = ("held", "in_use", "parked", "waiting")

    def __init__(self) -> None:
        self.in_use = 0
        self.waiting = 0
        """Requests that wait and need this, wherever they are parked."""
        self.parked: list[tuple[int, int, _Waiter]] = []
        """Those that wait until something is given back here, the next one first: by priority, then by
        arrival. While anybody is parked, everything is in use."""
        self.held: float | None = None
        """How long one is in use, in seconds: an average."""


class Need(NamedTuple):
    """A limit, the most that may be in use at once, and what it is called."""

    limit: Limit
    most: int
    name: str

    @property
    def full(self) -> bool:
        """Whether nothing is free."""
        return self.limit.in_use >= self.most


class Places:
    """All limits of concurrent requests, by what they are for."""

    def __init__(self, queue: Queue, now: Callable[[], float]) -> None:
        self.queue = queue
        self.now = now
        self._limits: dict[Hashable, Limit] = {}
        self._arrivals = itertools.count()

    def need(self, key: Hashable, most: int, name: str) -> Need:
        """One of what stands under a key, of which there are `most`; `name` is for people."""
        limit = self._limits.get(key)
        if limit is None:
            limit = self._limits[key] = Limit()
        return Need(limit, most, name)

    def has_room(self, key: Hashable, most: int) -> bool:
        """Whether one of what stands under a key is free. Changes nothing."""
        limit = self._limits.get(key)
        return limit is None or limit.in_use < most

    def in_use(self) -> int:
        """What is in use of all limits together."""
        return sum(limit.in_use for limit in self._limits.values())

    def waiting(self) -> int:
        """The requests that wait."""
        return sum(len(limit.parked) for limit in self._limits.values())

    def waiting_by_label(self) -> Counter[Hashable]:
        """The requests that wait, by the label that was given for them."""
        return Counter(waiter.label for limit in self._limits.values() for *_, waiter in limit.parked)

    def arrival(self) -> int:
        """A number for a request that begins to wait, higher than all before."""
        return next(self._arrivals)

    def tidy(self) -> None:
        """Forget the limits that nobody uses: the configuration may not have them any more."""
        self._limits = {key: limit for key, limit in self._limits.items() if limit.in_use or limit.waiting}


class Place:
    """A place for one request: taken once, at once where there is room, else after waiting for it.

    Waiting raises `FailureError` (rate limit, code `concurrency_limit`) if the queue is full, or if there
    is still no room at `until` or after the longest wait of the queue.

        async with place: ...

    is the same as `if not place.take(): await place.wait()` before, and `place.give_back()` at the end.
    """

    __slots__ = ("_label", "_needs", "_places", "_priority", "_taken_at", "_until")

    def __init__(
        self,
        places: Places,
        needs: tuple[Need, ...],
        *,
        until: float,
        priority: int,
        label: Hashable = None,
    ) -> None:
        """Take what is needed of each limit; `until` on the clock of the places; and a label under which
        it is counted while it waits.
        """
        self._places = places
        self._needs = needs
        self._until = until
        self._priority = priority
        self._label = label
        self._taken_at: float | None = None

    @property
    def taken(self) -> bool:
        """Whether it is held right now; never, where nothing is limited."""
        return self._taken_at is not None

    def take(self) -> bool:
        """Take it, if there is room now; whether there was."""
        needs = self._needs
        if not needs:
            return True
        for limit, most, _ in needs:
            if limit.in_use >= most:
                return False
        for need in needs:
            need[0].in_use += 1
        self._taken_at = self._places.now()
        return True

    async def wait(self) -> None:
        """Take it as soon as there is room. Raises `FailureError`."""
        full = next((need for need in self._needs if need.full), None)
        if full is not None:
            await self._wait(full)
            self._taken_at = self._places.now()
        else:
            self.take()

    def give_back(self) -> None:
        """Give it back, if it is taken, and hand it over to those who wait for it."""
        if self._taken_at is None:
            return
        held = self._places.now() - self._taken_at
        self._taken_at = None
        for limit, _, _ in self._needs:
            before = limit.held
            limit.held = held if before is None else before + _NEWEST * (held - before)
        _give_back(self._needs)

    async def __aenter__(self) -> None:
        if not self.take():
            await self.wait()

    async def __aexit__(self, *_: object) -> None:
        self.give_back()

    async def _wait(self, full: Need) -> None:
        queue, now = self._places.queue, self._places.now()
        deadline = min(self._until, now + queue.timeout)
        needs = (full, *self._needs)
        crowded = next((need for need in needs if need.limit.waiting >= queue.size), None)
        if crowded is not None or deadline <= now:
            raise FailureError(_refusal(crowded or full, waited=None))
        loop = asyncio.get_running_loop()
        waiter = _Waiter(self._needs, self._label, loop.create_future())
        waiter.park(full, (-self._priority, self._places.arrival()))
        timer = loop.call_later(deadline - now, waiter.expire)
        try:
            granted = await waiter.answer
        except BaseException:
            # cancelled: perhaps in the very moment in which the place was handed over
            if waiter.granted:
                _give_back(self._needs)
            else:
                waiter.leave()
            raise
        finally:
            timer.cancel()
        if not granted:
            raise FailureError(_refusal(waiter.blocked_by, waited=self._places.now() - now))


class _Waiter:
    """One request that waits: parked at a limit that has no room for it, until it gets all that it needs."""

    __slots__ = ("_order", "answer", "blocked_by", "granted", "label", "needs")

    def __init__(self, needs: tuple[Need, ...], label: Hashable, answer: "asyncio.Future[bool]") -> None:
        self.needs = needs
        self.label = label
        self.answer = answer
        self.granted = False
        self.blocked_by = needs[0]
        self._order = (0, 0)
        for need in needs:
            need.limit.waiting += 1

    def park(self, full: Need, order: tuple[int, int]) -> None:
        """Wait at a limit, in this order among the others there."""
        self.blocked_by = full
        self._order = order
        bisect.insort(full.limit.parked, (*order, self))

    def try_again(self) -> None:
        """Take all places if there is room for it everywhere, else wait at another limit. It is not parked
        any more.
        """
        full = next((need for need in self.needs if need.full), None)
        if full is not None:
            self.park(full, self._order)
            return
        self._stop_waiting()
        if self.answer.done():  # its task was cancelled and does not know yet
            return
        self.granted = True
        for need in self.needs:
            need.limit.in_use += 1
        self.answer.set_result(True)

    def leave(self) -> None:
        """Stop waiting, without a place."""
        parked = self.blocked_by.limit.parked
        place = bisect.bisect_left(parked, self._order, key=lambda entry: entry[:2])
        if place < len(parked) and parked[place][2] is self:
            del parked[place]
            self._stop_waiting()

    def expire(self) -> None:
        """The longest wait is over."""
        if not self.answer.done():
            self.leave()
            self.answer.set_result(False)

    def _stop_waiting(self) -> None:
        for need in self.needs:
            need.limit.waiting -= 1


def _give_back(needs: tuple[Need, ...]) -> None:
    """Give places back, and hand them over to those who wait for them."""
    for need in needs:
        need[0].in_use -= 1
    for limit, _, _ in needs:
        if limit.parked:
            for waiter in _next_ones(limit):
                waiter.try_again()


def _next_ones(limit: Limit) -> Iterator[_Waiter]:
    """Those who are parked at a limit, as long as it has room for the next one; they are parked no more."""
    while limit.parked:
        waiter = limit.parked[0][2]
        if waiter.blocked_by.full:
            return
        del limit.parked[0]
        yield waiter


def _refusal(need: Need, waited: float | None) -> Failure:
    limit = need.limit
    if waited is not None:
        reason = f"and none has ended within {max(1, round(waited))} s of waiting"
    else:
        reason = f"and {limit.waiting} more wait already" if limit.waiting else "and no more may wait"
    seconds = math.ceil((limit.waiting + 1) * (limit.held or 1.0) / need.most)
    return Failure(
        FailureKind.RATE_LIMIT,
        f"{need.name} serves at most {need.most} at once, {reason}. Try again in {max(1, seconds)} s.",
        code="concurrency_limit",
        retry_after=float(max(1, seconds)),
    )
