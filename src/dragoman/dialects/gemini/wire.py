"""The shapes of Google's generateContent, as far as they are read here.

Wire names are camelCase. Members that are only handed on stay `msgspec.Raw`: JSON text as it came,
numbers and key order included. Enumerations are `str | int`, since clients built on protocol
buffers may send the numbers of the values.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Raw

ABSENT = Raw(b"")
NULL = Raw(b"null")


def given(raw: Raw) -> bool:
    """Whether a member was sent and is not null: protocol buffers take null for absence."""
    return bool(raw) and raw != NULL


class _Wire(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    pass


class Blob(_Wire):
    """Base64 data and its media type."""

    mime_type: str = ""
    data: str = ""


class FileData(_Wire):
    """A file by its URI: of the Files API, of YouTube, of Cloud Storage, or of the open web."""

    file_uri: str = ""
    mime_type: str | None = None


class PartialArg(_Wire):
    """One piece of a function call's arguments, as Vertex AI streams them."""

    json_path: str = "$"
    string_value: str | None = None
    number_value: Raw = ABSENT
    bool_value: bool | None = None
    will_continue: bool | None = None


class FunctionCall(_Wire):
    """A call that the model asks for; `args` is an object."""

    id: str | None = None
    name: str | None = None
    args: Raw = ABSENT
    partial_args: list[PartialArg] | None = None
    will_continue: bool | None = None


class FunctionResponsePart(_Wire):
    """Media inside a function's result."""

    inline_data: Blob | None = None
    file_data: FileData | None = None


class FunctionResponse(_Wire):
    """What a function answered; `response` is an object."""

    id: str | None = None
    name: str | None = None
    response: Raw = ABSENT
    parts: list[FunctionResponsePart] | FunctionResponsePart | None = None
    will_continue: Raw = ABSENT
    scheduling: Raw = ABSENT


class Part(_Wire):
    """One piece of content: exactly one kind of data, and attributes beside it."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    executable_code: Raw = ABSENT
    code_execution_result: Raw = ABSENT
    tool_call: Raw = ABSENT
    tool_response: Raw = ABSENT
    video_metadata: Raw = ABSENT
    media_resolution: Raw = ABSENT
    part_metadata: Raw = ABSENT


class Content(_Wire):
    """One turn, or what one chunk adds to it."""

    role: str | None = None
    parts: list[Part] | Part | None = None


class AnyContent(_Wire):
    """One turn, its parts whatever they are."""

    parts: list[dict[str, Raw]] | dict[str, Raw] | None = None


# --- requests ------------------------------------------------------------------------------------


class ThinkingConfig(_Wire):
    """How much to think: a budget in tokens (0 off, -1 automatic) or a level, never both."""

    include_thoughts: bool | None = None
    thinking_budget: Annotated[int, Meta(ge=-1)] | None = None
    thinking_level: str | int | None = None


class GenerationConfig(_Wire):
    """What is asked of the answer, with Google's documented ranges."""

    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0)] | None = None
    candidate_count: Annotated[int, Meta(ge=1, le=8)] | None = None
    max_output_tokens: Annotated[int, Meta(ge=1)] | None = None
    stop_sequences: Annotated[list[str], Meta(max_length=5)] | None = None
    presence_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Meta(ge=-2, le=2)] | None = None
    seed: int | None = None
    response_mime_type: str | None = None
    response_schema: Raw = ABSENT
    response_json_schema: Raw = ABSENT
    response_logprobs: bool | None = None
    logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    thinking_config: ThinkingConfig | None = None


class FunctionDeclaration(_Wire):
    """A function that the model may call; its parameters in one of two schema languages."""

    name: Annotated[str, Meta(min_length=1)]
    description: str | None = None
    parameters: Raw = ABSENT
    parameters_json_schema: Raw = ABSENT
    response: Raw = ABSENT
    response_json_schema: Raw = ABSENT
    behavior: Raw = ABSENT


class FunctionCallingConfig(_Wire):
    """How free the model is in calling functions."""

    mode: str | int | None = None
    allowed_function_names: list[str] | None = None


# --- answers -------------------------------------------------------------------------------------


class ModalityCount(_Wire):
    """Tokens of one modality."""

    modality: str | int | None = None
    token_count: int | None = None


