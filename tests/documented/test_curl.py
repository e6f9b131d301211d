"""The vendors' documented `curl` calls, unchanged but for host, model and key."""

import os
import shutil
import subprocess
import time

import msgspec
import pytest
from tests.conftest import LiveGateway
from tests.documented.shapes import (
    ChatChunk,
    ChatCompletion,
    GenerateContent,
    Message,
    PlainResponse,
    events,
    read,
)

from dragoman.conversation.blocks import Text
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.testing.script import Scripted
from dragoman.testing.server import FakeServer

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

HOSTS = ("https://api.openai.com", "https://api.anthropic.com", "https://generativelanguage.googleapis.com")
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY")

CHAT = """
curl https://api.openai.com/v1/chat/completions \\
  -H "Content-Type: application/json" \\
  -H "Authorization: Bearer $OPENAI_API_KEY" \\
  -d '{
    "model": "MODEL",
    "messages": [
      {"role": "developer", "content": "You are a helpful assistant."},
      {"role": "user", "content": "Hello!"}
    ]
  }'
"""
STREAMED_CHAT = """
curl -N https://api.openai.com/v1/chat/completions \\
  -H "Content-Type: application/json" \\
  -H "Authorization: Bearer $OPENAI_API_KEY" \\
  -d '{
    "model": "MODEL",
    "messages": [{"role": "user", "content": "Hello!"}],
    "stream": true
  }'
"""
RESPONSES = """
curl https://api.openai.com/v1/responses \\
  -H "Content-Type: application/json" \\
  -H "Authorization: Bearer $OPENAI_API_KEY" \\
  -d '{
    "model": "MODEL",
    "input": "Hello! Tell me a three sentence bedtime story about a unicorn."
  }'
"""
STREAMED_RESPONSES = RESPONSES.replace(
    '"input"', '"stream": true,\n    "instructions": "Be brief.",\n    "input"'
)
MESSAGES = """
curl https://api.anthropic.com/v1/messages \\
     --header "x-api-key: $ANTHROPIC_API_KEY" \\
     --header "anthropic-version: 2023-06-01" \\
     --header "content-type: application/json" \\
     --data \\
'{
    "model": "MODEL",
    "max_tokens": 1024,
    "messages": [
        {"role": "user", "content": "Hello, world"}
    ]
}'
"""
STREAMED_MESSAGES = MESSAGES.replace('"max_tokens"', '"stream": true,\n    "max_tokens"')
GENERATE = """
curl "https://generativelanguage.googleapis.com/v1beta/models/MODEL:generateContent" \\
  -H "x-goog-api-key: $GEMINI_API_KEY" \\
  -H 'Content-Type: application/json' \\
  -X POST \\
  -d '{
    "contents": [
      {"parts": [{"text": "Explain how AI works in a few words"}]}
    ]
  }'
"""
STREAM_GENERATE = """
curl "https://generativelanguage.googleapis.com/v1beta/models/MODEL:streamGenerateContent?alt=sse" \\
  -H "x-goog-api-key: $GEMINI_API_KEY" \\
  -H 'Content-Type: application/json' \\
  --no-buffer \\
  -d '{"contents": [{"parts": [{"text": "Explain how AI works"}]}]}'
"""
GENERATE_WITH_KEY_IN_URL = """
curl "https://generativelanguage.googleapis.com/v1beta/models/MODEL:generateContent?key=$GEMINI_API_KEY" \\
  -H 'Content-Type: application/json' \\
  -X POST \\
  -d '{"contents": [{"parts": [{"text": "Explain how AI works"}]}]}'
"""
ARRAY_WITH_KEY_IN_URL = GENERATE_WITH_KEY_IN_URL.replace("generateContent", "streamGenerateContent")


