"""The wire: what a Chat Completions request carries, as far as it is looked at.

Fields have the types and ranges that OpenAI documents; what only compatible hosts know stands
beside them.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw

NAME = "openai_chat"
"""The dialect's name, as it stands in opaque data and signatures."""

WEB_SEARCH = "web_search_options"
"""The field that switches OpenAI's web search on; neutrally it is a tool that the vendor runs."""

Temperature = Annotated[float, Meta(ge=0, le=2)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Bias = Annotated[float, Meta(ge=-100, le=100)]
Positive = Annotated[int, Meta(ge=1)]
Filled = Annotated[str, Meta(min_length=1)]


class StreamOptionsWire(msgspec.Struct):
    """`stream_options`."""

    include_usage: bool | None = None


class JSONSchemaWire(msgspec.Struct):
    """`response_format.json_schema`."""

    name: str | None = None
    description: str | None = None
    schema: Raw = Raw()
    strict: bool | None = None


class ResponseFormatWire(msgspec.Struct):
    """`response_format`. Grammars are known to some compatible hosts only."""

    type: Literal["text", "json_object", "json_schema", "grammar", "structural_tag"]
    json_schema: JSONSchemaWire | None = None


class HeadWire(msgspec.Struct, kw_only=True):
    """The settings that are checked even where the request is passed on unread."""

    model: Filled
    stream: bool | None = None
    stream_options: StreamOptionsWire | None = None
    temperature: Temperature | None = None
    top_p: Fraction | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, Bias] | None = None
    logprobs: bool | int | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    max_tokens: Positive | None = None
    max_completion_tokens: Positive | None = None
    response_format: ResponseFormatWire | None = None


class CacheControlWire(msgspec.Struct):
    """`cache_control`, as OpenRouter and LiteLLM take it over from Anthropic."""

    ttl: str | None = None


class ReasoningWire(msgspec.Struct):
    """OpenRouter's `reasoning`."""

    effort: str | None = None
    max_tokens: Annotated[int, Meta(ge=0)] | None = None
    exclude: bool | None = None
    enabled: bool | None = None


class ThinkingSwitchWire(msgspec.Struct):
    """The `thinking` object of DeepSeek, Z.AI and Moonshot."""

    type: str
    budget_tokens: Annotated[int, Meta(ge=0)] | None = None


class NamedWire(msgspec.Struct):
    """Something that is only named."""

    name: Filled


class ChosenToolWire(msgspec.Struct):
    """A tool inside `tool_choice`."""

    type: str = "function"
    function: NamedWire | None = None
    custom: NamedWire | None = None


class AllowedToolsWire(msgspec.Struct):
    """`tool_choice.allowed_tools`."""

    mode: Literal["auto", "required"]
    tools: list[ChosenToolWire]


class ToolChoiceWire(ChosenToolWire):
    """`tool_choice` where it is an object."""

    allowed_tools: AllowedToolsWire | None = None


class SettingsWire(HeadWire, kw_only=True):
    """Every setting that the neutral conversation has a place for."""

    seed: int | None = None
    top_k: int | None = None
    user: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    metadata: dict[str, str] | None = None
    verbosity: str | None = None
    parallel_tool_calls: bool | None = None
    tool_choice: str | ToolChoiceWire | None = None
    function_call: str | NamedWire | None = None
    reasoning_effort: str | None = None
    reasoning: ReasoningWire | None = None
    include_reasoning: bool | None = None
    thinking: ThinkingSwitchWire | None = None
    cache_control: CacheControlWire | None = None


class FunctionWire(msgspec.Struct):
    """A function tool's declaration; the retired `functions` list has it bare."""

    name: Filled
    description: str | None = None
    parameters: Raw = Raw()
    strict: bool | None = None


class CustomToolWire(msgspec.Struct):
    """A free-text tool's declaration."""

    name: Filled
    description: str | None = None
    format: Raw = Raw()


class ToolWire(msgspec.Struct):
    """One entry of `tools`."""

    type: str
    function: FunctionWire | None = None
    custom: CustomToolWire | None = None
    cache_control: CacheControlWire | None = None


class ImageURLWire(msgspec.Struct):
    """`image_url` of a content part."""

    url: str
    detail: str | None = None


class InputAudioWire(msgspec.Struct):
    """`input_audio` of a content part."""

    data: str
    format: str


class FileWire(msgspec.Struct):
    """`file` of a content part: `file_data` (a data URL) with `filename`, or `file_id`."""

    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class ThinkingPieceWire(msgspec.Struct):
    """A piece of Mistral's `thinking` content."""

    text: str | None = None


class PartWire(msgspec.Struct):
    """One part of a message's content; `type` says which field holds it."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: ImageURLWire | str | None = None
    input_audio: InputAudioWire | str | None = None
    file: FileWire | None = None
    thinking: str | list[ThinkingPieceWire] | None = None
    cache_control: CacheControlWire | None = None
    prompt_cache_breakpoint: Raw = Raw()


class FunctionCallWire(msgspec.Struct):
    """The function of a call in the history. `thought_signature` is Portkey's place for it."""

    name: Filled
    arguments: str
    thought_signature: str | None = None


class CustomCallWire(msgspec.Struct):
    """The free-text tool of a call in the history."""

    name: Filled
    input: str


class SignatureWire(msgspec.Struct):
    """Where Google's and LiteLLM's ways of extending a call put a signature."""

    thought_signature: str | None = None


class ExtraContentWire(msgspec.Struct):
    """`extra_content` of a call: Google's own way."""

    google: SignatureWire | None = None


class ToolCallWire(msgspec.Struct):
    """A call in the history."""

    id: str | None = None
    type: str = "function"
    function: FunctionCallWire | None = None
    custom: CustomCallWire | None = None
    extra_content: ExtraContentWire | None = None
    provider_specific_fields: SignatureWire | None = None
    cache_control: CacheControlWire | None = None


class MessageWire(msgspec.Struct):
    """A message of the history, of any role. `images` is OpenRouter's place for what the model drew."""

    role: str
    content: str | list[PartWire] | None = None
    name: str | None = None
    tool_calls: list[ToolCallWire] | None = None
    tool_call_id: str | None = None
    function_call: FunctionCallWire | None = None
    refusal: str | None = None
    audio: Raw = Raw()
    images: list[PartWire] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: Raw = Raw()
    thinking_blocks: Raw = Raw()
    content_blocks: Raw = Raw()
    cache_control: CacheControlWire | None = None
    prefix: Raw = Raw()
    partial: Raw = Raw()
    phase: Raw = Raw()


class ThinkingBlockWire(msgspec.Struct):
    """One of LiteLLM's `thinking_blocks` or Portkey's `content_blocks`: Anthropic's own form."""

    type: str
    thinking: str = ""
    signature: str | None = None
    data: str | None = None


class DetailWire(msgspec.Struct, omit_defaults=True, gc=False):
    """One of OpenRouter's `reasoning_details`."""

    type: str
    text: str | None = None
    summary: str | None = None
    data: str | None = None
    signature: str | None = None
    id: str | None = None
    format: str | None = None
    index: int | None = None
