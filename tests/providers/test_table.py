"""The known places."""

from urllib.parse import urlsplit

import pytest

from dragoman.dialects.dialect import Host
from dragoman.dialects.registry import SPOKEN
from dragoman.providers.table import EMBEDDED, Place, places

KNOWN = {name: place for name, place in places().items() if not place.embedded}


@pytest.mark.parametrize("place", KNOWN.values(), ids=KNOWN)
def test_a_place_has_an_address_for_each_of_its_dialects(place: Place) -> None:
    assert place.urls
    for dialect, url in place.urls.items():
        parts = urlsplit(url)
        local = parts.hostname == "localhost"
        assert dialect in SPOKEN
        assert parts.scheme == ("http" if local else "https")
        assert parts.hostname
        assert not url.endswith("/")
        assert bool(place.key_variables) is not local


def test_no_two_places_share_a_key_or_an_address() -> None:
    variables = [name for place in KNOWN.values() for name in place.key_variables]
    addresses = [url for place in KNOWN.values() for url in set(place.urls.values())]
    assert len(set(variables)) == len(variables)
    assert len(set(addresses)) == len(addresses)


def test_the_makers_of_the_formats_have_no_quirks() -> None:
    assert [places()[name].host for name in ("openai", "anthropic", "gemini")] == [Host()] * 3


def test_only_the_embedded_place_has_no_address() -> None:
    assert [name for name, place in places().items() if place.embedded] == [EMBEDDED]
    assert list(places()[EMBEDDED].urls) == list(SPOKEN)


def test_the_first_variable_that_is_set_holds_the_key() -> None:
    place = places()["gemini"]
    assert place.key({"GEMINI_API_KEY": "a", "GOOGLE_API_KEY": "b"}) == "a"
    assert place.key({"GEMINI_API_KEY": "", "GOOGLE_API_KEY": "b"}) == "b"
    assert place.key({}) == ""


def test_what_a_host_answers_with_an_error_is_known() -> None:
    assert {"logprobs", "top_logprobs", "logit_bias", "n"} == places()["groq"].host.rejects
    assert not places()["groq"].host.message_names
    assert not places()["mistral"].host.stream_options
    assert places()["deepseek"].host.replays_reasoning


COMPATIBLE = (
    "deepseek",
    "mistral",
    "groq",
    "together",
    "fireworks",
    "cerebras",
    "moonshot",
    "zai",
    "dashscope",
    "ollama",
)


@pytest.mark.parametrize("name", KNOWN)
def test_what_only_openai_has_is_kept_from_places_that_are_only_compatible(name: str) -> None:
    host = places()[name].host
    like_openai = name not in COMPATIBLE
    assert (host.files, host.custom_tools, host.allowed_tools) == (like_openai,) * 3
    assert host.text_parts is (like_openai or name == "dashscope")
