"""Places never leak and never block each other, whoever is cancelled when; the queue has an order and an
end.
"""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.routing.scenery import Clock

from dragoman.config.settings import Queue
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.routing.places import Limit, Place, Places

pytestmark = pytest.mark.anyio


def place(places: Places, *keys: str, most: int = 1, until: float = 1e12, priority: int = 0) -> Place:
    needs = tuple(places.need(key, most, f"'{key}'") for key in keys)
    return Place(places, needs, until=until, priority=priority, label=keys)


class Guest:
    """Enters a place in a task of its own, and leaves it when told."""

    def __init__(self, place: Place, arrived: Callable[[], None] = lambda: None) -> None:
        self._leave = asyncio.Event()
        self._arrived = arrived
        self.inside = False
        self.task = asyncio.ensure_future(self._stay(place))

    def leave(self) -> None:
        self._leave.set()

    async def _stay(self, place: Place) -> None:
        async with place:
            self.inside = True
            self._arrived()
            try:
                await self._leave.wait()
            finally:
                self.inside = False


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def refusal(place: Place) -> Failure:
    with pytest.raises(FailureError) as caught:
        async with place:
            pytest.fail("there was room")
    return caught.value.failure


async def test_where_there_is_room_nothing_waits() -> None:
    """Not even for one turn of the event loop."""
    places = Places(Queue(), time.monotonic)
    entering = place(places, "a").__aenter__()
    with pytest.raises(StopIteration):
        entering.send(None)
    assert places.in_use() == 1


async def test_without_limits_everybody_has_a_place() -> None:
    places = Places(Queue(size=0), time.monotonic)
    async with place(places), place(places):
        assert places.in_use() == 0


async def test_no_more_are_there_than_may_be() -> None:
    places = Places(Queue(), time.monotonic)
    guests = [Guest(place(places, "a", most=3)) for _ in range(10)]
    await settle()
    assert (sum(guest.inside for guest in guests), places.in_use(), places.waiting()) == (3, 3, 7)
    for guest in guests:
        guest.leave()
        await settle()
    await asyncio.gather(*(guest.task for guest in guests))
    assert (places.in_use(), places.waiting()) == (0, 0)


async def test_those_of_a_higher_priority_go_first_and_else_those_who_came_first() -> None:
    places, order = Places(Queue(), time.monotonic), list[str]()
    first = Guest(place(places, "a"))
    await settle()
    guests: list[Guest] = []
    for name, priority in (("one", 0), ("two", 0), ("urgent", 5), ("three", 0), ("whenever", -5)):
        guests.append(Guest(place(places, "a", priority=priority), lambda name=name: order.append(name)))
        guests[-1].leave()
        await settle()
    first.leave()
    await asyncio.gather(first.task, *(guest.task for guest in guests))
    assert order == ["urgent", "one", "two", "three", "whenever"]


async def test_a_full_queue_refuses_at_once_and_says_when_to_come_back() -> None:
    places = Places(Queue(size=2), time.monotonic)
    guests = [Guest(place(places, "a")) for _ in range(3)]
    await settle()
    failure = await refusal(place(places, "a"))
    assert (failure.kind, failure.code, failure.retry_after) == (
        FailureKind.RATE_LIMIT,
        "concurrency_limit",
        3.0,
    )
    assert failure.message == "'a' serves at most 1 at once, and 2 more wait already. Try again in 3 s."
    for guest in guests:
        guest.task.cancel()
    await asyncio.gather(*(guest.task for guest in guests), return_exceptions=True)
    assert (places.in_use(), places.waiting()) == (0, 0)


async def test_without_a_queue_nobody_waits() -> None:
    places = Places(Queue(size=0), time.monotonic)
    async with place(places, "a"):
        failure = await refusal(place(places, "a"))
    assert failure.message == "'a' serves at most 1 at once, and no more may wait. Try again in 1 s."


async def test_the_longest_wait_of_the_queue_ends_waiting() -> None:
    places = Places(Queue(timeout=0.02), time.monotonic)
    async with place(places, "a"):
        began = time.monotonic()
        failure = await refusal(place(places, "a"))
        assert 0.01 < time.monotonic() - began < 5
        assert failure.code == "concurrency_limit"
        assert "none has ended within 1 s" in failure.message
        assert places.waiting() == 0
    assert places.in_use() == 0


