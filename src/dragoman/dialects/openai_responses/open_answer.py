"""An upstream's answer on its way: its items in, events out."""

import io
import itertools

import msgspec

from dragoman.conversation.events import Event, Started, Stopped
from dragoman.conversation.failure import Failure, FailureKind
from dragoman.dialects.json_text import decode_upstream
from dragoman.dialects.openai_responses.answer_wire import AnswerWire, OutputItemWire
from dragoman.dialects.openai_responses.errors import embedded_failure
from dragoman.dialects.openai_responses.open_item import (
    OpenCall,
    OpenItem,
    OpenMessage,
    OpenReasoning,
    OpenWhole,
)
from dragoman.dialects.openai_responses.stop import FAILED, UNFINISHED, stop_of

ANSWER = msgspec.json.Decoder(AnswerWire)
_ITEM = msgspec.json.Decoder(OutputItemWire)


def started_of(answer: AnswerWire) -> Started:
    """Who answers, and when it began. The tier `auto` is only what was asked for."""
    return Started(
        id=answer.id or "",
        model=answer.model or "",
        created=int(answer.created_at) if answer.created_at else None,
        service_tier=None if answer.service_tier == "auto" else answer.service_tier,
    )


def failure_of(answer: AnswerWire, body: bytes) -> Failure | None:
    """What went wrong with a response that is no answer: it failed, was cancelled, or is not finished
    yet; None for an answer.
    """
    if answer.error or answer.status == FAILED:
        return embedded_failure(body, answer.error)
    if answer.status in UNFINISHED:
        return Failure(
            FailureKind.BAD_GATEWAY,
            f"The upstream's answer is not complete: its status is '{answer.status}'.",
        )
    return None


def reason_of(answer: AnswerWire) -> str | None:
    """Why an answer is incomplete, where it is."""
    return None if answer.incomplete_details is None else answer.incomplete_details.reason


class OpenAnswer:
    """The items of an answer, of which several may grow side by side.

    Items are told apart by their place in the output. Hosts that do not number them, or number all
    alike, begin the next one where another begins.
    """

    __slots__ = ("_blocks", "_called", "_last", "_open", "_origin", "_refused", "count", "id")

    def __init__(self, origin: str) -> None:
        """Take where the answer comes from."""
        self.id = ""
        self.count = 0
        """How many items have begun."""
        self._origin = origin
        self._blocks = itertools.count()
        self._open: dict[int, OpenItem] = {}
        self._last = 0
        self._called = False
        self._refused = False

    def begin(self, place: int | None, raw: bytes, events: list[Event]) -> None:
        """An item begins."""
        item = decode_upstream(_ITEM, raw)
        opened = self._opened(item, raw)
        self._take(place, opened, events)
        if isinstance(opened, OpenCall):
            opened.begin(events)

    def _take(self, place: int | None, opened: OpenItem, events: list[Event]) -> None:
        """Give an item its place."""
        if place is None:
            place = self.count
        if place in self._open:
            self._end(place, None, b"", events)
        self.count += 1
        self._last = place
        self._open[place] = opened

    def _opened(self, item: OutputItemWire, raw: bytes) -> OpenItem:
        match item.type:
            case "message":
                return OpenMessage(item, self._blocks)
            case "reasoning":
                return OpenReasoning(item, self._blocks, self._origin)
            case "function_call" | "custom_tool_call" as kind:
                return OpenCall(item, self._blocks, self.id, custom=kind == "custom_tool_call")
            case _:
                return OpenWhole(item, raw, self._blocks)

    def message(self, place: int | None, events: list[Event]) -> OpenMessage:
        """The message that a piece belongs to; one whose beginning never came begins here."""
        item = self._at(place)
        if isinstance(item, OpenMessage):
            return item
        message = OpenMessage(OutputItemWire("message"), self._blocks)
        self._take(self._free(place), message, events)
        return message

    def reasoning(self, place: int | None, events: list[Event]) -> OpenReasoning:
        """The reasoning that a piece belongs to; as `message`."""
        item = self._at(place)
        if isinstance(item, OpenReasoning):
            return item
        reasoning = OpenReasoning(OutputItemWire("reasoning"), self._blocks, self._origin)
        self._take(self._free(place), reasoning, events)
        return reasoning

    def said(self, block: int) -> io.StringIO:
        """What came of an open text or reasoning, by its block. Raises `LookupError` where none is open."""
        for item in self._open.values():
            if isinstance(item, OpenMessage | OpenReasoning) and (found := item.said(block)) is not None:
                return found
        raise LookupError(block)

    def call(self, place: int | None) -> OpenCall | None:
        """The call that a piece belongs to; None where it never began, for then its name is not known."""
        item = self._at(place)
        return item if isinstance(item, OpenCall) else None

    def end(self, place: int | None, raw: bytes, events: list[Event]) -> None:
        """An item is complete; `raw` is all of it."""
        item = decode_upstream(_ITEM, raw)
        at = self._last if place is None else place
        if at not in self._open:
            self._take(place, self._opened(item, raw), events)
            at = self._last
        self._end(at, item, raw, events)

    def close(self, status: str | None, reason: str | None, events: list[Event]) -> None:
        """The answer is complete."""
        for place in list(self._open):
            self._end(place, None, b"", events)
        stop = stop_of(status, reason, called=self._called, refused=self._refused)
        events.append(Stopped(stop))

    def _at(self, place: int | None) -> OpenItem | None:
        return self._open.get(self._last if place is None else place)

    def _free(self, place: int | None) -> int | None:
        return None if place in self._open else place

    def _end(self, place: int, item: OutputItemWire | None, raw: bytes, events: list[Event]) -> None:
        opened = self._open.pop(place)
        opened.end(item, raw, events)
        if isinstance(opened, OpenCall):
            self._called = self._called or opened.called
        elif isinstance(opened, OpenMessage):
            self._refused = self._refused or opened.refused
