"""Who is asked, how often, in which order and when: one budget for all of an exchange's attempts."""

import time
from collections.abc import Sequence

import msgspec
import pytest
from tests.gateway.ends import Book, Road, allowances, pricing

from dragoman.access.keys import KeyRing
from dragoman.config.settings import (
    Conditions,
    HealthSettings,
    Queue,
    Retries,
    RouteSettings,
    RouteTimeouts,
    TargetSettings,
    Timeouts,
)
from dragoman.conversation.failure import Failure, FailureError
from dragoman.conversation.failure import FailureKind as Kind
from dragoman.coordination.memory import MemoryRecollection
from dragoman.dialects.registry import DIALECTS
from dragoman.gateway import attempts as attempts_module
from dragoman.gateway.admission import FREE, Admission
from dragoman.gateway.attempt import Attempt, UnservableError
from dragoman.gateway.attempts import NO_ROOM, Attempts
from dragoman.gateway.gateway import Gateway
from dragoman.gateway.record import Record, render_route
from dragoman.providers.provider import Provider
from dragoman.routing.needs import Needs
from dragoman.routing.router import Router
from dragoman.store.memory_responses import MemoryResponses

pytestmark = pytest.mark.anyio

PROVIDERS = {
    "one": Provider("one", ("openai_chat",), "http://one/v1", "sk-one"),
    "two": Provider("two", ("openai_chat",), "http://two/v1", "sk-a", more_keys=("sk-b",)),
}
ALONE = RouteSettings(("one/a",))
THREE = RouteSettings(("one/a", "one/b", "one/c"))
KEYS = RouteSettings(("two/a", "one/b"))

Told = Failure | UnservableError | None
"""What becomes of one request; None for an answer."""


def failed(kind: Kind = Kind.OVERLOADED, retry_after: float | None = None) -> Failure:
    return Failure(kind, f"It is {kind}.", status=500, retry_after=retry_after)


def unservable(words: str = "It takes no pictures.") -> UnservableError:
    return UnservableError(Failure(Kind.INVALID_REQUEST, words, param="messages[0]", code="unsupported"))


BUSY = failed()
UNHELD = Admission(allowances(), FREE, Record("req_1", "openai_chat", 0.0), until=0.0)
"""What those are held to who are held to nothing."""
QUICK = Retries(3, backoff=0.001)


class Scene:
    """A route whose targets do what is laid out for them, one request after the other."""

    def __init__(self, route: RouteSettings, retries: Retries = QUICK) -> None:
        nowhere = Road()
        self.gateway = Gateway(
            keys=KeyRing.of(["sk-client"]),
            router=Router(PROVIDERS, {"best": route}, retries=retries),
            providers=PROVIDERS,
            dialects=DIALECTS,
            http=nowhere,
            embedded=nowhere,
            timeouts=Timeouts(),
            retries=retries,
            journal=lambda _: None,
            ledger=Book(),
            allowances=allowances(),
            pricing=pricing(),
            now=lambda: 1.0,
            kept_responses=MemoryResponses(),
            signatures=MemoryRecollection(max_entries=100),
        )
        self.asked: list[str] = []
        self.moments: list[float] = []
        self.record = Record("req_1", "openai_chat", time.monotonic())
        self._told: list[Told] = []

    async def answer(self, *told: Told, tries: int = 1, needs: Needs | None = None) -> str:
        """Where the answer comes from. `tries` is how often each target is asked before it gives up."""
        self._told = list(told)
        self.asked.clear()
        self.moments.clear()
        self.record = Record("req_1", "openai_chat", time.monotonic())

        async def ask(attempt: Attempt) -> str:
            for left in range(tries - 1, -1, -1):
                try:
                    async with attempt:
                        await self._ask(attempt)
                        return attempt.target.label
                except FailureError:
                    if not (left and attempt.more):
                        raise
                    attempt = attempt.again()
            raise AssertionError

        route = self.gateway.router.resolve("best")
        return await Attempts(self.gateway, self.record, route, ask, UNHELD, needs=needs).answer()

    async def _ask(self, attempt: Attempt) -> None:
        following = self._told.pop(0)
        if isinstance(following, UnservableError):
            raise following
        if not attempt.admit_now():
            await attempt.admit()
        attempt.sent()
        self.asked.append(attempt.target.label)
        self.moments.append(time.monotonic())
        if following is not None:
            raise FailureError(following)
        attempt.begun()

    async def failure(self, *told: Told, tries: int = 1, needs: Needs | None = None) -> Failure:
        """What is told in place of an answer."""
        with pytest.raises(FailureError) as caught:
            await self.answer(*told, tries=tries, needs=needs)
        return caught.value.failure


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
    """The bounds between which waits were drawn. Every wait is as short as it can be."""
    bounds: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        bounds.append((low, high))
        return low

    monkeypatch.setattr(attempts_module.random, "uniform", uniform)
    return bounds


