"""Conversations are remembered for as long as their route says, and not without end."""

from tests.routing.scenery import route, target

from dragoman.routing.affinity import Affinity

A, B = target("a/m", 1), target("b/m", 2)


def test_a_conversation_is_remembered_with_target_and_key() -> None:
    affinity = Affinity()
    affinity.remember(route(A, B), b"talk", B, now=0.0)
    assert affinity.of(route(A, B), b"talk", 299.9) == ("b/m", "b#2")
    assert affinity.of(route(A, B), b"other", 0.0) is None
    assert affinity.of(route(A, B, name="another"), b"talk", 0.0) is None
    assert affinity.of(route(A, B), None, 0.0) is None


def test_it_is_forgotten_after_the_time_of_its_route() -> None:
    affinity = Affinity()
    affinity.remember(route(A, B), b"talk", B, now=0.0)
    assert affinity.of(route(A, B), b"talk", 300.0) is None


def test_each_answer_lets_it_last_longer() -> None:
    affinity = Affinity()
    affinity.remember(route(A, B), b"talk", B, now=0.0)
    affinity.remember(route(A, B), b"talk", B, now=200.0)
    assert affinity.of(route(A, B), b"talk", 499.0) == ("b/m", "b#2")


def test_the_latest_answer_counts() -> None:
    affinity = Affinity()
    affinity.remember(route(A, B), b"talk", B, now=0.0)
    affinity.remember(route(A, B), b"talk", A, now=1.0)
    assert affinity.of(route(A, B), b"talk", 2.0) == ("a/m", "a#1")


def test_a_route_without_affinity_remembers_nothing() -> None:
    affinity = Affinity()
    affinity.remember(route(A, B, affinity=0), b"talk", B, now=0.0)
    assert len(affinity) == 0


def test_a_reload_that_ends_affinity_holds_for_what_is_remembered() -> None:
    affinity = Affinity()
    affinity.remember(route(A, B), b"talk", B, now=0.0)
    assert affinity.of(route(A, B, affinity=0), b"talk", 1.0) is None


def test_no_more_conversations_are_kept_than_was_said() -> None:
    affinity = Affinity(size=10)
    for number in range(100):
        affinity.remember(route(A, B), b"%d" % number, B, now=0.0)
    assert len(affinity) == 10
    assert affinity.of(route(A, B), b"99", 1.0) is not None
    assert affinity.of(route(A, B), b"89", 1.0) is None
