"""Usage, to and from the neutral convention."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.conversation.usage import Usage
from dragoman.dialects.openai_responses.answer_wire import AnswerWire, UsageWire
from dragoman.dialects.openai_responses.usage import parse_usage, render_usage, usage_of


def parsed(wire: dict[str, object]) -> Usage:
    return parse_usage(msgspec.json.decode(json.dumps(wire), type=UsageWire))


def test_input_excludes_what_came_from_the_cache_and_what_went_there() -> None:
    usage = parsed(
        {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
            "output_tokens": 20,
            "output_tokens_details": {"reasoning_tokens": 15},
            "total_tokens": 120,
        }
    )
    assert usage == Usage(input=10, output=20, cache_read=60, cache_write=30, reasoning=15)
    assert (usage.prompt, usage.total) == (100, 120)


def test_writes_that_are_kept_longer_are_told_apart() -> None:
    details = {
        "cached_tokens": 0,
        "cache_write_tokens": 30,
        "cache_write_tokens_details": {"ttl_30m_tokens": 20, "ttl_12h_tokens": 10},
    }
    usage = parsed({"input_tokens": 40, "input_tokens_details": details, "output_tokens": 1})
    assert (usage.input, usage.cache_write, usage.cache_write_1h) == (10, 30, 10)
    assert json.loads(render_usage(usage))["input_tokens_details"] == details


@pytest.mark.parametrize(
    ("wire", "output", "reasoning"),
    [
        ({"input_tokens": 5, "output_tokens": 3, "total_tokens": 18}, 13, 10),
        (
            {"input_tokens": 5, "output_tokens": 3, "output_tokens_details": {"reasoning_tokens": 10}},
            13,
            10,
        ),
    ],
    ids=["it shows in the total", "it is larger than the whole"],
)
def test_reasoning_that_a_host_leaves_out_of_the_output_is_counted(
    wire: dict[str, object], output: int, reasoning: int
) -> None:
    usage = parsed(wire)
    assert (usage.output, usage.reasoning) == (output, reasoning)


def test_counts_that_are_not_said_stay_unknown() -> None:
    assert parsed({}) == Usage()


def test_cached_written_and_reasoning_tokens_are_always_named() -> None:
    assert json.loads(render_usage(Usage(input=3, output=2))) == {
        "input_tokens": 3,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 5,
    }


COUNTS = st.integers(0, 9999)


@given(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
def test_what_is_written_is_read_as_the_same_counts(
    given_tokens: int, made: int, read: int, written: int, reasoning: int
) -> None:
    usage = Usage(given_tokens, made + reasoning, read, written, reasoning=reasoning)
    assert parsed(json.loads(render_usage(usage))) == usage


def answer(*items: dict[str, object], **usage: object) -> Usage | None:
    body: dict[str, object] = {"output": items, "usage": {"input_tokens": 9, "output_tokens": 2, **usage}}
    return usage_of(msgspec.json.decode(msgspec.json.encode(body), type=AnswerWire))


def test_searches_of_the_web_are_counted_and_opened_pages_are_not() -> None:
    usage = answer(
        {"type": "web_search_call", "action": {"type": "search", "query": "a"}},
        {"type": "web_search_call", "action": {"type": "open_page", "url": "https://a.example"}},
        {"type": "web_search_call"},
        {"type": "message", "content": [{"type": "output_text", "text": "a web_search_call"}]},
    )
    assert usage == Usage(input=9, output=2, searches=2)


def test_an_answer_without_searches_says_nothing_of_them() -> None:
    assert answer({"type": "message", "content": []}) == Usage(input=9, output=2)


def test_what_a_host_says_of_its_searches_counts() -> None:
    usage = answer({"type": "web_search_call"}, server_side_tool_usage_details={"web_search_calls": 3})
    assert usage == Usage(input=9, output=2, searches=3)


def test_without_usage_there_is_nothing_to_count() -> None:
    body = msgspec.json.encode({"output": [{"type": "web_search_call"}]})
    assert usage_of(msgspec.json.decode(body, type=AnswerWire)) is None


def test_pictures_and_sound_are_parts_of_what_is_in_no_cache() -> None:
    usage = parsed(
        {
            "input_tokens": 100,
            "input_tokens_details": {"cached_tokens": 95, "image_tokens": 40, "audio_tokens": 2},
            "output_tokens": 20,
            "output_tokens_details": {"image_tokens": 15},
        }
    )
    assert (usage.input, usage.image_input, usage.audio_input) == (5, 5, 2)
    assert usage.image_output == 15
