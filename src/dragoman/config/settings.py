"""Everything that can be configured: one struct for each section of the file.

Defaults are what a gateway on one's own machine wants. `docs/configuration.md` explains every field
to users; a test holds the two together.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from dragoman.config.allowance import KeySettings, Rules, TeamSettings
from dragoman.config.bookkeeping import Ledger, Store
from dragoman.config.price_settings import PriceSettings
from dragoman.config.secret import Secret
from dragoman.config.section import MEBIBYTE, Seconds, Section
from dragoman.config.source import Source


class Server(Section, frozen=True, forbid_unknown_fields=True):
    """`[server]`: where the gateway listens, and what it takes from clients."""

    host: Annotated[str, Meta(min_length=1)] = "127.0.0.1"
    """The address to listen on; `0.0.0.0` or `::` for every address of the machine."""
    port: Annotated[int, Meta(ge=0, le=65_535)] = 4100
    """The TCP port to listen on; 0 lets the system choose a free one."""
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    """How many processes serve. Each of them uses one core at most."""
    max_body_bytes: Annotated[int, Meta(ge=1024, le=1024 * MEBIBYTE)] = 64 * MEBIBYTE
    """The largest request body in bytes; a larger one is answered with status 413."""
    cors_origins: tuple[Annotated[str, Meta(min_length=1)], ...] = ("*",)
    """Origins whose pages may call the gateway from a browser; `*` for all, empty for none. With
    `auth.open`, `*` means pages of this machine only."""
    body_timeout: Seconds = 60.0
    """The longest wait for the next piece of a request's body, in seconds."""
    shutdown_timeout: Annotated[float, Meta(ge=0, le=86_400)] = 30.0
    """How long running answers get to end when the gateway is told to stop, in seconds; then they are
    ended with an error of their format."""
    watch: bool = True
    """Read the configuration file again when it has changed. `SIGHUP` asks for it at any time."""


class Auth(Section, frozen=True, forbid_unknown_fields=True):
    """`[auth]`: who may use the gateway."""

    keys: tuple[Secret, ...] = ()
    """Keys that clients may present. Without any, the first start creates one."""
    open: bool = False
    """Let everybody in without a key. Refused unless `server.host` is a loopback address."""
    admin_key: Secret | None = None
    """The key of the management API, `/dragoman/api/`; without it, nobody is let in there."""
    secret: Secret | None = None
    """What keys are hashed with that are kept in the store. Left out, a file in the data directory holds it.
    Gateways that share a store need the same one."""


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
    api_keys: tuple[Secret, ...] = ()
    """Several keys to share the requests between them; instead of `api_key`. One that is refused or
    rate limited rests, and the others go on."""
    max_concurrent: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """The most requests that are there at once with one key; more wait, see `[queue]`."""
    models: tuple[Annotated[str, Meta(min_length=1)], ...] = ()
    """Model names worth listing; clients may also use them without `NAME/` in front."""
    headers: dict[str, Secret] = msgspec.field(default_factory=dict[str, Secret])
    """Headers to send along with every request."""
    remote_media: bool | None = None
    """Whether it takes pictures and documents by URL; otherwise they are fetched here, see `[media]`."""


class Conditions(Section, frozen=True, forbid_unknown_fields=True):
    """`when` of a target: which requests it may serve. All that is said has to hold."""

    tools: bool | None = None
    """Only requests with tools, or only those without."""
    images: bool | None = None
    """Only requests with pictures, or only those without."""
    json_schema: bool | None = None
    """Only requests for an answer that keeps a JSON Schema, or only others."""
    stream: bool | None = None
    """Only requests for a streamed answer, or only for a whole one."""
    min_input_tokens: Annotated[int, Meta(ge=0, le=1_000_000_000)] | None = None
    """Only prompts of at least so many tokens, as estimated here."""
    max_input_tokens: Annotated[int, Meta(ge=0, le=1_000_000_000)] | None = None
    """Only prompts of at most so many tokens, as estimated here."""
    tags: tuple[Annotated[str, Meta(min_length=1)], ...] = ()
    """Only requests whose key has one of these tags."""


