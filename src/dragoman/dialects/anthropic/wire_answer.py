"""The Messages wire format as structs: whole answers and the events of streamed ones."""

from typing import Literal

from msgspec import Raw, Struct

from dragoman.dialects.anthropic import wire

# --- answers -------------------------------------------------------------------------------------


class CacheCreation(Struct, omit_defaults=True):
    """Cache writes by lifetime."""

    ephemeral_5m_input_tokens: int | None = None
    ephemeral_1h_input_tokens: int | None = None


class OutputDetails(Struct):
    """A part of the output count."""

    thinking_tokens: int | None = None


class ServerToolUse(Struct):
    """Calls of the vendor's own tools, by tool."""

    web_search_requests: int | None = None
    web_fetch_requests: int = 0


class Iteration(Struct):
    """One pass of the model within one answer."""

    type: str = ""
    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation: CacheCreation | None = None


class Counts(Struct, omit_defaults=True):
    """`usage`: input excludes both cache fields, output includes thinking."""

    input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation: CacheCreation | None = None
    output_tokens_details: OutputDetails | None = None
    server_tool_use: ServerToolUse | None = None
    iterations: list[Iteration] | None = None
    service_tier: str | None = None


class StopDetails(Struct, tag_field="type", tag="refusal"):
    """What the vendor says on a refusal."""

    category: str | None = None
    explanation: str | None = None


class StopExplanation(Struct):
    """What is read of `stop_details`, whatever their type."""

    explanation: str | None = None


class MessageIn(Struct):
    """A whole answer. `content` has no default: what lacks it is no answer."""

    content: list[Raw]
    id: str = ""
    model: str = ""
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopExplanation | None = None
    usage: Counts | None = None


class MeterIn(Struct):
    """What is accounted for of a whole answer."""

    content: Raw
    stop_reason: str | None = None
    usage: Counts | None = None


class Answer(Struct, tag_field="type", tag="message", omit_defaults=True):
    """A whole answer as it is written."""

    id: str
    role: Literal["assistant"]
    model: str
    content: list[wire.Encodable]
    stop_reason: str
    stop_sequence: Raw
    usage: Raw
    stop_details: StopDetails | None = None


# --- stream events -------------------------------------------------------------------------------


class MessageBegin(Struct):
    """The `message` of `message_start`."""

    id: str = ""
    model: str = ""
    usage: Counts | None = None


class OpeningBlock(Struct):
    """The `content_block` of `content_block_start`, all kinds in one."""

    type: str = ""
    text: str | None = None
    citations: list[Raw] | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: Raw = wire.NOTHING


class Delta(Struct, gc=False):
    """The `delta` of `content_block_delta` and of `message_delta`, all kinds in one."""

    type: str = ""
    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    signature: str | None = None
    citation: Raw = wire.NOTHING
    content: Raw = wire.NOTHING
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: Raw = wire.NOTHING


class StreamEvent(Struct, gc=False):
    """One event, all kinds in one: a union would refuse the kinds that are yet to come, and is no
    faster.
    """

    type: str = ""
    index: int = 0
    delta: Delta | None = None
    content_block: Raw = wire.NOTHING
    message: MessageBegin | None = None
    usage: Counts | None = None
    error: Raw = wire.NOTHING
