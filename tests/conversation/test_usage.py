"""Usage adds up, whatever vendors leave out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.conversation.usage import Usage

COUNTS = st.none() | st.integers(0, 10**9)
USAGES = st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)


def test_the_prompt_is_fresh_and_cached_input_together() -> None:
    assert Usage(input=3, cache_read=5, cache_write=7, output=11).prompt == 15


def test_the_total_counts_reasoning_once() -> None:
    assert Usage(input=3, output=11, reasoning=8).total == 14


def test_a_newer_report_replaces_only_the_counts_it_names() -> None:
    assert Usage(input=3, output=1).updated(Usage(output=9)) == Usage(input=3, output=9)


@pytest.mark.parametrize("field", Usage.__struct_fields__)
def test_every_count_is_taken_from_a_newer_report(field: str) -> None:
    assert Usage().updated(Usage(**{field: 7})) == Usage(**{field: 7})
    assert Usage(**{field: 7}).updated(Usage()) == Usage(**{field: 7})


def test_a_newer_report_may_lower_a_count() -> None:
    assert Usage(input=30).updated(Usage(input=0)).input == 0


@given(USAGES, USAGES)
def test_totals_add_up_over_answers(one: Usage, other: Usage) -> None:
    assert one.plus(other).total == one.total + other.total


@given(USAGES)
def test_adding_nothing_changes_nothing(usage: Usage) -> None:
    assert usage.plus(Usage()) == usage
    assert usage.updated(Usage()) == usage
    assert usage.updated(usage) == usage
