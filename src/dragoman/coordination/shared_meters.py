"""What the workers of one node count together, in a file that all of them have mapped into their memory."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import structlog

from dragoman.coordination.memory_meters import MemoryMeters
from dragoman.coordination.meters import SLACK, Draw, Drawn, Level, Slot, wait_for
from dragoman.coordination.shared_table import (
    BUCKETS,
    SLOTS,
    FileForm,
    LockTimeoutError,
    SharedTable,
    create_file,
)

PATIENCE = 1.0
SHORT_PATIENCE = 0.005
"""Seconds that are waited for a lock. It is held for microseconds; for longer only by a process that was
stopped in the middle of a change.
"""
RECOVERY = 10.0
"""Seconds without trouble after which it is over."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger("dragoman.coordination")


class SharedMeters:
    """See `Meters`. Exact among all processes that have attached the same file; nothing in it waits for long.

    Where the file has no room for a name, or another process does not let go of it, this process counts for
    itself what it was asked then. That is said once.
    """

    def __init__(self, table: SharedTable, now: Callable[[], float] = time.monotonic) -> None:
        """Take this process's view of the file; see `attach`. The clock is one that all processes share."""
        self._table = table
        self._now = now
        self._alone = MemoryMeters(now)
        self._troubled = float("-inf")
        self._closed = False
        self._column: int | None = None
        if self._locked(SLOTS):
            self._column = table.join()
            table.unlock(SLOTS)

    @staticmethod
    def create(folder: Path, form: FileForm | None = None) -> Path:
        """Make the file in a folder, before the first process attaches it; where it is. Raises `OSError`."""
        return create_file(folder, form or FileForm())

    @classmethod
    def attach(cls, path: Path, now: Callable[[], float] = time.monotonic) -> Self:
        """Count along in a file, from this process; once in each. Raises `OSError` and `ValueError`."""
        return cls(SharedTable(path), now)

    @property
    def degraded(self) -> bool:
        """See `Meters.degraded`."""
        return self._now() - self._troubled < RECOVERY

    async def draw(self, draws: Sequence[Draw], /) -> Drawn:
        """See `Meters.draw`."""
        return self.draw_now(draws)

    def draw_now(self, draws: Sequence[Draw], /) -> Drawn:
        """See `Meters.draw_now`."""
        table = self._table
        if self._closed or not self._locked(BUCKETS):
            return self._alone.draw_now(draws)
        try:
            drawn = self._draw(draws)
        finally:
            table.unlock(BUCKETS)
        if drawn is None:
            self._note("the table of limits is full")
            return self._alone.draw_now(draws)
        return drawn

    def _draw(self, draws: Sequence[Draw]) -> Drawn | None:
        now, table = self._now(), self._table
        states: list[int] = []
        after: dict[int, float] = {}
        refused: int | None = None
        for place, (name, most, _, amount) in enumerate(draws):
            state = table.bucket(name, now, states)
            if state is None:
                return None
            states.append(state)
            used = after.get(state)
            if used is None:
                used = _used(*table.read(state), now)
            if refused is None and used + amount > most + most * SLACK:
                refused = place
            after[state] = used if refused is not None else used + amount
        if refused is not None:
            for state, draw in zip(states[:refused], draws[:refused], strict=True):
                after[state] -= draw.amount
        levels: list[Level] = []
        for state, (_, most, seconds, _) in zip(states, draws, strict=True):
            used, rate = after[state], most / seconds
            table.write(state, used, now, rate)
            levels.append(Level(most - used if most > used else 0.0, used / rate))
        wait = 0.0 if refused is None else wait_for(draws[refused], levels[refused])
        return Drawn(refused, wait, tuple(levels))

    async def put_back(self, draws: Sequence[Draw], /) -> None:
        """See `Meters.put_back`."""
        self.put_back_now(draws)

    def put_back_now(self, draws: Sequence[Draw], /) -> bool:
        """See `Meters.put_back_now`."""
        table = self._table
        if self._closed or not self._locked(BUCKETS):
            return self._alone.put_back_now(draws)
        lacking: list[Draw] = []
        try:
            now = self._now()
            for draw in draws:
                state = table.bucket(draw.name, now)
                if state is None:
                    lacking.append(draw)
                    continue
                used = max(0.0, _used(*table.read(state), now) - draw.amount)
                table.write(state, used, now, draw.most / draw.seconds)
        finally:
            table.unlock(BUCKETS)
        return self._alone.put_back_now(lacking)

    async def enter(self, slots: Sequence[Slot], /) -> int | None:
        """See `Meters.enter`."""
        return self._first_full(slots)

    def enter_now(self, slots: Sequence[Slot], /) -> bool:
        """See `Meters.enter_now`."""
        return self._first_full(slots) is None

    def _first_full(self, slots: Sequence[Slot]) -> int | None:
        """Take the slots, or tell the first that is full."""
        if self._closed or not self._locked(SLOTS):
            return self._alone.first_full(slots)
        try:
            refused = self._enter(slots)
            if refused is not None and self._table.bury(self._column):
                refused = self._enter(slots)
        except _FullError:
            pass
        else:
            return refused
        finally:
            self._table.unlock(SLOTS)
        self._note("the table of limits is full")
        return self._alone.first_full(slots)

    def _enter(self, slots: Sequence[Slot]) -> int | None:
        """Raises `_FullError`."""
        table, column = self._table, self._column
        if column is None:
            raise _FullError
        offset = column * table.form.names
        for place, (name, most) in enumerate(slots):
            at = table.slots_of(name)
            if at is None:
                at = table.claim_slots(name)
            if at is None or table.taken(at) >= most:
                self._leave(slots[:place])
                if at is None:
                    raise _FullError
                return place
            table.words[at + offset] += 1
        return None

    async def leave(self, slots: Sequence[Slot], /) -> None:
        """See `Meters.leave`."""
        self.leave_now(slots)

    def leave_now(self, slots: Sequence[Slot], /) -> bool:
        """See `Meters.leave_now`."""
        alone = self._alone
        shared: list[Slot] = []
        for slot in slots:
            if alone.taken(slot.name):
                alone.leave_now((slot,))
            else:
                shared.append(slot)
        if not self._closed:
            self._leave(shared)
        return True

    def _leave(self, slots: Sequence[Slot]) -> None:
        # no lock: only this process writes its column, and no name leaves its place while a slot is taken
        table, column = self._table, self._column
        if column is None:
            return
        offset = column * table.form.names
        for slot in slots:
            place = table.slots_of(slot.name)
            if place is not None and table.words[place + offset]:
                table.words[place + offset] -= 1

    async def in_use(self, name: str, /) -> int:
        """See `Meters.in_use`."""
        alone = self._alone.taken(name)
        if self._closed or not self._locked(SLOTS):
            return alone
        try:
            self._table.bury(self._column)
            place = self._table.slots_of(name)
            return alone + (0 if place is None else self._table.taken(place))
        finally:
            self._table.unlock(SLOTS)

    async def close(self) -> None:
        """See `Meters.close`."""
        if self._closed:
            return
        if self._column is not None and self._locked(SLOTS):
            self._table.leave(self._column)
        self._closed = True
        self._table.close()
        await self._alone.close()

    def _locked(self, byte: int) -> bool:
        # who has waited long in vain does not do so again soon
        patience = SHORT_PATIENCE if self.degraded else PATIENCE
        try:
            self._table.lock(byte, patience)
        except LockTimeoutError:
            self._note("another worker does not let go of the limits")
            return False
        return True

    def _note(self, reason: str) -> None:
        known = self.degraded
        self._troubled = self._now()
        if not known:
            _log.warning(
                "limits cannot be shared; until they can, each worker counts for itself", reason=reason
            )


class _FullError(Exception):
    """There is no room for a name."""


def _used(used: float, at: float, rate: float, now: float) -> float:
    left = used - (now - at) * rate
    return max(0.0, left)
