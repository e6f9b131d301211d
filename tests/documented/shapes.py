"""What the vendors document for an answer, as exact shapes.

They are strict: every field has to be there with its type, and no field that is not documented.
"""

import typing
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Shape = typing.TypeVar("Shape", bound=msgspec.Struct)

Anything: typing.TypeAlias = object
Count = Annotated[int, Meta(ge=0)]


class Exact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An object with these fields and no others."""


class PromptDetails(Exact, frozen=True):
    """What the prompt's tokens were; vendors leave out what they do not count."""

    cached_tokens: Count = 0
    cache_write_tokens: Count = 0
    audio_tokens: Count = 0


class CompletionDetails(Exact, frozen=True):
    """What the answer's tokens were."""

    reasoning_tokens: Count = 0
    audio_tokens: Count = 0
    accepted_prediction_tokens: Count = 0
    rejected_prediction_tokens: Count = 0


class ChatUsage(Exact, frozen=True):
    """Tokens of a chat completion."""

    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count
    prompt_tokens_details: PromptDetails = PromptDetails()
    completion_tokens_details: CompletionDetails = CompletionDetails()


class ChatMessage(Exact, frozen=True):
    """The message of a plain chat completion."""

    role: Literal["assistant"]
    content: str
    refusal: None


class ChatChoice(Exact, frozen=True):
    """A choice of a plain chat completion."""

    index: int
    message: ChatMessage
    logprobs: None
    finish_reason: Literal["stop", "length", "tool_calls", "content_filter"]


class ChatCompletion(Exact, frozen=True):
    """`POST /v1/chat/completions`."""

    id: Annotated[str, Meta(pattern="^chatcmpl-[A-Za-z0-9]+$")]
    object: Literal["chat.completion"]
    created: Annotated[int, Meta(gt=1_700_000_000)]
    model: str
    choices: list[ChatChoice]
    usage: ChatUsage
    system_fingerprint: Annotated[str, Meta(pattern="^fp_[a-z0-9]+$")]


class Delta(Exact, frozen=True):
    """A piece of a message of a streamed chat completion."""

    role: Literal["assistant"] | msgspec.UnsetType = msgspec.UNSET
    content: str | msgspec.UnsetType = msgspec.UNSET
    refusal: msgspec.UnsetType | None = msgspec.UNSET


class ChunkChoice(Exact, frozen=True):
    """A piece of a choice of a streamed chat completion."""

    index: int
    delta: Delta
    logprobs: None
    finish_reason: Literal["stop", "length", "tool_calls", "content_filter"] | None


class ChatChunk(Exact, frozen=True):
    """One event of a streamed chat completion."""

    id: Annotated[str, Meta(pattern="^chatcmpl-[A-Za-z0-9]+$")]
    object: Literal["chat.completion.chunk"]
    created: Annotated[int, Meta(gt=1_700_000_000)]
    model: str
    choices: list[ChunkChoice]
    system_fingerprint: Annotated[str, Meta(pattern="^fp_[a-z0-9]+$")]
    usage: None = None
    """OpenAI's own streams have a null here as soon as anyone, the gateway included, asks for usage."""


class OutputText(Exact, frozen=True):
    """What a message of a response says."""

    type: Literal["output_text"]
    text: str
    annotations: list[object]
    logprobs: list[object] = []


class OutputMessage(Exact, frozen=True):
    """The message in a plain response."""

    id: Annotated[str, Meta(pattern="^msg_[A-Za-z0-9]+$")]
    type: Literal["message"]
    status: Literal["completed"]
    role: Literal["assistant"]
    content: list[OutputText]


class InputTokensDetails(Exact, frozen=True):
    """What the prompt's tokens were."""

    cached_tokens: Count
    cache_write_tokens: Count = 0
    cache_write_tokens_details: dict[str, Count] = {}


class OutputTokensDetails(Exact, frozen=True):
    """What the answer's tokens were."""

    reasoning_tokens: Count


class ResponseUsage(Exact, frozen=True):
    """Tokens of a response."""

    input_tokens: Count
    input_tokens_details: InputTokensDetails
    output_tokens: Count
    output_tokens_details: OutputTokensDetails
    total_tokens: Count


