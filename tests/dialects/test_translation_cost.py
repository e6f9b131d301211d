"""What translation costs grows with the conversation, and no faster."""

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from dragoman.conversation.blocks import Block, Image, Inline, Text, ToolCall, ToolResult
from dragoman.conversation.request import Message, Request, Role
from dragoman.dialects.dialect import Location, Target
from dragoman.dialects.registry import DIALECTS
from dragoman.models.profile import profile_of

FORMATS = {
    "openai_chat": "gpt-4o",
    "openai_responses": "gpt-4o",
    "anthropic": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-flash",
}
FEW, MANY = 40, 160


def _user(*blocks: Block) -> Message:
    return Message(Role.USER, blocks)


def _model(*blocks: Block) -> Message:
    return Message(Role.ASSISTANT, blocks)


def _call(number: int) -> ToolCall:
    return ToolCall(f"call_{number}", "weather", '{"city":"Prague"}')


def _result(number: int) -> ToolResult:
    return ToolResult(f"call_{number}", (Text("sunny"),))


def _turns(size: int) -> list[Message]:
    return [one for turn in range(size) for one in (_user(Text(f"u{turn}")), _model(Text(f"m{turn}")))]


def _questions(size: int) -> list[Message]:
    return [_user(Text(f"u{turn}")) for turn in range(size)]


def _steps(size: int) -> list[Message]:
    return [one for turn in range(size) for one in (_model(_call(turn)), _user(_result(turn)))]


def _parallel_calls(size: int) -> list[Message]:
    return [_model(*map(_call, range(size))), _user(*map(_result, reversed(range(size))))]


def _pictures(size: int) -> list[Message]:
    return [_user(Image(Inline("image/png", "iVBORw0KGgo="))) for _ in range(size)]


CONVERSATIONS = (_turns, _questions, _steps, _parallel_calls, _pictures)


def _target(name: str) -> Target:
    profile = profile_of(FORMATS[name])
    return Target(name, FORMATS[name], f"{name}/{profile.family}", profile)


def _calls_of(run: Callable[[], object]) -> int:
    """How many functions are called, which tells the cost as a clock does, and always the same."""
    count = 0

    def counted(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        del frame, argument
        count += event in {"call", "c_call"}

    sys.setprofile(counted)
    try:
        run()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("conversation", CONVERSATIONS)
@pytest.mark.parametrize("upstream", FORMATS)
@pytest.mark.parametrize("client", FORMATS)
def test_four_times_the_conversation_costs_four_times_as_much(
    client: str, upstream: str, conversation: Callable[[int], list[Message]]
) -> None:
    def cost(size: int) -> int:
        messages = (_user(Text("Hello")), *conversation(size), _user(Text("Go on")))
        body = DIALECTS[client].render_request(Request("", "m", messages, max_tokens=9), _target(client))
        parse, render = DIALECTS[client].parse_request, DIALECTS[upstream].render_request
        return _calls_of(lambda: render(parse(body.wire.body, Location("m")), _target(upstream)))

    cost(FEW)  # what is found out once and kept is no cost of a conversation
    assert cost(MANY) < 4.2 * cost(FEW)
