"""Profiles are found by the names that vendors give their models, and the data is sound."""

import fnmatch
import re

import msgspec
import pytest

from dragoman.models.profile import UNKNOWN, Family, Profiles, families, profile_of

EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("claude-sonnet-4-5", "claude-4.5"),
        ("claude-sonnet-4-5-20250929", "claude-4.5"),
        ("anthropic/claude-sonnet-4.5", "claude-4.5"),
        ("claude-sonnet-4-20250514", "claude-4"),
        ("claude-opus-4-20250514", "claude-opus-4"),
        ("claude-opus-4-1-20250805", "claude-opus-4"),
        ("claude-opus-4-6", "claude-4.6"),
        ("claude-3-5-haiku-latest", "claude-3.5"),
        ("claude-opus-9", "claude"),
        ("gpt-4o-mini", "gpt-4o"),
        ("gpt-5-mini", "gpt-5"),
        ("gpt-5.1", "gpt-5.1"),
        ("gpt-5-chat-latest", "gpt-5-chat"),
        ("o3-mini", "o-series"),
        ("openai/gpt-oss-120b", "gpt-oss"),
        ("models/gemini-2.5-flash", "gemini-2.5"),
        ("gemini-3-pro-preview", "gemini-3"),
        ("GEMINI-2.5-PRO", "gemini-2.5"),
    ],
)
def test_a_model_is_known_by_its_vendors_name_dated_or_not(model: str, family: str) -> None:
    assert profile_of(model).family == family


def test_an_unknown_model_gets_the_defaults() -> None:
    assert profile_of("my-finetune") == UNKNOWN


def test_every_listed_model_is_of_the_family_that_lists_it() -> None:
    for family in families():
        for model in family.models:
            assert profile_of(model) == family.profile, model


def test_every_pattern_can_match_something_that_no_earlier_family_takes() -> None:
    """A family whose every pattern is covered by an earlier one would never be used."""
    for position, family in enumerate(families()):
        names = [re.sub(r"\[(\d)-\d\]", r"\1", pattern).replace("*", "x") for pattern in family.match]
        names += family.models
        earlier = [pattern for before in families()[:position] for pattern in before.match]
        assert any(not any(fnmatch.fnmatchcase(name, pattern) for pattern in earlier) for name in names), (
            family
        )


def test_every_family_says_where_its_facts_are_from_and_when_they_were_checked() -> None:
    for family in families():
        assert len(family.source) > 10, family
        assert not re.search(r"20\d\d", family.source), "the date belongs into `checked`"
        assert family.checked.year >= 2026


@pytest.mark.parametrize("family", families(), ids=lambda family: family.match[0])
def test_efforts_are_weakest_first_and_there_where_they_are_needed(family: Family) -> None:
    profile = family.profile
    places = [EFFORTS.index(effort) for effort in profile.efforts]
    assert places == sorted(set(places))
    if profile.reasoning in {"effort", "adaptive", "level"}:
        assert places
    if profile.reasoning == "none":
        assert not places


@pytest.mark.parametrize("family", families(), ids=lambda family: family.match[0])
def test_facts_of_a_profile_do_not_contradict_each_other(family: Family) -> None:
    profile = family.profile
    if profile.budget_max is not None:
        assert profile.reasoning == "budget"
        assert profile.budget_min <= profile.budget_max
        assert profile.max_output_tokens is None or profile.budget_max < profile.max_output_tokens
    assert not (profile.prefill and not profile.ends_with_model)
    if profile.reasoning_off_up_to is not None:
        assert profile.reasoning_off
        assert profile.reasoning_off_up_to in profile.efforts
    if profile.reasoning_between_tools:
        assert not profile.reasoning_off
    if profile.preserved_thinking:
        assert profile.betas
    if not profile.reasoning_off:
        assert "none" not in profile.efforts


