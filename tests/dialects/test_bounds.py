"""How many tokens a request may take, as far as that can be told without reading it."""

import msgspec
import pytest

from dragoman.dialects.bounds import (
    DEFAULT_OUTPUT,
    MOST_OUTPUT,
    MOST_SEARCHES,
    output_bound,
    plain,
    rendered_bound,
    searches_bound,
)
from dragoman.dialects.dialect import Head, Location
from dragoman.dialects.registry import SPOKEN
from dragoman.models.profile import UNKNOWN, Profile

KNOWN = Profile(family="f", max_output_tokens=9000)
MESSAGES = [{"role": "user", "content": "Hi"}]
BEGINNINGS: dict[str, dict[str, object]] = {
    "openai_chat": {"model": "m", "messages": MESSAGES},
    "openai_responses": {"model": "m", "input": "Hi"},
    "openai_completions": {"model": "m", "prompt": "Hi"},
    "anthropic": {"model": "m", "max_tokens": 50, "messages": MESSAGES},
    "gemini": {"contents": [{"parts": [{"text": "Hi"}]}]},
}


def read(dialect: str, **fields: object) -> tuple[Head, bytes]:
    body = msgspec.json.encode({**BEGINNINGS[dialect], **fields})
    return SPOKEN[dialect].read_head(body, Location(model="m")), body


@pytest.mark.parametrize(
    ("dialect", "fields", "expected"),
    [
        ("openai_chat", {"max_tokens": 7}, 7),
        ("openai_chat", {"max_completion_tokens": 8}, 8),
        ("openai_chat", {"max_completion_tokens": 8, "n": 3}, 24),
        ("openai_chat", {"max_tokens": None}, 9000),
        ("openai_chat", {"n": 2}, 18_000),
        ("openai_responses", {"max_output_tokens": 20}, 20),
        ("openai_responses", {}, 9000),
        ("openai_completions", {"max_tokens": 7}, 7),
        ("openai_completions", {}, 16),
        ("openai_completions", {"max_tokens": 7, "n": 2, "best_of": 4}, 28),
        ("openai_completions", {"max_tokens": 7, "prompt": ["a", "b", "c"]}, 21),
        ("openai_completions", {"max_tokens": 7, "prompt": [1, 2, 3]}, 7),
        ("openai_completions", {"max_tokens": 7, "prompt": [[1, 2], [3]]}, 14),
        ("anthropic", {"max_tokens": 4000}, 4000),
        ("anthropic", {"max_tokens": 4000, "thinking": {"type": "enabled", "budget_tokens": 2000}}, 4000),
        ("anthropic", {"max_tokens": 4000, "thinking": {"type": "adaptive"}}, 4000),
        ("gemini", {"generationConfig": {"maxOutputTokens": 300}}, 300),
        ("gemini", {"generationConfig": {"maxOutputTokens": 300, "candidateCount": 2}}, 600),
        ("gemini", {"generation_config": {"max_output_tokens": 300}}, 300),
        ("gemini", {"generationConfig": {"temperature": 1}}, 9000),
        ("gemini", {}, 9000),
        ("openai_chat", {"max_tokens": 10**400}, MOST_OUTPUT),
    ],
)
def test_a_request_says_how_long_its_answer_may_be(
    dialect: str, fields: dict[str, object], expected: int
) -> None:
    head, _ = read(dialect, **fields)
    assert output_bound(dialect, head, KNOWN) == expected


def head_of(fields: dict[str, object]) -> Head:
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in fields.items()}
    return Head("m", False, Location(), raw)


def test_thinking_that_is_larger_than_the_limit_comes_besides() -> None:
    head = head_of({"max_tokens": 1000, "thinking": {"type": "enabled", "budget_tokens": 5000}})
    assert output_bound("anthropic", head, KNOWN) == 6000


def test_a_limit_may_be_written_as_text_or_with_a_point() -> None:
    head = head_of({"generationConfig": {"maxOutputTokens": "300"}})
    assert output_bound("gemini", head, KNOWN) == 300
    assert output_bound("openai_chat", head_of({"max_tokens": 12.0}), KNOWN) == 12


@pytest.mark.parametrize("fields", [{"max_tokens": "many"}, {"max_tokens": []}, {"max_tokens": {"a": 1}}])
def test_what_is_no_number_limits_nothing(fields: dict[str, object]) -> None:
    assert output_bound("openai_chat", head_of(fields), KNOWN) == 9000
    assert output_bound("gemini", head_of({"generationConfig": [1]}), KNOWN) == 9000


