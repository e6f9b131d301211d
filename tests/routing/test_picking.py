"""The strategies: who is asked first, with which key, and who has it from then on."""

import collections

import pytest
from tests.routing.scenery import dice, labels, route, target

from dragoman.config.settings import HealthSettings, Strategy
from dragoman.routing.affinity import Affinity
from dragoman.routing.picking import Picker
from dragoman.routing.route import Route
from dragoman.routing.standing import Standings

A, B, C = target("a/m"), target("b/m"), target("c/m")


class Scene:
    """A picker, with what it goes by."""

    def __init__(self, seed: int = 1) -> None:
        self.standings = Standings(HealthSettings())
        self.affinity = Affinity()
        self.picker = Picker(self.standings, self.affinity, dice(seed).random)

    def busy(self, name: str, in_flight: int, credential: str | None = None) -> None:
        """So many requests are at a target, and with its key if one is named."""
        standing = self.standings.target(name, configured=True)
        standing.load.in_flight = in_flight
        if credential is not None:
            self.standings.key(standing, credential).in_flight = in_flight

    def answered(self, name: str, seconds: float, *, stream: bool = True) -> None:
        """A target has answered within so many seconds, just now."""
        pace = self.standings.target(name, configured=True).load.pace(stream=stream)
        pace.begin(self, -seconds)
        pace.begun(self, 0.0)

    def order(
        self, route: Route, prefix: bytes | None = None, *, stream: bool | None = None, now: float = 0.0
    ) -> list[str]:
        return labels(tuple(self.picker.ordered(route, route.targets, now, prefix, stream)))

    def shares(self, route: Route, times: int) -> dict[str, float]:
        """The share of first places of each target."""
        first = collections.Counter(self.order(route)[0] for _ in range(times))
        return {label: first[label] / times for label in labels(route.targets)}


def test_ordered_keeps_the_order_of_the_configuration() -> None:
    scene = Scene()
    scene.busy("a/m", 100)
    assert scene.order(route(A, B, C)) == ["a/m", "b/m", "c/m"]


def test_the_keys_of_a_target_share_its_requests() -> None:
    scene = Scene()
    keyed = route(target("a/m", 1), target("a/m", 2), target("a/m", 3), B)
    scene.busy("a/m", 2, "a#1")
    scene.busy("a/m", 1, "a#2")
    assert scene.order(keyed) == ["a/m#3", "a/m#2", "a/m#1", "b/m"]


def test_of_keys_that_are_as_busy_the_one_not_used_for_longest_goes_first() -> None:
    scene = Scene()
    keyed = route(target("a/m", 1), target("a/m", 2), target("a/m", 3))
    standing, seen = scene.standings.target("a/m", configured=True), list[str]()
    for _ in range(6):
        first = scene.picker.ordered(keyed, keyed.targets, 0.0, None, None)[0]
        scene.standings.key(standing, first.credential).turn = scene.standings.next_turn()
        seen.append(first.label)
    assert seen == ["a/m#1", "a/m#2", "a/m#3"] * 2


def test_weighted_gives_each_target_its_share_of_first_places() -> None:
    weighted = route(
        target("a/m", weight=5), target("b/m", weight=3), target("c/m", weight=2), strategy="weighted"
    )
    shares = Scene().shares(weighted, 4000)
    # five standard deviations of the widest
    wanted = {"a/m": 0.5, "b/m": 0.3, "c/m": 0.2}
    assert shares == {name: pytest.approx(share, abs=0.04) for name, share in wanted.items()}


def test_the_second_place_goes_by_weight_as_well() -> None:
    weighted = route(
        target("a/m", weight=5), target("b/m", weight=3), target("c/m", weight=2), strategy="weighted"
    )
    scene = Scene()
    orders = [scene.order(weighted) for _ in range(4000)]
    behind_a = [order[1] for order in orders if order[0] == "a/m"]
    assert behind_a.count("b/m") / len(behind_a) == pytest.approx(0.6, abs=0.06)


def test_several_keys_do_not_give_a_target_a_larger_share() -> None:
    keyed = route(*(target("a/m", number) for number in range(1, 10)), B, strategy="weighted")
    shares = Scene().shares(keyed, 2000)
    assert shares["b/m"] == pytest.approx(0.5, abs=0.06)


def test_weighted_conversations_go_to_the_same_place_in_every_process() -> None:
    weighted = route(A, B, C, strategy="weighted")
    talks = [b"%032d" % number for number in range(200)]
    one, other = Scene(seed=1), Scene(seed=2)
    assert [one.order(weighted, talk) for talk in talks] == [other.order(weighted, talk) for talk in talks]


def test_weighted_conversations_are_shared_by_weight() -> None:
    weighted = route(target("a/m", weight=3), target("b/m", weight=1), strategy="weighted")
    scene = Scene()
    first = collections.Counter(scene.order(weighted, b"%032d" % number)[0] for number in range(4000))
    assert first["a/m"] / 4000 == pytest.approx(0.75, abs=0.035)


