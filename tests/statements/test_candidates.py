"""Statement 52: as many answers as were asked for."""

import re

import pytest
from structlog.testing import capture_logs
from tests.live.answers import saying
from tests.live.journal import exchange_of
from tests.statements.asking import MODELS, THINKERS, A, C, G, House, R, conversation, user
from tests.statements.streams import text_stream
from tests.statements.wishes import answered, losses, refused

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.testing.exchange import json_answer
from dragoman.testing.json_value import Object

COUNT = 3
WORDS = ("first answer", "second, longer answer to it", "third")
FANNED = [(C, R, MODELS), (C, A, MODELS), (C, G, THINKERS), (G, R, MODELS), (G, A, MODELS)]
"""Pairs of a client that may want several answers and an upstream that gives one."""

fanned = pytest.mark.parametrize(
    ("client", "upstream", "model"), [(client, up, models[up]) for client, up, models in FANNED]
)


def asking(client: str, count: int = COUNT) -> Object:
    """A request for several answers."""
    wish: Object = {"generationConfig": {"candidateCount": count}} if client == G else {"n": count}
    if client == C:
        wish["stream_options"] = {"include_usage": True}
    return conversation(client, user("Good evening")) | wish


def whole(client: str) -> Object:
    """The same for an answer in one piece."""
    return {name: value for name, value in asking(client).items() if name != "stream_options"}


@fanned
def test_statement_052_each_answer_is_a_request_of_its_own_and_usage_is_the_sum(
    house: House, client: str, upstream: str, model: str
) -> None:
    house.fake.script.add(*map(saying, WORDS))
    with capture_logs() as entries:
        reply = house.ask(client, model, whole(client))
    answer = answered(client, reply)
    bodies = {received.body for received in house.fake.script.received}
    assert (house.count, len(bodies)) == (COUNT, 1)
    assert sorted([answer.text, *answer.others.values()]) == sorted(WORDS)
    assert sorted(answer.others) == [1, 2]
    assert (exchange_of(entries)["input_tokens"], exchange_of(entries)["output_tokens"]) == (15, 21)
    assert answer.usage is not None
    assert (answer.usage.prompt, answer.usage.output) == (15, 21)
    assert [(lost.code, lost.kind) for lost in losses(reply)] == [("n", "emulated")]


@fanned
def test_statement_052_streamed_answers_come_side_by_side(
    house: House, client: str, upstream: str, model: str
) -> None:
    pieces = [re.findall(r"\w+\W*", words) for words in WORDS]
    house.fake.script.add(*(text_stream(upstream, each, pace=0.02) for each in pieces))
    reply = house.ask(client, model, asking(client), stream=True)
    answer = answered(client, reply, stream=True)
    assert house.count == COUNT
    assert sorted([answer.text, *answer.others.values()]) == sorted(WORDS)
    assert sorted(answer.others) == [1, 2]
    assert answer.usage is not None
    assert (answer.usage.prompt, answer.usage.output) == (15, 27)
    # every answer begins before the first one ends
    order = [int(index) for index in re.findall(rb'"index":\s*(\d)', reply.body)]
    assert set(order[:6]) == {0, 1, 2}
    assert order != sorted(order)


@fanned
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_statement_052_fewer_answers_than_asked_for_are_an_error(
    house: House, client: str, upstream: str, model: str, stream: bool
) -> None:
    failure = Failure(FailureKind.PERMISSION, "not today", status=403)
    house.fake.script.add(saying("one"), failure, saying("two"))
    reply = house.ask(client, model, asking(client) if stream else whole(client), stream=stream)
    assert reply.status == 403
    assert "not today" in reply.body.decode()


@fanned
def test_statement_052_half_an_answer_among_whole_ones_is_an_error(
    house: House, client: str, upstream: str, model: str
) -> None:
    house.fake.script.add(saying("one"), json_answer(200, b"{"), saying("two"))
    assert house.ask(client, model, whole(client)).status == 502


@pytest.mark.parametrize(("client", "upstream"), [(C, C), (C, G), (G, C), (G, G)])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_statement_052_an_upstream_that_can_is_asked_once(
    house: House, client: str, upstream: str, stream: bool
) -> None:
    body = asking(client) if stream else whole(client)
    answer = answered(client, house.ask(client, MODELS[upstream], body, stream=stream), stream=stream)
    assert house.count == 1
    assert len(answer.others) == COUNT - 1
    assert all(answer.others.values())


@pytest.mark.parametrize(("client", "upstream"), [(C, A), (C, G), (C, R), (G, C), (G, R)])
def test_statement_052_no_number_of_answers_is_cut_down(house: House, client: str, upstream: str) -> None:
    body = {name: value for name, value in asking(client, 8).items() if name != "stream_options"}
    assert len(answered(client, house.ask(client, MODELS[upstream], body)).others) == 7


@pytest.mark.parametrize("upstream", [A, R])
def test_statement_052_more_copies_than_are_reasonable_are_refused(house: House, upstream: str) -> None:
    body = conversation(C, user("Good evening"), n=9)
    told = refused(C, house.ask(C, MODELS[upstream], body))
    assert "'n'" in told.message
    assert house.count == 0
    # a model that gives several at once is asked for them
    assert len(answered(C, house.ask(C, MODELS[C], body)).others) == 8
