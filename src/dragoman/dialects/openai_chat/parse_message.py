"""The conversation in a request: messages of every role, to the neutral turns."""

import msgspec

from dragoman.conversation.blocks import (
    Audio,
    Block,
    Document,
    Image,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Unknown,
)
from dragoman.conversation.failure import FailureError, invalid
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import Message, Role
from dragoman.conversation.turns import derived_call_id
from dragoman.dialects.json_text import field_error
from dragoman.dialects.openai_chat.parse_content import (
    RawPart,
    cache_mark,
    parse_drawn,
    parse_media,
    parse_spoken,
    parse_text,
)
from dragoman.dialects.openai_chat.reasoning import (
    Reasoning,
    arranged,
    call_signature,
    parse_call_id,
    parse_reasoning,
)
from dragoman.dialects.openai_chat.wire import NAME, MessageWire, PartWire, ToolCallWire
from dragoman.dialects.places import remembered_start

_MESSAGES = msgspec.json.Decoder(list[MessageWire])
_RAW_MESSAGES = msgspec.json.Decoder(list[msgspec.Raw])
_MISSING = "missing_required_parameter"
_INVALID = "invalid_value"


class _RawContent(msgspec.Struct):
    content: list[msgspec.Raw]


_RAW_CONTENT = msgspec.json.Decoder(_RawContent)


def parse_messages(raw: msgspec.Raw) -> tuple[tuple[Text, ...], tuple[Message, ...]]:
    """The leading instructions, and the turns after them.

    Raises `FailureError` that names the field for what OpenAI refuses: unknown roles and parts,
    results without a call, missing content.
    """
    try:
        wires = _MESSAGES.decode(raw)
    except msgspec.ValidationError as error:
        raise field_error(error, "messages") from None
    except RecursionError:
        raise invalid("'messages': nested too deeply.", "messages") from None
    reader = _Reader(raw)
    for position, wire in enumerate(wires):
        reader.read(wire, position)
    return reader.close()


