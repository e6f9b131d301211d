"""Turns as items."""

from typing import assert_never

import msgspec

from dragoman.conversation.blocks import (
    Audio,
    Block,
    Document,
    Image,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
from dragoman.conversation.loss import Loss, approximated, dropped, emulated
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import Message, Request, Role
from dragoman.conversation.turns import answered_calls, derived_call_id, named_calls
from dragoman.dialects.arguments import custom_input, whole_arguments
from dragoman.dialects.dialect import Target
from dragoman.dialects.foreign_reasoning import FOREIGN_REASONING, is_foreign_reasoning
from dragoman.dialects.openai_family import own_fields
from dragoman.dialects.openai_parts import Part, content_of, failed, is_plain, plain_text
from dragoman.dialects.openai_responses.citations import render_annotation
from dragoman.dialects.openai_responses.identifiers import made_here
from dragoman.dialects.openai_responses.namespaces import FIELD, place_of
from dragoman.dialects.openai_responses.parse_input import APART
from dragoman.dialects.openai_responses.pictures import item_of as picture_item
from dragoman.dialects.openai_responses.reasoning import item_of
from dragoman.dialects.openai_responses.render_content import ContentWriter
from dragoman.dialects.openai_responses.wire import MAX_ID, NAME
from dragoman.dialects.places import doubtful_blocks, is_place
from dragoman.dialects.tool_names import ToolNames

_CONTINUE = "Continue."
_NOTHING = "(empty message)"
_NOT_OF_ITEMS = frozenset({FIELD, APART, "prompt_cache_breakpoint", "detail"})

Item = dict[str, object] | msgspec.Raw


def render_input(
    request: Request, target: Target, names: ToolNames, *, complete: bool
) -> tuple[list[Item], tuple[Loss, ...]]:
    """The items for the turns. Each is a function of the turns up to it and of the results that follow a
    call directly, so a longer history begins with the same items.

    `complete` says that the request does not go on from a conversation that the upstream keeps: then
    every call gets its result. Raises `FailureError` for content that the target cannot take.
    """
    turns, losses = request.messages, ()
    if complete:
        turns, losses = answered_calls(named_calls(turns))
    writer = _Writer(request, target, names)
    writer.check(request)
    for turn in turns:
        writer.write(turn)
    items = writer.close()
    return items, (*losses, *writer.losses)


def instruction_item(system: tuple[Text, ...], role: str, request: Request) -> Item:
    """The leading instructions as an item, its parts where the blocks' borders are."""
    return _message(role, content_of(ContentWriter(request.dialect).parts(system)))


class _Writer:
    """Writes turn after turn."""

    def __init__(self, request: Request, target: Target, names: ToolNames) -> None:
        self._target = target
        self._dialect = request.dialect
        self._names = names
        self._content = ContentWriter(request.dialect, files=target.host.files)
        self._items: list[Item] = []
        self._moved: list[Part] = []
        self._custom: set[str] = set()
        """The ids of calls of free-text tools."""
        self._spoke = False
        """Whether the last turn was the model's, and without calls."""

    @property
    def losses(self) -> tuple[Loss, ...]:
        """What could not be said."""
        return self._content.losses

    def check(self, request: Request) -> None:
        """Refuse content that cannot be said, by its place in the client's request."""
        for block, place in doubtful_blocks(request):
            self._content.check(block, place)

    def write(self, turn: Message) -> None:
        """The items for a turn."""
        if turn.name is not None:
            self._content.lose(
                dropped("$.messages[*].name", "message_name", "the Responses format has no names of speakers")
            )
        match turn.role:
            case Role.SYSTEM:
                self._end_moved()
                role = self._target.host.instructions_role or "developer"
                self._said(role, self._content.parts(turn.blocks), turn)
            case Role.ASSISTANT:
                self._end_moved()
                self._assistant(turn)
            case Role.USER:
                self._user(turn)

    def close(self) -> list[Item]:
        """All items; there is always one, because a request needs some input."""
        self._end_moved()
        if self._spoke:
            if self._dialect == "anthropic":  # elsewhere, the model's last turn is history
                self._content.lose(
                    approximated(
                        "$.messages", "prefill_unsupported", "the model will not continue its last message"
                    )
                )
            if not self._target.profile.ends_with_model:
                self._go_on()
        return self._items

    # --- users and tools -------------------------------------------------------------------------

    def _user(self, turn: Message) -> None:
        waiting: list[Part] = []
        for block in turn.blocks:
            match block:
                case ToolResult():
                    self._said_waiting(waiting, turn)
                    self._result(block)
                case Unknown() if block.dialect == NAME:
                    self._said_waiting(waiting, turn)
                    self._items.append(msgspec.Raw(block.json))
                case _:
                    self._end_moved()
                    waiting.extend(self._content.parts((block,)))
        self._said_waiting(waiting, turn)
        if not turn.blocks:
            self._said("user", [], turn)
        self._spoke = False

    def _said_waiting(self, parts: list[Part], turn: Message) -> None:
        if parts:
            self._said("user", parts[:], turn)
            parts.clear()

    def _said(self, role: str, parts: list[Part], turn: Message) -> None:
        self._end_moved()
        fields = tuple(one for one in turn.opaque if not is_place(one) and one.field != "phase")
        content = content_of(parts)
        if role != "user" and not self._target.host.text_parts and is_plain(parts):
            content = plain_text(parts, "\n\n")
        self._items.append({**_message(role, content), **_own(fields)})
        self._spoke = False

    def _result(self, result: ToolResult) -> None:
        """One output, media and all."""
        said: list[Block] = []
        for block in result.blocks:
            if isinstance(block, Unknown) and block.dialect != NAME and not block.server_side:
                self._content.lose(
                    approximated(
                        "$.messages", "tool_result_as_text", "a part of a tool result as its JSON text"
                    )
                )
                said.append(Text(block.json.decode("utf-8", "replace")))
            else:
                said.append(block)
        parts = self._content.parts(tuple(said))
        joined = len(parts) <= 1 or not self._target.host.text_parts
        output: str | list[Part] = plain_text(parts, "\n") if joined and is_plain(parts) else parts
        if result.is_error:
            output = failed(output, "input_text")
            self._content.lose(
                approximated("$.messages", "is_error", "marked in the text of the tool result")
            )
        if result.cache is not None:
            self._content.marks(result.cache, ())
        kind = "custom_tool_call_output" if result.call_id in self._custom else "function_call_output"
        item = {"type": kind, "call_id": _short(result.call_id), "output": output}
        self._items.append({**item, **_own(result.opaque)})

    def _end_moved(self) -> None:
        """The media that could not stay where they were, in one user message."""
        if self._moved:
            self._items.append(_message("user", self._moved))
            self._moved = []
            self._spoke = False

    # --- the model -------------------------------------------------------------------------------

    def _assistant(self, turn: Message) -> None:
        message = _OpenMessage(self._target.host.text_parts)
        items: list[Item] = []
        called = any(isinstance(block, ToolCall) for block in turn.blocks)
        for block in turn.blocks:
            if is_foreign_reasoning(block, NAME, self._target.origin):
                self._content.lose(FOREIGN_REASONING)
            if isinstance(block, Text | Refusal):
                fields = block.opaque if isinstance(block, Text) else None
                if fields is not None and not message.takes(fields):
                    message.end(items, turn)
                message.add(block, fields)
            elif (item := self._item(block)) is not None:
                message.end(items, turn)
                items.append(item)
        message.end(items, turn)
        while items and _is_reasoning(items[-1]):
            items.pop()  # OpenAI refuses reasoning that nothing came of
        if not items:
            return
        if self._spoke and not called and not self._target.profile.ends_with_model:
            self._go_on()
        self._items.extend(items)
        self._spoke = not called

    def _item(self, block: Block) -> Item | None:
        """The item for a block that is one by itself; None for what stands elsewhere or nowhere."""
        match block:
            case Thinking():
                return item_of(block, self._target.origin)
            case ToolCall():
                return self._call(block)
            case Image() if (picture := picture_item(block)) is not None:
                return picture
            case Image() | Audio() | Document():
                self._move(block)
                return None
            case Unknown() if block.dialect == NAME:
                return msgspec.Raw(block.json)
            case Text() | Refusal() | Unknown() | ToolResult():
                self._content.parts((block,))  # drops a vendor's own work, refuses other content
                return None
            case _:
                assert_never(block)

    def _go_on(self) -> None:
        self._items.append(_message("user", _CONTINUE))
        self._content.lose(
            emulated("$.messages", "trailing_assistant", f"'{_CONTINUE}' asks the model to go on")
        )

    def _call(self, call: ToolCall) -> Item:
        own = {"call_id": _short(call.id), **self._called(call)}
        if call.cache is not None:
            self._content.marks(call.cache, ())
        if call.custom and self._target.host.custom_tools:
            self._custom.add(call.id)
            return {"type": "custom_tool_call", **own, "input": call.arguments, **_own(call.opaque)}
        arguments = (
            bytes(custom_input(call.arguments)).decode() if call.custom else whole_arguments(call.arguments)
        )
        return {"type": "function_call", **own, "arguments": arguments, **_own(call.opaque)}

    def _called(self, call: ToolCall) -> dict[str, object]:
        place = place_of(call.opaque)
        if place is None:
            return {"name": self._names.wire(call.name)}
        return {"name": place.name, "namespace": place.namespace}

    def _move(self, block: Block) -> None:
        """Pictures and the like in a turn of the model, which only users may send here."""
        if not self._moved:
            caption = "Attached content of the assistant's last message:"
            self._moved.append({"type": "input_text", "text": caption})
        self._moved.extend(self._content.parts((block,)))
        self._content.lose(
            approximated("$.messages", "assistant_media", "media of the model in a user message after it")
        )


class _OpenMessage:
    """What the model says in one item: texts of one message, and refusals."""

    def __init__(self, text_parts: bool) -> None:
        self._as_parts = text_parts
        self._fields: tuple[Opaque, ...] | None = None
        self._blocks: list[Text | Refusal] = []

    def takes(self, fields: tuple[Opaque, ...]) -> bool:
        """Whether text with these fields of its item belongs to the open one."""
        return not self._blocks or self._fields is None or self._fields == fields

    def add(self, block: Text | Refusal, fields: tuple[Opaque, ...] | None) -> None:
        """One more text; without `fields`, of whatever item is open."""
        if block.text:
            self._blocks.append(block)
            self._fields = self._fields if fields is None else fields

    def end(self, items: list[Item], turn: Message) -> None:
        """Write the open item, if there is one."""
        if not self._blocks:
            return
        fields = own_fields((*turn.opaque, *(self._fields or ())), NAME)
        own = _own(tuple(one for one in fields if not is_place(one)))
        plain = all(isinstance(block, Text) and not block.citations for block in self._blocks)
        content: object
        if plain and (len(self._blocks) == 1 or not self._as_parts):
            content = "".join(block.text for block in self._blocks)
        else:
            content = [_spoken(block) for block in self._blocks]
        self._blocks = []
        self._fields = None
        items.append({**_message("assistant", content), **own})


def _spoken(block: Text | Refusal) -> dict[str, object]:
    if isinstance(block, Refusal):
        return {"type": "refusal", "refusal": block.text}
    annotations = [
        annotation
        for citation in block.citations
        if (annotation := render_annotation(citation, 0, len(block.text))) is not None
    ]
    return {"type": "output_text", "text": block.text, "annotations": annotations}


def _message(role: str, content: object) -> dict[str, object]:
    return {"type": "message", "role": role, "content": content}


def _own(fields: tuple[Opaque, ...]) -> dict[str, object]:
    """The members of an item that only this format has. Ids that were made here mean nothing upstream."""
    return {
        one.field: msgspec.Raw(one.json)
        for one in own_fields(fields, NAME)
        if one.field not in _NOT_OF_ITEMS
        and not (one.field == "id" and made_here(one.json.decode().strip('"')))
    }


def _is_reasoning(item: Item) -> bool:
    return isinstance(item, dict) and item["type"] == "reasoning"


def _short(own: str) -> str:
    """A call's id within the limit; a function of the id alone, so that call and result agree."""
    return own if 0 < len(own) <= MAX_ID else derived_call_id(own)
