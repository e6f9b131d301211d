"""Words for effort, and budgets."""

import pytest

from dragoman.dialects.effort import EFFORTS, effort_of, nearest_effort


@pytest.mark.parametrize(
    ("budget", "effort"),
    [
        (-1, None),
        (0, "none"),
        (1, "low"),
        (4096, "low"),
        (4097, "medium"),
        (16384, "medium"),
        (16385, "high"),
        (32768, "high"),
        (32769, "xhigh"),
    ],
)
def test_a_budget_amounts_to_an_effort(budget: int, effort: str | None) -> None:
    assert effort_of(budget) == effort


@pytest.mark.parametrize(
    ("wanted", "offered", "nearest"),
    [
        ("high", ("low", "high"), "high"),
        ("medium", ("high", "low"), "low"),
        ("max", ("low", "xhigh"), "xhigh"),
        ("minimal", ("medium", "high"), "medium"),
        ("minimal", ("none", "low"), "low"),
        ("none", ("none", "minimal", "low"), "minimal"),
        ("ultra", ("low", "medium", "high"), "medium"),
        ("high", ("none",), None),
        ("high", (), None),
        ("high", ("thinking", "low"), "low"),
    ],
)
def test_the_nearest_effort_is_the_next_lower_one(
    wanted: str, offered: tuple[str, ...], nearest: str | None
) -> None:
    assert nearest_effort(wanted, offered) == nearest


def test_what_is_offered_is_taken_as_it_is() -> None:
    assert all(nearest_effort(effort, EFFORTS) == effort for effort in EFFORTS[1:])
