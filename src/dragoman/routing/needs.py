"""What a request needs of a target, as far as the conditions of routes can ask about it."""

from collections.abc import Iterable

import msgspec

from dragoman.conversation.blocks import Block, Image, ToolResult
from dragoman.conversation.request import OutputMode, Request
from dragoman.conversation.token_estimate import estimate_tokens


class Needs(msgspec.Struct, frozen=True):
    """The facts of a request that conditions speak of. `input_tokens` is an estimate; `tags` are those of
    the client's key.
    """

    tools: bool = False
    images: bool = False
    json_schema: bool = False
    stream: bool = False
    input_tokens: int = 0
    tags: frozenset[str] = frozenset()


def needs_of(request: Request, tags: Iterable[str], *, stream: bool) -> Needs:
    """What a request needs. Takes as long as reading all of its text does."""
    return Needs(
        tools=bool(request.tools),
        images=any(_has_image(message.blocks) for message in request.messages),
        json_schema=request.output is not None and request.output.mode is OutputMode.JSON_SCHEMA,
        stream=stream,
        input_tokens=estimate_tokens(request),
        tags=frozenset(tags),
    )


def _has_image(blocks: Iterable[Block]) -> bool:
    return any(
        isinstance(block, Image) or (isinstance(block, ToolResult) and _has_image(block.blocks))
        for block in blocks
    )
