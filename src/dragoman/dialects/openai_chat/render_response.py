"""Whole answers for our clients."""

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
from dragoman.conversation.envelope import seal
from dragoman.conversation.response import Choice, Response, StopReason
from dragoman.dialects.answer_id import answer_id
from dragoman.dialects.arguments import whole_arguments
from dragoman.dialects.dialect import Reply
from dragoman.dialects.json_tree import ANY, UNREADABLE, members
from dragoman.dialects.openai_chat.answer_form import (
    ANSWER_PREFIX,
    JSON,
    audio_form,
    call_id,
    extra_content,
    image_part,
    render_logprobs,
)
from dragoman.dialects.openai_chat.citations import render_annotation
from dragoman.dialects.openai_chat.reasoning import Place, call_entry, text_entry, thinking_entry
from dragoman.dialects.openai_chat.stop import finish_of
from dragoman.dialects.openai_chat.usage import render_usage
from dragoman.dialects.openai_chat.wire import NAME
from dragoman.dialects.openai_family import BETWEEN_MESSAGES, are_apart


def render_response(response: Response, reply: Reply) -> bytes:
    """Write a whole answer. The same members in the same order, whoever produced it."""
    own = answer_id(response.id, reply.fallback_id, ANSWER_PREFIX)
    wire: dict[str, object] = {
        "id": own,
        "object": "chat.completion",
        "created": response.created or reply.created,
        "model": response.model or reply.request.model,
        "choices": [_choice(choice, own, reply) for choice in response.choices],
    }
    if response.usage is not None:
        wire["usage"] = msgspec.Raw(render_usage(response.usage))
    wire["system_fingerprint"] = reply.fingerprint
    if response.service_tier is not None:
        wire["service_tier"] = response.service_tier
    return JSON.encode(wire)


def _choice(choice: Choice, own: str, reply: Reply) -> dict[str, object]:
    message = _Message(own, choice.index, reply)
    for block in choice.blocks:
        message.add(block)
    return {
        "index": choice.index,
        "message": message.close(choice),
        "logprobs": None if choice.logprobs is None else msgspec.Raw(render_logprobs(choice.logprobs)),
        "finish_reason": finish_of(
            choice.stop, called=bool(message.calls), legacy=reply.request.legacy_functions
        ),
    }


class _Message:
    """Gathers the blocks of a choice into the slots of a message."""

    def __init__(self, own: str, choice: int, reply: Reply) -> None:
        self._own = own
        self._choice = choice
        self._legacy = reply.request.legacy_functions
        reasoning = reply.request.reasoning
        self._shown = reasoning is None or reasoning.visible is not False
        self._texts: list[str] = []
        self._chars = 0
        self._said: Text | None = None
        self._refusals: list[str] = []
        self._thoughts: list[str] = []
        self._entries: list[dict[str, object]] = []
        self._annotations: list[msgspec.Raw] = []
        self._images: list[dict[str, object]] = []
        self._audio: dict[str, object] = {}
        self.calls: list[dict[str, object]] = []

    def add(self, block: Block) -> None:
        """Take the next block. What only other dialects have is left out."""
        match block:
            case Text():
                self._add_text(block)
            case Refusal(text=text):
                self._refusals.append(text)
            case Thinking():
                place = Place(self._chars, len(self.calls))
                entry = thinking_entry(block, place, len(self._entries), shown=self._shown)
                if entry is not None:
                    self._entries.append(entry)
                self._thoughts.append(block.text)
            case ToolCall():
                if not (self._legacy and self.calls):
                    self._add_call(block)
            case Image():
                part = image_part(block)
                if part is not None:
                    self._images.append(part)
            case Audio():
                self._audio = audio_form(block, self._own) or self._audio
            case Unknown(dialect=dialect, kind=kind, json=json):
                if dialect == NAME and kind == "audio":
                    self._add_audio(json)
            case Document() | ToolResult():
                pass
            case _:
                assert_never(block)

    def close(self, choice: Choice) -> dict[str, object]:
        """The message."""
        refusal = "".join(self._refusals)
        if not refusal and choice.stop.reason is StopReason.REFUSAL:
            refusal = choice.stop.explanation or ""
        text = "".join(self._texts)
        nothing = not self._texts and (self.calls or refusal or choice.stop.reason is StopReason.REFUSAL)
        message: dict[str, object] = {
            "role": "assistant",
            "content": None if nothing else text,
            "refusal": refusal or None,
        }
        thoughts = "".join(self._thoughts)
        if thoughts and self._shown:
            message["reasoning_content"] = thoughts
        slots: dict[str, object] = {
            "reasoning_details": self._entries,
            "annotations": self._annotations,
            "audio": self._audio,
            "images": self._images,
        }
        message.update((name, value) for name, value in slots.items() if value)
        if self.calls and self._legacy:
            message["function_call"] = self.calls[0]["function"]
        elif self.calls:
            message["tool_calls"] = self.calls
        return message

    def _add_text(self, block: Text) -> None:
        if self._said is not None and self._chars and are_apart(self._said, block):
            self._texts.append(BETWEEN_MESSAGES)
            self._chars += len(BETWEEN_MESSAGES)
        self._said = block
        for citation in block.citations:
            annotation = render_annotation(citation, self._chars, len(block.text))
            if annotation is not None:
                self._annotations.append(annotation)
        self._texts.append(block.text)
        self._chars += len(block.text)
        if block.signature is not None:
            place = Place(self._chars, len(self.calls))
            self._entries.append(text_entry(block.signature, place, len(block.text), len(self._entries)))

    def _add_call(self, call: ToolCall) -> None:
        own = call_id(call, self._own, self._choice, len(self.calls))
        if call.custom:
            wire: dict[str, object] = {
                "id": own,
                "type": "custom",
                "custom": {"name": call.name, "input": call.arguments},
                "function": {"name": call.name, "arguments": call.arguments},
            }
            if not self._legacy:
                del wire["function"]
        else:
            function = {"name": call.name, "arguments": whole_arguments(call.arguments)}
            wire = {"id": own, "type": "function", "function": function}
        if call.signature is not None:
            wire["extra_content"] = extra_content(seal(call.signature))
            self._entries.append(call_entry(call.signature, own, len(self._entries)))
        self.calls.append(wire)

    def _add_audio(self, json: bytes) -> None:
        """OpenAI's own sound: pieces of a stream are one after the other, the rest is told once."""
        try:
            piece = members(ANY.decode(json)) or {}
        except UNREADABLE:
            return
        for name, value in piece.items():
            before = self._audio.get(name)
            joined = name in {"data", "transcript"} and isinstance(before, str) and isinstance(value, str)
            self._audio[name] = f"{before}{value}" if joined else value
