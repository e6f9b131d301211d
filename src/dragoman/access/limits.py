"""What requests are counted against: the limits of their holders, as draws out of buckets, and in words."""

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from dragoman.access.holder import Holder, Limit, LimitKind
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.rate_limit import RateLimit
from dragoman.coordination.meters import Draw, Drawn, Level, Slot
from dragoman.models.money import render_dollars

CODE: Final = "rate_limit_exceeded"
"""The code of what is refused because of a limit."""

_WINDOWS: Final = {1: "a second", 60: "a minute", 3600: "an hour", 86_400: "a day"}
_VERBS: Final[dict[LimitKind, str]] = {"requests": "make", "tokens": "use", "cost": "spend"}
_PLACES: Final[dict[LimitKind, int]] = {"tokens": 0, "cost": 1, "requests": 2}
"""Where in `Amounts` stands what a limit is of."""
_MICRO: Final = 1000
"""Nano-dollars in the smallest amount that people are told."""


class Claim(NamedTuple):
    """One limit of one holder, and the name of the bucket in which it is counted."""

    holder: Holder
    limit: Limit
    bucket: str


Amounts = tuple[int, int, int]
"""How much a request needs or has used: tokens of prompt and answer together, nano-dollars, and requests,
which is 1.
"""


def claims_of(holders: Iterable[Holder]) -> tuple[Claim, ...]:
    """The limits that a request of these holders is counted against. Of two for the same kind and time, the
    lower one counts.
    """
    found: dict[str, Claim] = {}
    for holder in holders:
        for limit in holder.limits:
            bucket = f"{holder.kind}:{holder.id}:{limit.kind}:{limit.seconds}"
            known = found.get(bucket)
            if known is None or limit.most < known.limit.most:
                found[bucket] = Claim(holder, limit, bucket)
    return tuple(found.values())


def slots_of(holders: Iterable[Holder]) -> tuple[Slot, ...]:
    """The slots that a request of these holders takes while it is served."""
    return tuple(
        Slot(f"{holder.kind}:{holder.id}", holder.max_concurrent)
        for holder in holders
        if holder.max_concurrent is not None
    )


def draws_for(claims: Sequence[Claim], needed: Amounts) -> list[Draw]:
    """What a request draws before it is served: what it may need at most."""
    return [
        Draw(bucket, limit.most, limit.seconds, needed[_PLACES[limit.kind]]) for _, limit, bucket in claims
    ]


def rest_of(claims: Sequence[Claim], needed: Amounts, used: Amounts) -> list[Draw]:
    """What is put back when a request has ended: what it did not use of what was drawn, below 0 where it has
    used more. Buckets of which it has used just that are left out.
    """
    found: list[Draw] = []
    for _, limit, bucket in claims:
        place = _PLACES[limit.kind]
        rest = needed[place] - used[place]
        if rest:
            found.append(Draw(bucket, limit.most, limit.seconds, rest))
    return found


def refusal(claims: Sequence[Claim], needed: Amounts, drawn: Drawn) -> Failure:
    """What a client is told whose request did not fit; for draws that were made of these claims."""
    place = drawn.refused or 0
    holder, limit, _ = claims[place]
    amount = needed[_PLACES[limit.kind]]
    most = f"{_told(limit.kind, limit.most)} {_WINDOWS.get(limit.seconds, f'in {limit.seconds} s')}"
    says = f"The {holder.kind} '{holder.name}' may {_VERBS[limit.kind]} at most {most}"
    if math.isinf(drawn.wait):
        return Failure(
            FailureKind.RATE_LIMIT,
            f"{says}, and this request needs up to {_told(limit.kind, amount)}: it never fits. Make the "
            "prompt shorter or the output limit lower, or have the limit raised.",
            code=CODE,
            should_retry=False,
        )
    level = drawn.levels[place]
    wait = max(1, math.ceil(drawn.wait))
    left = f"{_told(limit.kind, math.floor(level.left))} left"
    full = f"nothing of it is used any more in {max(wait, math.ceil(level.full_in))} s."
    if limit.kind == "requests":
        message = f"{says}, with {left} now. Try again in {wait} s; {full}"
    else:
        message = (
            f"{says}, with {left} now, and this request needs up to {_told(limit.kind, amount)}. Try again "
            f"in {wait} s, or with a shorter prompt or a lower output limit; {full}"
        )
    return Failure(FailureKind.RATE_LIMIT, message, code=CODE, retry_after=float(wait))


def rate_limits(claims: Sequence[Claim], levels: Sequence[Level]) -> tuple[RateLimit, ...]:
    """What clients are told of their limits with an answer; the levels are those of the claims' draws. Cost
    is not told: no wire format has words for it.
    """
    told: list[RateLimit] = []
    for (_, limit, _), level in zip(claims, levels, strict=True):
        if limit.kind != "cost":
            told.append(RateLimit(limit.kind, limit.most, int(level.left), level.full_in))
    return tuple(told)


def _told(kind: LimitKind, amount: int) -> str:
    if kind == "cost":
        return render_dollars(amount // _MICRO * _MICRO if amount >= _MICRO else amount)
    return f"{amount:,} {kind if amount != 1 else kind.removesuffix('s')}"
