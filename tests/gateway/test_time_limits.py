"""An upstream gets so much time and no more, and only the upstream's time is counted."""

import asyncio

import pytest

from dragoman.config.settings import Timeouts
from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.gateway.time_limits import TimeLimits

pytestmark = pytest.mark.anyio

FOREVER = 3600.0


def limits(*, silence: float = FOREVER, total: float = FOREVER) -> TimeLimits:
    return TimeLimits(Timeouts(silence=silence, total=total), asyncio.get_running_loop().time() + total)


async def test_silence_is_ended_and_named() -> None:
    bounds = limits(silence=0.01)
    with pytest.raises(FailureError) as caught:
        async with bounds:
            await asyncio.sleep(FOREVER)
    assert caught.value.failure.kind is FailureKind.TIMEOUT
    assert "timeouts.silence" in caught.value.failure.message
    assert bounds.expired
    assert not bounds.over


async def test_the_whole_time_is_ended_and_named() -> None:
    bounds = limits(total=0.01)
    with pytest.raises(FailureError) as caught:
        async with bounds:
            await asyncio.sleep(FOREVER)
    assert "timeouts.total" in caught.value.failure.message
    assert bounds.over


async def test_signs_of_life_start_the_silence_anew() -> None:
    async with limits(silence=0.05) as bounds:
        for _ in range(8):
            await asyncio.sleep(0.01)
            bounds.alive()


async def test_signs_of_life_do_not_move_the_end() -> None:
    async def live() -> None:
        async with limits(silence=0.05, total=0.06) as bounds:
            while True:
                await asyncio.sleep(0.005)
                bounds.alive()

    with pytest.raises(FailureError, match=r"timeouts\.total"):
        await live()


async def test_waiting_for_the_client_is_no_silence_of_the_upstream() -> None:
    async with limits(silence=0.01) as bounds:
        bounds.pause()
        await asyncio.sleep(0.05)
        bounds.alive()


async def test_waiting_for_the_client_counts_for_the_whole() -> None:
    async def wait() -> None:
        async with limits(silence=0.01, total=0.03) as bounds:
            bounds.pause()
            await asyncio.sleep(FOREVER)

    with pytest.raises(FailureError, match=r"timeouts\.total"):
        await wait()


async def test_what_the_upstream_has_finished_is_not_bounded() -> None:
    async with limits(silence=0.01, total=0.02) as bounds:
        bounds.lift()
        await asyncio.sleep(0.05)


async def test_a_cancellation_from_elsewhere_is_none_of_ours() -> None:
    async def wait() -> None:
        async with limits():
            await asyncio.sleep(FOREVER)

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
