"""An upstream breaks off at any byte of its answer, in any way: what has come is told, and nothing twice."""

import pytest
from tests.chaos.mishaps import cut, offsets
from tests.chaos.speech import Framing, speech
from tests.chaos.stage import Case, Stage
from tests.chaos.upstream import End
from tests.chaos.verdict import Backing
from tests.live.client import MODELS

SAMPLE = 12
"""How many bytes of each answer are tried in a sample; each test tries others."""


@pytest.mark.parametrize("end", [End.CLOSE, End.RESET])
def test_an_answer_that_breaks_off_at_any_byte(
    client: str, upstream: str, stream: bool, end: End, stage: Stage, everything: bool
) -> None:
    names = list(MODELS)
    phase = names.index(client) * 11 + names.index(upstream) * 5 + (end is End.RESET)
    cases: list[Case] = []
    for number, framing in enumerate(Framing):
        good = speech("first", upstream, stream=stream, framing=framing)
        number_of = SAMPLE
        if everything:
            # every byte of the usual framing, every fifth of the others
            number_of = 0 if good == speech("first", upstream, stream=stream) else len(good.wire) // 5
        # the last bytes always: an answer that says that it is complete may lack its end
        last = range(len(good.wire) - 60, len(good.wire), 7 + phase % 3)
        for offset in sorted({*offsets(good, number_of, phase + 17 * number), *last}):
            plan, name = cut(offset, end), f"{end} at byte {offset} of {len(good.wire)}, {framing}"
            # `once` and `doomed` add little to these two: a part of the offsets is enough for them
            backings = list(Backing) if offset % 7 == 0 else [Backing.ALONE, Backing.BACKED]
            cases += [
                Case(client, upstream, stream, plan, name, backing, framing=framing) for backing in backings
            ]
    assert stage.problems(cases) == []
