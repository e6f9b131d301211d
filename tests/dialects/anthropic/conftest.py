"""What the tests of the Messages format share: targets, replies, and a strict reader of its streams."""

from collections.abc import Callable

import msgspec
import pytest

from dragoman.conversation.blocks import Block, Text
from dragoman.conversation.events import Event
from dragoman.conversation.request import Message, Reasoning, Request, Role
from dragoman.dialects.anthropic import DIALECT
from dragoman.dialects.dialect import Host, Location, Rendered, Reply, Target
from dragoman.models.profile import UNKNOWN, Profile

SONNET = Profile(
    family="claude-4.5",
    max_output_tokens=64000,
    reasoning="budget",
    sampling="one",
    prefill=True,
    candidates=False,
)
OPUS = Profile(
    family="claude-opus-5",
    max_output_tokens=128000,
    reasoning="adaptive",
    efforts=("low", "medium", "high", "xhigh", "max"),
    reasoning_default=True,
    sampling="none",
    system_in_place=True,
)
PROFILES = {"sonnet": SONNET, "opus": OPUS, "unknown": UNKNOWN}


@pytest.fixture(scope="session")
def target() -> Callable[..., Target]:
    """A target by the short name of its profile, with changes to the profile."""

    def make(profile: str = "sonnet", host: Host | None = None, **changes: object) -> Target:
        changed = msgspec.structs.replace(PROFILES[profile], **changes)
        return Target("anthropic", "claude-model", "anthropic/claude", changed, host or Host())

    return make


@pytest.fixture(scope="session")
def request_of() -> Callable[..., Request]:
    """A request of another dialect with one user turn, and whatever is said besides."""

    def make(*blocks: Block, **changes: object) -> Request:
        messages = (Message(Role.USER, blocks or (Text("Hello"),)),)
        request = Request(dialect="openai_chat", model="m", messages=messages)
        return msgspec.structs.replace(request, **changes)

    return make


@pytest.fixture(scope="session")
def render(target: Callable[..., Target]) -> Callable[..., Rendered]:
    """Render for a target by the short name of its profile."""

    def make(
        request: Request, profile: str = "sonnet", host: Host | None = None, **changes: object
    ) -> Rendered:
        return DIALECT.render_request(request, target(profile, host, **changes))

    return make


@pytest.fixture(scope="session")
def body_of(render: Callable[..., Rendered]) -> Callable[..., dict[str, object]]:
    """The body that a request is rendered to."""

    def make(request: Request, profile: str = "sonnet", **changes: object) -> dict[str, object]:
        return msgspec.json.decode(render(request, profile, **changes).wire.body)

    return make


@pytest.fixture(scope="session")
def losses_of(render: Callable[..., Rendered]) -> Callable[..., list[str]]:
    """The codes of the losses that rendering a request leads to."""

    def make(request: Request, profile: str = "sonnet", **changes: object) -> list[str]:
        return [loss.code for loss in render(request, profile, **changes).losses]

    return make


@pytest.fixture(scope="session")
def parse() -> Callable[..., Request]:
    """Parse a request of this dialect, given as keyword arguments beside the required ones."""

    def make(**fields: object) -> Request:
        whole = {
            "model": "claude",
            "max_tokens": 100,
            "messages": [{"role": "user", "content": "Hello"}],
            **fields,
        }
        return DIALECT.parse_request(msgspec.json.encode(whole), Location())

    return make


@pytest.fixture(scope="session")
def reply() -> Callable[..., Reply]:
    """What an answer is written with, for a client of this dialect."""

    def make(reasoning: Reasoning | None = None) -> Reply:
        request = Request(dialect="anthropic", model="asked-model", messages=(), reasoning=reasoning)
        return Reply(request, Location(), 1_700_000_000, "msg_fallback", "fp", "google/gemini")

    return make


@pytest.fixture(scope="session")
def sse() -> Callable[..., bytes]:
    """Events of the wire, given as objects, as the bytes of a stream."""

    def make(*events: dict[str, object]) -> bytes:
        return b"".join(
            b"event: " + str(event["type"]).encode() + b"\ndata: " + msgspec.json.encode(event) + b"\n\n"
            for event in events
        )

    return make


