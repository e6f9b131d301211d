"""Counts of prompts' tokens, as each vendor answers them: the numbers that an answer's usage says too."""

import msgspec

from dragoman.dialects.dialect import Location
from dragoman.dialects.registry import DIALECTS
from dragoman.testing.accounting import count_prompt
from dragoman.testing.exchange import Answer, Incoming, json_answer
from dragoman.testing.json_value import JSON, Object, decode_object
from dragoman.testing.kept import KeptAnswers
from dragoman.testing.rules import anthropic, gemini, openai_responses
from dragoman.testing.rules.refusal import Access


def count_anthropic(incoming: Incoming, access: Access) -> Answer:
    """Anthropic's count. Raises `RefusedError` for a request that it refuses."""
    anthropic.check_count(incoming, access)
    fields = decode_object(incoming.body)
    return _counted({"input_tokens": _count("anthropic", {**fields, "max_tokens": 1})})


def count_responses(incoming: Incoming, access: Access, kept: KeptAnswers) -> Answer:
    """OpenAI's count. Raises `RefusedError` for a request that it refuses."""
    body = kept.completed(openai_responses.read_count(incoming, access))
    openai_responses.check_conversation(body)
    fields = {name: value for name, value in body.object().items() if name != "personality"}
    tokens = _count("openai_responses", fields)
    return _counted({"object": "response.input_tokens", "input_tokens": tokens})


def count_gemini(incoming: Incoming, location: Location, access: Access) -> Answer:
    """Google's count. Raises `RefusedError` for a request that it refuses."""
    gemini.check_count(incoming, access)
    fields = decode_object(incoming.body)
    for name in ("generateContentRequest", "generate_content_request"):
        inner = fields.get(name)
        fields = inner if isinstance(inner, dict) else fields
    fields = {name: value for name, value in fields.items() if name != "model"}
    tokens = _count("gemini", fields, location)
    modality: Object = {"modality": "TEXT", "tokenCount": tokens}
    return _counted({"totalTokens": tokens, "promptTokensDetails": [modality]})


def _count(dialect: str, fields: Object, location: Location | None = None) -> int:
    """The prompt's tokens. Raises `FailureError` for a request that the dialect cannot read."""
    request = DIALECTS[dialect].parse_request(msgspec.json.encode(fields), location or Location())
    return count_prompt(request)


def _counted(fields: dict[str, JSON]) -> Answer:
    return json_answer(200, msgspec.json.encode(fields))
