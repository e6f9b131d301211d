"""A model that nothing is known of is sent only what nearly every model takes."""

import json

import msgspec
import pytest

from dragoman.conversation.blocks import Text
from dragoman.conversation.opaque import Opaque
from dragoman.conversation.request import (
    FunctionTool,
    Message,
    OutputFormat,
    OutputMode,
    Reasoning,
    Request,
    Role,
    Sampling,
)
from dragoman.dialects.dialect import Rendered, Target
from dragoman.dialects.registry import DIALECTS
from dragoman.models.profile import UNKNOWN, profile_of

SCHEMA = (
    b'{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}'
)


def rendered(to: str, **fields: object) -> Rendered:
    asked = Request("elsewhere", "m", (Message(Role.USER, (Text("hi"),)),))
    model = "model-of-tomorrow"
    target = Target("p", model, "p/unknown", profile_of(model))
    return DIALECTS[to].render_request(msgspec.structs.replace(asked, **fields), target)


def body(to: str, **fields: object) -> dict[str, object]:
    return json.loads(rendered(to, **fields).wire.body)


def test_nothing_is_known_of_it() -> None:
    assert profile_of("model-of-tomorrow") is UNKNOWN
    assert not UNKNOWN.known


@pytest.mark.parametrize("effort", ["none", "minimal", "low", "medium", "high", "xhigh", "max"])
@pytest.mark.parametrize("to", ["openai_chat", "anthropic", "gemini"])
def test_no_effort_and_no_budget_are_sent(to: str, effort: str) -> None:
    text = rendered(to, reasoning=Reasoning(effort=effort)).wire.body
    assert b"effort" not in text
    assert b"thinking" not in text.lower()
    text = rendered(to, reasoning=Reasoning(budget=2000)).wire.body
    assert b"2000" not in text


def test_messages_are_capped_at_what_every_model_writes() -> None:
    assert body("anthropic")["max_tokens"] == 4096
    assert body("anthropic", max_tokens=100_000)["max_tokens"] == 100_000


def test_chat_completions_have_the_oldest_names() -> None:
    sent = body("openai_chat", system=(Text("s"),), max_tokens=9)
    assert sent["max_tokens"] == 9
    assert json.loads(json.dumps(sent["messages"]))[0]["role"] == "system"
    assert "max_completion_tokens" not in sent


@pytest.mark.parametrize("to", ["openai_chat", "anthropic", "gemini"])
def test_what_the_client_asks_for_in_every_format_is_sent(to: str) -> None:
    got = rendered(
        to,
        sampling=Sampling(temperature=0.5, top_p=0.9),
        stop=("X",),
        tools=(FunctionTool("f", None, SCHEMA),),
        output=OutputFormat(OutputMode.JSON_SCHEMA, SCHEMA),
    )
    for wish in (b"0.5", b"0.9", b'"X"', b'"f"', b'"required"'):
        assert wish in got.wire.body
    assert [loss.code for loss in got.losses] == []


def test_a_client_of_the_same_format_knows_its_model_better() -> None:
    thinking = Opaque("anthropic", "thinking", b'{"type":"enabled","budget_tokens":50}')
    asked = Reasoning(budget=50, opaque=(thinking,))
    assert body("anthropic", dialect="anthropic", reasoning=asked)["thinking"] == {
        "type": "enabled",
        "budget_tokens": 50,
    }
    assert (
        body("openai_chat", dialect="openai_chat", reasoning=Reasoning(effort="odd"))["reasoning_effort"]
        == "odd"
    )
