"""The headers in which OpenAI's formats tell what may still be used."""

import math
from collections.abc import Sequence

from dragoman.conversation.rate_limit import RateLimit, tightest


def rate_limit_headers(limits: Sequence[RateLimit], now: float) -> list[tuple[str, str]]:
    """`x-ratelimit-*`, of each kind the tightest limit."""
    del now  # times are said as durations here
    headers: list[tuple[str, str]] = []
    for limit in tightest(limits):
        headers += [
            (f"x-ratelimit-limit-{limit.kind}", str(limit.limit)),
            (f"x-ratelimit-remaining-{limit.kind}", str(limit.remaining)),
            (f"x-ratelimit-reset-{limit.kind}", render_duration(limit.reset)),
        ]
    return headers


def render_duration(seconds: float) -> str:
    """A time as Go writes it, and OpenAI: `20ms`, `1.5s`, `6m0s`, `2h0m30s`; rounded up to milliseconds."""
    # a hair more than whole milliseconds is what floating point makes of them
    milliseconds = max(0, math.ceil(seconds * 1000 - 1e-6))
    if 0 < milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    whole, part = divmod(rest, 1000)
    fraction = f".{part:03}".rstrip("0") if part else ""
    text = f"{whole}{fraction}s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text
