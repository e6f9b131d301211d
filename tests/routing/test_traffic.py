"""Traffic as the gateway sees it: every target is a candidate or has a reason, and nothing is for ever."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.routing.scenery import Clock, dice, failure, labels, route, target

from dragoman.config.settings import Conditions, HealthSettings, Queue, Strategy
from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.routing.hedging import LATE
from dragoman.routing.needs import Needs
from dragoman.routing.route import Choice, Hedge, Route, RouteTarget
from dragoman.routing.traffic import ClientLimit, Traffic

A, B = target("a/m"), target("b/m")
HEALTH = HealthSettings(min_failures=1, cooldown=10)
STRATEGIES: list[Strategy] = ["ordered", "weighted", "least_busy", "fastest", "cheapest"]


class Scene:
    """Traffic whose time stands still."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.traffic = Traffic(HEALTH, now=self.clock, random=dice(3).random)

    def fail(
        self, candidate: RouteTarget, kind: FailureKind = FailureKind.SERVER, retry_after: float | None = None
    ) -> None:
        with self.traffic.asking(route(candidate), candidate, stream=True) as asking:
            asking.failed(failure(kind, retry_after))

    def answer(self, candidate: RouteTarget, seconds: float = 0.1) -> None:
        with self.traffic.asking(route(candidate), candidate, stream=True) as asking:
            self.clock.move(seconds)
            asking.first_event()
            asking.succeeded()


def reasons(choice: Choice) -> dict[str, str]:
    return {exclusion.target.label: exclusion.reason for exclusion in choice.excluded}


def test_a_target_that_rests_is_skipped_with_the_reason() -> None:
    scene = Scene()
    scene.fail(A)
    choice = scene.traffic.choose(route(A, B))
    assert labels(choice.candidates) == ["b/m"]
    assert reasons(choice) == {"a/m": "it rests for another 10 s: too many of its requests failed"}
    scene.clock.move(10)
    assert labels(scene.traffic.choose(route(A, B)).candidates) == ["a/m", "b/m"]


def test_no_target_is_refused_only_for_its_failures() -> None:
    scene = Scene()
    scene.fail(A)
    scene.fail(B)
    choice = scene.traffic.choose(route(A, B))
    assert (labels(choice.candidates), choice.excluded) == (["a/m", "b/m"], ())


def test_targets_that_fail_go_before_keys_that_are_refused() -> None:
    scene = Scene()
    scene.fail(A, FailureKind.BILLING)
    scene.fail(B)
    assert labels(scene.traffic.choose(route(A, B)).candidates) == ["b/m", "a/m"]


def test_a_rate_limit_is_kept_to_even_where_nothing_else_is_left() -> None:
    scene = Scene()
    scene.fail(A, FailureKind.RATE_LIMIT, retry_after=12)
    choice = scene.traffic.choose(route(A))
    assert choice.candidates == ()
    assert reasons(choice) == {"a/m": "its key rests for another 12 s: the rate limit is reached"}
    assert scene.traffic.rest_of(A) == 12
    scene.clock.move(12)
    assert scene.traffic.choose(route(A)).candidates == (A,)
    assert scene.traffic.rest_of(A) == 0


def test_conditions_exclude_always() -> None:
    scene = Scene()
    plain = target("a/m", when=Conditions(images=False, max_input_tokens=100))
    choice = scene.traffic.choose(route(plain, B), Needs(images=True, input_tokens=150))
    assert labels(choice.candidates) == ["b/m"]
    assert reasons(choice) == {
        "a/m": "when.images = false, but the request has pictures; "
        "when.max_input_tokens = 100, but the prompt has about 150"
    }
    scene.fail(B)
    assert labels(scene.traffic.choose(route(plain, B), Needs(images=True)).candidates) == ["b/m"]
    assert scene.traffic.choose(route(plain), Needs(images=True)).candidates == ()


def test_without_needs_a_request_counts_as_one_that_needs_nothing() -> None:
    scene = Scene()
    choice = scene.traffic.choose(route(target("a/m", when=Conditions(tools=True)), B))
    assert labels(choice.candidates) == ["b/m"]
    assert labels(scene.traffic.choose(route(target("a/m", when=Conditions(tools=False)))).candidates) == [
        "a/m"
    ]


def test_a_conversation_sticks_and_is_released_when_its_target_rests() -> None:
    scene, two = Scene(), route(A, B, strategy="fastest")
    scene.answer(A, 0.1)
    scene.answer(B, 5.0)
    scene.traffic.remember(two, b"talk", B)
    assert labels(scene.traffic.choose(two, prefix=b"talk").candidates) == ["b/m", "a/m"]
    assert labels(scene.traffic.choose(two, prefix=b"other").candidates) == ["a/m", "b/m"]
    scene.fail(B)
    assert labels(scene.traffic.choose(two, prefix=b"talk").candidates) == ["a/m"]
    scene.traffic.remember(two, b"talk", A)
    scene.clock.move(10)
    scene.answer(B, 0.001)
    assert labels(scene.traffic.choose(two, prefix=b"talk").candidates) == ["a/m", "b/m"]


