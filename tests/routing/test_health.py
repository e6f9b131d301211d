"""A target rests after too many failures, is tried by one request at a time, and comes back by itself."""

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.config.settings import HealthSettings
from dragoman.routing.health import BUCKETS, Breaker

HEALTH = HealthSettings(window=30, min_failures=5, failure_share=0.5, cooldown=10, max_cooldown=35)


def failing(breaker: Breaker, now: float, times: int) -> None:
    """So many requests fail."""
    for _ in range(times):
        breaker.failed(now, HEALTH, breaker.period, probe=False)


def test_a_target_rests_after_enough_failures() -> None:
    breaker = Breaker()
    failing(breaker, 0.0, 4)
    assert breaker.admits(0.0)
    failing(breaker, 0.0, 1)
    assert not breaker.admits(9.9)
    assert breaker.seconds_left(0.0) == 10.0
    assert breaker.admits(10.0)


def test_failures_have_to_be_a_share_of_all_requests() -> None:
    breaker = Breaker()
    failing(breaker, 0.0, 4)
    for _ in range(6):
        breaker.worked(0.0, HEALTH, 0)
    failing(breaker, 0.0, 1)
    assert breaker.admits(0.0)
    assert breaker.counted(0.0, 30) == (5, 11)
    failing(breaker, 0.0, 1)
    assert not breaker.admits(0.0)


def test_so_many_failures_in_a_row_are_enough_after_any_number_of_good_ones() -> None:
    breaker = Breaker()
    for _ in range(1000):
        breaker.worked(0.0, HEALTH, 0)
    failing(breaker, 0.0, 4)
    breaker.worked(0.0, HEALTH, 0)
    failing(breaker, 0.0, 4)
    assert breaker.admits(0.0)
    failing(breaker, 0.0, 1)
    assert not breaker.admits(0.0)


def test_failures_of_long_ago_are_forgotten() -> None:
    breaker = Breaker()
    failing(breaker, 0.0, 4)
    failing(breaker, 30.0, 4)
    assert breaker.admits(30.0)
    assert breaker.counted(30.0, 30) == (4, 4)
    assert breaker.counted(60.0, 30) == (0, 0)


def test_one_request_at_a_time_tries_a_target_after_its_rest() -> None:
    breaker = Breaker()
    failing(breaker, 0.0, 5)
    assert not breaker.take_probe(9.0)
    assert breaker.take_probe(10.0)
    assert not breaker.take_probe(10.0)
    assert not breaker.admits(11.0)
    breaker.give_back(breaker.period)
    assert breaker.admits(11.0)


def test_each_failed_probe_doubles_the_rest_up_to_a_limit() -> None:
    breaker, now, rests = Breaker(), 0.0, list[float]()
    failing(breaker, now, 5)
    for _ in range(4):
        rests.append(breaker.seconds_left(now))
        now += rests[-1]
        assert breaker.take_probe(now)
        breaker.failed(now, HEALTH, breaker.period, probe=True)
    assert rests == [10.0, 20.0, 35.0, 35.0]


def test_a_limit_below_the_first_rest_does_not_shorten_it() -> None:
    breaker, health = Breaker(), HealthSettings(cooldown=10, max_cooldown=1, min_failures=1)
    breaker.failed(0.0, health, 0, probe=False)
    assert breaker.take_probe(10.0)
    breaker.failed(10.0, health, breaker.period, probe=True)
    assert breaker.seconds_left(10.0) == 10.0


def test_a_success_ends_the_rest_and_everything_is_forgiven() -> None:
    breaker = Breaker()
    failing(breaker, 0.0, 5)
    assert breaker.take_probe(10.0)
    breaker.failed(10.0, HEALTH, breaker.period, probe=True)
    assert breaker.take_probe(30.0)
    breaker.worked(30.0, HEALTH, breaker.period)
    assert breaker.counted(30.0, 30) == (0, 1)
    failing(breaker, 30.0, 5)
    assert breaker.seconds_left(30.0) == 10.0