def test_without_any_limit_a_default_counts() -> None:
    head, _ = read("openai_chat")
    assert output_bound("openai_chat", head, UNKNOWN) == DEFAULT_OUTPUT
    assert rendered_bound(b"{}", UNKNOWN) == DEFAULT_OUTPUT


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m","max_tokens":70}',
        b'{"max_completion_tokens":70}',
        b'{"max_output_tokens":70}',
        b'{"generationConfig":{"maxOutputTokens":70}}',
        b'{"max_tokens":70,"tools":[{"properties":{"max_tokens":{"type":"integer"}}}]}',
        b'{"max_tokens":70,"messages":[{"content":"\\"max_tokens\\":900"}]}',
        b'{"tools":[{"x":{"max_tokens":7}}],"max_tokens":70}',
    ],
)
def test_what_was_written_here_says_it_too(body: bytes) -> None:
    assert rendered_bound(body, KNOWN) == 70
    assert rendered_bound(body, KNOWN, 3) == 210


@pytest.mark.parametrize("dialect", list(BEGINNINGS))
def test_text_is_plain(dialect: str) -> None:
    head, body = read(dialect)
    assert plain(head, body)


NOT_PLAIN: list[tuple[str, dict[str, object]]] = [
    ("openai_chat", {"web_search_options": {"search_context_size": "low"}}),
    ("openai_responses", {"previous_response_id": "resp_1"}),
    ("openai_responses", {"tools": [{"type": "web_search"}]}),
    ("openai_responses", {"tools": [{"type": "file_search", "vector_store_ids": ["x"]}]}),
    ("openai_responses", {"reasoning": {"mode": "pro"}}),
    ("openai_responses", {"prompt": {"id": "pmpt_1"}}),
    ("openai_responses", {"input": [{"type": "input_image", "image_url": "https://a.example"}]}),
    ("anthropic", {"tools": [{"type": "computer_20250124", "name": "computer"}]}),
    ("anthropic", {"messages": [{"role": "user", "content": [{"type": "document"}]}]}),
    ("gemini", {"cachedContent": "cachedContents/x"}),
    ("gemini", {"tools": [{"googleSearch": {}}]}),
    ("gemini", {"tools": [{"urlContext": {}}]}),
    ("gemini", {"contents": [{"parts": [{"inlineData": {"mimeType": "a/b", "data": "AAAA"}}]}]}),
    ("gemini", {"contents": [{"parts": [{"inline_data": {"mime_type": "a/b", "data": "AAAA"}}]}]}),
]


@pytest.mark.parametrize(("dialect", "fields"), NOT_PLAIN)
def test_what_bytes_do_not_tell_is_not_plain(dialect: str, fields: dict[str, object]) -> None:
    body = msgspec.json.encode({**BEGINNINGS[dialect], **fields})
    raw = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    assert not plain(Head("m", False, Location(), raw), body)


SEARCHING: list[tuple[list[object], int]] = [
    ([{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}], 3),
    ([{"type": "web_search"}], MOST_SEARCHES),
    ([{"google_search": {}}], MOST_SEARCHES),
    ([{"type": "code_interpreter"}], 0),
]


@pytest.mark.parametrize(("tools", "expected"), SEARCHING)
def test_a_tool_that_searches_says_how_often_it_may(tools: list[object], expected: int) -> None:
    assert searches_bound(head_of({"tools": tools})) == expected


def test_only_who_asks_for_searches_may_get_some() -> None:
    assert searches_bound(head_of({})) == 0
    assert searches_bound(head_of({"web_search_options": {}})) == MOST_SEARCHES
    assert searches_bound(head_of({"plugins": [{"id": "web"}]})) == MOST_SEARCHES


def test_words_that_are_written_as_escapes_are_not_plain() -> None:
    head, body = read("openai_chat")
    hidden = body.replace(b'"Hi"', b'[{"type":"im\\u0061ge_url","im\\u0061ge_url":{"url":"http://x/y"}}]')
    assert not plain(head, hidden)
    assert plain(head, body.replace(b"Hi", b"caf\\u00e9 \\u003chere\\u003e"))


def test_functions_of_the_client_are_plain() -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    head, body = read("openai_chat", tools=[tool])
    assert plain(head, body)
