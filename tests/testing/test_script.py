"""Answers laid out beforehand, and the record of what came."""

import asyncio
import time

import pytest

from dragoman.conversation.failure import Failure, FailureKind
from dragoman.testing.exchange import Incoming, json_answer
from dragoman.testing.script import Script, Scripted

INCOMING = Incoming("POST", "/v1/messages", {"beta": "true"}, {"x-api-key": "k"}, b"{}")
BUSY = Failure(FailureKind.OVERLOADED, "Busy.")


def test_answers_are_taken_in_order() -> None:
    script = Script()
    script.add(BUSY, json_answer(200, b"{}"))

    assert script.left == 2
    assert script.take("m") == Scripted(BUSY)
    assert script.take("m") == Scripted(json_answer(200, b"{}"))
    assert script.take("m") is None


def test_an_answer_for_a_model_waits_for_it() -> None:
    script = Script()
    script.add(Scripted(BUSY, model="b"), Scripted(BUSY, delay=1.0))

    assert script.take("a") == Scripted(BUSY, delay=1.0)
    assert script.take("a") is None
    assert script.take("b") == Scripted(BUSY, model="b")


def test_requests_are_recorded() -> None:
    script = Script()
    received = script.record(INCOMING)

    assert script.received == (received,)
    assert (received.method, received.path, received.query, received.headers, received.body) == (
        "POST",
        "/v1/messages",
        {"beta": "true"},
        {"x-api-key": "k"},
        b"{}",
    )
    assert received.left_at is None


def test_everything_can_be_forgotten() -> None:
    script = Script()
    script.add(BUSY)
    script.record(INCOMING)
    script.clear()

    assert (script.left, script.received) == (0, ())


def test_a_client_that_leaves_is_noted_once() -> None:
    received = Script().record(INCOMING)
    received.leave()
    first = received.left_at
    received.leave()

    assert first is not None
    assert received.left_at == first
    assert received.wait_left(0) == first
    assert asyncio.run(received.left(0.1)) == first


def test_waiting_for_a_client_that_stays_ends() -> None:
    received = Script().record(INCOMING)
    before = time.monotonic()

    with pytest.raises(TimeoutError):
        received.wait_left(0.01)
    with pytest.raises(TimeoutError):
        asyncio.run(received.left(0.01))
    assert time.monotonic() - before < 5


def test_requests_can_be_waited_for() -> None:
    script = Script()
    received = script.record(INCOMING)

    assert script.wait_received(1, 0) == (received,)
    assert asyncio.run(script.arrived(1, 0)) == (received,)
    with pytest.raises(TimeoutError, match="1 requests came where 2 were waited for"):
        script.wait_received(2, 0.01)


def test_a_script_keeps_only_as_many_requests_as_it_is_told_to() -> None:
    script = Script(kept=1)
    script.record(INCOMING)
    latest = script.record(INCOMING)
    assert script.received == (latest,)
