"""Names of tools on the wire, and the way back."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.blocks import Text, ToolCall
from dragoman.conversation.request import (
    CustomTool,
    FunctionTool,
    Message,
    Request,
    Role,
    ServerTool,
    ToolChoice,
    ToolChoiceMode,
)
from dragoman.dialects.tool_names import NameRule, ToolNames, tool_names

PLAIN = NameRule(first="a-zA-Z0-9_-", rest="a-zA-Z0-9_-", max_length=64)
DOTTED = NameRule(first="a-zA-Z_", rest="a-zA-Z0-9_.:-", max_length=128)


@pytest.mark.parametrize(
    ("rule", "own", "wire"),
    [
        (PLAIN, "get_weather-2", "get_weather-2"),
        (PLAIN, "mcp.server:read", "mcp_server_read"),
        (PLAIN, "é", "_"),
        (PLAIN, "", "tool"),
        (PLAIN, "2nd", "2nd"),
        (DOTTED, "mcp.server:read", "mcp.server:read"),
        (DOTTED, "2nd", "_2nd"),
        (DOTTED, ".x", "_.x"),
        (DOTTED, "a b", "a_b"),
    ],
)
def test_a_name_is_made_to_fit(rule: NameRule, own: str, wire: str) -> None:
    names = ToolNames(rule, [own])
    assert names.wire(own) == wire
    assert names.changed == ({} if own == wire else {wire: own})


@pytest.mark.parametrize("rule", [PLAIN, DOTTED])
def test_long_names_that_begin_alike_stay_different(rule: NameRule) -> None:
    names = ToolNames(rule)
    first, second = (names.wire("x" * rule.max_length + end) for end in "ab")
    assert len(first) == len(second) == rule.max_length
    assert first != second


@settings(max_examples=100)
@given(
    st.sampled_from([PLAIN, DOTTED]),
    st.lists(st.text(max_size=70) | st.text("ab._- 1", max_size=4), unique=True, max_size=8),
)
def test_names_lead_back_to_the_clients_own(rule: NameRule, own: list[str]) -> None:
    names = ToolNames(rule, own)
    wire = [names.wire(name) for name in own]
    assert len(set(wire)) == len(own)
    pattern = f"[{rule.first}][{rule.rest}]{{0,{rule.max_length - 1}}}"
    assert all(re.fullmatch(pattern, name) for name in wire)
    assert [names.changed.get(name, name) for name in wire] == own


def test_a_declared_name_that_fits_is_never_changed_for_another() -> None:
    names = ToolNames(PLAIN, ["a.b", "a:b", "a_b"])
    assert names.wire("a_b") == "a_b"
    assert len({names.wire(own) for own in ("a.b", "a:b", "a_b")}) == 3


def test_names_that_were_not_declared_are_made_to_fit_too() -> None:
    names = ToolNames(PLAIN, ["a_b"])
    assert names.wire("c") == "c"
    assert names.wire("a.b") not in {"a_b", "a.b"}
    assert names.wire("a.b") == names.wire("a.b")


def test_what_comes_out_the_same_even_with_a_digest_stays_different() -> None:
    taken = ToolNames(PLAIN, ["a_b", "a.b"]).wire("a.b")
    names = ToolNames(PLAIN, ["a_b", taken, "a.b"])
    assert names.wire("a.b") not in {"a_b", taken}


def test_a_free_name_is_found() -> None:
    names = ToolNames(PLAIN, ["out", "out_2"])
    assert names.unused("out") == "out_3"
    assert names.unused("in") == "in"


def request(*calls: str) -> Request:
    turns = tuple(Message(Role.ASSISTANT, (Text("x"), ToolCall("1", name, "{}"))) for name in calls)
    tools = (FunctionTool("f.1"), CustomTool("c.1"), ServerTool("gemini", "googleSearch", b"{}"))
    choice = ToolChoice(ToolChoiceMode.NAMED, ("chosen.1",))
    return Request(
        "gemini", "m", (Message(Role.USER, (Text("hi"),)), *turns), tools=tools, tool_choice=choice
    )


def test_declared_called_and_chosen_tools_all_have_names() -> None:
    assert tool_names(request("old.1"), PLAIN).changed == {
        "f_1": "f.1",
        "c_1": "c.1",
        "old_1": "old.1",
        "chosen_1": "chosen.1",
    }


def test_a_longer_history_keeps_the_names_of_a_shorter_one() -> None:
    before, after = tool_names(request("a.b"), PLAIN), tool_names(request("a.b", "a_b", "a:b"), PLAIN)
    assert before.wire("a.b") == after.wire("a.b") == "a_b"
    assert len({after.wire(own) for own in ("a.b", "a_b", "a:b")}) == 3
