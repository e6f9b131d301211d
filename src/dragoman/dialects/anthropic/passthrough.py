"""Requests and answers of this dialect on their way through unread."""

import msgspec

from dragoman.conversation.envelope import holds_seals
from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.dialects.anthropic import wire_answer
from dragoman.dialects.anthropic.parse_request import read_top
from dragoman.dialects.anthropic.parse_response import read_answer
from dragoman.dialects.anthropic.prefill import trimmed_prefill
from dragoman.dialects.anthropic.render_request import HEADERS, PATH
from dragoman.dialects.anthropic.stops import stop_reason
from dragoman.dialects.anthropic.usage import parse_usage
from dragoman.dialects.dialect import Head, Location, Meter, Passed, Target, WireRequest
from dragoman.dialects.json_text import opens_with, splice_model

_METER = msgspec.json.Decoder(wire_answer.MeterIn)


def read_head(body: bytes, location: Location) -> Head:
    """Check the top level of a request. Raises `FailureError` that names the field at fault."""
    knobs, fields = read_top(body)
    stream = bool(knobs.stream)
    return Head(
        model=knobs.model,
        stream=stream,
        location=location,
        fields=fields,
        stream_usage=stream,
        sealed=holds_seals(body),
    )


def passthrough(head: Head, body: bytes, target: Target) -> Passed:
    """The same request for the target's model, every other byte as it came, but for white space at the
    end of what the answer is to begin with.
    """
    fields = head.fields
    if target.profile.prefill:
        body, fields = trimmed_prefill(body, fields)
    return Passed(WireRequest(PATH, splice_model(body, fields, target.model), HEADERS))


def meter_response(body: bytes) -> Meter:
    """Read what is accounted for. Raises `FailureError` for anything that is not an answer."""
    answer = read_answer(body, _METER)
    if not opens_with(answer.content, b"["):
        raise FailureError(Failure(FailureKind.BAD_GATEWAY, "The upstream's answer has no content."))
    usage = None if answer.usage is None else parse_usage(answer.usage)
    return Meter(usage, (stop_reason(answer.stop_reason),))


def hide_usage(frames: bytes) -> bytes:
    """The frames as they are: no frame of this format holds nothing but usage."""
    return frames
