"""When the periods of budgets begin and end, in the calendar of a time zone."""

import datetime as dt
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dragoman.config.allowance import Period

_DAY = dt.timedelta(days=1)


class Span(NamedTuple):
    """A period in Unix seconds, from `begins` until just before `ends`; None for one that is for good."""

    begins: float
    ends: float | None


FOR_GOOD = Span(0.0, None)
"""The only period of budgets that are for good."""


class Calendar:
    """Periods by their name and time zone. The last of each is kept until it ends."""

    def __init__(self) -> None:
        self._spans: dict[tuple[Period, str], Span] = {}

    def span(self, per: Period, zone: str, moment: float) -> Span:
        """The period that a moment lies in. Raises `ZoneInfoNotFoundError` for a zone that there is not."""
        known = self._spans.get((per, zone))
        if known is not None and known.begins <= moment and (known.ends is None or moment < known.ends):
            return known
        found = span_of(per, zone, moment)
        self._spans[per, zone] = found
        return found


def span_of(per: Period, zone: str, moment: float) -> Span:
    """The period that a moment lies in, in Unix seconds.

    A day begins at the first moment of its date: where the clocks skip midnight, that is later than 0:00;
    where they are set back over it, the second midnight begins nothing new. A week begins on Monday.
    Raises `ZoneInfoNotFoundError` for a zone that there is not.
    """
    if per == "total":
        return FOR_GOOD
    place = ZoneInfo(zone)
    first = _first_day(per, dt.datetime.fromtimestamp(moment, place).date())
    begins, ends = _beginning(first, place), _beginning(_next(per, first), place)
    # clocks that are set back over midnight show the date before once more
    while moment >= ends:
        first = _next(per, first)
        begins, ends = ends, _beginning(_next(per, first), place)
    while moment < begins:
        first = _first_day(per, first - _DAY)
        begins, ends = _beginning(first, place), begins
    return Span(begins, ends)


def _first_day(per: Period, day: dt.date) -> dt.date:
    if per == "month":
        return day.replace(day=1)
    return day - day.weekday() * _DAY if per == "week" else day


def _next(per: Period, first: dt.date) -> dt.date:
    if per == "month":
        return (first + 31 * _DAY).replace(day=1)
    return first + (7 if per == "week" else 1) * _DAY


def _beginning(day: dt.date, zone: ZoneInfo) -> float:
    """The first moment of a date."""
    midnight = dt.datetime.combine(day, dt.time(), zone)
    latest, other = midnight.timestamp(), midnight.replace(fold=1).timestamp()
    if other >= latest:
        return latest
    # there is no midnight: the clocks were set forward over it, at a moment between these two
    while latest - other > 1:
        middle = (latest + other) // 2
        if dt.datetime.fromtimestamp(middle, zone).date() >= day:
            latest = middle
        else:
            other = middle
    return latest
