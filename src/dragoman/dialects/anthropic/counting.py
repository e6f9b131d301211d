"""Counting a prompt's tokens: `POST /v1/messages/count_tokens`.

It takes a request for an answer without what shapes only the answer, and says `{"input_tokens": 12}`.
"""

from typing import Annotated

import msgspec

from dragoman.conversation.request import Request
from dragoman.dialects.anthropic.parse_request import parse_request as parse_messages
from dragoman.dialects.anthropic.passthrough import read_head as read_messages_head
from dragoman.dialects.anthropic.render_request import HEADERS
from dragoman.dialects.anthropic.render_request import render_request as render_messages
from dragoman.dialects.dialect import Counting, Head, Location, Target, WireRequest
from dragoman.dialects.json_text import decode_request, decode_upstream, splice_model

PATH = "/v1/messages/count_tokens"

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])

_OF_THE_ANSWER = frozenset(
    {
        "max_tokens",
        "metadata",
        "service_tier",
        "stop_sequences",
        "stream",
        "temperature",
        "top_k",
        "top_p",
    }
)
"""What shapes only the answer: the endpoint takes none of it, and its newer version no sampling."""


class _Count(msgspec.Struct):
    input_tokens: Annotated[int, msgspec.Meta(ge=0)]


_COUNT = msgspec.json.Decoder(_Count)


def read_head(body: bytes, location: Location) -> Head:
    """Check the top level of a request for a count. Raises `FailureError` that names the field at fault."""
    fields = decode_request(_FIELDS, body)
    head = read_messages_head(_as_for_an_answer(fields, body), location)
    return msgspec.structs.replace(head, fields=fields, stream=False)


def parse_request(body: bytes, location: Location) -> Request:
    """Read a request for a count. Raises `FailureError` that names the field at fault."""
    return parse_messages(_as_for_an_answer(decode_request(_FIELDS, body), body), location)


def _as_for_an_answer(fields: dict[str, msgspec.Raw], body: bytes) -> bytes:
    """The request with the one member that answers need and counts do without."""
    if "max_tokens" in fields:
        return body
    return msgspec.json.encode({**fields, "max_tokens": msgspec.Raw(b"1")})


def render_request(request: Request, target: Target) -> WireRequest:
    """Ask a target for the count. Raises `FailureError` for content that it cannot take."""
    wire = render_messages(request, target).wire
    fields = _FIELDS.decode(wire.body)
    kept = {name: value for name, value in fields.items() if name not in _OF_THE_ANSWER}
    return WireRequest(PATH, msgspec.json.encode(kept), wire.headers)


def pass_request(head: Head, body: bytes, target: Target) -> WireRequest:
    """A client's request for a count, for the target's model, every other byte as it came."""
    return WireRequest(PATH, splice_model(body, head.fields, target.model), HEADERS)


def parse_response(body: bytes) -> int:
    """The number of input tokens. Raises `FailureError` for anything that is not a count."""
    return decode_upstream(_COUNT, body).input_tokens


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
