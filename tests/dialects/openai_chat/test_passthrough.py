"""Requests and answers on their way unread."""

import json

import pytest

from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.conversation.response import StopReason
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Host, Location, Passed, Target
from dragoman.dialects.openai_chat import DIALECT
from dragoman.models.profile import UNKNOWN

MESSAGES = b'"messages":[{"role":"user","content":"hi"}]'
HEAD = b'{"id":"c","object":"chat.completion.chunk","choices":'
TEXT = b"data: " + HEAD + b'[{"index":0,"delta":{"content":"x"}}],"usage":null}\n\n'
USAGE = b"data: " + HEAD + b'[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}\n\n'
DONE = b"data: [DONE]\n\n"


def passed(body: bytes, model: str = "up", host: Host | None = None) -> Passed:
    target = Target("p", model, "p/x", UNKNOWN, host or Host())
    return DIALECT.passthrough(DIALECT.read_head(body, Location()), body, target)


# --- requests ------------------------------------------------------------------------------------


def test_only_the_model_changes() -> None:
    got = passed(b'{ "model" : "m" , ' + MESSAGES + b', "future": 1.0 }')
    assert got.wire.path == "/chat/completions"
    assert got.wire.body == b'{ "model" : "up" , ' + MESSAGES + b', "future": 1.0 }'
    assert not got.hide_usage


def test_a_model_of_the_same_name_changes_nothing() -> None:
    body = b'{"model":"up",' + MESSAGES + b"}"
    assert passed(body).wire.body is body


def test_a_stream_is_made_to_tell_its_usage() -> None:
    got = passed(b'{"model":"m",' + MESSAGES + b',"stream":true}\n')
    assert got.hide_usage
    assert got.wire.body == (
        b'{"model":"up",' + MESSAGES + b',"stream":true,"stream_options":{"include_usage":true}}'
    )


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (b"null", b'{"include_usage":true}'),
        (b"{}", b'{"include_usage":true}'),
        (b'{ "include_usage" : false }', b'{"include_usage":true}'),
        (b'{"include_obfuscation": false}', b'{"include_obfuscation":false,"include_usage":true}'),
    ],
)
def test_options_without_usage_get_it_and_keep_the_rest(given: bytes, wanted: bytes) -> None:
    got = passed(b'{"model":"m","stream":true,"stream_options": ' + given + b" ," + MESSAGES + b"}")
    assert got.hide_usage
    assert (
        got.wire.body == b'{"model":"up","stream":true,"stream_options": ' + wanted + b" ," + MESSAGES + b"}"
    )


def test_options_are_found_beside_text_that_looks_like_them() -> None:
    body = {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": False},
        "messages": [{"role": "user", "content": "x"}],
        "tools": [
            {"type": "function", "function": {"name": "f", "parameters": {"stream_options": 1, "model": 2}}}
        ],
    }
    got = json.loads(passed(json.dumps(body).encode()).wire.body)
    assert got == {**body, "model": "up", "stream_options": {"include_usage": True}}


def test_a_client_that_asked_for_usage_sees_it() -> None:
    body = b'{"model":"up","stream":true,"stream_options":{"include_usage":true},' + MESSAGES + b"}"
    got = passed(body)
    assert not got.hide_usage
    assert got.wire.body is body


def test_a_host_without_stream_options_is_not_asked() -> None:
    got = passed(b'{"model":"m","stream":true,' + MESSAGES + b"}", host=Host(stream_options=False))
    assert not got.hide_usage
    assert b"stream_options" not in got.wire.body


CALLS = b'"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            b'{ "role":"assistant", ' + CALLS + b"}",
            b'{"role":"assistant",' + CALLS + b',"reasoning_content":""}',
        ),
        (
            b'{"reasoning_content":null,' + CALLS + b"}",
            b'{"reasoning_content":"",' + CALLS + b"}",
        ),
        (b'{ "reasoning_content":"hm", ' + CALLS + b"}", None),
        (b'{ "role":"assistant","content":"tool_calls", "tool_calls":[]}', None),
        (b'{ "role":"user", "content":"\\"tool_calls\\"" }', None),
    ],
)
def test_a_host_that_wants_reasoning_back_gets_an_empty_one_with_each_call(
    before: bytes, after: bytes | None
) -> None:
    other = b'{ "role" : "user" , "content" : 1.0 }'
    body = b'{"messages":[' + other + b"," + before + b'], "model":"m" ,"x":1.0}'
    host = Host(replays_reasoning=True)
    wanted = body.replace(b'"m"', b'"up"')
    if after is not None:
        wanted = wanted.replace(b"[" + other + b"," + before, b"[" + other + b"," + after)
    assert passed(body, host=host).wire.body == wanted
    assert passed(body).wire.body == body.replace(b'"m"', b'"up"')