def test_a_conversation_has_no_hold_on_targets_of_the_last_resort() -> None:
    scene, two = Scene(), route(A, B, strategy="least_busy")
    scene.traffic.remember(two, b"talk", B)
    scene.fail(A)
    scene.fail(B)
    firsts = {scene.traffic.choose(two, prefix=b"talk").candidates[0].label for _ in range(50)}
    assert firsts == {"a/m", "b/m"}


def test_where_there_is_no_choice_no_conversation_is_remembered() -> None:
    scene, later = Scene(), route(A, B, strategy="least_busy")
    scene.traffic.remember(route(A), b"talk", A)
    firsts = {scene.traffic.choose(later, prefix=b"talk").candidates[0].label for _ in range(50)}
    assert firsts == {"a/m", "b/m"}


@pytest.mark.parametrize("after", [2.5, 3])
def test_a_hedge_after_a_fixed_time_needs_no_experience(after: float) -> None:
    hedged = route(A, B, hedge=Hedge(after, 0.05))
    assert Scene().traffic.hedge_after(hedged, A, stream=True) == after


def test_a_hedge_after_a_quantile_waits_for_enough_answers_of_its_kind() -> None:
    scene, hedged = Scene(), route(A, B, hedge=Hedge("p90", 0.05))
    assert scene.traffic.hedge_after(hedged, A, stream=True) is None
    for tenths in range(1, 21):
        assert scene.traffic.hedge_after(hedged, A, stream=True) is None
        scene.answer(A, tenths / 10)
    assert scene.traffic.hedge_after(hedged, A, stream=True) == pytest.approx(1.8)
    assert scene.traffic.hedge_after(hedged, A, stream=False) is None
    assert scene.traffic.hedge_after(hedged, B, stream=True) is None


def test_a_hedge_is_not_put_off_by_many_slow_answers() -> None:
    scene, hedged = Scene(), route(A, B, hedge=Hedge("p90", 0.05))
    for number in range(40):
        scene.answer(A, 10.0 if number % 5 == 0 else 0.2)
    assert scene.traffic.hedge_after(hedged, A, stream=True) == pytest.approx(LATE * 0.2)


def test_without_hedging_there_is_no_second_call() -> None:
    scene = Scene()
    scene.traffic.counts_request(route(A, B))
    assert scene.traffic.hedge_after(route(A, B), A, stream=True) is None
    assert not scene.traffic.take_hedge(route(A, B))


def test_hedges_are_counted_by_route() -> None:
    traffic, hedged = Scene().traffic, route(A, B, hedge=Hedge(1.0, 0.5))
    assert [traffic.take_hedge(hedged), traffic.take_hedge(hedged)] == [True, False]
    traffic.counts_request(hedged)
    traffic.counts_request(hedged)
    assert traffic.take_hedge(hedged)


def test_what_is_known_outlives_a_reload_but_for_refusals() -> None:
    scene = Scene()
    scene.fail(A)
    scene.fail(B, FailureKind.RATE_LIMIT, retry_after=30)
    scene.fail(target("c/m"), FailureKind.UPSTREAM_AUTHENTICATION)
    scene.fail(target("d/m"), FailureKind.PERMISSION)
    scene.traffic.configure(HealthSettings(cooldown=99), Queue())
    names = ("a/m", "b/m", "c/m", "d/m")
    assert [scene.traffic.rest_of(target(name)) for name in names] == [10, 30, 0, 0]


def test_settings_of_a_reload_hold_for_what_comes() -> None:
    scene = Scene()
    scene.traffic.configure(HealthSettings(min_failures=1, cooldown=99), Queue())
    scene.fail(A)
    assert scene.traffic.rest_of(A) == 99


def test_the_state_of_each_target_and_key_can_be_seen() -> None:
    scene = Scene()
    keyed = target("a/m", 2)
    scene.answer(keyed, 0.4)
    scene.fail(keyed, FailureKind.RATE_LIMIT, retry_after=8)
    with scene.traffic.asking(route(B, configured=False), B, stream=False):
        states = {(one.name, one.credential): one for one in scene.traffic.targets()}
    limited, other = states["a/m", "a#2"], states["b/m", "b"]
    assert (limited.state, limited.seconds_left, limited.failures, limited.requests) == ("limited", 8, 0, 1)
    assert limited.first_token == pytest.approx(0.4)
    assert limited.configured
    assert (other.state, other.in_flight, other.first_token, other.configured) == ("healthy", 1, None, False)


