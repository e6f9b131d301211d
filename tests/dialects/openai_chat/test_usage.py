"""Counts of tokens, in OpenAI's convention and its variants, and in the neutral one."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.conversation.usage import Usage
from dragoman.dialects.openai_chat.answer_wire import UsageWire
from dragoman.dialects.openai_chat.usage import parse_usage, render_usage


def parse(**counts: object) -> Usage:
    return parse_usage(msgspec.json.decode(json.dumps(counts), type=UsageWire))


def test_cached_and_written_tokens_are_taken_out_of_the_prompt() -> None:
    details = {"cached_tokens": 10, "cache_write_tokens": 20, "audio_tokens": 1}
    got = parse(prompt_tokens=100, completion_tokens=5, total_tokens=105, prompt_tokens_details=details)
    assert got == Usage(input=70, output=5, cache_read=10, cache_write=20, audio_input=1)
    assert got.total == 105


def test_reasoning_is_a_part_of_the_output() -> None:
    got = parse(prompt_tokens=1, completion_tokens=9, completion_tokens_details={"reasoning_tokens": 4})
    assert (got.output, got.reasoning) == (9, 4)


@pytest.mark.parametrize(
    "field", ["prompt_cache_hit_tokens", "cached_tokens", "num_cached_tokens", "cache_read_input_tokens"]
)
def test_cache_reads_under_the_names_of_other_hosts(field: str) -> None:
    got = parse(prompt_tokens=10, completion_tokens=1, **{field: 4})
    assert (got.input, got.cache_read) == (6, 4)


def test_reasoning_that_only_the_total_shows_is_output() -> None:
    details = {"reasoning_tokens": 25}
    got = parse(prompt_tokens=30, completion_tokens=2, total_tokens=57, completion_tokens_details=details)
    assert (got.output, got.reasoning, got.total) == (27, 25, 57)


def test_reasoning_larger_than_the_output_is_beside_it() -> None:
    details = {"reasoning_tokens": 37}
    got = parse(prompt_tokens=57, completion_tokens=10, total_tokens=67, completion_tokens_details=details)
    assert (got.output, got.reasoning) == (47, 37)


def test_a_total_that_nothing_explains_is_reasoning() -> None:
    got = parse(prompt_tokens=28, completion_tokens=9, total_tokens=98)
    assert (got.output, got.reasoning) == (70, 61)


def test_sound_that_only_the_total_shows_is_input() -> None:
    got = parse(prompt_tokens=11, completion_tokens=15, total_tokens=401, prompt_audio_seconds=5)
    assert (got.input, got.output, got.audio_input) == (386, 15, 375)


def test_reasoning_at_the_top_level_is_read() -> None:
    assert parse(prompt_tokens=1, completion_tokens=9, reasoning_tokens=4).reasoning == 4


def test_what_is_not_said_is_not_known() -> None:
    assert parse() == Usage()
    assert parse(prompt_tokens=3) == Usage(input=3)


def test_fractions_and_negative_counts_are_made_whole() -> None:
    assert parse(prompt_tokens=3.0, completion_tokens=-1) == Usage(input=3, output=0)


def test_more_cached_than_there_was_is_no_negative_input() -> None:
    got = parse(prompt_tokens=3, completion_tokens=1, prompt_tokens_details={"cached_tokens": 5})
    assert got.input == 0


def test_details_go_out_only_where_they_are_known() -> None:
    assert json.loads(render_usage(Usage(input=3, output=2))) == {
        "prompt_tokens": 3,
        "completion_tokens": 2,
        "total_tokens": 5,
    }
    full = Usage(input=1, output=6, cache_read=2, cache_write=3, reasoning=4, audio_input=0, audio_output=0)
    assert json.loads(render_usage(full)) == {
        "prompt_tokens": 6,
        "completion_tokens": 6,
        "total_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 3, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 0},
    }


counts = st.none() | st.integers(0, 10**7)


@given(st.builds(Usage, st.integers(0, 10**7), st.integers(0, 10**7), counts, counts))
def test_counts_come_back_as_they_went_out(usage: Usage) -> None:
    assert parse_usage(msgspec.json.decode(render_usage(usage), type=UsageWire)) == usage


def test_pictures_and_sound_are_parts_of_what_is_in_no_cache() -> None:
    got = parse(
        prompt_tokens=100,
        completion_tokens=50,
        prompt_tokens_details={"cached_tokens": 80, "image_tokens": 12, "audio_tokens": 90},
        completion_tokens_details={"image_tokens": 30, "audio_tokens": 10},
    )
    assert (got.input, got.image_input, got.audio_input) == (20, 12, 20)
    assert (got.output, got.image_output, got.audio_output) == (50, 30, 10)


def test_pictures_are_told_to_clients_in_the_words_of_compatible_hosts() -> None:
    wire = json.loads(render_usage(Usage(input=9, output=5, image_input=3, image_output=4)))
    assert wire["prompt_tokens_details"] == {"image_tokens": 3}
    assert wire["completion_tokens_details"] == {"image_tokens": 4}


@pytest.mark.parametrize("told", [{"server_tool_use": {"web_search_requests": 2}}, {"num_search_queries": 2}])
def test_hosts_count_searches_of_the_web_in_fields_of_their_own(told: dict[str, object]) -> None:
    assert parse(prompt_tokens=1, completion_tokens=1, **told).searches == 2
