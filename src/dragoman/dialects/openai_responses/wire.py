"""The wire: what a Responses request carries, as far as it is looked at.

Fields have the types and ranges that OpenAI documents. Members that are not named here are kept aside
by whoever reads a request, and go back to hosts of this format only.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw

NAME = "openai_responses"
"""The dialect's name, as it stands in opaque data and signatures."""

PATH = "/responses"
"""Where requests go, behind the base URL of a provider."""

MIN_OUTPUT = 16
"""The fewest tokens that `max_output_tokens` may ask for at OpenAI."""

MAX_ID = 64
"""Characters of a `call_id` that OpenAI takes."""

ENCRYPTED = "reasoning.encrypted_content"
LOGPROBS = "message.output_text.logprobs"
"""The words of `include` that the neutral conversation has a place for."""

WEB_SEARCH = "web_search"
"""How the types of the tools begin that search the web (`web_search`, `web_search_preview`)."""

Temperature = Annotated[float, Meta(ge=0, le=2)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[int, Meta(ge=1)]
Filled = Annotated[str, Meta(min_length=1)]


# --- settings ------------------------------------------------------------------------------------


class FormatWire(msgspec.Struct):
    """`text.format`; the members of a schema's form are flat here."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    description: str | None = None
    schema: Raw = Raw()
    strict: bool | None = None


class TextWire(msgspec.Struct):
    """`text`."""

    format: FormatWire | None = None
    verbosity: str | None = None


class HeadWire(msgspec.Struct, kw_only=True):
    """The settings that are checked even where the request is passed on unread."""

    model: Filled
    stream: bool | None = None
    store: bool | None = None
    temperature: Temperature | None = None
    top_p: Fraction | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    max_output_tokens: Positive | None = None
    previous_response_id: str | None = None
    instructions: str | None = None
    text: TextWire | None = None


class ReasoningWire(msgspec.Struct):
    """`reasoning`. `generate_summary` is the retired name of `summary`."""

    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None


class ChosenToolWire(msgspec.Struct):
    """A tool inside `tool_choice`."""

    type: str
    name: str | None = None
    namespace: str | None = None


class ToolChoiceWire(ChosenToolWire):
    """`tool_choice` where it is an object."""

    mode: Literal["auto", "required"] = "auto"
    tools: list[ChosenToolWire] | None = None


class SettingsWire(HeadWire, kw_only=True):
    """Every setting that the neutral conversation has a place for."""

    user: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    metadata: dict[str, str] | None = None
    parallel_tool_calls: bool | None = None
    tool_choice: str | ToolChoiceWire | None = None
    reasoning: ReasoningWire | None = None
    include: list[str] | None = None
    background: bool | None = None
    truncation: str | None = None


# --- tools ---------------------------------------------------------------------------------------


class FunctionToolWire(msgspec.Struct):
    """A function tool's declaration."""

    name: Filled
    description: str | None = None
    parameters: Raw = Raw()
    strict: bool | None = None


class CustomToolWire(msgspec.Struct):
    """A free-text tool's declaration."""

    name: Filled
    description: str | None = None
    format: Raw = Raw()


class NamespaceWire(msgspec.Struct):
    """A named group of tools."""

    name: Filled
    tools: list[Raw]
    description: str | None = None


# --- items ---------------------------------------------------------------------------------------


class PartWire(msgspec.Struct):
    """One part of a message's content or of a tool's output; `type` says which field holds it."""

    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    file_id: str | None = None
    filename: str | None = None
    detail: str | None = None
    annotations: list[Raw] | None = None
    prompt_cache_breakpoint: Raw = Raw()


class PieceWire(msgspec.Struct):
    """A piece of reasoning, in `summary` or `content`."""

    text: str = ""


class ItemWire(msgspec.Struct):
    """One item of `input`, of any type; without a type it is a message."""

    type: str = "message"
    id: str | None = None
    role: str | None = None
    content: Raw = Raw()
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: Raw = Raw()
    input: str | None = None
    output: Raw = Raw()
    summary: list[PieceWire] | None = None
    encrypted_content: str | None = None
    tools: list[Raw] | None = None
    result: object = None
    output_format: str | None = None
