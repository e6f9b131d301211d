"""What becomes of a request says something about the target, or about the key, or about nobody."""

import pytest
from tests.routing.scenery import Clock, failure, route, target

from dragoman.config.settings import HealthSettings
from dragoman.conversation.failure import FailureKind
from dragoman.routing.asking import Asking
from dragoman.routing.health import FAILURES_OF_THE_REQUEST, FAILURES_OF_THE_TARGET
from dragoman.routing.rests import ACCOUNT_WIDE, REFUSALS
from dragoman.routing.route import RouteTarget
from dragoman.routing.traffic import TargetState, Traffic

A1, A2, OTHER, B = target("a/m", 1), target("a/m", 2), target("a/other", 1), target("b/m")
ROUTE = route(A1, A2, OTHER, B)


class Scene:
    """Traffic whose time stands still."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.traffic = Traffic(HealthSettings(min_failures=1, cooldown=10), now=self.clock)

    def ask(self, candidate: RouteTarget = A1, *, stream: bool = True) -> Asking:
        return self.traffic.asking(ROUTE, candidate, stream=stream)

    def fail(self, kind: FailureKind, candidate: RouteTarget = A1, retry_after: float | None = None) -> None:
        with self.ask(candidate) as asking:
            asking.failed(failure(kind, retry_after))

    def state(self, credential: str = "a#1", name: str = "a/m") -> TargetState:
        return next(one for one in self.traffic.targets() if (one.name, one.credential) == (name, credential))

    def resting(self) -> list[str]:
        return [one.label for one in ROUTE.targets if self.traffic.rest_of(one) > 0]


def test_every_kind_of_failure_is_thought_of() -> None:
    about_the_key = {FailureKind.RATE_LIMIT, *REFUSALS}
    about_nobody = {FailureKind.AUTHENTICATION, FailureKind.REQUEST_TIMEOUT, FailureKind.CLIENT_CLOSED}
    groups = [FAILURES_OF_THE_TARGET, FAILURES_OF_THE_REQUEST, about_the_key, about_nobody]
    assert sorted(kind for group in groups for kind in group) == sorted(FailureKind)


@pytest.mark.parametrize("kind", sorted(FAILURES_OF_THE_TARGET))
def test_failures_of_the_target_count_for_all_its_keys_and_for_no_other_target(kind: FailureKind) -> None:
    scene = Scene()
    scene.fail(kind)
    assert scene.resting() == ["a/m#1", "a/m#2"]


@pytest.mark.parametrize("kind", sorted(FAILURES_OF_THE_REQUEST))
def test_a_target_that_finds_fault_with_a_request_works(kind: FailureKind) -> None:
    scene = Scene()
    scene.fail(kind)
    assert scene.resting() == []
    assert (scene.state().failures, scene.state().requests) == (0, 1)
    scene.fail(FailureKind.SERVER)
    scene.clock.move(10)
    scene.fail(kind)
    assert scene.state().state == "healthy"


@pytest.mark.parametrize("kind", sorted({FailureKind.RATE_LIMIT, *REFUSALS} - ACCOUNT_WIDE))
def test_limits_of_a_key_at_a_model_touch_neither_other_keys_nor_models_nor_the_target(
    kind: FailureKind,
) -> None:
    scene = Scene()
    scene.fail(kind)
    assert scene.resting() == ["a/m#1"]
    assert (scene.state().failures, scene.state().requests) == (0, 0)


@pytest.mark.parametrize("kind", sorted(ACCOUNT_WIDE))
def test_a_key_that_is_refused_as_such_rests_at_all_models(kind: FailureKind) -> None:
    scene = Scene()
    scene.fail(kind)
    assert scene.resting() == ["a/m#1", "a/other#1"]


@pytest.mark.parametrize("kind", [FailureKind.CLIENT_CLOSED, FailureKind.REQUEST_TIMEOUT])
def test_failures_on_the_clients_side_say_nothing(kind: FailureKind) -> None:
    scene = Scene()
    scene.fail(kind)
    assert scene.resting() == []
    assert scene.state().requests == 0


def test_a_rate_limit_rests_for_as_long_as_it_says() -> None:
    scene = Scene()
    scene.fail(FailureKind.RATE_LIMIT, retry_after=7)
    assert scene.traffic.rest_of(A1) == 7
    assert scene.state().state == "limited"


def test_a_success_ends_the_rests_of_target_and_key() -> None:
    scene = Scene()
    for kind in (FailureKind.SERVER, FailureKind.QUOTA, FailureKind.BILLING):
        scene.fail(kind)
    assert scene.state().state == "resting"
    scene.clock.move(10)
    with scene.ask() as asking:
        asking.succeeded()
    assert scene.resting() == []
    assert scene.state().state == "healthy"


def test_only_the_first_verdict_counts() -> None:
    scene = Scene()
    with scene.ask() as asking:
        asking.succeeded()
        asking.failed(failure(FailureKind.SERVER))
        asking.succeeded()
    with scene.ask(B) as asking:
        asking.failed(failure(FailureKind.RATE_LIMIT))
        asking.succeeded()
        asking.first_event()
    assert (scene.state().failures, scene.state().requests) == (0, 1)
    assert scene.resting() == ["b/m"]


def test_a_request_is_in_flight_until_it_is_left_however_that_happens() -> None:
    scene = Scene()
    with scene.ask(), scene.ask():
        assert scene.state().in_flight == 2
    with pytest.raises(RuntimeError), scene.ask():
        raise RuntimeError
    assert scene.state().in_flight == 0


def test_a_probe_that_ends_without_a_verdict_is_given_back() -> None:
    scene = Scene()
    scene.fail(FailureKind.SERVER)
    scene.fail(FailureKind.QUOTA)
    scene.fail(FailureKind.BILLING)
    scene.clock.move(10)
    for _ in range(3):
        assert A1 in scene.traffic.choose(ROUTE).candidates
        with scene.ask():
            assert A1 not in scene.traffic.choose(ROUTE).candidates
    assert scene.state().state == "probing"


def test_only_the_failed_probe_lengthens_the_rest() -> None:
    scene = Scene()
    scene.fail(FailureKind.SERVER)
    scene.clock.move(10)
    with scene.ask() as probe, scene.ask() as other:
        other.failed(failure(FailureKind.SERVER))
        assert scene.traffic.rest_of(A1) == 0
        probe.failed(failure(FailureKind.SERVER))
    assert scene.traffic.rest_of(A1) == 20


def test_a_probe_that_ends_with_a_rate_limit_says_nothing_about_the_target() -> None:
    scene = Scene()
    scene.fail(FailureKind.SERVER)
    scene.clock.move(10)
    scene.fail(FailureKind.RATE_LIMIT, retry_after=5)
    assert scene.resting() == ["a/m#1"]
    assert scene.state("a#1").state == "limited"
    assert A2 in scene.traffic.choose(ROUTE).candidates


def test_a_stream_that_has_begun_lets_the_target_back_in() -> None:
    scene = Scene()
    scene.fail(FailureKind.SERVER)
    scene.clock.move(10)
    with scene.ask() as asking:
        assert A2 not in scene.traffic.choose(ROUTE).candidates
        asking.first_event()
        assert A2 in scene.traffic.choose(ROUTE).candidates


def test_a_stream_begun_before_a_rate_limit_does_not_end_it() -> None:
    scene = Scene()
    with scene.ask() as early:
        scene.fail(FailureKind.RATE_LIMIT, retry_after=30)
        early.first_event()
        early.succeeded()
    assert scene.traffic.rest_of(A1) == 30


def test_the_time_to_the_first_token_is_taken() -> None:
    scene = Scene()
    with scene.ask() as asking:
        scene.clock.move(0.5)
        asking.first_event()
        scene.clock.move(60)
        asking.first_event()
        asking.succeeded()
    assert scene.state().first_token == 0.5


def test_a_whole_answer_is_its_own_first_token() -> None:
    scene = Scene()
    with scene.ask(stream=False) as asking:
        scene.clock.move(8)
        asking.succeeded()
    assert scene.state().first_token == 8


@pytest.mark.parametrize("timed_out", [True, False])
def test_a_request_that_was_given_up_took_at_least_so_long(timed_out: bool) -> None:
    scene = Scene()
    with scene.ask() as asking:
        scene.clock.move(0.5)
        asking.first_event()
    with scene.ask() as asking:
        scene.clock.move(9)
        if timed_out:
            asking.failed(failure(FailureKind.TIMEOUT))
    assert scene.state().first_token == 9


def test_a_quick_error_does_not_make_a_target_look_quick() -> None:
    scene = Scene()
    with scene.ask() as asking:
        scene.clock.move(0.01)
        asking.failed(failure(FailureKind.SERVER))
    assert scene.state().first_token is None


def test_the_keys_of_a_target_take_turns() -> None:
    scene, seen = Scene(), list[str]()
    for _ in range(4):
        first = scene.traffic.choose(ROUTE).candidates[0]
        seen.append(first.label)
        with scene.ask(first) as asking:
            asking.succeeded()
    assert seen == ["a/m#1", "a/m#2", "a/m#1", "a/m#2"]