@pytest.mark.anyio
async def test_a_place_is_one_of_the_targets_and_one_of_the_keys() -> None:
    traffic = Traffic(queue=Queue(size=0))
    limited, until = route(target("a/m", 1, most=2, most_of_key=1), target("a/m", 2, most=2)), 1e12
    first, second = limited.targets
    async with traffic.place(limited, first, until=until):
        assert not traffic.has_room(limited, first)
        assert traffic.has_room(limited, second)
        assert traffic.has_room(limited, target("a/m", 1, most=2))
        with pytest.raises(FailureError) as caught:
            async with traffic.place(limited, first, until=until):
                pytest.fail("the key has one place")
        assert caught.value.failure.message == (
            "The provider 'a' serves at most 1 at once, and no more may wait. Try again in 1 s."
        )
        async with traffic.place(limited, second, until=until):
            assert not traffic.has_room(limited, second)
            with pytest.raises(FailureError) as caught:
                async with traffic.place(limited, second, until=until):
                    pytest.fail("the target has two places")
            assert "'a/m' serves at most 2 at once" in caught.value.failure.message
            assert traffic.in_use() == 3
    assert (traffic.in_use(), traffic.waiting()) == (0, 0)


@pytest.mark.anyio
async def test_the_limit_of_a_target_is_its_own_in_each_route() -> None:
    traffic, limited = Traffic(queue=Queue(size=0)), target("a/m", most=1)
    async with traffic.place(route(limited, name="one"), limited, until=1e12):
        assert traffic.has_room(route(limited, name="two"), limited)


@pytest.mark.anyio
async def test_a_key_has_its_own_places_and_its_team_has_some_for_all() -> None:
    traffic, until = Traffic(queue=Queue(size=0)), time.monotonic() + 60
    team = ClientLimit("team:1", 2, "team 'all'")
    alice, bob = (ClientLimit(f"key:{name}", 1, f"key '{name}'") for name in ("alice", "bob"))
    async with traffic.client_place([alice, team], until=until):
        with pytest.raises(FailureError) as caught:
            async with traffic.client_place([alice, team], until=until):
                pytest.fail("alice has one place")
        async with traffic.client_place([bob, team], until=until), traffic.client_place([], until=until):
            with pytest.raises(FailureError) as all_taken:
                async with traffic.client_place([team], until=until):
                    pytest.fail("the team has two places")
            assert traffic.in_use() == 4
    assert caught.value.failure.kind is FailureKind.RATE_LIMIT
    assert "the key 'alice'" in caught.value.failure.message
    assert "the team 'all'" in all_taken.value.failure.message
    assert traffic.in_use() == 0


kinds = st.sampled_from(sorted(FailureKind))
named = st.sampled_from(["a/m", "b/m", "c/m", "c/n"])
targets = st.builds(
    target,
    named,
    st.integers(0, 2),
    when=st.sampled_from([None, None, Conditions(tools=True), Conditions(tags=("gold",))]),
    weight=st.sampled_from([0.5, 1.0, 7.0]),
    price=st.sampled_from([None, 0.0, 2.5]),
)
routes = st.builds(
    Route,
    st.just("best"),
    st.lists(targets, min_size=1, max_size=6).map(tuple),
    strategy=st.sampled_from(STRATEGIES),
    configured=st.booleans(),
)
asked = st.lists(
    st.tuples(st.integers(0, 5), st.none() | kinds, st.floats(0, 20), st.booleans(), st.booleans()),
    max_size=25,
)


@given(routes, asked, st.builds(Needs, tools=st.booleans(), stream=st.booleans()))
@settings(max_examples=100)
def test_every_target_is_a_candidate_or_has_a_reason_and_the_choice_changes_nothing(
    some_route: Route, story: list[tuple[int, FailureKind | None, float, bool, bool]], needs: Needs
) -> None:
    scene = Scene()
    for number, kind, seconds, stream, verdict in story:
        candidate = some_route.targets[number % len(some_route.targets)]
        with scene.traffic.asking(some_route, candidate, stream=stream) as asking:
            scene.clock.move(seconds)
            if verdict and kind is None:
                asking.succeeded()
            elif verdict and kind is not None:
                asking.failed(failure(kind, retry_after=seconds))
        scene.traffic.remember(some_route, b"talk", candidate)
    before = scene.traffic.targets()
    for prefix in (None, b"talk"):
        choice = scene.traffic.choose(some_route, needs, prefix)
        offered = [*choice.candidates, *(exclusion.target for exclusion in choice.excluded)]
        assert sorted(map(id, offered)) == sorted(map(id, some_route.targets))
        assert all(exclusion.reason for exclusion in choice.excluded)
        limited = [one for one in some_route.targets if scene.traffic.rest_of(one) > 0]
        assert choice.candidates or limited or any(one.when for one in some_route.targets)
    assert scene.traffic.targets() == before
    assert all(state.in_flight == 0 for state in before)