async def test_the_time_of_the_request_ends_waiting_too() -> None:
    places = Places(Queue(), time.monotonic)
    async with place(places, "a"):
        await refusal(place(places, "a", until=time.monotonic() + 0.02))
        await refusal(place(places, "a", until=time.monotonic() - 1))
    assert (places.in_use(), places.waiting()) == (0, 0)


async def test_when_to_come_back_follows_from_how_long_places_are_held_and_how_many_wait() -> None:
    clock = Clock()
    places = Places(Queue(size=3), clock)
    for _ in range(5):
        async with place(places, "a", most=2):
            clock.move(4.2)
    guests = [Guest(place(places, "a", most=2)) for _ in range(5)]
    await settle()
    failure = await refusal(place(places, "a", most=2))
    # three wait before it, two are served at a time, each for 4.2 s
    assert failure.retry_after == 9.0
    for guest in guests:
        guest.task.cancel()
    await asyncio.gather(*(guest.task for guest in guests), return_exceptions=True)


async def test_a_place_handed_over_in_the_moment_of_cancelling_goes_to_the_next() -> None:
    places = Places(Queue(), time.monotonic)
    holder, second, third = (Guest(place(places, "a")) for _ in range(3))
    await settle()
    holder.leave()
    await asyncio.sleep(0)
    assert holder.task.done()
    # the place is the second one's now, but it has not run since
    assert not second.inside
    second.task.cancel()
    await settle()
    assert second.task.cancelled()
    assert third.inside
    third.leave()
    await third.task
    assert (places.in_use(), places.waiting()) == (0, 0)


async def test_a_waiting_one_that_is_being_cancelled_gets_no_place() -> None:
    places = Places(Queue(), time.monotonic)
    holder, second, third = (Guest(place(places, "a")) for _ in range(3))
    await settle()
    # in this order the place is given back before the second one hears of its end
    holder.leave()
    second.task.cancel()
    await holder.task
    await settle()
    assert second.task.cancelled()
    assert third.inside
    third.leave()
    await third.task
    assert (places.in_use(), places.waiting()) == (0, 0)


async def test_one_that_stops_waiting_makes_room_in_the_queue_at_once() -> None:
    places = Places(Queue(size=1), time.monotonic)
    holder, waiting = (Guest(place(places, "a")) for _ in range(2))
    await settle()
    waiting.task.cancel()
    await settle()
    assert places.waiting() == 0
    waiting = Guest(place(places, "a"))
    await settle()
    assert places.waiting() == 1
    holder.leave()
    waiting.leave()
    await waiting.task
    assert (places.in_use(), places.waiting()) == (0, 0)


async def test_nobody_holds_one_place_while_waiting_for_another() -> None:
    places = Places(Queue(), time.monotonic)
    holder, both = Guest(place(places, "b")), Guest(place(places, "a", "b"))
    await settle()
    async with place(places, "a"):
        assert not both.inside
    await settle()
    assert not both.inside
    holder.leave()
    await settle()
    assert both.inside
    assert not places.has_room("a", 1)
    both.leave()
    await both.task
    assert places.has_room("a", 1)
    assert places.in_use() == 0


async def test_two_that_need_the_same_two_in_another_order_do_not_block_each_other() -> None:
    places = Places(Queue(), time.monotonic)
    holders = [Guest(place(places, key)) for key in "ab"]
    await settle()
    crossing = [Guest(place(places, *keys)) for keys in ("ab", "ba", "ab", "ba")]
    await settle()
    for guest in (*holders, *crossing):
        guest.leave()
    await asyncio.wait_for(asyncio.gather(*(guest.task for guest in crossing)), 5)
    assert (places.in_use(), places.waiting()) == (0, 0)