def test_a_probe_that_has_begun_to_be_answered_lets_others_in() -> None:
    breaker = Breaker()
    failing(breaker, 0.0, 5)
    assert breaker.take_probe(10.0)
    breaker.answering(breaker.period)
    assert breaker.admits(10.0)
    # but if it goes on to fail in the middle, the next rest is not a first one
    failing(breaker, 11.0, 5)
    assert breaker.seconds_left(11.0) == 20.0


def test_what_began_before_the_rest_changes_nothing() -> None:
    breaker = Breaker()
    failing(breaker, 0.0, 5)
    breaker.worked(1.0, HEALTH, 0)
    breaker.answering(0)
    breaker.failed(1.0, HEALTH, 0, probe=False)
    assert breaker.seconds_left(1.0) == 9.0
    breaker.worked(10.0, HEALTH, breaker.period)
    for _ in range(5):
        breaker.failed(11.0, HEALTH, 0, probe=False)
    assert breaker.admits(11.0)
    assert breaker.counted(11.0, 30) == (0, 1)


def test_a_request_sent_in_spite_of_the_rest_can_end_it_but_not_lengthen_it() -> None:
    breaker = Breaker()
    failing(breaker, 0.0, 5)
    failing(breaker, 1.0, 3)
    assert breaker.seconds_left(1.0) == 9.0
    breaker.worked(2.0, HEALTH, breaker.period)
    assert breaker.admits(2.0)


def test_another_window_holds_at_once() -> None:
    breaker = Breaker()
    failing(breaker, 0.0, 4)
    breaker.failed(10.0, HealthSettings(window=5), 0, probe=False)
    assert breaker.counted(10.0, 5) == (1, 1)


class Model(NamedTuple):
    """A breaker said simply: its events with the time at which their part of the window began."""

    events: tuple[tuple[float, bool], ...] = ()
    state: str = "working"
    until: float = 0.0
    rest: float = 10.0


def lively(events: tuple[tuple[float, bool], ...], now: float) -> tuple[tuple[float, bool], ...]:
    return tuple(event for event in events if now - event[0] < HEALTH.window)


def after(model: Model, now: float, *, failed: bool, probe: bool) -> Model:
    """What one ended request makes of the model."""
    if model.state == "resting":
        if not failed:
            return Model(events=((now, False),))
        if probe:
            rest = min(model.rest * 2, HEALTH.max_cooldown)
            return Model(model.events, "resting", now + model.rest, rest)
        return model
    latest = model.events[-1][0] if model.events else -1e9
    began = latest if now - latest < HEALTH.window / BUCKETS else now
    events = (*lively(model.events, now), (began, failed))
    rest = model.rest if failed else HEALTH.cooldown
    failures = sum(one for _, one in events)
    if failed and failures >= HEALTH.min_failures and failures >= HEALTH.failure_share * len(events):
        return Model(events, "resting", now + rest, min(rest * 2, HEALTH.max_cooldown))
    return Model(events, "working", 0.0, rest)


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 3.0, 10.0, 40.0]), st.booleans()), max_size=60))
@settings(max_examples=100)
def test_it_does_what_a_simple_model_does(steps: list[tuple[float, bool]]) -> None:
    breaker, model, now = Breaker(), Model(), 0.0
    for seconds, failed in steps:
        now += seconds
        probe = breaker.take_probe(now)
        assert probe == (model.state == "resting" and now >= model.until)
        period = breaker.period
        if failed:
            breaker.failed(now, HEALTH, period, probe=probe)
        else:
            breaker.worked(now, HEALTH, period)
        if probe:
            breaker.give_back(period)
        model = after(model, now, failed=failed, probe=probe)
        assert (breaker.until is not None) == (model.state == "resting")
        assert breaker.admits(now) == (model.state == "working" or now >= model.until)
        if model.state == "resting":
            assert breaker.seconds_left(now) == pytest.approx(max(0.0, model.until - now))
        else:
            events = lively(model.events, now)
            assert breaker.counted(now, HEALTH.window) == (sum(one for _, one in events), len(events))
