"""What every encoder writes is well-formed by its vendor's grammar, as an independent checker reads it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.conversation.blocks import Block, Refusal, Text, Thinking, ToolCall
from dragoman.conversation.fold import unfold
from dragoman.conversation.opaque import Signature
from dragoman.conversation.request import Message, Reasoning, Request, Role
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Location, Reply
from dragoman.dialects.registry import DIALECTS
from dragoman.testing.grammar import anthropic, gemini, openai_chat, openai_responses

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
ISSUERS = st.sampled_from(["openai_chat", "openai_responses", "anthropic", "gemini"])
SIGNATURES = st.none() | st.builds(Signature, ISSUERS, st.just("p/m"), st.just("c2lnbmF0dXJl"))
NAMES = st.sampled_from(["look", "find_it"])
ARGUMENTS = st.sampled_from(["", "{}", '{"a":1}', '{"b":[1.0,"x"]}'])
BLOCKS: st.SearchStrategy[Block] = st.one_of(
    st.builds(Text, WORDS, signature=SIGNATURES),
    st.builds(Refusal, WORDS),
    st.builds(Thinking, WORDS, SIGNATURES),
    st.builds(Thinking, st.just(""), st.builds(Signature, ISSUERS, st.just("p/m"), WORDS), st.just(True)),
    st.builds(ToolCall, st.uuids().map(lambda own: f"call_{own.hex[:20]}"), NAMES, ARGUMENTS),
)


@st.composite
def answers(draw: st.DrawFn) -> Response:
    blocks = tuple(draw(st.lists(BLOCKS, min_size=1, max_size=5)))
    called = any(isinstance(block, ToolCall) for block in blocks)
    reason = (
        StopReason.TOOL_CALLS if called else draw(st.sampled_from([StopReason.END, StopReason.MAX_TOKENS]))
    )
    usage = Usage(input=draw(st.integers(0, 99)), output=draw(st.integers(0, 99)))
    return Response("id-1", "some-model", (Choice(0, blocks, Stop(reason)),), usage)


def written(dialect: str, response: Response, location: Location) -> bytes:
    request = Request(
        dialect,
        "some-model",
        (Message(Role.USER, (Text("hi"),)),),
        stream=True,
        stream_usage=True,
        reasoning=Reasoning(visible=True),
    )
    encoder = DIALECTS[dialect].stream_encoder(Reply(request, location, 1, "f" * 24, "fp_1234567890", "p/m"))
    return b"".join(encoder.encode(event) for event in unfold(response)) + encoder.close()


@given(answers())
def test_a_chat_completions_stream_is_well_formed(response: Response) -> None:
    assert openai_chat.check_stream(written("openai_chat", response, Location()), usage=True) == []


@given(answers())
def test_a_responses_stream_is_well_formed(response: Response) -> None:
    assert openai_responses.check_stream(written("openai_responses", response, Location())) == []


@given(answers())
def test_a_messages_stream_is_well_formed(response: Response) -> None:
    assert anthropic.check_stream(written("anthropic", response, Location())) == []


@pytest.mark.parametrize("sse", [True, False])
@given(response=answers())
def test_a_generate_content_stream_is_well_formed(sse: bool, response: Response) -> None:
    location = Location("some-model", stream=True, sse=sse)
    assert gemini.check_stream(written("gemini", response, location), sse=sse) == []
