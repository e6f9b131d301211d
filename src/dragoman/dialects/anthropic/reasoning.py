"""How much the model may reason, to the wire: `thinking` and `output_config.effort`."""

import msgspec

from dragoman.conversation.blocks import Thinking, ToolCall, ToolResult
from dragoman.conversation.loss import Loss, approximated, dropped
from dragoman.conversation.request import Message, Reasoning, Request, Role
from dragoman.dialects.anthropic.wire import DIALECT
from dragoman.dialects.effort import EFFORTS, effort_of, nearest_effort
from dragoman.models.profile import Profile

_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 32768}
_ANY_BUDGET = 8192
"""For a client that leaves the amount to a model which wants to be told."""
_MIN_BUDGET = 1024
_MAX_BUDGET = 63_999
_ANSWER_RESERVE = 4096
"""Tokens that stay for the answer itself when the cap is ours to choose."""
_INTERRUPTED = "the tool calls in progress were made without it"


class Thought(msgspec.Struct, frozen=True):
    """What is asked for.

    `manual` says that thinking with a fixed budget is on, which goes along with few other knobs;
    `active` that the model reasons at all as far as the request says so. `max_tokens` is the cap on
    the whole output, raised where a budget needs it and the client did not set it.
    """

    thinking: msgspec.Raw | None
    effort: str | None
    max_tokens: int
    manual: bool = False
    active: bool = False


def render_reasoning(
    request: Request,
    messages: tuple[Message, ...],
    profile: Profile,
    max_tokens: int,
    *,
    forced: bool,
    losses: list[Loss],
) -> Thought:
    """`thinking`, effort and the cap for a model; `forced` says that a tool call is demanded."""
    reasoning = request.reasoning
    if reasoning is None:
        return Thought(None, None, max_tokens, active=profile.reasoning_default)
    own = {each.field: each.json for each in reasoning.opaque if each.dialect == DIALECT}
    if request.dialect == DIALECT and _takes(profile, own.get("thinking")):
        return _as_sent(reasoning, own, messages, profile, max_tokens, losses)
    match profile.reasoning:
        case "budget":
            return _manual(request, reasoning, messages, profile, max_tokens, forced=forced, losses=losses)
        case "adaptive":
            return _adaptive(reasoning, profile, max_tokens, losses)
        case "effort" | "level":
            effort = _clamped(_word(reasoning, losses), profile, losses)
            return Thought(None, effort, max_tokens, active=effort is not None)
        case "none":
            if not _off(reasoning):
                losses.append(dropped("$.reasoning", "reasoning", "this model is not known to reason"))
            return Thought(None, None, max_tokens)


def _takes(profile: Profile, thinking: bytes | None) -> bool:
    """Whether the model takes the client's own `thinking` as it is. Where nothing is known of a model,
    its client knows better.
    """
    if not profile.known or thinking is None:
        return True
    kind = _kind(thinking)
    match profile.reasoning:
        case "budget":
            return kind in {b'"enabled"', b'"disabled"'}
        case "adaptive":
            return {
                b'"enabled"': profile.takes_budget,
                b'"disabled"': profile.reasoning_off,
                b'"between_tools"': profile.reasoning_between_tools,
            }.get(kind, True)
        case _:
            return False


def _kind(thinking: bytes) -> bytes:
    return bytes(msgspec.json.decode(thinking, type=dict[str, msgspec.Raw])["type"])


def _as_sent(
    reasoning: Reasoning,
    own: dict[str, bytes],
    messages: tuple[Message, ...],
    profile: Profile,
    max_tokens: int,
    losses: list[Loss],
) -> Thought:
    """What the client said itself; its budget not where the reasoning that it has of the turn in progress
    is another vendor's.
    """
    thinking = own.get("thinking")
    if thinking is not None and _kind(thinking) == b'"enabled"' and not _resumable(messages):
        losses.append(dropped("$.reasoning", "reasoning_off", f"reasoning is turned off: {_INTERRUPTED}"))
        return Thought(None, None, max_tokens)
    effort = msgspec.json.decode(own["effort"], type=str) if "effort" in own else None
    if thinking is None:
        effort = reasoning.effort
    if profile.known:
        effort = _clamped(effort, profile, losses)
        if _off(reasoning):
            effort = _clamped_beside_off(effort, profile, losses)
    active = thinking is not None and not _off(reasoning)
    return Thought(
        None if thinking is None else msgspec.Raw(thinking),
        effort,
        max_tokens,
        manual=active and thinking is not None and _kind(thinking) == b'"enabled"',
        active=active or (thinking is None and profile.reasoning_default),
    )


def _off(reasoning: Reasoning) -> bool:
    return reasoning.effort == "none" or (reasoning.effort is None and reasoning.budget == 0)


