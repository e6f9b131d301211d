"""What an exchange with the demo model counts as, in tokens of `tokens.py`.

Caching follows the marks in the prompt and nothing else: the first turn of a conversation writes
the marked prefix, each later turn reads what the turn before could have written and writes the rest.
"""

from collections.abc import Iterable, Iterator
from typing import assert_never

import msgspec

from dragoman.conversation.blocks import (
    Audio,
    Block,
    CacheMark,
    Document,
    Image,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
from dragoman.conversation.request import CustomTool, FunctionTool, Request, Role, ServerTool, Tool
from dragoman.conversation.response import Choice
from dragoman.conversation.usage import Usage
from dragoman.testing.tokens import MEDIA_TOKENS, MESSAGE_TOKENS, count_tokens


def count_prompt(request: Request) -> int:
    """All tokens of the prompt, cached or not."""
    return sum(piece.size for piece in _pieces(request))


def count_usage(request: Request, choices: Iterable[Choice]) -> Usage:
    """The whole usage of an answer."""
    pieces = list(_pieces(request))
    last_answer = max((at for at, piece in enumerate(pieces) if piece.of_model), default=-1)
    reached = read = marked = hourly = 0
    for at, piece in enumerate(pieces):
        reached += piece.size
        if piece.mark is None:
            continue
        if at < last_answer:
            read = reached
        elif piece.mark.ttl == "1h":
            hourly += reached - marked
        marked = reached
    output = reasoning = 0
    for choice in choices:
        for block in choice.blocks:
            if isinstance(block, Unknown) and block.server_side:
                continue  # the vendor's own doing: nothing that the model wrote
            size = count_block(block)
            output += size
            if isinstance(block, Thinking):
                reasoning += size
    return Usage(
        input=reached - marked,
        output=output,
        cache_read=read,
        cache_write=marked - read,
        cache_write_1h=hourly,
        reasoning=reasoning,
    )


def count_block(block: Block) -> int:
    """The tokens of one block, at least one."""
    match block:
        case Text(text=text) | Refusal(text=text):
            size = count_tokens(text)
        case Thinking(text=text):
            size = count_tokens(text)
        case ToolCall(name=name, arguments=arguments):
            size = count_tokens(name) + count_tokens(arguments)
        case ToolResult(blocks=blocks):
            size = sum(count_block(inner) for inner in blocks)
        case Image() | Audio() | Document():
            size = MEDIA_TOKENS
        case Unknown(json=data):
            size = count_tokens(data.decode("utf-8", "replace"))
        case _:
            assert_never(block)
    return max(1, size)


_MARKABLE = (Text, Image, Document, ToolCall, ToolResult)


class _Piece(msgspec.Struct, frozen=True):
    """A part of the prompt: its size, the cache mark behind it, and whether the model wrote it."""

    size: int
    mark: CacheMark | None = None
    of_model: bool = False


def _pieces(request: Request) -> Iterator[_Piece]:
    """The prompt in the order in which vendors cache it: tools, instructions, turns."""
    for tool in request.tools:
        yield _Piece(_count_tool(tool), tool.cache if isinstance(tool, FunctionTool) else None)
    for block in request.system:
        yield _Piece(count_block(block), block.cache)
    for message in request.messages:
        of_model = message.role is Role.ASSISTANT
        yield _Piece(MESSAGE_TOKENS, of_model=of_model)
        for block in message.blocks:
            mark = block.cache if isinstance(block, _MARKABLE) else None
            yield _Piece(count_block(block), mark, of_model)
    if request.cache is not None:
        yield _Piece(0, request.cache)


def _count_tool(tool: Tool) -> int:
    match tool:
        case FunctionTool(name=name, description=description, parameters=definition):
            pass
        case CustomTool(name=name, description=description, format=definition):
            pass
        case ServerTool(kind=name, json=definition):
            description = None
        case _:
            assert_never(tool)
    texts = (name, description or "", (definition or b"").decode("utf-8", "replace"))
    return max(1, sum(count_tokens(text) for text in texts))
