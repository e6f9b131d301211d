"""Embeddings: `POST /embeddings`, of OpenAI and of the many hosts that have the same.

Vectors come as arrays of numbers or as base64 of little-endian 32-bit floats, which OpenAI's own
clients ask for where their callers say nothing.
"""

import base64
import binascii
import struct
from typing import Annotated, Literal

import msgspec

from dragoman.conversation.embedding import EmbeddingRequest, EmbeddingResponse
from dragoman.conversation.failure import Failure, FailureError, FailureKind, invalid
from dragoman.conversation.loss import Loss, dropped
from dragoman.conversation.opaque import Opaque
from dragoman.dialects.dialect import Embedding, Head, Location, Rendered, Target, WireRequest
from dragoman.dialects.error_text import read_error
from dragoman.dialects.json_text import decode_request, decode_upstream, splice_model
from dragoman.dialects.openai_chat.errors import embedded_failure
from dragoman.dialects.openai_chat.wire import NAME, Filled, Positive

PATH = "/embeddings"
MAX_INPUTS = 2048
"""OpenAI's limit for one request."""

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])

Input = str | list[int | str | list[int]]


class _HeadWire(msgspec.Struct):
    model: Filled
    input: msgspec.Raw


class _RequestWire(msgspec.Struct):
    model: Filled
    input: Input
    dimensions: Positive | None = None
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = None


_HEAD = msgspec.json.Decoder(_HeadWire)
_REQUEST = msgspec.json.Decoder(_RequestWire)
_READ = frozenset(_RequestWire.__struct_fields__)


class _UsageWire(msgspec.Struct):
    prompt_tokens: Annotated[int, msgspec.Meta(ge=0)] | None = None
    total_tokens: Annotated[int, msgspec.Meta(ge=0)] | None = None


class _VectorWire(msgspec.Struct):
    embedding: list[float] | str
    index: int | None = None


class _AnswerWire(msgspec.Struct):
    data: list[_VectorWire] | None = None
    model: str | None = None
    usage: _UsageWire | None = None


class _MeteredWire(msgspec.Struct):
    data: list[msgspec.Raw] | None = None
    usage: _UsageWire | None = None


_ANSWER = msgspec.json.Decoder(_AnswerWire)
_METERED = msgspec.json.Decoder(_MeteredWire)


# --- requests ------------------------------------------------------------------------------------


def read_head(body: bytes, location: Location) -> Head:
    """Check the top level of a request. Raises `FailureError` that names the field at fault."""
    fields = decode_request(_FIELDS, body)
    head = decode_request(_HEAD, body)
    return Head(model=head.model, stream=False, location=location, fields=fields)


def pass_request(head: Head, body: bytes, target: Target) -> WireRequest:
    """A client's request, for the target's model, every other byte as it came."""
    return WireRequest(PATH, splice_model(body, head.fields, target.model))


def parse_request(body: bytes, location: Location) -> EmbeddingRequest:
    """Read a whole request. Raises `FailureError` that names the field at fault."""
    del location
    fields = decode_request(_FIELDS, body)
    wire = decode_request(_REQUEST, body)
    inputs = _inputs(wire.input)
    return EmbeddingRequest(
        NAME,
        wire.model,
        inputs,
        dimensions=wire.dimensions,
        base64=wire.encoding_format == "base64",
        single=isinstance(wire.input, str) or isinstance(wire.input[0], int),
        user=wire.user,
        extras=tuple(
            Opaque(NAME, name, bytes(value))
            for name, value in fields.items()
            if name not in _READ and value != _NULL
        ),
    )


_NULL = msgspec.Raw(b"null")


def _inputs(wire: Input) -> tuple[str | tuple[int, ...], ...]:
    """The inputs: one text, one text as token numbers, or a list of either."""
    if isinstance(wire, str):
        if not wire:
            raise invalid("'input': expected a text that is not empty.", "input", "invalid_value")
        return (wire,)
    if not wire:
        raise invalid("'input': expected at least one input, got an empty array.", "input", "empty_array")
    numbers = [one for one in wire if isinstance(one, int)]
    if len(numbers) == len(wire):
        return (tuple(numbers),)
    if numbers:
        raise invalid("'input': expected texts or token numbers, not both.", "input", "invalid_value")
    if len(wire) > MAX_INPUTS:
        raise invalid(
            f"'input': at most {MAX_INPUTS} inputs are accepted, got {len(wire)}.",
            "input",
            "array_above_max_length",
        )
    inputs: list[str | tuple[int, ...]] = []
    for place, one in enumerate(wire):
        if not one or isinstance(one, int):
            raise invalid(
                f"'input[{place}]': expected an input that is not empty.", f"input[{place}]", "invalid_value"
            )
        inputs.append(one if isinstance(one, str) else tuple(one))
    return tuple(inputs)


