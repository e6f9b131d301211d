"""Requests for embeddings that Google takes, and those that it refuses."""

import math

import msgspec
import pytest

from dragoman.testing.embedding import embed_gemini
from dragoman.testing.exchange import Incoming
from dragoman.testing.json_value import JSON, Object, decode_object
from dragoman.testing.rules.refusal import Access, RefusedError

MODEL = "gemini-embedding-001"
HELLO: Object = {"content": {"parts": [{"text": "Hello"}]}}
NAMED: Object = {"model": f"models/{MODEL}", **HELLO}


def answer(fields: Object, *, batch: bool = False) -> tuple[int, Object]:
    verb = "batchEmbedContents" if batch else "embedContent"
    path = f"/v1beta/models/{MODEL}:{verb}"
    incoming = Incoming("POST", path, {}, {}, msgspec.json.encode(fields))
    try:
        found = embed_gemini(incoming, MODEL, Access(), batch=batch)
    except RefusedError as refused:
        found = refused.answer
    return found.status, decode_object(found.body)


@pytest.mark.parametrize(
    "fields",
    [
        HELLO,
        NAMED,
        {**HELLO, "taskType": "RETRIEVAL_DOCUMENT", "title": "A title"},
        {**HELLO, "task_type": "CLUSTERING", "output_dimensionality": 3},
    ],
)
def test_one_text_is_embedded(fields: Object) -> None:
    status, body = answer(fields)

    assert status == 200
    embedding = body["embedding"]
    assert isinstance(embedding, dict)
    values = embedding["values"]
    assert isinstance(values, list)
    assert len(values) == (3 if "output_dimensionality" in fields else 3072)
    assert math.isclose(sum(float(str(value)) ** 2 for value in values), 1, rel_tol=1e-5)


def test_a_batch_has_a_vector_for_each_text() -> None:
    requests: list[JSON] = [{**NAMED, "outputDimensionality": 2}] * 100
    status, body = answer({"requests": requests}, batch=True)

    assert status == 200
    assert isinstance(body["embeddings"], list)
    assert len(body["embeddings"]) == 100


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "* EmbedContentRequest.content: contents is not specified\n"),
        ({"content": {"parts": []}}, "* EmbedContentRequest.content: contents is not specified\n"),
        (
            {**HELLO, "title": "A title"},
            "* EmbedContentRequest.title: title is only supported for the task type RETRIEVAL_DOCUMENT\n",
        ),
        (
            {**HELLO, "outputDimensionality": 3073},
            "* EmbedContentRequest.output_dimensionality: must be in the range [1, 3072]\n",
        ),
        (
            {**HELLO, "taskType": "GUESSING"},
            (
                "Invalid value at 'task_type' "
                '(type.googleapis.com/google.ai.generativelanguage.v1beta.TaskType), "GUESSING"'
            ),
        ),
        (
            {**HELLO, "dimensions": 3},
            'Invalid JSON payload received. Unknown name "dimensions": Cannot find field.',
        ),
    ],
)
def test_one_text_is_refused_in_the_vendors_words(fields: Object, message: str) -> None:
    status, body = answer(fields)

    assert status == 400
    error = body["error"]
    assert isinstance(error, dict)
    assert (error["message"], error["status"]) == (message, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"requests": []}, "BatchEmbedContentsRequest.requests: requests is not specified"),
        ({"requests": [NAMED] * 101}, "at most 100 requests can be in one batch"),
        ({"requests": [HELLO]}, "requests[0].model: unexpected model name format"),
        (
            {"requests": [{**HELLO, "model": "models/other"}]},
            f"requests[0].model: model does not match the model in the batch request: {MODEL}",
        ),
    ],
)
def test_a_batch_is_refused_in_the_vendors_words(fields: Object, message: str) -> None:
    status, body = answer(fields, batch=True)

    assert status == 400
    error = body["error"]
    assert isinstance(error, dict)
    assert message in str(error["message"])