# the order


async def test_the_targets_are_asked_one_after_the_other() -> None:
    scene = Scene(THREE)
    assert await scene.answer(BUSY, BUSY, None) == "one/c"
    assert scene.asked == ["one/a", "one/b", "one/c"]
    assert [attempt.outcome for attempt in scene.record.attempts] == ["failed", "failed", "answered"]
    assert render_route(scene.record) == "one/c;attempts=3"


@pytest.mark.usefixtures("drawn")
async def test_each_is_asked_once_before_any_is_asked_again() -> None:
    scene = Scene(msgspec.structs.replace(THREE, attempts=6))
    await scene.failure(*[BUSY] * 6)
    assert sorted(scene.asked[:3]) == sorted(scene.asked[3:]) == ["one/a", "one/b", "one/c"]


async def test_the_next_key_is_asked_before_the_next_target() -> None:
    scene = Scene(KEYS)
    assert await scene.answer(failed(Kind.RATE_LIMIT, 60), None) == "two/a#2"


# the budget


@pytest.mark.parametrize("attempts", [1, 2, 5])
@pytest.mark.parametrize("route", [ALONE, THREE], ids=["one_target", "three_targets"])
async def test_there_are_as_many_requests_as_the_route_allows(route: RouteSettings, attempts: int) -> None:
    scene = Scene(msgspec.structs.replace(route, attempts=attempts))
    assert await scene.failure(*[BUSY] * 9) == BUSY
    assert len(scene.asked) == attempts
    assert len(scene.record.attempts) == attempts
    assert scene.record.answered is None


async def test_what_is_put_right_is_paid_from_the_same_budget() -> None:
    scene = Scene(THREE)
    await scene.failure(*[BUSY] * 9, tries=3)
    assert scene.asked == ["one/a"] * 3
    scene = Scene(THREE)
    await scene.failure(*[BUSY] * 9, tries=2)
    assert scene.asked == ["one/a", "one/a", "one/b"]


async def test_a_target_that_cannot_be_asked_costs_nothing() -> None:
    scene = Scene(msgspec.structs.replace(THREE, attempts=1))
    assert await scene.answer(unservable(), unservable(), None) == "one/c"
    assert [one.target.name for one in scene.record.excluded] == ["one/a", "one/b"]
    assert render_route(scene.record) == "one/c;attempts=1"


async def test_no_request_begins_when_the_time_is_up() -> None:
    route = msgspec.structs.replace(ALONE, timeouts=RouteTimeouts(total=0.05), attempts=100)
    scene = Scene(route, Retries(3, backoff=0.02))
    began = time.monotonic()
    await scene.failure(*[BUSY] * 100)
    assert len(scene.asked) < 100
    assert time.monotonic() - began < 5


async def test_a_wait_that_would_last_beyond_the_end_is_not_begun() -> None:
    scene = Scene(msgspec.structs.replace(ALONE, timeouts=RouteTimeouts(total=5)))
    began = time.monotonic()
    assert (await scene.failure(failed(Kind.OVERLOADED, 6), None)).retry_after == 6
    assert time.monotonic() - began < 4


# waits


async def test_waits_are_drawn_between_nothing_and_a_bound_that_doubles(
    drawn: list[tuple[float, float]],
) -> None:
    route = msgspec.structs.replace(ALONE, attempts=7)
    scene = Scene(route, Retries(3, backoff=0.25, max_backoff=3.0))
    await scene.failure(*[BUSY] * 7)
    assert drawn == [(0, 0.25), (0, 0.5), (0, 1.0), (0, 2.0), (0, 3.0), (0, 3.0), (0, 3.0)]


async def test_each_target_has_a_bound_of_its_own(drawn: list[tuple[float, float]]) -> None:
    scene = Scene(msgspec.structs.replace(THREE, attempts=6))
    await scene.failure(*[BUSY] * 6)
    assert drawn == [(0, 0.001)] * 3 + [(0, 0.002)] * 3


