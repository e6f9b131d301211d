"""Sums and budgets as the management API speaks of them."""

import datetime as dt
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from dragoman.config.allowance import Period
from dragoman.console.ledger_resources import Text

Kind = Literal["key", "team", "route", "target"]
HolderKind = Literal["key", "team", "route"]


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
