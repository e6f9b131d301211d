"""Where a block of the conversation stands in the client's own request, for errors that name it."""

import msgspec

from dragoman.conversation.blocks import ToolResult
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import Message, Request

_PLACES = "places"
_PATHS = msgspec.json.Decoder(list[str])
_START = "start"
_NUMBER = msgspec.json.Decoder(int)


def remembered_places(dialect: str, places: list[str]) -> Opaque:
    """What a turn keeps of the paths of its blocks, in order, where the format's own request is cut up in
    another way than turns: in Responses, each call and each part of reasoning is an item by itself.
    """
    return Opaque(dialect, _PLACES, msgspec.json.encode(places))


def remembered_start(dialect: str, messages: int) -> Opaque:
    """What the first turn keeps of how many messages stand before it, where that is another number than
    that of the leading instructions.
    """
    return Opaque(dialect, _START, msgspec.json.encode(messages))


def is_place(field: Opaque) -> bool:
    """Whether a turn's field is no field of its format, but made by one of the above."""
    return field.field in {_PLACES, _START}


def place_of(request: Request, message: int, block: int) -> str:
    """The path of the block `request.messages[message].blocks[block]`, in the terms of the format that
    the request came in.

    Chat Completions has a message for each result of a tool.
    """
    match request.dialect:
        case "gemini":
            return f"contents[{message}].parts[{block}]"
        case "openai_chat":
            before = _before(request, message)
            if isinstance(request.messages[message].blocks[block], ToolResult):
                return f"messages[{before + block}]"
            return f"messages[{before}].content[{block}]"
        case "openai_responses":
            return _remembered(request.messages[message], block) or "input"
        case _:
            return f"messages[{message}].content[{block}]"


def place_of_message(request: Request, message: int) -> str:
    """The path of a turn in a request of Chat Completions."""
    return f"messages[{_before(request, message)}]"


def place_within(dialect: str, result: str, block: int) -> str:
    """The path of a block inside the result of a tool that stands at the path `result`."""
    match dialect:
        case "gemini":
            inner = "functionResponse.parts"
        case "openai_responses":
            inner = "output"
        case _:
            inner = "content"
    return f"{result}.{inner}[{block}]"


def conversation_of(dialect: str) -> str:
    """The field of a request that holds the turns."""
    return {"gemini": "contents", "openai_responses": "input"}.get(dialect, "messages")


def logprobs_field(dialect: str) -> str:
    """Where clients of a format ask for log probabilities."""
    fields = {"openai_responses": "top_logprobs", "gemini": "generationConfig.responseLogprobs"}
    return fields.get(dialect, "logprobs")


def _remembered(message: Message, block: int) -> str | None:
    kept = next((one for one in message.opaque if is_place(one)), None)
    places = [] if kept is None else _PATHS.decode(kept.json)
    return places[block] if block < len(places) else None


def _before(request: Request, message: int) -> int:
    """How many messages of Chat Completions stand before a turn."""
    starts = (_NUMBER.decode(one.json) for one in request.messages[0].opaque if one.field == _START)
    return next(starts, len(request.system)) + sum(map(_spread, request.messages[:message]))


def _spread(message: Message) -> int:
    """Over how many messages of Chat Completions a turn was spread."""
    results = sum(isinstance(block, ToolResult) for block in message.blocks)
    return max(1, results)
