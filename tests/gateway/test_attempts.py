"""Who is asked next, as long as there are tries and time, and who is left alone."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.gateway.ends import Road

from dragoman.access.keys import KeyRing
from dragoman.config.settings import Retries, RouteSettings, Timeouts
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.coordination.memory import MemoryRecollection
from dragoman.dialects.registry import DIALECTS
from dragoman.gateway.attempts import Attempts, Open
from dragoman.gateway.gateway import Gateway
from dragoman.gateway.record import Record
from dragoman.providers.provider import Provider
from dragoman.routing.route import RouteTarget
from dragoman.routing.router import Router
from dragoman.store.memory_responses import MemoryResponses

pytestmark = pytest.mark.anyio

PROVIDERS = {"host": Provider("host", ("openai_chat",), "http://host/v1", "sk-host")}
FIRST, SECOND = "host/first", "host/second"

Behaviour = Callable[["Scene"], Awaitable[str]]


class Scene:
    """A route to two targets that behave as a test lays out, and who was asked."""

    def __init__(self, first: Behaviour, second: Behaviour, *, total: float = 60, hedge_after: float = 60):
        self._behaviour = {FIRST: first, SECOND: second}
        retries = Retries(attempts=4, backoff=0.0)
        route = RouteSettings((FIRST, SECOND), hedge_after=hedge_after, hedge_share=1.0)
        router = Router(PROVIDERS, {"r": route}, timeouts=Timeouts(total=total), retries=retries)
        gateway = Gateway(
            keys=KeyRing.of([]),
            router=router,
            providers=PROVIDERS,
            dialects=DIALECTS,
            http=Road(),
            embedded=Road(),
            timeouts=Timeouts(),
            retries=retries,
            journal=lambda _: None,
            now=lambda: 1.0,
            kept_responses=MemoryResponses(),
            signatures=MemoryRecollection(max_entries=100),
        )
        self.asked: list[str] = []
        self.loop = asyncio.get_running_loop()
        self.end = self.loop.time() + total
        record = Record("req_1", "openai_chat", began=self.loop.time())
        self._attempts = Attempts[str](gateway, record, router.resolve("r"), self._ask)

    async def answer(self) -> str:
        return await self._attempts.answer()

    async def _ask(self, target: RouteTarget, begin: Open) -> str:
        async with begin() as attempt:
            await attempt.admit()
            attempt.sent()
            self.asked.append(target.name)
            return await self._behaviour[target.name](self)


async def limited(_: Scene) -> str:
    raise FailureError(Failure(FailureKind.RATE_LIMIT, "Not now.", retry_after=5.0))


async def slow(_: Scene) -> str:
    await asyncio.sleep(0.1)
    return "slow"


async def out_of_time(scene: Scene) -> str:
    """A timer of event loops that count in milliseconds rings before its time."""
    await asyncio.sleep(scene.end - 0.002 - scene.loop.time())
    raise FailureError(Failure(FailureKind.TIMEOUT, "Too late."))


async def test_a_target_that_asked_to_be_left_alone_is_no_second_one_either() -> None:
    scene = Scene(limited, slow, hedge_after=0.01)
    assert await scene.answer() == "slow"
    assert scene.asked == [FIRST, SECOND]


async def test_in_the_last_milliseconds_nobody_is_asked_who_could_only_fail() -> None:
    scene = Scene(out_of_time, slow, total=0.1)
    with pytest.raises(FailureError, match="Too late"):
        await scene.answer()
    assert scene.asked == [FIRST]


async def test_a_request_whose_time_is_over_before_anybody_is_asked_is_not_called_wrong() -> None:
    scene = Scene(slow, slow, total=0.001)
    await asyncio.sleep(0.002)
    with pytest.raises(FailureError) as caught:
        await scene.answer()
    assert caught.value.failure.kind is FailureKind.TIMEOUT
    assert "0.001 s (timeouts.total)" in caught.value.failure.message
    assert scene.asked == []
