"""Requests and answers on their way unread."""

import msgspec

from dragoman.conversation.failure import FailureError
from dragoman.dialects.dialect import Head, Location, Meter, Passed, Target, WireRequest
from dragoman.dialects.json_text import decode_request, decode_upstream, splice_model
from dragoman.dialects.openai_completions.wire import ANSWER, NAME, HeadWire, parse_usage, stop_reason
from dragoman.dialects.openai_error import unanswered
from dragoman.dialects.stream_usage import with_usage

PATH = "/completions"

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_HEAD = msgspec.json.Decoder(HeadWire)


def read_head(body: bytes, location: Location) -> Head:
    """Check the top level of a request. Raises `FailureError` that names the field at fault."""
    fields = decode_request(_FIELDS, body)
    head = decode_request(_HEAD, body)
    return Head(
        model=head.model,
        stream=head.stream is True,
        location=location,
        fields=fields,
        stream_usage=head.stream_options is not None and head.stream_options.include_usage is True,
        candidates=head.n or 1,
    )


def passthrough(head: Head, body: bytes, target: Target) -> Passed:
    """The request with its model swapped. A stream is made to tell its usage, which we account for."""
    body = splice_model(body, head.fields, target.model)
    if not head.stream or head.stream_usage or not target.host.stream_options:
        return Passed(WireRequest(PATH, body))
    return Passed(WireRequest(PATH, with_usage(body, head)), hide_usage=True)


def meter_response(body: bytes) -> Meter:
    """What is accounted for of a whole answer. Raises `FailureError` for anything that is not one."""
    answer = decode_upstream(ANSWER, body)
    if not answer.choices:
        raise FailureError(unanswered(NAME, body, "choices"))
    usage = None if answer.usage is None else parse_usage(answer.usage)
    return Meter(usage, tuple(stop_reason(choice.finish_reason) for choice in answer.choices))