def render_request(request: EmbeddingRequest, target: Target) -> Rendered:
    """Write a request for a target. Vectors are asked for as numbers, which every host has."""
    losses: list[Loss] = []
    body: dict[str, object] = {
        "model": target.model,
        "input": request.inputs[0] if request.single else request.inputs,
    }
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    if request.user is not None:
        body["user"] = request.user
    for extra in request.extras:
        if extra.dialect == NAME:
            body[extra.field] = msgspec.Raw(extra.json)
        else:
            losses.append(
                dropped(f"$.{extra.field}", "unknown_field", f"only {extra.dialect} has this field")
            )
    for name in sorted(target.host.rejects & body.keys()):
        del body[name]
        losses.append(dropped(f"$.{name}", name, "the host does not take it"))
    return Rendered(WireRequest(PATH, msgspec.json.encode(body)), tuple(losses))


# --- answers -------------------------------------------------------------------------------------


def meter_response(body: bytes) -> int | None:
    """The tokens of the inputs, None where the host does not say. Raises `FailureError` for anything that
    is not an answer.
    """
    answer = decode_upstream(_METERED, body)
    if not answer.data:
        raise FailureError(_unanswered(body))
    return _prompt_tokens(answer.usage)


def parse_response(body: bytes, request: EmbeddingRequest) -> EmbeddingResponse:
    """Read a whole answer. Raises `FailureError` for anything that is not one vector for each input."""
    answer = decode_upstream(_ANSWER, body)
    if not answer.data:
        raise FailureError(_unanswered(body))
    if len(answer.data) != len(request.inputs):
        raise _unreadable(f"holds {len(answer.data)} vectors for {len(request.inputs)} inputs")
    places = [place if one.index is None else one.index for place, one in enumerate(answer.data)]
    vectors = {place: _vector(one.embedding) for place, one in zip(places, answer.data, strict=True)}
    if sorted(places) != list(range(len(places))):
        raise _unreadable("numbers its vectors wrongly")
    return EmbeddingResponse(
        answer.model or "",
        tuple(vectors[place] for place in range(len(places))),
        _prompt_tokens(answer.usage),
    )


def _vector(wire: list[float] | str) -> tuple[float, ...]:
    if isinstance(wire, list):
        return tuple(wire)
    try:
        packed = base64.b64decode(wire, validate=True)
    except (binascii.Error, ValueError):
        raise _unreadable("holds a vector that is no base64") from None
    if len(packed) % 4:
        raise _unreadable("holds a vector that ends inside a number")
    return struct.unpack(f"<{len(packed) // 4}f", packed)


def _prompt_tokens(usage: _UsageWire | None) -> int | None:
    if usage is None:
        return None
    return usage.total_tokens if usage.prompt_tokens is None else usage.prompt_tokens


def _unanswered(body: bytes) -> Failure:
    told = read_error(body)
    if told.message or told.code or told.status:
        return embedded_failure(body)
    return Failure(FailureKind.BAD_GATEWAY, "The upstream's answer holds no vectors.", status=200)


def _unreadable(problem: str) -> FailureError:
    return FailureError(Failure(FailureKind.BAD_GATEWAY, f"The upstream's answer {problem}.", status=200))


def render_response(response: EmbeddingResponse, request: EmbeddingRequest) -> bytes:
    """Write a whole answer for the client. Raises `FailureError` for numbers that it could not read."""
    tokens = response.prompt_tokens or 0
    return msgspec.json.encode(
        {
            "object": "list",
            "data": [
                {
                    "object": "embedding",
                    "index": index,
                    "embedding": _packed(vector) if request.base64 else vector,
                }
                for index, vector in enumerate(response.vectors)
            ],
            "model": response.model or request.model,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
    )


def _packed(vector: tuple[float, ...]) -> str:
    try:
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    except OverflowError:
        raise _unreadable("holds a number that is no 32-bit float") from None


EMBEDDING = Embedding(
    max_inputs=MAX_INPUTS,
    read_head=read_head,
    passthrough=pass_request,
    meter_response=meter_response,
    parse_request=parse_request,
    render_request=render_request,
    parse_response=parse_response,
    render_response=render_response,
)
