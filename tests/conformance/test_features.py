"""The catalogue holds together: names are unique, rules are told, every question can be asked."""

import re

import pytest

from dragoman.conformance.catalogue import FEATURES
from dragoman.conformance.feature import Feature
from dragoman.conformance.subject import VENDOR_MODELS
from dragoman.conformance.wire import WIRES


def test_names_are_unique() -> None:
    names = [feature.name for feature in FEATURES]
    assert len(set(names)) == len(names)
    assert len(names) >= 100


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_feature_says_what_it_rests_on(feature: Feature) -> None:
    assert re.fullmatch(r"[a-z0-9-]+", feature.name)
    assert len(feature.rule) > 20
    assert feature.title
    assert feature.modes
    for upstream in (*feature.impossible, *feature.emulated):
        assert upstream in WIRES
    if feature.impossible or feature.emulated:
        assert feature.words
    assert not feature.variant or f"anthropic.{feature.variant}" in VENDOR_MODELS


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_feature_is_for_some_pair(feature: Feature) -> None:
    assert any(feature.meets(client, upstream) for client in WIRES for upstream in WIRES)
