"""The top level of requests, as it is checked even on the way through."""

import json

import pytest

from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.dialects.dialect import Head, Location
from dragoman.dialects.openai_chat import DIALECT


def head(**members: object) -> Head:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], **members}
    return DIALECT.read_head(json.dumps(body).encode(), Location())


def test_the_head_tells_the_model_and_how_it_is_to_be_answered() -> None:
    got = head(stream=True, stream_options={"include_usage": True}, n=3)
    assert (got.model, got.stream, got.stream_usage, got.candidates, got.sealed) == (
        "gpt-4o",
        True,
        True,
        3,
        False,
    )


def test_every_member_is_kept_as_the_client_wrote_it() -> None:
    body = b'{"model":"m","messages":[ {"role":"user","content":"a\\u0041"} ], "future" : {"b":1.0,"a":2e0}}'
    got = DIALECT.read_head(body, Location())
    assert bytes(got.fields["messages"]) == b'[ {"role":"user","content":"a\\u0041"} ]'
    assert bytes(got.fields["future"]) == b'{"b":1.0,"a":2e0}'


def test_null_stands_for_absence() -> None:
    got = head(stream=None, stream_options=None, n=None, temperature=None, stop=None, response_format=None)
    assert not got.stream
    assert got.candidates == 1


@pytest.mark.parametrize("value", ["dgm1.YQ.YQ", "ZGdtMS5hYmM="])
def test_sealed_signatures_are_noticed(value: str) -> None:
    assert head(
        messages=[{"role": "assistant", "content": "x", "reasoning_details": [{"data": value}]}]
    ).sealed


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": 1.5}, "top_p"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"n": 1.5}, "n"),
        ({"presence_penalty": 3}, "presence_penalty"),
        ({"frequency_penalty": -2.5}, "frequency_penalty"),
        ({"logit_bias": {"50256": 101}}, "logit_bias[...]"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
        ({"stop": 7}, "stop"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": 0}, "max_completion_tokens"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"response_format": {"type": "yaml"}}, "response_format.type"),
        ({"response_format": {}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {}}},
            "response_format.json_schema.schema",
        ),
        ({"model": ""}, "model"),
        ({"model": None}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": None}, "messages"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_field(members: dict[str, object], param: str) -> None:
    with pytest.raises(FailureError) as caught:
        head(**members)
    failure = caught.value.failure
    assert failure.kind is FailureKind.INVALID_REQUEST
    assert failure.param == param
    assert f"'{param}'" in failure.message


@pytest.mark.parametrize(
    ("body", "param"),
    [(b'{"messages":[{}]}', "model"), (b'{"model":"m"}', "messages"), (b"[]", None), (b"{", None)],
)
def test_what_is_missing_is_named(body: bytes, param: str | None) -> None:
    with pytest.raises(FailureError) as caught:
        DIALECT.read_head(body, Location())
    assert caught.value.failure.param == param


def test_values_at_the_edges_pass() -> None:
    head(temperature=2, top_p=0, n=128, presence_penalty=-2, frequency_penalty=2, logit_bias={"1": -100})
    head(stop=["a", "b", "c", "d"], max_tokens=1, logprobs=True, top_logprobs=0)


def test_fields_of_other_hosts_pass() -> None:
    head(top_k=-1, provider={"order": ["x"]}, reasoning_effort="default", tools="later", thinking=7)
