"""Turns as messages."""

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
from dragoman.conversation.request import Message, Request, Role
from dragoman.conversation.turns import answered_calls, named_calls
from dragoman.dialects.arguments import custom_input, whole_arguments
from dragoman.dialects.dialect import Target
from dragoman.dialects.foreign_reasoning import FOREIGN_REASONING, is_foreign_reasoning
from dragoman.dialects.openai_chat.call_ids import call_id
from dragoman.dialects.openai_chat.render_content import ContentWriter
from dragoman.dialects.openai_chat.wire import NAME, DetailWire
from dragoman.dialects.openai_family import own_fields, spoken
from dragoman.dialects.openai_parts import Part, content_of, failed, is_plain
from dragoman.dialects.places import doubtful_blocks, is_place
from dragoman.dialects.tool_names import ToolNames

_CONTINUE = "Continue."
_NOTHING = "(empty message)"
_DETAIL = msgspec.json.Decoder(DetailWire)

Wire = dict[str, object]


def render_messages(
    request: Request, target: Target, system: tuple[Text, ...], names: ToolNames
) -> tuple[list[Wire], tuple[Loss, ...]]:
    """The messages for the instructions and the turns. Each is a function of the turns up to it and
    of the results that follow a call directly, so a longer history begins with the same messages.

    Raises `FailureError` for content that the target cannot take.
    """
    turns, losses = answered_calls(named_calls(request.messages))
    writer = _Writer(request, target, names)
    writer.check(request)
    writer.instruct(system)
    for turn in turns:
        writer.write(turn)
    messages = writer.close()
    return messages, (*losses, *writer.losses)


