"""Answers that are kept: what they are kept under, what is kept, and who waits for whom."""

import asyncio

import msgspec
import pytest

from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.coordination.memory import MemoryRecollection
from dragoman.gateway.response_cache import (
    MAX_KEPT,
    NAMESPACE,
    KeptAnswer,
    Lookup,
    Recorded,
    Replay,
    ResponseCache,
    key_of,
    lookup,
)
from dragoman.upstream.transport import UpstreamRequest, UpstreamResponse

pytestmark = pytest.mark.anyio

REQUEST = UpstreamRequest(
    "POST", "https://host/v1/messages", (("x-api-key", "sk-1"), ("anthropic-version", "1")), b'{"a": 1}'
)
WANTED = Lookup("answer:1", ttl=60.0, patience=10.0)
PIECES = [b"data: one\n\n", b"data: two\n\n"]


class Upstream:
    """An answer, piece by piece."""

    def __init__(self, pieces: list[bytes], status: int = 200) -> None:
        self._pieces = [*pieces, b""]
        self.status = status
        self.headers = {"content-type": "text/event-stream", "x-request-id": "up_1"}
        self.connected_at = 1.0
        self.ended = False
        self.closed = False

    async def read(self, limit: int) -> bytes:
        del limit
        return b"".join(self._pieces)

    async def next(self) -> bytes:
        await asyncio.sleep(0)
        return self._pieces.pop(0)

    def close(self) -> None:
        self.closed = True


class Clock:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> ResponseCache:
    return ResponseCache(MemoryRecollection(100), clock)


async def drained(upstream: UpstreamResponse) -> list[bytes]:
    """The pieces of an answer, which has then ended."""
    pieces: list[bytes] = []
    while piece := await upstream.next():
        pieces.append(piece)
    return pieces


async def asked(
    cache: ResponseCache, wanted: Lookup | None = WANTED, pieces: list[bytes] = PIECES, status: int = 200
) -> tuple[str, list[bytes]]:
    """What one request is told, and its answer."""
    async with cache.turn(wanted) as turn:
        if turn.replay is not None:
            return turn.word, await drained(turn.replay)
        (upstream,) = turn.record([Upstream(pieces, status)])
        found = await drained(upstream)
        turn.complete()
        upstream.close()
        return turn.word, found


async def test_an_answer_is_given_again_in_the_pieces_in_which_it_came(cache: ResponseCache) -> None:
    assert await asked(cache) == ("miss", PIECES)
    assert await asked(cache) == ("hit", PIECES)


async def test_a_replay_looks_like_an_upstream_without_the_ids_of_the_first(cache: ResponseCache) -> None:
    await asked(cache)
    async with cache.turn(WANTED) as turn:
        replay = turn.replay
    assert replay is not None
    assert (replay.status, replay.headers) == (200, {"content-type": "text/event-stream"})
    assert await replay.read(1000) == b"".join(PIECES)
    assert [await replay.next(), await replay.next()] == [b"", b""]
    replay.close()
    replay.close()
    with pytest.raises(FailureError):
        await replay.next()


async def test_a_replay_has_no_more_bytes_than_are_wanted() -> None:
    with pytest.raises(FailureError):
        await Replay(KeptAnswer(0.0, "", [b"12345"])).read(4)


async def test_an_answer_grows_old(cache: ResponseCache, clock: Clock) -> None:
    await asked(cache)
    clock.now += 59.9
    assert (await asked(cache))[0] == "hit"
    clock.now += 0.2
    assert (await asked(cache))[0] == "miss"


async def test_a_route_with_a_shorter_time_takes_no_older_answer(cache: ResponseCache, clock: Clock) -> None:
    await asked(cache)
    clock.now += 10
    assert (await asked(cache, Lookup("answer:1", ttl=5.0, patience=10.0)))[0] == "miss"


async def test_without_a_lookup_nothing_is_told_and_nothing_kept(cache: ResponseCache) -> None:
    assert [(await asked(cache, None))[0] for _ in range(2)] == ["", ""]


async def test_what_lacks_its_end_is_not_kept(cache: ResponseCache) -> None:
    async with cache.turn(WANTED) as turn:
        (upstream,) = turn.record([Upstream(PIECES)])
        await upstream.next()
        upstream.close()
        turn.complete()
    assert (await asked(cache))[0] == "miss"


