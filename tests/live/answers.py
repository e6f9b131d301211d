"""Answers of a model for the fake provider to give."""

from dragoman.conversation.blocks import Block, Text
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.conversation.usage import Usage


def answering(*blocks: Block, reason: StopReason = StopReason.END) -> Response:
    """A whole answer with these blocks."""
    choice = Choice(0, blocks, Stop(reason))
    return Response("", "", (choice,), Usage(input=5, output=7))


def saying(words: str) -> Response:
    """A whole answer with this text."""
    return answering(Text(words))