async def test_nobody_waits_before_another_target() -> None:
    scene = Scene(THREE, Retries(3, backoff=3600, max_backoff=3600))
    began = time.monotonic()
    assert await scene.answer(BUSY, failed(Kind.RATE_LIMIT, 60), None) == "one/c"
    assert time.monotonic() - began < 5
    assert scene.record.waited == 0


@pytest.mark.parametrize("kind", [Kind.RATE_LIMIT, Kind.OVERLOADED])
async def test_a_wait_that_is_asked_for_is_kept(kind: Kind, drawn: list[tuple[float, float]]) -> None:
    scene = Scene(ALONE)
    assert await scene.answer(failed(kind, 0.05), None) == "one/a"
    first, second = scene.moments
    assert second - first >= 0.049
    assert scene.record.waited >= 0.04
    assert drawn == [(0, 0.001)]


async def test_a_wait_that_is_longer_than_any_of_ours_is_left_to_the_client() -> None:
    scene = Scene(ALONE, Retries(3, backoff=0.001, max_backoff=0.04))
    assert await scene.failure(failed(Kind.RATE_LIMIT, 0.05), None) == failed(Kind.RATE_LIMIT, 0.05)
    assert scene.asked == ["one/a"]


async def test_where_every_target_has_named_a_time_the_shortest_is_told() -> None:
    scene = Scene(RouteSettings(("one/a", "one/b")), Retries(3, backoff=0.001, max_backoff=1))
    await scene.failure(failed(Kind.RATE_LIMIT, 60), failed(Kind.RATE_LIMIT, 30))
    told = await scene.failure()
    assert told.kind is Kind.RATE_LIMIT
    assert told.retry_after is not None
    assert 20 < told.retry_after <= 30
    assert scene.asked == []
    assert render_route(scene.record) == ""


# what is tried again


@pytest.mark.parametrize(
    "kind", [Kind.RATE_LIMIT, Kind.SERVER, Kind.BAD_GATEWAY, Kind.OVERLOADED, Kind.TIMEOUT]
)
async def test_what_may_pass_is_tried_again_at_the_same_target(
    kind: Kind, drawn: list[tuple[float, float]]
) -> None:
    scene = Scene(ALONE, Retries(3, backoff=0.001))
    retry_after = 0.001 if kind is Kind.RATE_LIMIT else None
    assert await scene.answer(failed(kind, retry_after), None) == "one/a"
    assert len(drawn) == 1


@pytest.mark.parametrize(
    "kind", [Kind.INVALID_REQUEST, Kind.CONTENT_POLICY, Kind.TOO_LARGE, Kind.CLIENT_CLOSED]
)
async def test_a_request_at_fault_is_not_tried_elsewhere(kind: Kind) -> None:
    scene = Scene(THREE)
    assert (await scene.failure(failed(kind), None)).kind is kind
    assert scene.asked == ["one/a"]


@pytest.mark.parametrize("kind", [Kind.UPSTREAM_AUTHENTICATION, Kind.BILLING, Kind.PERMISSION, Kind.QUOTA])
async def test_what_another_key_may_be_spared_is_never_tried_with_the_same(kind: Kind) -> None:
    scene = Scene(msgspec.structs.replace(KEYS, attempts=9))
    assert (await scene.failure(*[failed(kind)] * 9)).kind is kind
    assert scene.asked == ["two/a#1", "two/a#2", "one/b"]


@pytest.mark.parametrize("kind", [Kind.MODEL_NOT_FOUND, Kind.NOT_FOUND, Kind.CONTEXT_OVERFLOW])
async def test_what_another_target_may_be_spared_is_not_tried_with_another_key(kind: Kind) -> None:
    scene = Scene(msgspec.structs.replace(KEYS, attempts=9))
    assert (await scene.failure(*[failed(kind)] * 9)).kind is kind
    assert scene.asked == ["two/a#1", "one/b"]


async def test_a_conflict_is_tried_again_once() -> None:
    scene = Scene(msgspec.structs.replace(ALONE, attempts=9))
    assert (await scene.failure(*[failed(Kind.CONFLICT)] * 9)).kind is Kind.CONFLICT
    assert len(scene.asked) == 2


