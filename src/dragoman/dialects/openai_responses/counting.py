"""Counting a prompt's tokens: `POST /responses/input_tokens`.

It takes a request for an answer without what shapes only the answer, and says how many `input_tokens`
there are.
"""

from typing import Annotated

import msgspec

from dragoman.conversation.request import Request
from dragoman.dialects.dialect import Counting, Head, Location, Target, WireRequest
from dragoman.dialects.json_text import decode_request, decode_upstream, splice_model
from dragoman.dialects.openai_responses.head import given, goes_on
from dragoman.dialects.openai_responses.head import read_head as read_responses_head
from dragoman.dialects.openai_responses.parse_request import parse_request as parse_responses
from dragoman.dialects.openai_responses.render_request import render_request as render_responses

PATH = "/responses/input_tokens"

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])

_COUNTED = frozenset(
    {
        "model",
        "input",
        "instructions",
        "tools",
        "tool_choice",
        "text",
        "reasoning",
        "parallel_tool_calls",
        "previous_response_id",
        "conversation",
        "truncation",
    }
)
"""What the endpoint takes of a request for an answer."""


class _Count(msgspec.Struct):
    input_tokens: Annotated[int, msgspec.Meta(ge=0)]
    object: str = "response.input_tokens"


_COUNT = msgspec.json.Decoder(_Count)


def read_head(body: bytes, location: Location) -> Head:
    """Check the top level of a request for a count. Raises `FailureError` that names the field at fault."""
    fields = decode_request(_FIELDS, body)
    head = read_responses_head(_as_for_an_answer(fields, body), location)
    return msgspec.structs.replace(head, fields=fields, stream=False)


def parse_request(body: bytes, location: Location) -> Request:
    """Read a request for a count. Raises `FailureError` that names the field at fault."""
    return parse_responses(_as_for_an_answer(decode_request(_FIELDS, body), body), location)


def _as_for_an_answer(fields: dict[str, msgspec.Raw], body: bytes) -> bytes:
    """The request with an input: instructions and tools may be counted without any."""
    if given(fields, "input") or goes_on(fields):
        return body
    return msgspec.json.encode({**fields, "input": ""})


def render_request(request: Request, target: Target) -> WireRequest:
    """Ask a target for the count. Raises `FailureError` for content that it cannot take."""
    fields = _FIELDS.decode(render_responses(request, target).wire.body)
    kept = {name: value for name, value in fields.items() if name in _COUNTED}
    return WireRequest(PATH, msgspec.json.encode(kept))


def pass_request(head: Head, body: bytes, target: Target) -> WireRequest:
    """A client's request for a count, for the target's model, every other byte as it came."""
    return WireRequest(PATH, splice_model(body, head.fields, target.model))


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
