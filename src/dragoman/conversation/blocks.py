"""Blocks: what messages are made of, in requests and in answers."""

import msgspec

from dragoman.conversation.opaque import Opaque, Signature


class Inline(msgspec.Struct, frozen=True):
    """Media sent with the message: base64 text without any prefix, and its media type."""

    media_type: str
    data: str


class Remote(msgspec.Struct, frozen=True):
    """Media that the receiving side fetches from a URL."""

    url: str
    media_type: str | None = None


class Stored(msgspec.Struct, frozen=True):
    """Media kept at one vendor under an id that means nothing anywhere else."""

    dialect: str
    file_id: str
    media_type: str | None = None


Source = Inline | Remote | Stored


class CacheMark(msgspec.Struct, frozen=True):
    """The prompt prefix up to and including this block may be cached; `ttl` as `5m` or `1h`."""

    ttl: str | None = None


class Citation(msgspec.Struct, frozen=True):
    """Where a span of answer text comes from.

    `start` and `end` count code points from the beginning of the cited Text block, `end` exclusive;
    None where the vendor gives no span (then the whole block is meant). `json` is the vendor's own
    object, for the way back to `dialect`.
    """

    url: str | None = None
    title: str | None = None
    cited_text: str | None = None
    start: int | None = None
    end: int | None = None
    dialect: str = ""
    json: bytes = b""


class Text(msgspec.Struct, frozen=True):
    """Visible text. `signature` may sit on it where a vendor signs plain text parts."""

    text: str
    citations: tuple[Citation, ...] = ()
    cache: CacheMark | None = None
    signature: Signature | None = None
    opaque: tuple[Opaque, ...] = ()


class Refusal(msgspec.Struct, frozen=True):
    """Text in which the model declines, where the vendor marks it as such."""

    text: str


class Image(msgspec.Struct, frozen=True):
    """A picture; `detail` is `auto`, `low`, `high` or `original`."""

    source: Source
    detail: str | None = None
    cache: CacheMark | None = None
    opaque: tuple[Opaque, ...] = ()


class Audio(msgspec.Struct, frozen=True):
    """A sound recording."""

    source: Source
    opaque: tuple[Opaque, ...] = ()


class Document(msgspec.Struct, frozen=True):
    """A file to be read: PDF, plain text and the like. `cited` asks for citations into it."""

    source: Source
    title: str | None = None
    context: str | None = None
    cited: bool = False
    cache: CacheMark | None = None
    opaque: tuple[Opaque, ...] = ()


class Thinking(msgspec.Struct, frozen=True):
    """Reasoning before or between answers.

    With `redacted`, `text` is empty and the reasoning is inside `signature.value`, encrypted.
    """

    text: str
    signature: Signature | None = None
    redacted: bool = False


class ToolCall(msgspec.Struct, frozen=True):
    """The model asks for a tool to be run.

    `arguments` is the raw text that the model wrote: JSON as a rule, not always valid; for a
    `custom` tool free text. `id` may be empty where a vendor gives none. `signature` may sit on it
    where a vendor signs calls.
    """

    id: str
    name: str
    arguments: str
    custom: bool = False
    signature: Signature | None = None
    cache: CacheMark | None = None
    opaque: tuple[Opaque, ...] = ()


class ToolResult(msgspec.Struct, frozen=True):
    """What a tool answered. It stands in a user message.

    `name` is the tool's name where the wire carries it. `call_id` may be empty where a vendor
    matches results to calls by order.
    """

    call_id: str
    blocks: "tuple[Text | Image | Audio | Document | Unknown, ...]"
    name: str | None = None
    is_error: bool = False
    cache: CacheMark | None = None
    opaque: tuple[Opaque, ...] = ()


class Unknown(msgspec.Struct, frozen=True):
    """A block that only `dialect` has; `kind` is the vendor's word for it, `json` its bytes.

    With `server_side`, it records work that the vendor did itself (a web search, code run there):
    other vendors do without it. Without, it is content, and a renderer of another dialect refuses
    the request rather than drop it.
    """

    dialect: str
    kind: str
    json: bytes
    server_side: bool = False


Block = Text | Refusal | Image | Audio | Document | Thinking | ToolCall | ToolResult | Unknown
