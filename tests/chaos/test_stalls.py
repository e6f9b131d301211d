"""An upstream falls silent at any stage: the limits fire, and another target answers where nothing was said."""

import pytest
from tests.chaos.mishaps import STALLS, STALLS_IN_A_STREAM
from tests.chaos.stage import Case, Stage
from tests.chaos.verdict import Backing
from tests.live.client import MODELS

AT_ONCE = 160
"""Exchanges that wait side by side."""


@pytest.mark.parametrize("name", STALLS)
def test_silence_before_the_first_word(name: str, stage: Stage) -> None:
    cases = [
        Case(client, upstream, stream, STALLS[name], name, backing, hasty=True)
        for client in MODELS
        for upstream in MODELS
        for stream in (False, True)
        for backing in Backing
    ]
    assert stage.problems(cases, at_once=AT_ONCE) == []


@pytest.mark.parametrize("name", STALLS_IN_A_STREAM)
def test_silence_after_the_first_word(name: str, stage: Stage) -> None:
    """What was said before the silence has been heard, word for word."""
    cases = [
        Case(client, upstream, True, STALLS_IN_A_STREAM[name], name, backing, hasty=True, heard_all=True)
        for client in MODELS
        for upstream in MODELS
        for backing in Backing
    ]
    assert stage.problems(cases, at_once=AT_ONCE) == []
