"""The wire: what a Responses answer carries, as far as it is looked at.

Fields are taken as loosely as the compatible hosts write them: `object` where types differ between
hosts. Output items are kept as bytes until their type is known.
"""

import msgspec
from msgspec import Raw

Count = int | float | None


# --- the answer ----------------------------------------------------------------------------------


class WriteDetailsWire(msgspec.Struct, gc=False):
    """`usage.input_tokens_details.cache_write_tokens_details`."""

    ttl_12h_tokens: Count = None


class InputDetailsWire(msgspec.Struct, gc=False):
    """`usage.input_tokens_details`."""

    cached_tokens: Count = None
    cache_write_tokens: Count = None
    cache_write_tokens_details: WriteDetailsWire | None = None
    audio_tokens: Count = None
    image_tokens: Count = None


class OutputDetailsWire(msgspec.Struct, gc=False):
    """`usage.output_tokens_details`."""

    reasoning_tokens: Count = None
    audio_tokens: Count = None
    image_tokens: Count = None


class ToolUseWire(msgspec.Struct, gc=False):
    """`usage.server_side_tool_usage_details`, xAI's."""

    web_search_calls: Count = None


class UsageWire(msgspec.Struct, gc=False):
    """`usage`."""

    input_tokens: Count = None
    output_tokens: Count = None
    total_tokens: Count = None
    input_tokens_details: InputDetailsWire | None = None
    output_tokens_details: OutputDetailsWire | None = None
    server_side_tool_usage_details: ToolUseWire | None = None


class IncompleteWire(msgspec.Struct, gc=False):
    """`incomplete_details`."""

    reason: str | None = None


class AnswerWire(msgspec.Struct, gc=False):
    """A response: a whole one, or what the first and the last events of a stream hold."""

    id: str | None = None
    model: str | None = None
    created_at: int | float | None = None
    status: str | None = None
    error: object = None
    incomplete_details: IncompleteWire | None = None
    output: list[Raw] | None = None
    usage: UsageWire | None = None
    service_tier: str | None = None


# --- items ---------------------------------------------------------------------------------------


class AlternativeWire(msgspec.Struct, gc=False):
    """One of `top_logprobs`."""

    token: str
    logprob: float
    bytes: list[int] | None = None


class TokenLogprobWire(AlternativeWire, gc=False):
    """One of `logprobs`."""

    top_logprobs: list[AlternativeWire] | None = None


class AnswerPartWire(msgspec.Struct, gc=False):
    """One part of a message, or of reasoning."""

    type: str = "output_text"
    text: str | None = None
    refusal: str | None = None
    annotations: list[Raw] | None = None
    logprobs: Raw = Raw()


class OutputItemWire(msgspec.Struct, gc=False):
    """An item of `output`, of any type: only what is there in several of them is looked at.

    Some hosts write `arguments` as an object. `result` is the picture of an `image_generation_call`.
    """

    type: str = "message"
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: object = None
    input: object = None
    content: Raw = Raw()
    summary: list[AnswerPartWire] | None = None
    encrypted_content: str | None = None
    phase: Raw = Raw()
    caller: Raw = Raw()
    result: object = None
    output_format: str | None = None


class MeteredItemWire(msgspec.Struct, gc=False):
    """As much of an item as its answer's end depends on."""

    type: str = "message"
    content: Raw = Raw()


class SearchActionWire(msgspec.Struct, gc=False):
    """`action` of a `web_search_call`."""

    type: str = "search"


class SearchItemWire(msgspec.Struct, gc=False):
    """As much of an item as it takes to see whether it is a search of the web."""

    type: str = "message"
    action: SearchActionWire | None = None


class AnnotationWire(msgspec.Struct, gc=False):
    """An annotation of text. Some hosts nest `url_citation`, as Chat Completions does."""

    type: str = ""
    url: str | None = None
    title: str | None = None
    filename: str | None = None
    start_index: int | None = None
    end_index: int | None = None
    url_citation: "AnnotationWire | None" = None


# --- streams -------------------------------------------------------------------------------------


class StreamEventWire(msgspec.Struct, gc=False):
    """One event of a stream, of any type."""

    type: str = ""
    delta: object = None
    item_id: str | None = None
    output_index: int | None = None
    content_index: int = 0
    summary_index: int = 0
    logprobs: Raw = Raw()
    item: Raw = Raw()
    part: AnswerPartWire | None = None
    text: str | None = None
    refusal: str | None = None
    arguments: object = None
    input: object = None
    name: str | None = None
    annotation: Raw = Raw()
    response: Raw = Raw()
    error: object = None
