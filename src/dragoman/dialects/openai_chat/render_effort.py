"""How much to reason, in the words that the target's model takes."""

from dragoman.conversation.loss import Loss, approximated, dropped
from dragoman.conversation.request import Request
from dragoman.dialects.dialect import Target
from dragoman.dialects.openai_chat.wire import EFFORTS, NAME
from dragoman.models.profile import UNKNOWN

_BUDGETS = ((0, "none"), (4096, "low"), (16384, "medium"), (32768, "high"))
"""The effort that a budget of at most so many tokens amounts to; a larger one is `xhigh`."""

_USUAL = ("low", "medium", "high")
"""What hosts take whose models have budgets or levels of their own."""


def render_effort(request: Request, target: Target, losses: list[Loss]) -> str | None:
    """`reasoning_effort`, None to say nothing: never a word that the model does not list."""
    reasoning, profile = request.reasoning, target.profile
    wanted = reasoning.effort if reasoning is not None else None
    if reasoning is not None and wanted is None and reasoning.budget is not None:
        wanted = effort_of(reasoning.budget)
        if wanted is not None:
            losses.append(
                approximated("$.reasoning", "reasoning_budget", f"a budget as the effort '{wanted}'")
            )
    if wanted is None:
        return None
    if profile.reasoning == "none":
        if profile.family == UNKNOWN.family and request.dialect == NAME:
            return wanted  # the client's own field for a model that we know nothing of
        if wanted != "none":
            losses.append(
                dropped("$.reasoning", "reasoning", f"{target.model} is not known to take an effort")
            )
        return None
    offered = profile.efforts or (("none", *_USUAL) if profile.reasoning_off else _USUAL)
    if wanted in offered:
        return wanted
    if wanted == "none" and not profile.reasoning_default:
        return None
    nearest = nearest_effort(wanted, offered)
    losses.append(approximated("$.reasoning", "reasoning_effort", f"'{wanted}' as '{nearest}'"))
    return nearest


def effort_of(budget: int) -> str | None:
    """The effort that a token budget amounts to; None for -1, which leaves it to the model."""
    if budget < 0:
        return None
    return next((effort for most, effort in _BUDGETS if budget <= most), "xhigh")


def nearest_effort(wanted: str, offered: tuple[str, ...]) -> str:
    """The next lower effort among those offered, else the lowest. Reasoning is not turned off for want
    of a low effort.
    """
    ranked = sorted((effort for effort in offered if effort != "none"), key=EFFORTS.index)
    lower = [effort for effort in ranked if EFFORTS.index(effort) < EFFORTS.index(wanted)]
    return (lower[-1:] or ranked[:1] or [wanted])[0]