class _Writer:
    """Writes turn after turn."""

    def __init__(self, request: Request, target: Target, names: ToolNames) -> None:
        self._target = target
        self._own = request.dialect == NAME
        self._prefilled = request.dialect == "anthropic"  # elsewhere, the model's last turn is history
        self._names = names
        self._content = ContentWriter(request.dialect, target.host)
        self._messages: list[Wire] = []
        self._moved: list[Part] = []
        self._role = target.host.instructions_role or target.profile.instructions_role

    @property
    def losses(self) -> tuple[Loss, ...]:
        """What could not be said."""
        return self._content.losses

    def check(self, request: Request) -> None:
        """Refuse content that cannot be said, by its place in the client's request."""
        for block, place in doubtful_blocks(request):
            self._content.check(block, place)

    def instruct(self, system: tuple[Text, ...]) -> None:
        """The leading instructions: one message, its parts where the blocks' borders are."""
        if system:
            content = self._content.instruction(system)
            self._messages.append({"role": self._role, "content": content})

    def write(self, turn: Message) -> None:
        """The messages for a turn."""
        match turn.role:
            case Role.SYSTEM:
                self._end_moved()
                content = self._content.instruction(turn.blocks)
                self._messages.append({"role": self._role, "content": content, **self._name(turn)})
            case Role.ASSISTANT:
                self._end_moved()
                self._assistant(turn)
            case Role.USER:
                self._user(turn)

    def close(self) -> list[Wire]:
        """All messages; there is always one, because vendors refuse a conversation without any."""
        self._end_moved()
        if not self._messages:
            self._messages.append({"role": "user", "content": _NOTHING})
        if self._messages[-1]["role"] == "assistant":
            if self._prefilled:
                self._content.lose(
                    approximated(
                        "$.messages", "prefill_unsupported", "the model will not continue its last message"
                    )
                )
            if not self._target.profile.ends_with_model:
                self._go_on()
        return self._messages

    def _id(self, own: str) -> str:
        return call_id(own, self._target.profile.call_id_form)

    # --- users and tools -------------------------------------------------------------------------

    def _user(self, turn: Message) -> None:
        results = [block for block in turn.blocks if isinstance(block, ToolResult)]
        rest = tuple(block for block in turn.blocks if not isinstance(block, ToolResult))
        for result in results:
            self._result(result)
        self._end_moved()
        parts = self._content.parts(rest)
        if parts or not turn.blocks:
            self._messages.append({"role": "user", "content": content_of(parts), **self._name(turn)})

    def _result(self, result: ToolResult) -> None:
        """One `tool` message. It holds text only: media go into a user message after the group."""
        own = self._id(result.call_id)
        said: list[Block] = []
        media: list[Block] = []
        for block in result.blocks:
            if isinstance(block, Image | Audio | Document):
                media.append(block)
            elif isinstance(block, Unknown) and not block.server_side:
                self._content.lose(
                    approximated(
                        "$.messages", "tool_result_as_text", "a part of a tool result as its JSON text"
                    )
                )
                said.append(Text(block.json.decode("utf-8", "replace")))
            else:
                said.append(block)
        if media:
            said.append(Text(f"(see attached content for tool call {own})"))
            self._moved.append({"type": "text", "text": f"Attached content for tool call {own}:"})
            self._moved.extend(self._content.parts(tuple(media)))
            self._content.lose(
                approximated(
                    "$.messages", "tool_result_media", "media of a tool result in a user message after it"
                )
            )
        parts = self._content.parts(tuple(said))
        content = self._content.joined(parts, "\n")
        if result.is_error:
            content = failed(content, "text")
            self._content.lose(
                approximated("$.messages", "is_error", "marked in the text of the tool result")
            )
        wire: Wire = {"role": "tool", "tool_call_id": own, "content": content}
        if self._own and result.cache is not None:
            wire.update(self._content.marks(result.cache, ()))
        self._messages.append(wire)

    def _end_moved(self) -> None:
        """The media that could not stay where they were, in one user message."""
        if self._moved:
            self._messages.append({"role": "user", "content": self._moved})
            self._moved = []

    def _name(self, turn: Message) -> Wire:
        if turn.name is None:
            return {}
        if self._target.host.message_names:
            return {"name": turn.name}
        self._content.lose(
            dropped("$.messages[*].name", "message_name", "the host refuses names of speakers")
        )
        return {}

    # --- the model -------------------------------------------------------------------------------

    def _assistant(self, turn: Message) -> None:
        texts = tuple(block for block in turn.blocks if isinstance(block, Text))
        refusal = "".join(block.text for block in turn.blocks if isinstance(block, Refusal))
        calls = [block for block in turn.blocks if isinstance(block, ToolCall)]
        fields = [one for one in own_fields(turn.opaque, NAME) if not is_place(one)]
        own = {one.field: msgspec.Raw(one.json) for one in fields}
        for text in texts:
            own.update((one.field, msgspec.Raw(one.json)) for one in text.opaque if one.field == "phase")
        for block in turn.blocks:
            if isinstance(block, Unknown):
                self._content.parts((block,))  # drops a vendor's own work, refuses other content
        parts = self._content.parts(texts)
        wire: Wire = {"role": "assistant"}
        if parts:
            wire["content"] = spoken(texts) if is_plain(parts) else parts
        elif refusal and self._target.host.text_parts:
            wire["content"] = [{"type": "refusal", "refusal": refusal}]
        elif refusal:
            wire["content"] = refusal
        else:
            wire["content"] = None if calls or "audio" in own else ""
        if refusal and parts:
            wire["refusal"] = refusal
        wire.update(self._name(turn))
        wire.update(self._reasoning(turn, called=bool(calls), given="reasoning_details" in own))
        wire.update(own)
        if calls:
            wire["tool_calls"] = [self._call(call) for call in calls]
        self._move(turn)
        if wire["content"] != "" or len(wire) > 2:
            if self._goes_on(wire):
                self._go_on()
            self._messages.append(wire)

    def _goes_on(self, wire: Wire) -> bool:
        """Whether two turns of the model meet where a history may not end with the first of them."""
        if self._target.profile.ends_with_model or not self._messages:
            return False
        last = self._messages[-1]
        return last["role"] == "assistant" and "tool_calls" not in last and "tool_calls" not in wire

    def _go_on(self) -> None:
        self._messages.append({"role": "user", "content": _CONTINUE})
        self._content.lose(
            emulated("$.messages", "trailing_assistant", f"'{_CONTINUE}' asks the model to go on")
        )

    def _call(self, call: ToolCall) -> Wire:
        own, name = self._id(call.id), self._names.wire(call.name)
        if call.custom and self._target.host.custom_tools:
            return {"id": own, "type": "custom", "custom": {"name": name, "input": call.arguments}}
        arguments = (
            bytes(custom_input(call.arguments)).decode() if call.custom else whole_arguments(call.arguments)
        )
        function = {"name": name, "arguments": arguments}
        wire: Wire = {"id": own, "type": "function", "function": function}
        if call.signature is not None and call.signature.readable_at(NAME, self._target.origin):
            wire["extra_content"] = {"google": {"thought_signature": call.signature.value}}
        wire.update(self._content.marks(call.cache, ()))
        return wire

    def _reasoning(self, turn: Message, *, called: bool, given: bool) -> Wire:
        """The reasoning that may go back: what the same host has issued, and plain text where the host
        asks for it. Never as visible text.
        """
        entries: list[object] = []
        texts: list[str] = []
        replays = self._target.host.replays_reasoning
        for block in turn.blocks:
            if not isinstance(block, Thinking):
                if is_foreign_reasoning(block, NAME, self._target.origin):
                    self._content.lose(FOREIGN_REASONING)
                continue
            texts.append(block.text)
            signature = block.signature
            if signature is not None and signature.readable_at(NAME, self._target.origin):
                entry = _entry(signature.value, block.text)
                if entry is not None:
                    entries.append(entry)
            elif not (given or (replays and block.text)):
                self._content.lose(FOREIGN_REASONING)
        wire: Wire = {}
        text = "".join(texts)
        if replays and (text or called):
            wire["reasoning_content"] = text
        if entries and not given:
            wire["reasoning_details"] = entries
        return wire

    def _move(self, turn: Message) -> None:
        """Pictures and the like in a turn of the model, which only users may send here."""
        media = tuple(block for block in turn.blocks if isinstance(block, Image | Audio | Document))
        if media:
            self._moved.append({"type": "text", "text": "Attached content of the assistant's last message:"})
            self._moved.extend(self._content.parts(media))
            self._content.lose(
                approximated("$.messages", "assistant_media", "media of the model in a user message after it")
            )


def _entry(value: str, text: str) -> DetailWire | None:
    """A `reasoning_details` entry as its host sent it, its text put back."""
    try:
        entry = _DETAIL.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if entry.data is None and entry.type == "reasoning.summary":
        entry.summary = text
    elif entry.data is None:
        entry.text = text
    return entry
