"""Embeddings of OpenAI's format: one input or many, numbers or base64."""

import base64
import json
import struct

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.embedding import EmbeddingRequest, EmbeddingResponse
from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.conversation.opaque import Opaque
from dragoman.dialects.dialect import Host, Location, Target
from dragoman.dialects.openai_chat.embeddings import EMBEDDING
from dragoman.models.profile import UNKNOWN

TARGET = Target("openai", "text-embedding-3-small", "openai/e", UNKNOWN)
PLAIN = EmbeddingRequest("openai_chat", "m", ("a", "b"))


def parsed(**fields: object) -> EmbeddingRequest:
    return EMBEDDING.parse_request(json.dumps({"model": "m", **fields}).encode(), Location())


@pytest.mark.parametrize(
    ("sent", "inputs", "single"),
    [
        ("hi", ("hi",), True),
        (["hi"], ("hi",), False),
        (["a", "b"], ("a", "b"), False),
        ([1, 2], ((1, 2),), True),
        ([[1, 2], [3]], ((1, 2), (3,)), False),
    ],
)
def test_inputs_are_read_in_every_form(sent: object, inputs: tuple[object, ...], single: bool) -> None:
    request = parsed(input=sent)
    assert (request.inputs, request.single) == (inputs, single)
    body = json.loads(EMBEDDING.render_request(request, TARGET).wire.body)
    assert body == {"model": "text-embedding-3-small", "input": sent}


def test_every_field_is_read_and_written() -> None:
    request = parsed(input="hi", dimensions=8, encoding_format="base64", user="me", input_type="q", x=None)
    assert (request.dimensions, request.base64, request.user) == (8, True, "me")
    assert request.extras == (Opaque("openai_chat", "input_type", b'"q"'),)
    rendered = EMBEDDING.render_request(request, TARGET)
    assert rendered.losses == ()
    assert rendered.wire.path == "/embeddings"
    # vectors come as numbers, whatever the client wants
    assert json.loads(rendered.wire.body) == {
        "model": "text-embedding-3-small",
        "input": "hi",
        "dimensions": 8,
        "user": "me",
        "input_type": "q",
    }


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": ["a", 1]}, "input"),
        ({"input": [[1], []]}, "input[1]"),
        ({"input": ["a"] * 2049}, "input"),
        ({"input": {"text": "a"}}, "input"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "a", "model": ""}, "model"),
    ],
)
def test_a_wrong_request_is_refused_with_its_field(fields: dict[str, object], param: str) -> None:
    with pytest.raises(FailureError) as caught:
        parsed(**fields)
    assert caught.value.failure.kind is FailureKind.INVALID_REQUEST
    assert caught.value.failure.param == param


def test_the_head_asks_for_a_model_and_an_input() -> None:
    for body, param in ((b'{"input":"a"}', "model"), (b'{"model":"m"}', "input"), (b"{", None)):
        with pytest.raises(FailureError) as caught:
            EMBEDDING.read_head(body, Location())
        assert caught.value.failure.param == param


def test_a_passed_through_request_keeps_every_byte_but_the_model() -> None:
    body = b'{ "input":["a"], "model":"m", "dimensions":1e1, "new": [1.00] }'
    wire = EMBEDDING.passthrough(EMBEDDING.read_head(body, Location()), body, TARGET)
    assert wire.body == body.replace(b'"m"', b'"text-embedding-3-small"')


def test_what_only_google_has_is_lost() -> None:
    extras = (Opaque("gemini", "taskType", b'"RETRIEVAL_QUERY"'), Opaque("gemini", "title", b'"t"'))
    rendered = EMBEDDING.render_request(EmbeddingRequest("gemini", "m", ("a",), extras=extras), TARGET)
    assert [(loss.kind, loss.path) for loss in rendered.losses] == [
        ("dropped", "$.taskType"),
        ("dropped", "$.title"),
    ]


def test_what_a_host_refuses_is_left_out_and_reported() -> None:
    target = msgspec.structs.replace(TARGET, host=Host(rejects=frozenset({"user", "seed"})))
    request = EmbeddingRequest("openai_chat", "m", ("a",), user="me")
    rendered = EMBEDDING.render_request(request, target)
    assert "user" not in json.loads(rendered.wire.body)
    assert [loss.path for loss in rendered.losses] == ["$.user"]


def answer(*embeddings: object, **more: object) -> bytes:
    data = [{"object": "embedding", "index": place, "embedding": one} for place, one in enumerate(embeddings)]
    return json.dumps({"object": "list", "data": data, "model": "m-1", **more}).encode()


def test_an_answer_is_read_with_its_numbers_as_they_are() -> None:
    body = answer([0.0023064255, -1e-7], [1, 0.5], usage={"prompt_tokens": 3, "total_tokens": 3})
    response = EMBEDDING.parse_response(body, PLAIN)
    assert response == EmbeddingResponse("m-1", ((0.0023064255, -1e-7), (1.0, 0.5)), 3)
    assert b"0.0023064255" in EMBEDDING.render_response(response, PLAIN)
    assert EMBEDDING.meter_response(body) == 3


def test_vectors_in_base64_are_little_endian_floats() -> None:
    packed = base64.b64encode(struct.pack("<2f", 0.5, -0.25)).decode()
    response = EMBEDDING.parse_response(answer(packed, [1.5]), PLAIN)
    assert response.vectors == ((0.5, -0.25), (1.5,))
    assert response.prompt_tokens is None
    wanted = msgspec.structs.replace(PLAIN, base64=True)
    sent = json.loads(EMBEDDING.render_response(response, wanted))
    assert sent["data"][0]["embedding"] == packed


def test_vectors_come_in_the_order_of_their_numbers() -> None:
    body = b'{"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1]}]}'
    assert EMBEDDING.parse_response(body, PLAIN).vectors == ((1.0,), (2.0,))


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
@settings(max_examples=100)
def test_a_vector_survives_numbers_and_base64(vector: list[float]) -> None:
    request = EmbeddingRequest("openai_chat", "m", ("a",), base64=True)
    response = EmbeddingResponse("m", (tuple(vector),), 1)
    for wanted in (request, msgspec.structs.replace(request, base64=False)):
        body = EMBEDDING.render_response(response, wanted)
        assert EMBEDDING.parse_response(body, wanted) == response


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"{}",
        b'{"data":[]}',
        answer([1.0]),
        answer("AAA", [1.0]),
        answer("AAAA", [1.0]),
        b'{"data":[{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}]}',
    ],
)
def test_what_is_no_vector_for_each_input_is_a_bad_gateway(body: bytes) -> None:
    with pytest.raises(FailureError) as caught:
        EMBEDDING.parse_response(body, PLAIN)
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY


def test_an_error_inside_an_answer_is_that_error() -> None:
    body = b'{"error":{"message":"Rate limit reached","type":"rate_limit_error","code":429}}'
    for read in (lambda: EMBEDDING.meter_response(body), lambda: EMBEDDING.parse_response(body, PLAIN)):
        with pytest.raises(FailureError) as caught:
            read()
        assert caught.value.failure.kind is FailureKind.RATE_LIMIT


def test_a_number_beyond_32_bits_cannot_be_packed() -> None:
    with pytest.raises(FailureError) as caught:
        EMBEDDING.render_response(
            EmbeddingResponse("m", ((1e300,),)), msgspec.structs.replace(PLAIN, base64=True)
        )
    assert caught.value.failure.kind is FailureKind.BAD_GATEWAY
