"""Completions on their way: heads, bytes, accounting, and the refusal to translate."""

import json

import msgspec
import pytest

from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.conversation.response import StopReason
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Host, Location, Sent, Target
from dragoman.dialects.openai_completions import DIALECT
from dragoman.models.profile import UNKNOWN

TARGET = Target("local", "qwen-coder", "local/qwen", UNKNOWN)
BODY = b'{ "prompt":[[1, 2]], "model":"coder", "suffix":"}", "temperature":1.0, "stream":true }'


def test_a_whole_answer_is_asked_for_byte_for_byte() -> None:
    body = BODY.replace(b"true", b"false")
    passed = DIALECT.passthrough(DIALECT.read_head(body, Location()), body, TARGET)
    assert passed.wire.path == "/completions"
    assert passed.wire.body == body.replace(b"coder", b"qwen-coder")
    assert not passed.hide_usage


def test_a_stream_is_made_to_tell_its_usage() -> None:
    passed = DIALECT.passthrough(DIALECT.read_head(BODY, Location()), BODY, TARGET)
    assert passed.hide_usage
    assert json.loads(passed.wire.body)["stream_options"] == {"include_usage": True}
    assert passed.wire.body.startswith(BODY.replace(b"coder", b"qwen-coder")[:-2])


def test_a_client_that_asks_for_usage_gets_it() -> None:
    body = BODY[:-1] + b',"stream_options":{"include_usage":true}}'
    head = DIALECT.read_head(body, Location())
    assert head.stream_usage
    assert not DIALECT.passthrough(head, body, TARGET).hide_usage


def test_a_host_without_stream_options_is_not_sent_any() -> None:
    target = msgspec.structs.replace(TARGET, host=Host(stream_options=False))
    passed = DIALECT.passthrough(DIALECT.read_head(BODY, Location()), BODY, target)
    assert b"stream_options" not in passed.wire.body
    assert not passed.hide_usage


@pytest.mark.parametrize(
    ("body", "param"),
    [(b'{"prompt":"a"}', "model"), (b'{"model":"m","stream":1}', "stream"), (b'{"model":""}', "model")],
)
def test_a_wrong_request_is_refused_with_its_field(body: bytes, param: str) -> None:
    with pytest.raises(FailureError) as caught:
        DIALECT.read_head(body, Location())
    assert caught.value.failure.param == param


def test_what_is_accounted_for_is_read_from_a_whole_answer() -> None:
    answer = {
        "choices": [{"text": "a", "finish_reason": "stop"}, {"text": "b", "finish_reason": "length"}],
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 4,
            "prompt_tokens_details": {"cached_tokens": 5},
        },
    }
    meter = DIALECT.meter_response(json.dumps(answer).encode())
    assert meter.usage == Usage(input=4, output=4, cache_read=5)
    assert meter.stops == (StopReason.END, StopReason.MAX_TOKENS)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>", FailureKind.BAD_GATEWAY),
        (b'{"choices":[]}', FailureKind.BAD_GATEWAY),
        (b'{"error":{"message":"Too fast","code":429}}', FailureKind.RATE_LIMIT),
    ],
)
def test_what_is_no_answer_is_a_failure(body: bytes, kind: FailureKind) -> None:
    with pytest.raises(FailureError) as caught:
        DIALECT.meter_response(body)
    assert caught.value.failure.kind is kind


def test_nothing_is_translated() -> None:
    with pytest.raises(FailureError) as caught:
        DIALECT.parse_request(BODY, Location())
    failure = caught.value.failure
    assert failure.kind is FailureKind.INVALID_REQUEST
    assert "only passed through" in failure.message
    assert "/v1/chat/completions" in failure.message


def test_errors_are_openais() -> None:
    failure = Failure(FailureKind.CONTEXT_OVERFLOW, "prompt is too long: 5000 tokens > 4096 maximum")
    told = json.loads(DIALECT.render_error(failure, "req_1").body)["error"]
    assert told["code"] == "context_length_exceeded"
    assert told["param"] == "prompt"
    assert "maximum context length is 4096 tokens" in told["message"]
    broken = DIALECT.stream_failure(Failure(FailureKind.SERVER, "Out of ink."), Location(), Sent(b"x"))
    assert broken.startswith(b'data: {"error":')
    assert broken.endswith(b"data: [DONE]\n\n")
    theirs = DIALECT.parse_error(404, {}, b'{"error":{"message":"The model `x` does not exist"}}')
    assert theirs.kind is FailureKind.MODEL_NOT_FOUND


def test_streams_are_kept_alive_by_comments() -> None:
    assert DIALECT.keep_alive(Location()).startswith(b":")
    assert DIALECT.stream_type(Location()).startswith("text/event-stream")
