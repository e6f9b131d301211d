"""An upstream falls silent at any stage: limits fire, and another target answers where nothing was said."""

import itertools
from collections.abc import Iterator

import pytest
from tests.chaos.audit import Audit
from tests.chaos.configuration import SILENCE, configuration
from tests.chaos.mishaps import STALLS, STALLS_IN_A_STREAM, Plan
from tests.chaos.stage import Case, Stage
from tests.chaos.verdict import Backing
from tests.live.client import MODELS

AT_ONCE = 64
"""Exchanges that wait side by side."""


def cases(name: str, plan: Plan, streams: tuple[bool, ...], *, everything: bool) -> Iterator[Case]:
    """Each pair of dialects with each backing; in a sample, only a second target that is well for all."""
    for client, upstream, stream in itertools.product(MODELS, MODELS, streams):
        for backing in Backing:
            sampled = backing is Backing.BACKED or (client == upstream and stream)
            if everything or sampled or (backing is Backing.ALONE and stream):
                yield Case(client, upstream, stream, plan, name, backing, hasty=True, heard_all=True)


@pytest.mark.parametrize("name", STALLS)
def test_silence_before_the_first_word(name: str, stage: Stage, everything: bool) -> None:
    wanted = cases(name, STALLS[name], (False, True), everything=everything)
    assert stage.problems(wanted, at_once=AT_ONCE) == []


@pytest.mark.parametrize("name", STALLS_IN_A_STREAM)
def test_silence_after_the_first_word(name: str, stage: Stage, everything: bool) -> None:
    """What was said before the silence has been heard, word for word."""
    wanted = cases(name, STALLS_IN_A_STREAM[name], (True,), everything=everything)
    assert stage.problems(wanted, at_once=AT_ONCE) == []


@pytest.fixture(scope="module")
def chatty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Audit]]:
    """A gateway that gives streaming clients a sign of life before limits fire."""
    stage = Stage(tmp_path_factory.mktemp("chatty"))
    with stage.open(configuration(keep_alive=SILENCE / 5)):
        audit = Audit(stage)
        yield stage, audit
        audit.close()


@pytest.mark.parametrize("name", ["at once", "before the first word"])
def test_signs_of_life_leave_the_way_to_another_target_open(
    name: str, chatty: tuple[Stage, Audit], everything: bool
) -> None:
    stage, audit = chatty
    wanted = cases(name, STALLS[name], (True,), everything=everything)
    assert stage.problems(wanted, at_once=AT_ONCE) == []
    audit.check()