class ResponseReasoning(Exact, frozen=True):
    """How a response was to be reasoned about."""

    effort: str | None
    summary: str | None


class TextFormat(Exact, frozen=True):
    """The form of a plain response."""

    type: Literal["text"]


class ResponseText(Exact, frozen=True):
    """`text` of a plain response."""

    format: TextFormat
    verbosity: str | None = None


class PlainResponse(Exact, frozen=True):
    """`POST /v1/responses`."""

    id: Annotated[str, Meta(pattern="^resp_[A-Za-z0-9]+$")]
    object: Literal["response"]
    created_at: Annotated[int, Meta(gt=1_700_000_000)]
    status: Literal["completed"]
    error: None
    incomplete_details: None
    instructions: str | None
    max_output_tokens: int | None
    model: str
    output: list[OutputMessage]
    parallel_tool_calls: bool
    previous_response_id: str | None
    reasoning: ResponseReasoning
    store: bool
    temperature: float
    text: ResponseText
    tool_choice: Literal["auto"]
    tools: list[Anything]
    top_p: float
    truncation: Literal["disabled"]
    usage: ResponseUsage
    user: str | None
    metadata: dict[str, str]
    background: bool = False
    completed_at: int | None = None
    conversation: None = None
    frequency_penalty: float = 0.0
    max_tool_calls: int | None = None
    moderation: None = None
    presence_penalty: float = 0.0
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    top_logprobs: Count = 0


class TextContent(Exact, frozen=True):
    """A text block of a message."""

    type: Literal["text"]
    text: str
    citations: None = None


class CacheCreation(Exact, frozen=True):
    """Tokens written to the cache, by the time they are kept."""

    ephemeral_5m_input_tokens: Count
    ephemeral_1h_input_tokens: Count


class OutputDetails(Exact, frozen=True):
    """What the answer's tokens were."""

    thinking_tokens: Count


class MessageUsage(Exact, frozen=True):
    """Tokens of a message."""

    input_tokens: Count
    output_tokens: Count
    cache_creation_input_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation: CacheCreation | None = None
    output_tokens_details: OutputDetails | None = None
    service_tier: str | None = None


class Message(Exact, frozen=True):
    """`POST /v1/messages`."""

    id: Annotated[str, Meta(pattern="^msg_[A-Za-z0-9]+$")]
    type: Literal["message"]
    role: Literal["assistant"]
    content: list[TextContent]
    model: str
    stop_reason: Literal["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal"]
    stop_sequence: str | None
    usage: MessageUsage
    stop_details: None = None


class TextPart(Exact, frozen=True):
    """A text part of a candidate."""

    text: str


class ModelContent(Exact, frozen=True):
    """What a candidate says."""

    parts: list[TextPart]
    role: Literal["model"]


class Candidate(Exact, frozen=True, rename="camel"):
    """One candidate; in streams only the last piece says why it ended."""

    content: ModelContent
    finish_reason: Literal["STOP", "MAX_TOKENS"] | msgspec.UnsetType = msgspec.UNSET
    index: Count = 0


class UsageMetadata(Exact, frozen=True, rename="camel"):
    """Tokens of an answer."""

    prompt_token_count: Count
    total_token_count: Count
    candidates_token_count: Count = 0
    thoughts_token_count: Count = 0
    cached_content_token_count: Count = 0


class GenerateContent(Exact, frozen=True, rename="camel"):
    """`generateContent`, and one event of `streamGenerateContent`."""

    candidates: list[Candidate]
    model_version: str
    response_id: str
    usage_metadata: UsageMetadata | msgspec.UnsetType = msgspec.UNSET


def read(body: bytes | str, shape: type[Shape]) -> Shape:
    """The body as an object of exactly this shape."""
    return msgspec.json.decode(body, type=shape)


def events(text: str) -> list[str]:
    """The data of every event of a stream; nothing but events may be in it."""
    frames = [frame for frame in text.replace("\r\n", "\n").split("\n\n") if frame]
    lines = [[line for line in frame.split("\n") if not line.startswith("event: ")] for frame in frames]
    assert all(len(one) == 1 and one[0].startswith("data: ") for one in lines)
    return [one[0].removeprefix("data: ") for one in lines]
