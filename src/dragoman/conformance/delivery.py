"""Upstream answers in awkward pieces: the same bytes, cut anywhere."""

import msgspec

from dragoman.conformance.question import Question
from dragoman.conversation.request import Request
from dragoman.conversation.response import Response
from dragoman.dialects.dialect import Location, Reply
from dragoman.dialects.registry import DIALECTS
from dragoman.testing.delivery import streamed_answer, whole_answer
from dragoman.testing.exchange import Answer, Chunk
from dragoman.testing.script import Scripted

_CREATED = 1_790_000_000
_IDS = {"openai_chat": "chatcmpl-conformance", "openai_responses": "resp_c0", "anthropic": "msg_01c0"}


def chopped(upstream: str, response: Response, question: Question, *, size: int) -> Answer:
    """The answer in the upstream's format, in pieces of `size` bytes: characters, frames and the
    arguments of calls are cut wherever that falls.
    """
    dialect = DIALECTS[upstream]
    request = Request(upstream, "conformance", (), stream=question.stream, stream_usage=True)
    location = Location("conformance", question.stream)
    reply = Reply(request, location, _CREATED, "0123456789abcdef01234567", "fp_conformance", "")
    write = streamed_answer if question.stream else whole_answer
    identity = _IDS.get(upstream, "c0nf0rmance")
    named = msgspec.structs.replace(response, id=identity, model="conformance", created=_CREATED)
    answer = write(dialect, reply, named, Scripted(named))
    body = answer.body
    chunks = tuple(Chunk(0.0, body[at : at + size]) for at in range(0, len(body), size))
    return Answer(answer.status, answer.headers, chunks, streamed=True)
