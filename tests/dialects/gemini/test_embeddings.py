"""Embeddings of Google's format: one content or a batch."""

import json

import msgspec
import pytest

from dragoman.conversation.embedding import EmbeddingRequest, EmbeddingResponse
from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.conversation.opaque import Opaque
from dragoman.dialects.dialect import Location, Target
from dragoman.dialects.gemini.embeddings import EMBEDDING
from dragoman.models.profile import UNKNOWN

TARGET = Target("gemini", "gemini-embedding-001", "gemini/e", UNKNOWN)
ONE = Location("embed")
BATCH = Location("embed", batch=True)


SEVERAL = (
    b'{"requests": [ {"content":{"parts":[{"text":"models/embed"}]}, "model":"models/embed"} ,\n'
    b'{"model" : "models/embed","output_dimensionality":4, "content":{}},{"content":{}} ] }'
)


def content(*texts: str) -> dict[str, object]:
    return {"parts": [{"text": text} for text in texts]}


def parsed(location: Location, **fields: object) -> EmbeddingRequest:
    return EMBEDDING.parse_request(json.dumps(fields).encode(), location)


def test_one_content_is_one_input() -> None:
    request = parsed(ONE, content=content("a", "b"), taskType="QUERY", title="t", model="models/x")
    assert (request.model, request.inputs, request.single) == ("embed", ("a\nb",), True)
    assert request.extras == (
        Opaque("gemini", "taskType", b'"QUERY"'),
        Opaque("gemini", "title", b'"t"'),
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"outputDimensionality": 8, "taskType": "QUERY"},
        {"output_dimensionality": 8, "task_type": "QUERY"},
        {"embedContentConfig": {"outputDimensionality": 8, "taskType": "QUERY"}},
        {"embed_content_config": {"output_dimensionality": 8, "task_type": "QUERY"}},
    ],
)
def test_settings_are_read_in_either_spelling_and_place(settings: dict[str, object]) -> None:
    request = parsed(ONE, content=content("a"), **settings)
    assert request.dimensions == 8
    assert [extra.field.rpartition(".")[2] for extra in request.extras] == ["taskType"]


def test_a_batch_is_read_in_order_and_its_settings_once() -> None:
    requests = [
        {"model": "models/embed", "content": content(text), "taskType": "QUERY"} for text in ("a", "b", "c")
    ]
    request = parsed(BATCH, requests=requests)
    assert (request.inputs, request.single) == (("a", "b", "c"), False)
    assert [extra.field for extra in request.extras] == ["requests[0].taskType"]


WRONG: list[tuple[Location, dict[str, object], str]] = [
    (ONE, {}, "content"),
    (ONE, {"requests": []}, "content"),
    (BATCH, {"content": content("a")}, "requests"),
    (BATCH, {"requests": []}, "requests"),
    (BATCH, {"requests": [1]}, "requests[0]"),
    (BATCH, {"requests": [{}]}, "requests[0].content.parts"),
    (ONE, {"content": {"parts": []}}, "content.parts"),
    (ONE, {"content": content("")}, "content.parts"),
    (
        BATCH,
        {"requests": [{"content": {"parts": [{"text": "a"}, {"inlineData": {"data": "AA=="}}]}}]},
        "requests[0].content.parts[1]",
    ),
    (ONE, {"content": content("a"), "outputDimensionality": 0}, "outputDimensionality"),
    (
        BATCH,
        {"requests": [{"content": content("a")}, {"content": content("b"), "outputDimensionality": 4}]},
        "requests[1].outputDimensionality",
    ),
]
"""Requests that cannot be read, and the field at fault."""


@pytest.mark.parametrize(("location", "fields", "param"), WRONG)
def test_a_wrong_request_is_refused_with_its_field(
    location: Location, fields: dict[str, object], param: str
) -> None:
    with pytest.raises(FailureError) as caught:
        parsed(location, **fields)
    assert caught.value.failure.kind is FailureKind.INVALID_REQUEST
    assert caught.value.failure.param == param


