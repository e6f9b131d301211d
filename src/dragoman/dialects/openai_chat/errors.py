"""Errors: what an upstream's mean, and how failures are told to the client."""

from collections.abc import Mapping

from dragoman.conversation.failure import Failure
from dragoman.dialects import openai_error
from dragoman.dialects.dialect import ErrorBody, Location, Sent
from dragoman.dialects.openai_chat.wire import NAME
from dragoman.frames.sse import encode_data

DONE = b"data: [DONE]\n\n"
"""The frame that ends every stream."""


def _exceeded(used: int, limit: int) -> str:
    return (
        f"This model's maximum context length is {limit} tokens. However, your messages "
        f"resulted in {used} tokens. Please reduce the length of the messages."
    )


def _too_long(message: str) -> str:
    return f"Your messages exceed this model's maximum context length. Please shorten them. ({message})"


_WORDING = openai_error.Wording(NAME, "messages", "maximum context length", _exceeded, _too_long)


def parse_error(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """What an upstream's error answer means. Never raises."""
    return openai_error.parse_error(NAME, status, headers, body)


def embedded_failure(body: bytes, error: object = None) -> Failure:
    """What an error inside a 200 answer or a stream means; `error` is its decoded `error` field."""
    return openai_error.embedded_failure(NAME, body, error)


def unanswered(body: bytes) -> Failure:
    """What a 200 answer without any choice means: an error inside it, or nothing that makes sense."""
    return openai_error.unanswered(NAME, body, "choices")


def render_error(failure: Failure, request_id: str) -> ErrorBody:
    """A failure for the client, with the gateway's id of the request."""
    return openai_error.render_error(failure, request_id, _WORDING)


def error_json(failure: Failure) -> bytes:
    """`{"error": {...}}`, as it stands in error answers and in streams."""
    return openai_error.error_json(failure, _WORDING)


def stream_failure(failure: Failure, location: Location, sent: Sent) -> bytes:
    """The frames that end a stream with an error, whether or not others went before."""
    del location, sent
    return encode_data(error_json(failure)) + DONE
