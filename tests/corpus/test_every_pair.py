"""Real requests and answers, from every format to every other, with nothing lost in silence.

Requests are held against the strict fake provider of the format that they were translated into;
answers are read back from the client's side and compared with a reading of the original.
"""

import json
import re
from typing import Any

import pytest
from tests.corpus.test_recordings import decoded, is_broken, location_of

from dragoman.conversation.blocks import Block, Refusal, Text, ToolCall
from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.conversation.fold import fold, unfold
from dragoman.conversation.request import Request
from dragoman.conversation.response import Response, StopReason
from dragoman.dialects.dialect import Dialect, Location, Reply, Target, WireRequest
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


FOREIGN_SIGNATURES = ("Corrupted thought signature", "Invalid `signature`", "encrypted_content")
"""What the fake says to signatures that a real vendor has issued."""


def refused_by(name: str, wire: WireRequest) -> str | None:
    """What the strict fake of a vendor says against a request; None where it takes it."""
    bare, _, query = wire.path.partition("?")
    credential, prefix = DIALECTS[name].credential
    headers = {"content-type": "application/json", credential: prefix + "sk-any", **dict(wire.headers)}
    answer = FakeProvider(kept=0).answer("POST", BASES[name] + bare, query, headers, wire.body)
    problem = answer.body.decode("utf-8", "replace")
    return None if answer.status == 200 or any(one in problem for one in FOREIGN_SIGNATURES) else problem


@pytest.mark.recordings(has_request=True, good=True)
def test_a_recorded_request_is_accepted_by_every_other_vendor_or_refused_by_name(recording: Json) -> None:
    client = DIALECTS[recording["dialect"]]
    request = client.parse_request(json.dumps(recording["request"]).encode(), location_of(recording))
    for upstream in FORMATS:
        for model in () if upstream == client.name else MODELS[upstream]:
            profile = profile_of(model)
            target = Target("fake", model, f"fake/{profile.family}", profile)
            try:
                rendered = DIALECTS[upstream].render_request(request, target)
            except FailureError as error:
                failure = error.failure
                assert failure.kind is FailureKind.INVALID_REQUEST
                assert failure.param, f"the refusal names nothing: {failure.message}"
                continue
            problem = refused_by(upstream, rendered.wire)
            sent = rendered.wire.body.decode()[:3000]
            assert problem is None, f"{client.name} -> {upstream} ({model}): {problem}\n{sent}"


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
def test_a_recorded_answer_reaches_every_client_whole(recording: Json) -> None:
    if is_broken(recording):
        return  # another test is about these
    response = decoded(recording)
    for name in FORMATS:
        client = DIALECTS[name]
        told = response
        if len(response.choices) > 1 and name in {"anthropic", "openai_responses"}:
            told = Response(response.id, response.model, response.choices[:1], response.usage)
        reply = reply_to(client, told)
        whole = client.parse_response(client.render_response(told, reply), "recorded/model")
        same_answer(told, whole, name)
        encoder, decoder = client.stream_encoder(reply), client.stream_decoder("recorded/model")
        data = b"".join(encoder.encode(event) for event in unfold(told)) + encoder.close()
        same_answer(told, fold([*decoder.feed(data), *decoder.close()]), name)


def same_answer(original: Response, found: Response, name: str) -> None:
    assert len(found.choices) == len(original.choices), name
    for ours, theirs in zip(found.choices, original.choices, strict=True):
        # where a format has no other place for it, the vendor's explanation of a refusal is said
        words, explained = words_of(theirs.blocks), theirs.stop.explanation or ""
        assert words_of(ours.blocks) in {words, words + explained}, name
        calls, before = calls_of(ours.blocks), calls_of(theirs.blocks)
        assert [call.name for call in calls] == [call.name for call in before]
        assert all(same_arguments(*pair) for pair in zip(calls, before, strict=True)), name
        wanted = SAME.get(theirs.stop.reason, theirs.stop.reason)
        if calls and wanted is StopReason.END:
            wanted = StopReason.TOOL_CALLS  # whatever the vendor said: clients wait for the calls
        assert ours.stop.reason in {wanted, theirs.stop.reason}, name
        assert cited(ours.blocks) >= cited(theirs.blocks), name
    if original.usage is not None:
        assert found.usage is not None
        assert found.usage.total == original.usage.total, name
        assert (found.usage.cache_read or 0) == (original.usage.cache_read or 0), name
        assert (found.usage.reasoning or 0) == (original.usage.reasoning or 0), name


PLACEHOLDER = re.compile(r"\[\w+ that .* shown here\]")
"""Stands for media in an answer for a client whose format has no place for them."""


def words_of(blocks: tuple[Block, ...]) -> str:
    """What is said, refusals included: not every format keeps the two apart, nor several messages, which
    are then set apart by blank lines.
    """
    said = "".join(block.text for block in blocks if isinstance(block, Text | Refusal))
    return PLACEHOLDER.sub("", said).replace("\n\n", "")


def calls_of(blocks: tuple[Block, ...]) -> list[ToolCall]:
    return [block for block in blocks if isinstance(block, ToolCall)]


def same_arguments(found: ToolCall, original: ToolCall) -> bool:
    """Whether the arguments are the same JSON. Text that is none may have been closed where it was cut
    off, or wrapped, for formats that take objects only.
    """
    try:
        return json.loads(found.arguments or "{}") == json.loads(original.arguments or "{}")
    except ValueError:
        return found.arguments == original.arguments or isinstance(json.loads(found.arguments), dict)


def cited(blocks: tuple[Block, ...]) -> set[str]:
    """The addresses that an answer's text is from."""
    return {
        citation.url
        for block in blocks
        if isinstance(block, Text)
        for citation in block.citations
        if citation.url
    }
