"""Where a block of the conversation stands in the client's own request, for errors that name it."""

from dragoman.conversation.blocks import ToolResult
from dragoman.conversation.request import Message, Request


def place_of(request: Request, message: int, block: int) -> str:
    """The path of the block `request.messages[message].blocks[block]`, in the terms of the format that
    the request came in.

    Chat Completions has a message for each leading instruction and for each result of a tool. Where
    the instructions cannot be counted any more, because one message may hold several, the path is
    only `messages`.
    """
    match request.dialect:
        case "gemini":
            return f"contents[{message}].parts[{block}]"
        case "openai_chat":
            if len(request.system) > 1:
                return "messages"
            before = len(request.system) + sum(map(_spread, request.messages[:message]))
            if isinstance(request.messages[message].blocks[block], ToolResult):
                return f"messages[{before + block}]"
            return f"messages[{before}].content[{block}]"
        case _:
            return f"messages[{message}].content[{block}]"


def place_within(dialect: str, result: str, block: int) -> str:
    """The path of a block inside the result of a tool that stands at the path `result`."""
    inner = "functionResponse.parts" if dialect == "gemini" else "content"
    return f"{result}.{inner}[{block}]"


def _spread(message: Message) -> int:
    """Over how many messages of Chat Completions a turn was spread."""
    results = sum(isinstance(block, ToolResult) for block in message.blocks)
    return max(1, results)
