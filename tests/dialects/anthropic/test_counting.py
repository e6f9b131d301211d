"""Counts of Anthropic's format: read, asked for, passed through."""

import json

import pytest

from dragoman.conversation.blocks import Text
from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.conversation.request import Message, OutputFormat, OutputMode, Request, Role, Sampling
from dragoman.dialects.anthropic.counting import COUNTING
from dragoman.dialects.dialect import Location, Target
from dragoman.models.profile import UNKNOWN

TARGET = Target("anthropic", "claude-sonnet-4-5", "anthropic/claude", UNKNOWN)
BODY = b'{ "messages":[{"role":"user","content":"hi"}], "model":"sonnet", "unheard_of":1.50 }'


def test_a_count_needs_no_limit_of_output() -> None:
    request = COUNTING.parse_request(BODY, Location())
    assert request.messages == (Message(Role.USER, (Text("hi"),)),)
    head = COUNTING.read_head(BODY, Location())
    assert (head.model, head.stream) == ("sonnet", False)


def test_a_passed_through_count_keeps_every_byte_but_the_model() -> None:
    assert COUNTING.passthrough is not None
    wire = COUNTING.passthrough(COUNTING.read_head(BODY, Location()), BODY, TARGET)
    assert wire.path == "/v1/messages/count_tokens"
    assert wire.body == BODY.replace(b'"sonnet"', b'"claude-sonnet-4-5"')
    assert wire.headers == (("anthropic-version", "2023-06-01"),)


def test_a_translated_count_holds_nothing_that_shapes_only_the_answer() -> None:
    assert COUNTING.render_request is not None
    request = Request(
        "openai_chat",
        "sonnet",
        (Message(Role.USER, (Text("hi"),)),),
        system=(Text("Be kind."),),
        sampling=Sampling(temperature=0.5),
        max_tokens=7,
        stop=("x",),
        user="me",
        stream=True,
        output=OutputFormat(OutputMode.JSON_SCHEMA, b'{"type":"object","properties":{}}', "a"),
    )
    wire = COUNTING.render_request(request, TARGET)
    body = json.loads(wire.body)
    assert wire.path == "/v1/messages/count_tokens"
    assert body["model"] == "claude-sonnet-4-5"
    assert body["messages"]
    assert body["system"]
    assert body.keys() <= {
        "model",
        "messages",
        "system",
        "tools",
        "tool_choice",
        "output_config",
        "cache_control",
    }


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"model":"m"}', "messages"),
        (b'{"messages":[{"role":"user","content":"hi"}]}', "model"),
        (b'{"model":"m","messages":[]}', "messages"),
        (b"{", None),
    ],
)
def test_a_wrong_request_is_refused_with_its_field(body: bytes, param: str | None) -> None:
    for read in (COUNTING.read_head, COUNTING.parse_request):
        with pytest.raises(FailureError) as caught:
            read(body, Location())
        assert caught.value.failure.kind is FailureKind.INVALID_REQUEST
        assert caught.value.failure.param == param


def test_a_count_goes_there_and_back() -> None:
    assert COUNTING.render_response(12) == b'{"input_tokens":12}'
    assert COUNTING.parse_response(b'{"input_tokens": 12, "more": true}') == 12


@pytest.mark.parametrize("body", [b"{}", b"<html>", b'{"input_tokens":-1}', b'{"input_tokens":"12"}'])
def test_what_is_no_count_is_a_bad_gateway(body: bytes) -> None:
    with pytest.raises(FailureError) as caught:
        COUNTING.parse_response(body)
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY
