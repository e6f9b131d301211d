"""Lengths of time that contradict each other."""

from collections.abc import Callable

import pytest

from dragoman.config.settings import Settings

Load = Callable[..., Settings]
Problem = Callable[..., str]

ROUTE = '[routes.x]\ntargets = ["a/b"]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            "[timeouts]\ntotal = 60\nfirst_event = 90\n",
            "dragoman.toml:3: timeouts.first_event: first_event is 90 seconds, and total only 60; "
            "write first_event = 60 or less, or total = 90 or more",
            id="a first event after the end",
        ),
        pytest.param(
            f"{ROUTE}[routes.x.timeouts]\nbetween_events = 90.5\ntotal = 60\n",
            "dragoman.toml:4: routes.x.timeouts.between_events: "
            "between_events is 90.5 seconds, and total only 60; "
            "write between_events = 60 or less, or total = 90.5 or more",
            id="a silence longer than the answer",
        ),
        pytest.param(
            f"{ROUTE}timeouts = {{ connect = 3,\ttotal = 2 }}\n",
            "dragoman.toml:3: routes.x.timeouts.connect: connect is 3 seconds, and total only 2; "
            "write connect = 2 or less, or total = 3 or more",
            id="a connection later than the end",
        ),
        pytest.param(
            "[health]\ncooldown = 400\n",
            "dragoman.toml:2: health.cooldown: cooldown is 400 seconds, and max_cooldown only 300; "
            "write cooldown = 300 or less, or max_cooldown = 400 or more",
            id="a first rest longer than any",
        ),
        pytest.param(
            "[health]\nmax_cooldown = 5\n",
            "dragoman.toml:2: health.max_cooldown: cooldown is 10 seconds, and max_cooldown only 5; "
            "write cooldown = 5 or less, or max_cooldown = 10 or more",
            id="no rest as long as the first",
        ),
        pytest.param(
            "[retries]\nbackoff = 9\n",
            "dragoman.toml:2: retries.backoff: backoff is 9 seconds, and max_backoff only 8; "
            "write backoff = 8 or less, or max_backoff = 9 or more",
            id="a first wait longer than any",
        ),
    ],
)
def test_what_cannot_be_meant_is_reported_with_line_key_and_remedy(
    problem: Problem, text: str, message: str
) -> None:
    assert problem(text) == message


def test_a_short_total_alone_cuts_the_defaults_short(load: Load) -> None:
    assert load("[timeouts]\ntotal = 60\n").timeouts.total == 60.0


def test_a_route_may_take_less_time_than_what_holds_for_all(load: Load) -> None:
    text = f"{ROUTE}timeouts = {{ total = 60 }}\n[timeouts]\nfirst_event = 90\n"
    assert load(text).routes["x"].timeouts.total == 60.0


def test_equal_times_do_not_contradict(load: Load) -> None:
    assert load("[timeouts]\ntotal = 60\nfirst_event = 60\n").timeouts.first_event == 60.0


def test_signs_of_life_may_be_turned_off_by_a_long_wait(load: Load) -> None:
    assert load("[timeouts]\ntotal = 60\nkeep_alive = 86400\n").timeouts.keep_alive == 86400.0
