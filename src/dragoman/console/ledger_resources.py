"""Requests, sums and budgets as the management API speaks of them."""

import datetime as dt
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from dragoman.config.allowance import Period
from dragoman.store.entry import UsageCounts

Text = Annotated[str, Meta(min_length=1, max_length=512)]
Dollars = Annotated[float, Meta(ge=0, le=1_000_000)]
Kind = Literal["key", "team", "route", "target"]
HolderKind = Literal["key", "team", "route"]


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


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Sums over requests."""

    requests: int
    """How many there were."""
    failures: int
    """How many of them failed."""
    cached: int
    """How many were answered from the response cache."""
    unpriced: int
    """How many had a part whose price is not known: that part is not in `cost`."""
    input: int
    """Prompt tokens, without those below."""
    output: int
    """Tokens of answers."""
    cache_read: int
    """Prompt tokens that came from the vendor's cache."""
    cache_write: int
    """Prompt tokens that were put into the vendor's cache."""
    cost: float
    """What they cost."""
    mean_total: float | None
    """Seconds that a request took on average."""
    mean_first_token: float | None
    """Seconds to the first piece of an answer on average."""


class PointAnswer(msgspec.Struct, frozen=True):
    """One hour or day of a chart."""

    begins: dt.datetime
    """When it begins (UTC)."""
    totals: Totals
    """Its sums."""


class SeriesAnswer(msgspec.Struct, frozen=True):
    """One line of a chart."""

    id: str
    """Whose it is; empty for all together."""
    name: str
    """What that is called."""
    points: tuple[PointAnswer, ...]
    """Its hours or days, without those in which there was nothing."""


class ChartAnswer(msgspec.Struct, frozen=True):
    """Sums over time."""

    span: Literal["hour", "day"]
    """What one point stands for."""
    since: dt.datetime
    """Where the first point begins."""
    until: dt.datetime
    """Where the last point ends."""
    series: tuple[SeriesAnswer, ...]
    """The lines, the most expensive one first."""


class ChartQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a chart shows."""

    since: Text | None = None
    """From this moment or date (UTC) on; left out, a day before `until` for hours, 30 days for days."""
    until: Text | None = None
    """Before this moment or date (UTC); left out, now."""
    span: Literal["hour", "day"] = "day"
    """What one point stands for."""
    by: Kind | None = None
    """One line for each of these; left out, one for all together."""
    key: Text | None = None
    """Requests of a key only, by its id or name."""
    team: Text | None = None
    """Requests of a team only, by its id or name."""
    route: Text | None = None
    """Requests of a route only."""
    target: Text | None = None
    """Requests that a target answered only, as `provider/model`."""


class ShareAnswer(msgspec.Struct, frozen=True):
    """One part of sums."""

    id: str
    """Whose it is."""
    name: str
    """What that is called."""
    totals: Totals
    """Its sums."""


class SummaryAnswer(msgspec.Struct, frozen=True):
    """Sums over a time."""

    since: dt.datetime
    """From when on, by whole hours."""
    until: dt.datetime
    """Until when."""
    totals: Totals
    """The sums."""
    shares: tuple[ShareAnswer, ...]
    """The largest parts of it, for `by`."""


class SummaryQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is summed up."""

    since: Text | None = None
    """From this moment or date (UTC) on, by whole hours; left out, 30 days before `until`."""
    until: Text | None = None
    """Before this moment or date (UTC); left out, now."""
    key: Text | None = None
    """Requests of a key only, by its id or name."""
    team: Text | None = None
    """Requests of a team only, by its id or name."""
    route: Text | None = None
    """Requests of a route only."""
    target: Text | None = None
    """Requests that a target answered only, as `provider/model`."""
    by: Kind | None = None
    """Show also the largest of these."""
    order: Literal["cost", "requests", "failures", "tokens"] = "cost"
    """What is large about them."""
    limit: Annotated[int, Meta(ge=1, le=100)] = 10
    """How many of them at most."""


class BudgetAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How a budget stands in its present period."""

    kind: HolderKind
    """What it belongs to."""
    id: str
    """The id of the key or team, the name of the route."""
    name: str
    """What that is called."""
    per: Period
    """The period."""
    zone: str
    """The time zone whose calendar the period is of."""
    amount: float
    """What may be spent in the period."""
    spent: float
    """What was spent."""
    reserved: float
    """What is set aside for requests on their way and for the next ones; what is not needed comes back."""
    left: float
    """What is neither spent nor reserved; below 0 where the budget was made smaller meanwhile."""
    begins: dt.datetime | None
    """When the period began; null for one that is for good."""
    resets: dt.datetime | None
    """When the next one begins; null for never."""


class BudgetList(msgspec.Struct, frozen=True):
    """Some of the budgets: those of keys, of teams and of routes, each by name."""

    budgets: tuple[BudgetAnswer, ...]
    """The budgets."""
    next: str | None
    """What to send as `cursor` for the following ones; null at the end."""


class BudgetQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which budgets are listed."""

    kind: HolderKind | None = None
    """Those of keys, of teams or of routes only."""
    of: Text | None = None
    """Those of one key, team or route, by its id or name."""
    limit: Annotated[int, Meta(ge=1, le=500)] = 100
    """How many at most."""
    cursor: Text | None = None
    """Where to go on, as `next` of the answer before said."""
