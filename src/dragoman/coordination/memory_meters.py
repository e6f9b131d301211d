"""What this process alone counts."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from dragoman.coordination.meters import SLACK, Draw, Drawn, Level, Slot, wait_for

_LOOKED_AT = 2
"""Old buckets that are looked at for each new one: more than one, so that full ones become fewer."""


class _Bucket:
    """How much was used of one bucket as of `at`, and how fast it comes back, in a second."""

    __slots__ = ("at", "rate", "used")

    def __init__(self, at: float) -> None:
        self.used = 0.0
        self.at = at
        self.rate = 0.0


class MemoryMeters:
    """See `Meters`. Nothing in it waits. A bucket that is full again is forgotten, as is a name without
    slots.
    """

    degraded = False
    """See `Meters.degraded`."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Take a clock in seconds."""
        self._now = now
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._in_use: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._buckets) + len(self._in_use)

    async def draw(self, draws: Sequence[Draw], /) -> Drawn:
        """See `Meters.draw`."""
        return self.draw_now(draws)

    def draw_now(self, draws: Sequence[Draw], /) -> Drawn:
        """See `Meters.draw_now`."""
        now = self._now()
        buckets = self._buckets
        found: list[_Bucket] = []
        levels: list[Level] = []
        for name, most, seconds, amount in draws:
            bucket = buckets.get(name)
            if bucket is None:
                bucket = self._begin(name, now)
            used = bucket.used
            if used:
                used -= (now - bucket.at) * bucket.rate
                used = max(used, 0.0)
            bucket.at = now
            bucket.rate = rate = most / seconds
            if used + amount > most + most * SLACK:
                bucket.used = used
                return self._refused(draws, found, now)
            bucket.used = used = used + amount
            found.append(bucket)
            levels.append(Level(most - used if most > used else 0.0, used / rate))
        if len(found) > 1 and len(set(found)) < len(found):
            # what was drawn last of a bucket counts for all its levels
            levels = [_level(bucket, draw.most) for bucket, draw in zip(found, draws, strict=True)]
        return Drawn(None, 0.0, tuple(levels))

    async def put_back(self, draws: Sequence[Draw], /) -> None:
        """See `Meters.put_back`."""
        self.put_back_now(draws)

    def put_back_now(self, draws: Sequence[Draw], /) -> bool:
        """See `Meters.put_back_now`."""
        now = self._now()
        for draw in draws:
            bucket = self._current(draw, now)
            used = bucket.used - draw[3]
            bucket.used = max(0.0, used)
        return True

    async def enter(self, slots: Sequence[Slot], /) -> int | None:
        """See `Meters.enter`."""
        return self.first_full(slots)

    def enter_now(self, slots: Sequence[Slot], /) -> bool:
        """See `Meters.enter_now`."""
        return self.first_full(slots) is None

    def first_full(self, slots: Sequence[Slot], /) -> int | None:
        """Take the slots, or tell the first that is full: `enter`, without waiting."""
        in_use = self._in_use
        for place, (name, most) in enumerate(slots):
            taken = in_use.get(name, 0)
            if taken >= most:
                self.leave_now(slots[:place])
                return place
            in_use[name] = taken + 1
        return None

    async def leave(self, slots: Sequence[Slot], /) -> None:
        """See `Meters.leave`."""
        self.leave_now(slots)

    def leave_now(self, slots: Sequence[Slot], /) -> bool:
        """See `Meters.leave_now`."""
        in_use = self._in_use
        for name, _ in slots:
            taken = in_use.get(name, 0)
            if taken > 1:
                in_use[name] = taken - 1
            else:
                in_use.pop(name, None)
        return True

    async def in_use(self, name: str, /) -> int:
        """See `Meters.in_use`."""
        return self.taken(name)

    def taken(self, name: str, /) -> int:
        """How many slots under a name are taken: `in_use`, without waiting."""
        return self._in_use.get(name, 0)

    async def close(self) -> None:
        """See `Meters.close`."""
        self._buckets.clear()
        self._in_use.clear()

    def _begin(self, name: str, now: float) -> _Bucket:
        for _ in range(min(_LOOKED_AT, len(self._buckets))):
            old, bucket = self._buckets.popitem(last=False)
            # one that was touched just now may belong to the same draw
            if bucket.at == now or bucket.used > (now - bucket.at) * bucket.rate:
                self._buckets[old] = bucket
        bucket = self._buckets[name] = _Bucket(now)
        return bucket

    def _current(self, draw: Draw, now: float) -> _Bucket:
        """A bucket as it is now, and with the rate that holds from now on."""
        name, most, seconds, _ = draw
        bucket = self._buckets.get(name) or self._begin(name, now)
        used = bucket.used - (now - bucket.at) * bucket.rate
        bucket.used = max(0.0, used)
        bucket.at = now
        bucket.rate = most / seconds
        return bucket

    def _refused(self, draws: Sequence[Draw], found: Sequence[_Bucket], now: float) -> Drawn:
        """Undo what was drawn before one that did not fit."""
        refused = len(found)
        for bucket, draw in zip(found, draws[:refused], strict=True):
            bucket.used = max(0.0, bucket.used - draw.amount)
        levels = [_level(self._current(draw, now), draw.most) for draw in draws]
        return Drawn(refused, wait_for(draws[refused], levels[refused]), tuple(levels))


def _level(bucket: _Bucket, most: float) -> Level:
    used = bucket.used
    return Level(most - used if most > used else 0.0, used / bucket.rate)
