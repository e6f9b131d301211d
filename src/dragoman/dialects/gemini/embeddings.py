"""Embeddings: `:embedContent` for one content, `:batchEmbedContents` for several."""

from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from dragoman.conversation.embedding import EmbeddingRequest, EmbeddingResponse
from dragoman.conversation.failure import Failure, FailureError, FailureKind, invalid
from dragoman.conversation.loss import dropped
from dragoman.conversation.opaque import Opaque
from dragoman.dialects.dialect import Embedding, Head, Location, Rendered, Target, WireRequest
from dragoman.dialects.gemini.counting import resource
from dragoman.dialects.gemini.errors import parse_error_tree
from dragoman.dialects.gemini.parse_request import DIALECT
from dragoman.dialects.gemini.passthrough import method_path, read_model
from dragoman.dialects.gemini.spelling import CONTENT, Shape, camel_members, decode_member
from dragoman.dialects.gemini.wire import Content, Part, given, part_list
from dragoman.dialects.json_text import decode_request, decode_upstream, splice_member
from dragoman.dialects.json_tree import ANY

MAX_INPUTS = 100
"""Google's limit for one batch."""

_ONE, _BATCH = "embedContent", "batchEmbedContents"

_SHAPE: Shape = {"content": CONTENT, "embedContentConfig": {}}
_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_LIST = msgspec.json.Decoder(list[Raw])
_REQUESTS: msgspec.json.Decoder[list[dict[str, Raw]]] = msgspec.json.Decoder(list[dict[str, Raw]])


class _Settings(msgspec.Struct, rename="camel"):
    output_dimensionality: Annotated[int, Meta(ge=1)] | None = None


class _RequestWire(_Settings, rename="camel"):
    content: Content | None = None
    embed_content_config: _Settings | None = None


class _CountWire(msgspec.Struct, rename="camel"):
    prompt_token_count: Annotated[int, Meta(ge=0)] | None = None


class _VectorWire(msgspec.Struct):
    values: list[float] | None = None


class _AnswerWire(msgspec.Struct, rename="camel"):
    embedding: _VectorWire | None = None
    embeddings: list[_VectorWire] | None = None
    usage_metadata: _CountWire | None = None
    error: Raw = Raw()


class _MeteredWire(msgspec.Struct, rename="camel"):
    embedding: Raw = Raw()
    embeddings: Raw = Raw()
    usage_metadata: _CountWire | None = None
    error: Raw = Raw()


_REQUEST = msgspec.json.Decoder(_RequestWire)
_ANSWER = msgspec.json.Decoder(_AnswerWire)
_METERED = msgspec.json.Decoder(_MeteredWire)

_READ = frozenset({"model", "content", "outputDimensionality", "embedContentConfig"})


# --- requests ------------------------------------------------------------------------------------


def read_head(body: bytes, location: Location) -> Head:
    """Check the top level of a request. Raises `FailureError` that names the field at fault."""
    fields = decode_request(_FIELDS, body)
    needed = "requests" if location.batch else "content"
    if not given(camel_members(fields).get(needed, Raw())):
        raise invalid(f"'{needed}': this field is required.", needed, "missing_required_parameter")
    if location.batch and not decode_member(_REQUESTS, fields[needed], needed, {}):
        raise invalid("'requests': expected at least one request.", needed, "invalid_value")
    return Head(model=read_model(location), stream=False, location=location, fields=fields)


def pass_request(head: Head, body: bytes, target: Target) -> WireRequest:
    """A client's request, for the target's model, every other byte as it came.

    The model stands in the URL, and may stand in the body and in each request of a batch besides.
    """
    path = method_path(target.model, _BATCH if head.location.batch else _ONE)
    fields = head.fields
    model = msgspec.json.encode(resource(target.model))
    if "model" in fields:
        body = splice_member(body, fields, "model", model)
        fields = _FIELDS.decode(body)
    if not head.location.batch:
        return WireRequest(path, body)
    renamed = _renamed(fields["requests"], model)
    return WireRequest(path, splice_member(body, fields, "requests", renamed))


def _renamed(batch: Raw, model: bytes) -> bytes:
    """The batch with the model of every request replaced that names one."""
    text = bytes(batch)
    pieces: list[bytes] = []
    position = 0
    for raw in _LIST.decode(batch):
        one = bytes(raw)
        members = _FIELDS.decode(raw)
        # between requests stand only commas and white space
        start = text.index(one, position)
        swapped = splice_member(one, members, "model", model) if "model" in members else one
        pieces += (text[position:start], swapped)
        position = start + len(one)
    return b"".join((*pieces, text[position:]))


def parse_request(body: bytes, location: Location) -> EmbeddingRequest:
    """Read a whole request. Raises `FailureError` that names the field at fault.

    Fields that only this format has are kept once, with the first place where they stand.
    """
    head = read_head(body, location)
    fields = camel_members(head.fields)
    if location.batch:
        requests = _LIST.decode(fields["requests"])
        found = [_Read(raw, f"requests[{place}]") for place, raw in enumerate(requests)]
    else:
        found = [_Read(Raw(body), "")]
    for one in found:
        if one.dimensions != found[0].dimensions:
            path = f"{one.path}.outputDimensionality"
            raise invalid(
                f"'{path}': this model gives all vectors of one batch the same length.", path, "invalid_value"
            )
    extras: dict[str, Opaque] = {}
    for one in found:
        for name, extra in one.extras.items():
            extras.setdefault(name, extra)
    return EmbeddingRequest(
        DIALECT,
        head.model,
        tuple(one.text for one in found),
        dimensions=found[0].dimensions,
        single=not location.batch,
        extras=tuple(extras.values()),
    )


