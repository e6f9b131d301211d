"""Errors: what an upstream's mean, and how failures are told to the client."""

from collections.abc import Mapping

from dragoman.conversation.failure import Failure
from dragoman.dialects import openai_error
from dragoman.dialects.dialect import ErrorBody, Location, Sent
from dragoman.dialects.openai_completions.wire import NAME
from dragoman.frames.sse import encode_data

DONE = b"data: [DONE]\n\n"
"""The frame that ends every stream."""


def _exceeded(used: int, limit: int) -> str:
    return (
        f"This model's maximum context length is {limit} tokens, however you requested {used} tokens. "
        "Please reduce your prompt; or completion length."
    )


def _unknown(message: str) -> str:
    return f"Your prompt exceeds this model's maximum context length. Please shorten it. ({message})"


_WORDING = openai_error.Wording(NAME, "prompt", "maximum context length", _exceeded, _unknown)


def parse_error(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """What an upstream's error answer means. Never raises."""
    return openai_error.parse_error(NAME, status, headers, body)


def render_error(failure: Failure, request_id: str) -> ErrorBody:
    """A failure for the client, with the gateway's id of the request."""
    return openai_error.render_error(failure, request_id, _WORDING)


def stream_failure(failure: Failure, location: Location, sent: Sent) -> bytes:
    """The frames that end a stream with an error, whether or not others went before."""
    del location, sent
    return encode_data(openai_error.error_json(failure, _WORDING)) + DONE
