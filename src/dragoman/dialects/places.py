"""Where a block of the conversation stands in the client's own request, for errors that name it."""

import itertools
from collections.abc import Iterator

import msgspec

from dragoman.conversation.blocks import Block, Refusal, Text, Thinking, ToolCall, ToolResult
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


class Places:
    """The paths of one request's turns and blocks, in the terms of the format that it came in.

    What it takes to tell them is found out once, and only when one is asked for.
    """

    __slots__ = ("_before", "_remembered", "_request")

    def __init__(self, request: Request) -> None:
        self._request = request
        self._before: list[int] | None = None
        self._remembered: tuple[int, list[str]] = (-1, [])

    def of(self, message: int, block: int) -> str:
        """The path of the block `request.messages[message].blocks[block]`.

        Chat Completions has a message for each result of a tool.
        """
        request = self._request
        match request.dialect:
            case "gemini":
                return f"contents[{message}].parts[{block}]"
            case "openai_chat":
                before = self._messages_before(message)
                if isinstance(request.messages[message].blocks[block], ToolResult):
                    return f"messages[{before + block}]"
                return f"messages[{before}].content[{block}]"
            case "openai_responses":
                places = self._remembered_at(message)
                return (places[block] if block < len(places) else None) or "input"
            case _:
                return f"messages[{message}].content[{block}]"

    def of_message(self, message: int) -> str:
        """The path of a turn in a request of Chat Completions."""
        return f"messages[{self._messages_before(message)}]"

    def _messages_before(self, message: int) -> int:
        """How many messages of Chat Completions stand before a turn."""
        if self._before is None:
            messages = self._request.messages
            starts = (_NUMBER.decode(one.json) for one in messages[0].opaque if one.field == _START)
            first = next(starts, len(self._request.system))
            self._before = list(itertools.accumulate(map(_spread, messages[:-1]), initial=first))
        return self._before[message]

    def _remembered_at(self, message: int) -> list[str]:
        """The paths that a turn of Responses keeps of its blocks."""
        if self._remembered[0] != message:
            turn = self._request.messages[message]
            kept = next((one for one in turn.opaque if is_place(one)), None)
            self._remembered = (message, [] if kept is None else _PATHS.decode(kept.json))
        return self._remembered[1]


def doubtful_blocks(request: Request) -> Iterator[tuple[Block, str]]:
    """The blocks that some format may have no place for, with their paths: media, results of tools, and
    what only one vendor has. What is said, thought and called can be said everywhere.
    """
    places: Places | None = None
    for turn, message in enumerate(request.messages):
        for number, block in enumerate(message.blocks):
            if not isinstance(block, _SAYABLE):
                places = places or Places(request)
                yield block, places.of(turn, number)


_SAYABLE = (Text, ToolCall, Thinking, Refusal)


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


def _spread(message: Message) -> int:
    """Over how many messages of Chat Completions a turn was spread."""
    results = sum(isinstance(block, ToolResult) for block in message.blocks)
    return max(1, results)
