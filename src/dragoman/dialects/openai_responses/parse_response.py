"""Whole answers of an upstream."""

import msgspec

from dragoman.conversation.events import Event, UsageReported
from dragoman.conversation.failure import FailureError
from dragoman.conversation.fold import fold
from dragoman.conversation.response import Response
from dragoman.dialects.dialect import Meter
from dragoman.dialects.json_text import decode_upstream
from dragoman.dialects.openai_responses.answer_wire import AnswerWire, MeteredItemWire
from dragoman.dialects.openai_responses.errors import unanswered
from dragoman.dialects.openai_responses.open_answer import (
    ANSWER,
    OpenAnswer,
    failure_of,
    reason_of,
    started_of,
)
from dragoman.dialects.openai_responses.open_item import parse_parts
from dragoman.dialects.openai_responses.stop import stop_of
from dragoman.dialects.openai_responses.usage import usage_of

_ITEM = msgspec.json.Decoder(MeteredItemWire)


def parse_response(body: bytes, origin: str) -> Response:
    """Read a whole answer from an origin. Raises `FailureError` for anything that is not one: a
    response that failed, or an error that came with a status of 200.
    """
    return fold(parse_events(body, origin))


def parse_answer(body: bytes) -> AnswerWire:
    """The top level of a whole answer. Raises `FailureError` as `parse_response` does."""
    answer = decode_upstream(ANSWER, body)
    failure = failure_of(answer, body)
    if failure is not None:
        raise FailureError(failure)
    if answer.output is None:
        raise FailureError(unanswered(body))
    return answer


def parse_events(body: bytes, origin: str) -> list[Event]:
    """A whole answer as a stream of events. Raises `FailureError` for anything that is not one."""
    answer = parse_answer(body)
    events: list[Event] = [started_of(answer)]
    opened = OpenAnswer(origin)
    opened.id = answer.id or ""
    for raw in answer.output or ():
        opened.end(None, bytes(raw), events)
    opened.close(answer.status, reason_of(answer), events)
    usage = usage_of(answer)
    if usage is not None:
        events.append(UsageReported(usage))
    return events


def meter_response(body: bytes) -> Meter:
    """What is accounted for of a whole answer. Raises `FailureError` for anything that is not one."""
    answer = parse_answer(body)
    called = refused = False
    for raw in answer.output or ():
        item = decode_upstream(_ITEM, raw)
        called = called or item.type in {"function_call", "custom_tool_call"}
        refused = refused or (
            item.type == "message"
            and bytes(item.content).find(b'"refusal"') >= 0
            and any(part.type == "refusal" for part in parse_parts(item.content))
        )
    stop = stop_of(answer.status, reason_of(answer), called=called, refused=refused)
    return Meter(usage_of(answer), (stop.reason,))
