"""Requests as the management API speaks of them."""

import datetime as dt
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from dragoman.store.entry import UsageCounts

Text = Annotated[str, Meta(min_length=1, max_length=512)]
Dollars = Annotated[float, Meta(ge=0, le=1_000_000)]


class Named(msgspec.Struct, frozen=True):
    """A key or a team."""

    id: str
    """Its id, which never changes."""
    name: str
    """What it was called at the time."""


class RequestAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One request of a client."""

    request_id: str
    """Its id, which the client was told as `x-request-id`."""
    began: dt.datetime
    """When it came."""
    key: Named
    """The client's key."""
    owner: str
    """Whom the key was given to."""
    team: Named | None
    """The team that the key belonged to."""
    tags: tuple[str, ...]
    """The key's tags."""
    model: str
    """The model that the client named."""
    route: str
    """The route of the configuration; empty for models that clients name by themselves."""
    target: str
    """Where the answer came from, as `provider/model`."""
    dialect: str
    """The client's wire format."""
    upstream_dialect: str
    """The target's wire format."""
    plan: str
    """`passthrough` or `translation`."""
    purpose: str
    """What was asked for, where it is no answer of a model: `count`, `embedding`."""
    stream: bool
    """Whether the client asked for a stream."""
    cached: bool
    """Whether it was answered from the response cache."""
    status: int
    """The HTTP status that the client was sent, 499 where it left."""
    stop: str
    """Why the answer ended."""
    failure: str
    """The kind of failure; empty where there was none."""
    error: str
    """What the client was told of the failure."""
    losses: str
    """What of the request the target did not get."""
    queue: float
    """Seconds for which it waited here."""
    first_token: float | None
    """Seconds to the first piece of the answer."""
    total: float | None
    """Seconds to its end."""
    usage: UsageCounts
    """What the answer took; counts that are not known are left out."""
    estimated: bool
    """Whether some of the usage is an estimate."""
    unpriced: bool
    """Whether something was used whose price is not known."""
    cost: float | None
    """What all attempts cost together; null where that is not known."""
    attempts: int
    """How many requests went upstream."""
    node: str
    """The gateway that served it."""


class RequestPage(msgspec.Struct, frozen=True):
    """Some of the requests, the latest first."""

    requests: tuple[RequestAnswer, ...]
    """The requests."""
    next: str | None
    """What to send as `cursor` for the following ones; null at the end."""
    searched: dt.datetime | None
    """Set where looking took long and stopped early: everything that came later has been looked at. Go on
    with `next`."""


class CostLine(msgspec.Struct, frozen=True):
    """One line of a cost."""

    kind: str
    """What was used, such as `input` or `cache_read`."""
    count: int
    """How many."""
    price: str
    """What a million of them cost (of `searches`: a thousand), as a decimal number."""
    cost: str
    """What these cost, as a decimal number."""


class AttemptAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One request upstream."""

    number: int
    """From 1, in the order in which they began."""
    target: str
    """Where it went, as `provider/model`."""
    credential: str
    """Which of several keys of the provider it went with."""
    upstream_dialect: str
    """The target's wire format."""
    plan: str
    """`passthrough` or `translation`."""
    outcome: str
    """How it ended: `answered`, `failed`, `lost` (another one was quicker) or `abandoned`."""
    hedge: bool
    """Whether it was a second one beside another that was slow."""
    resent: int
    """How often it went out once more, because a kept connection was closed without a word."""
    began: dt.datetime
    """When it began."""
    queue: float | None
    """Seconds for which it waited for a place."""
    connect: float | None
    """Seconds to the connection."""
    first_byte: float | None
    """Seconds to the head of the answer."""
    first_token: float | None
    """Seconds to the first piece of the answer."""
    total: float | None
    """Seconds to its end."""
    failure: str
    """The kind of failure; empty where there was none."""
    error: str
    """What the upstream said."""
    upstream_status: int | None
    """The HTTP status that the upstream sent."""
    upstream_request_id: str
    """The upstream's id of it, by which its vendor finds it."""
    usage: UsageCounts
    """What it took; counts that are not known are left out."""
    estimated: bool
    """Whether some of the usage is an estimate."""
    unpriced: bool
    """Whether something was used whose price is not known."""
    cost: float | None
    """What it cost; null where that is not known."""
    cost_lines: tuple[CostLine, ...]
    """How that comes about."""
    price_source: str
    """Where the price is from."""


class ChargeAnswer(msgspec.Struct, frozen=True):
    """What a budget has paid of a request."""

    account: str
    """The budget and its period, as `key:ID/month/UTC/BEGIN`."""
    amount: float
    """How much."""


class BodyAnswer(msgspec.Struct, frozen=True):
    """A body that was kept."""

    kind: str
    """`request` or `answer`."""
    media_type: str
    """Its media type, as it came."""
    size: int
    """How many bytes are kept."""
    truncated: bool
    """Whether there were more."""
    url: str
    """Where it is."""


class RequestDetail(msgspec.Struct, frozen=True):
    """Everything about one request."""

    request: RequestAnswer
    """The request itself."""
    attempts: tuple[AttemptAnswer, ...]
    """What went upstream."""
    charges: tuple[ChargeAnswer, ...]
    """What it took out of budgets."""
    bodies: tuple[BodyAnswer, ...]
    """The bodies that were kept."""


class RequestQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which requests are listed: those that fit everything that is said."""

    since: Text | None = None
    """From this moment or date (UTC) on."""
    until: Text | None = None
    """Before this moment or date (UTC)."""
    key: Text | None = None
    """Those of a key, by its id or name."""
    team: Text | None = None
    """Those of a team, by its id or name."""
    owner: Text | None = None
    """Those of somebody's keys."""
    route: Text | None = None
    """Those of a route."""
    model: Text | None = None
    """Those for a model, by the name that clients sent."""
    target: Text | None = None
    """Those that a target answered, as `provider/model`."""
    dialect: Text | None = None
    """Those in a wire format."""
    status: Annotated[int, Meta(ge=100, le=599)] | None = None
    """Those with an HTTP status."""
    outcome: Literal["ok", "failed", "left", "4xx", "5xx"] | None = None
    """Those that went well or did not; `left` where the client was gone before the end."""
    failure: Text | None = None
    """Those with a kind of failure."""
    min_cost: Dollars | None = None
    """Those that cost at least so much."""
    max_cost: Dollars | None = None
    """Those that cost at most so much."""
    stream: bool | None = None
    """Only streamed ones, or only whole ones."""
    cached: bool | None = None
    """Only those from the response cache, or only others."""
    unpriced: bool | None = None
    """Only those with a part whose price is not known, or only others."""
    estimated: bool | None = None
    """Only those with an estimate in their usage, or only others."""
    text: Text | None = None
    """Those whose id, or the upstream's, is this or begins with it."""
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    """How many at most."""
    cursor: Text | None = None
    """Where to go on, as `next` of the answer before said."""
