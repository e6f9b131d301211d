"""The shape that every wire format has: what the gateway asks of a dialect, and nothing more.

A dialect is a value: functions and facts. The gateway never asks which one it holds.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from dragoman.conversation.embedding import EmbeddingRequest, EmbeddingResponse
from dragoman.conversation.events import Event
from dragoman.conversation.failure import Failure
from dragoman.conversation.loss import Loss
from dragoman.conversation.rate_limit import RateLimit
from dragoman.conversation.request import Request
from dragoman.conversation.response import Response, StopReason
from dragoman.conversation.usage import Usage
from dragoman.models.profile import Profile


class Location(msgspec.Struct, frozen=True):
    """What the URL of a client's request says, where the wire format puts it there.

    Google's format names the model and asks for streaming, and for one embedding or a batch of them,
    in the path, and chooses between server-sent events and a JSON array by `alt=sse`.
    """

    model: str | None = None
    stream: bool = False
    sse: bool = True
    batch: bool = False


class Head(msgspec.Struct, frozen=True):
    """The top level of a request: enough to route it and to pass it on unread.

    `fields` holds every top-level member as the client wrote it. `sealed` says that the body holds
    sealed signatures of another vendor, or ids that were made here, so that it cannot be passed on as it is.
    """

    model: str
    stream: bool
    location: Location
    fields: dict[str, msgspec.Raw]
    stream_usage: bool = False
    candidates: int = 1
    sealed: bool = False


class Host(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one host of a wire format differs from the vendor that made it. The defaults are the
    vendor's own ways; unknown hosts are assumed to be like it.
    """

    instructions_role: Literal["system", "developer"] | None = None
    """The role of instructions; None leaves it to the model's profile."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    stream_options: bool = True
    """Whether `stream_options` is understood."""
    message_names: bool = True
    """Whether a message may carry `name`."""
    rejects: frozenset[str] = frozenset()
    """Top-level request fields that the host answers with an error."""
    replays_reasoning: bool = False
    """Whether reasoning text must come back with the next turn (as `reasoning_content`)."""
    remote_media: bool = True
    """Whether media may be given by URL; else the gateway fetches them and sends them inline."""
    files: bool = True
    """Whether documents are taken at all."""
    custom_tools: bool = True
    """Whether free-text tools are understood, where the wire format has them."""
    allowed_tools: bool = True
    """Whether a tool choice may list the tools that are allowed, where the wire format has that."""
    text_parts: bool = True
    """Whether instructions and tool results may be lists of parts; else they are joined to one string."""


class Target(msgspec.Struct, frozen=True):
    """Where an attempt goes, as far as wire formats care.

    `origin` names provider and model family: the unit within which signatures are valid.
    """

    provider: str
    model: str
    origin: str
    profile: Profile
    host: Host = Host()


class Emulation(msgspec.Struct, frozen=True):
    """What the gateway has to do to the answer, because the request could not ask for it."""

    stop: tuple[str, ...] = ()
    """Cut the text at the first of these."""
    answer_tool: str | None = None
    """The call of this tool is the answer's text."""
    fan_out: int = 1
    """Send the request so often, and give each answer its own choice index."""
    single_call: bool = False
    """Let only the first tool call through."""
    tool_names: dict[str, str] = {}
    """Names of tools on the wire that stand for the client's own names."""
    custom_tools: frozenset[str] = frozenset()
    """Function tools (by the client's name) that stand for free-text tools: their argument
    `input` is the text."""
    wrapped_in: str | None = None
    """The answer's JSON is the value of this one property, because the target's schemas must be
    objects; the client gets the value."""
    bare: bool = False
    """Where that value is a string, the client gets its text, not its JSON."""
    hide_reasoning: bool = False
    """Keep the text of reasoning from the client; its signatures go through."""

    @property
    def needed(self) -> bool:
        """Whether the answer has to be touched at all."""
        return self != _NONE

    @property
    def named(self) -> tuple[str, ...]:
        """The names of the fields that say something, for people who want to know what is done."""
        return tuple(
            field for field in self.__struct_fields__ if getattr(self, field) != getattr(_NONE, field)
        )

    def apart(self) -> "tuple[Emulation, Emulation]":
        """What the answer itself needs, and what is only hidden from the client: between the two stands
        what the gateway remembers.
        """
        if not self.hide_reasoning:
            return self, _NONE
        return msgspec.structs.replace(self, hide_reasoning=False), Emulation(hide_reasoning=True)


_NONE = Emulation()


class WireRequest(msgspec.Struct, frozen=True):
    """An HTTP request without its host: `path` is relative to the provider's base URL and begins
    with a slash; `headers` are those that the wire format itself demands, credentials excluded.
    """

    path: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class Rendered(msgspec.Struct, frozen=True):
    """A request in a target's wire format, and what became of the client's wishes on the way."""

    wire: WireRequest
    losses: tuple[Loss, ...] = ()
    emulation: Emulation = _NONE


