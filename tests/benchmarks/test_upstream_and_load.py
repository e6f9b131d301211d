"""The upstream of the benchmarks, and the load, which sees what is wrong with an answer."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from benchmarks.expectation import Expectation
from benchmarks.load import Job, Result, closed, once, opened
from benchmarks.questions import PAIRS, SAME, Pair, question
from benchmarks.upstream import Clock, Upstream, writes

FINALS = {"openai": "data: [DONE]", "anthropic": "message_stop", "gemini": "STOP"}
KEY = {"Authorization": "Bearer sk-up"}


def under_load(
    load: Callable[[Job], Awaitable[Result]], *, gap: float = 0.0, pieces: int = 0, **settings: object
) -> Result:
    """What comes of asking the upstream for whole answers or, with `pieces`, for streams."""

    async def run() -> Result:
        clock = Clock(gap)
        server = await asyncio.get_running_loop().create_server(lambda: Upstream(clock), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        asked = question(SAME, stream=bool(pieces), pieces=pieces)
        job = Job(port, asked.path, KEY, asked.body, asked.expected, connections=3, seconds=0.1)
        async with server:
            return await load(msgspec.structs.replace(job, **settings))

    return asyncio.run(run())


@pytest.mark.parametrize("kind", FINALS)
@pytest.mark.parametrize("pieces", [1, 64])
def test_a_stream_has_as_many_pieces_as_were_asked_for_and_one_write_for_each(kind: str, pieces: int) -> None:
    parts = writes(kind, pieces)
    assert len(parts) == pieces + 2
    assert Expectation('" token', pieces, FINALS[kind]).flaw(b"".join(parts)) == ""


@pytest.mark.parametrize("load", [closed, opened, once])
def test_whole_answers_are_counted_in_every_mode(load: Callable[[Job], Awaitable[Result]]) -> None:
    result = under_load(load, rate=100.0)
    assert (result.bad, result.error) == (0, "")
    assert result.good >= 3
    assert 0 < result.p50 <= result.p99 <= result.longest


def test_the_open_mode_asks_as_often_as_it_is_told_to() -> None:
    assert under_load(opened, rate=200.0, seconds=0.2).good == 40


def test_pieces_of_a_stream_are_a_gap_apart() -> None:
    result = under_load(once, gap=0.01, pieces=5)
    assert result.good == 3
    # from the first piece to the end, which comes a gap after the last
    assert min(result.spans) >= 0.045


def test_the_gateways_own_key_has_to_arrive() -> None:
    result = under_load(once, headers={"Authorization": "Bearer sk-client"})
    assert (result.good, result.bad) == (0, 3)
    assert result.error == '401: {"error": {"message": "The gateway\'s key is missing."}}'


def test_an_answer_with_a_piece_too_few_is_no_answer() -> None:
    result = under_load(closed, pieces=4, expected=Expectation('" token', 5, "data: [DONE]"))
    assert result.good == 0
    assert result.error == "200, but 4 pieces of text instead of 5"


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_a_question_is_as_long_as_it_is_wanted(pair: Pair) -> None:
    body = json.loads(question(pair, stream=True, pieces=7, messages=5, size=5000).body)
    assert [len(message["content"]) for message in body["messages"]] == [1000] * 5
    assert (body["max_tokens"], body["stream"], body["messages"][-1]["role"]) == (7, True, "user")


def test_a_conversation_ends_with_its_user_also_where_messages_are_even() -> None:
    body = json.loads(question(SAME, stream=False, messages=4, size=40).body)
    assert body["messages"][-1]["role"] == "user"


def test_a_picture_has_the_size_that_is_wanted() -> None:
    assert 100_000 < len(question(SAME, stream=False, picture=100_000).body) < 101_000
