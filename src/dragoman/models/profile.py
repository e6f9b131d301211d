"""Model profiles: what one model family accepts, as data.

`profiles.toml` beside this file holds the families, each with the patterns of its model names. A
model that no pattern knows gets the defaults below, which send nothing that an unknown model may
refuse.
"""

import datetime as dt
import fnmatch
import functools
import importlib.resources
import tomllib
from collections.abc import Mapping
from typing import Literal

import msgspec

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one model family can and cannot do."""

    family: str
    """What the models have in common; signed reasoning is valid within it."""
    max_output_tokens: int | None = None
    """The most output tokens that may be asked for; None where not known."""
    sampling: Literal["full", "one", "unless_reasoning", "none"] = "full"
    """Whether temperature, top_p and their like are accepted: all; one of temperature and top_p;
    only with reasoning off; not at all."""
    max_temperature: float | None = None
    """The highest temperature that is taken; None for the wire format's own limit."""
    penalties: bool = True
    """Whether presence and frequency penalties are accepted."""
    reasoning: Literal["none", "effort", "budget", "adaptive", "level"] = "none"
    """How reasoning is asked for: not at all; an effort word; a token budget; Anthropic's adaptive
    thinking with an effort; Google's thinking level."""
    efforts: tuple[Effort, ...] = ()
    """The effort or level words that are accepted, weakest first, in the neutral spelling."""
    reasoning_default: bool = False
    """Whether the model reasons when nothing is said about it."""
    reasoning_off: bool = True
    """Whether reasoning can be turned off."""
    reasoning_off_up_to: Effort | None = None
    """The highest effort beside which reasoning may be turned off; None where it does not matter."""
    reasoning_between_tools: bool = False
    """Whether reasoning can be kept to what comes between tool calls, as the nearest thing to off."""
    takes_budget: bool = False
    """Whether a token budget is still taken from clients that send one, where `reasoning` is not
    `budget`."""
    budget_min: int = 1024
    """The smallest token budget for reasoning, where `reasoning` is `budget`."""
    budget_max: int | None = None
    """The largest token budget; None where not known."""
    forced_tools: bool = True
    """Whether a tool call can be demanded."""
    prefill: bool = False
    """Whether a trailing assistant message is continued rather than refused."""
    ends_with_model: bool = True
    """Whether a history may end with the model's turn at all."""
    system_in_place: bool = False
    """Whether an instruction may stand in mid-conversation."""
    json_schema: bool = True
    """Whether answers can be held to a JSON Schema."""
    tools_with_schema: bool = True
    """Whether tools and a JSON Schema for the answer may be asked for together."""
    call_ids: bool = True
    """Whether tool calls and results carry ids on the wire."""
    signed_calls: bool = False
    """Whether a tool call in the current turn is refused without its signature."""
    result_media: bool = True
    """Whether a tool result may hold pictures and documents."""
    instructions_role: Literal["system", "developer"] = "system"
    """The role of instructions in Chat Completions."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the limit of the answer is called in Chat Completions."""
    candidates: bool = True
    """Whether several answers can be asked for in one call."""
    stop_sequences: bool = True
    """Whether stop sequences are accepted."""
    web_search: bool = False
    """Whether Chat Completions searches the web with this model (`web_search_options`)."""
    chat_tools: Literal["always", "without_effort", "reasoning_off", "never"] = "always"
    """When OpenAI's Chat Completions takes function tools for this model: always; only where no effort
    is sent; only with reasoning turned off; never. Otherwise its Responses format is needed."""
    preserved_thinking: bool = False
    """Whether signed thinking is bound to the exact prompt before it, so that a request has to ask for
    mismatching blocks to be dropped (Anthropic's `block_binding`)."""
    schema: Literal["json_schema", "openapi"] = "json_schema"
    """How tools and answers are described, where a vendor has two ways: Google's older models take
    only a subset of OpenAPI."""
    call_id_form: Literal["free", "mistral"] = "free"
    """What the ids of tool calls must look like: whatever the wire format allows, or Mistral's exactly
    nine letters and digits."""
    betas: tuple[str, ...] = ()
    """Beta features that the vendor wants to be named for what this profile says."""

    @property
    def known(self) -> bool:
        """Whether anything is known of the model: what is not known is left to its client."""
        return self.family != _UNKNOWN


class Family(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of `profiles.toml`: patterns of model names, and the profile they share.

    `match` are shell-style patterns over the model name without provider prefix and in lower case;
    the first family in the file that matches wins. `models` are names worth listing to a user with
    no routes of their own. `source` says where the facts are from, `checked` when they were last held
    against it.
    """

    match: tuple[str, ...]
    profile: Profile
    source: str
    checked: dt.date
    models: tuple[str, ...] = ()
    owner: str = ""


_UNKNOWN = "unknown"

UNKNOWN = Profile(family=_UNKNOWN)
"""The profile of a model that no pattern knows."""


@functools.cache
def families() -> tuple[Family, ...]:
    """Every family of `profiles.toml`, in the order of the file."""
    text = importlib.resources.files("dragoman.models").joinpath("profiles.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text)["family"], tuple[Family, ...])


@functools.lru_cache(maxsize=1024)
def profile_of(model: str) -> Profile:
    """The built-in profile of a model by its upstream name (`claude-sonnet-4-5`, `models/gemini-2.5-pro`)."""
    name = _plain(model)
    for family in families():
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in family.match):
            return family.profile
    return UNKNOWN


class Profiles:
    """The profiles of one gateway: the built-in ones, and what its configuration says otherwise."""

    def __init__(self, overrides: Mapping[str, Mapping[str, object]] | None = None) -> None:
        """Take fields of `Profile` by patterns of model names. Of several patterns that match a name, the
        first that gives a field decides on it.
        """
        self._overrides = {pattern.lower(): dict(fields) for pattern, fields in (overrides or {}).items()}

    def of(self, model: str) -> Profile:
        """The profile of a model by its upstream name."""
        name, whole = _plain(model), model.lower()
        fields: dict[str, object] = {}
        for pattern, given in self._overrides.items():
            if fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(whole, pattern):
                fields = {**given, **fields}
        profile = profile_of(model)
        return msgspec.structs.replace(profile, **fields) if fields else profile


def _plain(model: str) -> str:
    return model.lower().rsplit("/", 1)[-1]