class TargetSettings(Section, frozen=True, forbid_unknown_fields=True):
    """One of a route's `targets`, written as a table because there is more to say than where it is."""

    target: str
    """What answers, as `provider/model`."""
    weight: Annotated[float, Meta(gt=0, le=1_000_000)] = 1.0
    """Its share of the requests where `strategy = "weighted"`."""
    max_concurrent: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """The most requests of this route that are there at once; more go elsewhere or wait."""
    when: Conditions = Conditions()
    """Which requests it may serve."""


class RouteTimeouts(Section, frozen=True, forbid_unknown_fields=True):
    """`[routes.NAME.timeouts]`: limits of this route, in place of those in `[timeouts]`."""

    connect: Seconds | None = None
    """The longest wait for a connection."""
    first_event: Seconds | None = None
    """The longest wait for the first piece of an answer itself."""
    between_events: Seconds | None = None
    """The longest wait for the next event of an answer that has begun."""
    total: Seconds | None = None
    """The longest time that a request may take."""


Strategy = Literal["ordered", "weighted", "least_busy", "fastest", "cheapest"]
Quantile = Literal["p50", "p75", "p90", "p95", "p99"]


class RouteSettings(Rules, frozen=True, forbid_unknown_fields=True):
    """`[routes.NAME]`: a model name for clients, and what stands behind it."""

    targets: Annotated[tuple[str | TargetSettings, ...], Meta(min_length=1)]
    """What answers, as `provider/model` or as tables that say more about it."""
    strategy: Strategy = "ordered"
    """Which target is asked first: the first healthy one; one by its share; the one with the fewest
    requests on their way; the one that is quickest to its first token; the one that costs least."""
    affinity: Annotated[float, Meta(ge=0, le=86_400)] = 300.0
    """How long a conversation stays with the target that has served it, in seconds, so that the vendor's
    prompt cache stays warm; 0 for not at all."""
    hedge_after: Seconds | Quantile | None = None
    """When to ask a second target as well, because the first has not begun to answer: after so many
    seconds, or after the time within which so many percent of the answers before have begun."""
    hedge_share: Annotated[float, Meta(gt=0, le=1)] = 0.06
    """The most second requests, as a share of all."""
    attempts: Annotated[int, Meta(ge=1, le=100)] | None = None
    """The most upstream requests for one request, in place of `retries.attempts`."""
    timeouts: RouteTimeouts = RouteTimeouts()
    """Time limits of this route."""
    on_loss: Literal["report", "drop", "reject"] = "report"
    """What becomes of a request that the target gets with something left out or approximated: served,
    and reported in a header; served, and only logged; or refused with status 400 before it is sent."""
    strict: bool = False
    """The same as `on_loss = "reject"`. A client can ask for it with the header `x-dragoman-strict`."""
    reasoning: Literal["show", "hide"] = "show"
    """Whether clients of another format get to read the model's reasoning. Signatures go through
    either way."""
    cache: Annotated[float, Meta(ge=0, le=31_536_000)] = 0.0
    """How long answers are kept for requests that are exactly the same, in seconds; 0 keeps none."""


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
    first_event: Seconds = 600.0
    """The longest wait for the first piece of an answer itself, from when the request is sent."""
    between_events: Seconds = 300.0
    """The longest wait for the next event of an answer that has begun."""
    total: Seconds = 3600.0
    """The longest time that a request may take, all attempts and waiting together."""
    keep_alive: Seconds = 15.0
    """How long a streaming client hears nothing before it is sent a sign of life."""


