"""Streamed answers for our clients: events to server-sent ones.

Whole answers are written by the same code: they are the last event's response.
"""

import msgspec

from dragoman.conversation.events import (
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    CitationDelta,
    Event,
    Failed,
    LogprobsReported,
    SignatureDelta,
    Started,
    Stopped,
    TextDelta,
    ThinkingDelta,
    UsageReported,
)
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.conversation.response import Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.dialects.answer_id import answer_id
from dragoman.dialects.arguments import compact
from dragoman.dialects.dialect import Location, Reply
from dragoman.dialects.openai_responses.answer_writer import AnswerWriter
from dragoman.dialects.openai_responses.echo import echo
from dragoman.dialects.openai_responses.errors import error_event, response_error
from dragoman.dialects.openai_responses.output import Output
from dragoman.dialects.openai_responses.stop import COMPLETED, FAILED, IN_PROGRESS, status_of
from dragoman.dialects.openai_responses.usage import render_usage

ANSWER_PREFIX = "resp_"
"""What ids of answers begin with."""

_encode = msgspec.json.Encoder().encode
_BROKEN_OFF = Failure(FailureKind.BAD_GATEWAY, "The answer ended before it was complete.")


def stream_type(location: Location) -> str:
    """The media type of a streamed answer."""
    del location
    return "text/event-stream; charset=utf-8"


def keep_alive(location: Location) -> bytes:
    """A comment, which clients of server-sent events skip."""
    del location
    return b": keep-alive\n\n"


class ResponsesStreamEncoder:
    """Neutral events in, named and numbered server-sent events out.

    The format has one answer: further choices are left out. The last event waits for `close`, because
    usage may come last.
    """

    __slots__ = ("_base", "_failed", "_id", "_output", "_reply", "_start", "_stop", "_usage", "_writer")

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._start = Started("", "")
        self._id = ""
        self._base = b""
        """The members that repeat the request, as JSON text without braces."""
        self._output = Output("")
        self._writer: AnswerWriter | None = None
        self._usage: Usage | None = None
        self._stop: Stop | None = None
        self._failed = False

    def encode(self, event: Event, /) -> bytes:
        """The events that `event` leads to."""
        match event:
            case Started():
                if self._writer is not None:
                    return b""
                self._start = event
                return self._begin()[1]
            case UsageReported(usage=usage):
                self._usage = usage if self._usage is None else self._usage.updated(usage)
                return b""
            case Failed(failure=failure):
                return b"" if self._failed else self._fail(failure)
            case _:
                if self._failed or event.choice or self._stop is not None:
                    return b""
                writer, out = self._begin()
                return out + self._write(writer, event)

    def _write(
        self,
        writer: AnswerWriter,
        event: BlockStarted
        | TextDelta
        | ThinkingDelta
        | SignatureDelta
        | ArgumentsDelta
        | CitationDelta
        | BlockEnded
        | LogprobsReported
        | Stopped,
    ) -> bytes:
        match event:
            case TextDelta(index=index, text=text):
                return writer.say(index, text)
            case ThinkingDelta(index=index, text=text):
                return writer.think(index, text)
            case ArgumentsDelta(index=index, text=text):
                return writer.grow(index, text)
            case BlockStarted(index=index, block=block):
                return writer.start(index, block)
            case BlockEnded(index=index):
                return writer.end(index)
            case SignatureDelta(index=index, signature=signature):
                return writer.sign(index, signature)
            case CitationDelta(index=index, citation=citation):
                writer.cite(index, citation)
                return b""
            case LogprobsReported(tokens=tokens):
                writer.measure(tokens)
                return b""
            case Stopped(stop=stop):
                self._stop = stop
                return writer.close(stop)

    def close(self) -> bytes:
        """The last event, with the whole response; none after `Failed`."""
        if self._failed:
            return b""
        if self._stop is None:
            return self._fail(_BROKEN_OFF)
        status, _ = status_of(self._stop)
        return self._tell(f"response.{status}".encode(), self.response())

    def response(self) -> bytes:
        """The whole response, once the answer has stopped."""
        stop = self._stop or Stop(StopReason.OTHER)
        status, reason = status_of(stop)
        usage = render_usage(self._usage or Usage())
        return self._response(status, reason=reason, usage=usage)

    def _begin(self) -> tuple[AnswerWriter, bytes]:
        """The writer of the answer, and the events that begin the answer unless they are out."""
        if self._writer is not None:
            return self._writer, b""
        reply, start = self._reply, self._start
        self._id = answer_id(start.id, reply.fallback_id, ANSWER_PREFIX)
        fields = echo(reply.request, reply.previous)
        if start.service_tier is not None:
            fields["service_tier"] = start.service_tier
        self._base = compact(_encode(fields))[1:-1]
        self._output = Output(self._id)
        self._writer = AnswerWriter(self._output, reply.request)
        skeleton = self._response(IN_PROGRESS)
        begun = self._tell(b"response.created", skeleton) + self._tell(b"response.in_progress", skeleton)
        return self._writer, begun

    def _fail(self, failure: Failure) -> bytes:
        """The `error` event and the failed response, one after the other as OpenAI sends them."""
        out = self._begin()[1]
        self._failed = True
        out += error_event(failure, self._output.next_number())
        usage = b"null" if self._usage is None else render_usage(self._usage)
        response = self._response(FAILED, error=response_error(failure), usage=usage)
        return out + self._tell(b"response.failed", response)

    def _tell(self, kind: bytes, response: bytes) -> bytes:
        return self._output.frame(kind, b',"response":' + response)

    def _response(
        self,
        status: str,
        *,
        reason: str | None = None,
        error: dict[str, str | None] | None = None,
        usage: bytes = b"null",
    ) -> bytes:
        """The response object as it is now."""
        created = self._start.created or self._reply.created
        response: dict[str, object] = {
            "id": self._id,
            "object": "response",
            "created_at": created,
            "status": status,
            "completed_at": max(created, self._reply.created) if status == COMPLETED else None,
            "error": error,
            "incomplete_details": None if reason is None else {"reason": reason},
            "model": self._start.model or self._reply.request.model,
            "output": msgspec.Raw(self._output.items),
        }
        return b"".join((_encode(response)[:-1], b",", self._base, b',"usage":', usage, b"}"))
