"""Generated conversations: what is rendered is read back, and nothing but failures is ever raised."""

import itertools
import json
from typing import cast

import msgspec
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
)
from dragoman.conversation.failure import FailureError, FailureKind
from dragoman.conversation.opaque import Signature
from dragoman.conversation.request import (
    CustomTool,
    FunctionTool,
    Message,
    OutputFormat,
    OutputMode,
    Request,
    Role,
    Sampling,
    Tool,
)
from dragoman.dialects.dialect import Location, Target
from dragoman.dialects.openai_chat import DIALECT
from dragoman.models.profile import UNKNOWN

TARGET = Target("p", "up", "p/x", UNKNOWN)

texts = st.text(max_size=20)
words = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
names = words | st.from_regex(r"[a-z]{1,4}[.:/][a-z]{1,4}", fullmatch=True) | st.just("x" * 80)
base64s = st.binary(max_size=12).map(lambda data: msgspec.json.encode(data).decode()[1:-1])
images = st.builds(
    Image,
    st.builds(Inline, st.sampled_from(["image/gif", "image/webp"]), base64s.map("AAAA{}".format))
    | st.builds(Remote, words.map("https://example.com/{}".format)),
    st.sampled_from([None, "low", "high"]),
)
documents = st.builds(Document, st.builds(Inline, st.just("application/pdf"), base64s), words)
sound_types = st.sampled_from(["audio/wav", "audio/mpeg", "audio/flac"])
sounds = st.builds(Audio, st.builds(Inline, sound_types, base64s))
signatures = st.builds(Signature, st.sampled_from(["anthropic", "gemini", "openai_chat"]), words, texts)
ids = words | st.just("") | st.just("toolu_" + "y" * 50)

told: st.SearchStrategy[Block] = st.builds(Text, texts)
media: st.SearchStrategy[Block] = st.one_of(images, documents, sounds)
thoughts: st.SearchStrategy[Block] = st.builds(Thinking, texts, st.none() | signatures)
calls: st.SearchStrategy[Block] = st.builds(
    ToolCall, ids, names, texts, st.booleans(), st.none() | signatures
)
results: st.SearchStrategy[Block] = st.builds(
    ToolResult,
    ids,
    st.lists(st.one_of(st.builds(Text, texts), images), max_size=3).map(tuple),
    st.none() | names,
    st.booleans(),
)


def blocks(*kinds: st.SearchStrategy[Block], least: int = 0) -> st.SearchStrategy[tuple[Block, ...]]:
    return st.lists(st.one_of(*kinds), min_size=least, max_size=4).map(tuple)


turns = st.one_of(
    st.builds(Message, st.just(Role.USER), blocks(told, media), st.none() | words),
    st.builds(Message, st.just(Role.ASSISTANT), blocks(told, thoughts, calls)),
    st.builds(Message, st.just(Role.USER), blocks(results, told)),
    st.builds(Message, st.just(Role.SYSTEM), blocks(told, least=1)),
)
schemas = st.sampled_from([None, b'{"type":"object","properties":{}}', b'{"b":1.0,"a":[]}'])
tools: st.SearchStrategy[Tool] = st.one_of(
    st.builds(FunctionTool, names, st.none() | texts, schemas, st.none() | st.booleans()),
    st.builds(CustomTool, names, st.none() | texts),
)
requests = st.builds(
    Request,
    dialect=st.sampled_from(["openai_chat", "anthropic", "gemini"]),
    model=words,
    messages=st.lists(turns, min_size=1, max_size=5).map(tuple),
    system=st.lists(st.builds(Text, texts), max_size=2).map(tuple),
    tools=st.lists(tools, max_size=3).map(tuple),
    parallel_tool_calls=st.none() | st.booleans(),
    sampling=st.builds(
        Sampling,
        temperature=st.none() | st.floats(0, 2),
        top_p=st.none() | st.floats(0, 1),
        seed=st.none() | st.integers(0, 2**40),
    ),
    max_tokens=st.none() | st.integers(1, 10**6),
    stop=st.lists(words, max_size=6).map(tuple),
    candidates=st.integers(1, 4),
    top_logprobs=st.none() | st.integers(0, 20),
    output=st.sampled_from([None, OutputFormat(OutputMode.JSON_SCHEMA, b'{"type":"object"}')]),
    user=st.none() | words,
    stream=st.booleans(),
)


def flat(request: Request) -> list[Block]:
    """Every block, those inside results too."""
    out: list[Block] = []
    for message in request.messages:
        for block in message.blocks:
            inner = cast("tuple[Block, ...]", block.blocks) if isinstance(block, ToolResult) else (block,)
            out.extend(inner)
    return out


