"""Requests and answers of this dialect on their way unread."""

from dragoman.dialects.dialect import Head, Passed, Target, WireRequest
from dragoman.dialects.json_text import splice_model
from dragoman.dialects.openai_responses.wire import PATH


def passthrough(head: Head, body: bytes, target: Target) -> Passed:
    """The same request for the target's model, every other byte as it came."""
    return Passed(WireRequest(PATH, splice_model(body, head.fields, target.model)))


def hide_usage(frames: bytes) -> bytes:
    """The frames as they are: no frame of this format holds nothing but usage."""
    return frames
