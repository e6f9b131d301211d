"""One thing that a gateway is tried on: data, and the functions that ask for it and look at both ends."""

import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import msgspec

from dragoman.conformance.question import Question
from dragoman.conformance.stage import Got, Stage
from dragoman.conversation.blocks import Block, Text
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.conversation.usage import Usage

Pairs = Literal["all", "same", "foreign"]
"""Which pairs of formats: all, only those of equal formats, only those of different ones."""

Asking = Callable[[Stage], Question]
"""What the client asks in a cell."""
Answering = Callable[[Stage], Response]
"""What the upstream answers."""
Checking = Callable[[Stage, Got], None]
"""A look at both ends of an exchange that has gone well."""
Playing = Callable[[Stage], Awaitable[None]]
"""All that happens in a cell."""

BOTH = ("whole", "streamed")
"""The modes of an answer."""

ANSWER = "Good evening to you."
"""What the upstream says where nothing else matters."""


@dataclasses.dataclass(frozen=True, slots=True)
class Feature:
    """One row of the matrix.

    `rule` is what the vendors document, or the statement that follows from it. The gateway is asked
    `question`, the upstream gives `answer`, and `check` looks at both ends; a feature that takes more
    than one exchange has `play` in the place of `check`.

    `impossible` holds the upstreams that cannot do it and the rule that says so: there an error in the
    client's own envelope is right, whose message has one of `words`. `emulated` are upstreams where
    either that or doing it is right. `variant` picks the gateway's model.
    """

    name: str
    group: str
    title: str
    rule: str
    question: Asking
    answer: Answering = lambda stage: say(ANSWER)
    check: Checking = lambda stage, got: None
    play: Playing | None = None
    modes: tuple[str, ...] = BOTH
    pairs: Pairs = "all"
    clients: frozenset[str] | None = None
    upstreams: frozenset[str] | None = None
    impossible: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])
    emulated: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])
    words: tuple[str, ...] = ()
    variant: str = ""

    def meets(self, client: str, upstream: str) -> bool:
        """Whether there is anything to try for this pair."""
        if self.clients is not None and client not in self.clients:
            return False
        if self.upstreams is not None and upstream not in self.upstreams:
            return False
        return self.pairs == "all" or (client == upstream) == (self.pairs == "same")


def asking(question: Question) -> Asking:
    """The question, put to the model of the cell in its mode."""

    def put(stage: Stage) -> Question:
        return msgspec.structs.replace(question, model=stage.model, stream=stage.streamed)

    return put


def respond(*blocks: Block, stop: Stop | StopReason | None = None, usage: Usage | None = None) -> Response:
    """A whole answer of one choice."""
    ending = stop if isinstance(stop, Stop) else Stop(stop or StopReason.END)
    counted = usage or Usage(input=12, output=7)
    return Response("", "", (Choice(0, blocks, ending),), counted)


def say(text: str) -> Response:
    """A whole answer of text."""
    return respond(Text(text))
