"""Counts of tokens and searches, and what Anthropic's sums leave out."""

import json

import msgspec

from dragoman.conversation.usage import Usage
from dragoman.dialects.anthropic.usage import parse_usage, render_usage
from dragoman.dialects.anthropic.wire_answer import Counts


def parse(**counts: object) -> Usage:
    return parse_usage(msgspec.json.decode(json.dumps(counts), type=Counts))


def test_searches_are_told_both_ways() -> None:
    tools = {"web_search_requests": 3, "web_fetch_requests": 1}
    usage = parse(input_tokens=5, output_tokens=2, server_tool_use=tools)
    assert usage == Usage(input=5, output=2, searches=3)
    wire = json.loads(render_usage(usage))
    assert wire["server_tool_use"] == {"web_search_requests": 3, "web_fetch_requests": 0}
    assert "server_tool_use" not in json.loads(render_usage(Usage(input=5, output=2)))


def test_what_shortening_the_prompt_took_is_added() -> None:
    usage = parse(
        input_tokens=600,
        output_tokens=2800,
        cache_read_input_tokens=0,
        iterations=[
            {
                "type": "compaction",
                "input_tokens": 60_000,
                "output_tokens": 500,
                "cache_read_input_tokens": 7,
            },
            {"type": "message", "input_tokens": 600, "output_tokens": 2800},
        ],
    )
    assert (usage.input, usage.output, usage.cache_read) == (60_600, 3300, 7)


def test_the_advice_of_another_model_is_added() -> None:
    written = {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 20}
    usage = parse(
        input_tokens=2000,
        output_tokens=300,
        iterations=[
            {"type": "message", "input_tokens": 1000, "output_tokens": 100},
            {"type": "advisor_message", "input_tokens": 50, "output_tokens": 10, "cache_creation": written},
            {"type": "message", "input_tokens": 1000, "output_tokens": 200},
        ],
    )
    assert (usage.input, usage.output) == (2050, 310)
    assert (usage.cache_write, usage.cache_write_1h) == (120, 20)


def test_passes_of_the_answer_itself_are_in_the_sums_already() -> None:
    passes = [{"type": "message", "input_tokens": 8, "output_tokens": 0}, {"type": "fallback_message"}]
    assert parse(input_tokens=9, output_tokens=3, iterations=passes) == Usage(input=9, output=3)


def test_a_count_that_is_only_of_the_output_stays_one() -> None:
    passes = [{"type": "compaction", "input_tokens": 60_000, "output_tokens": 500}]
    assert parse(output_tokens=3, iterations=passes) == Usage(output=3)
