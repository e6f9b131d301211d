"""Whole answers from the wire."""

from typing import TypeVar

import msgspec

from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.response import Choice, Response
from dragoman.dialects.anthropic import wire, wire_answer
from dragoman.dialects.anthropic.errors import parse_stream_error
from dragoman.dialects.anthropic.parse_content import Fields, parse_answer_block
from dragoman.dialects.anthropic.stops import calls_tools, parse_stop
from dragoman.dialects.anthropic.usage import neutral_tier, parse_usage
from dragoman.dialects.anthropic.wire import DIALECT
from dragoman.dialects.json_text import decode_upstream

T = TypeVar("T")

_FIELDS = msgspec.json.Decoder(Fields)
_ANSWER = msgspec.json.Decoder(wire_answer.MessageIn)
_EXTRAS = ("container", "stop_details", "context_management", "input_transformations", "diagnostics")
"""Members that only this format has and that a client of it reads."""


def parse_response(body: bytes, origin: str) -> Response:
    """Read a whole answer from an origin.

    Raises `FailureError`: with what the upstream said where the body is an error in spite of a status
    of success, and as a bad gateway for anything else that is no answer.
    """
    answer = read_answer(body, _ANSWER)
    try:
        blocks = tuple(parse_answer_block(raw, origin) for raw in answer.content)
    except FailureError as error:
        problem = error.failure.message
        raise FailureError(
            Failure(FailureKind.BAD_GATEWAY, f"The upstream's answer could not be read: {problem}")
        ) from None
    details = answer.stop_details
    stop = parse_stop(
        answer.stop_reason,
        answer.stop_sequence,
        None if details is None else details.explanation,
        called=calls_tools(blocks),
    )
    counts = answer.usage
    return Response(
        id=answer.id,
        model=answer.model,
        choices=(Choice(0, blocks, stop),),
        usage=None if counts is None else parse_usage(counts),
        service_tier=None if counts is None else neutral_tier(counts.service_tier),
        extras=_extras(body),
    )


def read_answer(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """The body of an answer. Raises `FailureError` for errors and for anything else."""
    try:
        return decode_upstream(decoder, body)
    except FailureError:
        fields = decode_upstream(_FIELDS, body)
        if "error" in fields:
            raise FailureError(parse_stream_error(body)) from None
        raise


def _extras(body: bytes) -> tuple[Opaque, ...]:
    fields = _FIELDS.decode(body)
    return tuple(
        Opaque(DIALECT, name, bytes(fields[name]))
        for name in _EXTRAS
        if name in fields and wire.given(fields[name])
    )
