"""Thinking of Anthropic's newest models: it stands after one prompt and no other."""

from collections.abc import Callable

import msgspec
import pytest

from dragoman.models.profile import profile_of
from dragoman.testing.exchange import Answer
from dragoman.testing.json_value import JSON, Object, decode_object
from dragoman.testing.provider import FakeProvider
from dragoman.testing.rules.anthropic_binding import Binding

MODEL = "claude-opus-5-5"
BETA = "thinking-binding-controls-2026-08-01"
TOOL: Object = {"name": "get_weather", "input_schema": {"type": "object", "properties": {}}}
QUESTION: Object = {"role": "user", "content": "Say hello"}
BODY: Object = {
    "model": MODEL,
    "max_tokens": 1000,
    "system": "Be brief.",
    "tools": [TOOL],
    "messages": [QUESTION],
    "thinking": {"type": "adaptive", "display": "summarized"},
}


def call(body: Object, **headers: str) -> Answer:
    named = {"anthropic-version": "2023-06-01"}
    named.update({name.replace("_", "-"): value for name, value in headers.items()})
    return FakeProvider().answer("POST", "/v1/messages", "", named, msgspec.json.encode(body))


@pytest.fixture
def turns() -> list[JSON]:
    """A conversation whose second turn has thinking in it."""
    answer = call(BODY)
    assert answer.status == 200, answer.body
    content = decode_object(answer.body)["content"]
    assert isinstance(content, list)
    assert isinstance(content[0], dict)
    assert content[0]["type"] == "thinking"
    return [QUESTION, {"role": "assistant", "content": content}, {"role": "user", "content": "Say more"}]


def test_the_model_binds_its_thinking() -> None:
    assert profile_of(MODEL).preserved_thinking


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]},
        {"tools": [{**TOOL, "cache_control": {"type": "ephemeral"}}]},
    ],
)
def test_the_same_prompt_is_taken_however_it_is_written(turns: list[JSON], fields: Object) -> None:
    answer = call({**BODY, "messages": turns, **fields})

    assert answer.status == 200, answer.body


CHANGED: list[Callable[[list[JSON]], Object]] = [
    lambda turns: {"system": "Be very brief.", "messages": turns},
    lambda turns: {"tools": [{**TOOL, "description": "x"}], "messages": turns},
    lambda turns: {"tools": [TOOL, {**TOOL, "name": "other"}], "messages": turns},
    lambda turns: {"messages": [{"role": "user", "content": "Say hallo"}, *turns[1:]]},
]


@pytest.mark.parametrize("change", CHANGED)
def test_another_prompt_is_refused(turns: list[JSON], change: Callable[[list[JSON]], Object]) -> None:
    answer = call({**BODY, **change(turns)})

    assert answer.status == 400
    assert (
        b"messages.1.content.0: Invalid signature in thinking block. The block is bound to a different "
        b"conversation" in answer.body
    )


def test_another_prompt_is_taken_where_its_thinking_is_to_be_dropped(turns: list[JSON]) -> None:
    thinking: Object = {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}}
    body: Object = {**BODY, "system": "Other.", "messages": turns, "thinking": thinking}

    with_beta, without = call(body, anthropic_beta=BETA), call(body)

    assert with_beta.status == 200, with_beta.body
    assert without.status == 400
    assert b"thinking.adaptive.block_binding: Extra inputs are not permitted" in without.body


def test_a_prompt_may_go_on_after_its_thinking(turns: list[JSON]) -> None:
    longer: list[JSON] = [
        *turns,
        {"role": "assistant", "content": "More."},
        {"role": "user", "content": "Say bye"},
    ]

    assert call({**BODY, "messages": longer}).status == 200


def test_digests_ignore_thinking_and_who_took_messages_apart() -> None:
    joined: Object = {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
        ]
    }
    apart: Object = {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}
    thought: Object = {
        "messages": [{"role": "assistant", "content": [{"type": "thinking", "thinking": "x"}]}]
    }
    empty: Object = {"messages": [{"role": "assistant", "content": []}]}

    assert Binding(joined).whole == Binding(apart).whole
    assert Binding(thought).whole == Binding(empty).whole
    assert Binding(joined).whole != Binding(thought).whole
