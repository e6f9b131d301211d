"""Second calls never become more than their share."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.routing.scenery import route, target

from dragoman.routing.hedging import BURST, Hedges
from dragoman.routing.route import Hedge


@given(
    st.floats(0.001, 1.0),
    st.lists(st.booleans(), max_size=300),
)
@settings(max_examples=100)
def test_second_calls_stay_within_their_share_at_any_time(share: float, moves: list[bool]) -> None:
    hedged = route(target("a/m"), hedge=Hedge(1.0, share))
    hedges, requests, taken = Hedges(), 0, 0
    for wants_hedge in moves:
        if wants_hedge:
            taken += hedges.take(hedged)
        else:
            hedges.counts_request(hedged)
            requests += 1
        assert taken <= share * requests + 1 + 1e-6


def test_the_whole_share_can_be_used() -> None:
    hedged = route(target("a/m"), hedge=Hedge("p95", 0.05))
    hedges, taken = Hedges(), 0
    for _ in range(1000):
        hedges.counts_request(hedged)
        taken += hedges.take(hedged)
    assert taken in {50, 51}


def test_quiet_times_save_up_for_a_small_burst_only() -> None:
    hedged = route(target("a/m"), hedge=Hedge("p95", 0.5))
    hedges = Hedges()
    for _ in range(1000):
        hedges.counts_request(hedged)
    assert sum(hedges.take(hedged) for _ in range(1000)) == BURST


def test_each_route_has_its_own_share() -> None:
    one, other = (route(target("a/m"), name=name, hedge=Hedge(1.0, 0.05)) for name in ("one", "other"))
    hedges = Hedges()
    assert [hedges.take(one), hedges.take(one), hedges.take(other)] == [True, False, True]


def test_a_route_that_does_not_hedge_gets_no_second_calls() -> None:
    hedges = Hedges()
    hedges.counts_request(route(target("a/m")))
    assert not hedges.take(route(target("a/m")))