class Passed(msgspec.Struct, frozen=True):
    """A request of the target's own dialect, on its way unread.

    `hide_usage` says that usage was asked for only by us: the frame that holds it is not for the
    client.
    """

    wire: WireRequest
    hide_usage: bool = False


class Sent(msgspec.Struct, frozen=True):
    """What a client has of a passed-through stream that breaks: whole frames, none where it has nothing.

    `opening` holds all of it up to the first piece of the answer itself, `last` the last frames after
    that which are more than comments.
    """

    opening: bytes = b""
    last: bytes = b""

    @property
    def begun(self) -> bool:
        """Whether the client has anything."""
        return bool(self.opening or self.last)


class Meter(msgspec.Struct, frozen=True):
    """What the gateway itself reads from a whole answer that it passes on unread."""

    usage: Usage | None
    stops: tuple[StopReason, ...]


class Reply(msgspec.Struct, frozen=True):
    """What a dialect needs besides the answer itself to write it for its client.

    `created` is in Unix seconds and `fallback_id` is unique: codecs read no clock and draw no
    random numbers, so the gateway says them. `fingerprint` stands for the backend's configuration
    (OpenAI's `system_fingerprint`). `origin` is where the answer comes from. `previous` is the id of the
    answer that the request went on from, where the gateway has completed its conversation.
    """

    request: Request
    location: Location
    created: int
    fallback_id: str
    fingerprint: str
    origin: str
    previous: str | None = None


class ErrorBody(msgspec.Struct, frozen=True):
    """A failure as an HTTP answer in a dialect's own form."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class ModelCard(msgspec.Struct, frozen=True):
    """One model as the models endpoints show it. `created` is in Unix seconds."""

    id: str
    created: int
    owner: str
    max_output_tokens: int | None = None


class StreamDecoder(Protocol):
    """Bytes of an upstream's stream in, events out. Never raises for what the upstream sent: bytes
    that make no sense give one `Failed`, and everything after it gives nothing.
    """

    @property
    def pending(self) -> int:
        """Bytes at the end of what was fed that belong to no whole frame yet."""
        ...

    @property
    def complete(self) -> bool:
        """Whether the format's own end of the stream has come: nothing more is expected but the end of
        the connection. Never in formats without such a mark, and not where a host leaves it out.
        """
        ...

    def skim(self, data: bytes, /) -> str | None:
        """The words of the answer that `data` holds, where it is one frame with a delta of them and nothing
        else, like the one before it; it is read then. None for anything else, which is to be fed.

        For whoever only counts: most of every stream need not be made into events.
        """
        ...

    def feed(self, data: bytes, /) -> list[Event]:
        """The events that `data` completes."""
        ...

    def close(self) -> list[Event]:
        """The upstream has closed the stream: what was still open, or `Failed` where the stream
        ended before the answer did.
        """
        ...


class StreamEncoder(Protocol):
    """Events in, bytes for a client out."""

    def encode(self, event: Event, /) -> bytes:
        """The frames that `event` leads to; may be none, for what has to be held back."""
        ...

    def close(self) -> bytes:
        """The frames that end the stream. After `Failed`, only what a client needs to hang up."""
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class Dialect:
    """One wire format, both sides of it."""

    name: str
    credential: tuple[str, str]
    """The header that carries the key upstream, and what stands before the key in it."""
    forwarded: tuple[str, ...]
    """Prefixes of client headers (lower case) that belong to the format and go upstream as they are."""

    read_head: Callable[[bytes, Location], Head]
    """Check the top level of a request. Raises `FailureError` that names the field at fault."""
    parse_request: Callable[[bytes, Location], Request]
    """Read a whole request. Raises `FailureError` that names the field at fault."""
    render_request: Callable[[Request, Target], Rendered]
    """Write a request for a target. Raises `FailureError` for content that the target cannot take."""
    passthrough: Callable[[Head, bytes, Target], Passed]
    """Swap the model of a request of this dialect and leave every other byte alone."""

    parse_response: Callable[[bytes, str], Response]
    """Read a whole answer from an origin. Raises `FailureError` for anything that is not one."""
    render_response: Callable[[Response, Reply], bytes]
    """Write a whole answer for the client."""
    meter_response: Callable[[bytes], Meter]
    """Read what is accounted for. Raises `FailureError` for anything that is not an answer."""

    stream_decoder: Callable[[str], StreamDecoder]
    """A decoder for a stream from an origin."""
    stream_encoder: Callable[[Reply], StreamEncoder]
    stream_failure: Callable[[Failure, Location, Sent], bytes]
    """The bytes that end a passed-through stream with an error, after what went to the client before."""
    hide_usage: Callable[[bytes], bytes]
    """Whole frames without those that hold nothing but usage."""
    stream_type: Callable[[Location], str]
    """The media type of a streamed answer."""

    parse_error: Callable[[int, Mapping[str, str], bytes], Failure]
    """What an upstream's error answer means. Header names are in lower case. Never raises."""
    render_error: Callable[[Failure, str], ErrorBody]
    """A failure for the client, with the gateway's id of the request."""
    rate_limit_headers: Callable[[Sequence[RateLimit], float], list[tuple[str, str]]]
    """What tells a client how much of its limits is left, at a time in Unix seconds; of several limits of one
    kind the tightest is told. Nothing where the format has no headers for it."""

    render_models: Callable[[list[ModelCard]], bytes]
    render_model: Callable[[ModelCard], bytes]

    keep_alive: Callable[[Location], bytes]
    """What may stand between frames of a stream to show that it is alive, and before the first."""
    stream_end: Callable[[Location], bytes] = lambda _: b""
    """What ends a stream whose answer is complete, for clients that wait for it; empty where the answer
    itself says so."""
    field_paths: Mapping[str, str] = dataclasses.field(default_factory=dict[str, str])
    """Where the losses' paths, which are in the words of Chat Completions (`$.max_tokens`), lie in
    a request of this format (`$.generationConfig.maxOutputTokens`). Prefixes; the longest wins. `[*]`
    stands for any index, and in the path of this format for the same one."""
    counting: "Counting | None" = None
    """How prompts are counted before they are sent; None for formats without a way to ask."""
    embedding: "Embedding | None" = None
    """How embeddings are asked for; None for formats that have none."""
    state: "State | None" = None
    """How a request refers to answers that are kept on the serving side; None for formats in which
    every request is complete."""


