"""Google has no headers that tell what may still be used: a 429 says in its details how long to wait."""

from collections.abc import Sequence

from dragoman.conversation.rate_limit import RateLimit


def rate_limit_headers(limits: Sequence[RateLimit], now: float) -> list[tuple[str, str]]:
    """None."""
    del limits, now
    return []
