"""The wire: what a Chat Completions answer carries, as far as it is looked at.

Fields are taken as loosely as the many compatible hosts write them: `object` where types differ
between hosts.
"""

import msgspec
from msgspec import Raw

from dragoman.dialects.openai_chat.wire import DetailWire, ExtraContentWire, ThinkingPieceWire

Count = int | float | None


class PromptDetailsWire(msgspec.Struct, gc=False):
    """`usage.prompt_tokens_details`."""

    cached_tokens: Count = None
    cache_write_tokens: Count = None
    audio_tokens: Count = None
    image_tokens: Count = None


class CompletionDetailsWire(msgspec.Struct, gc=False):
    """`usage.completion_tokens_details`."""

    reasoning_tokens: Count = None
    audio_tokens: Count = None
    image_tokens: Count = None


class ServerToolsWire(msgspec.Struct, gc=False):
    """`usage.server_tool_use`, OpenRouter's."""

    web_search_requests: Count = None


class UsageWire(msgspec.Struct, gc=False):
    """`usage`, with the names that hosts use for cache reads and reasoning beside OpenAI's."""

    prompt_tokens: Count = None
    completion_tokens: Count = None
    total_tokens: Count = None
    prompt_tokens_details: PromptDetailsWire | None = None
    completion_tokens_details: CompletionDetailsWire | None = None
    reasoning_tokens: Count = None
    cached_tokens: Count = None
    num_cached_tokens: Count = None
    prompt_cache_hit_tokens: Count = None
    cache_read_input_tokens: Count = None
    cache_creation_input_tokens: Count = None
    server_tool_use: ServerToolsWire | None = None
    num_search_queries: Count = None
    prompt_audio_seconds: Count = None


class GroqWire(msgspec.Struct, gc=False):
    """Groq's `x_groq`, where its streams report usage and errors."""

    usage: UsageWire | None = None
    error: object = None


class FunctionDeltaWire(msgspec.Struct, gc=False):
    """The function of a call, or a piece of it. Some hosts write `arguments` as an object."""

    name: str | None = None
    arguments: object = None


class CustomDeltaWire(msgspec.Struct, gc=False):
    """The free-text tool of a call, or a piece of it."""

    name: str | None = None
    input: str | None = None


class CallDeltaWire(msgspec.Struct, gc=False):
    """A call of an answer, or a piece of it."""

    index: int | None = None
    id: str | None = None
    function: FunctionDeltaWire | None = None
    custom: CustomDeltaWire | None = None
    extra_content: ExtraContentWire | None = None


class AnswerImageURLWire(msgspec.Struct, gc=False):
    """`image_url` of an answer's image."""

    url: str = ""


class AnswerPartWire(msgspec.Struct, gc=False):
    """One part of an answer's content, where a host writes it as an array."""

    type: str = "text"
    text: str | None = None
    refusal: str | None = None
    thinking: str | list[ThinkingPieceWire] | None = None
    image_url: AnswerImageURLWire | str | None = None


class URLCitationWire(msgspec.Struct, gc=False):
    """`url_citation` of an annotation; `content` is OpenRouter's quotation of the source."""

    url: str | None = None
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None
    content: str | None = None


class AnnotationWire(URLCitationWire, gc=False):
    """An annotation: nested as OpenAI has it, or flat as some hosts write it."""

    type: str = ""
    url_citation: URLCitationWire | None = None


class SearchResultWire(msgspec.Struct, gc=False):
    """One of Perplexity's `search_results`."""

    url: str | None = None
    title: str | None = None


class DeltaWire(msgspec.Struct, gc=False):
    """A whole message, or what a chunk adds to it."""

    content: str | list[Raw] | None = None
    refusal: str | None = None
    reasoning_content: object = None
    reasoning: object = None
    reasoning_details: list[DetailWire] | None = None
    tool_calls: list[CallDeltaWire] | None = None
    function_call: FunctionDeltaWire | None = None
    annotations: list[Raw] | None = None
    audio: Raw = Raw()
    images: list[AnswerPartWire] | None = None


class AlternativeWire(msgspec.Struct, gc=False):
    """One of `top_logprobs`."""

    token: str
    logprob: float
    bytes: list[int] | None = None


class TokenLogprobWire(msgspec.Struct, gc=False):
    """One of `logprobs.content`."""

    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: list[AlternativeWire] | None = None


class LogprobsWire(msgspec.Struct, gc=False):
    """`logprobs` of a choice."""

    content: list[TokenLogprobWire] | None = None


class ChoiceWire(msgspec.Struct, gc=False):
    """One choice of an answer or chunk. vLLM and SGLang say which stop sequence was hit."""

    index: int | None = None
    delta: DeltaWire | None = None
    message: DeltaWire | None = None
    finish_reason: str | None = None
    logprobs: Raw = Raw()
    stop_reason: object = None
    matched_stop: object = None
    error: object = None


class AnswerWire(msgspec.Struct, gc=False):
    """A whole answer or one chunk of a stream; they differ in little."""

    id: str | None = None
    model: str | None = None
    created: int | float | str | None = None
    choices: list[ChoiceWire] | None = None
    usage: UsageWire | None = None
    service_tier: str | None = None
    x_groq: GroqWire | None = None
    error: object = None
    citations: object = None
    search_results: list[SearchResultWire] | None = None


class MeteredMessageWire(msgspec.Struct, gc=False):
    """As much of a message as its stop reason depends on."""

    refusal: str | None = None
    tool_calls: list[Raw] | None = None
    function_call: Raw = Raw()


class MeteredChoiceWire(msgspec.Struct, gc=False):
    """As much of a choice as is accounted for."""

    finish_reason: str | None = None
    message: MeteredMessageWire | None = None
    error: object = None


class MeteredWire(msgspec.Struct, gc=False):
    """As much of a whole answer as is accounted for."""

    choices: list[MeteredChoiceWire] | None = None
    usage: UsageWire | None = None
    x_groq: GroqWire | None = None
    error: object = None
