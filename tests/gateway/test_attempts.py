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
from dragoman.gateway.attempt import Attempt
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

Behaviour = Callable[[Attempt, "Scene"], Awaitable[str]]


class Scene:
    """A route to two targets that behave as a test lays out, and who was asked."""

    def __init__(
        self,
        first: Behaviour,
        second: Behaviour,
        *,
        total: float = 60,
        hedge_after: float = 60,
        attempts: int = 4,
    ) -> None:
        self._behaviour = {FIRST: first, SECOND: second}
        retries = Retries(attempts, backoff=0.0)
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
        self.record = Record("req_1", "openai_chat", began=self.loop.time())
        self._attempts = Attempts[str](gateway, self.record, router.resolve("r"), self._ask)

    async def answer(self) -> str:
        return await self._attempts.answer()

    async def _ask(self, target: RouteTarget, begin: Open) -> str:
        async with begin() as attempt:
            await attempt.admit()
            attempt.sent()
            self.asked.append(target.name)
            return await self._behaviour[target.name](attempt, self)


async def limited(_: Attempt, __: Scene) -> str:
    raise FailureError(Failure(FailureKind.RATE_LIMIT, "Not now.", retry_after=5.0))


async def broken(_: Attempt, __: Scene) -> str:
    raise FailureError(Failure(FailureKind.SERVER, "It does not work."))


async def forbidden(_: Attempt, __: Scene) -> str:
    raise FailureError(Failure(FailureKind.UPSTREAM_AUTHENTICATION, "Who are you?"))


async def slow(_: Attempt, __: Scene) -> str:
    await asyncio.sleep(0.1)
    return "slow"


async def begins_and_lasts(attempt: Attempt, _: Scene) -> str:
    await asyncio.sleep(0.04)
    attempt.heard()
    await asyncio.sleep(60)
    return "too late"


async def whole(attempt: Attempt, _: Scene) -> str:
    await asyncio.sleep(0.06)
    attempt.begun()
    return "whole"


async def breaks_off(attempt: Attempt, scene: Scene) -> str:
    """Once, after it has begun; then it takes its time."""
    if scene.asked == [FIRST]:
        attempt.heard()
        raise FailureError(Failure(FailureKind.BAD_GATEWAY, "It broke off."))
    await asyncio.sleep(60)
    return "too late"


async def out_of_time(_: Attempt, scene: Scene) -> str:
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


async def test_of_several_failures_the_client_is_told_one_that_may_pass() -> None:
    """That a reserve is set up wrongly is no reason for a client to give up."""
    for behaviours in ((broken, forbidden), (forbidden, broken)):
        scene = Scene(*behaviours, attempts=2)
        with pytest.raises(FailureError) as caught:
            await scene.answer()
        assert scene.asked == [FIRST, SECOND]
        assert caught.value.failure.kind is FailureKind.SERVER


async def test_an_answer_that_has_begun_and_is_overtaken_has_lost_the_race() -> None:
    scene = Scene(begins_and_lasts, whole, hedge_after=0.01)
    assert await scene.answer() == "whole"
    assert [(one.outcome, one.hedge) for one in scene.record.attempts] == [
        ("lost", False),
        ("answered", True),
    ]


async def test_an_answer_that_broke_off_is_no_reason_to_wait_for_the_next_target_alone() -> None:
    scene = Scene(breaks_off, breaks_off, hedge_after=0.02)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(scene.answer(), 0.1)
    assert sorted(scene.asked) == [FIRST, FIRST, SECOND]
