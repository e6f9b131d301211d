"""Answers of upstreams: bytes to the wire's structs, and what stands beside the choices."""

import msgspec

from dragoman.conversation.events import Started
from dragoman.conversation.failure import Failure
from dragoman.dialects.openai_chat.answer_wire import AnswerWire, ChoiceWire
from dragoman.dialects.openai_chat.errors import embedded_failure
from dragoman.dialects.openai_chat.stop import broken_off

ANSWER = msgspec.json.Decoder(AnswerWire)


def started_of(answer: AnswerWire) -> Started:
    """Who answers, and when it began."""
    created = answer.created
    return Started(
        id=answer.id or "",
        model=answer.model or "",
        created=int(created) if created and not isinstance(created, str) else None,
        service_tier=answer.service_tier,
    )


def failure_of(choice: ChoiceWire, body: bytes) -> Failure | None:
    """What broke a choice off, where its host says so in place of an answer's end."""
    if choice.error:
        return embedded_failure(body, choice.error)
    return broken_off(choice.finish_reason)
