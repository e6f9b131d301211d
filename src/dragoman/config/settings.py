"""Everything that can be configured: one struct for each section of the file.

Defaults are what a gateway on one's own machine wants. `docs/configuration.md` explains every field
to users; a test holds the two together.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from dragoman.config.secret import Secret
from dragoman.config.source import Source

MEBIBYTE = 1024 * 1024

Seconds = Annotated[float, Meta(gt=0, le=86_400)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of the configuration file."""


class Server(Section, frozen=True, forbid_unknown_fields=True):
    """`[server]`: where the gateway listens, and what it takes from clients."""

    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    """The address to listen on; `0.0.0.0` or `::` for every address of the machine."""
    port: Annotated[int, Meta(ge=0, le=65_535)] = 4100
    """The TCP port to listen on; 0 lets the system choose a free one."""
    max_body_bytes: Annotated[int, Meta(ge=1024, le=1024 * MEBIBYTE)] = 64 * MEBIBYTE
    """The largest request body in bytes; a larger one is answered with status 413."""
    cors_origins: tuple[Annotated[str, Meta(min_length=1)], ...] = ("*",)
    """Origins whose pages may call the gateway from a browser; `*` for all, empty for none. With
    `auth.open`, `*` means pages of this machine only."""


class Auth(Section, frozen=True, forbid_unknown_fields=True):
    """`[auth]`: who may use the gateway."""

    keys: tuple[Secret, ...] = ()
    """Keys that clients may present. Without any, the first start creates one."""
    open: bool = False
    """Let everybody in without a key. Refused unless `server.host` is a loopback address."""


class ProviderSettings(Section, frozen=True, forbid_unknown_fields=True):
    """`[providers.NAME]`: one place that answers requests. A known NAME needs nothing but a key."""

    dialect: str | None = None
    """The wire format spoken there: `openai_chat`, `openai_responses`, `anthropic` or `gemini`."""
    dialects: dict[str, str] | None = None
    """Several wire formats, each with the base URL where it is spoken; instead of `dialect` and
    `base_url`."""
    base_url: str | None = None
    """Where the wire format's paths begin: with `/v1` for `openai_chat`, without for the others."""
    api_key: Secret | None = None
    """The key that the gateway presents there. Left out at a known provider's own address, the
    provider's environment variable is used."""
    models: tuple[Annotated[str, Meta(min_length=1)], ...] = ()
    """Model names worth listing; clients may also use them without `NAME/` in front."""
    headers: dict[str, Secret] = {}
    """Headers to send along with every request."""
    remote_media: bool | None = None
    """Whether it takes pictures and documents by URL; otherwise they are fetched here, see `[media]`."""


class RouteSettings(Section, frozen=True, forbid_unknown_fields=True):
    """`[routes.NAME]`: a model name for clients, and what stands behind it."""

    targets: Annotated[tuple[str, ...], Meta(min_length=1)]
    """What answers, as `provider/model`: the first, and after a failure the next."""
    on_loss: Literal["report", "drop", "reject"] = "report"
    """What becomes of a request that the target gets with something left out or approximated: served,
    and reported in a header; served, and only logged; or refused with status 400 before it is sent."""
    strict: bool = False
    """The same as `on_loss = "reject"`. A client can ask for it with the header `x-dragoman-strict`."""
    reasoning: Literal["show", "hide"] = "show"
    """Whether clients of another format get to read the model's reasoning. Signatures go through
    either way."""


class Media(Section, frozen=True, forbid_unknown_fields=True):
    """`[media]`: pictures and documents that a request gives by URL, for upstreams that take no URLs."""

    fetch: bool = True
    """Fetch them here and send them inline. Otherwise such a request is refused."""
    max_bytes: Annotated[int, Meta(ge=1024, le=1024 * MEBIBYTE)] = 20 * MEBIBYTE
    """The largest thing that is fetched, in bytes."""
    timeout: Seconds = 10.0
    """The longest time that one fetch may take, in seconds."""
    allow_private: bool = False
    """Fetch also from loopback, link-local and private addresses. Clients can then reach the inside of
    your network through the gateway."""


class Memory(Section, frozen=True, forbid_unknown_fields=True):
    """`[memory]`: what the gateway remembers from one request to the next."""

    responses: Annotated[float, Meta(ge=0, le=31_536_000)] = 2_592_000.0
    """How long answers of `POST /v1/responses` are kept for `previous_response_id`, in seconds; 0 keeps
    none."""
    signatures: Annotated[float, Meta(ge=0, le=31_536_000)] = 86_400.0
    """How long signatures of reasoning are kept for clients that do not send them back, in seconds; 0
    keeps none."""
    max_signatures: Annotated[int, Meta(ge=0, le=10_000_000)] = 10_000
    """The most tool calls whose signatures are kept in this process; the oldest go first."""


class Coordination(Section, frozen=True, forbid_unknown_fields=True):
    """`[coordination]`: what several gateways share."""

    url: Secret | None = None
    """A Valkey or Redis server, as `valkey://host:6379/0`. Without it, each process remembers for
    itself."""


class Timeouts(Section, frozen=True, forbid_unknown_fields=True):
    """`[timeouts]`: how long to wait for an upstream. All in seconds, more than 0, at most a day."""

    connect: Seconds = 10.0
    """The longest wait for a connection."""
    silence: Seconds = 300.0
    """The longest wait for the next byte of an answer."""
    total: Seconds = 3600.0
    """The longest time that a whole answer may take."""
    keep_alive: Seconds = 15.0
    """How long a streaming client hears nothing before it is sent a sign of life."""


class Log(Section, frozen=True, forbid_unknown_fields=True):
    """`[log]`: what is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important kind of entry that is written."""
    format: Literal["console", "json"] = "console"
    """`console` for people, `json` for one object a line."""


class Frame(Section, frozen=True, forbid_unknown_fields=True):
    """The sections that every file has, written or not."""

    server: Server = Server()
    auth: Auth = Auth()
    timeouts: Timeouts = Timeouts()
    media: Media = Media()
    memory: Memory = Memory()
    coordination: Coordination = Coordination()
    log: Log = Log()


class Outline(Frame, frozen=True, forbid_unknown_fields=True):
    """A configuration file whose providers and routes are not looked into yet."""

    providers: dict[str, object] = {}
    routes: dict[str, object] = {}
    models: dict[str, dict[str, object]] = {}


class Document(Frame, frozen=True, forbid_unknown_fields=True):
    """A whole configuration file."""

    providers: dict[str, ProviderSettings] = {}
    routes: dict[str, RouteSettings] = {}
    models: dict[str, dict[str, object]] = {}
    """`[models."PATTERN"]`: facts about models whose names match, in place of the built-in ones."""


class Settings(Document, frozen=True, forbid_unknown_fields=True):
    """What the gateway runs with: a checked `Document`, and where it was read from."""

    source: Source = Source()
