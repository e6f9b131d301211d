"""Counting a prompt's tokens: `:countTokens`.

A request holds either the turns alone (`contents`) or a whole request for an answer
(`generateContentRequest`), which names the model once more. The count is `{"totalTokens": 12}`.
"""

from typing import Annotated

import msgspec
from msgspec import Raw

from dragoman.conversation.envelope import holds_seals
from dragoman.conversation.failure import invalid
from dragoman.conversation.request import Request
from dragoman.dialects.dialect import Counting, Head, Location, Target, WireRequest
from dragoman.dialects.gemini.parse_request import parse_request as parse_generation
from dragoman.dialects.gemini.passthrough import method_path, read_fields, read_model
from dragoman.dialects.gemini.render_request import render_request as render_generation
from dragoman.dialects.gemini.spelling import camel, decode_member
from dragoman.dialects.gemini.wire import given
from dragoman.dialects.json_text import decode_request, decode_upstream, splice_member

_METHOD = "countTokens"
_WHOLE = "generateContentRequest"

_FIELDS = msgspec.json.Decoder(dict[str, Raw])


class _Count(msgspec.Struct, rename="camel"):
    total_tokens: Annotated[int, msgspec.Meta(ge=0)]


_COUNT = msgspec.json.Decoder(_Count)


def read_head(body: bytes, location: Location) -> Head:
    """Check the top level of a request for a count. Raises `FailureError` that names the field at fault."""
    fields = decode_request(_FIELDS, body)
    read_fields(_prompt(fields, body))
    return Head(
        model=read_model(location),
        stream=False,
        location=location,
        fields=fields,
        sealed=holds_seals(body),
    )


def parse_request(body: bytes, location: Location) -> Request:
    """Read a request for a count. Raises `FailureError` that names the field at fault."""
    return parse_generation(_prompt(decode_request(_FIELDS, body), body), location)


def _prompt(fields: dict[str, Raw], body: bytes) -> bytes:
    """The part of the body that is a request for an answer: all of it, or the member that holds one."""
    name = _whole_name(fields)
    if name is None:
        return body
    if given(fields.get("contents", Raw())):
        raise invalid(f"'{_WHOLE}': set contents or {_WHOLE}, not both.", param=_WHOLE, code="invalid_value")
    decode_member(_FIELDS, fields[name], _WHOLE, {})
    return bytes(fields[name])


def _whole_name(fields: dict[str, Raw]) -> str | None:
    """The spelling in which a whole request is there."""
    return next((name for name, raw in fields.items() if camel(name) == _WHOLE and given(raw)), None)


def render_request(request: Request, target: Target) -> WireRequest:
    """Ask a target for the count. Raises `FailureError` for content that it cannot take."""
    whole = _FIELDS.decode(render_generation(request, target).wire.body)
    named = {"model": Raw(msgspec.json.encode(resource(target.model))), **whole}
    return WireRequest(method_path(target.model, _METHOD), msgspec.json.encode({_WHOLE: named}))


def pass_request(head: Head, body: bytes, target: Target) -> WireRequest:
    """A client's request for a count, for the target's model, every other byte as it came."""
    path = method_path(target.model, _METHOD)
    name = _whole_name(head.fields)
    if name is None:
        return WireRequest(path, body)
    whole = head.fields[name]
    members = _FIELDS.decode(whole)
    if "model" not in members:
        return WireRequest(path, body)
    model = msgspec.json.encode(resource(target.model))
    swapped = splice_member(bytes(whole), members, "model", model)
    return WireRequest(path, splice_member(body, head.fields, name, swapped))


def resource(model: str) -> str:
    """A model's name as bodies have it: with its collection."""
    return model if model.startswith(("models/", "tunedModels/")) else f"models/{model}"


def parse_response(body: bytes) -> int:
    """The number of input tokens. Raises `FailureError` for anything that is not a count."""
    return decode_upstream(_COUNT, body).total_tokens


def render_response(count: int) -> bytes:
    """A count for the client."""
    return msgspec.json.encode(_Count(count))


COUNTING = Counting(
    read_head=read_head,
    parse_request=parse_request,
    render_request=render_request,
    passthrough=pass_request,
    parse_response=parse_response,
    render_response=render_response,
)
