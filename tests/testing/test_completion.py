"""OpenAI's older way to let a model go on with a text."""

import msgspec
import pytest

from dragoman.conversation.blocks import Text
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.testing.exchange import Answer, Ending
from dragoman.testing.json_value import JSON, Object, decode_object
from dragoman.testing.provider import FakeProvider
from dragoman.testing.script import Scripted

SAID = Response("", "", (Choice(0, (Text("laid out beforehand"),), Stop(StopReason.MAX_TOKENS)),))


def call(fields: Object, provider: FakeProvider | None = None) -> Answer:
    body = msgspec.json.encode({"model": "gpt-3.5-turbo-instruct", "prompt": "Say hello", **fields})
    headers = {"content-type": "application/json"}
    return (provider or FakeProvider()).answer("POST", "/v1/completions", "", headers, body)


def choices(answer: Answer) -> list[Object]:
    assert answer.status == 200, answer.body
    found = decode_object(answer.body)["choices"]
    assert isinstance(found, list)
    return [choice for choice in found if isinstance(choice, dict)]


def frames(answer: Answer) -> list[Object]:
    assert answer.streamed
    data = [chunk.data.removeprefix(b"data: ").strip() for chunk in answer.chunks]
    assert data.pop() == b"[DONE]"
    return [decode_object(frame) for frame in data]


def test_a_prompt_is_gone_on_with() -> None:
    answer = call({})

    assert choices(answer) == [{"text": "hello", "index": 0, "logprobs": None, "finish_reason": "stop"}]
    body = decode_object(answer.body)
    assert (body["object"], str(body["id"])[:5]) == ("text_completion", "cmpl-")
    assert body["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


@pytest.mark.parametrize(
    ("prompt", "texts"),
    [
        (["Say one", "Say two"], ["one", "In other words (2): one", "two", "In other words (2): two"]),
        ([[1, 2], [3]], None),
        ([1, 2], None),
        (None, None),
    ],
)
def test_each_prompt_has_n_choices(prompt: JSON, texts: list[str] | None) -> None:
    found = choices(call({"prompt": prompt, "n": 2}))

    several = isinstance(prompt, list) and not isinstance(prompt[0], int)
    assert [choice["index"] for choice in found] == list(range(4 if several else 2))
    assert texts is None or [choice["text"] for choice in found] == texts


def test_the_prompt_is_repeated_before_the_text_where_that_is_asked_for() -> None:
    assert choices(call({"echo": True}))[0]["text"] == "Say hellohello"
    assert choices(call({"echo": True, "max_tokens": 0}))[0]["text"] == "Say hello"


def test_the_limit_is_16_tokens_where_none_is_set() -> None:
    choice = choices(call({"prompt": "Count to 500"}))[0]

    assert choice["finish_reason"] == "length"
    assert len(str(choice["text"])) <= 64


def test_text_is_cut_at_a_stop_sequence() -> None:
    assert choices(call({"prompt": "Say one two three", "stop": " two"}))[0]["text"] == "one"


def test_log_probabilities_come_in_the_older_form() -> None:
    logprobs = choices(call({"logprobs": 2}))[0]["logprobs"]

    assert isinstance(logprobs, dict)
    assert logprobs["tokens"] == ["hell", "o"]
    assert logprobs["text_offset"] == [9, 13]
    assert logprobs["token_logprobs"] == [-0.125, -0.25]
    assert isinstance(logprobs["top_logprobs"], list)


@pytest.mark.parametrize("fields", [{}, {"n": 2}, {"prompt": ["Say one", "Count to 4"]}, {"logprobs": 1}])
def test_a_stream_adds_up_to_the_whole_answer(fields: Object) -> None:
    whole = choices(call(fields))
    texts = dict.fromkeys((choice["index"] for choice in whole), "")
    ends: dict[JSON, JSON] = {}
    for frame in frames(call({**fields, "stream": True})):
        assert "usage" not in frame
        listed = frame["choices"]
        assert isinstance(listed, list)
        assert isinstance(listed[0], dict)
        texts[listed[0]["index"]] += str(listed[0]["text"])
        ends[listed[0]["index"]] = listed[0]["finish_reason"]

    assert texts == {choice["index"]: choice["text"] for choice in whole}
    assert ends == {choice["index"]: choice["finish_reason"] for choice in whole}


def test_usage_comes_in_a_frame_of_its_own_where_that_is_asked_for() -> None:
    found = frames(call({"stream": True, "stream_options": {"include_usage": True}}))

    assert found[-1]["choices"] == []
    assert found[-1]["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    assert all(frame["usage"] is None for frame in found[:-1])


def test_answers_can_be_laid_out() -> None:
    provider = FakeProvider()
    provider.script.add(
        SAID,
        Scripted(SAID, frames=2, ending=Ending.CLOSED, failure=Failure(FailureKind.OVERLOADED, "Busy.")),
        Failure(FailureKind.RATE_LIMIT, "Slow down."),
    )

    whole = call({}, provider)
    broken = call({"stream": True}, provider)
    limited = call({}, provider)

    assert choices(whole)[0]["text"] == "laid out beforehand"
    assert choices(whole)[0]["finish_reason"] == "length"
    assert (len(broken.chunks), broken.ending) == (3, Ending.CLOSED)
    assert b'"error"' in broken.chunks[-1].data
    assert limited.status == 429


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({"model": "gpt-4o"}, 404, "This is a chat model and not supported in the v1/completions endpoint."),
        ({"model": "text-embedding-3-small"}, 403, "You are not allowed to sample from this model"),
        ({"messages": []}, 400, "Unrecognized request argument supplied: messages"),
        ({"max_tokens": -1}, 400, "Invalid 'max_tokens': integer below minimum value. Expected a value >= 0"),
        ({"logprobs": 6}, 400, "Expected a value <= 5, but got 6"),
        ({"prompt": [12345, 123456]}, 400, "Minimum value is 0, maximum value is 100257 (inclusive)."),
        ({"prompt": []}, 400, "Invalid 'prompt': empty array."),
        ({"prompt": {"a": 1}}, 400, "Invalid type for 'prompt'"),
        ({"best_of": 1, "n": 2}, 400, "return more choices than it will generate"),
        ({"best_of": 2, "stream": True}, 400, "You cannot stream results"),
        ({"stop": ["a", "b", "c", "d", "e"]}, 400, "array too long"),
        ({"stream_options": {}}, 400, "only allowed when 'stream' is enabled"),
    ],
)
def test_a_request_is_refused_in_the_vendors_words(fields: Object, status: int, message: str) -> None:
    answer = call(fields)

    assert answer.status == status
    error = decode_object(answer.body)["error"]
    assert isinstance(error, dict)
    assert message in str(error["message"])


def test_a_model_that_only_completes_has_no_chat() -> None:
    body = {"model": "gpt-3.5-turbo-instruct", "messages": [{"role": "user", "content": "Hi"}]}
    headers = {"content-type": "application/json"}
    answer = FakeProvider().answer("POST", "/v1/chat/completions", "", headers, msgspec.json.encode(body))

    assert answer.status == 404
    assert b"Did you mean to use v1/completions?" in answer.body
