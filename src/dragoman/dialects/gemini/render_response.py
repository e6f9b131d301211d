"""A whole answer, written for a client."""

import msgspec

from dragoman.conversation.blocks import Text
from dragoman.conversation.response import Choice, Response, Stop
from dragoman.dialects.dialect import Reply
from dragoman.dialects.gemini.answer_parts import AnswerParts, shows_thoughts
from dragoman.dialects.gemini.grounding import Spot, render_grounding
from dragoman.dialects.gemini.logprobs import render_logprobs
from dragoman.dialects.gemini.stops import render_reason
from dragoman.dialects.gemini.usage import render_usage


def render_response(response: Response, reply: Reply) -> bytes:
    """Write a whole answer for the client."""
    body: dict[str, object] = {"candidates": [_candidate(choice, reply) for choice in response.choices]}
    if response.usage is not None:
        body["usageMetadata"] = render_usage(response.usage)
    body["modelVersion"] = response.model or reply.request.model
    body["responseId"] = response.id or reply.fallback_id
    return msgspec.json.encode(body)


def _candidate(choice: Choice, reply: Reply) -> dict[str, object]:
    parts, places = AnswerParts(thoughts=shows_thoughts(reply.request)).blocks(choice.blocks)
    candidate: dict[str, object] = {"content": {"parts": parts, "role": "model"}}
    candidate.update(render_end(choice.stop))
    candidate["index"] = choice.index
    spots = [
        Spot(citation, block.text, part=places[number])
        for number, block in enumerate(choice.blocks)
        if isinstance(block, Text) and number in places
        for citation in block.citations
    ]
    if grounding := render_grounding(spots):
        candidate["groundingMetadata"] = grounding
    if choice.logprobs is not None:
        candidate["logprobsResult"] = render_logprobs(choice.logprobs)
    return candidate


def render_end(stop: Stop) -> dict[str, object]:
    """The members of a candidate that say how it ended."""
    members: dict[str, object] = {"finishReason": render_reason(stop)}
    if stop.explanation:
        members["finishMessage"] = stop.explanation
    return members
