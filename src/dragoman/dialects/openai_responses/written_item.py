"""Items for our clients that grow: messages, reasoning and calls, each from its first event to its last."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from dragoman.conversation.blocks import Thinking, ToolCall
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import TokenLogprob
from dragoman.dialects.arguments import says_nothing
from dragoman.dialects.openai_responses.identifiers import (
    CUSTOM_CALL,
    FUNCTION_CALL,
    MESSAGE,
    REASONING,
)
from dragoman.dialects.openai_responses.logprobs import render_logprobs
from dragoman.dialects.openai_responses.output import Output
from dragoman.dialects.openai_responses.reasoning import client_item
from dragoman.dialects.openai_responses.stop import COMPLETED, INCOMPLETE

_encode = msgspec.json.Encoder().encode

Members = dict[str, object]


class Closing(Protocol):
    """An item whose blocks have all ended, and which may be closed when the next one begins."""

    def close(self, *, cut: bool = False) -> bytes:
        """The events that end the item; with `cut` it is what the answer broke off in."""
        ...


class WrittenMessage:
    """A message. Text that follows text grows one part, text and refusals are parts of their own.

    `users` counts the blocks in it that have not ended.
    """

    __slots__ = (
        "_annotations",
        "_content",
        "_kind",
        "_logprobs",
        "_place",
        "_text",
        "chars",
        "members",
        "users",
    )

    def __init__(self, output: Output, members: Members) -> None:
        """Take what the vendor's own format says of the message beside its text (`phase`)."""
        self.members = members
        self.users = 0
        self.chars = 0
        """Code points of the part that is open."""
        self._place = output.place(MESSAGE)
        self._content: list[msgspec.Raw] = []
        self._kind = ""
        self._text: list[str] = []
        self._annotations: list[msgspec.Raw] = []
        self._logprobs: list[TokenLogprob] = []

    def begin(self) -> bytes:
        """The message as it begins."""
        return self._place.begin(self._item("in_progress"))

    def say(self, text: str, tokens: Sequence[TokenLogprob]) -> bytes:
        """More text."""
        out = self._part("output_text")
        self._text.append(text)
        self.chars += len(text)
        self._logprobs.extend(tokens)
        logprobs = render_logprobs(tokens) if tokens else b"[]"
        members = self._at + b',"delta":' + _encode(text) + b',"logprobs":' + logprobs
        return out + self._place.tell(b"response.output_text.delta", members)

    def refuse(self, text: str) -> bytes:
        """More of a refusal."""
        out = self._part("refusal")
        self._text.append(text)
        return out + self._place.tell(b"response.refusal.delta", self._at + b',"delta":' + _encode(text))

    def cite(self, annotation: msgspec.Raw) -> bytes:
        """A source of the open text."""
        out = self._part("output_text")
        number = str(len(self._annotations)).encode()
        self._annotations.append(annotation)
        members = self._at + b',"annotation_index":' + number + b',"annotation":' + bytes(annotation)
        return out + self._place.tell(b"response.output_text.annotation.added", members)

    def measure(self, tokens: Sequence[TokenLogprob]) -> None:
        """Log probabilities that came after the text they are for."""
        if self._kind == "output_text":
            self._logprobs.extend(tokens)

    def close(self, *, cut: bool = False) -> bytes:
        """The events that end the message."""
        out = self._end_part()
        return out + self._place.end(self._item(INCOMPLETE if cut and self._place.is_last else COMPLETED))

    @property
    def _at(self) -> bytes:
        return b',"content_index":' + str(len(self._content)).encode()

    def _item(self, status: str) -> Members:
        item: Members = {
            "id": self._place.id,
            "type": "message",
            "status": status,
            "content": self._content,
            "role": "assistant",
        }
        return {**item, **self.members}

    def _part(self, kind: str) -> bytes:
        """The events that open a part of a kind, unless it is open."""
        if kind == self._kind:
            return b""
        out = self._end_part()
        self._kind = kind
        part = self._at + b',"part":' + _encode(self._whole_part(""))
        return out + self._place.tell(b"response.content_part.added", part)

    def _whole_part(self, text: str) -> Members:
        if self._kind == "refusal":
            return {"type": "refusal", "refusal": text}
        logprobs = msgspec.Raw(render_logprobs(self._logprobs))
        return {"type": "output_text", "annotations": self._annotations, "logprobs": logprobs, "text": text}

    def _end_part(self) -> bytes:
        if not self._kind:
            return b""
        text = "".join(self._text)
        whole = self._whole_part(text)
        if self._kind == "refusal":
            out = self._place.tell(b"response.refusal.done", self._at + b',"refusal":' + _encode(text))
        else:
            logprobs = render_logprobs(self._logprobs)
            members = self._at + b',"text":' + _encode(text) + b',"logprobs":' + logprobs
            out = self._place.tell(b"response.output_text.done", members)
        part = _encode(whole)
        out += self._place.tell(b"response.content_part.done", self._at + b',"part":' + part)
        self._content.append(msgspec.Raw(part))
        self._kind = ""
        self.chars = 0
        self._text, self._annotations, self._logprobs = [], [], []
        return out


