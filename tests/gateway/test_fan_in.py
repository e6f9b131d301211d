"""Several upstream answers are read at once, and let go at once."""

import asyncio

import pytest
from tests.gateway.ends import BROKEN, SILENCE, Upstream

from dragoman.conversation.blocks import Text
from dragoman.conversation.failure import FailureError
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.gateway.fan_in import FanIn, joined

pytestmark = pytest.mark.anyio


async def pieces(fan_in: FanIn) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    while fan_in.open:
        found.append(await piece(fan_in))
    return found


async def piece(fan_in: FanIn) -> tuple[int, bytes]:
    data = await fan_in.next()
    if not data:
        fan_in.ended()
    return fan_in.branch, data


async def test_a_single_answer_is_read_to_its_end() -> None:
    fan_in = FanIn([Upstream(b"a", b"b")])
    assert await pieces(fan_in) == [(0, b"a"), (0, b"b"), (0, b"")]
    assert not fan_in.open


async def test_each_branch_keeps_its_order_and_ends_once() -> None:
    found = await pieces(FanIn([Upstream(b"a", b"b", b"c"), Upstream(), Upstream(b"x")]))
    assert [data for branch, data in found if branch == 0] == [b"a", b"b", b"c", b""]
    assert [data for branch, data in found if branch == 1] == [b""]
    assert [data for branch, data in found if branch == 2] == [b"x", b""]


async def test_a_silent_branch_does_not_hold_up_the_others() -> None:
    fan_in = FanIn([Upstream(SILENCE), Upstream(b"x")])
    assert await piece(fan_in) == (1, b"x")
    assert await piece(fan_in) == (1, b"")
    assert fan_in.open
    fan_in.close()


async def test_the_failure_of_one_branch_is_raised() -> None:
    fan_in = FanIn([Upstream(SILENCE), Upstream(BROKEN)])
    with pytest.raises(FailureError):
        await fan_in.next()
    fan_in.close()


@pytest.mark.parametrize("count", [1, 3])
async def test_closing_lets_every_upstream_go_and_leaves_no_reader(count: int) -> None:
    before = asyncio.all_tasks()
    upstreams = [Upstream(b"a", SILENCE) for _ in range(count)]
    fan_in = FanIn(upstreams)
    await fan_in.next()
    fan_in.close()
    assert all(upstream.closed for upstream in upstreams)
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == before


async def test_a_failure_that_nobody_waits_for_any_more_is_not_complained_about() -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    fan_in = FanIn([Upstream(b"a"), Upstream(BROKEN), Upstream(BROKEN)])
    await fan_in.next()
    await asyncio.sleep(0.01)
    fan_in.close()
    del fan_in
    await asyncio.sleep(0.01)
    assert complaints == []


def test_joined_answers_get_a_choice_each_and_the_sum_of_usage() -> None:
    stop = Stop(StopReason.END)
    answers = [
        Response(f"id{n}", "m", (Choice(0, (Text(f"t{n}"),), stop),), Usage(input=2, output=n + 1))
        for n in range(3)
    ]
    whole = joined(answers)
    assert whole.id == "id0"
    assert [(choice.index, choice.blocks) for choice in whole.choices] == [
        (n, (Text(f"t{n}"),)) for n in range(3)
    ]
    assert whole.usage is not None
    assert (whole.usage.input, whole.usage.output) == (6, 6)


def test_a_single_answer_is_not_touched() -> None:
    answer = Response("id", "m", ())
    assert joined([answer]) is answer
