"""The headers in which OpenAI's formats tell what may still be used."""

import math
from collections.abc import Sequence

from dragoman.conversation.rate_limit import RateLimit, tightest


def rate_limit_headers(limits: Sequence[RateLimit], now: float) -> list[tuple[str, str]]:
    """`x-ratelimit-*`, of each kind the tightest limit."""
    del now  # times are said as durations here
    headers: list[tuple[str, str]] = []
    for found in tightest(limits):
        limit, remaining, reset = _NAMES[found.kind]
        headers += (
            (limit, str(found.limit)),
            (remaining, str(found.remaining)),
            (reset, render_duration(found.reset)),
        )
    return headers


_NAMES = {
    kind: (f"x-ratelimit-limit-{kind}", f"x-ratelimit-remaining-{kind}", f"x-ratelimit-reset-{kind}")
    for kind in ("requests", "tokens")
}


def render_duration(seconds: float) -> str:
    """A time as Go writes it, and OpenAI: `20ms`, `1.5s`, `6m0s`, `2h0m30s`; rounded up to milliseconds."""
    # a hair more than whole milliseconds is what floating point makes of them
    milliseconds = max(0, math.ceil(seconds * 1000 - 1e-6))
    if 0 < milliseconds < 1000:
        return f"{milliseconds}ms"
    whole, part = divmod(milliseconds, 1000)
    fraction = f".{part:03}".rstrip("0") if part else ""
    if whole < 60:
        return f"{whole}{fraction}s"
    minutes, whole = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m{whole}{fraction}s"
    return f"{minutes // 60}h{minutes % 60}m{whole}{fraction}s"