@pytest.mark.parametrize(
    ("model", "facts"),
    [
        ("claude-fable-5", {"sampling": "none", "reasoning_off": False, "preserved_thinking": False}),
        ("claude-fable-5-1", {"forced_tools": False, "preserved_thinking": True}),
        ("claude-mythos-5-2", {"forced_tools": False, "preserved_thinking": True}),
        ("claude-opus-5-5", {"reasoning_off": False, "forced_tools": False, "preserved_thinking": True}),
        ("claude-sonnet-5-5", {"reasoning_between_tools": True, "reasoning_off": False}),
        ("claude-opus-5", {"reasoning_off_up_to": "high", "forced_tools": True, "sampling": "none"}),
        ("claude-sonnet-5", {"reasoning_off": True, "reasoning_off_up_to": None, "reasoning_default": True}),
        ("claude-opus-4-8", {"reasoning_default": False, "sampling": "none", "ends_with_model": False}),
        ("claude-sonnet-4-6", {"takes_budget": True, "sampling": "one", "prefill": False}),
        ("claude-opus-4-5", {"reasoning": "budget", "efforts": ("low", "medium", "high")}),
        ("claude-haiku-4-5", {"reasoning": "budget", "prefill": True, "max_output_tokens": 64000}),
        ("o3", {"sampling": "none", "chat_tools": "always"}),
        ("gpt-5", {"sampling": "none", "chat_tools": "always", "reasoning_off": False}),
        ("gpt-5.2", {"sampling": "unless_reasoning", "reasoning_default": False, "chat_tools": "always"}),
        ("gpt-5.4", {"chat_tools": "without_effort", "reasoning_default": False}),
        ("gpt-5.5", {"chat_tools": "without_effort", "reasoning_default": True}),
        ("gpt-5.6", {"chat_tools": "reasoning_off"}),
        ("gpt-6-sol", {"chat_tools": "reasoning_off", "sampling": "unless_reasoning"}),
        ("gpt-6-luna", {"chat_tools": "reasoning_off"}),
        ("gpt-6-astra", {"chat_tools": "never", "sampling": "none", "reasoning_off": False}),
        ("gpt-6.1-sol", {"chat_tools": "never"}),
        ("gpt-6.2-luna", {"chat_tools": "never"}),
        ("gpt-4o-search-preview", {"web_search": True}),
        ("gemini-2.0-flash", {"schema": "openapi", "call_ids": False, "tools_with_schema": False}),
        ("gemini-2.5-pro", {"schema": "json_schema", "reasoning": "budget", "reasoning_off": False}),
        ("gemini-3-flash", {"reasoning": "level", "sampling": "full", "call_ids": True}),
        ("gemini-3.6-flash", {"sampling": "none", "ends_with_model": False}),
        ("mistral-large-latest", {"call_id_form": "mistral", "max_temperature": 1.5}),
        ("open-mixtral-8x22b", {"call_id_form": "mistral"}),
        ("kimi-k2", {"forced_tools": False}),
        ("grok-4", {"stop_sequences": False, "penalties": False}),
        ("deepseek-chat", {"json_schema": False}),
        ("gpt-oss-20b", {"efforts": ("low", "medium", "high"), "reasoning_off": False}),
    ],
)
def test_what_the_vendors_say_of_their_models(model: str, facts: dict[str, object]) -> None:
    profile = profile_of(model)
    assert {name: getattr(profile, name) for name in facts} == facts


def test_an_override_wins_field_by_field_and_the_first_of_several() -> None:
    profiles = Profiles(
        {
            "gpt-4o-mine": {"max_output_tokens": 7},
            "GPT-4o*": {"max_output_tokens": 9, "prefill": True},
            "acme/*": {"json_schema": False},
        }
    )
    assert profiles.of("gpt-4o-mine") == msgspec.structs.replace(
        profile_of("gpt-4o"), max_output_tokens=7, prefill=True
    )
    assert profiles.of("openai/gpt-4o-mini").max_output_tokens == 9
    assert not profiles.of("acme/tuned").json_schema
    assert profiles.of("gpt-4.1") is profile_of("gpt-4.1")
