"""Errors: what an upstream's mean, and how failures are told to the client, whole and in streams."""

import contextlib
from collections.abc import Iterator, Mapping

import msgspec

from dragoman.conversation.failure import Failure
from dragoman.dialects import openai_error
from dragoman.dialects.dialect import ErrorBody, Location, Sent
from dragoman.dialects.openai_responses.wire import NAME
from dragoman.frames.sse import SSEDecoder, encode_event

_UNSAID: dict[str, object] = {
    "id": "resp_unknown",
    "object": "response",
    "created_at": 0,
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "model": "unknown",
    "output": [],
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "reasoning": {"effort": None, "summary": None},
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "truncation": "disabled",
    "usage": None,
}
"""What a response says that failed before it said anything: clients' types know no absent members."""


class _Event(msgspec.Struct):
    """An event of a stream, as far as its end has to fit to it."""

    sequence_number: int = -1
    response: dict[str, msgspec.Raw] = {}


def _exceeded(used: int, limit: int) -> str:
    return (
        "Your input exceeds the context window of this model: its maximum context length is "
        f"{limit} tokens, and your input has {used} tokens. Please adjust your input and try again."
    )


def _too_long(message: str) -> str:
    return (
        "Your input exceeds the context window of this model. Please adjust your input and try again. "
        f"({message})"
    )


_WORDING = openai_error.Wording(NAME, "input", "exceeds the context window", _exceeded, _too_long)


def parse_error(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """What an upstream's error answer means. Never raises."""
    return openai_error.parse_error(NAME, status, headers, body)


def embedded_failure(body: bytes, error: object = None) -> Failure:
    """What an error inside a 200 answer or a stream means; `error` is its decoded `error` field."""
    return openai_error.embedded_failure(NAME, body, error)


def unanswered(body: bytes) -> Failure:
    """What a 200 answer without any output means: an error inside it, or nothing that makes sense."""
    return openai_error.unanswered(NAME, body, "output")


def render_error(failure: Failure, request_id: str) -> ErrorBody:
    """A failure for the client, with the gateway's id of the request."""
    return openai_error.render_error(failure, request_id, _WORDING)


def response_error(failure: Failure) -> dict[str, str | None]:
    """The `error` of a response that failed. It always has a code, unlike the errors of requests."""
    told = openai_error.error_members(failure, _WORDING)
    return {"code": told["code"] or told["type"], "message": told["message"]}


def error_event(failure: Failure, number: int) -> bytes:
    """The `error` event, as the wire has it (nested) and as the official SDKs' types do (flat)."""
    told = openai_error.error_members(failure, _WORDING)
    data: dict[str, object] = {
        "type": "error",
        "sequence_number": number,
        "error": told,
        "code": told["code"] or told["type"],
        "message": told["message"],
        "param": told["param"],
    }
    return encode_event("error", msgspec.json.encode(data))


def stream_failure(failure: Failure, location: Location, sent: Sent) -> bytes:
    """The frames that end a passed-through stream with an error: `error`, and the failed response that
    clients wait for. It is the response that the stream began with, and the numbers go on.
    """
    del location
    events = [*_events(sent.opening), *_events(sent.last)]
    number = max((event.sequence_number for event in events), default=-1) + 1
    begun = next((event.response for event in events if event.response), None) or {}
    failed = {"status": "failed", "error": response_error(failure), "incomplete_details": None}
    data = {
        "type": "response.failed",
        "sequence_number": number + 1,
        "response": {**_UNSAID, **begun, **failed},
    }
    return error_event(failure, number) + encode_event("response.failed", msgspec.json.encode(data))


def _events(frames: bytes) -> Iterator[_Event]:
    for frame in SSEDecoder().feed(frames):
        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
            yield msgspec.json.decode(frame.data, type=_Event)
