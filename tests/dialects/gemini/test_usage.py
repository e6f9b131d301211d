"""Token counts in both conventions."""

import msgspec
import pytest

from dragoman.conversation.usage import Usage
from dragoman.dialects.gemini.usage import merged, parse_usage, render_usage, service_tier
from dragoman.dialects.gemini.wire import UsageMetadata


def wire(text: str) -> UsageMetadata:
    return msgspec.json.decode(text, type=UsageMetadata)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (
            '{"promptTokenCount":73,"candidatesTokenCount":19,"thoughtsTokenCount":48,"totalTokenCount":140}',
            Usage(input=73, output=67, reasoning=48),
        ),
        (
            '{"promptTokenCount":1000,"cachedContentTokenCount":900,"candidatesTokenCount":5,"totalTokenCount":1005}',
            Usage(input=100, output=5, cache_read=900),
        ),
        (
            '{"promptTokenCount":10,"toolUsePromptTokenCount":200,"candidatesTokenCount":5,"totalTokenCount":215}',
            Usage(input=210, output=5),
        ),
        ('{"promptTokenCount":18,"totalTokenCount":18}', Usage(input=18, output=0)),
        ('{"promptTokenCount":18}', Usage(input=18)),
        (
            '{"promptTokenCount":12,"thoughtsTokenCount":84,"totalTokenCount":96}',
            Usage(input=12, output=84, reasoning=84),
        ),
        ('{"candidatesTokenCount":3}', Usage(output=3)),
        ('{"promptTokenCount":5,"cachedContentTokenCount":9}', Usage(input=0, cache_read=9)),
        (
            """{"promptTokenCount":40,"candidatesTokenCount":9,
            "promptTokensDetails":[{"modality":"TEXT","tokenCount":8},{"modality":"AUDIO","tokenCount":32}],
            "candidatesTokensDetails":[{"modality":"AUDIO","tokenCount":9}]}""",
            Usage(input=40, output=9, audio_input=32, audio_output=9),
        ),
    ],
)
def test_counts_are_read_into_the_neutral_convention(metadata: str, expected: Usage) -> None:
    assert parse_usage(wire(metadata)) == expected


@pytest.mark.parametrize("metadata", ["{}", '{"trafficType":"ON_DEMAND"}', '{"totalTokenCount":3}'])
def test_metadata_without_counts_is_no_usage(metadata: str) -> None:
    assert parse_usage(wire(metadata)) is None


def test_the_last_word_on_each_count_stays() -> None:
    first = wire(
        '{"promptTokenCount":15,"cachedContentTokenCount":4,"totalTokenCount":15,"serviceTier":"standard"}'
    )
    second = wire('{"promptTokenCount":16,"candidatesTokenCount":3,"totalTokenCount":19}')
    assert merged(None, first) is first
    assert merged(first, first) is first
    both = merged(first, second)
    assert parse_usage(both) == Usage(input=12, output=3, cache_read=4)
    assert both.service_tier == "standard"


def test_the_tier_is_in_the_neutral_spelling() -> None:
    assert service_tier(wire('{"serviceTier":"standard"}')) == "default"
    assert service_tier(wire('{"serviceTier":"FLEX"}')) == "flex"
    assert service_tier(wire("{}")) is None
    assert service_tier(None) is None


@pytest.mark.parametrize(
    "usage",
    [
        Usage(input=10, output=20),
        Usage(input=10, output=20, cache_read=5, cache_write=7, reasoning=8),
        Usage(input=10, output=3, reasoning=9),
        Usage(),
    ],
)
def test_counts_for_a_client_reconcile(usage: Usage) -> None:
    metadata = render_usage(usage)
    assert metadata.prompt_token_count == usage.prompt
    assert metadata.total_token_count == usage.total
    visible, thoughts = metadata.candidates_token_count or 0, metadata.thoughts_token_count or 0
    assert visible + thoughts == (usage.output or 0)
    assert usage.prompt + visible + thoughts == metadata.total_token_count


def test_what_a_client_reads_means_the_same() -> None:
    usage = Usage(input=10, output=20, cache_read=5, reasoning=8)
    assert parse_usage(render_usage(usage)) == usage
