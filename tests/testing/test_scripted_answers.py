"""Answers laid out beforehand, as the fake provider gives them."""

import msgspec
import pytest

from dragoman.conversation.blocks import Text
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.testing.exchange import Answer, Ending, json_answer
from dragoman.testing.grammar import anthropic, openai_chat
from dragoman.testing.json_value import JSON, Object, decode_object
from dragoman.testing.provider import FakeProvider
from dragoman.testing.script import Scripted

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
HEADERS = {"content-type": "application/json", "anthropic-version": "2023-06-01"}


def post(provider: FakeProvider, path: str, body: JSON) -> Answer:
    return provider.answer("POST", path, "", HEADERS, msgspec.json.encode(body))


def chat(text: str, **fields: JSON) -> Object:
    return {"model": "demo", "messages": [{"role": "user", "content": text}], **fields}


TEXT = Response("", "", (Choice(0, (Text("one two three four five six"),), Stop(StopReason.END)),))
BUSY = Failure(FailureKind.OVERLOADED, "Busy.", retry_after=2)


def test_a_scripted_answer_is_written_in_the_requests_dialect() -> None:
    provider = FakeProvider()
    provider.script.add(TEXT, TEXT)

    whole = decode_object(post(provider, CHAT, chat("Hi")).body)
    message = decode_object(post(provider, MESSAGES, chat("Hi", max_tokens=50)).body)

    assert whole["model"] == "demo"
    assert b"one two three" in msgspec.json.encode(whole)
    assert b"one two three" in msgspec.json.encode(message)


def test_a_scripted_failure_is_the_dialects_error() -> None:
    provider = FakeProvider()
    provider.script.add(BUSY, BUSY)

    openai = post(provider, CHAT, chat("Hi"))
    message = post(provider, MESSAGES, chat("Hi", max_tokens=50))

    assert (openai.status, message.status) == (503, 529)
    assert openai_chat.check_error(openai.body) == []
    assert anthropic.check_error(message.body) == []
    assert openai.headers["retry-after"] == "2"


def test_a_scripted_http_answer_goes_out_as_it_is() -> None:
    provider = FakeProvider()
    provider.script.add(json_answer(418, b"tea"))

    assert post(provider, CHAT, chat("Hi")) == json_answer(418, b"tea")


def test_a_script_does_not_excuse_a_bad_request() -> None:
    provider = FakeProvider()
    provider.script.add(TEXT)
    refused = post(provider, CHAT, chat("Hi", top_k=5))
    provider.script.add(Scripted(json_answer(200, b"{}"), checked=False))
    accepted = post(provider, CHAT, chat("Hi", top_k=5))

    assert (refused.status, accepted.status) == (400, 200)


def test_a_stream_can_break_off_after_so_many_frames() -> None:
    provider = FakeProvider()
    provider.script.add(Scripted(TEXT, frames=3, ending=Ending.RESET, delay=0.5, pace=0.1))
    answer = post(provider, CHAT, chat("Hi", stream=True))

    assert len(answer.chunks) == 3
    assert answer.ending is Ending.RESET
    assert [chunk.delay for chunk in answer.chunks] == [0.5, 0.1, 0.1]


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_a_stream_can_fail_in_the_middle(path: str) -> None:
    provider = FakeProvider()
    provider.script.add(Scripted(TEXT, frames=3, failure=BUSY))
    answer = post(provider, path, chat("Hi", stream=True, max_tokens=50))
    check = openai_chat.check_stream if path == CHAT else anthropic.check_stream

    assert b'"error"' in answer.body
    assert b"Busy." in answer.body
    assert check(answer.body) == []


def test_an_embedded_model_can_take_its_time() -> None:
    answer = post(FakeProvider(pace=0.02), CHAT, chat("Hi", stream=True))

    assert [chunk.delay for chunk in answer.chunks][1:] == [0.02] * (len(answer.chunks) - 1)


def test_every_request_is_recorded_even_one_that_is_refused() -> None:
    provider = FakeProvider(keys=frozenset({"k"}))
    provider.answer("POST", CHAT, "a=b", {"X-Test": "1"}, b"{")

    (received,) = provider.script.received
    assert (received.path, received.query, received.headers, received.body) == (
        CHAT,
        {"a": "b"},
        {"x-test": "1"},
        b"{",
    )
