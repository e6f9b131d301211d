"""What the gateway does itself to an answer, because the upstream could not be asked for it.

Each emulation is a small machine from events to events, without I/O; `Emulator` chains those that an
`Emulation` calls for. A unary answer takes the same way as a stream of one.
"""

from typing import Protocol

import msgspec

from dragoman.conversation.blocks import Block, Refusal, Text, Thinking, ToolCall
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
from dragoman.conversation.fold import fold, unfold
from dragoman.conversation.response import Response, Stop, StopReason
from dragoman.dialects.dialect import Emulation
from dragoman.gateway.wrapped_text import WrappedText


class _Stage(Protocol):
    def feed(self, event: Event, /) -> list[Event]: ...


class Emulator:
    """All emulations of one answer, in the order in which they build on each other.

    `finished` becomes true when nothing more is wanted of the upstream.
    """

    def __init__(self, emulation: Emulation, choices: int = 1) -> None:
        """Take what is to be emulated, and how many choices the answer will have."""
        self._stages: list[_Stage] = []
        self._cut: StopCut | None = None
        if emulation.answer_tool is not None:
            self._stages.append(AnswerTool(emulation.answer_tool))
        if emulation.wrapped_in is not None:
            self._stages.append(Unwrap(emulation.wrapped_in, bare=emulation.bare))
        if emulation.tool_names or emulation.custom_tools:
            self._stages.append(ToolNames(emulation.tool_names, emulation.custom_tools))
        if emulation.single_call:
            self._stages.append(SingleCall())
        if emulation.stop:
            self._cut = StopCut(emulation.stop, choices)
            self._stages.append(self._cut)
        if emulation.hide_reasoning:
            # last: the cut counts blocks as the upstream does
            self._stages.append(HiddenReasoning())

    @property
    def finished(self) -> bool:
        """Whether every choice has been cut short: the upstream may be let go."""
        return self._cut is not None and self._cut.finished

    def feed(self, event: Event) -> list[Event]:
        """What the client is to get for one event of the upstream."""
        events = [event]
        for stage in self._stages:
            events = [out for one in events for out in stage.feed(one)]
        return events


def emulate(response: Response, emulation: Emulation) -> Response:
    """A whole answer with every emulation done."""
    if not emulation.needed:
        return response
    emulator = Emulator(emulation, len(response.choices))
    folded = fold(out for event in unfold(response) for out in emulator.feed(event))
    return msgspec.structs.replace(folded, extras=response.extras)


class ToolNames:
    """Gives tool calls the client's own names back, and unwraps free-text tools' input."""

    def __init__(self, names: dict[str, str], custom: frozenset[str]) -> None:
        self._names = names
        self._custom = custom
        self._wrapped: dict[tuple[int, int], list[str]] = {}

    def feed(self, event: Event) -> list[Event]:
        """Rename in `BlockStarted`; hold a free-text tool's arguments until they are whole."""
        match event:
            case BlockStarted(index=index, block=ToolCall() as call, choice=choice):
                name = self._names.get(call.name, call.name)
                custom = name in self._custom
                if custom:
                    self._wrapped[choice, index] = []
                call = msgspec.structs.replace(call, name=name, custom=custom or call.custom)
                return [BlockStarted(index, call, choice)]
            case ArgumentsDelta(index=index, text=text, choice=choice) if (choice, index) in self._wrapped:
                self._wrapped[choice, index].append(text)
                return []
            case BlockEnded(index=index, choice=choice) if (choice, index) in self._wrapped:
                text = _unwrapped("".join(self._wrapped.pop((choice, index))))
                return [ArgumentsDelta(index, text, choice), event] if text else [event]
            case _:
                return [event]


class _FreeText(msgspec.Struct):
    input: str


_FREE_TEXT = msgspec.json.Decoder(_FreeText)


def _unwrapped(arguments: str) -> str:
    """The text inside `{"input": text}`; the arguments themselves where the model wrote otherwise."""
    try:
        return _FREE_TEXT.decode(arguments).input
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return arguments


class AnswerTool:
    """Turns the call of one tool into the answer's text: JSON output by way of a forced tool."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._answers: set[tuple[int, int]] = set()
        self._called: set[int] = set()

    def feed(self, event: Event) -> list[Event]:
        """Text for the tool's arguments; a stop for tool calls becomes a plain end."""
        match event:
            case BlockStarted(index=index, block=ToolCall(name=name), choice=choice):
                if name == self._name:
                    self._answers.add((choice, index))
                    return [BlockStarted(index, Text(""), choice)]
                self._called.add(choice)
                return [event]
            case ArgumentsDelta(index=index, text=text, choice=choice) if (choice, index) in self._answers:
                return [TextDelta(index, text, choice)]
            case SignatureDelta(index=index, choice=choice) if (choice, index) in self._answers:
                return []
            case Stopped(stop=stop, choice=choice) if (
                stop.reason is StopReason.TOOL_CALLS and choice not in self._called
            ):
                return [Stopped(msgspec.structs.replace(stop, reason=StopReason.END), choice)]
            case _:
                return [event]


class Unwrap:
    """Takes the answer out of the one property that it had to be put into.

    The value's text goes on as it comes; only what stands before it is held back, until it is clear
    that it is the wrapping. Text of another form goes on as it is. What stands behind the value, which
    can only be the wrapping's end or against the schema, is dropped.
    """

    def __init__(self, name: str, *, bare: bool = False) -> None:
        """Take the property's name; `bare` says that a string is wanted without its quotes."""
        self._name = name
        self._bare = bare
        self._texts: dict[tuple[int, int], WrappedText] = {}

    def feed(self, event: Event) -> list[Event]:
        """The event; of wrapped text, only the value's part."""
        match event:
            case BlockStarted(index=index, block=Text(), choice=choice):
                self._texts[choice, index] = WrappedText(self._name, bare=self._bare)
                return [event]
            case TextDelta(index=index, text=text, choice=choice) if (choice, index) in self._texts:
                text = self._texts[choice, index].feed(text)
                return [TextDelta(index, text, choice)] if text else []
            case BlockEnded(index=index, choice=choice) if (choice, index) in self._texts:
                text = self._texts.pop((choice, index)).close()
                return [TextDelta(index, text, choice), event] if text else [event]
            case _:
                return [event]