class Retries(Section, frozen=True, forbid_unknown_fields=True):
    """`[retries]`: how often one request is sent upstream, everything counted: retries, other targets,
    hedges, and requests that were put right after a refusal.
    """

    attempts: Annotated[int, Meta(ge=1, le=100)] = 3
    """The most upstream requests for one request."""
    backoff: Annotated[float, Meta(ge=0, le=3600)] = 0.25
    """The longest wait before a target's first retry, in seconds; it doubles from retry to retry. The
    real wait is drawn between 0 and that."""
    max_backoff: Annotated[float, Meta(ge=0, le=3600)] = 8.0
    """The longest wait between two tries, in seconds. Upstreams that ask for more (`Retry-After`) are not
    asked again by the same request."""


class HealthSettings(Section, frozen=True, forbid_unknown_fields=True):
    """`[health]`: when a target is given a rest."""

    window: Seconds = 30.0
    """The time over which failures are counted, in seconds."""
    min_failures: Annotated[int, Meta(ge=1, le=1_000_000)] = 5
    """The fewest failures within the window for which a target is given a rest; so many in a row are
    enough by themselves."""
    failure_share: Annotated[float, Meta(gt=0, le=1)] = 0.5
    """The smallest share of failures within the window for which a target is given a rest."""
    cooldown: Annotated[float, Meta(ge=0, le=86_400)] = 10.0
    """How long the first rest lasts, in seconds. After it one request tries whether the target is well
    again; a failure doubles the rest. 0 for no rests at all, not even after a 429."""
    max_cooldown: Seconds = 300.0
    """The longest rest, in seconds."""


class Queue(Section, frozen=True, forbid_unknown_fields=True):
    """`[queue]`: requests that wait because a limit of concurrent requests (`max_concurrent`) is reached."""

    size: Annotated[int, Meta(ge=0, le=1_000_000)] = 100
    """The most requests that wait at one limit; more are answered with status 429 at once."""
    timeout: Annotated[float, Meta(ge=0, le=86_400)] = 30.0
    """The longest wait, in seconds; then the answer is status 429."""


class Metrics(Section, frozen=True, forbid_unknown_fields=True):
    """`[metrics]`: what `GET /metrics` shows to Prometheus."""

    open: bool = False
    """Show it to everybody who reaches the gateway; otherwise a key is asked for as everywhere."""


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
    retries: Retries = Retries()
    health: HealthSettings = HealthSettings()
    queue: Queue = Queue()
    metrics: Metrics = Metrics()
    media: Media = Media()
    memory: Memory = Memory()
    coordination: Coordination = Coordination()
    store: Store = Store()
    ledger: Ledger = Ledger()
    log: Log = Log()


class Outline(Frame, frozen=True, forbid_unknown_fields=True):
    """A configuration file whose keys, providers and routes are not looked into yet."""

    keys: dict[str, object] = msgspec.field(default_factory=dict[str, object])
    teams: dict[str, object] = msgspec.field(default_factory=dict[str, object])
    providers: dict[str, object] = msgspec.field(default_factory=dict[str, object])
    routes: dict[str, object] = msgspec.field(default_factory=dict[str, object])
    models: dict[str, dict[str, object]] = msgspec.field(default_factory=dict[str, dict[str, object]])
    prices: dict[str, object] = msgspec.field(default_factory=dict[str, object])


class Document(Frame, frozen=True, forbid_unknown_fields=True):
    """A whole configuration file."""

    keys: dict[str, KeySettings] = msgspec.field(default_factory=dict[str, KeySettings])
    teams: dict[str, TeamSettings] = msgspec.field(default_factory=dict[str, TeamSettings])
    providers: dict[str, ProviderSettings] = msgspec.field(default_factory=dict[str, ProviderSettings])
    routes: dict[str, RouteSettings] = msgspec.field(default_factory=dict[str, RouteSettings])
    models: dict[str, dict[str, object]] = msgspec.field(default_factory=dict[str, dict[str, object]])
    """`[models."PATTERN"]`: facts about models whose names match, in place of the built-in ones."""
    prices: dict[str, PriceSettings] = msgspec.field(default_factory=dict[str, PriceSettings])


class Settings(Document, frozen=True, forbid_unknown_fields=True):
    """What the gateway runs with: a checked `Document`, and where it was read from."""

    source: Source = Source()
