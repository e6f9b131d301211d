"""Whole answers for our clients."""

from dragoman.conversation.fold import unfold
from dragoman.conversation.response import Response
from dragoman.dialects.dialect import Reply
from dragoman.dialects.openai_responses.stream_encoder import ResponsesStreamEncoder


def render_response(response: Response, reply: Reply) -> bytes:
    """Write a whole answer: the response that ends its stream. Only the first choice has a place."""
    encoder = ResponsesStreamEncoder(reply)
    for event in unfold(response):
        encoder.encode(event)
    return encoder.response()
