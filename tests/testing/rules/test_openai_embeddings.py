"""Requests for embeddings that OpenAI takes, and those that it refuses."""

import msgspec
import pytest

from dragoman.testing.embedding import embed_openai
from dragoman.testing.exchange import Incoming
from dragoman.testing.json_value import JSON, Object, decode_object
from dragoman.testing.rules.refusal import Access, RefusedError

NOTHING: JSON = []
INVALID = (
    "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference."
)


def answer(fields: Object) -> tuple[int, Object]:
    body = msgspec.json.encode({"model": "text-embedding-3-small", "input": "Hello", **fields})
    incoming = Incoming("POST", "/v1/embeddings", {}, {"content-type": "application/json"}, body)
    try:
        found = embed_openai(incoming, Access())
    except RefusedError as refused:
        found = refused.answer
    return found.status, decode_object(found.body)


@pytest.mark.parametrize(
    ("given", "count", "tokens"),
    [
        ("Hello", 1, 2),
        (["Hello", "world"], 2, 4),
        ([1, 2, 3], 1, 3),
        ([[1, 2], [3]], 2, 3),
        ([[1]] * 2048, 2048, 2048),
    ],
)
def test_texts_and_tokens_are_embedded(given: JSON, count: int, tokens: int) -> None:
    status, body = answer({"input": given, "dimensions": 2})

    assert status == 200
    data = body["data"]
    assert isinstance(data, list)
    assert [one["index"] for one in data if isinstance(one, dict)] == list(range(count))
    assert body["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"input": ""}, INVALID),
        ({"input": NOTHING}, INVALID),
        ({"input": ["Hello", ""]}, INVALID),
        ({"input": ["Hello", 1]}, INVALID),
        ({"input": [NOTHING]}, INVALID),
        ({"input": [-1]}, INVALID),
        ({"input": {"text": "Hello"}}, INVALID),
        ({"input": ["x"] * 2049}, "Invalid 'input': maximum array length is 2048, got 2049."),
        ({"input": "abcd" * 8193}, "This model's maximum context length is 8192 tokens"),
        ({"input": ["abcd" * 8000] * 38}, "maximum request size is 300000 tokens per request"),
        ({"dimensions": 0}, "0 is less than the minimum of 1 - 'dimensions'"),
        ({"dimensions": "3"}, "'3' is not of type 'integer' - 'dimensions'"),
        ({"dimensions": 1537}, "Invalid value for 'dimensions' = 1537. Must be less than or equal to 1536."),
        ({"encoding_format": "hex"}, "'hex' is not one of ['float', 'base64'] - 'encoding_format'"),
        ({"task": "x"}, "Unrecognized request argument supplied: task"),
        (
            {"model": "text-embedding-ada-002", "dimensions": 3},
            "This model does not support specifying dimensions.",
        ),
    ],
)
def test_a_request_is_refused_in_the_vendors_words(fields: Object, message: str) -> None:
    status, body = answer(fields)

    assert status == 400
    error = body["error"]
    assert isinstance(error, dict)
    assert message in str(error["message"])


def test_the_oldest_model_takes_an_empty_text() -> None:
    assert answer({"model": "text-embedding-ada-002", "input": ""})[0] == 200


def test_a_chat_model_makes_no_embeddings() -> None:
    status, body = answer({"model": "gpt-4o"})

    assert status == 403
    assert body["error"] == {
        "message": "You are not allowed to generate embeddings from this model",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }
