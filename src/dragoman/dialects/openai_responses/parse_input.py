"""The conversation in a request: items of every kind, to the neutral turns."""

import msgspec

from dragoman.conversation.blocks import Block, Image, Text, ToolCall, ToolResult, Unknown
from dragoman.conversation.failure import FailureError, invalid
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import Message, Role
from dragoman.dialects.json_text import field_error, is_given, opens_with
from dragoman.dialects.openai_responses.namespaces import Place, flat_name, remembered
from dragoman.dialects.openai_responses.parse_content import parse_content, parse_output
from dragoman.dialects.openai_responses.pictures import ITEM as PICTURE
from dragoman.dialects.openai_responses.pictures import picture_of, remembered_item
from dragoman.dialects.openai_responses.reasoning import Carried, reattached, thinking_of
from dragoman.dialects.openai_responses.wire import NAME, ItemWire, PieceWire
from dragoman.dialects.places import remembered_places

_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_ITEM = msgspec.json.Decoder(ItemWire)
_TEXT = msgspec.json.Decoder(str)
_PIECES = msgspec.json.Decoder(list[PieceWire])
_MEMBERS: msgspec.json.Decoder[dict[str, msgspec.Raw]] = msgspec.json.Decoder(dict[str, msgspec.Raw])
_MISSING = "missing_required_parameter"
_INVALID = "invalid_value"

_READ = {
    "message": frozenset({"type", "role", "content"}),
    "function_call": frozenset({"type", "call_id", "name", "namespace", "arguments"}),
    "custom_tool_call": frozenset({"type", "call_id", "name", "namespace", "input"}),
    "function_call_output": frozenset({"type", "call_id", "output"}),
    "custom_tool_call_output": frozenset({"type", "call_id", "output"}),
}
"""The members of each kind of item that have a place; all others are kept for hosts of this format."""

_DONE_BY_VENDOR = frozenset(
    {
        "web_search_call",
        "file_search_call",
        "code_interpreter_call",
        "image_generation_call",
        "mcp_list_tools",
        "mcp_call",
        "tool_search_call",
        "tool_search_output",
        "program",
        "program_output",
        "additional_tools",
    }
)
"""Records of what the vendor did itself, which others do without."""

_SAID_BY_CLIENT = frozenset(
    {
        "computer_call_output",
        "local_shell_call_output",
        "shell_call_output",
        "apply_patch_call_output",
        "mcp_approval_response",
        "configuration_update",
        "compaction_trigger",
    }
)
"""Items that begin or belong to a turn of the client; all others are the model's."""

APART = "apart"
"""Under which a text remembers that it is of another message than the text before it, where the messages
say nothing that tells them apart.
"""

ADDED_TOOLS = "additional_tools"
"""The item by which tools are added in mid-conversation."""


class Conversation(msgspec.Struct, frozen=True):
    """What `input` holds: leading instructions, the turns after them, and tools added among them (their
    declarations, each with its path).
    """

    system: tuple[Text, ...]
    messages: tuple[Message, ...]
    added_tools: tuple[tuple[bytes, str], ...]


def parse_input(raw: msgspec.Raw) -> Conversation:
    """Read `input`, a string or items. Raises `FailureError` that names the field at fault."""
    try:
        if opens_with(raw, b'"'):
            return Conversation((), (Message(Role.USER, (Text(_TEXT.decode(raw)),)),), ())
        items = _ITEMS.decode(raw)
    except msgspec.ValidationError as error:
        raise field_error(error, "input") from None
    reader = _Reader()
    for position, item in enumerate(items):
        reader.read(item, f"input[{position}]")
    return reader.close()


class _Reader:
    """Goes through the items once, first to last. Neighbouring items of the model become one turn, and so
    do neighbouring outputs of tools.
    """

    def __init__(self) -> None:
        self._system: list[Text] = []
        self._messages: list[Message] = []
        self._tools: list[tuple[bytes, str]] = []
        self._role = Role.USER
        self._pieces: list[tuple[Block | Carried, str]] = []
        """What the open turn holds, each with its place."""
        self._waiting: list[tuple[Block | Carried, str]] = []
        """Tools that were added before any turn: no turn of their own."""

    def read(self, raw: msgspec.Raw, path: str) -> None:
        """Take the next item."""
        try:
            wire = _ITEM.decode(raw)
        except msgspec.ValidationError as error:
            raise field_error(error, path) from None
        match wire.type:
            case "message" if wire.role is None and not wire.content and wire.id:
                self._add(Role.ASSISTANT, Unknown(NAME, "item_reference", bytes(raw)), path)
            case "message":
                self._message(wire, raw, path)
            case "reasoning":
                self._reasoning(wire, path)
            case "function_call" | "custom_tool_call":
                self._add(Role.ASSISTANT, self._call(wire, raw, path), path)
            case "function_call_output" | "custom_tool_call_output":
                blocks = parse_output(wire.output, f"{path}.output")
                own = _required(wire.call_id, f"{path}.call_id")
                self._add(Role.USER, ToolResult(own, blocks, opaque=_others(raw, wire.type)), path)
            case kind:
                self._unknown(wire, kind, raw, path)

    def close(self) -> Conversation:
        """All of it."""
        self._end()
        if self._waiting:
            self._pieces, self._waiting = self._waiting, []
            self._end()
        return Conversation(tuple(self._system), tuple(self._messages), tuple(self._tools))

    def _add(self, role: Role, piece: Block | Carried, place: str) -> None:
        if role is not self._role:
            self._end()
        self._role = role
        if not self._pieces:
            self._pieces, self._waiting = self._waiting, []
        self._pieces.append((piece, place))

    def _end(self, opaque: tuple[Opaque, ...] = ()) -> None:
        """The open turn is complete."""
        if not self._pieces:
            return
        places = {id(piece): place for piece, place in self._pieces}
        blocks = reattached(piece for piece, _ in self._pieces)
        kept = remembered_places(NAME, [places.get(id(block), "input") for block in blocks])
        self._messages.append(Message(self._role, blocks, opaque=(*opaque, kept)))
        self._pieces = []

    # --- items -----------------------------------------------------------------------------------

    def _message(self, wire: ItemWire, raw: msgspec.Raw, path: str) -> None:
        opaque = _others(raw, "message")
        match wire.role:
            case "user":
                self._turn(Role.USER, parse_content(wire.content, f"{path}.content"), opaque, path)
            case "assistant":
                blocks = parse_content(wire.content, f"{path}.content")
                opaque = self._told_apart(opaque)
                for place, block in enumerate(blocks):
                    own = msgspec.structs.replace(block, opaque=opaque) if isinstance(block, Text) else block
                    self._add(Role.ASSISTANT, own, f"{path}.content[{place}]")
            case "system" | "developer":
                blocks = parse_content(wire.content, f"{path}.content")
                if self._messages or self._pieces:
                    self._turn(Role.SYSTEM, blocks, opaque, path)
                else:
                    self._instruct(blocks, f"{path}.content")
            case role:
                here = f"{path}.role"
                if role is None:
                    raise invalid(f"'{here}': this field is required.", here, _MISSING)
                raise invalid(
                    f"'{here}': unknown role '{role}'; expected user, assistant, system or developer.",
                    here,
                    _INVALID,
                )

    def _turn(self, role: Role, blocks: tuple[Block, ...], opaque: tuple[Opaque, ...], path: str) -> None:
        """A message that is a turn of its own."""
        self._end()
        before = [place for _, place in self._waiting]
        kept = tuple(piece for piece, _ in self._waiting if not isinstance(piece, Carried))
        self._waiting = []
        places = remembered_places(
            NAME, [*before, *(f"{path}.content[{place}]" for place in range(len(blocks)))]
        )
        self._messages.append(Message(role, (*kept, *blocks), opaque=(*opaque, places)))

    def _told_apart(self, opaque: tuple[Opaque, ...]) -> tuple[Opaque, ...]:
        """What the texts of a message of the model keep of it: never what those of the one before it do."""
        texts = (piece for piece, _ in reversed(self._pieces) if isinstance(piece, Text))
        before = next(texts, None) if self._role is Role.ASSISTANT else None
        if before is None or before.opaque != opaque:
            return opaque
        return (*opaque, Opaque(NAME, APART, b"true"))

    def _instruct(self, blocks: tuple[Block, ...], path: str) -> None:
        """A leading instruction, which can only be text."""
        for place, block in enumerate(blocks):
            if not isinstance(block, Text):
                here = f"{path}[{place}]"
                raise invalid(f"'{here}': an instruction holds only 'input_text' parts.", here, _INVALID)
            self._system.append(block)

    def _reasoning(self, wire: ItemWire, path: str) -> None:
        content = _open_reasoning(wire.content, path)
        summary = [piece.text for piece in wire.summary or ()]
        found = thinking_of(wire.id or "", summary, content, wire.encrypted_content, "")
        if found is not None:
            self._add(Role.ASSISTANT, found, path)

    def _call(self, wire: ItemWire, raw: msgspec.Raw, path: str) -> ToolCall:
        own = _required(wire.call_id, f"{path}.call_id")
        name = _required(wire.name, f"{path}.name")
        opaque = _others(raw, wire.type)
        if wire.namespace:
            opaque = (*opaque, remembered(Place(wire.namespace, name)))
        flat = flat_name(wire.namespace, name)
        if wire.type == "custom_tool_call":
            if wire.input is None:
                raise _missing(f"{path}.input")
            return ToolCall(own, flat, wire.input, custom=True, opaque=opaque)
        if not is_given(wire.arguments):
            raise _missing(f"{path}.arguments")
        try:
            arguments = _TEXT.decode(wire.arguments)
        except msgspec.ValidationError as error:
            raise field_error(error, f"{path}.arguments") from None
        return ToolCall(own, flat, arguments, opaque=opaque)

    def _unknown(self, wire: ItemWire, kind: str, raw: msgspec.Raw, path: str) -> None:
        picture = picture_of(wire.result, wire.output_format) if kind == PICTURE else None
        if picture is not None:
            self._add(Role.ASSISTANT, Image(picture, opaque=(remembered_item(bytes(raw)),)), path)
            return
        block = Unknown(NAME, kind, bytes(raw), server_side=kind in _DONE_BY_VENDOR)
        if kind == ADDED_TOOLS:
            self._tools.extend(
                (bytes(tool), f"{path}.tools[{place}]") for place, tool in enumerate(wire.tools or ())
            )
            (self._pieces or self._waiting).append((block, path))
        else:
            self._add(Role.USER if kind in _SAID_BY_CLIENT else Role.ASSISTANT, block, path)


def _others(raw: msgspec.Raw, kind: str) -> tuple[Opaque, ...]:
    """The members of an item that only this format has."""
    read = _READ[kind]
    return tuple(
        Opaque(NAME, name, bytes(member))
        for name, member in _MEMBERS.decode(raw).items()
        if name not in read and is_given(member)
    )


def _open_reasoning(content: msgspec.Raw, path: str) -> list[str]:
    if not is_given(content):
        return []
    try:
        return [piece.text for piece in _PIECES.decode(content)]
    except msgspec.ValidationError as error:
        raise field_error(error, f"{path}.content") from None


def _required(value: str | None, path: str) -> str:
    if not value:
        raise _missing(path)
    return value


def _missing(path: str) -> FailureError:
    return invalid(f"'{path}': this field is required.", path, _MISSING)
