"""What a client gets and sends back is what the model said."""

import json

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.blocks import Block, Citation, Refusal, Text, Thinking, ToolCall
from dragoman.conversation.fold import fold, unfold
from dragoman.conversation.opaque import Signature
from dragoman.conversation.request import Message, Request, Role
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Location, Reply
from dragoman.dialects.openai_responses import DIALECT

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ISSUED = st.builds(
    Signature,
    st.sampled_from(["anthropic", "gemini", "openai_chat"]),
    st.sampled_from(["p/m", "q/n"]),
    st.text(min_size=1, max_size=5),
)
SIGNATURES = st.none() | ISSUED
CALL_IDS = st.uuids().map(lambda own: f"call_{own.hex[:20]}")
BLOCKS: st.SearchStrategy[Block] = st.one_of(
    st.builds(Text, WORDS, signature=SIGNATURES),
    st.builds(Refusal, WORDS),
    st.builds(Thinking, WORDS, SIGNATURES),
    st.builds(Thinking, st.just(""), ISSUED, st.just(True)),
    st.builds(ToolCall, CALL_IDS, st.just("look"), st.sampled_from(["{}", '{"a":1}']), signature=SIGNATURES),
    st.builds(ToolCall, CALL_IDS, st.just("patch"), WORDS, custom=st.just(True)),
)


def reply() -> Reply:
    request = Request("openai_responses", "m", (Message(Role.USER, (Text("hi"),)),))
    return Reply(request, Location(), 1, "f" * 24, "fp", "p/m")


def rendered(blocks: tuple[Block, ...], stop: StopReason = StopReason.END) -> bytes:
    response = Response("id-1", "m", (Choice(0, blocks, Stop(stop)),), Usage(1, 1))
    return DIALECT.render_response(response, reply())


def joined(blocks: tuple[Block, ...]) -> list[Block]:
    """The blocks as the wire can tell them apart: neighbours that are alike are one, unless they are
    signed, and what says nothing is not there.
    """
    out: list[Block] = []
    for block in blocks:
        last = out[-1] if out else None
        match block, last:
            case ((Text("", signature=None) | Refusal("") | Thinking("", None)), _):
                pass
            case Text(signature=None), Text(signature=None):
                out[-1] = Text(last.text + block.text)
            case Refusal(), Refusal():
                out[-1] = Refusal(last.text + block.text)
            case _:
                out.append(block)
    return out


def bare(block: Block) -> Block:
    """A block without what only this format keeps of it (ids, statuses)."""
    return msgspec.structs.replace(block, opaque=()) if isinstance(block, Text | ToolCall) else block


@settings(max_examples=100)
@given(st.lists(BLOCKS, min_size=1, max_size=6))
def test_a_client_that_sends_the_output_back_loses_nothing(blocks: list[Block]) -> None:
    output = json.loads(rendered(tuple(blocks)))["output"]
    body = {"model": "m", "input": [{"role": "user", "content": "hi"}, *output]}
    messages = DIALECT.parse_request(json.dumps(body).encode(), Location()).messages
    back = [bare(block) for message in messages[1:] for block in message.blocks]
    assert all(message.role is Role.ASSISTANT for message in messages[1:])
    assert back == joined(tuple(blocks))


@settings(max_examples=100)
@given(st.lists(BLOCKS, max_size=6), st.sampled_from([StopReason.END, StopReason.MAX_TOKENS]))
def test_what_is_written_as_a_stream_is_read_as_the_whole_answer_is(
    blocks: list[Block], reason: StopReason
) -> None:
    whole = rendered(tuple(blocks), reason)
    response = Response("id-1", "m", (Choice(0, tuple(blocks), Stop(reason)),), Usage(1, 1))
    encoder, decoder = DIALECT.stream_encoder(reply()), DIALECT.stream_decoder("p/m")
    stream = b"".join(encoder.encode(event) for event in unfold(response)) + encoder.close()
    events = [*decoder.feed(stream), *decoder.close()]
    read = fold(events)
    assert msgspec.structs.replace(read, service_tier=None) == msgspec.structs.replace(
        DIALECT.parse_response(whole, "p/m"), service_tier=None
    )
    said = [block for block in read.choices[0].blocks if isinstance(block, Text | Refusal)]
    wanted = [block for block in joined(tuple(blocks)) if isinstance(block, Text | Refusal)]
    assert "".join(block.text for block in said) == "".join(block.text for block in wanted)
    assert [block for block in read.choices[0].blocks if isinstance(block, ToolCall)] == [
        msgspec.structs.replace(block, signature=None) for block in blocks if isinstance(block, ToolCall)
    ]


def test_citations_survive_a_client() -> None:
    citation = Citation("https://example.org", "Tides", start=2, end=6)
    output = json.loads(rendered((Text("On: high", (citation,)),)))["output"]
    body = json.dumps({"model": "m", "input": [{"role": "user", "content": "hi"}, *output]}).encode()
    (text,) = DIALECT.parse_request(body, Location()).messages[1].blocks
    assert isinstance(text, Text)
    (back,) = text.citations
    assert (back.url, back.title, back.start, back.end) == ("https://example.org", "Tides", 2, 6)
