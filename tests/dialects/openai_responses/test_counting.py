"""Counts of the Responses format."""

import json

import pytest

from dragoman.conversation.blocks import Text
from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.conversation.request import Message, Request, Role, Sampling
from dragoman.dialects.dialect import Location, Target
from dragoman.dialects.openai_responses.counting import COUNTING
from dragoman.dialects.openai_responses.parse_request import INSTRUCTIONS
from dragoman.models.profile import UNKNOWN

TARGET = Target("openai", "gpt-4o-2024", "openai/gpt-4o", UNKNOWN)
BODY = b'{ "input":"hi", "model":"gpt-4o", "personality":"friendly" }'


def test_a_passed_through_count_keeps_every_byte_but_the_model() -> None:
    assert COUNTING.passthrough is not None
    wire = COUNTING.passthrough(COUNTING.read_head(BODY, Location()), BODY, TARGET)
    assert wire.path == "/responses/input_tokens"
    assert wire.body == BODY.replace(b'"gpt-4o"', b'"gpt-4o-2024"')


def test_instructions_may_be_counted_without_any_input() -> None:
    body = b'{"model":"gpt-4o","instructions":"Be kind."}'
    assert COUNTING.read_head(body, Location()).fields.keys() == {"model", "instructions"}
    assert COUNTING.parse_request(body, Location()).system == (Text("Be kind.", opaque=(INSTRUCTIONS,)),)


def test_a_translated_count_holds_only_what_the_endpoint_takes() -> None:
    assert COUNTING.render_request is not None
    request = Request(
        "anthropic",
        "m",
        (Message(Role.USER, (Text("hi"),)),),
        system=(Text("s"),),
        sampling=Sampling(temperature=0.5),
        max_tokens=100,
        user="me",
        metadata={"a": "b"},
        stream=True,
    )
    wire = COUNTING.render_request(request, TARGET)
    body = json.loads(wire.body)
    assert wire.path == "/responses/input_tokens"
    assert body["model"] == "gpt-4o-2024"
    assert body.keys() <= {"model", "input", "instructions", "reasoning", "text", "tools", "tool_choice"}
    assert "hi" in str(body["input"])


@pytest.mark.parametrize(
    ("body", "param"), [(b'{"input":"hi"}', "model"), (b'{"model":"m","input":5}', "input"), (b"{", None)]
)
def test_a_wrong_request_is_refused_with_its_field(body: bytes, param: str | None) -> None:
    for read in (COUNTING.read_head, COUNTING.parse_request):
        with pytest.raises(FailureError) as caught:
            read(body, Location())
        assert caught.value.failure.kind is FailureKind.INVALID_REQUEST
        assert caught.value.failure.param == param


def test_a_count_goes_there_and_back() -> None:
    body = COUNTING.render_response(12)
    assert json.loads(body) == {"object": "response.input_tokens", "input_tokens": 12}
    assert COUNTING.parse_response(body) == 12
    with pytest.raises(FailureError) as caught:
        COUNTING.parse_response(b"[]")
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY
