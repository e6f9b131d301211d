"""What is known of targets is bounded where clients make up the names, and shared where it should be."""

from tests.routing.scenery import target

from dragoman.config.settings import HealthSettings
from dragoman.conversation.failure import FailureKind
from dragoman.routing.standing import MOST_MADE_UP, Standings, state_of

HEALTH = HealthSettings(min_failures=1, cooldown=10)


def test_names_that_clients_make_up_do_not_fill_the_memory() -> None:
    standings = Standings(HEALTH)
    standings.target("a/configured", configured=True)
    for number in range(MOST_MADE_UP * 2):
        standings.target(f"a/{number}", configured=False)
    assert len(list(standings)) == MOST_MADE_UP + 1
    assert standings.known("a/configured") is not None
    assert standings.known("a/0") is None


def test_a_made_up_target_with_a_request_on_its_way_is_kept() -> None:
    standings = Standings(HEALTH)
    standings.target("a/busy", configured=False).load.in_flight = 1
    for number in range(MOST_MADE_UP * 2):
        standings.target(f"a/{number}", configured=False)
    assert standings.known("a/busy") is not None


def test_a_target_is_the_same_whether_a_route_or_a_client_names_it() -> None:
    standings = Standings(HEALTH)
    by_client = standings.target("a/m", configured=False)
    by_route = standings.target("a/m", configured=True)
    assert by_client is by_route
    assert standings.target("a/m", configured=False) is by_route
    assert [one.configured for one in standings] == [True]


def test_a_key_that_is_refused_everywhere_is_no_candidate_at_a_target_not_heard_of_yet() -> None:
    standings = Standings(HEALTH)
    key = standings.key(standings.target("a/m", configured=True), "a")
    key.account.refuse(0.0, FailureKind.BILLING, HEALTH, 0)
    obstacle = standings.obstacle(target("a/other"), 0.0)
    assert obstacle is not None
    assert obstacle.reason == "its key rests for another 10 s: it was refused (billing)"
    assert standings.seconds_left(target("a/other"), 4.0) == 6.0
    assert standings.obstacle(target("b/m"), 0.0) is None


def test_a_target_nothing_was_heard_of_has_no_obstacle_and_stays_unknown() -> None:
    standings = Standings(HEALTH)
    assert standings.obstacle(target("a/m"), 0.0) is None
    assert standings.seconds_left(target("a/m"), 0.0) == 0.0
    assert list(standings) == []


def test_each_state_has_its_word_and_its_reason() -> None:
    standings = Standings(HEALTH)
    one = standings.target("a/m", configured=True)
    key = standings.key(one, "a")
    said: list[tuple[str, str]] = []

    def look(now: float) -> None:
        obstacle = standings.obstacle(target("a/m"), now)
        said.append((state_of(one, key, now), "" if obstacle is None else obstacle.reason))

    look(0.0)
    one.breaker.failed(0.0, HEALTH, 0, probe=False)
    look(2.5)
    look(10.0)
    assert one.breaker.take_probe(10.0)
    look(10.0)
    one.breaker.worked(11.0, HEALTH, one.breaker.period)
    key.own.refuse(11.0, FailureKind.QUOTA, HEALTH, 0)
    look(11.0)
    look(21.0)
    assert key.own.take_probe(21.0)
    look(21.0)
    key.own.limit(22.0, 30.0, key.own.period)
    look(22.0)
    look(52.0)
    assert said == [
        ("healthy", ""),
        ("resting", "it rests for another 8 s: too many of its requests failed"),
        ("probing", ""),
        ("probing", "too many of its requests failed, and one is trying now whether it works again"),
        ("resting", "its key rests for another 10 s: it was refused (quota)"),
        ("probing", ""),
        ("probing", "its key was refused (quota), and a request is trying now whether it is taken again"),
        ("limited", "its key rests for another 30 s: the rate limit is reached"),
        ("healthy", ""),
    ]
