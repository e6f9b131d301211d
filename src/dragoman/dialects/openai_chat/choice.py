"""One choice of an upstream's answer: pieces of its message in, events out.

A whole message is one piece; so unary answers and streams are read by the same rules.
"""

import msgspec

from dragoman.conversation.blocks import Block, Citation, Image, Refusal, Text, Thinking, ToolCall, Unknown
from dragoman.conversation.events import (
    ArgumentsDelta,
    BlockEnded,
    BlockStarted,
    CitationDelta,
    Event,
    LogprobsReported,
    SignatureDelta,
    Stopped,
    TextDelta,
    ThinkingDelta,
)
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import AlternativeToken, TokenLogprob
from dragoman.conversation.turns import derived_call_id
from dragoman.dialects.arguments import says_nothing
from dragoman.dialects.data_url import parse_image
from dragoman.dialects.json_text import is_json_object
from dragoman.dialects.openai_chat.answer_wire import (
    AnswerPartWire,
    CallDeltaWire,
    DeltaWire,
    LogprobsWire,
)
from dragoman.dialects.openai_chat.citations import parse_annotation
from dragoman.dialects.openai_chat.reasoning import entry_json
from dragoman.dialects.openai_chat.stop import stop_of
from dragoman.dialects.openai_chat.wire import NAME, DetailWire

_PART = msgspec.json.Decoder(AnswerPartWire)
_LOGPROBS: msgspec.json.Decoder[LogprobsWire | None] = msgspec.json.Decoder(LogprobsWire | None)
_NO_IDS = frozenset({"null", "None"})


class OpenCall:
    """A tool call that is still growing. It opens as a block when its name is known to be whole."""

    __slots__ = ("block", "custom", "held", "id", "name", "ordinal", "parts", "signature")

    def __init__(self, ordinal: int, *, custom: bool) -> None:
        self.ordinal = ordinal
        self.custom = custom
        self.id = ""
        self.name = ""
        self.block = -1
        self.held = ""
        self.parts: list[str] = []
        self.signature: Signature | None = None

    def ready(self, text: str) -> str:
        """What can be passed on now that `text` has come. Some models write `null` for no arguments: what
        may become that is held back.
        """
        if self.custom or self.parts:
            return text
        text = self.held + text
        self.held = text if "null".startswith(text.strip()) else ""
        return "" if self.held else text

    @property
    def complete(self) -> bool:
        """Whether nothing can follow: the arguments are one whole JSON object."""
        return not self.custom and bool(self.parts) and is_json_object("".join(self.parts))

    def repeats(self, text: str) -> bool:
        """Whether the text is the whole call once more, as some hosts put into their last chunk."""
        return bool(self.parts) and text[:1] == "{" and is_json_object(text) and self.complete


