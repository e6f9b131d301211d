"""Generated conversations: what is rendered is read back, and nothing but failures is ever raised."""

import itertools
import json
from typing import cast

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.blocks import (
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
from dragoman.dialects.arguments import says_nothing
from dragoman.dialects.dialect import Location, Target
from dragoman.dialects.openai_responses.head import read_head
from dragoman.dialects.openai_responses.parse_request import parse_request
from dragoman.dialects.openai_responses.render_request import render_request
from dragoman.dialects.openai_responses.wire import NAME
from dragoman.models.profile import UNKNOWN
from dragoman.testing.exchange import Incoming
from dragoman.testing.rules.openai_responses import check_conversation, read_request
from dragoman.testing.rules.refusal import Access

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
documents = st.builds(
    Document, st.builds(Inline, st.just("application/pdf"), base64s), words.map("{}.pdf".format)
)
proofs = words.map(lambda word: Signature(NAME, "p/x", f"rs_{word} {word}"))
foreign = st.builds(Signature, st.sampled_from(["anthropic", "gemini", "openai_chat"]), words, texts)
ids = words | st.just("") | st.just("toolu_" + "y" * 70)

told: st.SearchStrategy[Block] = st.builds(Text, texts)
media: st.SearchStrategy[Block] = st.one_of(images, documents)
thoughts: st.SearchStrategy[Block] = st.builds(Thinking, texts.filter(bool), st.none() | proofs | foreign)
calls: st.SearchStrategy[Block] = st.builds(ToolCall, ids, names, texts, st.booleans(), st.none() | foreign)
results: st.SearchStrategy[Block] = st.builds(
    ToolResult,
    ids,
    st.lists(st.one_of(st.builds(Text, texts), images, documents), max_size=3).map(tuple),
    st.none() | names,
    st.booleans(),
)


def blocks(*kinds: st.SearchStrategy[Block], least: int = 0) -> st.SearchStrategy[tuple[Block, ...]]:
    return st.lists(st.one_of(*kinds), min_size=least, max_size=4).map(tuple)


def has_no_picture(result: Block) -> bool:
    return not (isinstance(result, ToolResult) and any(isinstance(block, Image) for block in result.blocks))


turns = st.one_of(
    st.builds(Message, st.just(Role.USER), blocks(told, media)),
    st.builds(Message, st.just(Role.ASSISTANT), blocks(told, thoughts, calls)),
    st.builds(Message, st.just(Role.USER), blocks(results, told)),
    st.builds(Message, st.just(Role.SYSTEM), blocks(told, least=1)),
)
schemas = st.sampled_from([None, b'{"type":"object","properties":{}}'])
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


def parse(body: bytes) -> Request:
    return parse_request(body, Location())


def flat(request: Request) -> list[Block]:
    """Every block, those inside results too."""
    out: list[Block] = []
    for message in request.messages:
        for block in message.blocks:
            inner = cast("tuple[Block, ...]", block.blocks) if isinstance(block, ToolResult) else (block,)
            out.extend(inner)
    return out


def calls_of(request: Request) -> list[ToolCall]:
    return [block for block in flat(request) if isinstance(block, ToolCall)]


def media_of(request: Request) -> list[str]:
    return sorted(repr(block) for block in flat(request) if isinstance(block, Image | Document))


def own_thoughts(request: Request) -> list[str]:
    """The reasoning of this format's own that something came of."""
    kept: list[str] = []
    for message in request.messages:
        written = list(message.blocks)
        while written and (isinstance(written[-1], Thinking) or written[-1] == Text("")):
            written.pop()
        kept.extend(
            block.text
            for block in written
            if isinstance(block, Thinking) and block.signature is not None and block.signature.dialect == NAME
        )
    return kept


def spoken(message: Message) -> list[tuple[str, str]]:
    """What a turn of the model says and calls, in order."""
    said: list[tuple[str, str]] = []
    for block in message.blocks:
        if isinstance(block, Text) and block.text:
            said.append(("text", block.text))
        elif isinstance(block, ToolCall):
            empty = not block.custom and says_nothing(block.arguments)
            said.append(("call", "{}" if empty else block.arguments))
    return said


@settings(max_examples=100)
@given(requests)
def test_texts_calls_results_and_media_survive(before: Request) -> None:
    rendered = render_request(before, TARGET)
    after = parse(rendered.wire.body)

    restored = rendered.emulation.tool_names
    assert [(restored.get(call.name, call.name), call.custom) for call in calls_of(after)] == [
        (call.name, call.custom) for call in calls_of(before)
    ]
    assert media_of(after) == media_of(before)
    assert own_thoughts(after) == own_thoughts(before)
    texts_after = [block.text for block in flat(after) if isinstance(block, Text)]
    texts_after.extend(block.text for block in after.system)
    for block in (*flat(before), *before.system):
        if isinstance(block, Text):
            assert any(block.text in text for text in texts_after)
    for message, following in itertools.pairwise((*after.messages, Message(Role.USER, ()))):
        made = [block.id for block in message.blocks if isinstance(block, ToolCall)]
        answered = [block.call_id for block in following.blocks if isinstance(block, ToolResult)]
        assert not made or answered == made


@settings(max_examples=60)
@given(requests)
def test_what_the_model_said_and_called_keeps_its_order(before: Request) -> None:
    after = parse(render_request(before, TARGET).wire.body)

    def order(request: Request) -> list[tuple[str, str]]:
        turns = (message for message in request.messages if message.role is Role.ASSISTANT)
        return [one for turn in turns for one in spoken(turn)]

    assert order(after) == order(before)


@settings(max_examples=60)
@given(requests)
def test_a_request_of_this_dialect_stays_what_it_is(request: Request) -> None:
    begun = msgspec.structs.replace(request, messages=(Message(Role.USER, (Text("hi"),)), *request.messages))
    once = parse(render_request(begun, TARGET).wire.body)
    twice = parse(render_request(once, TARGET).wire.body)
    assert twice == once


@settings(max_examples=60)
@given(requests, st.lists(turns, max_size=3))
def test_a_longer_history_begins_with_the_same_items(request: Request, later: list[Message]) -> None:
    # results that a client sends late belong to the calls before them, wherever they come from
    spoken = Message(Role.ASSISTANT, (Text("so far"),))
    asked = Message(Role.USER, (Text("go on"),))
    short = msgspec.structs.replace(request, messages=(*request.messages, spoken, asked))
    long = msgspec.structs.replace(
        request, messages=(*short.messages, Message(Role.ASSISTANT, (Text("x"),)), *later)
    )
    first, second = (json.loads(render_request(each, TARGET).wire.body) for each in (short, long))
    assert second["input"][: len(first["input"])] == first["input"]
    for name in first.keys() - {"input"}:
        assert second[name] == first[name]


@settings(max_examples=60)
@given(requests)
def test_no_foreign_signature_and_no_thought_ever_leaves(request: Request) -> None:
    secret = Message(
        Role.ASSISTANT,
        (
            Thinking("do not tell", Signature("anthropic", "x", "FOREIGN")),
            Thinking("do not tell", Signature(NAME, "elsewhere", "rs_1 FOREIGN")),
            ToolCall("a", "f", "{}", signature=Signature("gemini", "", "FOREIGN")),
        ),
    )
    marked = msgspec.structs.replace(request, messages=(*request.messages, secret))
    body = render_request(marked, TARGET).wire.body
    assert b"do not tell" not in body
    assert b"FOREIGN" not in body


@settings(max_examples=60)
@given(requests)
def test_rendering_is_a_function_of_the_request(request: Request) -> None:
    rendered = render_request(request, TARGET)
    assert rendered == render_request(request, TARGET)
    assert json.loads(rendered.wire.body)["input"]


plain_turns = st.one_of(
    st.builds(Message, st.just(Role.USER), blocks(told, documents)),
    st.builds(Message, st.just(Role.ASSISTANT), blocks(told, st.builds(Thinking, texts, foreign), calls)),
    st.builds(Message, st.just(Role.USER), blocks(results.filter(has_no_picture), told)),
)


@settings(max_examples=60)
@given(requests, st.lists(plain_turns, min_size=1, max_size=6))
def test_what_is_rendered_is_what_openai_takes(request: Request, turns: list[Message]) -> None:
    asked = msgspec.structs.replace(request, messages=tuple(turns))
    sent = render_request(asked, TARGET).wire
    headers = {"content-type": "application/json"}
    body = read_request(Incoming("POST", f"/v1{sent.path}", {}, headers, sent.body), Access())
    check_conversation(body)


# --- garbage -------------------------------------------------------------------------------------


def refusals(body: bytes) -> set[FailureKind]:
    kinds: set[FailureKind] = set()
    for read in (read_head, parse_request):
        try:
            read(body, Location())
        except FailureError as error:
            kinds.add(error.failure.kind)
    return kinds


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_random_bytes_are_refused_as_the_clients_fault(body: bytes) -> None:
    assert refusals(body) == {FailureKind.INVALID_REQUEST}


KINDS = st.sampled_from(
    [
        "message",
        "function_call",
        "function_call_output",
        "reasoning",
        "additional_tools",
        "input_text",
        "namespace",
    ]
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | KINDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "role",
                    "content",
                    "type",
                    "text",
                    "summary",
                    "call_id",
                    "name",
                    "arguments",
                    "output",
                    "tools",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)
members = st.dictionaries(
    st.sampled_from(
        ["input", "tools", "tool_choice", "text", "reasoning", "include", "instructions", "metadata", "store"]
    ),
    values,
)


@settings(max_examples=100)
@given(members, values)
def test_any_json_is_read_or_refused_as_the_clients_fault(fields: dict[str, object], item: object) -> None:
    body = {"model": "m", "input": [item, {"role": "user", "content": "x"}], **fields}
    assert refusals(json.dumps(body).encode()) <= {FailureKind.INVALID_REQUEST}
