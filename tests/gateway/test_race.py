"""Two attempts at once: who begins first goes on, the other is given up and waited for, nothing is lost."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.gateway.race import Race

pytestmark = pytest.mark.anyio

SOON = 0.01
NEVER = 60.0


class Runner:
    """An attempt: takes its time, claims the answer, takes more time; then ends with its name or fails."""

    def __init__(
        self,
        race: Race[str],
        name: str,
        *,
        claims_after: float = NEVER,
        ends_after: float = 0.0,
        fails: Exception | None = None,
        gives_back: float = 0.0,
    ) -> None:
        self._race = race
        self._name = name
        self._claims_after = claims_after
        self._ends_after = ends_after
        self._fails = fails
        self._gives_back = gives_back
        self.start = asyncio.Event()
        self.said = False
        self.cleaned = False

    @property
    def began(self) -> bool:
        return self.start.is_set()

    async def __call__(self) -> str:
        self.start.set()
        try:
            await asyncio.sleep(self._claims_after)
            if self._fails is None or self._ends_after:
                self._race.claim()
                self.said = True
                await asyncio.sleep(self._ends_after)
            if self._fails is not None:
                raise self._fails
            return self._name
        finally:
            # what an attempt gives back takes a moment
            await asyncio.sleep(self._gives_back)
            self.cleaned = True


def refused(words: str, kind: FailureKind = FailureKind.OVERLOADED) -> FailureError:
    return FailureError(Failure(kind, words))


def hopeless(error: FailureError) -> bool:
    return error.failure.kind is FailureKind.INVALID_REQUEST


async def run(race: Race[str], first: Runner, second: Runner | None, delay: float = SOON) -> str:
    def other() -> Callable[[], Awaitable[str]] | None:
        return second

    return await race.run(first, delay, other, hopeless)


async def test_a_first_that_ends_in_time_runs_alone() -> None:
    race = Race[str]()
    first, second = Runner(race, "first", claims_after=0), Runner(race, "second", claims_after=0)
    assert await run(race, first, second, delay=NEVER) == "first"
    assert not second.began


async def test_a_first_that_has_begun_in_time_runs_alone_however_long_it_takes() -> None:
    race = Race[str]()
    first = Runner(race, "first", claims_after=0, ends_after=4 * SOON)
    second = Runner(race, "second", claims_after=0)
    assert await run(race, first, second) == "first"
    assert not second.began


async def test_who_begins_first_goes_on_and_the_other_is_given_up() -> None:
    race = Race[str]()
    first, second = Runner(race, "first"), Runner(race, "second", claims_after=0, ends_after=SOON)
    assert await run(race, first, second) == "second"
    assert (first.said, first.cleaned) == (False, True)


async def test_a_slow_first_may_still_win() -> None:
    race = Race[str]()
    first, second = Runner(race, "first", claims_after=3 * SOON), Runner(race, "second")
    assert await run(race, first, second) == "first"
    assert (second.began, second.said, second.cleaned) == (True, False, True)


async def test_without_a_second_the_first_goes_on() -> None:
    race = Race[str]()
    assert await run(race, Runner(race, "first", claims_after=3 * SOON), None) == "first"


async def test_a_failure_in_time_is_raised_and_nobody_else_asked() -> None:
    race = Race[str]()
    second = Runner(race, "second", claims_after=0)
    with pytest.raises(FailureError, match="early"):
        await run(race, Runner(race, "first", claims_after=0, fails=refused("early")), second, delay=NEVER)
    assert not second.began


async def test_one_that_fails_leaves_the_other_running() -> None:
    for failing in ("first", "second"):
        race = Race[str]()
        fails = {name: refused(name) if name == failing else None for name in ("first", "second")}
        times = {name: (2 if name == failing else 8) * SOON for name in fails}
        first = Runner(race, "first", claims_after=times["first"], fails=fails["first"])
        second = Runner(race, "second", claims_after=times["second"], fails=fails["second"])
        assert await run(race, first, second) != failing


async def test_where_both_fail_the_first_ones_words_count() -> None:
    for early, late in ((2 * SOON, 4 * SOON), (4 * SOON, 2 * SOON)):
        race = Race[str]()
        first = Runner(race, "first", claims_after=early, fails=refused("of the first"))
        second = Runner(race, "second", claims_after=late, fails=refused("of the second"))
        with pytest.raises(FailureError, match="of the first"):
            await run(race, first, second)


async def test_a_request_at_fault_ends_the_race() -> None:
    race = Race[str]()
    fault = refused("your fault", FailureKind.INVALID_REQUEST)
    second = Runner(race, "second")
    with pytest.raises(FailureError, match="your fault"):
        await run(race, Runner(race, "first", claims_after=3 * SOON, fails=fault), second)
    assert (second.began, second.cleaned) == (True, True)


async def test_a_winner_that_breaks_off_fails_for_both() -> None:
    """The other is gone by then."""
    race = Race[str]()
    first = Runner(race, "first")
    second = Runner(race, "second", claims_after=0, ends_after=SOON, fails=refused("broken off"))
    with pytest.raises(FailureError, match="broken off"):
        await run(race, first, second)
    assert first.cleaned
    assert race.winner is not None


async def test_a_fault_of_our_own_is_not_hidden_by_the_other() -> None:
    race = Race[str]()
    second = Runner(race, "second")
    with pytest.raises(ZeroDivisionError):
        await run(race, Runner(race, "first", claims_after=3 * SOON, fails=ZeroDivisionError()), second)
    assert second.cleaned


@pytest.mark.parametrize("claims_after", [0.0, NEVER], ids=["while_one_answers", "before_any_answers"])
async def test_a_cancellation_from_outside_reaches_both_and_waits_for_them(claims_after: float) -> None:
    race = Race[str]()
    first = Runner(race, "first")
    second = Runner(race, "second", claims_after=claims_after, ends_after=NEVER)
    task = asyncio.ensure_future(run(race, first, second))
    await second.start.wait()
    await asyncio.sleep(SOON)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (first.cleaned, second.cleaned) == (True, True)


async def test_a_cancellation_before_the_second_begins_reaches_the_first() -> None:
    race = Race[str]()
    first, second = Runner(race, "first"), Runner(race, "second")
    task = asyncio.ensure_future(run(race, first, second, delay=NEVER))
    await first.start.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert first.cleaned
    assert not second.began


async def test_who_claims_too_late_is_cancelled() -> None:
    """It had its first piece in the same round of the event loop as the winner, and did not know yet."""
    race = Race[str]()
    ready = asyncio.Event()
    said: list[str] = []

    async def runner(name: str) -> str:
        try:
            await ready.wait()
        except asyncio.CancelledError:
            # as one whose piece has come already: it goes on to where it claims
            await asyncio.sleep(0)
        race.claim()
        said.append(name)
        return name

    task = asyncio.ensure_future(
        race.run(lambda: runner("first"), SOON, lambda: lambda: runner("second"), hopeless)
    )
    await asyncio.sleep(3 * SOON)
    ready.set()
    assert await task == said[0]
    assert len(said) == 1


async def test_to_claim_twice_changes_nothing() -> None:
    race = Race[str]()

    async def first() -> str:
        race.claim()
        race.claim()
        return "first"

    assert await race.run(first, NEVER, lambda: None, hopeless) == "first"


async def test_a_hopeless_first_ends_nothing_when_the_other_has_just_begun() -> None:
    race = Race[str]()
    now = asyncio.Event()

    async def first() -> str:
        await now.wait()
        raise refused("never", FailureKind.INVALID_REQUEST)

    async def second() -> str:
        asyncio.get_running_loop().call_soon(now.set)
        await now.wait()
        race.claim()
        await asyncio.sleep(SOON)
        return "second"

    assert await race.run(first, SOON, lambda: second, hopeless) == "second"


async def test_nobody_begins_any_more_after_a_hopeless_first() -> None:
    race = Race[str]()
    began = False

    async def first() -> str:
        await asyncio.sleep(2 * SOON)
        raise refused("never", FailureKind.INVALID_REQUEST)

    async def second() -> str:
        nonlocal began
        try:
            await asyncio.sleep(NEVER)
        finally:
            race.claim()
            began = True
        return "second"

    with pytest.raises(FailureError, match="never"):
        await race.run(first, SOON, lambda: second, hopeless)
    assert not began


async def test_who_is_cancelled_twice_leaves_nobody_running() -> None:
    """The client leaves, and in the next moment the gateway stops."""
    race = Race[str]()
    first, second = Runner(race, "first", gives_back=SOON), Runner(race, "second", gives_back=SOON)
    running = asyncio.ensure_future(run(race, first, second))
    await second.start.wait()
    for _ in range(2):
        running.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (first.cleaned, second.cleaned) == (True, True)
