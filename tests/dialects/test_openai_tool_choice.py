"""The say over tool calls in OpenAI's two formats."""

import pytest

from dragoman.conversation.loss import Loss
from dragoman.conversation.request import ToolChoice, ToolChoiceMode
from dragoman.dialects.dialect import Host, Target
from dragoman.dialects.openai_tool_choice import Chosen, render_choice
from dragoman.models.profile import UNKNOWN, Profile

TOOLS: dict[str, dict[str, object]] = {name: {"type": "function", "name": name} for name in ("f", "g")}
ENTRIES = list(TOOLS.values())
UNFORCED = Profile("f", forced_tools=False)


def chosen(
    mode: ToolChoiceMode,
    *names: str,
    profile: Profile = UNKNOWN,
    nested: bool = False,
    host: Host | None = None,
) -> tuple[Chosen, list[str]]:
    losses: list[Loss] = []
    target = Target("p", "up", "p/x", profile, host or Host())
    tools = {name: TOOLS[name] for name in names}
    got = render_choice(ToolChoice(mode, names), target, tools, losses, nested=nested)
    return got, [loss.code for loss in losses]


@pytest.mark.parametrize("mode", [ToolChoiceMode.AUTO, ToolChoiceMode.NONE, ToolChoiceMode.REQUIRED])
def test_a_word_is_a_word(mode: ToolChoiceMode) -> None:
    assert chosen(mode) == (Chosen(mode.value), [])


def test_one_tool_is_named() -> None:
    assert chosen(ToolChoiceMode.NAMED, "g") == (Chosen(TOOLS["g"]), [])
    assert chosen(ToolChoiceMode.REQUIRED_ALLOWED, "g") == (Chosen(TOOLS["g"]), [])


def test_allowed_tools_stand_flat_or_in_a_member_of_their_own() -> None:
    allowed = {"mode": "required", "tools": ENTRIES}
    mode = ToolChoiceMode.REQUIRED_ALLOWED
    assert chosen(mode, "f", "g")[0].value == {"type": "allowed_tools", **allowed}
    assert chosen(mode, "f", "g", nested=True)[0].value == {"type": "allowed_tools", "allowed_tools": allowed}


def test_words_do_where_the_host_takes_no_list() -> None:
    got, losses = chosen(ToolChoiceMode.ALLOWED, "f", "g", host=Host(allowed_tools=False))
    assert got == Chosen("auto", "Of the tools, call only these: f, g.")
    assert losses == ["allowed_tools"]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (ToolChoiceMode.REQUIRED, "auto"),
        (ToolChoiceMode.NAMED, "auto"),
        (ToolChoiceMode.REQUIRED_ALLOWED, {"type": "allowed_tools", "mode": "auto", "tools": ENTRIES}),
    ],
)
def test_a_demand_is_a_wish_where_the_model_cannot_be_made_to(mode: ToolChoiceMode, expected: object) -> None:
    got, losses = chosen(mode, "f", "g", profile=UNFORCED)
    assert (got.value, losses) == (expected, ["forced_tool_downgraded"])
