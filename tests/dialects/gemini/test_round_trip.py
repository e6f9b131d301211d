"""What goes through a client and comes back, and what is written and read again."""

import base64
import json
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.conversation.blocks import (
    Block,
    Document,
    Image,
    Inline,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from dragoman.conversation.fold import fold, unfold
from dragoman.conversation.opaque import Signature
from dragoman.conversation.request import FunctionTool, Message, Reasoning, Request, Role
from dragoman.conversation.response import Choice, Response, Stop, StopReason
from dragoman.conversation.usage import Usage
from dragoman.dialects.dialect import Location, Reply, Target
from dragoman.dialects.gemini import DIALECT
from dragoman.models.profile import Profile

MakeReply = Callable[..., Reply]
CLAUDE = "anthropic/claude-4.5"
HERE = Location("gemini-3-pro", stream=True)


def reply_for(*, thoughts: bool, sse: bool = True) -> Reply:
    request = Request("gemini", "m", (), reasoning=Reasoning(visible=thoughts))
    return Reply(request, Location("m", True, sse), 0, "fallback", "fp", "o")


def streamed(response: Response, reply: Reply) -> list[dict[str, object]]:
    """The contents of all chunks that a streaming client gets."""
    encoder = DIALECT.stream_encoder(reply)
    stream = b"".join(encoder.encode(event) for event in unfold(response)) + encoder.close()
    frames = [frame.removeprefix(b"data: ") for frame in stream.split(b"\r\n\r\n") if frame]
    return [json.loads(frame)["candidates"][0]["content"] for frame in frames]


def whole(response: Response, reply: Reply) -> list[dict[str, object]]:
    return [json.loads(DIALECT.render_response(response, reply))["candidates"][0]["content"]]


def kept(contents: list[dict[str, object]]) -> list[dict[str, object]]:
    """A client that keeps every chunk as it is, as Google's own chat does."""
    return contents


def joined(contents: list[dict[str, object]]) -> list[dict[str, object]]:
    """A client that joins texts, keeps no thoughts and drops what is empty and unsigned."""
    parts: list[dict[str, object]] = []
    for content in json.loads(json.dumps(contents)):
        for part in content["parts"]:
            if part.get("thought"):
                continue
            if part.get("text") == "" and "thoughtSignature" not in part:
                continue
            last = parts[-1] if parts else {}
            if set(part) == {"text"} and set(last) == {"text"}:
                last["text"] = f"{last['text']}{part['text']}"
            else:
                parts.append(part)
    return [{"role": "model", "parts": parts}]


def recoded(contents: list[dict[str, object]]) -> list[dict[str, object]]:
    """A client that decodes signatures as bytes and encodes them in the other alphabet."""
    copies = json.loads(json.dumps(contents))
    for content in copies:
        for part in content["parts"]:
            if value := part.get("thoughtSignature"):
                raw = base64.b64decode(value, validate=True)
                part["thoughtSignature"] = base64.urlsafe_b64encode(raw).decode()
    return copies


def returned(contents: list[dict[str, object]]) -> tuple[Block, ...]:
    """The model's turn as the client's next request brings it back."""
    user = {"role": "user", "parts": [{"text": "go on"}]}
    body = json.dumps({"contents": [user, *contents, user]}).encode()
    return DIALECT.parse_request(body, HERE).messages[1].blocks


def signature(value: str) -> Signature:
    return Signature("anthropic", CLAUDE, value)


TURN: tuple[Block, ...] = (
    Thinking("First, look.\n", signature("s1+/=")),
    Thinking("", signature("encrypted"), redacted=True),
    Text("Let me see: größer"),
    Thinking("Then, act.", signature("s2")),
    ToolCall("toolu_1", "look", '{"x":1.0}'),
    ToolCall("toolu_2", "look", "{}"),
    Thinking("Afterwards.", signature("s3")),
    Text("Done."),
)


@pytest.mark.parametrize("client", [kept, joined, recoded])
@pytest.mark.parametrize("sent", [streamed, whole])
@pytest.mark.parametrize("thoughts", [True, False])
def test_signed_reasoning_of_another_vendor_comes_back_exactly_and_in_place(
    client: Callable[[list[dict[str, object]]], list[dict[str, object]]],
    sent: Callable[[Response, Reply], list[dict[str, object]]],
    thoughts: bool,
) -> None:
    response = Response("msg_1", "claude", (Choice(0, TURN, Stop(StopReason.END)),))
    assert returned(client(sent(response, reply_for(thoughts=thoughts)))) == TURN


WORDS = st.text(min_size=1, max_size=6)


@st.composite
def turns(draw: st.DrawFn) -> tuple[Block, ...]:
    """Turns of a model whose reasoning is signed by another vendor, no two texts side by side."""
    turn: list[Block] = []
    for kind in draw(st.lists(st.sampled_from(["thinking", "redacted", "call", "text"]), max_size=7)):
        match kind:
            case "thinking":
                turn.append(Thinking(draw(WORDS), signature(draw(WORDS))))
            case "redacted":
                turn.append(Thinking("", signature(draw(WORDS)), redacted=True))
            case "call":
                turn.append(ToolCall(f"id_{len(turn)}", draw(WORDS), '{"a":1}'))
            case _ if not turn or not isinstance(turn[-1], Text):
                turn.append(Text(draw(WORDS)))
            case _:
                pass
    return tuple(turn)


@given(turn=turns(), thoughts=st.booleans(), stream=st.booleans(), loses=st.booleans())
@settings(max_examples=100, deadline=None)
def test_any_turn_of_another_vendor_comes_back_exactly(
    turn: tuple[Block, ...], thoughts: bool, stream: bool, loses: bool
) -> None:
    response = Response("msg_1", "claude", (Choice(0, turn, Stop(StopReason.END)),))
    contents = (streamed if stream else whole)(response, reply_for(thoughts=thoughts))
    assert returned(joined(contents) if loses else contents) == turn


def test_googles_own_signatures_come_back_unchanged() -> None:
    turn: tuple[Block, ...] = (
        Thinking("t"),
        ToolCall("1", "f", "{}", signature=Signature("gemini", "google/gemini-3", "c2ln")),
    )
    response = Response("r", "gemini", (Choice(0, turn, Stop(StopReason.TOOL_CALLS)),))
    native = Signature("gemini", "", "c2ln")
    for sent in (streamed, whole):
        assert returned(sent(response, reply_for(thoughts=True))) == (
            Thinking("t"),
            ToolCall("1", "f", "{}", signature=native),
        )


def test_a_body_with_anothers_signature_is_sealed() -> None:
    response = Response("msg_1", "claude", (Choice(0, TURN, Stop(StopReason.END)),))
    body = json.dumps({"contents": streamed(response, reply_for(thoughts=False))}).encode()
    assert DIALECT.read_head(body, HERE).sealed


# --- answers ---------------------------------------------------------------------------------------


@st.composite
def answers(draw: st.DrawFn) -> Response:
    """Answers as an upstream of any format may give them."""
    blocks: list[Block] = []
    for kind in draw(
        st.lists(st.sampled_from(["text", "thinking", "call", "image"]), min_size=1, max_size=5)
    ):
        match kind:
            case "text":
                blocks.append(Text(draw(WORDS)))
            case "thinking":
                blocks.append(Thinking(draw(WORDS)))
            case "call":
                blocks.append(ToolCall("id", draw(WORDS), '{"a":1.0}'))
            case _:
                blocks.append(Image(Inline("image/png", "QQ==")))
    stop = Stop(draw(st.sampled_from([StopReason.MAX_TOKENS, StopReason.REFUSAL])))
    return Response("r", "m", (Choice(0, tuple(blocks), stop),), usage=Usage(3, 4, reasoning=1))


def plain(response: Response) -> tuple[list[object], StopReason, Usage | None]:
    """An answer without what joining neighbours may change."""
    out: list[object] = []
    for block in response.choices[0].blocks:
        match block:
            case Text(text=text) | Thinking(text=text):
                out.extend((type(block), letter) for letter in text)
            case _:
                out.append(block)
    return out, response.choices[0].stop.reason, response.usage


@given(response=answers(), sse=st.booleans(), size=st.integers(1, 50))
@settings(max_examples=100, deadline=None)
def test_an_answer_written_and_read_is_the_same(response: Response, sse: bool, size: int) -> None:
    reply = reply_for(thoughts=True, sse=sse)
    read = DIALECT.parse_response(DIALECT.render_response(response, reply), "o")
    assert plain(read) == plain(response)
    encoder = DIALECT.stream_encoder(reply)
    stream = b"".join(encoder.encode(event) for event in unfold(response)) + encoder.close()
    decoder = DIALECT.stream_decoder("o")
    events = [
        event for start in range(0, len(stream), size) for event in decoder.feed(stream[start : start + size])
    ]
    assert plain(fold(events + decoder.close())) == plain(response)


# --- requests --------------------------------------------------------------------------------------


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """Requests of well-behaved clients of any format."""
    media: list[Block] = [Image(Inline("image/png", "QQ==")), Document(Inline("application/pdf", "QQ=="))]
    question = tuple(draw(st.lists(WORDS.map(Text) | st.sampled_from(media), min_size=1, max_size=3)))
    answer = draw(WORDS)
    result = ToolResult("call_1", (Text(draw(WORDS)),), name="look", is_error=draw(st.booleans()))
    parameters = b'{"type":"object","properties":{"a":{"type":"number"}}}'
    return Request(
        "openai_chat",
        "m",
        (
            Message(Role.USER, question),
            Message(Role.ASSISTANT, (Text(answer), ToolCall("call_1", "look", '{"a":1.0}'))),
            Message(Role.USER, (result,)),
            Message(Role.ASSISTANT, (Text(answer),)),
            Message(Role.USER, question),
        ),
        system=tuple(map(Text, draw(st.lists(WORDS, max_size=2)))),
        tools=(FunctionTool("look", "looks", parameters),),
    )


def said(request: Request) -> list[object]:
    """What a request says: texts, calls, results and media, in order."""
    out: list[object] = []
    for message in request.messages:
        for block in message.blocks:
            match block:
                case ToolCall(id=own, name=name, arguments=arguments):
                    out.append(("call", own, name, arguments))
                case ToolResult(call_id=own, name=name, blocks=blocks, is_error=failed):
                    texts = "".join(inner.text for inner in blocks if isinstance(inner, Text))
                    out.append(("result", own, name, texts, failed))
                case Text(text=text) | Refusal(text=text):
                    out.append((message.role, text))
                case _:
                    out.append((message.role, block))
    return out


MODERN = Profile("gemini-3", reasoning="level", efforts=("low", "high"))


@given(requests())
@settings(max_examples=100)
def test_a_request_written_and_read_says_the_same(request: Request) -> None:
    target = Target("google", "gemini-3-pro", "o", MODERN)
    rendered = DIALECT.render_request(request, target)
    assert rendered.losses == ()
    read = DIALECT.parse_request(rendered.wire.body, Location("gemini-3-pro"))
    assert said(read) == said(request)
    assert read.system == request.system
    assert read.tools == request.tools
    again = DIALECT.render_request(msgspec.structs.replace(read, model="m"), target)
    assert again.wire.body == rendered.wire.body