def test_weighted_conversations_stay_when_another_target_goes() -> None:
    with_c, without_c = (route(*targets, strategy="weighted") for targets in ((A, B, C), (A, B)))
    scene = Scene()
    for number in range(200):
        before, after = (scene.order(one, b"%032d" % number) for one in (with_c, without_c))
        assert [label for label in before if label != "c/m"] == after


def test_without_affinity_a_conversation_is_drawn_anew_each_time() -> None:
    weighted = route(A, B, strategy="weighted", affinity=0)
    scene = Scene()
    assert {scene.order(weighted, b"talk")[0] for _ in range(100)} == {"a/m", "b/m"}


def test_least_busy_asks_where_the_fewest_requests_are() -> None:
    scene = Scene()
    for name, in_flight in (("a/m", 3), ("b/m", 1), ("c/m", 2)):
        scene.busy(name, in_flight)
    assert scene.order(route(A, B, C, strategy="least_busy")) == ["b/m", "c/m", "a/m"]


def test_least_busy_leaves_it_to_chance_between_equals() -> None:
    shares = Scene().shares(route(A, B, strategy="least_busy"), 2000)
    assert shares["a/m"] == pytest.approx(0.5, abs=0.06)


def test_cheapest_goes_by_price_and_unknown_prices_come_last() -> None:
    priced = route(
        target("unknown/m"),
        target("dear/m", price=10),
        target("cheap/m", price=1),
        target("too/m", price=1),
        target("free/m", price=0),
        target("new/m"),
        strategy="cheapest",
    )
    assert Scene().order(priced) == ["free/m", "cheap/m", "too/m", "dear/m", "unknown/m", "new/m"]


def test_fastest_asks_the_quicker_of_two() -> None:
    scene = Scene()
    scene.answered("a/m", 2.0)
    scene.answered("b/m", 0.5)
    assert scene.order(route(A, B, strategy="fastest")) == ["b/m", "a/m"]
    scene.busy("b/m", 4)
    assert scene.order(route(A, B, strategy="fastest")) == ["a/m", "b/m"]


def test_fastest_never_asks_the_slowest_of_several_first() -> None:
    scene, several = Scene(), route(A, B, C, strategy="fastest")
    for name, seconds in (("a/m", 0.3), ("b/m", 0.6), ("c/m", 3.0)):
        scene.answered(name, seconds)
    shares = scene.shares(several, 3000)
    assert shares == {"a/m": pytest.approx(2 / 3, abs=0.06), "b/m": pytest.approx(1 / 3, abs=0.06), "c/m": 0}
    assert {tuple(scene.order(several)[1:]) for _ in range(100)} == {("b/m", "c/m"), ("a/m", "c/m")}


def test_fastest_tries_targets_that_are_not_known_but_not_with_everybody() -> None:
    scene, two = Scene(), route(A, B, strategy="fastest")
    scene.answered("a/m", 0.3)
    assert scene.order(two) == ["b/m", "a/m"]
    scene.standings.target("b/m", configured=True).load.streamed.begin(object(), 0.0)
    assert scene.order(two, now=0.1) == ["a/m", "b/m"]


def test_fastest_compares_answers_of_the_kind_that_is_asked_for() -> None:
    scene, two = Scene(), route(A, B, strategy="fastest")
    for name, streamed, whole in (("a/m", 0.2, 20.0), ("b/m", 0.8, 5.0)):
        scene.answered(name, streamed, stream=True)
        scene.answered(name, whole, stream=False)
    assert scene.order(two, stream=True)[0] == "a/m"
    assert scene.order(two, stream=False)[0] == "b/m"
    assert scene.order(two)[0] == "a/m"


def test_fastest_goes_by_whole_answers_where_there_are_no_others() -> None:
    scene = Scene()
    scene.answered("a/m", 20.0, stream=False)
    scene.answered("b/m", 5.0, stream=False)
    assert scene.order(route(A, B, strategy="fastest"))[0] == "b/m"


@pytest.mark.parametrize("strategy", ["least_busy", "fastest"])
def test_a_conversation_stays_where_it_was(strategy: Strategy) -> None:
    scene, two = Scene(), route(A, target("b/m", 1), target("b/m", 2), strategy=strategy)
    scene.answered("b/m", 9.0)
    scene.busy("b/m", 9, "b#2")
    scene.affinity.remember(two, b"talk", two.targets[2], 0.0)
    assert scene.order(two, b"talk") == ["b/m#2", "b/m#1", "a/m"]
    assert scene.order(two, b"another talk")[0] == "a/m"


@pytest.mark.parametrize("strategy", ["ordered", "cheapest", "weighted"])
def test_with_other_strategies_a_conversation_stays_with_its_key_only(strategy: Strategy) -> None:
    scene = Scene()
    keyed = route(A, target("b/m", 1), target("b/m", 2), strategy=strategy)
    before = [label.split("#")[0] for label in scene.order(keyed, b"talk")]
    scene.busy("b/m", 9, "b#2")
    scene.affinity.remember(keyed, b"talk", keyed.targets[2], 0.0)
    after = scene.order(keyed, b"talk")
    assert [label.split("#")[0] for label in after] == before
    assert after.index("b/m#2") < after.index("b/m#1")
