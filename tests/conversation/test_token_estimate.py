"""Estimates of prompts' tokens: near what is known, and never less for more."""

import base64
import time

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
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Unknown,
)
from dragoman.conversation.request import (
    CustomTool,
    FunctionTool,
    Message,
    OutputFormat,
    OutputMode,
    Request,
    Role,
    ServerTool,
    Tool,
)
from dragoman.conversation.token_estimate import estimate_text_tokens, estimate_tokens


def request(*blocks: Block, tools: tuple[Tool, ...] = (), system: tuple[Text, ...] = ()) -> Request:
    return Request("openai_chat", "m", (Message(Role.USER, blocks),), tools=tools, system=system)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The quick brown fox jumps over the lazy dog.", 10),
        ("In mathematics, a prime number has no divisors but itself and one.", 14),
        ("你好世界。今天天气很好。", 10),
        ("안녕하세요 세계", 7),
        ("Привет, как дела?", 6),
        ('{"name": "get_weather", "arguments": {"city": "Paris"}}', 17),
        ("3.14159265358979", 9),
    ],
)
def test_texts_of_every_script_are_counted_about_right(text: str, tokens: int) -> None:
    assert abs(estimate_text_tokens(text) - tokens) <= 0.6 * tokens


def test_an_empty_prompt_has_a_token() -> None:
    assert estimate_text_tokens("") == 1
    assert estimate_tokens(request()) >= 1


def test_everything_in_a_prompt_counts() -> None:
    plain = estimate_tokens(request(Text("hi")))
    picture = Inline("image/png", "AA==")
    essay = Inline("text/plain", base64.b64encode(b"a few words of text " * 50).decode())
    for more in (
        request(Text("hi"), Text("there")),
        request(Text("hi"), Image(picture)),
        request(Text("hi"), Audio(Inline("audio/wav", "AA=="))),
        request(Text("hi"), Document(Remote("https://x/y.pdf"))),
        request(Text("hi"), Document(essay, title="Essay")),
        request(Text("hi"), Thinking("let me see")),
        request(Text("hi"), ToolCall("1", "look", '{"at":"this"}')),
        request(Text("hi"), ToolResult("1", (Text("found"),))),
        request(Text("hi"), Unknown("anthropic", "search_result", b'{"a":"b"}')),
        request(Text("hi"), system=(Text("Be kind."),)),
        request(Text("hi"), tools=(FunctionTool("look", "Looks at it.", b'{"type":"object"}'),)),
        request(Text("hi"), tools=(CustomTool("look", "Looks at it."),)),
        request(Text("hi"), tools=(ServerTool("openai_responses", "web_search", b'{"type":"web_search"}'),)),
        msgspec.structs.replace(
            request(Text("hi")), output=OutputFormat(OutputMode.JSON_SCHEMA, b'{"type":"object"}', "a")
        ),
    ):
        assert estimate_tokens(more) > plain


def test_a_text_file_counts_as_its_text_and_any_other_flatly() -> None:
    essay = Inline("text/plain", base64.b64encode(b"a few words of text " * 1000).decode())
    assert 4000 < estimate_tokens(request(Document(essay))) < 7000
    broken = estimate_tokens(request(Document(Inline("text/plain", "A"))))
    assert broken == estimate_tokens(request(Document(Inline("application/pdf", "AAAA" * 1000))))


def test_a_small_picture_costs_less() -> None:
    source = Inline("image/png", "AA==")
    assert estimate_tokens(request(Image(source, "low"))) < estimate_tokens(request(Image(source)))


@given(st.text(max_size=200), st.text(max_size=50))
@settings(max_examples=100)
def test_a_longer_text_never_counts_less(text: str, more: str) -> None:
    # a word that goes on may become one with the next
    assert estimate_text_tokens(text + " " + more) >= estimate_text_tokens(text)


def test_a_long_text_is_estimated_by_samples_that_stand_for_all_of_it() -> None:
    parts = ["The fox jumps over 12 dogs; ", '{"a": [1, 2]}\n', "\u4eca\u65e5\u306f "]
    text = "".join(part * 20_000 for part in parts)
    pieces = [text[start : start + 1000] for start in range(0, len(text), 1000)]
    whole = sum(estimate_text_tokens(piece) for piece in pieces)
    assert estimate_text_tokens(text) == pytest.approx(whole, rel=0.1)


def test_a_long_conversation_of_short_messages_is_estimated_by_samples_too() -> None:
    """Somebody waits for it: all other requests of the process."""
    texts = [f"{turn}: The fox jumps over 12 dogs; " * 10 for turn in range(5_000)]
    began = time.process_time()
    whole = sum(estimate_text_tokens(text) + 4 for text in texts)
    middle = time.process_time()
    messages = tuple(Message(Role.USER, (Text(text),)) for text in texts)
    estimate = estimate_tokens(Request("openai_chat", "m", messages))
    assert estimate == pytest.approx(whole, rel=0.02)
    assert time.process_time() - middle < (middle - began) / 3


def test_a_prompt_of_many_megabytes_is_estimated_at_once() -> None:
    text = "The quick brown fox, 123 jumps; " * 1_000_000
    began = time.perf_counter()
    estimate_text_tokens(text)
    assert time.perf_counter() - began < 1
