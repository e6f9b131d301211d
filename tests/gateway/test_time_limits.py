"""An upstream gets so much time and no more, and only the upstream's time is counted."""

import asyncio
import math
import time

import pytest

from dragoman.config.settings import Timeouts
from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.gateway import time_limits
from dragoman.gateway.time_limits import TimeLimits, Watch

pytestmark = pytest.mark.anyio

FOREVER = 3600.0


def limits(*, first: float = FOREVER, between: float = FOREVER, total: float = FOREVER) -> TimeLimits:
    timeouts = Timeouts(first_event=first, between_events=between, total=total)
    loop = asyncio.get_running_loop()
    return TimeLimits(timeouts, loop.time() + total, Watch(loop))


async def waited(bounds: TimeLimits, *, begun: bool) -> None:
    """Wait for ever for an upstream that has been asked, and has or has not begun to answer."""
    with bounds:
        bounds.sent()
        if begun:
            bounds.alive()
        await asyncio.sleep(FOREVER)


async def test_an_upstream_that_does_not_begin_is_ended_and_the_limit_named() -> None:
    bounds = limits(first=0.01)
    with pytest.raises(FailureError) as caught:
        await waited(bounds, begun=False)
    assert caught.value.failure.kind is FailureKind.TIMEOUT
    assert "timeouts.first_event" in caught.value.failure.message
    assert bounds.expired
    assert not bounds.over


async def test_an_upstream_that_goes_silent_is_ended_and_the_limit_named() -> None:
    bounds = limits(first=0.05, between=0.01)
    with pytest.raises(FailureError, match=r"timeouts\.between_events"):
        await waited(bounds, begun=True)
    assert bounds.expired
    assert not bounds.over


async def test_the_upstream_is_not_waited_for_before_the_request_goes_out() -> None:
    with limits(first=0.01, between=0.01):
        await asyncio.sleep(0.05)


async def test_a_pause_stops_the_clock_and_does_not_wind_it_back() -> None:
    async def wait() -> None:
        with limits(first=0.05) as bounds:
            bounds.sent()
            for _ in range(10):
                await asyncio.sleep(0.01)
                bounds.pause()
                await asyncio.sleep(0.02)
                bounds.resume()

    began = asyncio.get_running_loop().time()
    with pytest.raises(FailureError, match=r"timeouts\.first_event"):
        await wait()
    assert asyncio.get_running_loop().time() - began > 0.1


async def test_a_longer_limit_after_a_shorter_one_counts_from_its_own_beginning() -> None:
    with limits(first=0.02, between=0.2) as bounds:
        bounds.sent()
        bounds.alive()
        await asyncio.sleep(0.1)


async def test_a_shorter_limit_after_a_longer_one_rings_in_time() -> None:
    async def wait() -> None:
        with limits(first=FOREVER, between=0.01) as bounds:
            bounds.sent()
            bounds.alive()
            await asyncio.sleep(1)

    with pytest.raises(FailureError, match=r"timeouts\.between_events"):
        await wait()


async def test_the_whole_time_is_ended_and_named() -> None:
    bounds = limits(total=0.01)
    with pytest.raises(FailureError) as caught, bounds:
        await asyncio.sleep(FOREVER)
    assert "timeouts.total" in caught.value.failure.message
    assert bounds.over


async def test_signs_of_life_start_the_silence_anew() -> None:
    with limits(between=0.05) as bounds:
        for _ in range(8):
            await asyncio.sleep(0.01)
            bounds.alive()


async def test_signs_of_life_do_not_move_the_end() -> None:
    async def live() -> None:
        with limits(between=0.05, total=0.06) as bounds:
            while True:
                await asyncio.sleep(0.005)
                bounds.alive()

    with pytest.raises(FailureError, match=r"timeouts\.total"):
        await live()


async def test_waiting_for_the_client_is_no_silence_of_the_upstream() -> None:
    with limits(between=0.01) as bounds:
        bounds.pause()
        await asyncio.sleep(0.05)
        bounds.alive()


async def test_waiting_for_the_client_counts_for_the_whole() -> None:
    async def wait() -> None:
        with limits(between=0.01, total=0.03) as bounds:
            bounds.pause()
            await asyncio.sleep(FOREVER)

    with pytest.raises(FailureError, match=r"timeouts\.total"):
        await wait()


async def test_what_the_upstream_has_finished_is_not_bounded() -> None:
    with limits(between=0.01, total=0.02) as bounds:
        bounds.lift()
        await asyncio.sleep(0.05)


async def test_a_cancellation_from_elsewhere_is_none_of_ours() -> None:
    async def wait() -> None:
        with limits():
            await asyncio.sleep(FOREVER)

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_limit_that_is_lifted_in_the_moment_in_which_it_rings_ends_nothing() -> None:
    with limits(first=0.01) as bounds:
        bounds.sent()
        time.sleep(0.02)  # noqa: ASYNC251 - so that timer and task are due together
        for _ in range(2):
            await asyncio.sleep(0)
        bounds.lift()
        await asyncio.sleep(0.01)
    assert not bounds.expired


async def test_limits_of_many_attempts_ring_each_in_its_time() -> None:
    loop = asyncio.get_running_loop()
    watch = Watch(loop)

    async def wait(seconds: float) -> float:
        began = loop.time()
        with pytest.raises(FailureError):
            await waited(TimeLimits(Timeouts(first_event=seconds), began + 60, watch), begun=False)
        return loop.time() - began - seconds

    late = await asyncio.gather(*[wait(seconds) for seconds in (0.3, 0.05, 1.2, 0.1, 0.02)])
    assert all(-0.01 < each < 0.5 for each in late)


async def test_nothing_is_looked_at_any_more_once_every_attempt_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time_limits, "LOOK", 0.01)
    watch = Watch(asyncio.get_running_loop())
    for _ in range(3):
        with TimeLimits(Timeouts(), asyncio.get_running_loop().time() + 60, watch) as one:
            one.sent()
    assert watch.next < math.inf
    await asyncio.sleep(0.05)
    assert watch.next == math.inf
