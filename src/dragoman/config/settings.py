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
    """The wire format spoken there: `openai_chat`, `anthropic` or `gemini`."""
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


class RouteSettings(Section, frozen=True, forbid_unknown_fields=True):
    """`[routes.NAME]`: a model name for clients, and what stands behind it."""

    targets: Annotated[tuple[str, ...], Meta(min_length=1)]
    """What answers, as `provider/model`: the first, and after a failure the next."""


class Timeouts(Section, frozen=True, forbid_unknown_fields=True):
    """`[timeouts]`: how long to wait for an upstream. All in seconds, more than 0, at most a day."""

    connect: Seconds = 10.0
    """The longest wait for a connection."""
    silence: Seconds = 300.0
    """The longest wait for the next byte of an answer."""
    total: Seconds = 3600.0
    """The longest time that a whole answer may take."""


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
    log: Log = Log()


class Outline(Frame, frozen=True, forbid_unknown_fields=True):
    """A configuration file whose providers and routes are not looked into yet."""

    providers: dict[str, object] = {}
    routes: dict[str, object] = {}


class Document(Frame, frozen=True, forbid_unknown_fields=True):
    """A whole configuration file."""

    providers: dict[str, ProviderSettings] = {}
    routes: dict[str, RouteSettings] = {}


class Settings(Document, frozen=True, forbid_unknown_fields=True):
    """What the gateway runs with: a checked `Document`, and where it was read from."""

    source: Source = Source()