async def test_what_has_said_the_end_of_its_format_is_kept(cache: ResponseCache) -> None:
    async with cache.turn(WANTED) as turn:
        (upstream,) = turn.record([Upstream(PIECES)])
        pieces = [await upstream.next(), await upstream.next()]
        turn.complete()
        upstream.close()
    assert await asked(cache) == ("hit", pieces)


async def test_what_was_not_found_to_be_good_is_not_kept(cache: ResponseCache) -> None:
    async with cache.turn(WANTED) as turn:
        (upstream,) = turn.record([Upstream(PIECES)])
        await drained(upstream)
    assert (await asked(cache))[0] == "miss"


@pytest.mark.parametrize("status", [201, 204, 206])
async def test_only_plain_success_is_kept(cache: ResponseCache, status: int) -> None:
    async with cache.turn(WANTED) as turn:
        upstream = Upstream(PIECES, status)
        assert turn.record([upstream]) == [upstream]
        turn.complete()
    assert (await asked(cache))[0] == "miss"


async def test_several_answers_are_not_kept(cache: ResponseCache) -> None:
    async with cache.turn(WANTED) as turn:
        several: list[UpstreamResponse] = [Upstream(PIECES), Upstream(PIECES)]
        assert turn.record(several) == several
        turn.complete()
    assert (await asked(cache))[0] == "miss"


async def test_the_largest_answer_is_kept_and_a_larger_one_is_not(cache: ResponseCache) -> None:
    largest = [b"x" * (MAX_KEPT - 1), b"y"]
    assert await asked(cache, pieces=largest) == ("miss", largest)
    assert (await asked(cache))[0] == "hit"
    other = Lookup("answer:2", ttl=60.0, patience=10.0)
    larger = [*largest, b"z"]
    assert await asked(cache, other, larger) == ("miss", larger)
    assert (await asked(cache, other))[0] == "miss"


async def test_of_an_answer_that_is_too_large_nothing_is_remembered() -> None:
    recorded = Recorded(Upstream([b"x" * MAX_KEPT, b"y", b"z"]))
    await drained(recorded)
    assert recorded.pieces == []


async def test_what_is_in_the_memory_and_no_answer_is_none(clock: Clock) -> None:
    memory = MemoryRecollection(100)
    await memory.put_many({"answer:1": b"\xff\xff not ours"}, 60)
    assert (await asked(ResponseCache(memory, clock)))[0] == "miss"


async def test_an_answer_from_the_future_is_none(cache: ResponseCache, clock: Clock) -> None:
    await asked(cache)
    clock.now -= 3600
    assert (await asked(cache))[0] == "miss"


async def test_who_wants_a_new_answer_gets_one_and_keeps_it(cache: ResponseCache) -> None:
    await asked(cache)
    fresh = Lookup("answer:1", ttl=60.0, patience=10.0, reads=False, joins=False)
    assert await asked(cache, fresh, [b"new"]) == ("miss", [b"new"])
    assert await asked(cache) == ("hit", [b"new"])


# requests that come at the same time


class Leader:
    """A request that is on its way until it is told how it ends."""

    def __init__(self, cache: ResponseCache, wanted: Lookup = WANTED) -> None:
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.task = asyncio.ensure_future(self._run(cache, wanted))

    async def _run(self, cache: ResponseCache, wanted: Lookup) -> None:
        async with cache.turn(wanted) as turn:
            assert turn.replay is None
            (upstream,) = turn.record([Upstream(PIECES)])
            await drained(upstream)
            await self._end
            turn.complete()

    async def started(self) -> "Leader":
        for _ in range(20):
            await asyncio.sleep(0)
        return self

    def succeed(self) -> None:
        self._end.set_result(None)

    def fail(self, kind: FailureKind) -> None:
        self._end.set_exception(FailureError(Failure(kind, "no")))


Asking = asyncio.Task[tuple[str, list[bytes]]]


def followers(cache: ResponseCache, count: int, wanted: Lookup = WANTED) -> list[Asking]:
    return [asyncio.ensure_future(asked(cache, wanted)) for _ in range(count)]


async def words(tasks: list[Asking]) -> list[str]:
    async with asyncio.timeout(5):
        return sorted(word for word, _ in await asyncio.gather(*tasks))


async def test_the_others_wait_and_get_the_answer_of_the_first(cache: ResponseCache) -> None:
    leader = await Leader(cache).started()
    others = followers(cache, 5)
    await leader.started()
    assert not any(one.done() for one in others)
    leader.succeed()
    assert await words(others) == ["hit"] * 5


