"""Requests to the wire and back."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.blocks import (
    Block,
    CacheMark,
    Document,
    Image,
    Inline,
    Remote,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from dragoman.conversation.opaque import Signature
from dragoman.conversation.request import (
    FunctionTool,
    Message,
    OutputFormat,
    OutputMode,
    Request,
    Role,
    Sampling,
    ToolChoice,
    ToolChoiceMode,
)
from dragoman.dialects.anthropic import DIALECT
from dragoman.dialects.dialect import Location, Target

WORDS = st.sampled_from(["a", "Grüße — 😀", 'q"\\u', "line\nbreak\u2028"])
CACHES = st.sampled_from([None, None, None, CacheMark("1h")])
PICTURES = st.sampled_from(
    [
        Image(Inline("image/png", "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB")),
        Image(Remote("https://a.example/x.png")),
    ]
)
DOCUMENTS = st.sampled_from(
    [
        Document(Inline("application/pdf", "JVBERi0xLjQK"), title="T"),
        Document(Inline("text/plain", "R3LDvMOfZQ=="), context="C", cited=True),
    ]
)
TEXTS = st.builds(Text, WORDS, cache=CACHES)
SIGNED = st.builds(Thinking, WORDS, st.just(Signature("anthropic", "", "SIG")))


@st.composite
def histories(draw: st.DrawFn) -> tuple[Message, ...]:
    """Turns as the format has them: what is rendered needs no repair."""
    turns: list[Message] = []
    results: list[Block] = []
    for turn in range(draw(st.integers(1, 3))):
        said: list[Block] = list(draw(st.lists(TEXTS | PICTURES | DOCUMENTS, min_size=1, max_size=2)))
        turns.append(Message(Role.USER, (*results, *said)))
        answer: list[Block] = list(draw(st.lists(SIGNED, max_size=1)))
        answer += draw(st.lists(TEXTS, min_size=1, max_size=2))
        results = []
        for number in range(draw(st.integers(0, 2))):
            call = ToolCall(f"t{turn}_{number}", "f", draw(st.sampled_from(["{}", '{"b":1.0,"a":[1e5]}'])))
            answer.append(call)
            inside = draw(st.lists(st.builds(Text, WORDS) | PICTURES | DOCUMENTS, max_size=2))
            results.append(ToolResult(call.id, tuple(inside), is_error=draw(st.booleans())))
        turns.append(Message(Role.ASSISTANT, tuple(answer)))
    turns.append(Message(Role.USER, (*results, Text("go on"))))
    return tuple(turns)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    schema = b'{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}'
    return Request(
        dialect="anthropic",
        model="claude-model",
        messages=draw(histories()),
        system=tuple(draw(st.lists(TEXTS, max_size=2))),
        tools=(FunctionTool("f", "does f", schema, cache=draw(CACHES)),),
        tool_choice=draw(
            st.sampled_from([None, ToolChoice(ToolChoiceMode.AUTO), ToolChoice(ToolChoiceMode.NAMED, ("f",))])
        ),
        sampling=Sampling(temperature=draw(st.sampled_from([None, 0.0, 0.7]))),
        max_tokens=draw(st.integers(1, 1000)),
        stop=draw(st.sampled_from([(), ("END",)])),
        output=draw(
            st.sampled_from([None, OutputFormat(OutputMode.JSON_SCHEMA, schema=schema, strict=True)])
        ),
        user=draw(st.sampled_from([None, "u"])),
        stream=True,
        stream_usage=True,
    )


@given(requests())
@settings(max_examples=100)
def test_what_is_rendered_parses_to_what_it_was(target: Callable[..., Target], request_in: Request) -> None:
    rendered = DIALECT.render_request(request_in, target("unknown"))
    assert rendered.losses == ()
    assert DIALECT.parse_request(rendered.wire.body, Location()) == request_in


@given(requests())
@settings(max_examples=40)
def test_content_survives_whatever_dialect_it_came_from(
    target: Callable[..., Target], request_in: Request
) -> None:
    foreign = Request(dialect="gemini", model="m", messages=request_in.messages, max_tokens=5)
    back = DIALECT.parse_request(DIALECT.render_request(foreign, target("unknown")).wire.body, Location())
    kept = [[_plain(block) for block in message.blocks] for message in back.messages]
    assert kept == [[_plain(block) for block in message.blocks] for message in request_in.messages]


def _plain(block: Block) -> object:
    """What a block says, without marks."""
    match block:
        case Text(text=text):
            return text
        case ToolResult():
            return (block.call_id, block.is_error, [_plain(inner) for inner in block.blocks])
        case _:
            return block
