"""When days, weeks and months of a calendar begin and end."""

import datetime as dt
import zoneinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dragoman.access.period import FOR_GOOD, Calendar, Span, span_of
from dragoman.config.allowance import Period

ZONES = sorted(zoneinfo.available_timezones() - {"localtime", "posixrules"})
PERIODS: list[Period] = ["day", "week", "month"]

moments = st.floats(0, 4_102_444_800, allow_nan=False)  # until the year 2100
zones = st.sampled_from(ZONES)
periods = st.sampled_from(PERIODS)


def at(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


def spelled(span: Span, zone: str) -> tuple[str, str]:
    assert span.ends is not None
    place = ZoneInfo(zone)
    begins, ends = (dt.datetime.fromtimestamp(one, place).isoformat() for one in (span.begins, span.ends))
    return begins, ends


@pytest.mark.parametrize(
    ("per", "zone", "moment", "begins", "ends"),
    [
        ("day", "UTC", "2026-11-22T17:00Z", "2026-11-22T00:00:00+00:00", "2026-11-23T00:00:00+00:00"),
        (
            "day",
            "Asia/Kolkata",
            "2026-11-22T18:30Z",
            "2026-11-23T00:00:00+05:30",
            "2026-11-24T00:00:00+05:30",
        ),
        (
            "day",
            "Asia/Kathmandu",
            "2026-11-22T18:14Z",
            "2026-11-22T00:00:00+05:45",
            "2026-11-23T00:00:00+05:45",
        ),
        ("week", "UTC", "2026-11-22T23:59Z", "2026-11-16T00:00:00+00:00", "2026-11-23T00:00:00+00:00"),
        ("week", "UTC", "2026-11-23T00:00Z", "2026-11-23T00:00:00+00:00", "2026-11-30T00:00:00+00:00"),
        ("week", "UTC", "2027-01-01T00:00Z", "2026-12-28T00:00:00+00:00", "2027-01-04T00:00:00+00:00"),
        ("month", "UTC", "2028-02-29T23:59Z", "2028-02-01T00:00:00+00:00", "2028-03-01T00:00:00+00:00"),
        ("month", "UTC", "2026-12-31T23:59Z", "2026-12-01T00:00:00+00:00", "2027-01-01T00:00:00+00:00"),
        (
            "month",
            "Europe/Berlin",
            "2026-10-31T23:30Z",
            "2026-11-01T00:00:00+01:00",
            "2026-12-01T00:00:00+01:00",
        ),
        (
            "month",
            "Europe/Berlin",
            "2026-03-15T12:00Z",
            "2026-03-01T00:00:00+01:00",
            "2026-04-01T00:00:00+02:00",
        ),
        # the clocks skip midnight
        (
            "day",
            "America/Havana",
            "2026-03-08T12:00Z",
            "2026-03-08T01:00:00-04:00",
            "2026-03-09T00:00:00-04:00",
        ),
        # the clocks skip from 23:30 to 0:30
        (
            "day",
            "America/Toronto",
            "1919-03-31T12:00Z",
            "1919-03-31T00:30:00-04:00",
            "1919-04-01T00:00:00-04:00",
        ),
        # midnight comes twice: at 1:00 the clocks go back to 0:00
        (
            "day",
            "America/Havana",
            "2026-11-01T05:30Z",
            "2026-11-01T00:00:00-04:00",
            "2026-11-02T00:00:00-05:00",
        ),
        # at 0:01 the clocks go back to 23:01 of the day before, which has begun and ended already
        (
            "day",
            "America/St_Johns",
            "2008-11-02T03:00Z",
            "2008-11-02T00:00:00-02:30",
            "2008-11-03T00:00:00-03:30",
        ),
        # there was no 30 December
        (
            "day",
            "Pacific/Apia",
            "2011-12-30T09:59Z",
            "2011-12-29T00:00:00-10:00",
            "2011-12-31T00:00:00+14:00",
        ),
        (
            "day",
            "Pacific/Apia",
            "2011-12-30T10:00Z",
            "2011-12-31T00:00:00+14:00",
            "2012-01-01T00:00:00+14:00",
        ),
    ],
)
def test_a_period_is_that_of_the_calendar_of_its_zone(
    per: Period, zone: str, moment: str, begins: str, ends: str
) -> None:
    assert spelled(span_of(per, zone, at(moment)), zone) == (begins, ends)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a_day_is_as_long_as_the_clocks_make_it(day: str, hours: int) -> None:
    span = span_of("day", "Europe/Berlin", at(day + "T12:00Z"))
    assert span.ends is not None
    assert span.ends - span.begins == hours * 3600


def test_a_budget_for_good_has_one_period_without_an_end() -> None:
    assert span_of("total", "Europe/Berlin", 0) == span_of("total", "UTC", 4e9) == FOR_GOOD == (0, None)


def test_a_zone_that_there_is_not_is_refused() -> None:
    with pytest.raises(zoneinfo.ZoneInfoNotFoundError):
        span_of("day", "Europe/Atlantis", 0)


@given(periods, zones, moments)
@example("day", "Pacific/Apia", at("2011-12-30T10:00Z"))
@example("day", "Africa/Casablanca", at("2026-02-15T02:00Z"))
@example("week", "Pacific/Kwajalein", at("1993-08-21T12:00Z"))
def test_periods_follow_each_other_without_gap_or_overlap(per: Period, zone: str, moment: float) -> None:
    span = span_of(per, zone, moment)
    assert span.ends is not None
    assert span.begins <= moment < span.ends
    # the first and the last moment of it are in it, and the one after is in another that begins there
    assert span_of(per, zone, span.begins) == span
    assert span_of(per, zone, span.ends - 0.001) == span
    following = span_of(per, zone, span.ends)
    assert following.begins == span.ends
    assert span_of(per, zone, span.begins - 0.001).ends == span.begins


@given(periods, zones, moments)
def test_a_period_begins_with_the_first_moment_of_its_first_date(
    per: Period, zone: str, moment: float
) -> None:
    begins = span_of(per, zone, moment).begins
    place = ZoneInfo(zone)
    first, before = (dt.datetime.fromtimestamp(one, place).date() for one in (begins, begins - 1))
    assert before < first
    if per == "week":
        assert first.weekday() == 0
    if per == "month":
        assert before.month != first.month


@given(periods, zones, st.lists(st.floats(1.7e9, 1.71e9, allow_nan=False), min_size=1, max_size=20))
def test_what_is_kept_of_a_period_is_as_what_is_worked_out_anew(
    per: Period, zone: str, asked: list[float]
) -> None:
    calendar = Calendar()
    assert [calendar.span(per, zone, one) for one in asked] == [span_of(per, zone, one) for one in asked]
