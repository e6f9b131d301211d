"""Usage: the format's counts, to and from the neutral convention."""

from collections.abc import Iterable

import msgspec

from dragoman.conversation.usage import Usage
from dragoman.dialects.openai_responses.answer_wire import (
    AnswerWire,
    Count,
    InputDetailsWire,
    OutputDetailsWire,
    SearchItemWire,
    ToolUseWire,
    UsageWire,
    WriteDetailsWire,
)

_NO_INPUT_DETAILS = InputDetailsWire()
_NO_OUTPUT_DETAILS = OutputDetailsWire()
_NO_WRITE_DETAILS = WriteDetailsWire()
_NO_TOOLS = ToolUseWire()
_ITEM = msgspec.json.Decoder(SearchItemWire)


def usage_of(answer: AnswerWire) -> Usage | None:
    """The counts of a whole answer; None where it has none. OpenAI charges for each search that is among its
    items, which its counts do not name.
    """
    if answer.usage is None:
        return None
    usage = parse_usage(answer.usage)
    searches = _searches(answer.output or ()) if usage.searches is None else 0
    return msgspec.structs.replace(usage, searches=searches) if searches else usage


def _searches(items: Iterable[msgspec.Raw]) -> int:
    found = 0
    for raw in items:
        if bytes(raw).find(b"web_search_call") < 0:
            continue
        try:
            item = _ITEM.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue  # whoever reads the answer itself says what is wrong with it
        # pages that are opened, and words that are sought in them, are free
        found += item.type == "web_search_call" and (item.action is None or item.action.type == "search")
    return found


def parse_usage(wire: UsageWire) -> Usage:
    """The counts in the neutral convention.

    The format's `input_tokens` include what came from the cache and what went there, `output_tokens`
    include reasoning. Where a total is larger than their sum, or reasoning larger than the whole,
    a host has left reasoning out. Writes that are kept for twelve hours count as those that are kept
    longer than usual (an hour, elsewhere).
    """
    given = wire.input_tokens_details or _NO_INPUT_DETAILS
    made = wire.output_tokens_details or _NO_OUTPUT_DETAILS
    longer = (given.cache_write_tokens_details or _NO_WRITE_DETAILS).ttl_12h_tokens
    prompt, output, total = _count(wire.input_tokens), _count(wire.output_tokens), _count(wire.total_tokens)
    cached, written = _count(given.cached_tokens), _count(given.cache_write_tokens)
    reasoning = _count(made.reasoning_tokens)
    if prompt is not None and output is not None:
        unexplained = 0 if total is None else total - prompt - output
        if unexplained > 0:
            output += unexplained
            reasoning = reasoning or unexplained
        elif reasoning is not None and reasoning > output:
            output += reasoning
    plain = None if prompt is None else max(0, prompt - (cached or 0) - (written or 0))
    return Usage(
        input=plain,
        output=output,
        cache_read=cached,
        cache_write=written,
        cache_write_1h=_count(longer),
        reasoning=reasoning,
        audio_input=_part(given.audio_tokens, plain),
        audio_output=_part(made.audio_tokens, output),
        image_input=_part(given.image_tokens, plain),
        image_output=_part(made.image_tokens, output),
        searches=_count((wire.server_side_tool_usage_details or _NO_TOOLS).web_search_calls),
    )


def _part(value: Count, whole: int | None) -> int | None:
    """Sound or pictures among the tokens that are in no cache: the vendors count them among all."""
    count = _count(value)
    return count if count is None or whole is None else min(count, whole)


def _count(value: Count) -> int | None:
    return None if value is None else int(value) if value > 0 else 0


def render_usage(usage: Usage) -> bytes:
    """The counts as the format has them. Cached, written and reasoning tokens are always named: the
    official SDKs' types have no room for their absence.
    """
    written = usage.cache_write or 0
    given: dict[str, object] = {"cached_tokens": usage.cache_read or 0, "cache_write_tokens": written}
    if usage.cache_write_1h is not None:
        given["cache_write_tokens_details"] = {
            "ttl_30m_tokens": max(0, written - usage.cache_write_1h),
            "ttl_12h_tokens": usage.cache_write_1h,
        }
    return msgspec.json.encode(
        {
            "input_tokens": usage.prompt,
            "input_tokens_details": given,
            "output_tokens": usage.output or 0,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
            "total_tokens": usage.total,
        }
    )
