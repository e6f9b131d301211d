"""Everything at once: all clients, upstreams and mishaps, and some that leave; nothing of it is left."""

import random
from collections.abc import Iterator

import pytest
from tests.chaos.audit import Audit
from tests.chaos.configuration import configuration
from tests.chaos.mishaps import GARBAGE, ODDITIES, STALLS, STALLS_IN_A_STREAM, Plan, cut
from tests.chaos.speech import speech
from tests.chaos.stage import Case, Stage
from tests.chaos.upstream import End, Unreachable
from tests.chaos.verdict import Backing
from tests.chaos.visitor import Leave
from tests.live.client import MODELS

EXCHANGES = 1500
ALL_EXCHANGES = 20_000

LEAVERS = 0.2
"""The share of clients that leave at some moment."""

SLOWEST = 2.0
"""Seconds after which the last leaver has left."""

WAITED_FOR = {*STALLS, *STALLS_IN_A_STREAM}
"""What ends only when a limit fires."""


def storm(number: int, seed: int) -> list[tuple[Case, Leave | None]]:
    """So many exchanges, the same ones for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - no secret, the same storm every time
    names = list(MODELS)
    found: list[tuple[Case, Leave | None]] = []
    for _ in range(number):
        client, upstream, stream = chance.choice(names), chance.choice(names), chance.random() < 0.6
        backing = chance.choice(list(Backing))
        name, plan = mishap(chance, upstream, stream=stream)
        place = chance.choice(Unreachable.PLACES) if chance.random() < 0.05 else "first"
        if place != "first":
            plan, backing = None, chance.choice([Backing.ALONE, Backing.BACKED])
        case = Case(
            client, upstream, stream, plan, name, backing, place, hasty=name in WAITED_FOR or place != "first"
        )
        leave = None
        if chance.random() < LEAVERS:
            leave = Leave(chance.randrange(4000), chance.random() * SLOWEST, chance.random() < 0.5)
        found.append((case, leave))
    return found


def mishap(chance: random.Random, upstream: str, *, stream: bool) -> tuple[str, Plan | None]:
    """Something that happens; often nothing does."""
    kind = chance.random()
    if kind < 0.3:
        return "a good answer", None
    if kind < 0.5:
        end = chance.choice([End.CLOSE, End.RESET])
        offset = chance.randrange(len(speech("first", upstream, stream=stream).wire) + 1)
        return f"{end} at byte {offset}", cut(offset, end)
    table = chance.choice(
        [GARBAGE, ODDITIES, STALLS, STALLS_IN_A_STREAM] if stream else [GARBAGE, ODDITIES, STALLS]
    )
    name = chance.choice(list(table))
    return name, table[name]


@pytest.fixture(scope="module")
def guarded_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Audit]]:
    """A gateway that gives targets a rest, lets few requests in at once, and lets targets race."""
    stage = Stage(tmp_path_factory.mktemp("guarded"), guarded=True)
    with stage.open(configuration(guarded=True, keep_alive=0.3)):
        audit = Audit(stage)
        yield stage, audit
        audit.close()


def test_a_storm_leaves_nothing_behind(stage: Stage, everything: bool) -> None:
    """Whoever stays gets what is promised, whoever leaves takes the upstream along."""
    exchanges = storm(ALL_EXCHANGES if everything else EXCHANGES, seed=2026)
    assert stage.problems_with_leavers(exchanges, at_once=80) == []


def test_a_storm_on_a_gateway_that_spares_its_upstreams_leaves_nothing_behind(
    guarded_stage: tuple[Stage, Audit], everything: bool
) -> None:
    """Places in queues, races and probes are given back, however they end."""
    stage, audit = guarded_stage
    exchanges = storm(ALL_EXCHANGES if everything else EXCHANGES, seed=2027)
    assert stage.problems_with_leavers(exchanges, at_once=80) == []
    audit.check()
