"""Real requests and answers, from every format to every other, with nothing lost in silence.

Requests are held against the strict fake provider of the format that they were translated into;
answers are read back from the client's side and compared with a reading of the original.
"""

import json
from typing import Any

import pytest
from tests.corpus.test_recordings import decoded, is_broken, location_of

from dragoman.conversation.blocks import Refusal, Text, ToolCall
from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.conversation.fold import fold, unfold
from dragoman.conversation.request import Request
from dragoman.conversation.response import Response, StopReason
from dragoman.dialects.dialect import Dialect, Location, Reply, Target
from dragoman.dialects.registry import DIALECTS
from dragoman.models.profile import profile_of
from dragoman.testing.provider import FakeProvider

Json = dict[str, Any]

MODELS = {
    "openai_chat": ("gpt-4o", "gpt-5.2"),
    "openai_responses": ("gpt-4o", "gpt-5.6"),
    "anthropic": ("claude-sonnet-4-5", "claude-opus-5-5"),
    "gemini": ("gemini-2.5-flash", "gemini-3-pro-preview"),
}
"""An older and a newer model of each format's vendor."""

BASES = {"openai_chat": "/v1", "openai_responses": "/v1", "anthropic": "", "gemini": ""}
FORMATS = [name for name in MODELS if name in DIALECTS]


def refused_by(name: str, model: str, body: bytes, path: str, headers: dict[str, str]) -> str | None:
    """What the strict fake of a vendor says against a request; None where it takes it."""
    fake = FakeProvider()
    bare, _, query = path.partition("?")
    credential, prefix = DIALECTS[name].credential
    answer = fake.answer(
        "POST",
        BASES[name] + bare,
        query,
        {"content-type": "application/json", credential: prefix + "sk-any", **headers},
        body,
    )
    del model
    return None if answer.status == 200 else answer.body.decode("utf-8", "replace")


@pytest.mark.recordings(has_request=True, good=True)
@pytest.mark.parametrize("upstream", FORMATS)
def test_a_recorded_request_is_accepted_everywhere_or_refused_by_name(recording: Json, upstream: str) -> None:
    client = DIALECTS[recording["dialect"]]
    request = client.parse_request(json.dumps(recording["request"]).encode(), location_of(recording))
    for model in MODELS[upstream]:
        profile = profile_of(model)
        target = Target("fake", model, f"fake/{profile.family}", profile)
        try:
            rendered = DIALECTS[upstream].render_request(request, target)
        except FailureError as error:
            failure = error.failure
            assert failure.kind is FailureKind.INVALID_REQUEST
            assert failure.param, f"the refusal names nothing: {failure.message}"
            continue
        wire = rendered.wire
        problem = refused_by(upstream, model, wire.body, wire.path, dict(wire.headers))
        assert problem is None, (
            f"{client.name} -> {upstream} ({model}): {problem}\n{wire.body.decode()[:3000]}"
        )


SAME = {
    StopReason.STOP_SEQUENCE: StopReason.END,
    StopReason.PAUSE: StopReason.END,
    StopReason.OTHER: StopReason.END,
}
"""Reasons that not every format can tell apart, and what they are where it cannot."""


def reply_to(client: Dialect, response: Response) -> Reply:
    request = Request(client.name, response.model or "model", (), stream=True, stream_usage=True)
    return Reply(request, Location("model", True, True), 1, "fallback", "fp", "recorded/model")


@pytest.mark.recordings(good=True)
@pytest.mark.parametrize("name", FORMATS)
def test_a_recorded_answer_reaches_every_client_whole(recording: Json, name: str) -> None:
    if is_broken(recording):
        return  # another test is about these
    response = decoded(recording)
    client = DIALECTS[name]
    if len(response.choices) > 1 and name in {"anthropic", "openai_responses"}:
        response = Response(response.id, response.model, response.choices[:1], response.usage)
    reply = reply_to(client, response)
    whole = client.parse_response(client.render_response(response, reply), "recorded/model")
    same_answer(response, whole, name)
    encoder, decoder = client.stream_encoder(reply), client.stream_decoder("recorded/model")
    data = b"".join(encoder.encode(event) for event in unfold(response)) + encoder.close()
    same_answer(response, fold([*decoder.feed(data), *decoder.close()]), name)


def same_answer(original: Response, found: Response, name: str) -> None:
    assert len(found.choices) == len(original.choices)
    for ours, theirs in zip(found.choices, original.choices, strict=True):
        assert text_of(ours.blocks) == text_of(theirs.blocks)
        assert [(call.name, arguments(call)) for call in calls_of(ours.blocks)] == [
            (call.name, arguments(call)) for call in calls_of(theirs.blocks)
        ]
        assert SAME.get(ours.stop.reason, ours.stop.reason) is SAME.get(
            theirs.stop.reason, theirs.stop.reason
        )
        assert cited(ours.blocks) >= cited(theirs.blocks), name
    if original.usage is not None:
        assert found.usage is not None
        assert found.usage.total == original.usage.total
        assert (found.usage.cache_read or 0) == (original.usage.cache_read or 0)
        if name != "anthropic" or original.usage.reasoning is None:
            assert (found.usage.reasoning or 0) == (original.usage.reasoning or 0)


def text_of(blocks: Any) -> str:
    return "".join(block.text for block in blocks if isinstance(block, Text | Refusal))


def calls_of(blocks: Any) -> list[ToolCall]:
    return [block for block in blocks if isinstance(block, ToolCall)]


def arguments(call: ToolCall) -> Any:
    try:
        return json.loads(call.arguments or "{}")
    except ValueError:
        return call.arguments


def cited(blocks: Any) -> set[str]:
    """The addresses that an answer's text is from."""
    return {
        citation.url
        for block in blocks
        if isinstance(block, Text)
        for citation in block.citations
        if citation.url
    }
