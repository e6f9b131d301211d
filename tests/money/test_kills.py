"""Whatever is killed, whenever: who had an answer is in the ledger, once, and nothing stays reserved long."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.money.crowd import Outcome, Stream
from tests.money.house import PRICE, PROMPT_PRICE, House, house

from dragoman.access.lending import LEASE_TIME
from dragoman.models.money import NANOS

BUDGET = 100 * NANOS


def answered(outcomes: list[Outcome]) -> list[str]:
    """The requests whose whole answer has come."""
    return [one.request_id for one in outcomes if one.status == 200 and one.whole]


def all_there(building: House) -> None:
    """Wait until there are three workers again."""
    until = time.monotonic() + 30
    while len(building.workers()) < 3:
        assert time.monotonic() < until, building.logs()
        time.sleep(0.02)


def check(building: House, outcomes: list[Outcome]) -> None:
    """Everybody who had an answer is in the ledger, once; and the accounts hold what the rows say."""
    known = answered(outcomes)
    assert known
    until = time.monotonic() + 30
    while missing := set(known) - {row.request_id for row in building.rows()}:
        assert time.monotonic() < until, f"{len(missing)} of {len(known)} are missing: {building.logs()}"
        time.sleep(0.1)
    counted = Counter(row.request_id for row in building.rows())
    assert set(counted.values()) == {1}
    assert building.spent() == sum(row.cost for row in building.rows())


@pytest.fixture
def building(tmp_path: Path):
    with house(tmp_path, None) as built:
        yield built


def test_a_worker_that_is_killed_takes_no_row_with_it(building: House, thorough: bool) -> None:
    kills = 140 if thorough else 6
    draw = random.Random(1)  # noqa: S311 - no secret
    building.open(budget=BUDGET, workers=3, price=(PROMPT_PRICE, PRICE))

    async def load() -> list[Outcome]:
        async with Stream(building.gateways, 24, 1) as stream:
            await asyncio.sleep(0.5)
            for _ in range(kills):
                os.kill(draw.choice(building.workers()), signal.SIGKILL)
                await asyncio.sleep(draw.uniform(0.05, 0.6))
                await asyncio.to_thread(all_there, building)
        return stream.outcomes

    outcomes = asyncio.run(load())
    check(building, outcomes)
    refused = [one for one in outcomes if one.status is not None and one.status >= 400]
    assert not refused
    if thorough:
        assert building.services[0].stop(signal.SIGTERM) == 0
        time.sleep(LEASE_TIME + 1)
        assert building.lent() == 0


def test_a_gateway_that_is_killed_takes_no_row_with_it(building: House, thorough: bool) -> None:
    kills = 60 if thorough else 3
    draw = random.Random(2)  # noqa: S311 - no secret
    building.open(budget=BUDGET, workers=2, price=(PROMPT_PRICE, PRICE))

    async def load() -> list[Outcome]:
        async with Stream(building.gateways, 16, 2) as stream:
            for _ in range(kills):
                await asyncio.sleep(draw.uniform(0.3, 1.2))
                building.kill()
                await asyncio.to_thread(building.restart)
            await asyncio.sleep(0.5)
        return stream.outcomes

    check(building, asyncio.run(load()))
    if thorough:
        assert building.services[0].stop(signal.SIGTERM) == 0
        time.sleep(LEASE_TIME + 1)
        assert building.lent() == 0