@pytest.mark.parametrize(
    ("location", "body", "method"),
    [
        (ONE, b'{ "content":{"parts":[{"text":"a"}]}, "taskType":"X" }', "embedContent"),
        (ONE, b'{ "model":"models/embed", "content":{"parts":[{"text":"a"}]} }', "embedContent"),
        (
            BATCH,
            SEVERAL,
            "batchEmbedContents",
        ),
    ],
)
def test_a_passed_through_request_keeps_every_byte_but_the_models(
    location: Location, body: bytes, method: str
) -> None:
    wire = EMBEDDING.passthrough(EMBEDDING.read_head(body, location), body, TARGET)
    assert wire.path == f"/v1beta/models/gemini-embedding-001:{method}"
    named = body.replace(b'"models/embed"', b'"models/gemini-embedding-001"')
    # what stands in a text is no model's name
    assert wire.body == named.replace(b'{"text":"models/gemini-embedding-001"}', b'{"text":"models/embed"}')


def test_a_request_is_written_as_a_batch() -> None:
    extras = (Opaque("openai_chat", "input_type", b'"q"'),)
    request = EmbeddingRequest("openai_chat", "m", ("a", "b"), dimensions=8, user="me", extras=extras)
    rendered = EMBEDDING.render_request(request, TARGET)
    assert rendered.wire.path == "/v1beta/models/gemini-embedding-001:batchEmbedContents"
    assert json.loads(rendered.wire.body) == {
        "requests": [
            {"model": "models/gemini-embedding-001", "content": content(text), "outputDimensionality": 8}
            for text in ("a", "b")
        ]
    }
    assert {loss.path for loss in rendered.losses} == {"$.input_type", "$.user"}


@pytest.mark.parametrize(
    ("inputs", "single", "param"),
    [(((1, 2),), True, "input"), (("a", (1,)), False, "input[1]")],
)
def test_token_numbers_are_refused(
    inputs: tuple[str | tuple[int, ...], ...], single: bool, param: str
) -> None:
    with pytest.raises(FailureError) as caught:
        EMBEDDING.render_request(EmbeddingRequest("openai_chat", "m", inputs, single=single), TARGET)
    assert caught.value.failure.kind is FailureKind.INVALID_REQUEST
    assert caught.value.failure.param == param
    assert "tokenizer" in caught.value.failure.message


@pytest.mark.parametrize(
    ("single", "body"),
    [
        (True, b'{"embedding":{"values":[0.5,-0.25]},"usageMetadata":{"promptTokenCount":3}}'),
        (False, b'{"embeddings":[{"values":[0.5,-0.25]}],"usageMetadata":{"promptTokenCount":3}}'),
        (False, b'{"embeddings":[{"values":[0.5,-0.25]}]}'),
    ],
)
def test_an_answer_goes_there_and_back(single: bool, body: bytes) -> None:
    request = EmbeddingRequest("gemini", "m", ("a",), single=single)
    response = EMBEDDING.parse_response(body, request)
    assert response.vectors == ((0.5, -0.25),)
    assert response.prompt_tokens == EMBEDDING.meter_response(body)
    assert EMBEDDING.render_response(response, request) == body


def test_what_is_no_vector_for_each_input_is_a_bad_gateway() -> None:
    request = EmbeddingRequest("gemini", "m", ("a", "b"))
    for body in (b"{}", b'{"embeddings":[{"values":[1]}]}', b"<html>"):
        with pytest.raises(FailureError) as caught:
            EMBEDDING.parse_response(body, request)
        assert caught.value.failure.kind is FailureKind.BAD_GATEWAY
    with pytest.raises(FailureError):
        EMBEDDING.meter_response(b"{}")


def test_an_error_inside_an_answer_is_that_error() -> None:
    body = b'{"error":{"code":429,"message":"Slow down.","status":"RESOURCE_EXHAUSTED"}}'
    with pytest.raises(FailureError) as caught:
        EMBEDDING.meter_response(body)
    assert caught.value.failure.kind is FailureKind.RATE_LIMIT


def test_vectors_are_not_made_unit_length() -> None:
    response = EmbeddingResponse("m", ((3.0, 4.0),))
    body = EMBEDDING.render_response(response, EmbeddingRequest("gemini", "m", ("a",), single=True))
    assert msgspec.json.decode(body) == {"embedding": {"values": [3.0, 4.0]}}
