"""Token counts and service tiers, from the wire and back."""

import msgspec

from dragoman.conversation.usage import Usage
from dragoman.dialects.anthropic import wire_answer


def parse_usage(counts: wire_answer.Counts) -> Usage:
    """The counts in the neutral convention, which is this format's own.

    What was done beside the answer itself, to shorten its prompt (`compaction`) or by another model that
    was asked for advice (`advisor_message`), is charged for, and is missing in the vendor's sums: those
    passes are added here.
    """
    details, tools = counts.output_tokens_details, counts.server_tool_use
    usage = msgspec.structs.replace(
        _tokens(counts),
        reasoning=None if details is None else details.thinking_tokens,
        searches=None if tools is None else tools.web_search_requests,
    )
    beside = [_tokens(one) for one in counts.iterations or () if one.type in _BESIDE]
    if beside and usage.input is not None and usage.output is not None:
        for one in beside:
            usage = usage.plus(one)
    return usage


_BESIDE = frozenset({"compaction", "advisor_message"})


def _tokens(counts: wire_answer.Counts | wire_answer.Iteration) -> Usage:
    written = counts.cache_creation_input_tokens
    by_lifetime = counts.cache_creation
    hour = None if by_lifetime is None else by_lifetime.ephemeral_1h_input_tokens
    if written is None and by_lifetime is not None:
        written = (by_lifetime.ephemeral_5m_input_tokens or 0) + (hour or 0)
    return Usage(
        input=counts.input_tokens,
        output=counts.output_tokens,
        cache_read=counts.cache_read_input_tokens,
        cache_write=written,
        cache_write_1h=hour,
    )


def render_usage(usage: Usage, service_tier: str | None = None) -> bytes:
    """`usage` with every count that clients rely on; what is not known counts 0."""
    written = usage.cache_write or 0
    counts = wire_answer.Counts(
        input_tokens=usage.input or 0,
        cache_creation_input_tokens=written,
        cache_read_input_tokens=usage.cache_read or 0,
        output_tokens=usage.output or 0,
        service_tier=wire_tier(service_tier),
    )
    if usage.cache_write_1h is not None:
        hour = usage.cache_write_1h
        counts.cache_creation = wire_answer.CacheCreation(max(0, written - hour), hour)
    if usage.reasoning is not None:
        counts.output_tokens_details = wire_answer.OutputDetails(usage.reasoning)
    if usage.searches is not None:
        counts.server_tool_use = wire_answer.ServerToolUse(usage.searches)
    return msgspec.json.encode(counts)


_TIERS = {"standard": "default", "priority": "priority", "batch": "flex"}
_WIRE_TIERS = {
    "default": "standard",
    "standard": "standard",
    "scale": "priority",
    "priority": "priority",
    "fast": "priority",
    "flex": "batch",
    "batch": "batch",
}


def neutral_tier(tier: str | None) -> str | None:
    """The tier that an answer names, in the words that other formats share."""
    return None if tier is None else _TIERS.get(tier, tier)


def wire_tier(tier: str | None) -> str | None:
    """A neutral tier in this format's words; None where it has none."""
    return None if tier is None else _WIRE_TIERS.get(tier)
