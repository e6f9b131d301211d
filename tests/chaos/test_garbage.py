"""Upstreams that send no answer, or an odd one: clients get an error or another target's answer, and odd
answers are answers.
"""

import pytest
from tests.chaos.mishaps import GARBAGE, ODDITIES
from tests.chaos.stage import Case, Stage
from tests.chaos.verdict import Backing
from tests.live.client import MODELS


def test_garbage_is_an_error_or_another_targets_answer(
    client: str, upstream: str, stream: bool, stage: Stage
) -> None:
    cases = [
        Case(client, upstream, stream, plan, name, backing)
        for name, plan in GARBAGE.items()
        for backing in (Backing if client == upstream else (Backing.ALONE, Backing.BACKED))
    ]
    assert stage.problems(cases) == []


@pytest.mark.parametrize("name", ODDITIES)
def test_an_odd_answer_is_an_answer(client: str, name: str, stage: Stage) -> None:
    cases = [
        Case(client, upstream, stream, ODDITIES[name], name, backing)
        for upstream in MODELS
        for stream in (False, True)
        for backing in Backing
    ]
    assert stage.problems(cases) == []
