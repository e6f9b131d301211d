"""Upstreams that no request gets through to: they refuse, reset or ignore connections, or do not read."""

import pytest
from tests.chaos.stage import Case, Stage
from tests.chaos.upstream import Unreachable
from tests.chaos.verdict import Backing
from tests.live.client import MODELS


@pytest.mark.parametrize("place", Unreachable.PLACES)
def test_an_upstream_that_cannot_be_reached(place: str, stage: Stage) -> None:
    cases = [
        Case(client, upstream, stream, None, place, backing, place, hasty=True)
        for client in MODELS
        for upstream in MODELS
        for stream in (False, True)
        for backing in (Backing.ALONE, Backing.ONCE, Backing.BACKED)
    ]
    assert stage.problems(cases, at_once=100) == []
