"""Texts made up for regular expressions."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.testing.pattern_text import compiled, text_matching


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[A-Z]{3}-\d{4}$",
        r"^(foo|bar)+\.txt$",
        r"[^a-z]{2,}",
        r"^\+?[1-9]\d{1,14}$",
        r"^(?:\d{3}-){2}\d{4}$",
        r"^#[0-9a-fA-F]{6}$",
        r"^(?P<year>\d{4})-(?P<month>\d{2})$",
        r"^[\w.-]+@[\w-]+\.[a-z]{2,}$",
        r"^\x41\u0042[\]\\-]$",
        r"^a??b*?c+$",
        r"^[^\w]$",
        r"^x{2}y{,3}$",
        "",
    ],
)
def test_a_text_is_made_that_the_pattern_accepts(pattern: str) -> None:
    text = text_matching(pattern)

    assert text is not None
    assert re.search(pattern, text)


@pytest.mark.parametrize("pattern", [r"(?=x)", r"(a)\1", "[", "(", ")", r"a{99999}", "[^\\W]", "\\"])
def test_a_pattern_beyond_reach_gives_nothing(pattern: str) -> None:
    assert text_matching(pattern) is None


@settings(max_examples=100)
@given(st.text(alphabet="ab[]()|*+?{}1,2^$.\\d-", max_size=12))
def test_no_pattern_makes_it_fail_or_lie(pattern: str) -> None:
    text = text_matching(pattern)

    expression = compiled(pattern)
    assert text is None or (expression is not None and expression.search(text))
