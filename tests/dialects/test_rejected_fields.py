"""Fields that a host refuses are told in the words of Chat Completions, whatever they are called there."""

import pytest

from dragoman.conversation.blocks import Text
from dragoman.conversation.loss import Loss, LossKind
from dragoman.conversation.request import (
    FunctionTool,
    Message,
    OutputFormat,
    OutputMode,
    Reasoning,
    Request,
    Role,
    Sampling,
    ToolChoice,
    ToolChoiceMode,
)
from dragoman.dialects.dialect import Host, Target
from dragoman.dialects.registry import DIALECTS
from dragoman.models.profile import Profile

ASKED = Request(
    "elsewhere",
    "m",
    (Message(Role.USER, (Text("hi"),)),),
    max_tokens=100,
    stop=("x",),
    sampling=Sampling(temperature=0.5),
    user="u",
    reasoning=Reasoning(effort="low"),
    output=OutputFormat(OutputMode.JSON_SCHEMA, b'{"type":"object","properties":{}}'),
    tools=(FunctionTool("f"),),
    tool_choice=ToolChoice(ToolChoiceMode.AUTO),
)
PROFILE = Profile("f", reasoning="effort", efforts=("low",))
ADAPTIVE = Profile("f", reasoning="adaptive", efforts=("low",))


@pytest.mark.parametrize(
    ("target", "field", "path"),
    [
        ("openai_chat", "temperature", "$.temperature"),
        ("openai_chat", "max_tokens", "$.max_tokens"),
        ("openai_chat", "max_completion_tokens", "$.max_tokens"),
        ("openai_chat", "reasoning_effort", "$.reasoning"),
        ("openai_responses", "temperature", "$.temperature"),
        ("openai_responses", "max_output_tokens", "$.max_tokens"),
        ("openai_responses", "text", "$.response_format"),
        ("openai_responses", "reasoning", "$.reasoning"),
        ("openai_responses", "tool_choice", "$.tool_choice"),
        ("anthropic", "metadata", "$.user"),
        ("anthropic", "output_config", "$.reasoning_effort"),
        ("anthropic", "tool_choice", "$.tool_choice"),
        ("anthropic", "stop_sequences", "$.stop"),
    ],
)
def test_a_refused_field_is_left_out_and_told_by_its_concept(target: str, field: str, path: str) -> None:
    profile = ADAPTIVE if target == "anthropic" else PROFILE
    limit = "max_completion_tokens" if field == "max_completion_tokens" else "max_tokens"
    host = Host(rejects=frozenset({field}), max_tokens_field=limit)
    rendered = DIALECTS[target].render_request(ASKED, Target("there", "m", "p/m", profile, host))
    assert f'"{field}":'.encode() not in rendered.wire.body
    expected = Loss(LossKind.DROPPED, path.removeprefix("$."), path, "there refuses this field")
    assert expected in rendered.losses
