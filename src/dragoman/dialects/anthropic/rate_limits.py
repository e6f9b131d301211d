"""The headers in which Anthropic tells what may still be used."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from dragoman.conversation.rate_limit import RateLimit, tightest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rate_limit_headers(limits: Sequence[RateLimit], now: float) -> list[tuple[str, str]]:
    """`anthropic-ratelimit-*`, of each kind the tightest limit; `now` is in Unix seconds."""
    headers: list[tuple[str, str]] = []
    for limit in tightest(limits):
        name = f"anthropic-ratelimit-{limit.kind}"
        headers += [
            (f"{name}-limit", str(limit.limit)),
            (f"{name}-remaining", str(limit.remaining)),
            (f"{name}-reset", _instant(now + limit.reset)),
        ]
    return headers


def _instant(moment: float) -> str:
    """A time as RFC 3339 writes it, in whole seconds, rounded up."""
    return (_EPOCH + timedelta(seconds=math.ceil(moment))).strftime("%Y-%m-%dT%H:%M:%SZ")
