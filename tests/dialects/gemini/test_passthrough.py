"""What passes unread: heads, paths, accounting."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.envelope import seal
from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import StopReason
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Location, Target
from dragoman.dialects.gemini import DIALECT
from dragoman.dialects.gemini.passthrough import (
    hide_usage,
    meter_response,
    model_path,
    passthrough,
    read_head,
    stream_type,
)
from dragoman.dialects.gemini.signatures import Entry, Kind, packed
from dragoman.models.profile import UNKNOWN

HERE = Location("models/gemini-2.5-flash", stream=True)
CONTENTS = '"contents":[{"parts":[{"text":"hi"}]}]'


def body(config: str) -> bytes:
    return f"{{{CONTENTS},{config}}}".encode()


def refused(request: bytes, location: Location = HERE) -> tuple[str | None, str]:
    with pytest.raises(FailureError) as caught:
        read_head(request, location)
    assert caught.value.failure.kind is FailureKind.INVALID_REQUEST
    return caught.value.failure.param, caught.value.failure.message


def test_the_head_is_what_the_url_and_the_top_level_say() -> None:
    request = body('"generationConfig": {"candidateCount": 3}, "unknownField": [1.0]')
    head = read_head(request, HERE)
    assert head.model == "gemini-2.5-flash"
    assert head.stream
    assert head.stream_usage
    assert head.candidates == 3
    assert not head.sealed
    assert bytes(head.fields["unknownField"]) == b"[1.0]"
    assert bytes(head.fields["generationConfig"]) == b'{"candidateCount": 3}'


def test_either_spelling_is_checked() -> None:
    assert read_head(body('"generation_config":{"candidate_count":2}'), HERE).candidates == 2
    param, _ = refused(body('"generation_config":{"top_p":3}'))
    assert param == "generationConfig.topP"


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ('{"temperature":2.1}', "temperature"),
        ('{"temperature":-1}', "temperature"),
        ('{"temperature":"warm"}', "temperature"),
        ('{"topP":1.5}', "topP"),
        ('{"topK":-1}', "topK"),
        ('{"topK":1.5}', "topK"),
        ('{"candidateCount":0}', "candidateCount"),
        ('{"candidateCount":9}', "candidateCount"),
        ('{"maxOutputTokens":0}', "maxOutputTokens"),
        ('{"stopSequences":["1","2","3","4","5","6"]}', "stopSequences"),
        ('{"stopSequences":[1]}', "stopSequences[0]"),
        ('{"presencePenalty":2.5}', "presencePenalty"),
        ('{"frequencyPenalty":-2.5}', "frequencyPenalty"),
        ('{"logprobs":21}', "logprobs"),
        ('{"seed":"x"}', "seed"),
        ('{"responseMimeType":5}', "responseMimeType"),
        ('{"thinkingConfig":{"thinkingBudget":-2}}', "thinkingConfig.thinkingBudget"),
        ('{"thinkingConfig":{"thinkingBudget":5,"thinkingLevel":"LOW"}}', "thinkingConfig"),
        ('{"responseSchema":{},"responseJsonSchema":{}}', ""),
    ],
)
def test_a_value_out_of_range_is_named(config: str, field: str) -> None:
    param, message = refused(body(f'"generationConfig":{config}'))
    assert param == f"generationConfig.{field}".rstrip(".")
    assert message.startswith(f"'{param}'")


@pytest.mark.parametrize(
    "config",
    [
        '{"temperature":2,"topP":1,"topK":0,"candidateCount":8,"maxOutputTokens":1,"logprobs":20}',
        '{"temperature":"0.5","topK":"40","topP":1.0,"seed":"7","maxOutputTokens":100.0}',
        '{"thinkingConfig":{"thinkingBudget":0},"responseSchema":null,"responseJsonSchema":{}}',
        '{"thinkingConfig":{"thinkingLevel":"A_NEW_ONE"},"aNewField":{"x":1}}',
        '{"stopSequences":["1","2","3","4","5"],"presencePenalty":-2,"frequencyPenalty":2}',
        "null",
    ],
)
def test_values_in_range_pass_and_so_do_unknown_ones(config: str) -> None:
    read_head(body(f'"generationConfig":{config}'), HERE)


@pytest.mark.parametrize(
    ("request_body", "param"),
    [
        (b"{}", "contents"),
        (b'{"contents":null}', "contents"),
        (b'{"contents":[]}', "contents"),
        (b'{"contents":[ \n ]}', "contents"),
        (b'{"contents":"hi"}', "contents"),
        (b'{"contents":7}', "contents"),
        (b"[]", None),
        (b"{", None),
        (b"", None),
        (b'{"a\xff":1}', None),
    ],
)
def test_a_request_without_contents_is_refused(request_body: bytes, param: str | None) -> None:
    assert refused(request_body)[0] == param


def test_a_lone_content_is_enough() -> None:
    read_head(b'{"contents":{"parts":{"text":"hi"}}}', HERE)


def test_the_url_must_name_a_model() -> None:
    assert refused(body('"x":1'), Location(None))[0] == "model"


def test_sealed_signatures_are_noticed_in_either_form() -> None:
    signature = Signature("anthropic", "anthropic/claude", "sig")
    for mark in (seal(signature), packed([Entry(signature, Kind.THINKING)])):
        assert read_head(body(f'"x":"{mark}"'), HERE).sealed


@pytest.mark.parametrize(
    ("model", "stream", "sse", "path"),
    [
        ("gemini-2.5-pro", False, True, "/v1beta/models/gemini-2.5-pro:generateContent"),
        ("models/gemini-2.5-pro", True, True, "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse"),
        ("gemini-2.5-pro", True, False, "/v1beta/models/gemini-2.5-pro:streamGenerateContent"),
        ("tunedModels/my-1", False, True, "/v1beta/tunedModels/my-1:generateContent"),
        ("publisher/x y", False, True, "/v1beta/models/publisher%2Fx%20y:generateContent"),
    ],
)
def test_the_path_names_model_method_and_framing(model: str, stream: bool, sse: bool, path: str) -> None:
    assert model_path(model, stream=stream, sse=sse) == path


@pytest.mark.parametrize("sse", [True, False])
def test_a_request_passes_with_its_framing_and_not_a_byte_changed(sse: bool) -> None:
    request = body('"x": 1.0')
    head = read_head(request, Location("public", True, sse))
    passed = passthrough(head, request, Target("google", "gemini-3-pro", "o", UNKNOWN))
    assert passed.wire.body is request
    assert passed.wire.path.startswith("/v1beta/models/gemini-3-pro:streamGenerateContent")
    assert passed.wire.path.endswith("?alt=sse") is sse
    assert not passed.hide_usage


def test_usage_is_never_hidden() -> None:
    assert hide_usage(b"data: {}\r\n\r\n") == b"data: {}\r\n\r\n"


def test_the_media_type_follows_the_framing() -> None:
    assert stream_type(Location("m", True, True)) == "text/event-stream"
    assert stream_type(Location("m", True, False)) == "application/json; charset=UTF-8"


def test_the_key_goes_into_googles_header_and_never_comes_from_the_client() -> None:
    assert DIALECT.credential == ("x-goog-api-key", "")
    assert not any("x-goog-api-key".startswith(prefix) for prefix in DIALECT.forwarded)


ANSWER = """{"candidates":[
    {"content":{"parts":[{"text":"","thought":true},{"functionCall":{"name":"f"}}]},"finishReason":"STOP"},
    {"content":{"parts":{"text":"x"}},"finishReason":"MAX_TOKENS"}],
    "usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2,"totalTokenCount":5}}"""


def test_usage_and_stops_are_metered() -> None:
    meter = meter_response(ANSWER.encode())
    assert meter.usage == Usage(input=3, output=2)
    assert meter.stops == (StopReason.TOOL_CALLS, StopReason.MAX_TOKENS)


def test_a_blocked_prompt_is_an_answer() -> None:
    meter = meter_response(b'{"promptFeedback":{"blockReason":"SAFETY"}}')
    assert meter.stops == (StopReason.REFUSAL,)
    assert meter.usage is None


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"{}", FailureKind.BAD_GATEWAY),
        (b"nonsense", FailureKind.BAD_GATEWAY),
        (b'{"error":{"code":503,"message":"x"}}', FailureKind.OVERLOADED),
        (b'{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}', FailureKind.BAD_GATEWAY),
        (b'{"candidates":[{"content":{}}]}', FailureKind.BAD_GATEWAY),
    ],
)
def test_what_is_no_answer_is_a_failure(answer: bytes, kind: FailureKind) -> None:
    with pytest.raises(FailureError) as caught:
        meter_response(answer)
    assert caught.value.failure.kind is kind
    assert caught.value.failure.retryable


def test_an_answer_that_took_tokens_may_be_silent() -> None:
    answer = {"candidates": [{"finishReason": "STOP"}], "usageMetadata": {"thoughtsTokenCount": 3}}
    assert meter_response(json.dumps(answer).encode()).stops == (StopReason.END,)


@given(st.binary(max_size=60))
@settings(max_examples=100)
def test_random_bytes_raise_nothing_but_failures(data: bytes) -> None:
    for read in (lambda: read_head(data, HERE), lambda: meter_response(data)):
        with pytest.raises(FailureError):
            read()