async def test_one_that_waits_elsewhere_does_not_stand_in_the_way() -> None:
    places = Places(Queue(), time.monotonic)
    on_a, on_b = Guest(place(places, "a")), Guest(place(places, "b"))
    await settle()
    both, only_a = Guest(place(places, "a", "b")), Guest(place(places, "a"))
    await settle()
    on_a.leave()
    await settle()
    assert (both.inside, only_a.inside) == (False, True)
    only_a.leave()
    on_b.leave()
    await settle()
    assert both.inside
    both.leave()
    await both.task
    assert places.in_use() == 0


async def test_the_queue_of_each_limit_is_bounded_wherever_its_requests_are_parked() -> None:
    places = Places(Queue(size=2), time.monotonic)
    holder = Guest(place(places, "b"))
    await settle()
    waiting = [Guest(place(places, "a", "b")) for _ in range(2)]
    await settle()
    async with place(places, "a"):
        failure = await refusal(place(places, "a"))
    assert failure.code == "concurrency_limit"
    for guest in (holder, *waiting):
        guest.leave()
    await asyncio.gather(*(guest.task for guest in waiting))


async def test_a_higher_limit_after_a_reload_holds_at_once() -> None:
    places = Places(Queue(), time.monotonic)
    async with place(places, "a", most=1), place(places, "a", most=2):
        assert places.in_use() == 2


async def test_limits_that_nobody_uses_are_forgotten() -> None:
    places = Places(Queue(), time.monotonic)
    async with place(places, "a"), place(places, "b"):
        places.tidy()
        assert places.in_use() == 2
        assert not places.has_room("a", 1)
    places.tidy()
    assert places.has_room("a", 1)


async def test_those_who_wait_are_counted_by_what_they_wait_for() -> None:
    places = Places(Queue(), time.monotonic)
    async with place(places, "a"):
        guests = [Guest(place(places, "a")) for _ in range(2)]
        await settle()
        assert places.waiting_by_label()["a",] == 2
    for guest in guests:
        guest.leave()
    await asyncio.gather(*(guest.task for guest in guests))


class Move(NamedTuple):
    """One step of a random story."""

    what: str
    number: int
    keys: str
    priority: int
    hurried: bool


moves = st.builds(
    Move,
    st.sampled_from(["enter", "enter", "enter", "leave", "leave", "cancel", "cancel", "turn", "time"]),
    st.integers(0, 30),
    st.sampled_from(["a", "b", "ab", "ba", "abc", "c"]),
    st.integers(-1, 1),
    st.booleans(),
)
MOST = {"a": 1, "b": 2, "c": 3}


async def told(story: list[Move]) -> None:
    """Play a story; at each of its turns nothing is overbooked and nobody waits for what is free."""
    places, guests = Places(Queue(size=4), time.monotonic), list[Guest]()
    limits = {key: places.need(key, most, key).limit for key, most in MOST.items()}
    for what, number, keys, priority, hurried in story:
        match what:
            case "enter":
                needs = tuple(places.need(key, MOST[key], key) for key in keys)
                until = time.monotonic() + (0.0005 if hurried else 100)
                guests.append(Guest(Place(places, needs, until=until, priority=priority)))
                if not hurried:
                    await asyncio.sleep(0)
            case "leave" | "cancel" if guests:
                guest = guests[number % len(guests)]
                guest.leave() if what == "leave" else guest.task.cancel()
            case "turn":
                await asyncio.sleep(0)
            case _:
                await asyncio.sleep(0.001)
        audit(limits)
    for guest in guests:
        guest.leave()
    ended = await asyncio.wait_for(
        asyncio.gather(*(guest.task for guest in guests), return_exceptions=True), 20
    )
    assert all(one is None or isinstance(one, FailureError | asyncio.CancelledError) for one in ended)
    assert (places.in_use(), places.waiting()) == (0, 0)
    assert all(limit.waiting == 0 for limit in limits.values())


def audit(limits: dict[str, Limit]) -> None:
    for key, limit in limits.items():
        assert 0 <= limit.in_use <= MOST[key]
        assert 0 <= limit.waiting <= 4
        assert not limit.parked or limit.in_use == MOST[key]
        assert limit.parked == sorted(limit.parked, key=lambda entry: entry[:2])


@given(st.lists(moves, max_size=40))
@settings(max_examples=100)
def test_no_place_is_lost_whatever_happens_when(story: list[Move]) -> None:
    asyncio.run(told(story))
