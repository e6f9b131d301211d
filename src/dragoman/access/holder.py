"""Who is held to limits and budgets: keys, teams and routes, with all that is said about them."""

from typing import Literal

import msgspec

from dragoman.config.allowance import BudgetSettings, LimitSettings, Period
from dragoman.models.money import NANOS

HolderKind = Literal["key", "team", "route"]
LimitKind = Literal["requests", "tokens", "cost"]

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
"""How long the windows of limits are."""


class Limit(msgspec.Struct, frozen=True):
    """So much of one kind in so many seconds. `most` is in requests, tokens or nano-dollars."""

    kind: LimitKind
    most: int
    seconds: int


class Budget(msgspec.Struct, frozen=True):
    """So many nano-dollars in each period of the calendar of a time zone."""

    most: int
    per: Period
    zone: str = "UTC"


class Holder(msgspec.Struct, frozen=True):
    """One that is held to something. `id` is unique among those of its kind, `name` is for people."""

    kind: HolderKind
    id: str
    name: str
    limits: tuple[Limit, ...] = ()
    budgets: tuple[Budget, ...] = ()
    max_concurrent: int | None = None

    @property
    def free(self) -> bool:
        """Whether it is held to nothing."""
        return not (self.limits or self.budgets or self.max_concurrent)


def build_limits(settings: tuple[LimitSettings, ...]) -> tuple[Limit, ...]:
    """The limits that settings speak of."""
    found: list[Limit] = []
    for one in settings:
        seconds = SECONDS[one.per]
        if one.requests is not None:
            found.append(Limit("requests", one.requests, seconds))
        if one.tokens is not None:
            found.append(Limit("tokens", one.tokens, seconds))
        if one.cost is not None:
            found.append(Limit("cost", round(one.cost * NANOS), seconds))
    return tuple(found)


def build_budgets(settings: tuple[BudgetSettings, ...]) -> tuple[Budget, ...]:
    """The budgets that settings speak of."""
    return tuple(Budget(round(one.amount * NANOS), one.per, one.zone) for one in settings)
