"""What OpenAI refuses on `POST /v1/embeddings`. Its older rules answer in the words of a JSON Schema."""

import re

from dragoman.models.profile import UNKNOWN, profile_of
from dragoman.testing.exchange import Incoming
from dragoman.testing.json_value import JSON, is_integer
from dragoman.testing.rules.openai_body import read_body, read_model, refuse_unknown
from dragoman.testing.rules.openai_errors import Field, refused
from dragoman.testing.rules.refusal import Access, RefusedError
from dragoman.testing.tokens import count_tokens

MOST_INPUTS = 2048
MOST_TOKENS = 8192
"""The longest input, in tokens."""
MOST_TOKENS_IN_ALL = 300_000

SIZES = {"text-embedding-3-large": 3072, "text-embedding-3-small": 1536, "text-embedding-ada-002": 1536}
"""The length of each model's vectors."""
SIZE = 1536
"""The length of the vectors of any other model."""

Input = str | tuple[int, ...]

_KNOWN = frozenset({"dimensions", "encoding_format", "input", "model", "user"})
_FORMATS = ("float", "base64")


def check_request(incoming: Incoming, access: Access) -> Field:
    """The request. Raises `RefusedError` for one that OpenAI refuses."""
    body = read_body(incoming)
    model = read_model(body, access)
    if profile_of(model) is not UNKNOWN:
        raise refused("You are not allowed to generate embeddings from this model", status=403)
    refuse_unknown(body, _KNOWN)
    if (form := body.member("encoding_format")) is not None and form.value not in _FORMATS:
        raise refused(f"{form.value!r} is not one of {list(_FORMATS)} - 'encoding_format'")
    _check_dimensions(body, model)
    if (user := body.member("user")) is not None:
        user.string()
    inputs = inputs_of(body)
    sizes = [size_of(one) for one in inputs]
    if max(sizes) > MOST_TOKENS:
        raise refused(
            f"This model's maximum context length is {MOST_TOKENS} tokens, however you requested "
            f"{max(sizes)} tokens ({max(sizes)} in your prompt; 0 for the completion). Please reduce your "
            "prompt; or completion length."
        )
    if sum(sizes) > MOST_TOKENS_IN_ALL:
        message = f"Invalid 'input': maximum request size is {MOST_TOKENS_IN_ALL} tokens per request."
        raise refused(message, code="max_tokens_per_request", kind="max_tokens_per_request")
    if "" in inputs and model != "text-embedding-ada-002":
        # the oldest model alone takes an empty text, as a recorded answer shows
        raise _invalid_input()
    return body


def _check_dimensions(body: Field, model: str) -> None:
    dimensions = body.member("dimensions")
    if dimensions is None:
        return
    value = dimensions.value
    if not isinstance(value, int) or not is_integer(value):
        raise refused(f"{value!r} is not of type 'integer' - 'dimensions'")
    if value < 1:
        raise refused(f"{value} is less than the minimum of 1 - 'dimensions'")
    if model == "text-embedding-ada-002":
        raise refused("This model does not support specifying dimensions.")
    most = SIZES.get(model, SIZE)
    if value > most:
        raise refused(f"Invalid value for 'dimensions' = {value}. Must be less than or equal to {most}.")


def inputs_of(body: Field) -> list[Input]:
    """What is to be embedded. Raises `RefusedError` for anything but texts and token numbers."""
    if "input" not in body.object():
        raise refused("'input' is a required property")
    value = body.object()["input"]
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not value:
        raise _invalid_input()
    if all(is_integer(element) for element in value):
        return [_tokens(value)]
    if len(value) > MOST_INPUTS:
        raise refused(f"Invalid 'input': maximum array length is {MOST_INPUTS}, got {len(value)}.")
    if all(isinstance(element, str) for element in value):
        return [str(element) for element in value]
    return [_tokens(element) for element in value]


def _tokens(value: JSON) -> tuple[int, ...]:
    if not isinstance(value, list) or not value:
        raise _invalid_input()
    numbers = tuple(one for one in value if isinstance(one, int) and not isinstance(one, bool) and one >= 0)
    if len(numbers) < len(value):
        raise _invalid_input()
    return numbers


def _invalid_input() -> RefusedError:
    return refused(
        "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference."
    )


def size_of(one: Input) -> int:
    """The tokens of an input."""
    return count_tokens(one) if isinstance(one, str) else len(one)


def is_embedding_model(model: str) -> bool:
    """Whether the model's name says that it makes nothing but embeddings."""
    return re.search(r"(?:^|-)embedding(?:-|$)", model) is not None
