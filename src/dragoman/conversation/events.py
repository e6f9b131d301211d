"""Events: an answer as it comes.

The grammar, for each choice: `BlockStarted`, its deltas, `BlockEnded`, any number of times with
`index` counting up from 0, then `Stopped`. A choice may have several blocks open at once (parallel
tool calls do that on some wires). `Started` comes first and once; `UsageReported` anywhere, each
replacing the counts it names; `Failed` ends everything.
"""

import msgspec

from dragoman.conversation.blocks import Block, Citation
from dragoman.conversation.failure import Failure
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import Stop, TokenLogprob
from dragoman.conversation.usage import Usage


class Started(msgspec.Struct, frozen=True):
    """The upstream has begun an answer. `created` is in Unix seconds, None where it is not said."""

    id: str
    model: str
    created: int | None = None
    service_tier: str | None = None


class BlockStarted(msgspec.Struct, frozen=True):
    """A block opens. Text, Refusal, Thinking and ToolCall open empty (a ToolCall with its id and
    name) and grow by deltas; every other block is whole here.
    """

    index: int
    block: Block
    choice: int = 0


class TextDelta(msgspec.Struct, frozen=True):
    """More text of a Text or Refusal block."""

    index: int
    text: str
    choice: int = 0


class ThinkingDelta(msgspec.Struct, frozen=True):
    """More text of a Thinking block."""

    index: int
    text: str
    choice: int = 0


class SignatureDelta(msgspec.Struct, frozen=True):
    """The signature of an open Thinking, Text or ToolCall block; whole, at most once for each."""

    index: int
    signature: Signature
    choice: int = 0


class ArgumentsDelta(msgspec.Struct, frozen=True):
    """More of the raw arguments text of a ToolCall block."""

    index: int
    text: str
    choice: int = 0


class CitationDelta(msgspec.Struct, frozen=True):
    """A citation of an open Text block."""

    index: int
    citation: Citation
    choice: int = 0


class BlockEnded(msgspec.Struct, frozen=True):
    """A block is complete."""

    index: int
    choice: int = 0


class LogprobsReported(msgspec.Struct, frozen=True):
    """Log probabilities of the next tokens of a choice's text."""

    tokens: tuple[TokenLogprob, ...]
    choice: int = 0


class UsageReported(msgspec.Struct, frozen=True):
    """Counts so far, cumulative: merge with `Usage.updated`."""

    usage: Usage


class Stopped(msgspec.Struct, frozen=True):
    """A choice is complete."""

    stop: Stop
    choice: int = 0


class Failed(msgspec.Struct, frozen=True):
    """The answer will not be completed; nothing follows."""

    failure: Failure


Event = (
    Started
    | BlockStarted
    | TextDelta
    | ThinkingDelta
    | SignatureDelta
    | ArgumentsDelta
    | CitationDelta
    | BlockEnded
    | LogprobsReported
    | UsageReported
    | Stopped
    | Failed
)

MEANINGFUL = (BlockStarted, TextDelta, ThinkingDelta, ArgumentsDelta, Stopped)
"""Events that show a working upstream: from the first of them on, an attempt is final."""