def shell(script: str, gateway: LiveGateway, model: str) -> subprocess.Popen[str]:
    """A documented script, started with the gateway's address and a key of its clients."""
    for host in HOSTS:
        script = script.replace(host, gateway.url)
    environment = {"PATH": os.environ["PATH"], **dict.fromkeys(KEYS, gateway.key)}
    return subprocess.Popen(
        ["sh", "-c", script.replace("MODEL", model)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def output(script: str, gateway: LiveGateway, model: str) -> str:
    """What a documented script prints."""
    with shell(script, gateway, model) as process:
        printed, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    return printed


def test_a_chat_completion(gateway: LiveGateway, model: str) -> None:
    answer = read(output(CHAT, gateway, model), ChatCompletion)
    (choice,) = answer.choices
    assert (choice.index, choice.finish_reason) == (0, "stop")
    assert choice.message.content.startswith("Hello!")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_streamed_chat_completion(gateway: LiveGateway, model: str) -> None:
    *data, last = events(output(STREAMED_CHAT, gateway, model))
    assert last == "[DONE]"
    chunks = [read(event, ChatChunk) for event in data]
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1
    choices = [chunk.choices[0] for chunk in chunks]
    assert choices[0].delta.role == "assistant"
    text = "".join(choice.delta.content for choice in choices if choice.delta.content)
    assert text.startswith("Hello!")
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["stop"]
    assert choices[-1].finish_reason == "stop"


def test_a_streamed_chat_completion_arrives_as_it_is_written(
    gateway: LiveGateway, fake: FakeServer, model: str
) -> None:
    words = Text("one two three four five six seven eight nine ten")
    answer = Response("", "", (Choice(0, (words,), Stop(StopReason.END)),))
    fake.script.add(Scripted(answer, pace=0.05))
    with shell(STREAMED_CHAT, gateway, model) as process:
        assert process.stdout is not None
        arrivals = [time.monotonic() for line in process.stdout if line.startswith("data: ")]
    assert len(arrivals) > 4
    assert arrivals[-1] - arrivals[0] > 0.1


def test_a_response(gateway: LiveGateway, model: str) -> None:
    answer = read(output(RESPONSES, gateway, model), PlainResponse)
    (message,) = answer.output
    assert message.content[0].text.startswith("Hello!")
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


def test_a_streamed_response(gateway: LiveGateway, model: str) -> None:
    printed = output(STREAMED_RESPONSES, gateway, model)
    names = [line.removeprefix("event: ") for line in printed.splitlines() if line.startswith("event: ")]
    sent = [msgspec.json.decode(event) for event in events(printed)]
    assert names == [event["type"] for event in sent]
    assert [event["sequence_number"] for event in sent] == list(range(len(sent)))
    assert names[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert names[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    final = msgspec.convert(sent[-1]["response"], PlainResponse)
    said = "".join(event["delta"] for event in sent if event["type"] == "response.output_text.delta")
    assert final.output[0].content[0].text == said
    assert final.instructions == "Be brief."


def test_a_message(gateway: LiveGateway, model: str) -> None:
    answer = read(output(MESSAGES, gateway, model), Message)
    assert [block.text[:6] for block in answer.content] == ["Hello!"]
    assert (answer.stop_reason, answer.stop_sequence) == ("end_turn", None)
    assert answer.usage.output_tokens > 0


def test_a_streamed_message(gateway: LiveGateway, model: str) -> None:
    printed = output(STREAMED_MESSAGES, gateway, model)
    names = [line.removeprefix("event: ") for line in printed.splitlines() if line.startswith("event: ")]
    kinds = [msgspec.json.decode(event)["type"] for event in events(printed)]
    assert names == kinds
    assert names[:2] == ["message_start", "content_block_start"]
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert "content_block_delta" in names


@pytest.mark.parametrize("script", [GENERATE, GENERATE_WITH_KEY_IN_URL], ids=["header", "URL"])
def test_generated_content(gateway: LiveGateway, model: str, script: str) -> None:
    answer = read(output(script, gateway, model), GenerateContent)
    (candidate,) = answer.candidates
    assert candidate.finish_reason == "STOP"
    assert candidate.content.parts[0].text.startswith("You said:")
    assert answer.usage_metadata is not msgspec.UNSET
    assert answer.usage_metadata.total_token_count > answer.usage_metadata.prompt_token_count


@pytest.mark.parametrize("script", [STREAM_GENERATE, ARRAY_WITH_KEY_IN_URL], ids=["events", "array"])
def test_streamed_content(gateway: LiveGateway, model: str, script: str) -> None:
    printed = output(script, gateway, model)
    if script is STREAM_GENERATE:
        answers = [read(event, GenerateContent) for event in events(printed)]
    else:
        answers = msgspec.json.decode(printed, type=list[GenerateContent])
    text = "".join(part.text for answer in answers for part in answer.candidates[0].content.parts)
    assert text.startswith("You said:")
    assert len(answers) > 2
    assert [one.candidates[0].finish_reason for one in answers if one.candidates[0].finish_reason] == ["STOP"]
    assert answers[-1].usage_metadata is not msgspec.UNSET
