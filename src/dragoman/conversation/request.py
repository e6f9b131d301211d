"""A request: one conversation and what is asked of the model."""

import enum

import msgspec

from dragoman.conversation.blocks import Block, CacheMark, Text
from dragoman.conversation.opaque import Opaque


class Role(enum.StrEnum):
    """Who speaks. Tool results stand in `USER` messages."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"
    """An instruction in mid-conversation; the leading ones are `Request.system`."""


class Message(msgspec.Struct, frozen=True):
    """One turn's blocks, in order."""

    role: Role
    blocks: tuple[Block, ...]
    name: str | None = None
    opaque: tuple[Opaque, ...] = ()


class FunctionTool(msgspec.Struct, frozen=True):
    """A tool that the client runs. `parameters` is a JSON Schema as JSON text, None for none."""

    name: str
    description: str | None = None
    parameters: bytes | None = None
    strict: bool | None = None
    cache: CacheMark | None = None
    opaque: tuple[Opaque, ...] = ()


class CustomTool(msgspec.Struct, frozen=True):
    """A tool that takes free text. `format` is the vendor's grammar object as JSON text."""

    name: str
    description: str | None = None
    format: bytes | None = None
    opaque: tuple[Opaque, ...] = ()


class ServerTool(msgspec.Struct, frozen=True):
    """A tool that one vendor runs itself; `kind` is the vendor's word, `json` the declaration."""

    dialect: str
    kind: str
    json: bytes


Tool = FunctionTool | CustomTool | ServerTool


class ToolChoiceMode(enum.StrEnum):
    """How free the model is in calling tools."""

    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"
    NAMED = "named"
    """Exactly the one tool in `names`."""
    ALLOWED = "allowed"
    """Freely, but only among `names`."""
    REQUIRED_ALLOWED = "required_allowed"
    """At least one call, only among `names`."""


class ToolChoice(msgspec.Struct, frozen=True):
    """The client's say over tool calls."""

    mode: ToolChoiceMode
    names: tuple[str, ...] = ()


class Sampling(msgspec.Struct, frozen=True):
    """Knobs of token choice, in the client's own ranges; None where the client says nothing."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: int | None = None
    logit_bias: dict[str, float] | None = None


class Reasoning(msgspec.Struct, frozen=True):
    """How much the model may reason, and whether the client wants to read it.

    `effort` is one of none, minimal, low, medium, high, xhigh, max; `budget` counts tokens, 0 is
    off and -1 leaves it to the model. A client gives one, the other or neither. `visible` is None
    where the client has no say.
    """

    effort: str | None = None
    budget: int | None = None
    visible: bool | None = None
    opaque: tuple[Opaque, ...] = ()


class OutputMode(enum.StrEnum):
    """What the answer's text must look like."""

    TEXT = "text"
    JSON_OBJECT = "json_object"
    JSON_SCHEMA = "json_schema"


class OutputFormat(msgspec.Struct, frozen=True):
    """The form of the answer; `schema` is a JSON Schema as JSON text, for `JSON_SCHEMA` only."""

    mode: OutputMode
    schema: bytes | None = None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None


class Request(msgspec.Struct, frozen=True):
    """One request, whatever dialect it came in.

    `dialect` is where it came from. `candidates` is how many answers are wanted, `top_logprobs`
    None for no log probabilities and else 0 to 20 alternatives for each token. `stream_usage` is
    whether a streaming client asked to see usage. `extras` are top-level fields that only
    `dialect` has.
    """

    dialect: str
    model: str
    messages: tuple[Message, ...]
    system: tuple[Text, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    sampling: Sampling = Sampling()
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    candidates: int = 1
    top_logprobs: int | None = None
    output: OutputFormat | None = None
    reasoning: Reasoning | None = None
    user: str | None = None
    service_tier: str | None = None
    metadata: dict[str, str] | None = None
    verbosity: str | None = None
    cache: CacheMark | None = None
    """Mark the whole prompt for caching, the vendor choosing where."""
    stream: bool = False
    stream_usage: bool = False
    legacy_functions: bool = False
    """The client speaks the retired `functions` form of tools and must be answered in it."""
    extras: tuple[Opaque, ...] = ()
