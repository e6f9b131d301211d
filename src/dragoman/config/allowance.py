"""What may be used and spent: keys, teams, limits and budgets as the configuration says them."""

from typing import Annotated, Literal

from msgspec import Meta

from dragoman.config.secret import Secret
from dragoman.config.section import Name, Section

Amount = Annotated[float, Meta(gt=0, le=1_000_000)]
"""US dollars."""
Count = Annotated[int, Meta(ge=1, le=1_000_000_000_000)]
Window = Literal["second", "minute", "hour", "day"]
Period = Literal["day", "week", "month", "total"]


class LimitSettings(Section, frozen=True, forbid_unknown_fields=True):
    """One of `limits`: so many requests, tokens or dollars in a time. They come back evenly: what was used is
    free again when its share of the time is over. One of `requests`, `tokens` and `cost` has to be said.
    """

    requests: Count | None = None
    """The most requests."""
    tokens: Count | None = None
    """The most tokens, of prompts and answers together."""
    cost: Amount | None = None
    """The most US dollars."""
    per: Window = "minute"
    """The time that this is for."""


class BudgetSettings(Section, frozen=True, forbid_unknown_fields=True):
    """One of `budgets`: the most that may be spent in a period of the calendar."""

    amount: Amount
    """US dollars."""
    per: Period = "month"
    """The period: a day from midnight, a week from Monday, a month from its first day, or for good."""
    zone: Name = "UTC"
    """The time zone whose calendar this is, as `Europe/Berlin`."""


class Rules(Section, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What a key, a team or a route is held to."""

    max_concurrent: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """The most requests that are served at once; more wait, see `[queue]`."""
    limits: tuple[LimitSettings, ...] = ()
    """How much may be used in a time."""
    budgets: tuple[BudgetSettings, ...] = ()
    """How much may be spent in a period."""


class TeamSettings(Rules, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """`[teams.NAME]`: what several keys share. The rules are for all of them together."""


class KeyRules(Rules, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What a key may do, wherever it is kept."""

    tags: tuple[Name, ...] = ()
    """Words that conditions of a route's targets can ask for."""
    routes: tuple[Name, ...] = ()
    """The models that it may use, as patterns of the names that clients send: `gpt-*`. Without any, all."""
    priority: Annotated[int, Meta(ge=-100, le=100)] = 0
    """Who waits less: where requests wait, those of a higher number go first."""


class KeySettings(KeyRules, frozen=True, forbid_unknown_fields=True):
    """`[keys.NAME]`: one key that clients may present, with a name and with rules of its own."""

    key: Secret
    """The key itself; `"$NAME"` reads a variable."""
    team: str | None = None
    """The team that it belongs to, one of `[teams]`."""
