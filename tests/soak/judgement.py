"""Whether an answer is right, by what the upstream did for it."""

import enum
import re
from collections.abc import Sequence

from tests.live.client import Client, Reply, Told
from tests.live.vendor_errors import FACES
from tests.soak.errands import ATTEMPTS, KINDS, WITHIN, Errand, Fate
from tests.soak.gateway import is_hedged
from tests.soak.upstream import Asked

from dragoman.conversation.failure import FailureKind

THOROUGH = 50
"""Every so many good answers, one is looked at in full."""

_ATTEMPTS = re.compile(r";\s*attempts=(\d+)")
_PIECES = {
    ("openai_chat", False): re.compile(rb'"content":"([^"]*)"'),
    ("openai_chat", True): re.compile(rb'"content":"([^"]*)"'),
    ("openai_responses", False): re.compile(rb'"text":"([^"]*)"'),
    ("openai_responses", True): re.compile(rb'"delta":"([^"]*)"'),
    ("anthropic", False): re.compile(rb'"text":"([^"]*)"'),
    ("anthropic", True): re.compile(rb'"text":"([^"]*)"'),
    ("gemini", False): re.compile(rb'"text":"([^"]*)"'),
    ("gemini", True): re.compile(rb'"text":"([^"]*)"'),
}
"""The text in an answer whose JSON is compact and free of escapes, as all is here."""

_ENDS = {
    "openai_chat": b'"finish_reason":"stop"',
    "openai_responses": b'"type":"response.completed"',
    "anthropic": b'"type":"message_stop"',
    "gemini": b'"finishReason":"STOP"',
}


class Outcome(enum.StrEnum):
    """What an errand came to."""

    ANSWERED = "answered"
    REFUSED = "refused"
    """An error instead of an answer."""
    BROKEN = "broken"
    """A stream that ended with its format's error."""
    LEFT = "left"
    """The client did not stay for it."""


class UnexpectedError(Exception):
    """An answer that does not fit what the upstream did."""


def judge(one: Errand, reply: Reply, asked: Sequence[Asked], client: Client, *, all_rested: bool) -> Outcome:
    """What an answer is. `all_rested` says whether every target may have been resting after a 429.

    Raises `UnexpectedError`, or `AssertionError` for an error in no proper form.
    """
    fates = [request.fate for request in asked]
    came = len(asked)
    attempts = _attempts(reply)
    if attempts is None and asked:
        raise UnexpectedError("no header tells of attempts")
    attempts = attempts or 0
    # of two that race, one may be given up before its request has reached its upstream
    if attempts > ATTEMPTS or attempts < came or (attempts > came and not is_hedged(one.upstream)):
        raise UnexpectedError(f"{attempts} attempts are told of, and {came} came")
    if reply.status != 200:
        if attempts < ATTEMPTS and not all_rested:
            raise UnexpectedError("given up too early")
        return _refused(client.read_error(reply), reply.status, one, fates, all_rested=all_rested)
    text = b"".join(_PIECES[one.client, one.stream].findall(reply.body)).decode()
    if not one.stream or _ENDS[one.client] in reply.body:
        if Fate.WELL not in fates:
            raise UnexpectedError("an answer came, and none was given")
        if text != one.answer:
            raise UnexpectedError(f"the answer is {text!r}")
        if one.number % THOROUGH == 0:
            _look_closely(one, reply, client)
        return Outcome.ANSWERED
    told = client.stream_error(reply)
    if told is None:
        raise UnexpectedError("the stream ends without an end and without an error")
    kinds = {KINDS[found] for found in fates if found in WITHIN}
    if told.word not in {FACES[kind][one.client].word for kind in kinds}:
        raise UnexpectedError(f"the stream breaks off with {told}")
    if not one.answer.startswith(text):
        raise UnexpectedError(f"the stream breaks off after {text!r}")
    return Outcome.BROKEN


def _refused(told: Told, status: int, one: Errand, fates: list[Fate], *, all_rested: bool) -> Outcome:
    if Fate.WELL in fates:
        raise UnexpectedError(f"an answer was given, and an error came: {told}")
    kinds = {KINDS[found] for found in fates if found is not Fate.WELL}
    if all_rested:
        kinds.add(FailureKind.RATE_LIMIT)
    faces = {FACES[kind][one.client][:2] for kind in kinds}
    if (status, told.word) not in faces:
        raise UnexpectedError(f"{status} {told} is none of {faces}")
    return Outcome.REFUSED


def _look_closely(one: Errand, reply: Reply, client: Client) -> None:
    """Hold an answer against its format's grammar."""
    if one.stream:
        if client.stream_error(reply) is not None:
            raise UnexpectedError("a good stream holds an error")
    else:
        problems = client.grammar.check_response(reply.body)
        if problems:
            raise UnexpectedError(f"{problems}")
    if client.words(reply) != one.answer:
        raise UnexpectedError("the answer is another one")


def _attempts(reply: Reply) -> int | None:
    found = _ATTEMPTS.search(reply.headers.get("x-dragoman-route", ""))
    return None if found is None else int(found[1])
