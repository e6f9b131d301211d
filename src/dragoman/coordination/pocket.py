"""What a process has taken out of a large shared bucket in advance, so as not to ask for every request."""

from typing import Final

from dragoman.coordination.meters import Draw, Level, wait_for

SHARE: Final = 50
"""A slice is at most this part of the bucket."""
LARGE: Final = 100.0
"""The least that a bucket must hold for slices to be taken from it: smaller ones are asked each time."""
KEPT: Final = 0.75
"""Seconds after which what is left of a slice goes back, when somebody looks."""


class Pocket:
    """A slice of one bucket. Times are in seconds on the monotonic clock."""

    __slots__ = ("_at", "_left", "_most", "_seconds", "asking", "held", "name", "owed")

    def __init__(self, draw: Draw) -> None:
        self.name = draw.name
        self.held = 0.0
        """What was given by the server and is not used: it may be granted here."""
        self.owed = 0.0
        """What goes back to the server at the next occasion."""
        self.asking = False
        """Whether a slice is on its way."""
        self._most = draw.most
        self._seconds = draw.seconds
        self._left = 0.0
        self._at = 0.0

    @property
    def slice(self) -> float:
        """The most that is held."""
        return self._most / SHARE

    def take(self, draw: Draw) -> float:
        """Take as much of an amount as there is."""
        self._most, self._seconds = draw.most, draw.seconds
        taken = min(self.held, draw.amount)
        self.held -= taken
        return taken

    def put(self, amount: float) -> None:
        """Put something in; what is beyond a slice goes back to the server."""
        self.held += amount
        if self.held > self.slice:
            self.owed += self.held - self.slice
            self.held = self.slice

    def told(self, left: float, now: float) -> None:
        """The server has answered that so much was left, without what is held here."""
        self._left, self._at = left, now

    def level(self, now: float) -> Level:
        """How the bucket is, as far as is known here."""
        rate = self._most / self._seconds
        left = min(self._most, self._left + self.held + self.owed + (now - self._at) * rate)
        return Level(max(0.0, left), (self._most - left) / rate)

    def serves(self, draw: Draw) -> bool:
        """Whether there is enough for a draw, of a bucket that is as it was."""
        return self.held >= draw.amount and self._most == draw.most and self._seconds == draw.seconds

    def rest(self, now: float) -> Draw | None:
        """What is to be given back now, which it then has not any more."""
        if now - self._at >= KEPT and not self.asking:
            self.owed += self.held
            self.held = 0.0
        if not self.owed:
            return None
        amount, self.owed = self.owed, 0.0
        self._left += amount
        return Draw(self.name, self._most, self._seconds, amount)

    def idle(self, now: float) -> bool:
        """Whether it may be forgotten."""
        return not (self.held or self.owed or self.asking) and now - self._at >= KEPT


class Ask:
    """What one draw needs from the server, beside what a pocket has of it."""

    def __init__(self, draw: Draw, pocket: Pocket | None) -> None:
        self._draw = draw
        self._pocket = pocket
        self._part = 0.0
        self._more = 0.0
        self._asks = pocket is not None and not pocket.asking
        if pocket is not None:
            self._part = pocket.take(draw)
            if self._asks:
                pocket.asking = True
                self._more = pocket.slice - pocket.held

    @property
    def arguments(self) -> tuple[float, float, float, float]:
        """The bucket, what is needed, and how much more is wished for."""
        draw = self._draw
        return draw.most, draw.seconds, draw.amount - self._part, self._more

    def end(self) -> None:
        """The server has answered, or has not."""
        if self._pocket is not None and self._asks:
            self._pocket.asking = False

    def undo(self) -> None:
        """Put back into the pocket what was taken from it."""
        if self._pocket is not None:
            self._pocket.put(self._part)

    def wait(self, level: Level) -> float:
        """When the draw would fit, if it did not."""
        return wait_for(self._draw._replace(amount=self._draw.amount - self._part), level)

    def given(self, used: float, more: float, now: float) -> Level:
        """Take note of what the server has given; how the bucket is now."""
        if self._pocket is None:
            return level_of(self._draw, used)
        self._pocket.told(self._draw.most - used, now)
        self._pocket.put(more)
        return self._pocket.level(now)


def level_of(draw: Draw, used: float) -> Level:
    """How a bucket is of which so much is used."""
    return Level(max(0.0, draw.most - used), used * draw.seconds / draw.most)
