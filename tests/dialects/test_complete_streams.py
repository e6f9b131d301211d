"""Whether a stream's own end has come, which no dialect may say too early: what comes after is not read."""

import json
from typing import Any

import pytest

from dragoman.conversation.events import Failed
from dragoman.dialects import anthropic, gemini, openai_chat, openai_completions, openai_responses
from dragoman.dialects.dialect import Dialect, StreamDecoder

Json = dict[str, Any]
DONE = b"data: [DONE]\n\n"


def data(value: Json, name: str = "") -> bytes:
    return (f"event: {name}\n" if name else "").encode() + b"data: " + json.dumps(value).encode() + b"\n\n"


def named(kind: str, **members: Any) -> bytes:
    return data({"type": kind, **members}, kind)


def chat(delta: Json, finish: str | None = None, **more: Any) -> bytes:
    return data(
        {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}
    )


def text(words: str, finish: str | None = None) -> bytes:
    return data({"id": "c", "model": "m", "choices": [{"index": 0, "text": words, "finish_reason": finish}]})


def response(status: str, **more: Any) -> Json:
    return {"id": "r", "object": "response", "status": status, "model": "m", "output": [], **more}


def google(words: str, **more: Any) -> bytes:
    return data({"candidates": [{"content": {"role": "model", "parts": [{"text": words}]}, **more}]})


CHAT = (
    chat({"role": "assistant", "content": "Hällo"})
    + chat({}, "stop")
    + data({"id": "c", "model": "m", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}})
)
COMPLETIONS = (
    text("Hällo") + text("", "stop") + data({"id": "c", "choices": [], "usage": {"prompt_tokens": 3}})
)
RESPONSES = (
    named("response.created", response=response("in_progress"))
    + named("response.output_text.delta", output_index=0, content_index=0, delta="Hällo")
    + named("response.output_text.done", output_index=0, content_index=0, text="Hällo")
)
ANTHROPIC = (
    named("message_start", message={"id": "m", "role": "assistant", "model": "m", "content": []})
    + named("content_block_start", index=0, content_block={"type": "text", "text": ""})
    + named("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hällo"})
    + named("ping")
    + named("content_block_stop", index=0)
    + named("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2})
)
GOOGLE = google("Hällo") + google("", finishReason="STOP") + data({"usageMetadata": {"promptTokenCount": 3}})

COMPLETED = named("response.completed", response=response("completed"))
FAILED = named(
    "response.failed", response=response("failed", error={"code": "server_error", "message": "Sorry."})
)
ERROR = named("error", code="server_error", message="Sorry.", param=None)

ENDS = [
    pytest.param(openai_chat.DIALECT, CHAT, DONE, id="chat"),
    pytest.param(openai_completions.DIALECT, COMPLETIONS, DONE, id="completions"),
    pytest.param(openai_responses.DIALECT, RESPONSES, COMPLETED, id="responses, completed"),
    pytest.param(
        openai_responses.DIALECT,
        RESPONSES,
        named(
            "response.incomplete",
            response=response("incomplete", incomplete_details={"reason": "max_output_tokens"}),
        ),
        id="responses, incomplete",
    ),
    pytest.param(openai_responses.DIALECT, RESPONSES, FAILED, id="responses, failed"),
    pytest.param(openai_responses.DIALECT, RESPONSES + ERROR, FAILED, id="responses, failed after its error"),
    pytest.param(
        openai_responses.DIALECT, RESPONSES + DONE, COMPLETED, id="responses, with a foreign mark before"
    ),
    pytest.param(anthropic.DIALECT, ANTHROPIC, named("message_stop"), id="anthropic"),
    pytest.param(
        anthropic.DIALECT, ANTHROPIC + DONE, named("message_stop"), id="anthropic, with a foreign mark before"
    ),
]
"""Streams up to their last frame, and the last frame."""


def decoder_of(dialect: Dialect) -> StreamDecoder:
    return dialect.stream_decoder("p/m")


