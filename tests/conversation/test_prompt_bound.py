"""How many tokens a prompt has at most."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.blocks import (
    Audio,
    Block,
    Document,
    Image,
    Inline,
    Remote,
    Stored,
    Text,
    Thinking,
    ToolResult,
    Unknown,
)
from dragoman.conversation.opaque import Opaque, Signature
from dragoman.conversation.prompt_bound import ELSEWHERE, prompt_bound
from dragoman.conversation.request import FunctionTool, Message, Reasoning, Request, Role, ServerTool
from dragoman.conversation.token_estimate import estimate_tokens


def request(*blocks: Block) -> Request:
    return Request("openai_chat", "m", (Message(Role.USER, (Text("Hello"), *blocks)),))


def bound(**fields: object) -> int:
    return prompt_bound(0, msgspec.structs.replace(request(), **fields))


PLAIN = prompt_bound(0, request())


@given(text=st.text(max_size=2000))
@settings(max_examples=50)
def test_it_is_more_than_the_estimate(text: str) -> None:
    asked = request(Text(text))
    assert prompt_bound(0, asked) > estimate_tokens(asked)


def test_bytes_alone_are_half_a_token_each() -> None:
    assert prompt_bound(100_000) == 50_000 + 1024
    assert prompt_bound(0) > 700  # what hosts add to a prompt with tools


@pytest.mark.parametrize(
    ("block", "least"),
    [
        (Image(Remote("https://a.example/x.png")), 14_000),
        (Image(Remote("https://a.example/x.png"), detail="low"), 2_900),
        (Audio(Inline("audio/mp3", "A" * 100)), 1_000),
        (Audio(Inline("audio/wav", "A" * 4_000_000)), 40_000),
        (Document(Inline("application/pdf", "A" * 100)), 8_000),
        (Document(Inline("application/pdf", "A" * 4_000_000)), 500_000),
        (Document(Remote("https://a.example/x.pdf")), ELSEWHERE),
        (Document(Stored("anthropic", "file_1")), ELSEWHERE),
        (ToolResult("c", (Image(Remote("https://a.example/x.png")),)), 14_000),
        (Unknown("gemini", "part", b'{"fileData":{"fileUri":"https://a.example/v.mp4"}}'), ELSEWHERE),
        (Thinking("", Signature("openai_responses", "", "A" * 8_000)), 1_000),
    ],
)
def test_what_is_no_text_has_room(block: Block, least: int) -> None:
    assert prompt_bound(0, request(block)) >= PLAIN + least


def test_a_text_document_is_text() -> None:
    small = prompt_bound(0, request(Document(Inline("text/plain", "SGVsbG8="))))
    assert small < PLAIN + 1000


def test_hosts_have_room_for_what_they_say_of_tools() -> None:
    tool = FunctionTool("look", None, b"{}")
    assert bound(tools=(tool,)) > PLAIN + 500


def test_pages_that_a_vendor_brings_have_room() -> None:
    search = ServerTool("anthropic", "web_search_20250305", b"{}")
    bash = ServerTool("anthropic", "bash_20250124", b"{}")
    assert bound(tools=(search,)) > 50_000
    assert bound(tools=(bash,)) < 10_000


@pytest.mark.parametrize("field", ["previous_response_id", "cachedContent"])
def test_what_the_vendor_keeps_has_room(field: str) -> None:
    kept = Opaque("openai_responses", field, b'"x"')
    assert bound(extras=(kept,)) == PLAIN + ELSEWHERE


def test_a_prompt_that_is_read_several_times_counts_as_often() -> None:
    several = Reasoning(opaque=(Opaque("openai_responses", "mode", b'"pro"'),))
    assert bound(reasoning=several) > 4 * PLAIN