async def test_the_others_get_it_even_if_the_memory_keeps_nothing(clock: Clock) -> None:
    cache = ResponseCache(MemoryRecollection(0), clock)
    leader = await Leader(cache).started()
    others = followers(cache, 3)
    await leader.started()
    leader.succeed()
    assert await words(others) == ["hit"] * 3


@pytest.mark.parametrize("how", ["cancelled", "failed"])
async def test_if_the_first_breaks_off_one_of_the_others_goes_next(cache: ResponseCache, how: str) -> None:
    leader = await Leader(cache).started()
    others = followers(cache, 4)
    await leader.started()
    if how == "cancelled":
        leader.task.cancel()
    else:
        leader.fail(FailureKind.OVERLOADED)
    assert await words(others) == ["hit"] * 3 + ["miss"]
    assert leader.task.cancelled() or leader.task.exception() is not None


async def test_a_refusal_that_will_not_pass_lets_all_of_them_go(cache: ResponseCache) -> None:
    leader = await Leader(cache).started()
    others = followers(cache, 4)
    await leader.started()
    leader.fail(FailureKind.INVALID_REQUEST)
    assert await words(others) == ["miss"] * 4
    assert leader.task.exception() is not None


async def test_who_waits_and_leaves_disturbs_nobody(cache: ResponseCache) -> None:
    leader = await Leader(cache).started()
    leaver, *others = followers(cache, 3)
    await leader.started()
    leaver.cancel()
    await leader.started()
    assert not leader.task.done()
    leader.succeed()
    assert await words(others) == ["hit"] * 2


async def test_who_has_waited_long_enough_goes_alone(cache: ResponseCache) -> None:
    leader = await Leader(cache).started()
    hasty = followers(cache, 1, Lookup("answer:1", ttl=60.0, patience=0.05))
    assert await words(hasty) == ["miss"]
    leader.succeed()
    await leader.task


async def test_a_second_attempt_of_the_same_request_does_not_wait_for_the_first(cache: ResponseCache) -> None:
    leader = await Leader(cache).started()
    hedge = followers(cache, 1, Lookup("answer:1", ttl=60.0, patience=10.0, joins=False))
    assert await words(hedge) == ["miss"]
    leader.succeed()
    await leader.task


async def test_requests_that_differ_do_not_wait_for_each_other(cache: ResponseCache) -> None:
    leader = await Leader(cache).started()
    other = followers(cache, 1, Lookup("answer:2", ttl=60.0, patience=10.0))
    assert await words(other) == ["miss"]
    leader.succeed()
    await leader.task


# what stands for a request


def changed(**fields: object) -> str:
    return key_of(msgspec.structs.replace(REQUEST, **fields), "x-api-key", "anthropic")


def test_the_key_that_is_presented_makes_no_difference() -> None:
    headers = (("anthropic-version", "1"), ("x-api-key", "sk-2"))
    assert changed(headers=headers) == changed()
    assert changed().startswith(NAMESPACE)


@pytest.mark.parametrize(
    "fields",
    [
        {"url": "https://host/v1/messages?beta=true"},
        {"url": "https://other/v1/messages"},
        {"body": b'{"a": 2}'},
        {"body": b'{"a":1}'},
        {"headers": (*REQUEST.headers, ("anthropic-beta", "x"))},
        {"headers": (("x-api-key", "sk-1"), ("anthropic-version", "2"))},
        {"headers": (("x-api-key", "sk-1"), ("anthropic-versio", "n1"))},
    ],
)
def test_everything_else_makes_a_difference(fields: dict[str, object]) -> None:
    assert changed(**fields) != changed()


def test_providers_do_not_share_answers() -> None:
    assert key_of(REQUEST, "x-api-key", "a") != key_of(REQUEST, "x-api-key", "b")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, (True, True)),
        (b"max-age=0", (True, True)),
        (b"no-cache", (False, False)),
        (b"max-age=0, No-Cache", (False, False)),
        (b"no-store", None),
        (b"no-cache,no-store", None),
    ],
)
def test_clients_say_whether_an_answer_that_was_kept_will_do(
    value: bytes | None, expected: tuple[bool, bool] | None
) -> None:
    headers = [] if value is None else [(b"cache-control", value)]
    found = lookup(REQUEST, "x-api-key", "anthropic", ttl=60, patience=5, headers=headers)
    assert expected == (None if found is None else (found.reads, found.joins))


def test_without_a_time_nothing_is_looked_for() -> None:
    assert lookup(REQUEST, "x-api-key", "anthropic", ttl=0, patience=5, headers=[]) is None
