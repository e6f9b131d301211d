"""What is set aside for an attempt is paid or given back, and what its upstream bills is noted, however it
ends.
"""

import asyncio
import json
from collections.abc import Sequence

import pytest
from tests.gateway.ends import BROKEN, Reader, Upstream
from tests.gateway.test_exchange import JSON, OPENAI_ANSWER, Service

from dragoman.access.holder import Budget, Holder, Limit
from dragoman.access.key_info import KeyInfo
from dragoman.coordination.memory_meters import MemoryMeters
from dragoman.coordination.meters import Draw, Drawn, Slot
from dragoman.dialects import openai_responses
from dragoman.dialects.dialect import Dialect, Location
from dragoman.dialects.registry import SPOKEN
from dragoman.gateway.admission import Allowances
from dragoman.gateway.call import Call
from dragoman.gateway.embeddings import embed
from dragoman.gateway.exchange import exchange
from dragoman.providers.provider import Provider
from dragoman.routing.router import Router

pytestmark = pytest.mark.anyio

DOLLAR = 1_000_000_000
HELD = Holder("key", "k", "k", (Limit("tokens", 1_000_000, 60),), (Budget(DOLLAR, "total"),))
KEY = KeyInfo("k", "k", holders=(HELD,))
BUSY = b'{"error": {"message": "busy", "type": "overloaded_error"}}'


class FarMeters:
    """Meters that are not here: what is given back takes a moment."""

    degraded = False

    def __init__(self) -> None:
        self._meters = MemoryMeters(lambda: 0.0)
        self.giving_back = asyncio.Event()
        self.slow = True

    async def draw(self, draws: Sequence[Draw], /) -> Drawn:
        return await self._meters.draw(draws)

    def draw_now(self, draws: Sequence[Draw], /) -> Drawn | None:
        return self._meters.draw_now(draws)

    def put_back_now(self, _draws: Sequence[Draw], /) -> bool:
        return False

    def enter_now(self, slots: Sequence[Slot], /) -> bool:
        return self._meters.enter_now(slots)

    def leave_now(self, slots: Sequence[Slot], /) -> bool:
        return self._meters.leave_now(slots)

    async def put_back(self, draws: Sequence[Draw], /) -> None:
        await self._meters.put_back(draws)
        self.giving_back.set()
        if self.slow:
            await asyncio.Event().wait()

    async def enter(self, slots: Sequence[Slot], /) -> int | None:
        return await self._meters.enter(slots)

    async def leave(self, slots: Sequence[Slot], /) -> None:
        await self._meters.leave(slots)

    async def in_use(self, name: str, /) -> int:
        return await self._meters.in_use(name)

    async def close(self) -> None:
        await self._meters.close()


def held(service: Service, meters: FarMeters) -> Allowances:
    known = service.gateway.allowances
    service.gateway.allowances = Allowances(meters, known.purse, {}, known.traffic, 1.0)
    return service.gateway.allowances


def call(body: dict[str, object], dialect: Dialect = SPOKEN["openai_chat"]) -> Call:
    return Call(dialect, Location(), json.dumps(body).encode(), [], KEY, "req_1")


def chat(**more: object) -> Call:
    asked = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "x"}], "max_tokens": 20}
    return call({**asked, **more})


async def test_who_is_cancelled_while_a_limit_is_told_has_noted_what_is_paid() -> None:
    service, client = Service(Upstream(OPENAI_ANSWER, headers=JSON)), Reader()
    meters = FarMeters()
    purse = held(service, meters).purse
    task = asyncio.ensure_future(exchange(service.gateway, chat(), client))
    await meters.giving_back.wait()
    client.left = True
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert purse.held()[1] == 0
    (attempt,) = service.record.attempts
    assert attempt.cost
    assert sum(charge.amount for charge in attempt.charges) == attempt.cost
    assert service.book.entries[-1].charges == attempt.charges


async def test_of_copies_of_which_one_is_refused_those_are_billed_that_had_begun() -> None:
    accepted, refusing = Upstream(), Upstream(BUSY, status=529)
    service = Service(accepted, refusing, attempts=1)
    service.road.delays.extend((0, 0.01))
    await exchange(service.gateway, chat(model="anthropic/claude-sonnet-4-5", n=2), Reader())
    one = Service(Upstream(BROKEN, headers=JSON), attempts=1)
    await exchange(one.gateway, chat(model="anthropic/claude-sonnet-4-5"), Reader())
    (attempt,), (alone,) = service.record.attempts, one.record.attempts
    assert attempt.estimated
    assert attempt.cost == alone.cost
    assert attempt.cost


async def test_copies_that_are_all_refused_cost_nothing() -> None:
    service = Service(Upstream(BUSY, status=529), Upstream(BUSY, status=529), attempts=1)
    await exchange(service.gateway, chat(model="anthropic/claude-sonnet-4-5", n=2), Reader())
    (attempt,) = service.record.attempts
    assert (attempt.usage, attempt.cost, attempt.charges) == (None, None, ())


@pytest.mark.parametrize(
    "upstream",
    [Upstream(BROKEN, headers=JSON), Upstream(b'{"data": [', BROKEN, headers=JSON)],
    ids=["at its beginning", "in the middle"],
)
async def test_embeddings_that_break_off_are_billed_as_estimated(upstream: Upstream) -> None:
    service = Service(upstream, attempts=1)
    body: dict[str, object] = {"model": "openai/text-embedding-3-small", "input": ["one two three", "four"]}
    await embed(service.gateway, call(body), Reader())
    (attempt,) = service.record.attempts
    assert attempt.estimated
    assert attempt.usage is not None
    assert (attempt.usage.input or 0) >= 4
    assert attempt.cost


async def test_what_a_key_with_a_budget_asks_for_in_the_background_is_refused() -> None:
    service, client = Service(), Reader()
    spoken = {"openai": Provider("openai", ("openai_responses",), "http://o/v1", "sk-openai")}
    service.gateway.router = Router(spoken, {})
    body: dict[str, object] = {"model": "openai/gpt-4o", "input": "x", "background": True}
    await exchange(service.gateway, call(body, openai_responses.DIALECT), client)
    assert client.status == 400
    assert b"background" in client.body
    assert service.road.sent == []


async def test_an_exchange_that_ends_in_a_bug_is_noted_as_such() -> None:
    service = Service()  # no upstream is laid out: what is asked for is not there
    with pytest.raises(IndexError):
        await exchange(service.gateway, chat(), Reader())
    (entry,) = service.book.entries
    assert (entry.status, entry.failure) == (500, "server")
