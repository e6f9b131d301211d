"""The seam for limits: how much was used lately, and how many are at it right now, counted together by all
that share it: this process, the workers of a node, or all nodes.

What is used in a time is a bucket that fills evenly (a token bucket, which is what GCRA, the generic cell
rate algorithm of ITU-T I.371, computes): `most` may be drawn at once, and `most / seconds` comes back each
second.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

SLACK: Final = 1e-9
"""What a bucket gives beyond `most`, as a part of it: floating point must not refuse, by its last digits,
what fits to the last one.
"""


class Draw(NamedTuple):
    """So much out of one bucket. The same name always goes with the same kind of thing; `most` and `seconds`
    may change from one draw to the next, and hold from then on.
    """

    name: str
    most: float
    seconds: float
    amount: float


class Level(msgspec.Struct, frozen=True, gc=False):
    """How a bucket is after a draw that was or was not granted."""

    left: float
    """What may still be drawn, at least 0."""
    full_in: float
    """Seconds until all of it may be drawn again."""


class Drawn(msgspec.Struct, frozen=True):
    """What became of draws."""

    refused: int | None
    """The place of the first that did not fit; None where all were granted. Where one was refused, none was
    drawn."""
    wait: float
    """Seconds after which that one would fit if nobody else drew; infinite where it never will."""
    levels: tuple[Level, ...]
    """Of every bucket, in the order of the draws."""


def wait_for(draw: Draw, level: Level) -> float:
    """Seconds after which a draw would fit into a bucket that is so now; infinite where it never will."""
    if draw.amount > draw.most + draw.most * SLACK:
        return math.inf
    return max(0.0, level.full_in - (draw.most - draw.amount) * draw.seconds / draw.most)


class Slot(NamedTuple):
    """One of `most` places under a name."""

    name: str
    most: int


class Meters(Protocol):
    """Buckets and slots. No method raises because of what lies behind it: when that is lost, each process
    counts for itself, says so once, and goes back when it can.

    A process that dies gives its slots back without being asked.

    What ends in `_now` does the same where nothing has to be waited for, without the coroutine that this
    would take for every request. Where it says that it cannot, nothing has happened.
    """

    @property
    def degraded(self) -> bool:
        """Whether fewer are counted together now than should be: a process or a node counts for itself."""
        ...

    async def draw(self, draws: Sequence[Draw], /) -> Drawn:
        """Take from all of these buckets, or from none of them, in one step."""
        ...

    def draw_now(self, draws: Sequence[Draw], /) -> Drawn | None:
        """See `draw`; None where somebody else has to be asked."""
        ...

    async def put_back(self, draws: Sequence[Draw], /) -> None:
        """Give back what was drawn and not used. An amount below 0 is drawn, even from an empty bucket: it
        was used already.
        """
        ...

    def put_back_now(self, draws: Sequence[Draw], /) -> bool:
        """See `put_back`; False where somebody else has to be told."""
        ...

    async def enter(self, slots: Sequence[Slot], /) -> int | None:
        """Take one slot under each of these names, or none at all: then the place of the first that is full
        is given back.
        """
        ...

    def enter_now(self, slots: Sequence[Slot], /) -> bool:
        """Take the slots; False where one is full, or where somebody else has to be asked."""
        ...

    async def leave(self, slots: Sequence[Slot], /) -> None:
        """Give slots back that were taken with `enter`."""
        ...

    def leave_now(self, slots: Sequence[Slot], /) -> bool:
        """See `leave`; False where somebody else has to be told."""
        ...

    async def in_use(self, name: str, /) -> int:
        """How many slots under a name are taken."""
        ...

    async def close(self) -> None:
        """Give everything back that this process holds, and let go of connections and files."""
        ...
