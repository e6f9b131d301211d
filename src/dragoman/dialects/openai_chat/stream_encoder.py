"""Streamed answers for our clients: events to server-sent chunks."""

from typing import assert_never

import msgspec

from dragoman.conversation.blocks import (
    Audio,
    Block,
    Citation,
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
from dragoman.conversation.events import (
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    CitationDelta,
    Event,
    Failed,
    LogprobsReported,
    SignatureDelta,
    Started,
    Stopped,
    TextDelta,
    ThinkingDelta,
    UsageReported,
)
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.dialects.answer_id import answer_id
from dragoman.dialects.dialect import Location, Reply
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
from dragoman.dialects.openai_chat.errors import DONE, error_json
from dragoman.dialects.openai_chat.reasoning import Place, call_entry, text_entry, thinking_entry
from dragoman.dialects.openai_chat.stop import finish_of
from dragoman.dialects.openai_chat.usage import render_usage
from dragoman.dialects.openai_chat.wire import NAME
from dragoman.dialects.openai_family import BETWEEN_MESSAGES, are_apart
from dragoman.frames.sse import encode_data, on_one_line

_Rare = BlockStarted | BlockEnded | SignatureDelta | CitationDelta | LogprobsReported | Stopped

_encode = JSON.encode
_ROLE = b'{"role":"assistant","content":"","refusal":null}'


def stream_type(location: Location) -> str:
    """The media type of a streamed answer."""
    del location
    return "text/event-stream; charset=utf-8"


def keep_alive(location: Location) -> bytes:
    """A comment, which clients of server-sent events skip."""
    del location
    return b": keep-alive\n\n"


class ChatStreamEncoder:
    """Events in, chunks out. The first chunk of each choice gives the role, the last one the finish
    reason; usage comes last of all, and only to a client that asked for it.

    Signatures go out when their block ends, each whole in one `reasoning_details` entry.
    """

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._legacy = reply.request.legacy_functions
        reasoning = reply.request.reasoning
        self._shown = reasoning is None or reasoning.visible is not False
        self._usage: Usage | None = None
        self._failed = False
        self._choices: dict[int, _Choice] = {}
        usage = b',"usage":null}\n\n' if reply.request.stream_usage else b"}\n\n"
        self._end = b',"logprobs":null,"finish_reason":null}]' + usage
        self._tail = b"}]" + usage
        self._own = ""
        self._head = b""
        self._begin(Started(id="", model=""))

    def encode(self, event: Event) -> bytes:
        """The chunks that an event leads to."""
        match event:
            case TextDelta(index=index, text=text, choice=number):
                if not text:
                    return b""
                choice, role = self._choice(number)
                if index in choice.refusals:
                    return role + choice.head + b'{"refusal":' + _encode(text) + b"}" + self._end
                choice.chars += len(text)
                return role + choice.head + b'{"content":' + _encode(text) + b"}" + self._end
            case ThinkingDelta(index=index, text=text, choice=number):
                choice, role = self._choice(number)
                return role + self._think(choice, index, text)
            case ArgumentsDelta(index=index, text=text, choice=number):
                choice, role = self._choice(number)
                call = choice.calls.get(index)
                return role if call is None or not text else role + self._arguments(choice, call, text)
            case Started():
                self._begin(event)
                return self._choice(0)[1]
            case UsageReported(usage=usage):
                self._usage = usage if self._usage is None else self._usage.updated(usage)
                return b""
            case Failed(failure=failure):
                self._failed = True
                return encode_data(error_json(failure))
            case _:
                choice, role = self._choice(event.choice)
                return role + self._encode_rare(choice, event)

    def _encode_rare(self, choice: "_Choice", event: _Rare) -> bytes:
        match event:
            case BlockStarted(index=index, block=block):
                return self._start(choice, index, block)
            case BlockEnded(index=index):
                return self._stop_block(choice, index)
            case SignatureDelta(index=index, signature=signature):
                return self._sign(choice, index, signature)
            case CitationDelta(index=index, citation=citation):
                if index in choice.texts:
                    choice.texts[index].citations.append(citation)
                return b""
            case LogprobsReported(tokens=tokens):
                logprobs = render_logprobs(tokens)
                return choice.head + b'{},"logprobs":' + logprobs + b',"finish_reason":null' + self._tail
            case Stopped(stop=stop):
                return self._stop(choice, stop)
            case _:
                assert_never(event)

    def close(self) -> bytes:
        """The usage chunk where it is wanted, and the end of the stream."""
        if self._failed or self._usage is None or not self._reply.request.stream_usage:
            return DONE
        return self._head + b'],"usage":' + render_usage(self._usage) + b"}\n\n" + DONE

    def _begin(self, started: Started) -> None:
        """What every chunk begins with."""
        reply = self._reply
        self._own = answer_id(started.id, reply.fallback_id, ANSWER_PREFIX)
        head: dict[str, object] = {
            "id": self._own,
            "object": "chat.completion.chunk",
            "created": started.created or reply.created,
            "model": started.model or reply.request.model,
            "system_fingerprint": reply.fingerprint,
        }
        if started.service_tier is not None:
            head["service_tier"] = started.service_tier
        self._head = b"data: " + _encode(head)[:-1] + b',"choices":['

    def _choice(self, number: int) -> "tuple[_Choice, bytes]":
        """A choice, and the chunk with its role if this is the first of it."""
        choice = self._choices.get(number)
        if choice is not None:
            return choice, b""
        head = self._head + b'{"index":' + str(number).encode() + b',"delta":'
        choice = self._choices[number] = _Choice(number, head)
        return choice, head + _ROLE + self._end

    def _chunk(self, choice: "_Choice", delta: dict[str, object]) -> bytes:
        return choice.head + on_one_line(_encode(delta)) + self._end

    # --- blocks ----------------------------------------------------------------------------------

    def _start(self, choice: "_Choice", index: int, block: Block) -> bytes:
        match block:
            case Text():
                out = self._set_apart(choice, index, block)
                choice.texts[index] = _OpenText(choice.chars, block.signature)
                choice.texts[index].citations.extend(block.citations)
                return out + self.encode(TextDelta(index, block.text, choice.number))
            case Refusal(text=text):
                choice.refusals.add(index)
                choice.refused = True
                return self.encode(TextDelta(index, text, choice.number))
            case Thinking():
                choice.thoughts[index] = _OpenThinking(block, Place(choice.chars, choice.called))
                return self._think(choice, index, block.text)
            case ToolCall():
                return self._call(choice, index, block)
            case Image():
                part = image_part(block)
                return b"" if part is None else self._chunk(choice, {"images": [part]})
            case Audio():
                form = audio_form(block, self._own)
                return b"" if form is None else self._chunk(choice, {"audio": form})
            case Unknown(dialect=dialect, kind=kind, json=json):
                own = dialect == NAME and kind == "audio"
                return self._chunk(choice, {"audio": msgspec.Raw(json)}) if own else b""
            case Document() | ToolResult():
                return b""
            case _:
                assert_never(block)

    def _set_apart(self, choice: "_Choice", index: int, block: Text) -> bytes:
        """What stands before the text of another message than that of the text before it."""
        before, choice.said = choice.said, block
        if before is None or not choice.chars or not are_apart(before, block):
            return b""
        return self.encode(TextDelta(index, BETWEEN_MESSAGES, choice.number))

    def _think(self, choice: "_Choice", index: int, text: str) -> bytes:
        thinking = choice.thoughts.get(index)
        if not text or thinking is None:
            return b""
        thinking.parts.append(text)
        if not self._shown:
            return b""
        return choice.head + b'{"reasoning_content":' + _encode(text) + b"}" + self._end

    def _call(self, choice: "_Choice", index: int, block: ToolCall) -> bytes:
        if self._legacy and choice.called:
            return b""
        own = call_id(block, self._own, choice.number, choice.called)
        call = choice.calls[index] = _OpenCall(choice.called, own, custom=block.custom)
        choice.called += 1
        if self._legacy:
            header: dict[str, object] = {"function_call": {"name": block.name, "arguments": ""}}
        else:
            wire: dict[str, object] = {"index": call.ordinal, "id": own}
            if block.custom:
                wire.update({"type": "custom", "custom": {"name": block.name, "input": ""}})
            else:
                wire.update({"type": "function", "function": {"name": block.name, "arguments": ""}})
            header = {"tool_calls": [wire]}
            if block.signature is not None:
                wire["extra_content"] = extra_content(seal(block.signature))
        if block.signature is not None:
            header["reasoning_details"] = [call_entry(block.signature, own, choice.entry())]
        out = self._chunk(choice, header)
        return out + self._arguments(choice, call, block.arguments) if block.arguments else out

    def _arguments(self, choice: "_Choice", call: "_OpenCall", text: str) -> bytes:
        call.said = True
        if self._legacy:
            return choice.head + b'{"function_call":{"arguments":' + _encode(text) + b"}}" + self._end
        return choice.head + call.head + _encode(text) + b"}}]}" + self._end

    def _sign(self, choice: "_Choice", index: int, signature: Signature) -> bytes:
        if index in choice.thoughts:
            choice.thoughts[index].signature = signature
        elif index in choice.texts:
            choice.texts[index].signature = signature
        elif index in choice.calls:
            call = choice.calls[index]
            delta: dict[str, object] = {"reasoning_details": [call_entry(signature, call.id, choice.entry())]}
            if not self._legacy:
                delta = {
                    "tool_calls": [{"index": call.ordinal, "extra_content": extra_content(seal(signature))}],
                    **delta,
                }
            return self._chunk(choice, delta)
        return b""

    def _stop_block(self, choice: "_Choice", index: int) -> bytes:
        """What is told at the end of a block: signatures, and the arguments of a call without any."""
        if (thinking := choice.thoughts.pop(index, None)) is not None:
            whole = Thinking("".join(thinking.parts), thinking.signature, redacted=thinking.redacted)
            if whole.signature is None:
                return b""
            entry = thinking_entry(whole, thinking.place, choice.entry(), shown=self._shown)
            return self._chunk(choice, {"reasoning_details": [entry]})
        if (call := choice.calls.pop(index, None)) is not None:
            return b"" if call.said or call.custom else self._arguments(choice, call, "{}")
        if (text := choice.texts.pop(index, None)) is not None:
            for citation in text.citations:
                annotation = render_annotation(citation, text.start, choice.chars - text.start)
                if annotation is not None:
                    choice.annotations.append(annotation)
            if text.signature is not None:
                place, signed = Place(choice.chars, choice.called), choice.chars - text.start
                entry = text_entry(text.signature, place, signed, choice.entry())
                return self._chunk(choice, {"reasoning_details": [entry]})
        return b""

    def _stop(self, choice: "_Choice", stop: Stop) -> bytes:
        out = b""
        if choice.annotations:
            out += self._chunk(choice, {"annotations": choice.annotations})
        if stop.reason is StopReason.REFUSAL and stop.explanation and not choice.refused:
            out += self._chunk(choice, {"refusal": stop.explanation})
        finish = finish_of(stop, called=choice.called > 0, legacy=self._legacy)
        return (
            out + choice.head + b'{},"logprobs":null,"finish_reason":"' + finish.encode() + b'"' + self._tail
        )


class _OpenText:
    __slots__ = ("citations", "signature", "start")

    def __init__(self, start: int, signature: Signature | None) -> None:
        self.start = start
        self.signature = signature
        self.citations: list[Citation] = []


class _OpenThinking:
    __slots__ = ("parts", "place", "redacted", "signature")

    def __init__(self, block: Thinking, place: Place) -> None:
        self.place = place
        self.redacted = block.redacted
        self.signature = block.signature
        self.parts: list[str] = []


class _OpenCall:
    __slots__ = ("custom", "head", "id", "ordinal", "said")

    def __init__(self, ordinal: int, own: str, *, custom: bool) -> None:
        self.ordinal = ordinal
        self.id = own
        self.custom = custom
        self.said = False
        slot = b'"custom":{"input":' if custom else b'"function":{"arguments":'
        self.head = b'{"tool_calls":[{"index":' + str(ordinal).encode() + b"," + slot


class _Choice:
    """One choice on its way to the client."""

    __slots__ = (
        "annotations",
        "called",
        "calls",
        "chars",
        "entries",
        "head",
        "number",
        "refusals",
        "refused",
        "said",
        "texts",
        "thoughts",
    )

    def __init__(self, number: int, head: bytes) -> None:
        self.number = number
        self.head = head
        self.chars = 0
        self.called = 0
        self.entries = 0
        self.refused = False
        self.said: Text | None = None
        """The last text that has begun."""
        self.refusals: set[int] = set()
        self.texts: dict[int, _OpenText] = {}
        self.thoughts: dict[int, _OpenThinking] = {}
        self.calls: dict[int, _OpenCall] = {}
        self.annotations: list[msgspec.Raw] = []

    def entry(self) -> int:
        """The index of the next `reasoning_details` entry."""
        self.entries += 1
        return self.entries - 1
