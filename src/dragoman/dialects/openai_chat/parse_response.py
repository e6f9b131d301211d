"""Whole answers of an upstream."""

from dragoman.conversation.events import Event, UsageReported
from dragoman.conversation.failure import FailureError
from dragoman.conversation.fold import fold
from dragoman.conversation.response import Response
from dragoman.dialects.json_text import decode_upstream
from dragoman.dialects.openai_chat.answer import ANSWER, failure_of, started_of
from dragoman.dialects.openai_chat.answer_wire import AnswerWire
from dragoman.dialects.openai_chat.choice import OpenChoice
from dragoman.dialects.openai_chat.citations import sources_of
from dragoman.dialects.openai_chat.errors import unanswered
from dragoman.dialects.openai_chat.usage import usage_of


def parse_response(body: bytes, origin: str) -> Response:
    """Read a whole answer from an origin. Raises `FailureError` for anything that is not one.

    Errors that come with a status of 200 are recognised by the lack of choices.
    """
    return fold(parse_events(body, origin))


def parse_events(body: bytes, origin: str) -> list[Event]:
    """A whole answer as a stream of events. Raises `FailureError` for anything that is not one."""
    answer = decode_upstream(ANSWER, body)
    if not answer.choices:
        raise FailureError(unanswered(body))
    events: list[Event] = [started_of(answer)]
    _read_choices(answer, body, origin, events)
    usage = usage_of(answer)
    if usage is not None:
        events.append(UsageReported(usage))
    return events


def _read_choices(answer: AnswerWire, body: bytes, origin: str, events: list[Event]) -> None:
    sources = sources_of(answer)
    for place, choice in enumerate(answer.choices or ()):
        failure = failure_of(choice, body)
        if failure is not None:
            raise FailureError(failure)
        opened = OpenChoice(place if choice.index is None else choice.index, origin, answer.id or "")
        opened.finish = choice.finish_reason
        opened.sequence = choice.stop_reason or choice.matched_stop
        message = choice.message or choice.delta
        if message is not None:
            opened.read(message, events, whole=True)
        if choice.logprobs:
            opened.read_logprobs(bytes(choice.logprobs), events)
        opened.close(events, sources)
