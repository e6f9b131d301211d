"""The tokens of a streamed answer that was cut short: its upstream was let go before it told them, by whoever
asked, or by a client that left.
"""

import io
import math

from dragoman.conversation.blocks import Text, Thinking, ToolCall
from dragoman.conversation.events import (
    MEANINGFUL,
    ArgumentsDelta,
    BlockStarted,
    Event,
    Stopped,
    TextDelta,
    ThinkingDelta,
    UsageReported,
)
from dragoman.conversation.request import Request
from dragoman.conversation.token_estimate import estimate_text_tokens, estimate_tokens
from dragoman.conversation.usage import Usage

MOST_HEARD = 16 * 1024
"""Characters of an answer that are looked at; what follows is taken to be like them."""

_WORDS = (TextDelta, ThinkingDelta, ArgumentsDelta)


class CutUsage:
    """Hears what comes of an answer, and estimates what the upstream has not told of it."""

    __slots__ = ("_copies", "_heard", "_length", "_request", "_said")

    def __init__(self, request: Request | None = None, copies: int = 1) -> None:
        """Take the request, if it has been read, and how often it was sent."""
        self._request = request
        self._copies = copies
        # a tenth of what a list of so many short pieces takes
        self._said = io.StringIO()
        self._heard = 0
        self._length = 0

    def hear(self, event: Event) -> None:
        """Hear one event."""
        if isinstance(event, _WORDS):
            self.take(event.text)
        elif isinstance(event, BlockStarted):
            match event.block:
                case Text(text=text) | Thinking(text=text):
                    self.take(text)
                case ToolCall(name=name, arguments=arguments):
                    self.take(name + arguments)
                case _:
                    pass

    def take(self, text: str) -> None:
        """Hear more words of the answer."""
        size = len(text)
        self._length += size
        if self._heard < MOST_HEARD:
            self._said.write(text)
            self._heard += size

    def estimated(self, told: Usage | None, request: Request | None = None) -> Usage:
        """The usage so far with an estimate of what is missing; of the prompt where its request is known.
        Vendors that tell the output at the beginning mean its first tokens: more than those may have been
        said.
        """
        told = told or Usage()
        request = request or self._request
        asked = None if told.prompt or request is None else self._copies * estimate_tokens(request)
        return told.updated(Usage(input=asked, output=max(told.output or 0, self._tokens())))

    def _tokens(self) -> int:
        if not self._heard:
            return 0
        return math.ceil(self._length / self._heard * estimate_text_tokens(self._said.getvalue()))


class CutUsages:
    """The same for the answers to several copies of a request: each may have told all, or been cut."""

    def __init__(self, copies: int = 1) -> None:
        """Take how often the request was sent."""
        self._cuts = [CutUsage() for _ in range(copies)]
        self._told: list[Usage | None] = [None] * copies
        self._begun = [False] * copies
        self._stopped = [False] * copies

    def hear(self, event: Event, copy: int = 0) -> None:
        """Hear one event of one answer, as it came from the upstream: what is cut off here was written."""
        if isinstance(event, _WORDS):
            self._cuts[copy].take(event.text)
            self._begun[copy] = True
            return
        if isinstance(event, UsageReported):
            known = self._told[copy]
            self._told[copy] = event.usage if known is None else known.updated(event.usage)
        elif isinstance(event, MEANINGFUL):
            self._cuts[copy].hear(event)
            self._begun[copy] = True
            self._stopped[copy] = self._stopped[copy] or isinstance(event, Stopped)

    def take(self, text: str) -> None:
        """Hear more words of the only answer."""
        self._cuts[0].take(text)
        self._begun[0] = True

    @property
    def complete(self) -> bool:
        """Whether every answer has come to its end and told what it took: nothing has to be estimated."""
        return all(
            stopped and told is not None for stopped, told in zip(self._stopped, self._told, strict=True)
        )

    def total(self, request: Request | None) -> Usage:
        """What all answers took together, as far as they have told it, and else as estimated."""
        total = Usage()
        for copy, told in enumerate(self._told):
            if told is not None and (self._stopped[copy] or not self._begun[copy]):
                total = total.plus(told)
            else:
                total = total.plus(self._cuts[copy].estimated(told, request))
        return total