def _adaptive(reasoning: Reasoning, profile: Profile, max_tokens: int, losses: list[Loss]) -> Thought:
    if _off(reasoning):
        if profile.reasoning_off:
            return Thought(msgspec.Raw(b'{"type":"disabled"}'), None, max_tokens)
        if profile.reasoning_between_tools:
            losses.append(
                approximated(
                    "$.reasoning", "reasoning_between_tools", "this model always reasons between tool calls"
                )
            )
            return Thought(msgspec.Raw(b'{"type":"between_tools"}'), None, max_tokens, active=True)
        losses.append(
            approximated(
                "$.reasoning", "reasoning_always_on", "this model always reasons: as little as it can"
            )
        )
        return Thought(None, _clamped("low", profile, losses), max_tokens, active=True)
    if reasoning.effort is None and reasoning.budget is None and not reasoning.visible:
        return Thought(None, None, max_tokens, active=profile.reasoning_default)
    thinking = {"type": "adaptive"}
    if reasoning.visible is not None:
        thinking["display"] = "summarized" if reasoning.visible else "omitted"
    effort = _clamped(_word(reasoning, losses), profile, losses)
    return Thought(msgspec.Raw(msgspec.json.encode(thinking)), effort, max_tokens, active=True)


def _word(reasoning: Reasoning, losses: list[Loss]) -> str | None:
    """The word for the client's wish; None where it leaves the amount to the model."""
    if reasoning.effort is not None:
        return reasoning.effort
    budget = reasoning.budget
    if budget is None or budget < 0:
        return None
    losses.append(approximated("$.reasoning", "budget_to_effort", "a token budget became a word for effort"))
    return effort_of(budget)


def _clamped(effort: str | None, profile: Profile, losses: list[Loss]) -> str | None:
    """The nearest word below that the model knows; above only if there is none below."""
    if effort is None or effort in profile.efforts:
        return effort
    nearest = nearest_effort(effort, profile.efforts)
    if nearest is None:
        losses.append(dropped("$.reasoning", "effort_dropped", "this model takes no word for effort"))
        return None
    losses.append(approximated("$.reasoning", "effort_clamped", f"effort {effort} became {nearest}"))
    return nearest


def _clamped_beside_off(effort: str | None, profile: Profile, losses: list[Loss]) -> str | None:
    """The effort that may stand beside reasoning that is turned off."""
    most = profile.reasoning_off_up_to
    if effort is None or most is None or EFFORTS.index(effort) <= EFFORTS.index(most):
        return effort
    losses.append(
        approximated("$.reasoning", "effort_clamped", f"effort {effort} became {most}: reasoning is off")
    )
    return most


def _manual(
    request: Request,
    reasoning: Reasoning,
    messages: tuple[Message, ...],
    profile: Profile,
    max_tokens: int,
    *,
    forced: bool,
    losses: list[Loss],
) -> Thought:
    off = Thought(None, None, max_tokens)
    wanted = _budget(reasoning, profile, losses)
    if wanted is None:
        return off
    problem = None
    if forced:
        problem = "a demanded tool call does not go along with it"
    elif not _resumable(messages):
        problem = _INTERRUPTED
    elif max_tokens <= _MIN_BUDGET:
        problem = f"it takes more than {_MIN_BUDGET} output tokens"
    if problem is not None:
        losses.append(dropped("$.reasoning", "reasoning_off", f"reasoning is turned off: {problem}"))
        return off
    if wanted >= max_tokens and request.max_tokens is None:
        max_tokens = min(wanted + _ANSWER_RESERVE, profile.max_output_tokens or wanted + _ANSWER_RESERVE)
    budget = wanted
    if budget >= max_tokens:
        budget = max(_MIN_BUDGET, max_tokens // 2)
        losses.append(
            approximated(
                "$.reasoning", "budget_shrunk", f"the reasoning budget became {budget} to fit the cap"
            )
        )
    return Thought(
        msgspec.Raw(msgspec.json.encode({"type": "enabled", "budget_tokens": budget})),
        None,
        max_tokens,
        manual=True,
        active=True,
    )


def _budget(reasoning: Reasoning, profile: Profile, losses: list[Loss]) -> int | None:
    """Tokens to reason with, within what the model takes; None for none."""
    if _off(reasoning):
        return None
    largest = profile.budget_max or max(_MIN_BUDGET, (profile.max_output_tokens or _MAX_BUDGET + 1) - 1)
    if reasoning.effort is not None:
        wanted = largest if reasoning.effort == "max" else _BUDGETS.get(reasoning.effort, _ANY_BUDGET)
    elif reasoning.budget is not None and reasoning.budget > 0:
        wanted = reasoning.budget
    elif reasoning.budget is not None or reasoning.visible:
        wanted = _ANY_BUDGET
        losses.append(
            approximated("$.reasoning", "budget_chosen", f"this model wants a budget: {_ANY_BUDGET} tokens")
        )
    else:
        return None
    smallest = max(_MIN_BUDGET, profile.budget_min)
    if reasoning.budget is not None and not smallest <= wanted <= largest:
        losses.append(
            approximated("$.reasoning", "budget_clamped", f"budgets go from {smallest} to {largest} tokens")
        )
    return min(max(wanted, smallest), largest)


def _resumable(messages: tuple[Message, ...]) -> bool:
    """Whether the tool calls that are being answered were made with reasoning.

    With a fixed budget, the turn whose results come last has to begin with its reasoning.
    """
    turns = [message.blocks for message in messages if message.role is not Role.SYSTEM]
    if len(turns) < 2 or not any(isinstance(block, ToolResult) for block in turns[-1]):
        return True
    calling = turns[-2]
    return not any(isinstance(block, ToolCall) for block in calling) or isinstance(calling[0], Thinking)
