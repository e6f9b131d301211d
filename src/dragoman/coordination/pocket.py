"""What a process has taken out of a large shared bucket in advance, so as not to ask for every request."""

from typing import Final

from dragoman.coordination.meters import Draw, Level

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
