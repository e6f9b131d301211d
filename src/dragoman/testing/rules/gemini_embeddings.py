"""What Google refuses on `:embedContent` and `:batchEmbedContents`."""

import re

from dragoman.testing.exchange import Incoming
from dragoman.testing.json_value import JSON, Object
from dragoman.testing.rules.gemini import read_body
from dragoman.testing.rules.gemini_config import objects
from dragoman.testing.rules.gemini_contents import check_part
from dragoman.testing.rules.gemini_errors import refused
from dragoman.testing.rules.refusal import Access, RefusedError

MOST_REQUESTS = 100
"""The most requests in one batch."""

SIZES = {"gemini-embedding-001": 3072, "gemini-embedding-2": 3072, "text-embedding-004": 768}
"""The length of each model's vectors."""
SIZE = 768
"""The length of the vectors of any other model."""

_MODEL = re.compile(r"(?:models|tunedModels)/(?P<name>.+)")


def read_single(incoming: Incoming, model: str, access: Access) -> Object:
    """The request of `:embedContent`. Raises `RefusedError` for one that Google refuses."""
    request = read_body(incoming, access, "EmbedContentRequest", "embedContent")
    _check(request, model, "EmbedContentRequest.")
    return request


def read_batch(incoming: Incoming, model: str, access: Access) -> list[Object]:
    """The requests of `:batchEmbedContents`. Raises `RefusedError` for one that Google refuses."""
    body = read_body(incoming, access, "BatchEmbedContentsRequest", "embedContent")
    requests = objects(body.get("requests"))
    where = "BatchEmbedContentsRequest."
    if not requests:
        raise _error(f"{where}requests", "requests is not specified")
    if len(requests) > MOST_REQUESTS:
        raise _error(f"{where}requests", f"at most {MOST_REQUESTS} requests can be in one batch")
    for place, request in enumerate(requests):
        path = f"{where}requests[{place}]."
        named = request.get("model")
        found = _MODEL.fullmatch(named) if isinstance(named, str) else None
        if found is None:
            raise _error(f"{path}model", "unexpected model name format")
        if found["name"] != model:
            raise _error(f"{path}model", f"model does not match the model in the batch request: {model}")
        _check(request, model, path)
    return requests


def _error(path: str, problem: str) -> RefusedError:
    return refused(f"* {path}: {problem}\n")


def _check(request: Object, model: str, path: str) -> None:
    content = request.get("content")
    parts = objects(content.get("parts")) if isinstance(content, dict) else []
    if not parts:
        raise _error(f"{path}content", "contents is not specified")
    for place, part in enumerate(parts):
        check_part(part, f"content.parts[{place}]")
    if "title" in request and request.get("task_type") != "RETRIEVAL_DOCUMENT":
        raise _error(f"{path}title", "title is only supported for the task type RETRIEVAL_DOCUMENT")
    size = request.get("output_dimensionality")
    most = size_of(model)
    if isinstance(size, int) and not 1 <= size <= most:
        raise _error(f"{path}output_dimensionality", f"must be in the range [1, {most}]")


def size_of(model: str) -> int:
    """The length of a model's vectors."""
    return SIZES.get(model, SIZE)


def text_of(request: Object) -> str:
    """What is to be embedded, as one text; media stand for themselves by their base64."""
    content = request.get("content")
    parts = objects(content.get("parts")) if isinstance(content, dict) else []
    return "\n".join(_text(part.get("text", part.get("inline_data", ""))) for part in parts)


def _text(value: JSON) -> str:
    return value if isinstance(value, str) else str(value)
