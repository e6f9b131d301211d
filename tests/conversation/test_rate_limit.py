"""Which of several limits a client is told of."""

from dragoman.conversation.rate_limit import RateLimit, tightest


def test_of_each_kind_that_with_the_least_left_is_told() -> None:
    limits = [
        RateLimit("tokens", 1000, 500, 30),
        RateLimit("requests", 60, 20, 40),
        RateLimit("tokens", 9000, 400, 3),
        RateLimit("requests", 10, 9, 6),
    ]
    assert tightest(limits) == (RateLimit("requests", 10, 9, 6), RateLimit("tokens", 9000, 400, 3))


def test_of_two_with_as_much_left_the_slower_one_is_told() -> None:
    assert tightest([RateLimit("requests", 5, 0, 3), RateLimit("requests", 9, 0, 60)]) == (
        RateLimit("requests", 9, 0, 60),
    )


def test_no_limits_are_none() -> None:
    assert tightest([]) == ()
