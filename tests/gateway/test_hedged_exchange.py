"""An exchange that asks two targets at once answers with one of them, and notes what both have cost."""

import asyncio
from decimal import Decimal

import pytest
from tests.gateway.ends import BROKEN, SILENCE, Reader, Upstream
from tests.gateway.test_exchange import EVENTS, JSON, OPENAI_ANSWER, OPENAI_STREAM, PROVIDERS, Service

from dragoman.config.bookkeeping import Ledger
from dragoman.config.settings import Retries, RouteSettings
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.gateway.record import AttemptRecord
from dragoman.ledger.pricing import Pricing
from dragoman.models.price import Price
from dragoman.models.prices import Prices
from dragoman.routing.router import Router

pytestmark = pytest.mark.anyio

HEDGED = RouteSettings(
    ("openai/gpt-4o", "openai/gpt-4.1"), affinity=0, hedge_after=0.02, hedge_share=1.0, attempts=3
)
OTHER_ANSWER = OPENAI_ANSWER.replace(b'"hi"', b'"no"')
OTHER_STREAM = OPENAI_STREAM.replace(b'"hi"', b'"no"')


ONE_DOLLAR = Price(input=Decimal(1), output=Decimal(1))
"""For a million tokens, wherever they go."""


class Hedged:
    """A service whose one route asks a second target after a moment."""

    def __init__(self, *upstreams: Upstream | FailureError, delays: tuple[float, ...] = ()) -> None:
        self.service = Service(*upstreams)
        self.road = self.service.road
        self.road.delays.extend(delays)
        self.service.gateway.pricing = Pricing(Prices({"*": ONE_DOLLAR}), Ledger())
        self.service.gateway.router = Router(PROVIDERS, {"best": HEDGED}, retries=Retries(3, backoff=0.001))
        self.client = Reader()

    async def serve(self, *, stream: bool) -> None:
        await self.service.serve(self.client, "best", stream=stream)

    def attempts(self) -> dict[bool, AttemptRecord]:
        """The attempts, by whether they were the second one."""
        return {attempt.hedge: attempt for attempt in self.service.record.attempts}


def answering(*, stream: bool, other: bool = False) -> Upstream:
    if stream:
        return Upstream(OTHER_STREAM if other else OPENAI_STREAM, headers=EVENTS)
    return Upstream(OTHER_ANSWER if other else OPENAI_ANSWER, headers=JSON)


def expected(*, stream: bool) -> bytes:
    return OPENAI_STREAM if stream else OPENAI_ANSWER


STREAM = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@STREAM
async def test_the_second_answers_for_a_silent_first(stream: bool) -> None:
    silent = Upstream(SILENCE, headers=EVENTS if stream else JSON)
    scene = Hedged(silent, answering(stream=stream))
    await scene.serve(stream=stream)
    assert (scene.client.status, scene.client.body) == (200, expected(stream=stream))
    assert scene.client.headers["x-dragoman-route"] == "openai/gpt-4.1;attempts=2"
    assert silent.closed
    record, attempts = scene.service.record, scene.attempts()
    assert record.answered is attempts[True]
    assert record.failure is None
    assert (attempts[False].outcome, attempts[True].outcome) == ("lost", "answered")
    noted = scene.service.book.entries[-1]
    assert [one.outcome for one in noted.attempts] == ["lost", "answered"]
    assert attempts[False].estimated
    assert record.cost == 1000 * sum(one.usage.total for one in record.attempts if one.usage is not None) > 0
    assert all(one.cost for one in record.attempts)
    assert record.stops != ()


@STREAM
async def test_a_loser_whose_answer_comes_late_says_nothing(stream: bool) -> None:
    """Its head is on its way when the other begins."""
    late = answering(stream=stream, other=True)
    scene = Hedged(late, answering(stream=stream), delays=(0.05,))
    await scene.serve(stream=stream)
    await asyncio.sleep(0.06)
    assert scene.client.body == expected(stream=stream)
    assert scene.attempts()[False].outcome == "lost"
    assert scene.service.record.answered is scene.attempts()[True]


@STREAM
async def test_a_first_that_begins_after_all_is_the_answer(stream: bool) -> None:
    second = Upstream(SILENCE, headers=EVENTS if stream else JSON)
    scene = Hedged(answering(stream=stream), second, delays=(0.08,))
    await scene.serve(stream=stream)
    assert scene.client.body == expected(stream=stream)
    assert scene.client.headers["x-dragoman-route"] == "openai/gpt-4o;attempts=2"
    assert second.closed
    assert scene.attempts()[True].outcome == "lost"
    assert scene.service.record.answered is scene.attempts()[False]


@STREAM
async def test_a_second_that_fails_leaves_no_trace_in_the_answer(stream: bool) -> None:
    busy = FailureError(Failure(FailureKind.OVERLOADED, "Busy.", status=503))
    scene = Hedged(answering(stream=stream), busy, delays=(0.08,))
    await scene.serve(stream=stream)
    assert scene.client.body == expected(stream=stream)
    record = scene.service.record
    assert (record.failure, scene.attempts()[True].outcome) == (None, "failed")
    assert record.answered is scene.attempts()[False]


async def test_a_winner_that_breaks_off_is_told_and_nobody_else_takes_over() -> None:
    beginning = (
        b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"gpt-4o",'
        b'"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
    )
    silent = Upstream(SILENCE, headers=EVENTS)
    scene = Hedged(silent, Upstream(beginning, BROKEN, headers=EVENTS), answering(stream=True, other=True))
    await scene.serve(stream=True)
    assert scene.client.body.startswith(beginning)
    assert b'"error"' in scene.client.body
    assert b'"no"' not in scene.client.body
    assert len(scene.road.sent) == 2
    assert scene.service.record.failure is not None
    assert scene.attempts()[False].outcome == "lost"


async def test_a_whole_answer_that_breaks_off_leaves_the_other_running() -> None:
    """Whole answers race to their end."""
    broken = Upstream(OTHER_ANSWER[:50], BROKEN, headers=JSON)
    scene = Hedged(answering(stream=False), broken, delays=(0.15,))
    await scene.serve(stream=False)
    assert scene.client.body == OPENAI_ANSWER
    assert scene.client.headers["x-dragoman-route"] == "openai/gpt-4o;attempts=2"
    assert (scene.attempts()[False].outcome, scene.attempts()[True].outcome) == ("answered", "failed")


@STREAM
async def test_a_client_that_leaves_ends_both(stream: bool) -> None:
    silent = [Upstream(SILENCE, headers=EVENTS if stream else JSON) for _ in range(2)]
    scene = Hedged(*silent)
    task = asyncio.ensure_future(scene.serve(stream=stream))
    while len(scene.road.sent) < 2:  # noqa: ASYNC110 - the road has no event
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.005)
    scene.client.left = True
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [upstream.closed for upstream in silent] == [True, True]
    record = scene.service.record
    assert [attempt.outcome for attempt in record.attempts] == ["abandoned", "abandoned"]
    assert [attempt.estimated for attempt in record.attempts] == [True, True]
    assert record.client_left
    traffic = scene.service.gateway.traffic
    assert [one.in_flight for one in traffic.targets()] == [0, 0]
