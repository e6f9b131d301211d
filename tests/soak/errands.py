"""What a soak does, as a pure rule: every errand and every misdeed of the upstream follows from a seed.

Clients and upstream both know the rule, so that each answer can be held against what the upstream did.
"""

import enum
import random

import msgspec
from tests.live.client import MODELS

from dragoman.conversation.failure import FailureKind

FAILING, LEAVING = 0.20, 0.10
"""The share of upstream requests that fail, and of clients that leave."""

FIRST_EVENT, BETWEEN_EVENTS = 3.0, 3.0
"""Seconds after which the gateway gives a silent upstream up."""

REST = 0.1
"""Seconds that an upstream asks for with its 429."""

ATTEMPTS = 3
"""The most upstream requests for one errand."""

CLIENTS = 64
"""How many clients there are at once; a few of them always wait for the key's limit."""

DIALECTS = tuple(MODELS)

LENGTHS = (1, 4, 16, 40)
"""How long answers are, in units."""


class Fate(enum.StrEnum):
    """What the upstream does with one request."""

    WELL = "well"
    ERROR = "error 500"
    OVERLOADED = "error 503"
    LIMITED = "error 429"
    RESET = "reset before the head"
    STALL = "silence before the head"
    STALL_AFTER_HEAD = "silence after the head"
    RESET_WITHIN = "reset in the middle"
    STALL_WITHIN = "silence in the middle"


KINDS = {
    Fate.ERROR: FailureKind.SERVER,
    Fate.OVERLOADED: FailureKind.OVERLOADED,
    Fate.LIMITED: FailureKind.RATE_LIMIT,
    Fate.RESET: FailureKind.BAD_GATEWAY,
    Fate.STALL: FailureKind.TIMEOUT,
    Fate.STALL_AFTER_HEAD: FailureKind.TIMEOUT,
    Fate.RESET_WITHIN: FailureKind.BAD_GATEWAY,
    Fate.STALL_WITHIN: FailureKind.TIMEOUT,
}
"""The failure that each misdeed is."""

WITHIN = frozenset({Fate.RESET_WITHIN, Fate.STALL_WITHIN})
"""Misdeeds after a part of the answer has come."""

_SHARES = {
    Fate.ERROR: 0.050,
    Fate.OVERLOADED: 0.040,
    Fate.LIMITED: 0.020,
    Fate.RESET: 0.035,
    Fate.RESET_WITHIN: 0.035,
    Fate.STALL: 0.006,
    Fate.STALL_AFTER_HEAD: 0.006,
    Fate.STALL_WITHIN: 0.008,
}


class Leaving(enum.StrEnum):
    """When a client leaves."""

    WAITING = "before the head"
    READING = "in the middle of the answer"


class Errand(msgspec.Struct, frozen=True):
    """One request of one client.

    `units` tells how long the right answer is. `pauses` are seconds between the parts in which the
    upstream sends its answer. `patience` is how long the client waits before it leaves: in seconds after
    its request, or in bytes of the body.
    """

    number: int
    client: str
    upstream: str
    stream: bool
    units: int
    filler: int
    pauses: tuple[float, ...]
    leaving: Leaving | None
    patience: float
    kept: bool
    """Whether the answer may be kept, where the format lets it."""

    @property
    def mark(self) -> str:
        """Eight characters that no other errand has."""
        return f"e{self.number:07d}"

    @property
    def words(self) -> str:
        """What the client says."""
        return f"Errand {self.number:07d}. " + "Please be quick. " * self.filler

    @property
    def answer(self) -> str:
        """The right answer."""
        return answer_of(self.mark, self.units)


def answer_of(mark: str, units: int) -> str:
    """The text of an answer. A unit of it fills a frame of the fake provider's streams."""
    return f"{mark} of the sea " * units


def errand(seed: int, number: int) -> Errand:
    """The errand of this number."""
    draw = random.Random(f"{seed} {number}")  # noqa: S311 - no secret hangs on it
    stream = draw.random() < 0.5
    leaves = draw.random() < LEAVING
    reads = leaves and stream and draw.random() < 0.6
    return Errand(
        number,
        client=draw.choice(DIALECTS),
        upstream=draw.choice(DIALECTS),
        stream=stream,
        units=draw.choice(LENGTHS),
        filler=draw.choice((0, 2, 20, 200)),
        pauses=tuple(draw.uniform(0, 0.01) for _ in range(draw.choice((0, 0, 1, 4)))),
        leaving=(Leaving.READING if reads else Leaving.WAITING) if leaves else None,
        patience=float(draw.randrange(1, 800)) if reads else draw.choice((0.0, draw.uniform(0, 0.05))),
        kept=draw.random() < 0.25,
    )


def fate(seed: int, number: int, attempt: int) -> Fate:
    """What becomes of an errand's upstream request, the first being 0."""
    draw = random.Random(f"{seed} {number} {attempt}")  # noqa: S311 - no secret hangs on it
    rest = draw.random()
    for misdeed, share in _SHARES.items():
        rest -= share
        if rest < 0:
            return misdeed
    return Fate.WELL
