"""A provider as a value."""

import msgspec

from dragoman.providers.provider import Provider

PROVIDER = Provider(
    "place",
    ("openai_chat", "anthropic"),
    base_url="http://place/v1",
    api_key="sk-hidden-key",
    model_patterns=("gpt-*", "o1"),
    models=("llama[3]",),
    headers=(("X-Token", "hidden-header"),),
    base_urls={"anthropic": "http://place"},
)


def test_each_dialect_has_its_own_address() -> None:
    assert PROVIDER.url_of("openai_chat") == "http://place/v1"
    assert PROVIDER.url_of("anthropic") == "http://place"


def test_bare_names_belong_by_pattern_or_by_list() -> None:
    served = ["gpt-4o", "o1", "llama[3]"]
    assert [PROVIDER.serves(model) for model in served] == [True, True, True]
    strange = ["o1-mini", "GPT-4o", "xgpt-4o", "llama3", "place/gpt-4o", ""]
    assert [PROVIDER.serves(model) for model in strange] == [False] * 6


def test_a_provider_never_shows_its_key_or_headers() -> None:
    assert "hidden" not in f"{PROVIDER} {PROVIDER!r} {[PROVIDER]}"
    assert "place" in repr(PROVIDER)


def test_a_provider_is_there_once_for_each_of_its_keys() -> None:
    several = msgspec.structs.replace(PROVIDER, more_keys=("sk-hidden-2", "sk-hidden-3"))
    keyed = several.keyed()
    assert [one.api_key for one in keyed] == ["sk-hidden-key", "sk-hidden-2", "sk-hidden-3"]
    assert [set(one.more_keys) | {one.api_key} for one in keyed] == [
        {*several.more_keys, several.api_key}
    ] * 3
    bare = [msgspec.structs.replace(one, api_key="sk-hidden-key", more_keys=()) for one in keyed]
    assert bare == [PROVIDER] * 3
    assert "hidden" not in repr(several)


def test_a_provider_with_one_key_is_there_once() -> None:
    assert PROVIDER.keyed() == [PROVIDER]
