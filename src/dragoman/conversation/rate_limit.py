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
    requests: RateLimit | None = None
    tokens: RateLimit | None = None
    for limit in limits:
        if limit.kind == "requests":
            requests = limit if requests is None else _tighter(requests, limit)
        else:
            tokens = limit if tokens is None else _tighter(tokens, limit)
    if requests is None:
        return () if tokens is None else (tokens,)
    return (requests,) if tokens is None else (requests, tokens)


def _tighter(one: RateLimit, other: RateLimit) -> RateLimit:
    return other if (other.remaining, -other.reset) < (one.remaining, -one.reset) else one
