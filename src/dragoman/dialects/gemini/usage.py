"""Token counts between Google's convention and the neutral one.

Google's prompt count includes cached tokens but not what server tools fed back, and its count of
candidates excludes thoughts. The neutral input excludes the cache, the output includes reasoning.
"""

from collections.abc import Iterable

import msgspec

from dragoman.conversation.usage import Usage
from dragoman.dialects.gemini.wire import (
    Candidate,
    MeteredCandidate,
    ModalityCount,
    Searched,
    UsageMetadata,
    given,
)

_SEARCHED = msgspec.json.Decoder(Searched)
_IMAGE, _AUDIO = ("IMAGE", 2), ("AUDIO", 4)
"""Modalities as names and as numbers."""


def parse_usage(wire: UsageMetadata) -> Usage | None:
    """The counts; None where the wire names none."""
    prompt, cached, visible = (
        wire.prompt_token_count,
        wire.cached_content_token_count,
        wire.candidates_token_count,
    )
    thoughts, total = wire.thoughts_token_count, wire.total_token_count
    fed_back = wire.tool_use_prompt_token_count or 0
    if prompt is None and visible is None and thoughts is None:
        return None
    whole = None if prompt is None else prompt + fed_back
    if visible is not None or thoughts is not None:
        output = (visible or 0) + (thoughts or 0)
    else:
        # counts of zero are left out on this wire; the total tells that from silence
        output = None if total is None or whole is None else max(0, total - whole)
    return Usage(
        input=None if whole is None else max(0, whole - (cached or 0)),
        output=output,
        cache_read=cached,
        reasoning=thoughts,
        audio_input=_uncached(wire, _AUDIO),
        audio_output=_of(_AUDIO, wire.candidates_tokens_details),
        image_input=_uncached(wire, _IMAGE),
        image_output=_of(_IMAGE, wire.candidates_tokens_details),
    )


def _uncached(wire: UsageMetadata, modality: tuple[str, int]) -> int | None:
    """The prompt's tokens of a kind, without those that came from the cache."""
    if wire.prompt_tokens_details is None:
        return None
    count = _of(modality, wire.prompt_tokens_details)
    return None if count is None else max(0, count - (_of(modality, wire.cache_tokens_details) or 0))


def _of(modality: tuple[str, int], details: list[ModalityCount] | None) -> int | None:
    for detail in details or ():
        if detail.modality in modality:
            return detail.token_count
    return None


def searches(candidates: Iterable[Candidate | MeteredCandidate]) -> int:
    """The searches for these candidates: each query once. Google's older models charge for all of a prompt's
    together as for one; the answer does not say so.
    """
    queries: set[str] = set()
    for candidate in candidates:
        if given(candidate.grounding_metadata):
            try:
                found = _SEARCHED.decode(candidate.grounding_metadata)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue  # a form of grounding that nobody knows yet
            queries.update(query for query in found.web_search_queries or () if query)
    return len(queries)


def with_searches(usage: Usage | None, count: int) -> Usage | None:
    """The usage with the searches that were made, if any."""
    return msgspec.structs.replace(usage, searches=count) if usage is not None and count else usage


def merged(old: UsageMetadata | None, new: UsageMetadata) -> UsageMetadata:
    """The counts of a stream so far: each chunk repeats all that it knows, and the last word counts."""
    if old is None or old == new:
        return new
    return UsageMetadata(
        prompt_token_count=_last(old.prompt_token_count, new.prompt_token_count),
        cached_content_token_count=_last(old.cached_content_token_count, new.cached_content_token_count),
        tool_use_prompt_token_count=_last(old.tool_use_prompt_token_count, new.tool_use_prompt_token_count),
        candidates_token_count=_last(old.candidates_token_count, new.candidates_token_count),
        thoughts_token_count=_last(old.thoughts_token_count, new.thoughts_token_count),
        total_token_count=_last(old.total_token_count, new.total_token_count),
        prompt_tokens_details=new.prompt_tokens_details or old.prompt_tokens_details,
        cache_tokens_details=new.cache_tokens_details or old.cache_tokens_details,
        candidates_tokens_details=new.candidates_tokens_details or old.candidates_tokens_details,
        service_tier=new.service_tier or old.service_tier,
    )


def _last(old: int | None, new: int | None) -> int | None:
    return old if new is None else new


def service_tier(wire: UsageMetadata | None) -> str | None:
    """The tier that served the request, in the neutral spelling."""
    tier = (wire.service_tier or "").lower() if wire is not None else ""
    return "default" if tier == "standard" else tier or None


def render_usage(usage: Usage) -> UsageMetadata:
    """Counts for a client of this format."""
    output = usage.output or 0
    reasoning = min(usage.reasoning or 0, output)
    return UsageMetadata(
        prompt_token_count=usage.prompt,
        cached_content_token_count=usage.cache_read or None,
        candidates_token_count=output - reasoning,
        thoughts_token_count=reasoning or None,
        total_token_count=usage.total,
        prompt_tokens_details=_details(usage.prompt, usage.image_input, usage.audio_input),
        candidates_tokens_details=_details(output - reasoning, usage.image_output, usage.audio_output),
    )


def _details(whole: int, image: int | None, audio: int | None) -> list[ModalityCount] | None:
    """A count by kinds; None where all of it is text, as far as one knows."""
    counts = {"TEXT": max(0, whole - (image or 0) - (audio or 0)), "IMAGE": image, "AUDIO": audio}
    if not (image or audio):
        return None
    return [ModalityCount(modality=kind, token_count=count) for kind, count in counts.items() if count]
