"""Thinking that is bound to the prompt before it, as that of Anthropic's newest models."""

import msgspec

from dragoman.conversation.blocks import Block, Thinking
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import Response
from dragoman.testing.json_value import decode_object
from dragoman.testing.rules.anthropic_binding import Binding
from dragoman.testing.signatures import issue_signature


def bind_thinking(response: Response, family: str, body: bytes) -> Response:
    """The answer with its thinking signed anew, for nowhere but after the prompt in `body`."""
    prefix = Binding(decode_object(body)).whole
    choices = tuple(
        msgspec.structs.replace(
            choice, blocks=tuple(_bound(block, family, prefix) for block in choice.blocks)
        )
        for choice in response.choices
    )
    return msgspec.structs.replace(response, choices=choices)


def _bound(block: Block, family: str, prefix: str) -> Block:
    if not isinstance(block, Thinking) or block.redacted:
        return block
    value = issue_signature("anthropic", family, block.text, prefix)
    return msgspec.structs.replace(block, signature=Signature("anthropic", "", value))
