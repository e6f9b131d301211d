"""The wire: what Completions carry, as far as it is looked at."""

from typing import Annotated

import msgspec
from msgspec import Meta

from dragoman.conversation.response import StopReason
from dragoman.conversation.usage import Usage

NAME = "openai_completions"
"""The dialect's name."""


class StreamOptionsWire(msgspec.Struct):
    """`stream_options`."""

    include_usage: bool | None = None


class HeadWire(msgspec.Struct):
    """The settings that the gateway itself acts on. A request without a prompt begins a new document."""

    model: Annotated[str, Meta(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptionsWire | None = None
    n: Annotated[int, Meta(ge=1)] | None = None


class DetailsWire(msgspec.Struct):
    """`usage.prompt_tokens_details`, which vLLM and its like have."""

    cached_tokens: int | None = None


class UsageWire(msgspec.Struct):
    """`usage`. OpenAI leaves `completion_tokens` out where nothing was written."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: DetailsWire | None = None


class ChoiceWire(msgspec.Struct):
    """One text, or a piece of it."""

    text: str | None = None
    index: int | None = None
    finish_reason: str | None = None


class AnswerWire(msgspec.Struct):
    """A whole answer or one frame of a stream."""

    id: str | None = None
    model: str | None = None
    choices: list[ChoiceWire] | None = None
    usage: UsageWire | None = None
    error: object = None


ANSWER = msgspec.json.Decoder(AnswerWire)

_REASONS = {
    "stop": StopReason.END,
    "length": StopReason.MAX_TOKENS,
    "content_filter": StopReason.REFUSAL,
}


def stop_reason(finish: str | None) -> StopReason:
    """Why a text ended."""
    return _REASONS.get(finish or "", StopReason.OTHER)


def parse_usage(wire: UsageWire) -> Usage:
    """The counts in the neutral convention: `prompt_tokens` include what came from the cache."""
    cached = None if wire.prompt_tokens_details is None else wire.prompt_tokens_details.cached_tokens
    prompt = wire.prompt_tokens
    return Usage(
        input=None if prompt is None else max(0, prompt - (cached or 0)),
        output=wire.completion_tokens,
        cache_read=cached,
    )
