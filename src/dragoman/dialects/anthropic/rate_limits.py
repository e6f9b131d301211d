"""The headers in which Anthropic tells what may still be used."""

import functools
import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from dragoman.conversation.rate_limit import RateLimit, tightest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rate_limit_headers(limits: Sequence[RateLimit], now: float) -> list[tuple[str, str]]:
    """`anthropic-ratelimit-*`, of each kind the tightest limit; `now` is in Unix seconds.

    Times are in whole seconds, rounded up.
    """
    headers: list[tuple[str, str]] = []
    for found in tightest(limits):
        limit, remaining, reset = _NAMES[found.kind]
        headers += (
            (limit, str(found.limit)),
            (remaining, str(found.remaining)),
            (reset, _instant(math.ceil(now + found.reset))),
        )
    return headers


_NAMES = {
    kind: tuple(f"anthropic-ratelimit-{kind}-{what}" for what in ("limit", "remaining", "reset"))
    for kind in ("requests", "tokens")
}


@functools.lru_cache(maxsize=256)
def _instant(moment: int) -> str:
    """A time as RFC 3339 writes it."""
    return (_EPOCH + timedelta(seconds=moment)).strftime("%Y-%m-%dT%H:%M:%SZ")
