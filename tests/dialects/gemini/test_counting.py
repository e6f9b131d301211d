"""Counts of Google's format: turns alone or a whole request, in either spelling."""

import json

import pytest

from dragoman.conversation.blocks import Text
from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.conversation.request import Message, Request, Role
from dragoman.dialects.dialect import Location, Target
from dragoman.dialects.gemini.counting import COUNTING
from dragoman.models.profile import UNKNOWN

TARGET = Target("gemini", "gemini-2.5-flash", "gemini/gemini-2.5", UNKNOWN)
HERE = Location("flash")
CONTENTS = '"contents": [{"role":"user", "parts":[{"text":"hi"}]}]'
ALONE = f"{{ {CONTENTS} }}".encode()
WHOLE = f'{{"generateContentRequest": {{"model":"models/flash" , {CONTENTS}, "x_y":1.0}} }}'.encode()
SNAKE = f'{{"generate_content_request": {{"model":"models/flash" , {CONTENTS}}} }}'.encode()
SYSTEM = (
    f'{{"generateContentRequest":{{{CONTENTS},"systemInstruction":{{"parts":[{{"text":"s"}}]}}}}}}'.encode()
)


@pytest.mark.parametrize("body", [ALONE, WHOLE, SNAKE])
def test_turns_may_come_alone_or_inside_a_whole_request(body: bytes) -> None:
    request = COUNTING.parse_request(body, HERE)
    assert (request.model, request.messages) == ("flash", (Message(Role.USER, (Text("hi"),)),))
    assert COUNTING.read_head(body, HERE).model == "flash"


def test_a_whole_request_brings_its_instructions() -> None:
    assert COUNTING.parse_request(SYSTEM, HERE).system == (Text("s"),)


@pytest.mark.parametrize("body", [ALONE, WHOLE, SNAKE, SYSTEM])
def test_a_passed_through_count_keeps_every_byte_but_the_model(body: bytes) -> None:
    assert COUNTING.passthrough is not None
    wire = COUNTING.passthrough(COUNTING.read_head(body, HERE), body, TARGET)
    assert wire.path == "/v1beta/models/gemini-2.5-flash:countTokens"
    assert wire.body == body.replace(b'"models/flash"', b'"models/gemini-2.5-flash"')


def test_a_translated_count_is_a_whole_request_that_names_the_model() -> None:
    assert COUNTING.render_request is not None
    request = Request("anthropic", "m", (Message(Role.USER, (Text("hi"),)),), system=(Text("s"),))
    wire = COUNTING.render_request(request, TARGET)
    assert wire.path == "/v1beta/models/gemini-2.5-flash:countTokens"
    whole = json.loads(wire.body)["generateContentRequest"]
    assert whole["model"] == "models/gemini-2.5-flash"
    assert whole["contents"][0]["parts"] == [{"text": "hi"}]
    assert whole["systemInstruction"]["parts"] == [{"text": "s"}]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{}", "contents"),
        (b'{"generateContentRequest":{}}', "contents"),
        (b'{"generateContentRequest":[]}', "generateContentRequest"),
        (b'{"generateContentRequest":null}', "contents"),
        (WHOLE[:-1] + b", " + CONTENTS.encode() + b"}", "generateContentRequest"),
        (b"[", None),
    ],
)
def test_a_wrong_request_is_refused_with_its_field(body: bytes, param: str | None) -> None:
    for read in (COUNTING.read_head, COUNTING.parse_request):
        with pytest.raises(FailureError) as caught:
            read(body, HERE)
        assert caught.value.failure.kind is FailureKind.INVALID_REQUEST
        assert caught.value.failure.param == param


def test_a_count_goes_there_and_back() -> None:
    assert COUNTING.render_response(12) == b'{"totalTokens":12}'
    assert COUNTING.parse_response(b'{"totalTokens": 12, "promptTokensDetails": []}') == 12
    with pytest.raises(FailureError) as caught:
        COUNTING.parse_response(b'{"error":{}}')
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY
