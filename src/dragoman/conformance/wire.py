"""The four formats, each as the functions that write and read it."""

import dataclasses
from collections.abc import Callable

from dragoman.conformance import (
    answer_anthropic,
    answer_gemini,
    answer_openai_chat,
    answer_openai_responses,
    wire_anthropic,
    wire_gemini,
    wire_openai_chat,
    wire_openai_responses,
)
from dragoman.conformance.question import Question
from dragoman.conformance.reply import Reply, Told
from dragoman.testing.grammar import anthropic, gemini, openai_chat, openai_responses
from dragoman.testing.json_value import Object


@dataclasses.dataclass(frozen=True, slots=True)
class Wire:
    """One format. `letter` stands for it in tables."""

    name: str
    letter: str
    title: str
    path: Callable[[str, bool], str]
    """Where a model is asked, streamed or not."""
    headers: Callable[[str], dict[str, str]]
    """What presents a key."""
    write: Callable[[Question], Object]
    read: Callable[[Object, str], Question]
    read_answer: Callable[[Object], Reply]
    read_stream: Callable[[bytes], Reply]
    read_error: Callable[[Object], Told]
    check_stream: Callable[[bytes], list[str]]
    check_answer: Callable[[bytes], list[str]]
    check_error: Callable[[bytes], list[str]]


def _bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def _gemini_path(model: str, stream: bool) -> str:
    return f"/v1beta/models/{model}:" + ("streamGenerateContent?alt=sse" if stream else "generateContent")


WIRES = {
    "openai_chat": Wire(
        "openai_chat",
        "C",
        "OpenAI Chat Completions",
        lambda _model, _stream: "/v1/chat/completions",
        _bearer,
        wire_openai_chat.write,
        wire_openai_chat.read,
        answer_openai_chat.read_answer,
        answer_openai_chat.read_stream,
        answer_openai_chat.read_error,
        openai_chat.check_stream,
        openai_chat.check_response,
        openai_chat.check_error,
    ),
    "openai_responses": Wire(
        "openai_responses",
        "R",
        "OpenAI Responses",
        lambda _model, _stream: "/v1/responses",
        _bearer,
        wire_openai_responses.write,
        wire_openai_responses.read,
        answer_openai_responses.read_answer,
        answer_openai_responses.read_stream,
        answer_openai_responses.read_error,
        openai_responses.check_stream,
        openai_responses.check_response,
        openai_responses.check_error,
    ),
    "anthropic": Wire(
        "anthropic",
        "A",
        "Anthropic Messages",
        lambda _model, _stream: "/v1/messages",
        lambda key: {"x-api-key": key, "anthropic-version": "2023-06-01"},
        wire_anthropic.write,
        wire_anthropic.read,
        answer_anthropic.read_answer,
        answer_anthropic.read_stream,
        answer_anthropic.read_error,
        anthropic.check_stream,
        anthropic.check_response,
        anthropic.check_error,
    ),
    "gemini": Wire(
        "gemini",
        "G",
        "Google generateContent",
        _gemini_path,
        lambda key: {"x-goog-api-key": key},
        wire_gemini.write,
        wire_gemini.read,
        answer_gemini.read_answer,
        answer_gemini.read_stream,
        answer_gemini.read_error,
        gemini.check_stream,
        gemini.check_response,
        gemini.check_error,
    ),
}
"""The formats by name, in the order of tables."""
