"""How much to reason: words for effort, and the budgets of tokens that amount to them."""

from collections.abc import Iterable

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""The words, weakest first."""

_BUDGETS = ((0, "none"), (4096, "low"), (16384, "medium"), (32768, "high"))
"""The effort that a budget of at most so many tokens amounts to; a larger one is `xhigh`."""


def effort_of(budget: int) -> str | None:
    """The effort that a token budget amounts to; None for -1, which leaves it to the model."""
    if budget < 0:
        return None
    return next((effort for most, effort in _BUDGETS if budget <= most), "xhigh")


def nearest_effort(wanted: str, offered: Iterable[str]) -> str | None:
    """The word itself where it is offered, else the next lower one, else the lowest; None where none is
    offered. Reasoning is not turned off for want of a low effort, and a word that is not known is taken
    for the middle.
    """
    ranked = sorted((effort for effort in set(offered) if effort in EFFORTS[1:]), key=EFFORTS.index)
    place = EFFORTS.index(wanted if wanted in EFFORTS else "medium")
    lower = [effort for effort in ranked if EFFORTS.index(effort) <= place]
    return next(iter(lower[-1:] or ranked[:1]), None)
