"""The say over tool calls in OpenAI's two formats, which differ in how they nest it."""

from typing import assert_never

import msgspec

from dragoman.conversation.loss import Loss, approximated
from dragoman.conversation.request import ToolChoice, ToolChoiceMode
from dragoman.dialects.dialect import Target


class Chosen(msgspec.Struct, frozen=True):
    """`tool_choice`, and an instruction to be added to the others where words have to do."""

    value: object
    instruction: str | None = None


def render_choice(
    choice: ToolChoice,
    target: Target,
    tools: dict[str, dict[str, object]],
    losses: list[Loss],
    *,
    nested: bool,
) -> Chosen:
    """`tool_choice`; a demand that the model refuses becomes a wish, with a loss.

    `tools` are the entries for the chosen tools by their names on the wire; `nested` says that a list of
    allowed ones stands in a member of its own.
    """
    mode = _settled(choice, target, losses)
    match mode:
        case ToolChoiceMode.AUTO | ToolChoiceMode.NONE | ToolChoiceMode.REQUIRED:
            return Chosen(mode.value)
        case ToolChoiceMode.NAMED:
            return Chosen(next(iter(tools.values())))
        case ToolChoiceMode.ALLOWED | ToolChoiceMode.REQUIRED_ALLOWED:
            strength = "auto" if mode is ToolChoiceMode.ALLOWED else "required"
            if target.host.allowed_tools:
                allowed: dict[str, object] = {"mode": strength, "tools": list(tools.values())}
                wire = {"allowed_tools": allowed} if nested else allowed
                return Chosen({"type": "allowed_tools", **wire})
            # leaving the others out would change the prefix that caches rest on
            losses.append(
                approximated(
                    "$.tool_choice", "allowed_tools", "the allowed tools are named in an instruction"
                )
            )
            return Chosen(strength, f"Of the tools, call only these: {', '.join(tools)}.")
        case _:
            assert_never(mode)


def _settled(choice: ToolChoice, target: Target, losses: list[Loss]) -> ToolChoiceMode:
    """How free the model can be left, or bound."""
    mode = choice.mode
    if not target.profile.forced_tools and mode in {
        ToolChoiceMode.REQUIRED,
        ToolChoiceMode.NAMED,
        ToolChoiceMode.REQUIRED_ALLOWED,
    }:
        losses.append(
            approximated(
                "$.tool_choice", "forced_tool_downgraded", f"{target.model} cannot be made to call a tool"
            )
        )
        return ToolChoiceMode.ALLOWED if mode is ToolChoiceMode.REQUIRED_ALLOWED else ToolChoiceMode.AUTO
    if mode is ToolChoiceMode.REQUIRED_ALLOWED and len(choice.names) == 1:
        return ToolChoiceMode.NAMED
    return mode
