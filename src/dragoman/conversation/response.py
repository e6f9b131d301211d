"""A whole answer."""

import enum

import msgspec

from dragoman.conversation.blocks import Block
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.usage import Usage


class StopReason(enum.StrEnum):
    """Why the model stopped."""

    END = "end"
    MAX_TOKENS = "max_tokens"
    STOP_SEQUENCE = "stop_sequence"
    TOOL_CALLS = "tool_calls"
    REFUSAL = "refusal"
    """Refused, filtered or blocked, by the model or by the vendor's safety system."""
    PAUSE = "pause"
    """A server-tool loop was paused; the client resends the turn to go on."""
    OTHER = "other"


class Stop(msgspec.Struct, frozen=True):
    """How one candidate ended.

    `sequence` is the stop sequence that was hit, where the vendor says it; `explanation` the
    vendor's words on a refusal; `raw` the vendor's own reason.
    """

    reason: StopReason
    sequence: str | None = None
    explanation: str | None = None
    raw: str = ""


class AlternativeToken(msgspec.Struct, frozen=True):
    """A token that could have come, with the natural logarithm of its probability."""

    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None


class TokenLogprob(msgspec.Struct, frozen=True):
    """A token that came, its log probability, and the likeliest tokens in its place."""

    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None
    top: tuple[AlternativeToken, ...] = ()


class Choice(msgspec.Struct, frozen=True):
    """One candidate answer."""

    index: int
    blocks: tuple[Block, ...]
    stop: Stop
    logprobs: tuple[TokenLogprob, ...] | None = None


class Response(msgspec.Struct, frozen=True):
    """One whole answer. `id` and `model` are the upstream's own; `created` is in Unix seconds."""

    id: str
    model: str
    choices: tuple[Choice, ...]
    usage: Usage | None = None
    created: int | None = None
    service_tier: str | None = None
    extras: tuple[Opaque, ...] = ()
