"""The Messages wire format as structs: requests and the content blocks that answers share with them.
Answers themselves and their events: `wire_answer.py`.

Fields that are not named here are not errors: whoever reads a request keeps them aside.
"""

from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct

DIALECT = "anthropic"

NOTHING = Raw(b"")
"""Stands for a raw field that is absent."""

MAX_MESSAGES = 100_000

Role = Literal["user", "assistant", "system"]


def given(raw: Raw) -> bool:
    """Whether a raw field is there and not null."""
    view = memoryview(raw)
    return len(view) > 0 and view[0] != ord("n")


# --- requests ------------------------------------------------------------------------------------


class Knobs(Struct):
    """The top-level members that hold no content, with their ranges."""

    model: Annotated[str, Meta(min_length=1)]
    max_tokens: Annotated[int, Meta(ge=0)]
    temperature: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_p: Annotated[float, Meta(ge=-1, le=1)] | None = None
    """From 0 to 1; some client libraries say -1 for nothing, and the vendor takes that."""
    top_k: Annotated[int, Meta(ge=-1)] | None = None
    """From 0 up; -1 as above."""
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    service_tier: str | None = None


class Message(Struct):
    """One turn; a list as content holds blocks."""

    role: Role
    content: str | list[Raw]


class Choice(Struct, omit_defaults=True):
    """`tool_choice`."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Metadata(Struct, omit_defaults=True):
    """`metadata`."""

    user_id: str | None = None


class Format(Struct):
    """`output_config.format`."""

    type: Literal["json_schema"]
    schema: Raw


class OutputConfig(Struct):
    """`output_config`."""

    effort: str | None = None
    format: Format | None = None


class ThinkingConfig(Struct):
    """`thinking`; types that are new to us are left to the vendor to judge."""

    type: str
    budget_tokens: Annotated[int, Meta(ge=0)] | None = None
    display: str | None = None


class CacheControl(Struct, frozen=True, tag_field="type", tag="ephemeral", omit_defaults=True):
    """A cache breakpoint."""

    ttl: str | None = None


class Tool(Struct, omit_defaults=True):
    """A tool that the client runs."""

    name: Annotated[str, Meta(min_length=1)]
    description: str | None = None
    input_schema: Raw = NOTHING
    strict: bool | None = None
    cache_control: CacheControl | None = None
    type: str | None = None


class MessagesRequest(Struct, omit_defaults=True, kw_only=True):
    """A whole request as it is written, members in this order."""

    model: str
    max_tokens: int
    system: list["Encodable"] | None = None
    messages: list["MessageOut | Raw"]
    tools: list["Encodable"] | None = None
    tool_choice: Choice | None = None
    stop_sequences: list[str] | None = None
    stream: bool = False
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    thinking: Raw | None = None
    output_config: dict[str, Raw] | None = None
    metadata: Metadata | None = None
    service_tier: str | None = None
    cache_control: CacheControl | None = None


class MessageOut(Struct):
    """One turn as it is written."""

    role: Role
    content: list["Encodable"]


# --- content blocks ------------------------------------------------------------------------------


class TextBlock(Struct, tag_field="type", tag="text", omit_defaults=True):
    """Visible text."""

    text: str
    citations: list[Raw] | None = None
    cache_control: CacheControl | None = None


class Base64Source(Struct, tag_field="type", tag="base64"):
    """Media in the message itself."""

    media_type: str
    data: str


class UrlSource(Struct, tag_field="type", tag="url"):
    """Media that the vendor fetches."""

    url: str


class FileSource(Struct, tag_field="type", tag="file"):
    """Media in the vendor's file store."""

    file_id: str


class TextSource(Struct, tag_field="type", tag="text"):
    """A text document in the message itself."""

    data: str
    media_type: str = "text/plain"


class ContentSource(Struct, tag_field="type", tag="content"):
    """A document made of blocks."""

    content: str | list[Raw]


class ImageBlock(Struct, tag_field="type", tag="image", omit_defaults=True):
    """A picture."""

    source: Base64Source | UrlSource | FileSource
    cache_control: CacheControl | None = None


class CitationsConfig(Struct):
    """Whether a document may be cited."""

    enabled: bool | None = None


class DocumentBlock(Struct, tag_field="type", tag="document", omit_defaults=True):
    """A file to be read."""

    source: Base64Source | UrlSource | FileSource | TextSource | ContentSource
    title: str | None = None
    context: str | None = None
    citations: CitationsConfig | None = None
    cache_control: CacheControl | None = None


class DocumentOut(Struct, tag_field="type", tag="document", omit_defaults=True):
    """A file to be read, as it is written."""

    source: Base64Source | UrlSource | FileSource | TextSource | Raw
    title: str | None = None
    context: str | None = None
    citations: CitationsConfig | None = None
    cache_control: CacheControl | None = None


class ToolUseBlock(Struct, tag_field="type", tag="tool_use", omit_defaults=True):
    """The model asks for a tool to be run; `input` is an object."""

    id: str
    name: str
    input: Raw = NOTHING
    cache_control: CacheControl | None = None


class ToolResultBlock(Struct, tag_field="type", tag="tool_result", omit_defaults=True):
    """What a tool answered."""

    tool_use_id: str
    content: str | list[Raw] | None = None
    is_error: bool | None = None
    cache_control: CacheControl | None = None


class ToolResultOut(Struct, tag_field="type", tag="tool_result", omit_defaults=True):
    """What a tool answered, as it is written."""

    tool_use_id: str
    content: "str | list[Encodable] | None" = None
    is_error: bool | None = None
    cache_control: CacheControl | None = None


class ThinkingBlock(Struct, tag_field="type", tag="thinking"):
    """Reasoning, with the vendor's proof over it."""

    thinking: str
    signature: str = ""


class RedactedThinkingBlock(Struct, tag_field="type", tag="redacted_thinking"):
    """Reasoning that only the vendor can read."""

    data: str


Encodable = (
    TextBlock
    | ImageBlock
    | DocumentOut
    | ToolUseBlock
    | ToolResultOut
    | ThinkingBlock
    | RedactedThinkingBlock
    | Tool
    | Raw
)
"""What stands in the lists of a written request or answer; raw JSON where a block came with fields
that are not known here."""


class CitationFields(Struct):
    """The members of all kinds of citations that mean something elsewhere."""

    type: str = ""
    url: str | None = None
    source: str | None = None
    title: str | None = None
    document_title: str | None = None
    cited_text: str | None = None
    encrypted_index: str | None = None
