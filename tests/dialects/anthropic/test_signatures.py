"""Sealed signatures on their way through a client and back."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.blocks import Block, Text, Thinking, ToolCall
from dragoman.conversation.envelope import seal
from dragoman.conversation.events import Event
from dragoman.conversation.fold import unfold
from dragoman.conversation.opaque import Signature
from dragoman.conversation.request import Request
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.dialects.anthropic import DIALECT
from dragoman.dialects.anthropic.signatures import UNSIGNED, Slot, opened, sealed, wire_signature
from dragoman.dialects.dialect import Location, Reply

GOOGLE = Signature("gemini", "google/gemini", "SIG==")
OTHER = Signature("openai_chat", "openai/gpt", "ENC")

HISTORIES: list[tuple[Block, ...]] = [
    (Thinking("hm", GOOGLE), Text("a")),
    (Thinking("hm"), Text("a")),
    (Thinking("", OTHER, redacted=True), Text("a")),
    (Thinking("", OTHER), ToolCall("c1", "f", "{}")),
    (ToolCall("c1", "f", "{}", signature=GOOGLE), ToolCall("c2", "f", "{}")),
    (Thinking("hm"), ToolCall("c1", "f", "{}", signature=GOOGLE)),
    (Thinking("hm", OTHER), ToolCall("c1", "f", "{}", signature=GOOGLE)),
    (Text("a", signature=GOOGLE), Text("b")),
    (Text("a"), Text("", signature=GOOGLE), ToolCall("c1", "f", "{}")),
    (Text("a", signature=GOOGLE), ToolCall("c1", "f", "{}", signature=OTHER), Text("b")),
]


@pytest.fixture(scope="session")
def returned(
    encoded: Callable[..., bytes],
    reply: Callable[..., Reply],
    read_stream: Callable[[bytes], dict[str, object]],
    parse: Callable[..., Request],
) -> Callable[..., list[tuple[Block, ...]]]:
    """What is parsed from a client that hands an answer back with its next turn, whole and streamed."""

    def make(blocks: tuple[Block, ...], events: list[Event] | None = None) -> list[tuple[Block, ...]]:
        response = Response("msg_1", "m", (Choice(0, blocks, Stop(StopReason.END)),))
        whole = msgspec.json.decode(DIALECT.render_response(response, reply()))
        streamed = read_stream(encoded(*(events or unfold(response))))
        return [
            parse(messages=[{"role": "user", "content": "x"}, {"role": "assistant", "content": m["content"]}])
            .messages[1]
            .blocks
            for m in (whole, streamed)
        ]

    return make


Returned = Callable[..., list[tuple[Block, ...]]]


@pytest.mark.parametrize("blocks", HISTORIES)
def test_signatures_come_home_to_their_blocks(returned: Returned, blocks: tuple[Block, ...]) -> None:
    assert returned(blocks) == [blocks, blocks]


SOME = st.sampled_from([GOOGLE, OTHER])
BLOCKS: st.SearchStrategy[Block] = st.one_of(
    st.builds(Thinking, st.sampled_from(["hm", "so"]), st.none() | SOME),
    st.builds(Thinking, st.just(""), SOME, redacted=st.just(True)),
    st.builds(Text, st.just("a"), signature=st.none() | SOME),
    st.builds(Text, st.just(""), signature=SOME),
    st.builds(ToolCall, st.just("c1"), st.just("f"), st.just("{}"), signature=st.none() | SOME),
)


@given(st.lists(BLOCKS, max_size=6).map(tuple))
@settings(max_examples=100)
def test_any_answer_comes_back_as_it_was(returned: Returned, blocks: tuple[Block, ...]) -> None:
    blocks = (*blocks, Text("b"))
    blocks = tuple(
        msgspec.structs.replace(block, id=f"c{place}") if isinstance(block, ToolCall) else block
        for place, block in enumerate(blocks)
    )
    assert returned(blocks) == [blocks, blocks]


@pytest.mark.parametrize(
    "blocks",
    [(Text("a", signature=GOOGLE),), (Text("a"), Text("", signature=GOOGLE), Text("", signature=OTHER))],
)
def test_an_answer_that_ends_with_signed_text_ends_with_its_text(
    returned: Returned, blocks: tuple[Block, ...]
) -> None:
    assert returned(blocks) == [(Text("a"),), (Text("a"),)]


def test_what_the_vendor_signed_is_not_touched() -> None:
    own = Signature("anthropic", "anthropic/claude", "EuYBCkQ=")
    assert wire_signature(own) == "EuYBCkQ="
    assert opened("EuYBCkQ=") is None


def test_what_another_gateway_sealed_is_sealed_again() -> None:
    inner = Signature("anthropic", "gateway/claude", seal(GOOGLE))
    assert opened(wire_signature(inner)) == (inner, Slot.OWN)


def test_a_seal_says_whose_signature_it_holds() -> None:
    assert opened(seal(GOOGLE)) == (GOOGLE, Slot.OWN)
    assert opened(sealed(GOOGLE, Slot.NEXT)) == (GOOGLE, Slot.NEXT)
    assert opened(UNSIGNED) == (None, Slot.OWN)


@pytest.mark.parametrize("damaged", ["dgm1.", "dgm1.x", "dgm1.!!.!!", "dgm1.YQ.YQ.last"])
def test_a_damaged_seal_is_no_signature(parse: Callable[..., Request], damaged: str) -> None:
    blocks = [
        {"type": "text", "text": "a"},
        {"type": "thinking", "thinking": "hm", "signature": damaged},
        {"type": "redacted_thinking", "data": damaged},
    ]
    request = parse(messages=[{"role": "user", "content": "x"}, {"role": "assistant", "content": blocks}])
    assert request.messages[1].blocks == (Text("a"), Thinking("hm"))


def test_a_signature_whose_call_the_client_left_out_stands_alone(parse: Callable[..., Request]) -> None:
    blocks = [{"type": "thinking", "thinking": "hm", "signature": sealed(GOOGLE, Slot.NEXT)}]
    request = parse(messages=[{"role": "user", "content": "x"}, {"role": "assistant", "content": blocks}])
    assert request.messages[1].blocks == (Thinking("hm"), Text("", signature=GOOGLE))


def test_a_body_with_a_seal_cannot_be_passed_on_unread() -> None:
    def head(signature: str) -> bool:
        block = {"type": "thinking", "thinking": "", "signature": signature}
        body = {
            "model": "m",
            "max_tokens": 1,
            "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": [block]}],
        }
        return DIALECT.read_head(msgspec.json.encode(body), Location()).sealed

    assert head(seal(GOOGLE))
    assert head(UNSIGNED)
    assert not head("EuYBCkQ=")


def test_a_made_up_citation_does_not_come_back(
    parse: Callable[..., Request], body_of: Callable[..., dict[str, object]]
) -> None:
    citation = {
        "type": "web_search_result_location",
        "url": "https://a.example",
        "title": "A",
        "cited_text": "",
        "encrypted_index": UNSIGNED,
    }
    history = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [{"type": "text", "text": "a", "citations": [citation]}]},
        {"role": "user", "content": "y"},
    ]
    request = parse(messages=history)
    (block,) = request.messages[1].blocks
    assert isinstance(block, Text)
    assert (block.citations[0].url, block.citations[0].dialect) == ("https://a.example", "")
    assert UNSIGNED not in str(body_of(request))