def heard(request: Request) -> str:
    """All text outside results, in order."""
    said = (block for message in request.messages for block in message.blocks)
    return "".join(block.text for block in (*request.system, *said) if isinstance(block, Text))


def calls_of(request: Request) -> list[ToolCall]:
    return [block for block in flat(request) if isinstance(block, ToolCall)]


def media_of(request: Request) -> list[str]:
    return sorted(repr(block) for block in flat(request) if isinstance(block, Image | Document | Audio))


@settings(max_examples=100, deadline=None)
@given(requests)
def test_texts_calls_results_and_media_survive(before: Request) -> None:
    rendered = DIALECT.render_request(before, TARGET)
    after = DIALECT.parse_request(rendered.wire.body, Location())

    restored = rendered.emulation.tool_names
    assert [restored.get(call.name, call.name) for call in calls_of(after)] == [
        call.name for call in calls_of(before)
    ]
    assert [call.arguments for call in calls_of(after)] == [
        call.arguments or ("" if call.custom else "{}") for call in calls_of(before)
    ]
    assert media_of(after) == media_of(before)
    texts_after = [heard(after), *(block.text for block in flat(after) if isinstance(block, Text))]
    for block in flat(before):
        if isinstance(block, Text):
            assert any(block.text in text for text in texts_after)
    for message, following in itertools.pairwise((*after.messages, Message(Role.USER, ()))):
        made = [block.id for block in message.blocks if isinstance(block, ToolCall)]
        answered = [block.call_id for block in following.blocks if isinstance(block, ToolResult)]
        assert not made or answered == made


@settings(max_examples=60, deadline=None)
@given(requests)
def test_a_request_of_this_dialect_stays_what_it_is(request: Request) -> None:
    once = DIALECT.parse_request(DIALECT.render_request(request, TARGET).wire.body, Location())
    twice = DIALECT.parse_request(DIALECT.render_request(once, TARGET).wire.body, Location())
    assert heard(twice) == heard(once)
    assert media_of(twice) == media_of(once)
    assert calls_of(twice) == calls_of(once)
    assert (twice.tools, twice.sampling, twice.max_tokens, twice.output) == (
        once.tools,
        once.sampling,
        once.max_tokens,
        once.output,
    )


@settings(max_examples=60, deadline=None)
@given(requests)
def test_no_foreign_signature_and_no_thought_ever_leaves(request: Request) -> None:
    secret = Message(
        Role.ASSISTANT,
        (
            Thinking("do not tell", Signature("anthropic", "x", "FOREIGN")),
            ToolCall("a", "f", "{}", signature=Signature("gemini", "", "FOREIGN")),
        ),
    )
    marked = msgspec.structs.replace(request, messages=(*request.messages, secret))
    body = DIALECT.render_request(marked, TARGET).wire.body
    assert b"do not tell" not in body
    assert b"FOREIGN" not in body


@settings(max_examples=60, deadline=None)
@given(requests)
def test_rendering_is_a_function_of_the_request(request: Request) -> None:
    rendered = DIALECT.render_request(request, TARGET)
    assert rendered == DIALECT.render_request(request, TARGET)
    assert json.loads(rendered.wire.body)["messages"]


# --- garbage -------------------------------------------------------------------------------------


def refusals(body: bytes) -> set[FailureKind]:
    kinds: set[FailureKind] = set()
    for read in (DIALECT.read_head, DIALECT.parse_request):
        try:
            read(body, Location())
        except FailureError as error:
            kinds.add(error.failure.kind)
    return kinds


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_random_bytes_are_refused_as_the_clients_fault(body: bytes) -> None:
    assert refusals(body) == {FailureKind.INVALID_REQUEST}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "role",
                    "content",
                    "type",
                    "text",
                    "tool_calls",
                    "id",
                    "function",
                    "name",
                    "arguments",
                    "url",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)
members = st.dictionaries(
    st.sampled_from(
        [
            "messages",
            "tools",
            "tool_choice",
            "functions",
            "function_call",
            "response_format",
            "reasoning",
            "stop",
            "logit_bias",
            "stream_options",
            "thinking",
            "metadata",
        ]
    ),
    values,
)


@settings(max_examples=100)
@given(members, values)
def test_any_json_is_read_or_refused_as_the_clients_fault(fields: dict[str, object], message: object) -> None:
    body = {"model": "m", "messages": [message, {"role": "user", "content": "x"}], **fields}
    assert refusals(json.dumps(body).encode()) <= {FailureKind.INVALID_REQUEST}
