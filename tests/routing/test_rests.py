"""Rests of a key: as long as the upstream says, never for ever, and over with the first success."""

import pytest

from dragoman.config.settings import HealthSettings
from dragoman.conversation.failure import FailureKind
from dragoman.routing.rests import LONGEST_ASKED, Rest

HEALTH = HealthSettings(cooldown=10, max_cooldown=30)


def test_a_rate_limit_rests_as_long_as_the_upstream_says() -> None:
    rest = Rest()
    rest.limit(0.0, 7.5, 0)
    assert rest.seconds_left(0.0) == 7.5
    assert not rest.admits(7.4)
    assert rest.admits(7.5)


def test_without_a_time_it_doubles_from_one_rate_limit_to_the_next() -> None:
    rest, now, seconds = Rest(), 0.0, list[float]()
    for _ in range(8):
        rest.limit(now, None, rest.period)
        seconds.append(rest.seconds_left(now))
        now += seconds[-1]
    assert seconds == [1, 2, 4, 8, 16, 32, 60, 60]


@pytest.mark.parametrize("said", [0.0, -5.0])
def test_a_time_that_is_none_counts_as_not_said(said: float) -> None:
    rest = Rest()
    rest.limit(0.0, said, 0)
    assert rest.seconds_left(0.0) == 1.0


def test_a_time_beyond_reason_is_cut() -> None:
    rest = Rest()
    rest.limit(0.0, 1e12, 0)
    assert rest.seconds_left(0.0) == LONGEST_ASKED


def test_many_rate_limits_at_once_are_one() -> None:
    rest = Rest()
    for _ in range(100):
        rest.limit(0.0, None, 0)
    assert rest.seconds_left(0.0) == 1.0


def test_of_many_at_once_the_longest_time_counts() -> None:
    rest = Rest()
    for seconds in (5.0, 20.0, 10.0):
        rest.limit(0.0, seconds, 0)
    assert rest.seconds_left(0.0) == 20.0


def test_after_a_rate_limit_nobody_has_to_try_first() -> None:
    rest = Rest()
    rest.limit(0.0, 1.0, 0)
    assert not rest.take_probe(1.0)
    assert rest.admits(1.0)


def test_a_success_ends_the_rest_and_the_doubling() -> None:
    rest = Rest()
    rest.limit(0.0, None, 0)
    rest.limit(1.0, None, rest.period)
    rest.succeeded(rest.period)
    assert rest.admits(1.0)
    rest.limit(2.0, None, rest.period)
    assert rest.seconds_left(2.0) == 1.0


def test_a_success_of_before_the_rest_does_not_end_it() -> None:
    rest = Rest()
    rest.limit(0.0, 30.0, 0)
    rest.succeeded(0)
    assert rest.seconds_left(0.0) == 30.0


def test_a_refused_key_is_tried_by_one_request_at_a_time_and_rests_longer_each_time() -> None:
    rest, now, seconds = Rest(), 0.0, list[float]()
    rest.refuse(now, FailureKind.BILLING, HEALTH, 0)
    for _ in range(3):
        seconds.append(rest.seconds_left(now))
        now += seconds[-1]
        assert rest.admits(now)
        assert rest.take_probe(now)
        assert not rest.admits(now)
        assert not rest.take_probe(now)
        rest.refuse(now, FailureKind.BILLING, HEALTH, rest.period)
    assert seconds == [10, 20, 30]


def test_a_probe_that_says_nothing_is_given_back() -> None:
    rest = Rest()
    rest.refuse(0.0, FailureKind.QUOTA, HEALTH, 0)
    assert rest.take_probe(10.0)
    rest.give_back(rest.period)
    assert rest.admits(10.0)


def test_many_refusals_at_once_are_one() -> None:
    rest = Rest()
    for _ in range(5):
        rest.refuse(0.0, FailureKind.UPSTREAM_AUTHENTICATION, HEALTH, 0)
    assert rest.seconds_left(0.0) == 10.0


def test_refusals_can_be_forgiven_but_rate_limits_stay() -> None:
    refused, limited = Rest(), Rest()
    refused.refuse(0.0, FailureKind.UPSTREAM_AUTHENTICATION, HEALTH, 0)
    limited.limit(0.0, 30.0, 0)
    refused.forgive()
    limited.forgive()
    assert (refused.seconds_left(0.0), limited.seconds_left(0.0)) == (0.0, 30.0)
