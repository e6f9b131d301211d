"""Token counts in both conventions."""

import msgspec
import pytest

from dragoman.conversation.events import UsageReported
from dragoman.conversation.usage import Usage
from dragoman.dialects.gemini import DIALECT
from dragoman.dialects.gemini.usage import merged, parse_usage, render_usage, service_tier
from dragoman.dialects.gemini.wire import ModalityCount, UsageMetadata


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


def details(**counts: int) -> list[ModalityCount]:
    return [ModalityCount(modality=kind, token_count=count) for kind, count in counts.items()]


def test_pictures_and_sound_are_those_that_are_in_no_cache() -> None:
    usage = parse_usage(
        UsageMetadata(
            prompt_token_count=100,
            cached_content_token_count=60,
            candidates_token_count=50,
            prompt_tokens_details=details(TEXT=10, IMAGE=40, AUDIO=50),
            cache_tokens_details=details(IMAGE=30, AUDIO=30),
            candidates_tokens_details=[
                ModalityCount(modality=1, token_count=20),
                ModalityCount(modality=2, token_count=30),
            ],
        )
    )
    assert usage is not None
    assert (usage.input, usage.image_input, usage.audio_input) == (40, 10, 20)
    assert (usage.output, usage.image_output, usage.audio_output) == (50, 30, None)


def test_kinds_are_told_to_clients_where_there_are_several() -> None:
    wire = render_usage(Usage(input=10, output=9, reasoning=2, image_output=5, audio_input=4))
    assert wire.prompt_tokens_details == details(TEXT=6, AUDIO=4)
    assert wire.candidates_tokens_details == details(TEXT=2, IMAGE=5)
    plain = render_usage(Usage(input=10, output=9, image_output=0))
    assert plain.prompt_tokens_details is None
    assert plain.candidates_tokens_details is None


GROUNDED = (
    b'{"content":{"parts":[{"text":"Yes."}]},"finishReason":"STOP",'
    b'"groundingMetadata":{"webSearchQueries":["a","b","a",""]}}'
)
COUNTED = b'"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2}'
ANSWER = b'{"candidates":[' + GROUNDED + b"]," + COUNTED + b"}"


def test_each_query_is_a_search() -> None:
    expected = Usage(input=3, output=2, searches=2)
    assert DIALECT.parse_response(ANSWER, "").usage == expected
    assert DIALECT.meter_response(ANSWER).usage == expected


@pytest.mark.parametrize(
    "chunks",
    [
        [ANSWER],
        [b"{" + COUNTED + b"}", b'{"candidates":[' + GROUNDED + b"]}"],
        [b'{"candidates":[' + GROUNDED + b"]}", b"{" + COUNTED + b"}"],
        [ANSWER, ANSWER],
    ],
)
def test_a_stream_tells_of_its_searches_whenever_they_come(chunks: list[bytes]) -> None:
    decoder = DIALECT.stream_decoder("")
    events = [*decoder.feed(b"".join(b"data: " + chunk + b"\n\n" for chunk in chunks)), *decoder.close()]
    reported = [event.usage for event in events if isinstance(event, UsageReported)]
    assert reported[-1] == Usage(input=3, output=2, searches=2)


def test_a_form_of_grounding_that_is_new_does_no_harm() -> None:
    odd = ANSWER.replace(b'["a","b","a",""]', b'{"first":"a"}')
    assert DIALECT.meter_response(odd).usage == Usage(input=3, output=2)
