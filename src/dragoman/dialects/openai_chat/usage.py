"""Usage: OpenAI's counts and those of compatible hosts, to and from the neutral convention."""

import msgspec

from dragoman.conversation.usage import Usage
from dragoman.dialects.openai_chat.answer_wire import (
    AnswerWire,
    CompletionDetailsWire,
    Count,
    MeteredWire,
    PromptDetailsWire,
    ServerToolsWire,
    UsageWire,
)

_NO_PROMPT_DETAILS = PromptDetailsWire()
_NO_COMPLETION_DETAILS = CompletionDetailsWire()
_NO_TOOLS = ServerToolsWire()


def usage_of(answer: AnswerWire | MeteredWire) -> Usage | None:
    """The counts of an answer or a chunk; None where it has none. Groq's streams have them aside."""
    wire = answer.usage
    if wire is None and answer.x_groq is not None:
        wire = answer.x_groq.usage
    return None if wire is None else parse_usage(wire)


def parse_usage(wire: UsageWire) -> Usage:
    """The counts in the neutral convention.

    OpenAI's `prompt_tokens` include what came from the cache, `completion_tokens` include
    reasoning. xAI, Vercel's gateway and Google's OpenAI layer leave reasoning out of the latter: it
    shows in a total that is larger than the sum, or in reasoning larger than the whole. Mistral
    leaves the tokens of sound out of `prompt_tokens` in the same way. OpenRouter and Perplexity count
    web searches, each in a field of its own.
    """
    prompt, completion = _count(wire.prompt_tokens), _count(wire.completion_tokens)
    total = _count(wire.total_tokens)
    given = wire.prompt_tokens_details or _NO_PROMPT_DETAILS
    made = wire.completion_tokens_details or _NO_COMPLETION_DETAILS
    cached = _first(
        given.cached_tokens,
        wire.prompt_cache_hit_tokens,
        wire.cached_tokens,
        wire.num_cached_tokens,
        wire.cache_read_input_tokens,
    )
    written = _first(given.cache_write_tokens, wire.cache_creation_input_tokens)
    reasoning = _first(made.reasoning_tokens, wire.reasoning_tokens)
    audio_input = _count(given.audio_tokens)
    if prompt is not None and completion is not None:
        unexplained = 0 if total is None else total - prompt - completion
        if unexplained > 0 and wire.prompt_audio_seconds:
            prompt += unexplained
            audio_input = audio_input or unexplained
        elif unexplained > 0:
            completion += unexplained
            reasoning = reasoning or unexplained
        elif reasoning is not None and reasoning > completion:
            completion += reasoning
    plain = None if prompt is None else max(0, prompt - (cached or 0) - (written or 0))
    tools = wire.server_tool_use or _NO_TOOLS
    return Usage(
        input=plain,
        output=completion,
        cache_read=cached,
        cache_write=written,
        reasoning=reasoning,
        audio_input=part(audio_input, plain),
        audio_output=part(_count(made.audio_tokens), completion),
        image_input=part(_count(given.image_tokens), plain),
        image_output=part(_count(made.image_tokens), completion),
        searches=_first(tools.web_search_requests, wire.num_search_queries),
    )


def part(count: int | None, whole: int | None) -> int | None:
    """A count of some of the tokens that are in no cache: the vendors' counts of sound and pictures are of
    all tokens, and so may be larger.
    """
    return count if count is None or whole is None else min(count, whole)


def _count(value: Count) -> int | None:
    return None if value is None else int(value) if value > 0 else 0


def _first(*values: Count) -> int | None:
    for value in values:
        if value is not None:
            return _count(value)
    return None


def render_usage(usage: Usage) -> bytes:
    """The counts as OpenAI writes them; details only where they are known."""
    wire: dict[str, object] = {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.output or 0,
        "total_tokens": usage.total,
    }
    given = _known(
        cached_tokens=usage.cache_read,
        cache_write_tokens=usage.cache_write,
        audio_tokens=usage.audio_input,
        image_tokens=usage.image_input,
    )
    if given:
        wire["prompt_tokens_details"] = given
    made = _known(
        reasoning_tokens=usage.reasoning, audio_tokens=usage.audio_output, image_tokens=usage.image_output
    )
    if made:
        wire["completion_tokens_details"] = made
    return msgspec.json.encode(wire)


def _known(**counts: int | None) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count is not None}