# --- streams -------------------------------------------------------------------------------------


def test_usage_frames_are_hidden_and_nothing_else() -> None:
    assert DIALECT.hide_usage(TEXT + USAGE + DONE) == TEXT + DONE
    assert DIALECT.hide_usage(USAGE) == b""


def test_frames_without_any_usage_are_handed_on_as_they_are() -> None:
    frames = TEXT + b": comment\n\n" + DONE
    assert DIALECT.hide_usage(frames) is frames


def test_every_line_end_is_understood() -> None:
    frames = (TEXT + USAGE + DONE).replace(b"\n", b"\r\n")
    assert DIALECT.hide_usage(frames) == (TEXT + DONE).replace(b"\n", b"\r\n")
    frames = (TEXT + USAGE + DONE).replace(b"\n", b"\r")
    assert DIALECT.hide_usage(frames) == (TEXT + DONE).replace(b"\n", b"\r")


def test_frames_with_no_choices_but_other_news_stay() -> None:
    azure = b'data: {"choices":[],"prompt_filter_results":[],"usage":null}\n\n'
    assert DIALECT.hide_usage(azure + TEXT) == azure + TEXT


def test_text_that_looks_like_a_usage_frame_stays() -> None:
    quoted = {"choices": [{"delta": {"content": '"choices":[],"usage":{"a":1}'}}]}
    frame = b"data: " + json.dumps(quoted).encode() + b"\n\n"
    assert DIALECT.hide_usage(frame) == frame


def test_spaces_do_not_hide_a_usage_frame() -> None:
    spaced = b'data:  {"choices" : [ ] , "usage" : { "prompt_tokens" : 1 } }\n\n'
    assert DIALECT.hide_usage(spaced + DONE) == DONE


# --- whole answers -------------------------------------------------------------------------------


def test_usage_and_stops_are_read() -> None:
    body = {
        "choices": [
            {"finish_reason": "stop", "message": {"content": "x", "tool_calls": [{"id": "a"}]}},
            {"finish_reason": "length", "message": {"content": "x"}},
            {"finish_reason": "stop", "message": {"refusal": "no"}},
            {"finish_reason": "function_call", "message": {"function_call": {"name": "f"}}},
        ],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 3}},
    }
    got = DIALECT.meter_response(json.dumps(body).encode())
    assert got.stops == (
        StopReason.TOOL_CALLS,
        StopReason.MAX_TOKENS,
        StopReason.REFUSAL,
        StopReason.TOOL_CALLS,
    )
    assert got.usage == Usage(input=2, output=2, cache_read=3)


def test_an_answer_without_usage_is_one_all_the_same() -> None:
    assert DIALECT.meter_response(b'{"choices":[{"finish_reason":"stop"}]}').usage is None


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"error":{"message":"m","code":429}}', FailureKind.RATE_LIMIT),
        (b'{"choices":null,"error":"The model is overloaded","code":"overloaded"}', FailureKind.OVERLOADED),
        (b'{"choices":[]}', FailureKind.BAD_GATEWAY),
        (b"{}", FailureKind.BAD_GATEWAY),
        (b"<html>", FailureKind.BAD_GATEWAY),
        (b"", FailureKind.BAD_GATEWAY),
    ],
)
def test_what_is_no_answer_is_a_failure(body: bytes, kind: FailureKind) -> None:
    with pytest.raises(FailureError) as metered:
        DIALECT.meter_response(body)
    with pytest.raises(FailureError) as parsed:
        DIALECT.parse_response(body, "o")
    assert metered.value.failure.kind is kind
    assert parsed.value.failure.kind is kind


def test_a_frame_that_is_not_json_stays() -> None:
    frame = b'data: {"choices":[] oops\n\n'
    assert DIALECT.hide_usage(frame) == frame
