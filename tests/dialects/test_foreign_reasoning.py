"""Reasoning that the target's vendor did not issue."""

import pytest

from dragoman.conversation.blocks import Block, Text, Thinking, ToolCall, ToolResult
from dragoman.conversation.opaque import Signature
from dragoman.conversation.request import Message, Request, Role
from dragoman.dialects.dialect import Rendered, Target
from dragoman.dialects.foreign_reasoning import FOREIGN_REASONING, is_foreign_reasoning
from dragoman.dialects.registry import DIALECTS
from dragoman.models.profile import UNKNOWN

VENDORS = ("openai_chat", "openai_responses", "anthropic", "gemini")
ELSEWHERE = Signature("elsewhere", "e/x", "SECRET")

FOREIGN: list[Block] = [
    Thinking("SECRET"),
    Thinking("SECRET", ELSEWHERE),
    Thinking("", ELSEWHERE, redacted=True),
    Text("said", signature=ELSEWHERE),
    ToolCall("c1", "f", "{}", signature=ELSEWHERE),
]


def render(target: str, *blocks: Block) -> Rendered:
    turn = Message(Role.ASSISTANT, (*blocks, Text("so")))
    results = tuple(ToolResult(block.id, (Text("1"),)) for block in blocks if isinstance(block, ToolCall))
    asked, then = Message(Role.USER, (Text("hi"),)), Message(Role.USER, (*results, Text("go on")))
    request = Request("elsewhere", "m", (asked, turn, then), max_tokens=100)
    return DIALECTS[target].render_request(request, Target("p", "m", "p/m", UNKNOWN))


@pytest.mark.parametrize("target", VENDORS)
@pytest.mark.parametrize("block", FOREIGN)
def test_it_is_left_out_and_reported_alike_by_every_format(target: str, block: Block) -> None:
    rendered = render(target, block)
    assert b"SECRET" not in rendered.wire.body
    assert FOREIGN_REASONING in rendered.losses


@pytest.mark.parametrize("target", VENDORS)
def test_it_is_reported_once(target: str) -> None:
    losses = render(target, *FOREIGN).losses
    assert [loss for loss in losses if loss.code == "foreign_reasoning"] == [FOREIGN_REASONING]


@pytest.mark.parametrize("target", VENDORS)
def test_what_the_vendor_issued_itself_is_none(target: str) -> None:
    own = Signature(target, "p/m", "AAAA")
    for block in (
        Thinking("hm", own),
        Thinking("hm", Signature(target, "", "AAAA")),
        Text("a"),
        Thinking(""),
    ):
        assert not is_foreign_reasoning(block, target, "p/m")
    assert is_foreign_reasoning(Thinking("hm", own), target, "p/other")