@pytest.mark.parametrize(
    ("kind", "should_retry", "asked"),
    [(Kind.OVERLOADED, False, 1), (Kind.RATE_LIMIT, False, 1), (Kind.INVALID_REQUEST, True, 2)],
)
async def test_an_upstream_is_believed_that_says_whether_to_try_again(
    kind: Kind, should_retry: bool, asked: int
) -> None:
    scene = Scene(msgspec.structs.replace(ALONE, attempts=2))
    told = msgspec.structs.replace(failed(kind), should_retry=should_retry)
    await scene.failure(told, told)
    assert len(scene.asked) == asked


async def test_a_full_queue_is_not_left_for_another_one() -> None:
    scene = Scene(RouteSettings((TargetSettings("one/a", max_concurrent=1),)))
    scene.gateway.traffic.configure(HealthSettings(), Queue(size=0))
    route = scene.gateway.router.resolve("best")
    async with scene.gateway.traffic.place(route, route.targets[0], until=time.monotonic() + 60):
        told = await scene.failure(None)
    assert (told.kind, told.code) == (Kind.RATE_LIMIT, NO_ROOM)
    assert scene.asked == []
    assert await scene.answer(None) == "one/a"


async def test_a_target_that_has_failed_is_asked_again_rather_than_one_that_is_full() -> None:
    scene = Scene(RouteSettings(("one/a", TargetSettings("one/b", max_concurrent=1)), attempts=2))
    scene.gateway.traffic.configure(HealthSettings(), Queue(size=0))
    route = scene.gateway.router.resolve("best")
    async with scene.gateway.traffic.place(route, route.targets[1], until=time.monotonic() + 60):
        assert await scene.answer(BUSY, None, None) == "one/a"  # the second is never sent
    assert scene.asked == ["one/a", "one/a"]


async def test_a_failure_that_costs_nothing_is_no_reason_to_go_on_for_ever() -> None:
    scene = Scene(ALONE)
    asked = 0

    async def ask(attempt: Attempt) -> str:
        nonlocal asked
        asked += 1
        async with attempt:
            raise FailureError(BUSY)

    route = scene.gateway.router.resolve("best")
    with pytest.raises(FailureError):
        await Attempts(scene.gateway, scene.record, route, ask, UNHELD).answer()
    assert asked == 1


# nobody


def reasons(scene: Scene) -> Sequence[tuple[str, str]]:
    return [(one.target.name, one.reason) for one in scene.record.excluded]


async def test_what_the_only_target_cannot_take_is_said_in_its_words() -> None:
    scene = Scene(ALONE)
    assert await scene.failure(unservable()) == unservable().failure


async def test_what_no_target_can_take_is_said_with_a_reason_for_each() -> None:
    images = Conditions(images=True)
    scene = Scene(RouteSettings((TargetSettings("one/a", when=images), "one/b", "one/c")))
    told = await scene.failure(unservable("No sound here."), unservable("Nor here."), needs=Needs())
    assert (told.kind, told.param, told.code) == (Kind.INVALID_REQUEST, "messages[0]", "unsupported")
    assert "one/a: when.images = true, but the request has no pictures" in told.message
    assert "one/b: No sound here.; one/c: Nor here." in told.message
    assert len(reasons(scene)) == 3


async def test_what_an_upstream_said_counts_more_than_who_could_not_be_asked() -> None:
    scene = Scene(THREE)
    told = await scene.failure(unservable(), failed(Kind.MODEL_NOT_FOUND), unservable())
    assert told.kind is Kind.MODEL_NOT_FOUND


async def test_who_rests_is_asked_where_no_other_can_take_it() -> None:
    scene = Scene(RouteSettings(("one/a", "one/b"), attempts=1))
    scene.gateway.traffic.configure(HealthSettings(min_failures=1), Queue())
    await scene.failure(BUSY)
    assert await scene.answer(None) == "one/b"
    assert [name for name, _ in reasons(scene)] == ["one/a"]
    assert await scene.answer(unservable(), None) == "one/a"
    assert reasons(scene) == [("one/b", "It takes no pictures.")]
    # nor does anybody go round in circles
    told = await scene.failure(unservable(), unservable())
    assert "one/a" in told.message
    assert "one/b" in told.message


async def test_who_has_named_a_time_is_not_asked_even_then() -> None:
    scene = Scene(RouteSettings(("one/a", "one/b"), attempts=1))
    await scene.failure(failed(Kind.RATE_LIMIT, 60))
    told = await scene.failure(unservable())
    assert told.kind is Kind.RATE_LIMIT
    assert scene.asked == []
    assert len(reasons(scene)) == 2