class HiddenReasoning:
    """Keeps the text of reasoning from the client, and lets its signatures through: the client sends
    them back. Reasoning without a signature disappears, and later blocks move up.
    """

    def __init__(self) -> None:
        self._held: set[tuple[int, int]] = set()
        self._indexes: dict[tuple[int, int], int] = {}
        self._next: dict[int, int] = {}

    def feed(self, event: Event) -> list[Event]:
        """The event under its new index; nothing for what is hidden."""
        match event:
            case Started() | UsageReported() | Failed() | Stopped() | LogprobsReported():
                return [event]
            case BlockStarted(index=index, block=Thinking() as block, choice=choice):
                if block.signature is None:
                    self._held.add((choice, index))
                    return []
                return [self._opened(choice, index, msgspec.structs.replace(block, text=""))]
            case BlockStarted(index=index, block=block, choice=choice):
                return [self._opened(choice, index, block)]
            case ThinkingDelta():
                return []
            case _:
                place = (event.choice, event.index)
        opened: list[Event] = []
        if place in self._held:
            self._held.discard(place)
            if not isinstance(event, SignatureDelta):
                return []
            opened.append(self._opened(*place, Thinking("")))
        return [*opened, msgspec.structs.replace(event, index=self._indexes[place])]

    def _opened(self, choice: int, index: int, block: Block) -> BlockStarted:
        number = self._indexes[choice, index] = self._next.get(choice, 0)
        self._next[choice] = number + 1
        return BlockStarted(number, block, choice)


class SingleCall:
    """Lets only the first tool call of each choice through, for clients that want no parallel calls."""

    def __init__(self) -> None:
        self._called: set[int] = set()
        self._hidden: set[tuple[int, int]] = set()

    def feed(self, event: Event) -> list[Event]:
        """Nothing for the blocks of further calls; later blocks move up."""
        match event:
            case Started() | UsageReported() | Failed() | Stopped() | LogprobsReported():
                return [event]
            case BlockStarted(index=index, block=ToolCall(), choice=choice):
                if choice in self._called:
                    self._hidden.add((choice, index))
                    return []
                self._called.add(choice)
            case _:
                pass
        if (event.choice, event.index) in self._hidden:
            return []
        above = sum(choice == event.choice and index < event.index for choice, index in self._hidden)
        return [msgspec.structs.replace(event, index=event.index - above)] if above else [event]


class StopCut:
    """Cuts each choice's text exactly at the first stop sequence, also across deltas.

    The first is the one that is complete first, where models stop too: so the cut is the same in
    whatever pieces the text comes. What could be the beginning of a sequence is held back until it is
    clear. Reasoning and tool arguments are not searched: vendors do not stop there either.
    """

    def __init__(self, sequences: tuple[str, ...], choices: int = 1) -> None:
        """Take the sequences, none of them empty, and how many choices the answer will have."""
        self._sequences = sequences
        self._longest = max(map(len, sequences))
        self._choices = choices
        self._held: dict[tuple[int, int], str] = {}
        self._open: dict[int, list[int]] = {}
        self._cut: set[int] = set()

    @property
    def finished(self) -> bool:
        """Whether every choice has been cut."""
        return len(self._cut) == self._choices

    def feed(self, event: Event) -> list[Event]:
        """The event, as far as it comes before the first stop sequence of its choice."""
        if isinstance(event, Started | UsageReported | Failed):
            return [event]
        choice = event.choice
        if choice in self._cut:
            return []
        match event:
            case BlockStarted(index=index, block=block):
                self._open.setdefault(choice, []).append(index)
                if isinstance(block, Text | Refusal):
                    self._held[choice, index] = ""
                return [event]
            case TextDelta(index=index, text=text):
                return self._searched(choice, index, text)
            case BlockEnded(index=index):
                self._open[choice].remove(index)
                held = self._held.pop((choice, index), "")
                return [TextDelta(index, held, choice), event] if held else [event]
            case (
                Stopped()
                | LogprobsReported()
                | ThinkingDelta()
                | SignatureDelta()
                | ArgumentsDelta()
                | CitationDelta()
            ):
                return [event]

    def _searched(self, choice: int, index: int, text: str) -> list[Event]:
        text = self._held.get((choice, index), "") + text
        found = [
            (at + len(sequence), at, sequence)
            for sequence in self._sequences
            if (at := text.find(sequence)) >= 0
        ]
        if found:
            _, at, sequence = min(found)
            self._cut.add(choice)
            before = text[:at]
            return [
                *([TextDelta(index, before, choice)] if before else []),
                *(BlockEnded(open_index, choice) for open_index in self._open[choice]),
                Stopped(Stop(StopReason.STOP_SEQUENCE, sequence=sequence), choice),
            ]
        keep = self._ambiguous(text)
        self._held[choice, index] = text[len(text) - keep :]
        return [TextDelta(index, text[: len(text) - keep], choice)] if keep < len(text) else []

    def _ambiguous(self, text: str) -> int:
        """How many characters at the end of the text may be the beginning of a sequence."""
        for size in range(min(len(text), self._longest - 1), 0, -1):
            if any(sequence.startswith(text[-size:]) for sequence in self._sequences):
                return size
        return 0
