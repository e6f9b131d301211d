"""Answers to requests for embeddings, as OpenAI and as Google write them."""

import msgspec

from dragoman.testing.exchange import Answer, Incoming, json_answer
from dragoman.testing.rules import gemini_embeddings, openai_embeddings
from dragoman.testing.rules.openai_embeddings import inputs_of
from dragoman.testing.rules.refusal import Access
from dragoman.testing.tokens import count_tokens
from dragoman.testing.vectors import as_base64, embed


class _OpenAIVector(msgspec.Struct, frozen=True):
    index: int
    embedding: str | tuple[float, ...]
    object: str = "embedding"


class _OpenAIUsage(msgspec.Struct, frozen=True):
    prompt_tokens: int
    total_tokens: int


class _OpenAIList(msgspec.Struct, frozen=True):
    data: list[_OpenAIVector]
    model: str
    usage: _OpenAIUsage
    object: str = "list"


class _GeminiVector(msgspec.Struct, frozen=True):
    values: tuple[float, ...]


class _GeminiUsage(msgspec.Struct, frozen=True):
    prompt_token_count: int = msgspec.field(name="promptTokenCount")


class _GeminiSingle(msgspec.Struct, frozen=True):
    embedding: _GeminiVector
    usage: _GeminiUsage = msgspec.field(name="usageMetadata")


class _GeminiBatch(msgspec.Struct, frozen=True):
    embeddings: list[_GeminiVector]
    usage: _GeminiUsage = msgspec.field(name="usageMetadata")


def embed_openai(incoming: Incoming, access: Access) -> Answer:
    """OpenAI's answer. Raises `RefusedError` for a request that it refuses."""
    body = openai_embeddings.check_request(incoming, access)
    fields, inputs = body.object(), inputs_of(body)
    model = str(fields["model"])
    asked = fields.get("dimensions")
    size = asked if isinstance(asked, int) else openai_embeddings.SIZES.get(model, openai_embeddings.SIZE)
    coded = fields.get("encoding_format") == "base64"
    data: list[_OpenAIVector] = []
    for index, one in enumerate(inputs):
        vector = embed(one if isinstance(one, str) else " ".join(map(str, one)), size)
        data.append(_OpenAIVector(index, as_base64(vector) if coded else vector))
    tokens = sum(openai_embeddings.size_of(one) for one in inputs)
    return json_answer(200, msgspec.json.encode(_OpenAIList(data, model, _OpenAIUsage(tokens, tokens))))


def embed_gemini(incoming: Incoming, model: str, access: Access, *, batch: bool) -> Answer:
    """Google's answer. Raises `RefusedError` for a request that it refuses."""
    if batch:
        requests = gemini_embeddings.read_batch(incoming, model, access)
    else:
        requests = [gemini_embeddings.read_single(incoming, model, access)]
    vectors: list[_GeminiVector] = []
    texts = [gemini_embeddings.text_of(request) for request in requests]
    for request, text in zip(requests, texts, strict=True):
        asked = request.get("output_dimensionality")
        size = asked if isinstance(asked, int) else gemini_embeddings.size_of(model)
        vectors.append(_GeminiVector(embed(text, size)))
    usage = _GeminiUsage(sum(count_tokens(text) for text in texts))
    answer = _GeminiBatch(vectors, usage) if batch else _GeminiSingle(vectors[0], usage)
    return json_answer(200, msgspec.json.encode(answer))
