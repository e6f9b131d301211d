"""Whom a count is asked of, and what it is asked about."""

import pytest

from dragoman.conversation.blocks import Text
from dragoman.conversation.request import (
    FunctionTool,
    Message,
    Reasoning,
    Request,
    Role,
    Sampling,
)
from dragoman.dialects.registry import SPOKEN
from dragoman.gateway.counting import counting_dialect, prompt_only
from dragoman.gateway.embeddings import embedding_dialect
from dragoman.providers.provider import Provider


@pytest.mark.parametrize(
    ("asked", "spoken", "counts"),
    [
        ("anthropic", ("anthropic",), "anthropic"),
        ("anthropic", ("openai_chat", "anthropic"), "anthropic"),
        ("gemini", ("openai_chat", "anthropic"), "anthropic"),
        ("anthropic", ("openai_chat", "openai_responses"), "openai_responses"),
        ("openai_responses", ("gemini",), "gemini"),
        ("anthropic", ("openai_chat", "openai_completions"), None),
    ],
)
def test_a_provider_counts_in_the_clients_format_or_in_the_first_that_can(
    asked: str, spoken: tuple[str, ...], counts: str | None
) -> None:
    found = counting_dialect(SPOKEN, Provider("p", spoken), SPOKEN[asked])
    assert (None if found is None else found.name) == counts


@pytest.mark.parametrize(
    ("asked", "spoken", "embeds"),
    [
        ("openai_chat", ("openai_responses", "openai_chat"), "openai_chat"),
        ("gemini", ("openai_chat", "gemini"), "gemini"),
        ("gemini", ("anthropic", "openai_chat"), "openai_chat"),
        ("openai_chat", ("anthropic",), None),
    ],
)
def test_a_provider_embeds_in_the_clients_format_or_in_the_first_that_can(
    asked: str, spoken: tuple[str, ...], embeds: str | None
) -> None:
    found = embedding_dialect(SPOKEN, Provider("p", spoken), SPOKEN[asked])
    assert (None if found is None else found.name) == embeds


def test_only_what_is_part_of_the_prompt_is_counted() -> None:
    kept = Request(
        "gemini",
        "m",
        (Message(Role.USER, (Text("hi"),)),),
        system=(Text("s"),),
        tools=(FunctionTool("look"),),
        reasoning=Reasoning(effort="high"),
    )
    asked = Request(
        "gemini",
        "m",
        kept.messages,
        system=kept.system,
        tools=kept.tools,
        reasoning=kept.reasoning,
        sampling=Sampling(temperature=2.0),
        max_tokens=5,
        stop=("x",),
        candidates=3,
        top_logprobs=2,
        user="me",
        metadata={"a": "b"},
        stream=True,
    )
    assert prompt_only(asked) == kept
