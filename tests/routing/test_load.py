"""Times to the first token: slower ones are believed at once, faster ones with time."""

import math

import pytest
from tests.routing.scenery import dice

from dragoman.routing.load import DECAY, FEWEST_TIMES, MOST_TIMES, UNKNOWN, Load, Pace


def answered(pace: Pace, seconds: float, now: float) -> None:
    """An answer began at `now`, after so many seconds."""
    asking = object()
    pace.begin(asking, now - seconds)
    pace.begun(asking, now)


def test_a_slower_answer_is_believed_at_once() -> None:
    pace = Pace()
    answered(pace, 0.2, 10.0)
    answered(pace, 5.0, 10.1)
    assert pace.peak == pytest.approx(5.0)


def test_faster_answers_are_believed_with_time() -> None:
    pace = Pace()
    answered(pace, 5.0, 10.0)
    answered(pace, 0.2, 10.1)
    assert pace.peak is not None
    assert pace.peak > 4.9
    for step in range(1, 500):
        answered(pace, 0.2, 10.1 + step * 0.1)
    assert pace.peak == pytest.approx(0.2, abs=0.1)


def test_the_estimate_fades_while_nothing_is_heard() -> None:
    pace = Pace()
    answered(pace, 4.0, 0.0)
    assert pace.estimate(DECAY) == pytest.approx(4.0 / math.e)
    assert pace.expected(DECAY) == pytest.approx(4.0 / math.e)


def test_as_long_as_one_request_tries_a_slow_target_the_others_expect_the_old_time() -> None:
    pace = Pace()
    answered(pace, 4.0, 0.0)
    pace.begin(object(), 100.0)
    assert pace.expected(100.1) == pytest.approx(4.0)


def test_a_request_that_waits_longer_than_expected_counts_already() -> None:
    pace = Pace()
    answered(pace, 0.2, 0.0)
    pace.begin(object(), 1.0)
    pace.begin(object(), 7.0)
    assert pace.expected(8.0) == pytest.approx(7.0)


def test_a_target_that_is_not_known_is_tried_by_one_request_first() -> None:
    pace = Pace()
    assert pace.expected(0.0) == 0.0
    pace.begin(object(), 0.0)
    assert pace.expected(0.1) == UNKNOWN


def test_a_request_given_up_counts_if_it_took_longer_than_expected() -> None:
    pace = Pace()
    answered(pace, 1.0, 0.0)
    early, late = object(), object()
    pace.begin(early, 0.0)
    pace.given_up(early, 0.1)
    assert pace.peak == pytest.approx(1.0)
    pace.begin(late, 0.1)
    pace.given_up(late, 9.1)
    assert pace.peak == pytest.approx(9.0)
    assert pace.expected(9.1) == pytest.approx(9.0)


def test_a_request_that_ended_otherwise_says_nothing_about_the_time() -> None:
    pace, asking = Pace(), object()
    pace.begin(asking, 0.0)
    pace.forget(asking)
    pace.given_up(asking, 5.0)
    pace.begun(asking, 9.0)
    assert (pace.known, pace.peak, pace.expected(9.0)) == (False, None, 0.0)


def test_too_few_times_make_no_quantile() -> None:
    pace = Pace()
    for _ in range(FEWEST_TIMES - 1):
        answered(pace, 1.0, 0.0)
    assert pace.quantile(0.5) is None
    answered(pace, 1.0, 0.0)
    assert pace.quantile(0.5) == pytest.approx(1.0)


def test_a_quantile_is_the_time_within_which_so_many_answers_began() -> None:
    pace = Pace()
    times = [number / 100 for number in range(1, 101)]
    dice(7).shuffle(times)
    for seconds in times:
        answered(pace, seconds, 0.0)
    assert [pace.quantile(share) for share in (0.5, 0.9, 0.95, 0.99, 1.0)] == [
        pytest.approx(wanted) for wanted in (0.5, 0.9, 0.95, 0.99, 1.0)
    ]


def test_quantiles_follow_the_latest_answers() -> None:
    pace = Pace()
    for _ in range(MOST_TIMES):
        answered(pace, 1.0, 0.0)
    assert pace.quantile(0.95) == pytest.approx(1.0)
    for _ in range(MOST_TIMES):
        answered(pace, 3.0, 0.0)
    assert pace.quantile(0.05) == pytest.approx(3.0)


def test_who_has_waited_longer_counts_as_one_that_takes_longer() -> None:
    pace = Pace()
    for number in range(100):
        pace.begin(number, 0.0)
        pace.begun(number, (number + 1) / 100)
    assert pace.lateness(0.9, 10.0) == pytest.approx(0.9)
    for number in range(10):
        pace.begin(f"slow {number}", 10.0)
    assert pace.lateness(0.9, 10.5) == pytest.approx(0.9)
    assert pace.lateness(0.9, 11.0) == pytest.approx(0.99)
    for number in range(1000):
        pace.begin(f"hanging {number}", 11.0)
    assert pace.lateness(0.9, 20.0) == pytest.approx(1.0)


def test_hedged_losers_do_not_make_the_quantile_sink() -> None:
    """One in ten is slow, and given up for its hedge: without those, the p90 would come down and down."""
    pace = Pace()
    for number in range(400):
        if number % 10:
            answered(pace, 0.1, float(number))
        else:
            asking = object()
            pace.begin(asking, number - 0.5)
            pace.given_up(asking, float(number))
    assert pace.quantile(0.95) == pytest.approx(0.5)


def test_streamed_and_whole_answers_are_apart() -> None:
    load = Load()
    answered(load.pace(stream=False), 30.0, 0.0)
    answered(load.pace(stream=True), 0.3, 0.0)
    assert load.cost(0.0, stream=True) == pytest.approx(0.3)
    assert load.cost(0.0, stream=False) == pytest.approx(30.0)


def test_a_busy_target_costs_more() -> None:
    load = Load()
    answered(load.streamed, 0.5, 0.0)
    load.in_flight = 3
    assert load.cost(0.0, stream=True) == pytest.approx(2.0)