class WrittenReasoning:
    """Reasoning, whose text is one summary."""

    __slots__ = ("_place", "_text")

    _SUMMARY = b',"summary_index":0'

    def __init__(self, output: Output, own: str = "") -> None:
        """Take the id that the vendor gave to the item, where it is known when the item begins."""
        self._place = output.place(REASONING, own)
        self._text: list[str] = []

    def begin(self) -> bytes:
        """The reasoning as it begins."""
        return self._place.begin({"id": self._place.id, "type": "reasoning", "summary": []})

    def think(self, text: str) -> bytes:
        """More text."""
        out = b""
        if not self._text:
            part = b',"part":{"type":"summary_text","text":""}'
            out = self._place.tell(b"response.reasoning_summary_part.added", self._SUMMARY + part)
        self._text.append(text)
        members = self._SUMMARY + b',"delta":' + _encode(text)
        return out + self._place.tell(b"response.reasoning_summary_text.delta", members)

    def close(self, signature: Signature | None, hidden: str) -> bytes:
        """The events that end the reasoning, with what has to come back: `hidden` is text that the client
        does not want to read.
        """
        out = b""
        text = "".join(self._text)
        if self._text:
            said = _encode(text)
            out = self._place.tell(
                b"response.reasoning_summary_text.done", self._SUMMARY + b',"text":' + said
            )
            part = b',"part":{"type":"summary_text","text":' + said + b"}"
            out += self._place.tell(b"response.reasoning_summary_part.done", self._SUMMARY + part)
        return out + self._place.end({"id": self._place.id, **client_item(Thinking(text, signature), hidden)})


class WrittenCall:
    """A call of one of the client's tools."""

    __slots__ = ("_custom", "_members", "_place", "_text")

    def __init__(self, output: Output, call: ToolCall, call_id: str, members: Members) -> None:
        """Take the call's id, and its name with what the format's own vendors say beside it."""
        self._custom = call.custom
        self._place = output.place(CUSTOM_CALL if call.custom else FUNCTION_CALL)
        self._text: list[str] = []
        self._members = {"call_id": call_id, **members}

    def begin(self) -> bytes:
        """The call as it begins."""
        return self._place.begin(self._item("in_progress", ""))

    def grow(self, text: str) -> bytes:
        """More of the arguments."""
        self._text.append(text)
        kind = (
            b"response.custom_tool_call_input.delta"
            if self._custom
            else b"response.function_call_arguments.delta"
        )
        return self._place.tell(kind, b',"delta":' + _encode(text))

    def close(self, *, cut: bool = False) -> bytes:
        """The events that end the call. A function without arguments gets an object without members."""
        out = b""
        cut = cut and self._place.is_last
        text = "".join(self._text)
        if not self._custom and not cut and says_nothing(text) and "null" not in text:
            out = self.grow("{}")
            text += "{}"
        said = _encode(text)
        if self._custom:
            out += self._place.tell(b"response.custom_tool_call_input.done", b',"input":' + said)
        else:
            name = b',"name":' + _encode(self._members["name"])
            out += self._place.tell(b"response.function_call_arguments.done", name + b',"arguments":' + said)
        return out + self._place.end(self._item(INCOMPLETE if cut else COMPLETED, text))

    def _item(self, status: str, text: str) -> Members:
        kind, slot = ("custom_tool_call", "input") if self._custom else ("function_call", "arguments")
        return {"id": self._place.id, "type": kind, "status": status, slot: text, **self._members}