class OpenChoice:
    """A choice that is still growing.

    Text, refusal and thinking follow each other; beside the open one of them any number of calls
    may be open, because hosts may interleave the pieces of parallel calls.
    """

    __slots__ = (
        "_answer",
        "_block",
        "_called",
        "_calls",
        "_chars",
        "_cited",
        "_detail",
        "_kind",
        "_next",
        "_numbered",
        "_open_calls",
        "_origin",
        "_refused",
        "_text_start",
        "finish",
        "index",
        "sequence",
        "stopped",
    )

    def __init__(self, index: int, origin: str, answer: str) -> None:
        """Take the choice's index, where the answer comes from, and the answer's id."""
        self.index = index
        self.finish: str | None = None
        self.sequence: object = None
        self.stopped = False
        self._origin = origin
        self._answer = answer
        self._next = 0
        self._kind = ""
        self._block = -1
        self._chars = 0
        self._text_start = 0
        self._cited = False
        self._refused = False
        self._called = False
        self._detail: DetailWire | None = None
        self._calls: list[OpenCall] = []
        self._open_calls: list[OpenCall] = []
        self._numbered: dict[int, OpenCall] = {}

    @property
    def speaks(self) -> bool:
        """Whether a text is open, and no refusal or thinking."""
        return self._kind == "text"

    def said(self, text: str) -> None:
        """Take note of more of the open text, whose event is made elsewhere."""
        self._chars += len(text)

    def read(self, delta: DeltaWire, events: list[Event], *, whole: bool = False) -> None:
        """Take a piece of the message; with `whole` it is all of it."""
        told = False
        if delta.reasoning_details:
            told = self._read_details(delta.reasoning_details, events)
        if not told:
            reasoning = delta.reasoning_content or delta.reasoning
            if reasoning and isinstance(reasoning, str):
                self._think(reasoning, events)
        content = delta.content
        if content:
            if isinstance(content, str):
                self._say(content, events)
            else:
                for raw in content:
                    self._read_part(bytes(raw), events)
        if delta.annotations:
            self._read_annotations(delta.annotations, events)
        if delta.refusal:
            if self._kind != "refusal":
                self._begin("refusal", Refusal(""), events)
                self._refused = True
            events.append(TextDelta(self._block, delta.refusal, self.index))
        if delta.tool_calls:
            for piece in delta.tool_calls:
                self._read_call(piece, events, whole=whole)
        if delta.function_call is not None:
            self._read_call(CallDeltaWire(index=0, function=delta.function_call), events, whole=whole)
        if delta.images:
            for part in delta.images:
                self._read_image(part, events)
        if delta.audio and bytes(delta.audio) != b"null":
            self._add(Unknown(NAME, "audio", bytes(delta.audio)), events)

    def read_logprobs(self, raw: bytes, events: list[Event]) -> None:
        """Take log probabilities; older forms of other hosts are not read."""
        try:
            wire = _LOGPROBS.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        if wire is not None and wire.content:
            tokens = tuple(
                TokenLogprob(
                    token.token,
                    token.logprob,
                    None if token.bytes is None else tuple(token.bytes),
                    tuple(
                        AlternativeToken(
                            one.token, one.logprob, None if one.bytes is None else tuple(one.bytes)
                        )
                        for one in token.top_logprobs or ()
                    ),
                )
                for token in wire.content
            )
            events.append(LogprobsReported(tokens, self.index))

    def close(self, events: list[Event], sources: tuple[Citation, ...] = ()) -> None:
        """End the choice. `sources` are what a host lists as the answer's sources, without spans."""
        if self._kind == "text" and not self._cited:
            events.extend(CitationDelta(self._block, source, self.index) for source in sources)
        self._end(events)
        self._start_calls(events)
        for call in self._open_calls:
            if not says_nothing(call.held):
                events.append(ArgumentsDelta(call.block, call.held, self.index))
            events.append(BlockEnded(call.block, self.index))
        self._open_calls.clear()
        self.stopped = True
        stop = stop_of(self.finish, called=self._called, refused=self._refused, sequence=self.sequence)
        events.append(Stopped(stop, self.index))

    # --- text, refusal, thinking -----------------------------------------------------------------

    def _begin(self, kind: str, block: Block, events: list[Event]) -> None:
        """Open the next block of those that follow each other."""
        self._end(events)
        if self._calls:
            self._start_calls(events)
            self._end_complete_calls(events)
        self._kind = kind
        self._block = self._next
        self._next += 1
        events.append(BlockStarted(self._block, block, self.index))

    def _end(self, events: list[Event]) -> None:
        if not self._kind:
            return
        if self._detail is not None:
            self._sign(self._detail, events)
        self._kind = ""
        events.append(BlockEnded(self._block, self.index))

    def _add(self, block: Block, events: list[Event]) -> None:
        """A block that comes whole."""
        self._begin("whole", block, events)
        self._end(events)

    def _say(self, text: str, events: list[Event]) -> None:
        if self._kind != "text":
            self._begin("text", Text(""), events)
            self._text_start = self._chars
        self._chars += len(text)
        events.append(TextDelta(self._block, text, self.index))

    def _think(self, text: str, events: list[Event]) -> None:
        if self._kind != "thinking" or self._detail is not None:
            self._begin("thinking", Thinking(""), events)
        events.append(ThinkingDelta(self._block, text, self.index))

    def _read_details(self, details: list[DetailWire], events: list[Event]) -> bool:
        """Take `reasoning_details`; whether they held the text that stands in `reasoning` once more."""
        told = False
        for detail in details:
            text = detail.text or detail.summary
            if detail.data:
                signature = Signature(NAME, self._origin, msgspec.json.encode(detail).decode())
                self._add(Thinking("", signature, redacted=True), events)
                continue
            if not text and not detail.signature:
                continue
            opened = self._detail
            if opened is None or (opened.type, opened.index) != (detail.type, detail.index):
                self._begin("thinking", Thinking(""), events)
                self._detail = detail
            if text:
                told = True
                events.append(ThinkingDelta(self._block, text, self.index))
            if detail.signature:
                self._sign(detail, events)
                self._end(events)
        return told

    def _sign(self, detail: DetailWire, events: list[Event]) -> None:
        """The open thinking goes back to its host as the entry that it came as, without its text."""
        signature = Signature(NAME, self._origin, entry_json(detail))
        events.append(SignatureDelta(self._block, signature, self.index))
        self._detail = None

    def _read_part(self, raw: bytes, events: list[Event]) -> None:
        """Take a part of a content array, as Mistral's reasoning models and some others write it."""
        try:
            part = _PART.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        match part.type:
            case "text" | "output_text":
                if part.text:
                    self._say(part.text, events)
            case "thinking":
                pieces = part.thinking or ()
                text = pieces if isinstance(pieces, str) else "".join(piece.text or "" for piece in pieces)
                if text:
                    self._think(text, events)
            case "refusal":
                self.read(DeltaWire(refusal=part.refusal), events)
            case "image_url":
                self._read_image(part, events)
            case "reference":
                pass  # numbers of search results, which stand beside the choices
            case kind:
                self._add(Unknown(NAME, kind, raw), events)

    def _read_image(self, part: AnswerPartWire, events: list[Event]) -> None:
        given = part.image_url
        url = given if isinstance(given, str) else given.url if given is not None else ""
        source = parse_image(url) if url else None
        if source is not None:
            self._add(Image(source), events)

    def _read_annotations(self, annotations: list[msgspec.Raw], events: list[Event]) -> None:
        if self._kind != "text":
            return
        for raw in annotations:
            citation = parse_annotation(bytes(raw), self._text_start)
            if citation is not None:
                self._cited = True
                events.append(CitationDelta(self._block, citation, self.index))

    # --- calls -----------------------------------------------------------------------------------

    def _read_call(self, piece: CallDeltaWire, events: list[Event], *, whole: bool) -> None:
        function, custom = piece.function, piece.custom
        if custom is not None:
            name, text = custom.name or "", custom.input or ""
        else:
            name = (function.name if function is not None else None) or ""
            text = _text_of(function.arguments) if function is not None else ""
        own = piece.id if piece.id and piece.id not in _NO_IDS else ""
        call = None if whole else self._continued(piece.index, own, name, text)
        if call is None:
            self._start_calls(events)
            call = OpenCall(len(self._calls), custom=custom is not None)
            self._calls.append(call)
        if piece.index is not None:
            self._numbered[piece.index] = call
        call.id = call.id or own
        if call.block < 0 and name and name != call.name:
            call.name += name
        google = piece.extra_content.google if piece.extra_content is not None else None
        if google is not None and google.thought_signature and call.signature is None:
            call.signature = Signature(NAME, self._origin, google.thought_signature)
            if call in self._open_calls:
                events.append(SignatureDelta(call.block, call.signature, self.index))
        ended = call.block >= 0 and call not in self._open_calls
        text = "" if ended or call.repeats(text) else call.ready(text)
        if text:
            call.parts.append(text)
            self._start_call(call, events)
            events.append(ArgumentsDelta(call.block, text, self.index))

    def _continued(self, index: int | None, own: str, name: str, text: str) -> OpenCall | None:
        """The call that a piece continues; None where it begins a new one.

        A call is known by its id and name, and by its index only where they do not say otherwise:
        some hosts leave the index out, some write 0 for each of several calls.
        """
        if not self._calls:
            return None
        call = self._calls[-1] if index is None else self._numbered.get(index)
        if call is None or (own and own == call.id):
            return call
        if own and call.id:
            return None if name or index is None else call
        if not name or call.repeats(text):
            return call
        if index is None and not (name == call.name and call.parts):
            return None
        return None if call.complete else call

    def _start_calls(self, events: list[Event]) -> None:
        """Open the last call if it is not open yet: its name is whole when anything else begins."""
        if self._calls:
            self._start_call(self._calls[-1], events)

    def _start_call(self, call: OpenCall, events: list[Event]) -> None:
        """Open a call as a block, unless it is open already or nothing is known of it."""
        if call.block >= 0 or not (call.name or call.parts):
            return
        self._end(events)
        self._end_complete_calls(events)
        self._called = True
        call.block = self._next
        self._next += 1
        own = call.id or derived_call_id(self._answer, str(self.index), str(call.ordinal), call.name)
        block = ToolCall(own, call.name, "", custom=call.custom, signature=call.signature)
        events.append(BlockStarted(call.block, block, self.index))
        self._open_calls.append(call)

    def _end_complete_calls(self, events: list[Event]) -> None:
        """End the calls whose arguments are whole, so that a client can act on them at once."""
        for call in [call for call in self._open_calls if call.complete]:
            self._open_calls.remove(call)
            events.append(BlockEnded(call.block, self.index))


def _text_of(arguments: object) -> str:
    """The arguments as text; some hosts write the object itself."""
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else msgspec.json.encode(arguments).decode()
