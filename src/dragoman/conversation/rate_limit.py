"""What a client may still use in a time, as it is told with every answer."""

from collections.abc import Iterable
from typing import Literal

import msgspec


class RateLimit(msgspec.Struct, frozen=True):
    """One limit that the request was counted against. `limit` and `remaining` are in requests or tokens,
    `reset` is in seconds: after so long all of it may be used again.
    """

    kind: Literal["requests", "tokens"]
    limit: int
    remaining: int
    reset: float


def tightest(limits: Iterable[RateLimit]) -> tuple[RateLimit, ...]:
    """One limit of each kind at most, requests before tokens: that of which least is left, and of those the
    one that takes longest to be whole again.
    """
    found: dict[str, RateLimit] = {}
    for limit in limits:
        known = found.get(limit.kind)
        if known is None or (limit.remaining, -limit.reset) < (known.remaining, -known.reset):
            found[limit.kind] = limit
    return tuple(found[kind] for kind in ("requests", "tokens") if kind in found)
