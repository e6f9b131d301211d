"""What the gateway itself takes from a streamed answer, event by event."""

from collections.abc import Callable, Sequence

from dragoman.conversation.blocks import Text, Thinking
from dragoman.conversation.events import (
    MEANINGFUL,
    ArgumentsDelta,
    BlockStarted,
    Event,
    Failed,
    Started,
    Stopped,
    TextDelta,
    ThinkingDelta,
    UsageReported,
)
from dragoman.conversation.failure import Failure
from dragoman.conversation.response import StopReason
from dragoman.conversation.usage import Usage

_WORDS = (TextDelta, ThinkingDelta, ArgumentsDelta)

Clean = Callable[[Failure], Failure]
"""Takes out of an upstream's failure what no client may see."""

Listener = Callable[[Event], None]
"""Hears every event of an answer, with all emulations done, and before anything is hidden. A failure is no
part of an answer: it is not heard."""


class Reading:
    """What the gateway itself takes from a stream: usage, why it stopped, whether it failed."""

    def __init__(self, clean: Clean, listeners: Sequence[Listener] = ()) -> None:
        """Take also who else wants to hear of every event."""
        self.clean = clean
        """Takes out of a failure what no client may see."""
        self._listeners = listeners
        self.id = ""
        self.usage: Usage | None = None
        self.estimated = False
        """Whether some of the usage is ours and not the vendor's."""
        self.stops: list[StopReason] = []
        self.model = ""
        self.failure: Failure | None = None
        self.meaningful = False
        """Whether something of the answer itself has come: from then on the attempt is final."""

    def note(self, event: Event) -> None:
        """Take note of one event."""
        if isinstance(event, _WORDS):
            # first of all: nearly every event is one of these
            self.meaningful = True
            for listener in self._listeners:
                listener(event)
            return
        if isinstance(event, Failed):
            self.failure = self.clean(event.failure)
            return
        for listener in self._listeners:
            listener(event)
        if isinstance(event, UsageReported):
            self.usage = event.usage if self.usage is None else self.usage.updated(event.usage)
            return
        match event:
            case Started(id=identity, model=model):
                self.id, self.model = identity, model
            case Stopped(stop=stop):
                self.stops.append(stop.reason)
                self.meaningful = True
            case BlockStarted(block=Text(text="") | Thinking(text="")):
                # vendors open a block before they have anything to say in it
                pass
            case _:
                if not self.meaningful:
                    self.meaningful = isinstance(event, MEANINGFUL)
