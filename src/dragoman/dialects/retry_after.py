"""How long to wait before the next try: from headers, from details, and from words."""

import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from dragoman.conversation.failure import Failure
from dragoman.dialects.error_text import ErrorText
from dragoman.dialects.json_tree import elements, members

_SECONDS = re.compile(r"\d{1,9}(\.\d+)?")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s?(milli|ms|h|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "milli": 0.001}
_ASKED = re.compile(
    r"\b(?:retry|try again) (?:in|after) ((?:\d+(?:\.\d+)?\s?(?:milli|ms|h|m|s))+)", re.IGNORECASE
)


def parse_retry_after(headers: Mapping[str, str], error: ErrorText) -> float | None:
    """Seconds to wait; None where nobody says. Header names are in lower case.

    The headers come first (`retry-after-ms`, `retry-after` in seconds or as a date beside `date`), then
    Google's `RetryInfo` (`34.4s`, `{"seconds": 34}`), then the message (`retry in 10h17m5.7s`).
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if _SECONDS.fullmatch(value):
            return float(value) * unit
    if "retry-after" in headers and "date" in headers:
        try:
            until = parsedate_to_datetime(headers["retry-after"])
            return max(0.0, (until - parsedate_to_datetime(headers["date"])).total_seconds())
        except (ValueError, TypeError):
            pass
    for detail in elements(error.inner.get("details")) or ():
        delay = _seconds((members(detail) or {}).get("retryDelay"))
        if delay is not None:
            return delay
    asked = _ASKED.search(error.message)
    return _seconds(asked[1]) if asked else None


def _seconds(value: object) -> float | None:
    """A duration, from `34.4s`, `10h17m5.7s` or `{"seconds": 34, "nanos": 0}`."""
    if isinstance(value, str):
        found = _DURATION.findall(value.lower())
        total = sum(float(number) * _UNITS[unit] for number, unit in found)
        return total if found and math.isfinite(total) else None
    fields = members(value) or {}
    try:
        total = float(str(fields.get("seconds", 0))) + float(str(fields.get("nanos", 0))) / 1e9
    except ValueError:
        return None
    return total if fields and math.isfinite(total) else None


def render_retry_after(failure: Failure) -> list[tuple[str, str]]:
    """The headers that tell a client how long to wait, in whole seconds, or that there is no use in it; none
    where it is not known.
    """
    if failure.should_retry is False and failure.status is None:
        # ours to say: what an upstream says of itself is not true of the gateway, which has other targets
        return [("x-should-retry", "false")]
    if failure.retry_after is None:
        return []
    return [("retry-after", str(math.ceil(failure.retry_after)))]