@pytest.fixture(scope="session")
def encoded(reply: Callable[..., Reply]) -> Callable[..., bytes]:
    """The whole stream that neutral events are written as."""

    def make(*events: Event, reasoning: Reasoning | None = None) -> bytes:
        encoder = DIALECT.stream_encoder(reply(reasoning))
        return b"".join([*(encoder.encode(event) for event in events), encoder.close()])

    return make


@pytest.fixture(scope="session")
def read_stream() -> Callable[[bytes], dict[str, object]]:
    """The message that a stream amounts to, after every rule of the format has been checked on it."""
    return _read_stream


class WireEvent(msgspec.Struct):
    """One event of a stream."""

    type: str
    index: int | None = None
    message: dict[str, object] = {}
    content_block: dict[str, object] = {}
    delta: dict[str, object] = {}
    usage: dict[str, object] = {}


COUNTS = {"input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"}


def _read_stream(data: bytes) -> dict[str, object]:
    assert data.endswith(b"\n\n")
    events = [_frame(frame) for frame in data[:-2].split(b"\n\n")]
    assert events[0].type == "message_start"
    assert [event.type for event in events[-2:]] == ["message_delta", "message_stop"]
    message = events[0].message
    assert message["content"] == []
    assert message["stop_reason"] is None
    usage = message["usage"]
    assert isinstance(usage, dict)
    assert usage.keys() >= COUNTS
    blocks: list[_Block] = []
    is_open = False
    for event in events[1:-2]:
        match event.type:
            case "content_block_start":
                assert not is_open
                assert event.index == len(blocks)
                blocks.append(_Block(event.content_block))
                is_open = True
            case "content_block_delta":
                assert is_open
                assert event.index == len(blocks) - 1
                blocks[-1].grow(event.delta)
            case "content_block_stop":
                assert is_open
                assert event.index == len(blocks) - 1
                is_open = False
            case other:
                raise AssertionError(f"`{other}` in the middle of a stream")
    assert not is_open
    assert events[-2].usage.keys() >= COUNTS
    content = [block.whole() for block in blocks]
    return {**message, "content": content, **events[-2].delta, "usage": {**usage, **events[-2].usage}}


def _frame(frame: bytes) -> WireEvent:
    name, data = frame.split(b"\n")
    assert name.startswith(b"event: ")
    assert data.startswith(b"data: ")
    event = msgspec.json.decode(data[6:], type=WireEvent)
    assert event.type == name[7:].decode()
    return event


class _Block:
    """One block as a client puts it together."""

    def __init__(self, start: dict[str, object]) -> None:
        self._start = start
        self._input = ""
        self._citations: list[object] = []
        self._signed = False
        match start["type"]:
            case "text":
                assert start["text"] == ""
            case "tool_use" | "server_tool_use":
                assert start["input"] == {}
            case "thinking":
                assert start["thinking"] == start["signature"] == ""
            case _:
                pass

    def grow(self, delta: dict[str, object]) -> None:
        start = self._start
        assert not self._signed, "nothing follows a signature"
        match start["type"], delta["type"]:
            case "text", "text_delta":
                start["text"] = f"{start['text']}{delta['text']}"
            case "text", "citations_delta":
                self._citations.append(delta["citation"])
            case "thinking", "thinking_delta":
                start["thinking"] = f"{start['thinking']}{delta['thinking']}"
            case "thinking", "signature_delta":
                start["signature"] = delta["signature"]
                self._signed = True
            case "tool_use" | "server_tool_use", "input_json_delta":
                self._input += str(delta["partial_json"])
            case block, other:
                raise AssertionError(f"`{other}` in a `{block}` block")

    def whole(self) -> dict[str, object]:
        start = self._start
        match start["type"]:
            case "text":
                assert start["text"], "an empty text block comes back in the history and is refused"
                return {**start, "citations": self._citations} if self._citations else start
            case "thinking":
                assert start["signature"], "clients refuse an empty signature"
            case "tool_use" | "server_tool_use":
                start["input"] = msgspec.json.decode(self._input or "{}")
            case _:
                pass
        return start