class _Read:
    """One content to be embedded, as a client sent it."""

    def __init__(self, raw: Raw, path: str) -> None:
        self.path = path
        wire = decode_member(_REQUEST, raw, path, _SHAPE)
        members = camel_members(decode_member(_FIELDS, raw, path, {}))
        settings = wire.embed_content_config or _Settings()
        self.dimensions = wire.output_dimensionality or settings.output_dimensionality
        self.text = _text(wire.content, self._at("content"))
        self.extras = {
            name: Opaque(DIALECT, self._at(place), bytes(value))
            for place, name, value in _all_members(members)
            if name not in _READ and given(value)
        }

    def _at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def _all_members(members: dict[str, Raw]) -> Iterator[tuple[str, str, Raw]]:
    """The path, the name and the value of every setting, wherever it stands."""
    for name, value in members.items():
        yield name, name, value
    config = members.get("embedContentConfig", Raw())
    if given(config):
        for name, value in camel_members(_FIELDS.decode(config)).items():
            yield f"embedContentConfig.{name}", name, value


def _text(content: Content | None, path: str) -> str:
    parts = part_list(None if content is None else content.parts)
    if not parts:
        raise invalid(f"'{path}.parts': expected a text.", f"{path}.parts", "missing_required_parameter")
    texts: list[str] = []
    for place, part in enumerate(parts):
        if part.text is None or part != Part(text=part.text):
            at = f"{path}.parts[{place}]"
            raise invalid(f"'{at}': this model embeds texts only.", at, "unsupported_parameter")
        texts.append(part.text)
    text = "\n".join(texts)
    if not text:
        raise invalid(f"'{path}.parts': expected a text that is not empty.", f"{path}.parts", "invalid_value")
    return text


def render_request(request: EmbeddingRequest, target: Target) -> Rendered:
    """Write a request for a target, as a batch.

    Raises `FailureError` for token numbers: they are of another vendor's tokenizer.
    """
    losses = [
        dropped(f"$.{extra.field}", "unknown_field", f"only {extra.dialect} has this field")
        for extra in request.extras
        if extra.dialect != DIALECT
    ]
    if request.user is not None:
        losses.append(dropped("$.user", "user", "requests name no end user"))
    settings = {} if request.dimensions is None else {"outputDimensionality": request.dimensions}
    requests = [
        {"model": resource(target.model), "content": {"parts": [{"text": text}]}, **settings}
        for text in _texts(request)
    ]
    wire = WireRequest(method_path(target.model, _BATCH), msgspec.json.encode({"requests": requests}))
    return Rendered(wire, tuple(losses))


def _texts(request: EmbeddingRequest) -> Iterator[str]:
    for place, one in enumerate(request.inputs):
        if not isinstance(one, str):
            path = "input" if request.single else f"input[{place}]"
            raise invalid(
                f"'{path}': token numbers belong to OpenAI's tokenizer, which this model does not have; send "
                "the text itself.",
                path,
                "token_numbers_not_portable",
            )
        yield one


# --- answers -------------------------------------------------------------------------------------


def meter_response(body: bytes) -> int | None:
    """The tokens of the contents, None where Google does not say. Raises `FailureError` for anything that
    is not an answer.
    """
    answer = decode_upstream(_METERED, body)
    if not given(answer.embedding) and not given(answer.embeddings):
        raise _unanswered(answer.error, body)
    return None if answer.usage_metadata is None else answer.usage_metadata.prompt_token_count


def parse_response(body: bytes, request: EmbeddingRequest) -> EmbeddingResponse:
    """Read a whole answer. Raises `FailureError` for anything that is not one vector for each input."""
    answer = decode_upstream(_ANSWER, body)
    found = answer.embeddings or ([] if answer.embedding is None else [answer.embedding])
    if not found:
        raise _unanswered(answer.error, body)
    if len(found) != len(request.inputs):
        words = f"The upstream's answer holds {len(found)} vectors for {len(request.inputs)} inputs."
        raise FailureError(Failure(FailureKind.BAD_GATEWAY, words, status=200))
    return EmbeddingResponse(
        "",
        tuple(tuple(one.values or ()) for one in found),
        None if answer.usage_metadata is None else answer.usage_metadata.prompt_token_count,
    )


def _unanswered(error: Raw, body: bytes) -> FailureError:
    if given(error):
        return FailureError(parse_error_tree(0, {}, ANY.decode(body), body))
    words = "The upstream's answer holds no vectors."
    return FailureError(Failure(FailureKind.BAD_GATEWAY, words, status=200))


def render_response(response: EmbeddingResponse, request: EmbeddingRequest) -> bytes:
    """Write a whole answer for the client."""
    vectors = [{"values": vector} for vector in response.vectors]
    body: dict[str, object] = {"embedding": vectors[0]} if request.single else {"embeddings": vectors}
    if response.prompt_tokens is not None:
        body["usageMetadata"] = {"promptTokenCount": response.prompt_tokens}
    return msgspec.json.encode(body)


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
