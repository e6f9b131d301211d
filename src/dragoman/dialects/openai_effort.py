"""How much to reason, in the words that the target's model takes."""

from dragoman.conversation.loss import Loss, approximated, dropped
from dragoman.conversation.request import Request
from dragoman.dialects.dialect import Target
from dragoman.dialects.effort import effort_of, nearest_effort
from dragoman.dialects.openai_family import FAMILY

_USUAL = ("low", "medium", "high")
"""What hosts take whose models have budgets or levels of their own."""


def render_effort(
    request: Request, target: Target, losses: list[Loss], more: tuple[str, ...] = ()
) -> str | None:
    """The word for `reasoning_effort`, or for `reasoning.effort`; None to say nothing. It is never one that
    the model does not list; `more` are words that it takes besides, in this format only.
    """
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
        if not profile.known and request.dialect in FAMILY:
            return wanted  # the client's own field for a model that we know nothing of
        if wanted != "none":
            losses.append(
                dropped("$.reasoning", "reasoning", f"{target.model} is not known to take an effort")
            )
        return None
    offered = profile.efforts or (("none", *_USUAL) if profile.reasoning_off else _USUAL)
    if wanted in offered or wanted in more:
        return wanted
    if wanted == "none" and not profile.reasoning_default:
        return None
    nearest = nearest_effort(wanted, offered)
    if nearest is None:
        losses.append(dropped("$.reasoning", "reasoning", f"{target.model} takes no effort"))
        return None
    losses.append(approximated("$.reasoning", "reasoning_effort", f"'{wanted}' as '{nearest}'"))
    return nearest