@pytest.mark.parametrize(("dialect", "before", "last"), ENDS)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
def test_a_stream_is_complete_with_the_last_byte_of_its_last_frame(
    dialect: Dialect, before: bytes, last: bytes, line_end: bytes
) -> None:
    whole = (before + last).replace(b"\n", line_end)
    singly = decoder_of(dialect)
    for at in range(len(whole)):
        assert not singly.complete
        singly.feed(whole[at : at + 1])
        split = decoder_of(dialect)
        split.feed(whole[:at])
        assert not split.complete
        split.feed(whole[at:])
        assert split.complete
    assert singly.complete


@pytest.mark.parametrize(("dialect", "before", "last"), ENDS)
def test_a_complete_stream_stays_complete(dialect: Dialect, before: bytes, last: bytes) -> None:
    decoder = decoder_of(dialect)
    decoder.feed(before + last)
    decoder.feed(b": nothing\n\ndata: <html>\n\n")
    assert decoder.complete
    decoder.close()
    assert decoder.complete


@pytest.mark.parametrize(("dialect", "before", "last"), ENDS)
def test_an_end_without_its_blank_line_counts_when_the_stream_has_ended(
    dialect: Dialect, before: bytes, last: bytes
) -> None:
    decoder = decoder_of(dialect)
    decoder.feed(before + last.rstrip(b"\n"))
    assert not decoder.complete
    decoder.close()
    assert decoder.complete


@pytest.mark.parametrize(
    ("dialect", "stream"),
    [
        pytest.param(openai_chat.DIALECT, CHAT, id="chat"),
        pytest.param(openai_completions.DIALECT, COMPLETIONS, id="completions"),
        pytest.param(anthropic.DIALECT, ANTHROPIC, id="anthropic"),
        pytest.param(anthropic.DIALECT, ANTHROPIC + DONE, id="anthropic, with another format's mark"),
        pytest.param(gemini.DIALECT, GOOGLE, id="gemini"),
        pytest.param(gemini.DIALECT, GOOGLE + DONE, id="gemini, with another format's mark"),
    ],
)
def test_a_stream_without_an_end_mark_ends_well_and_never_says_that_it_is_complete(
    dialect: Dialect, stream: bytes
) -> None:
    decoder = decoder_of(dialect)
    for at in range(len(stream)):
        decoder.feed(stream[at : at + 1])
        assert not decoder.complete
    assert not any(isinstance(event, Failed) for event in decoder.close())
    assert not decoder.complete


def test_a_json_array_may_always_go_on() -> None:
    decoder = decoder_of(gemini.DIALECT)
    decoder.feed(b'[{"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"}]}\n]')
    assert not decoder.complete
    decoder.close()
    assert not decoder.complete


@pytest.mark.parametrize(
    ("dialect", "stream"),
    [
        pytest.param(openai_chat.DIALECT, CHAT + data({"error": {"message": "Sorry."}}), id="chat"),
        pytest.param(
            openai_completions.DIALECT, COMPLETIONS + data({"error": {"message": "Sorry."}}), id="completions"
        ),
        pytest.param(openai_responses.DIALECT, RESPONSES + ERROR, id="responses"),
        pytest.param(
            anthropic.DIALECT, ANTHROPIC + named("error", error={"type": "overloaded_error"}), id="anthropic"
        ),
        pytest.param(
            gemini.DIALECT, GOOGLE + data({"error": {"code": 503, "message": "Sorry."}}), id="gemini"
        ),
    ],
)
def test_an_error_in_a_stream_is_not_its_end_mark(dialect: Dialect, stream: bytes) -> None:
    decoder = decoder_of(dialect)
    events = [*decoder.feed(stream), *decoder.close()]
    assert isinstance(events[-1], Failed)
    assert not decoder.complete


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (
            openai_chat.DIALECT,
            b'{"id":"c","choices":[{"index":0,"message":{"content":"[DONE]"},"finish_reason":"stop"}]}',
        ),
        (openai_responses.DIALECT, json.dumps(response("completed")).encode()),
    ],
    ids=["chat", "responses"],
)
def test_an_answer_in_one_piece_has_no_end_mark(dialect: Dialect, body: bytes) -> None:
    decoder = decoder_of(dialect)
    decoder.feed(body)
    assert not decoder.complete
    assert not any(isinstance(event, Failed) for event in decoder.close())