@dataclasses.dataclass(frozen=True, slots=True)
class Counting:
    """One wire format's way of counting a prompt's tokens without an answer."""

    read_head: Callable[[bytes, Location], Head]
    """Check the top level of a request for a count. Raises `FailureError` that names the field at fault."""
    parse_request: Callable[[bytes, Location], Request]
    """Read a request for a count: a conversation. Raises `FailureError` that names the field at fault."""
    render_request: Callable[[Request, Target], WireRequest] | None
    """Ask a target for the count; None where the vendor has no endpoint for it."""
    passthrough: Callable[[Head, bytes, Target], WireRequest] | None
    """A client's request for a count to a target of the same format, but for the model."""
    parse_response: Callable[[bytes], int]
    """The number of input tokens. Raises `FailureError` for anything that is not a count."""
    render_response: Callable[[int], bytes]


@dataclasses.dataclass(frozen=True, slots=True)
class Embedding:
    """One wire format's way of asking for embeddings; whole answers only."""

    max_inputs: int
    """How many inputs one request may hold; the gateway sends more of them in several requests."""
    read_head: Callable[[bytes, Location], Head]
    """Check the top level of a request. Raises `FailureError` that names the field at fault."""
    passthrough: Callable[[Head, bytes, Target], WireRequest]
    """A client's request to a target of the same format, but for the model."""
    meter_response: Callable[[bytes], int | None]
    """The tokens that an answer passed on unread says it took, None where it does not say. Raises
    `FailureError` for anything that is not an answer.
    """
    parse_request: Callable[[bytes, Location], EmbeddingRequest]
    render_request: Callable[[EmbeddingRequest, Target], Rendered]
    """Raises `FailureError` for inputs that the target cannot take (token arrays, for example)."""
    parse_response: Callable[[bytes, EmbeddingRequest], EmbeddingResponse]
    render_response: Callable[[EmbeddingResponse, EmbeddingRequest], bytes]


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """One wire format's way of going on from an earlier answer that the serving side has kept.

    A conversation is kept as the format's own JSON texts, request and answer; the history that they make
    is what a next request has to begin with.
    """

    kept: Callable[[Head], bool]
    """Whether the client wants the answer to be kept (`store`)."""
    previous: Callable[[Head], str | None]
    """The id of the answer from which a request goes on (`previous_response_id`)."""
    continued: Callable[[bytes, bytes], bytes]
    """A request's body, and the history that it goes on from: a body that is complete by itself."""
    history: Callable[[bytes, bytes], bytes]
    """A complete request's body, and the answer to it: the history that they make."""
    identified: Callable[[bytes], str]
    """The id of an answer."""
    render_items: Callable[[bytes], bytes]
    """The list of a kept request's input items, from its complete body."""
    render_deleted: Callable[[str], bytes]
    """What says that the answer with this id is no longer kept."""
