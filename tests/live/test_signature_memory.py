"""Vendors get their signatures back, also through clients that drop what they do not know."""

import json
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from tests.conftest import CLIENT_KEY, CONFIG, ROUTES, UPSTREAM_KEY, LiveGateway, serving
from tests.live.answers import answering, saying

from dragoman.conversation.blocks import Block, Thinking, ToolCall
from dragoman.conversation.opaque import Signature
from dragoman.conversation.response import StopReason
from dragoman.models.profile import profile_of
from dragoman.testing.exchange import json_answer
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer
from dragoman.testing.signatures import issue_signature

TOOL: ChatCompletionToolParam = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}}},
}
USER: ChatCompletionMessageParam = {"role": "user", "content": "Look."}


class KeyHolder:
    """A client on OpenAI's SDK that sends back documented fields and no others."""

    def __init__(self, gateway: LiveGateway, model: str) -> None:
        self._client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key, max_retries=0)
        self._model = model

    def call(self, *, stream: bool) -> ChatCompletionMessageParam:
        """The first turn, as such a client keeps it."""
        asked = self._client.chat.completions
        if stream:
            identity = name = arguments = ""
            for chunk in asked.create(
                model=self._model, messages=[USER], tools=[TOOL], reasoning_effort="high", stream=True
            ):
                for choice in chunk.choices:
                    for part in choice.delta.tool_calls or ():
                        identity = part.id or identity
                        assert part.function is not None
                        name += part.function.name or ""
                        arguments += part.function.arguments or ""
        else:
            answer = asked.create(model=self._model, messages=[USER], tools=[TOOL], reasoning_effort="high")
            (call,) = answer.choices[0].message.tool_calls or []
            assert call.type == "function"
            identity, name, arguments = call.id, call.function.name, call.function.arguments
        function = {"name": name, "arguments": arguments}
        return {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": identity, "type": "function", "function": function}],  # pyright: ignore[reportReturnType] - built by hand
        }

    def answer(self, turn: ChatCompletionMessageParam) -> str | None:
        """What the model says to the tool's result."""
        return self.reported_answer(turn)[0]

    def reported_answer(self, turn: ChatCompletionMessageParam) -> tuple[str | None, str]:
        """What the model says to the tool's result, and the losses that are reported with it."""
        assert "tool_calls" in turn
        (call,) = turn["tool_calls"]
        answer = self._client.chat.completions.with_raw_response.create(
            model=self._model,
            messages=[USER, turn, {"role": "tool", "tool_call_id": call["id"], "content": "seen"}],
            tools=[TOOL],
            reasoning_effort="high",
        )
        return answer.parse().choices[0].message.content, answer.headers.get("x-dragoman-losses", "")


def signed_turn(dialect: str, model: str) -> tuple[str, tuple[Block, ...]]:
    """A vendor's signature, and a call that comes with it in the vendor's way."""
    family = profile_of(model).family
    if dialect == "anthropic":
        value = issue_signature(dialect, family, "Hm.")
        return value, (Thinking("Hm.", Signature(dialect, "", value)), ToolCall("toolu_1", "look", '{"x":1}'))
    value = issue_signature(dialect, family)
    return value, (ToolCall("c1", "look", '{"x":1}', signature=Signature(dialect, "", value)),)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("dialect", "model"), [("anthropic", "claude-sonnet-4-5"), ("gemini", "gemini-2.5-flash")]
)
def test_a_signature_that_the_client_dropped_returns_to_its_vendor(
    gateway: LiveGateway, fake: FakeServer, dialect: str, model: str, stream: bool
) -> None:
    value, blocks = signed_turn(dialect, model)
    fake.script.add(answering(*blocks, reason=StopReason.TOOL_CALLS), saying("done"))
    client = KeyHolder(gateway, ROUTES[dialect])
    turn = client.call(stream=stream)
    assert value not in str(turn)
    assert client.answer(turn) == "done"
    assert value in fake.script.received[-1].body.decode()


def test_without_the_answer_there_is_no_signature_to_remember(gateway: LiveGateway, fake: FakeServer) -> None:
    value, _ = signed_turn("gemini", "gemini-2.5-flash")
    client = KeyHolder(gateway, ROUTES["gemini"])
    turn: ChatCompletionMessageParam = {
        "role": "assistant",
        "tool_calls": [
            {"id": "never_seen", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        ],
    }
    fake.script.add(saying("done"))
    assert client.answer(turn) == "done"
    assert value not in fake.script.received[-1].body.decode()


@pytest.fixture
def mending(fake_upstream: FakeServer, tmp_path: Path) -> Iterator[LiveGateway]:
    """A gateway that may send a request once more."""
    config = CONFIG.format(url=fake_upstream.url, client_key=CLIENT_KEY, upstream_key=UPSTREAM_KEY)
    with serving(config.replace("attempts = 1", "attempts = 2"), tmp_path) as running:
        yield running


def test_a_signature_that_its_own_vendor_refuses_is_left_out_and_that_is_said(
    mending: LiveGateway, fake: FakeServer
) -> None:
    value, blocks = signed_turn("anthropic", "claude-sonnet-4-5")
    words = "messages.1.content.0: Invalid `signature` in `thinking` block"
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": words}}
    refusal = Scripted(json_answer(400, json.dumps(error).encode()), checked=False)
    fake.script.add(answering(*blocks, reason=StopReason.TOOL_CALLS), refusal, saying("done"))
    client = KeyHolder(mending, ROUTES["anthropic"])
    said, losses = client.reported_answer(client.call(stream=False))
    assert said == "done"
    assert "foreign_reasoning" in losses
    assert value not in fake.script.received[-1].body.decode()
