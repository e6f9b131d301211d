"""Profiles are found by the names that vendors give their models, and the data is sound."""

import fnmatch

import pytest

from dragoman.models.profile import UNKNOWN, families, profile_of


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
        names = [
            pattern.replace("[6-9]", "6").replace("[4-9]", "4").replace("*", "x") for pattern in family.match
        ]
        names += family.models
        earlier = [pattern for before in families()[:position] for pattern in before.match]
        assert any(not any(fnmatch.fnmatchcase(name, pattern) for pattern in earlier) for name in names), (
            family
        )


def test_every_family_says_where_its_facts_are_from() -> None:
    assert all(len(family.source) > 20 for family in families())


@pytest.mark.parametrize("family", families(), ids=lambda family: family.profile.family)
def test_efforts_are_in_the_neutral_spelling_and_weakest_first(family: object) -> None:
    order = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]
    profile = getattr(family, "profile", UNKNOWN)
    places = [order.index(effort) for effort in profile.efforts]
    assert places == sorted(places)
    assert bool(places) == (profile.reasoning in {"effort", "adaptive", "level"})