class UsageMetadata(_Wire):
    """Token counts. `prompt_token_count` includes cached tokens but not `tool_use_prompt`;
    `candidates_token_count` excludes thoughts.
    """

    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    total_token_count: int | None = None
    prompt_tokens_details: list[ModalityCount] | None = None
    cache_tokens_details: list[ModalityCount] | None = None
    candidates_tokens_details: list[ModalityCount] | None = None
    service_tier: str | None = None


class Candidate(_Wire):
    """One answer, or what one chunk adds to it."""

    content: Content | None = None
    finish_reason: str | int | None = None
    finish_message: str | None = None
    index: int | None = None
    grounding_metadata: Raw = ABSENT
    citation_metadata: Raw = ABSENT
    logprobs_result: Raw = ABSENT


class PromptFeedback(_Wire):
    """Why a prompt got no answer, if `block_reason` is set."""

    block_reason: str | int | None = None
    block_reason_message: str | None = None


class GenerateContentResponse(_Wire):
    """A whole answer, or one chunk of it; `error` stands in its place when things go wrong."""

    candidates: list[Candidate] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: UsageMetadata | None = None
    model_version: str | None = None
    response_id: str | None = None
    create_time: str | None = None
    error: Raw = ABSENT


class MeteredPart(_Wire):
    """Enough of a part to see whether it calls a function or says anything."""

    text: Raw = ABSENT
    function_call: Raw = ABSENT
    inline_data: Raw = ABSENT
    file_data: Raw = ABSENT
    executable_code: Raw = ABSENT
    code_execution_result: Raw = ABSENT


class MeteredContent(_Wire):
    """Enough of a turn to see whether it calls a function."""

    parts: list[MeteredPart] | MeteredPart | None = None


class MeteredCandidate(_Wire):
    """Enough of a candidate for accounting."""

    content: MeteredContent | None = None
    finish_reason: str | int | None = None
    grounding_metadata: Raw = ABSENT


class MeteredResponse(_Wire):
    """Enough of an answer for accounting."""

    candidates: list[MeteredCandidate] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: UsageMetadata | None = None
    error: Raw = ABSENT


class WebSource(_Wire):
    """A page or place that an answer rests on."""

    uri: str | None = None
    title: str | None = None
    text: str | None = None


class GroundingChunk(_Wire):
    """One source, by its kind."""

    web: WebSource | None = None
    maps: WebSource | None = None
    retrieved_context: WebSource | None = None


class Segment(_Wire):
    """A span of the answer in UTF-8 bytes, `end_index` exclusive."""

    part_index: int | None = None
    start_index: int | None = None
    end_index: int | None = None
    text: str | None = None


class GroundingSupport(_Wire):
    """Which sources a span rests on."""

    segment: Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class GroundingMetadata(_Wire):
    """Sources, and the spans that rest on them."""

    grounding_chunks: list[Raw] | None = None
    grounding_supports: list[GroundingSupport] | None = None


class Searched(_Wire):
    """What a model that grounds its answers has looked for."""

    web_search_queries: list[str] | None = None


class CitationSource(_Wire):
    """A span of the answer that recites a source."""

    start_index: int | None = None
    end_index: int | None = None
    uri: str | None = None
    title: str | None = None


class CitationMetadata(_Wire):
    """Recited sources: `citationSources` at the Developer API, `citations` at Vertex AI."""

    citation_sources: list[Raw] | None = None
    citations: list[Raw] | None = None


class LogprobToken(_Wire, omit_defaults=False):
    """A token and the natural logarithm of its probability."""

    token: str = ""
    log_probability: float = 0.0


class TopCandidates(_Wire):
    """The likeliest tokens at one step."""

    candidates: list[LogprobToken] | None = None


class LogprobsResult(_Wire):
    """The tokens that came, and the likeliest ones in their places."""

    chosen_candidates: list[LogprobToken] | None = None
    top_candidates: list[TopCandidates] | None = None


def part_list(parts: list[Part] | Part | None) -> list[Part]:
    """Parts as a list: Google takes a lone object where a list is meant."""
    if parts is None:
        return []
    return [parts] if isinstance(parts, Part) else parts
