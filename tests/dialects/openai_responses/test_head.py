"""The top level of requests, as it is checked even on the way through."""

import json

import pytest

from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.dialects.dialect import Head, Location
from dragoman.dialects.openai_responses.head import read_head


def head(**members: object) -> Head:
    return read_head(json.dumps({"model": "gpt-5", "input": "hi", **members}).encode(), Location())


def test_the_head_tells_the_model_and_how_it_is_to_be_answered() -> None:
    got = head(stream=True)
    assert (got.model, got.stream, got.stream_usage, got.candidates, got.sealed) == (
        "gpt-5",
        True,
        True,
        1,
        False,
    )


def test_every_member_is_kept_as_the_client_wrote_it() -> None:
    body = b'{"model":"m","input":[ {"role":"user","content":"a\\u0041"} ], "future" : {"b":1.0,"a":2e0}}'
    got = read_head(body, Location())
    assert bytes(got.fields["input"]) == b'[ {"role":"user","content":"a\\u0041"} ]'
    assert bytes(got.fields["future"]) == b'{"b":1.0,"a":2e0}'


def test_null_stands_for_absence() -> None:
    assert not head(stream=None, store=None, text=None, temperature=None, previous_response_id=None).stream


def test_sealed_signatures_are_noticed() -> None:
    item: dict[str, object] = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [],
        "encrypted_content": "dgm1.YQ.YQ",
    }
    assert head(input=[item]).sealed


@pytest.mark.parametrize(
    "members",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"prompt": {"id": "pmpt_1"}},
        {"previous_response_id": "resp_1", "input": []},
    ],
)
def test_a_request_that_goes_on_from_what_is_kept_needs_no_input(members: dict[str, object]) -> None:
    assert read_head(json.dumps({"model": "m", **members}).encode(), Location()).model == "m"


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": 5}, "input"),
        ({"input": {}}, "input"),
        ({"model": ""}, "model"),
        ({"model": None}, "model"),
        ({"model": 5}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"store": "yes"}, "store"),
        ({"temperature": 2.1}, "temperature"),
        ({"top_p": -1}, "top_p"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"instructions": ["x"]}, "instructions"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format.schema"),
        ({"previous_response_id": "resp_1", "conversation": "conv_1"}, "previous_response_id"),
    ],
)
def test_an_error_names_the_field(members: dict[str, object], param: str) -> None:
    with pytest.raises(FailureError) as caught:
        head(**members)
    assert caught.value.failure.kind is FailureKind.INVALID_REQUEST
    assert caught.value.failure.param == param
    assert f"'{param}'" in caught.value.failure.message


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'"x"', b'{"model":"m"}', b'{"model":"m","input":"\xff"}']
)
def test_a_body_that_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(FailureError):
        read_head(body, Location())
