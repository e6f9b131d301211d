"""Statements 61 to 68: reasoning goes back to whoever wrote it, unaltered, and to nobody else."""

import pytest
from tests.live.answers import saying
from tests.statements.asking import A, C, CLIENTS, G, MODELS, R, THINKERS, House
from tests.statements.thinking import SECRET, SIGNING, Loop, signed_answer, traces, wire_blocks, written_blocks
from tests.statements.wishes import answered

both_ways = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
every_loop = pytest.mark.parametrize(("client", "upstream"), [(client, up) for client in CLIENTS for up in SIGNING])


@both_ways
@every_loop
def test_statement_061_signed_reasoning_comes_back_byte_exact_and_in_position(
    house: House, client: str, upstream: str, stream: bool
) -> None:
    model = THINKERS[upstream]
    signed = signed_answer(upstream)
    house.fake.script.add(signed.response)
    loop = Loop(house, client, stream=stream)
    answer = loop.ask(model)
    assert len(answer.calls) == 2
    loop.tell(answer)
    house.fake.script.add(saying("Done."))
    assert loop.ask(model).text == "Done."
    wanted = written_blocks(upstream, signed.values)
    assert wire_blocks(upstream, house.received) == wanted
    # and once more, when the turn is history
    loop.say("And now?")
    house.fake.script.add(saying("Nothing."))
    assert loop.ask(model).text == "Nothing."
    assert wire_blocks(upstream, house.received) == wanted


@both_ways
@every_loop
def test_statement_061_what_the_demo_model_signs_it_takes_back(
    house: House, client: str, upstream: str, stream: bool
) -> None:
    loop = Loop(house, client, stream=stream)
    for _ in range(3):
        loop.say("Please look at Oslo.")
        answer = loop.ask(THINKERS[upstream])
        assert [call.name for call in answer.calls] == ["look"]
        loop.tell(answer)
        assert "seen 1" in loop.ask(THINKERS[upstream]).text


MOVES = [
    (client, upstream, other) for client in CLIENTS for upstream in SIGNING for other in (C, *SIGNING) if other != upstream
]


@both_ways
@pytest.mark.parametrize(("client", "upstream", "other"), MOVES)
def test_statement_062_and_063_another_vendor_gets_no_trace_of_it(
    house: House, client: str, upstream: str, other: str, stream: bool
) -> None:
    signed = signed_answer(upstream)
    house.fake.script.add(signed.response)
    loop = Loop(house, client, stream=stream)
    answer = loop.ask(THINKERS[upstream])
    assert SECRET not in answer.text
    loop.tell(answer)
    house.fake.script.add(saying("Done."))
    assert loop.ask(THINKERS[other]).text == "Done."
    assert SECRET.encode() not in house.raw
    assert [trace for trace in traces(signed.values) if trace in house.raw] == []
    # back at the first vendor, it is all there
    loop.say("And now?")
    house.fake.script.add(saying("Nothing."))
    loop.ask(THINKERS[upstream])
    assert [value for value in signed.values if value.encode() not in house.raw] == []