class _Reader:
    """Goes through the messages once, first to last."""

    def __init__(self, raw: msgspec.Raw) -> None:
        self._raw = raw
        self._system: list[Text] = []
        self._leading = 0
        self._messages: list[Message] = []
        self._results: list[Block] = []
        self._function_calls: dict[str, str] = {}
        """The id of the latest call of each function in the retired form."""

    def read(self, wire: MessageWire, position: int) -> None:
        """Take the next message."""
        path = f"messages[{position}]"
        match wire.role:
            case "tool":
                self._results.append(self._tool_result(wire, path, position))
                return
            case "function":
                self._results.append(self._function_result(wire, path))
                return
            case "system" | "developer":
                texts = parse_text(_content(wire, path), f"{path}.content")
                if self._messages or self._results:
                    self._add(Message(Role.SYSTEM, _marked(texts, wire), wire.name))
                else:
                    self._leading += 1
                    self._system.extend(block for block in _marked(texts, wire) if isinstance(block, Text))
            case "user":
                media = self._media(wire, path, position)
                self._add(Message(Role.USER, _marked(media, wire), wire.name))
            case "assistant":
                self._add(self._assistant(wire, path, position))
            case role:
                raise invalid(
                    f"'{path}.role': unknown role '{role}'; expected system, user, assistant or tool.",
                    f"{path}.role",
                    _INVALID,
                )

    def close(self) -> tuple[tuple[Text, ...], tuple[Message, ...]]:
        """All of it."""
        self._end_results()
        if self._messages and self._leading != len(self._system):
            first = self._messages[0]
            start = remembered_start(NAME, self._leading)
            self._messages[0] = msgspec.structs.replace(first, opaque=(*first.opaque, start))
        return tuple(self._system), tuple(self._messages)

    def _add(self, message: Message) -> None:
        self._end_results()
        self._messages.append(message)

    def _end_results(self) -> None:
        """A run of results is one turn."""
        if self._results:
            self._messages.append(Message(Role.USER, tuple(self._results)))
            self._results = []

    def _media(self, wire: MessageWire, path: str, position: int) -> tuple[Block, ...]:
        content = _content(wire, path)
        if isinstance(content, str):
            return (Text(content),)
        return parse_media(content, f"{path}.content", self._raw_part(position))

    def _raw_part(self, position: int) -> RawPart:
        """The parts of a message as the client wrote them: rarely needed, so decoded only then."""

        def raw(place: int) -> bytes:
            message = _RAW_MESSAGES.decode(self._raw)[position]
            return bytes(_RAW_CONTENT.decode(message).content[place])

        return raw

    # --- the model's turns -----------------------------------------------------------------------

    def _assistant(self, wire: MessageWire, path: str, position: int) -> Message:
        content = parse_spoken(wire.content, f"{path}.content")
        if wire.refusal:
            content.append(Refusal(wire.refusal))
        calls = [
            self._call(call, f"{path}.tool_calls[{place}]")
            for place, call in enumerate(wire.tool_calls or ())
        ]
        if wire.function_call is not None:
            name, arguments = wire.function_call.name, wire.function_call.arguments
            own = derived_call_id("function_call", str(position), name, arguments)
            self._function_calls[name] = own
            calls.append(ToolCall(own, name, arguments))
        try:
            reasoning = parse_reasoning(wire, [call.id for call in calls])
        except msgspec.ValidationError as error:
            raise field_error(error, f"{path}.reasoning_details") from None
        drawn = parse_drawn(wire.images, f"{path}.images")
        opaque = _kept(wire, reasoning)
        if wire.content is None and not (content or calls or drawn or opaque or reasoning.placed):
            raise invalid(
                f"'{path}.content': expected text; it may be null only beside 'tool_calls'.",
                f"{path}.content",
                _INVALID,
            )
        blocks = (*arranged(content, calls, reasoning), *drawn)
        return Message(Role.ASSISTANT, _marked(blocks, wire), wire.name, opaque)

    def _call(self, wire: ToolCallWire, path: str) -> ToolCall:
        if not wire.id:
            raise _missing(f"{path}.id")
        own, in_id = parse_call_id(wire.id)
        cache = cache_mark(wire.cache_control)
        if wire.custom is not None:
            return ToolCall(own, wire.custom.name, wire.custom.input, custom=True, cache=cache)
        if wire.function is None:
            raise _missing(f"{path}.{'custom' if wire.type == 'custom' else 'function'}")
        return ToolCall(
            own,
            wire.function.name,
            wire.function.arguments,
            signature=call_signature(wire) or in_id,
            cache=cache,
        )

    # --- results ---------------------------------------------------------------------------------

    def _tool_result(self, wire: MessageWire, path: str, position: int) -> ToolResult:
        if not wire.tool_call_id:
            raise _missing(f"{path}.tool_call_id")
        own, _ = parse_call_id(wire.tool_call_id)
        blocks = self._media(wire, path, position)
        return ToolResult(own, _plain(blocks), name=wire.name, cache=cache_mark(wire.cache_control))

    def _function_result(self, wire: MessageWire, path: str) -> ToolResult:
        if not wire.name:
            raise _missing(f"{path}.name")
        if wire.name not in self._function_calls:
            raise invalid(
                f"'{path}.name': no assistant message before it has a 'function_call' of this name.",
                f"{path}.name",
                _INVALID,
            )
        text = parse_text(wire.content or "", f"{path}.content")
        return ToolResult(self._function_calls[wire.name], text, name=wire.name)


def _content(wire: MessageWire, path: str) -> str | list[PartWire]:
    if wire.content is None:
        raise _missing(f"{path}.content")
    return wire.content


def _plain(blocks: tuple[Block, ...]) -> tuple[Text | Image | Audio | Document | Unknown, ...]:
    return tuple(block for block in blocks if isinstance(block, Text | Image | Audio | Document | Unknown))


def _marked(blocks: tuple[Block, ...], wire: MessageWire) -> tuple[Block, ...]:
    """The blocks with the message's own cache mark on the last of them."""
    mark = cache_mark(wire.cache_control)
    if mark is None:
        return blocks
    last = blocks[-1] if blocks else None
    if not isinstance(last, Text | Image | Document | ToolCall):
        return blocks
    return (*blocks[:-1], msgspec.structs.replace(last, cache=mark))


def _kept(wire: MessageWire, reasoning: Reasoning) -> tuple[Opaque, ...]:
    """The fields that only this dialect has, for hosts of this dialect."""
    fields = [
        ("audio", wire.audio),
        ("prefix", wire.prefix),
        ("partial", wire.partial),
        ("phase", wire.phase),
    ]
    if reasoning.foreign:
        fields.append(("reasoning_details", wire.reasoning_details))
    return tuple([Opaque(NAME, name, bytes(raw)) for name, raw in fields if raw and bytes(raw) not in _UNSET])


_UNSET = (b"null", b"false")


def _missing(path: str) -> FailureError:
    return invalid(f"'{path}': this field is required.", path, _MISSING)
