"""Keys and teams as the management API speaks of them."""

import datetime as dt
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from dragoman.config.allowance import BudgetSettings, LimitSettings

Text = Annotated[str, Meta(min_length=1, max_length=200)]
Words = Annotated[tuple[Text, ...], Meta(max_length=100)]
Moment = Annotated[dt.datetime, Meta(tz=True)]
Concurrency = Annotated[int, Meta(ge=1, le=1_000_000)] | None
Priority = Annotated[int, Meta(ge=-100, le=100)]
Limits = Annotated[tuple[LimitSettings, ...], Meta(max_length=50)]
Budgets = Annotated[tuple[BudgetSettings, ...], Meta(max_length=50)]
KeyState = Literal["active", "disabled", "expired"]


class TeamName(msgspec.Struct, frozen=True):
    """The team that a key belongs to."""

    id: str
    """The team's id."""
    name: str
    """The team's name."""


class KeyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A key, without what opens the gateway."""

    id: str
    """What it is called in the ledger and in logs; it never changes."""
    name: str
    """What people call it; no two keys have the same name."""
    owner: str
    """Whom it was given to."""
    state: KeyState
    """Whether it opens the gateway now."""
    team: TeamName | None
    """The team that it belongs to."""
    tags: tuple[str, ...]
    """Words that conditions of a route's targets can ask for."""
    routes: tuple[str, ...]
    """The models that it may use, as patterns of the names that clients send; empty for all."""
    priority: int
    """Where requests wait, those of a higher number go first."""
    max_concurrent: int | None
    """The most requests that are served at once."""
    limits: tuple[LimitSettings, ...]
    """How much may be used in a time."""
    budgets: tuple[BudgetSettings, ...]
    """How much may be spent in a period."""
    disabled: bool
    """Whether it was switched off."""
    expires: dt.datetime | None
    """When it ends."""
    rotated_until: dt.datetime | None
    """Until when a text of it from before a rotation opens the gateway too."""
    created: dt.datetime
    """When it was made."""
    updated: dt.datetime
    """When it was changed last."""


class IssuedKey(KeyAnswer, frozen=True, kw_only=True):
    """A key with its text, which is shown this once and kept nowhere."""

    key: str
    """What clients present."""


class KeyPage(msgspec.Struct, frozen=True):
    """Some of the keys, the newest first."""

    keys: tuple[KeyAnswer, ...]
    """The keys."""
    next: str | None
    """What to send as `cursor` for the following ones; null at the end."""


class KeyQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which keys are listed."""

    team: str | None = None
    """Those of one team, by its id or name."""
    owner: str | None = None
    """Those that were given to somebody."""
    tag: str | None = None
    """Those with a tag."""
    state: KeyState | None = None
    """Those in one state."""
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    """How many at most."""
    cursor: str | None = None
    """Where to go on, as `next` of the answer before said."""


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A key to be made."""

    name: Text
    """What people call it; no other key may have the same name."""
    owner: Annotated[str, Meta(max_length=200)] = ""
    """Whom it is given to."""
    team: Text | None = None
    """The team that it belongs to, by its id or name."""
    tags: Words = ()
    """Words that conditions of a route's targets can ask for."""
    routes: Words = ()
    """The models that it may use, as patterns of the names that clients send, such as `gpt-*`; empty for
    all."""
    priority: Priority = 0
    """Where requests wait, those of a higher number go first."""
    max_concurrent: Concurrency = None
    """The most requests that are served at once."""
    limits: Limits = ()
    """How much may be used in a time."""
    budgets: Budgets = ()
    """How much may be spent in a period."""
    expires: Moment | None = None
    """When it ends; null for never."""


class KeyChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be different about a key: fields that are left out stay as they are (RFC 7396)."""

    name: Text | UnsetType = UNSET
    """What people call it; no other key may have the same name."""
    owner: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET
    """Whom it is given to."""
    team: Text | UnsetType | None = UNSET
    """The team that it belongs to, by its id or name; null for none."""
    tags: Words | UnsetType = UNSET
    """Words that conditions of a route's targets can ask for."""
    routes: Words | UnsetType = UNSET
    """The models that it may use, as patterns of the names that clients send; empty for all."""
    priority: Priority | UnsetType = UNSET
    """Where requests wait, those of a higher number go first."""
    max_concurrent: Concurrency | UnsetType = UNSET
    """The most requests that are served at once; null for no limit."""
    limits: Limits | UnsetType = UNSET
    """How much may be used in a time, all of it."""
    budgets: Budgets | UnsetType = UNSET
    """How much may be spent in a period, all of it."""
    disabled: bool | UnsetType = UNSET
    """Whether it is switched off."""
    expires: Moment | UnsetType | None = UNSET
    """When it ends; null for never."""


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a key gets another text."""

    overlap: Annotated[float, Meta(ge=0, le=31_536_000)] = 0.0
    """Seconds for which the old text opens the gateway too."""


class TeamAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A team: its rules hold for all of its keys together."""

    id: str
    """What it is called in the ledger; it never changes."""
    name: str
    """What people call it; no two teams have the same name."""
    max_concurrent: int | None
    """The most requests that are served at once."""
    limits: tuple[LimitSettings, ...]
    """How much may be used in a time."""
    budgets: tuple[BudgetSettings, ...]
    """How much may be spent in a period."""
    created: dt.datetime
    """When it was made."""
    updated: dt.datetime
    """When it was changed last."""


class TeamPage(msgspec.Struct, frozen=True):
    """Some of the teams, by name."""

    teams: tuple[TeamAnswer, ...]
    """The teams."""
    next: str | None
    """What to send as `cursor` for the following ones; null at the end."""


class TeamQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which teams are listed."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    """How many at most."""
    cursor: str | None = None
    """Where to go on, as `next` of the answer before said."""


class TeamDeletion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a team is deleted."""

    force: bool = False
    """Also if keys belong to it: they go on without a team, and without its rules."""


class NewTeam(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A team to be made."""

    name: Text
    """What people call it; no other team may have the same name."""
    max_concurrent: Concurrency = None
    """The most requests that are served at once."""
    limits: Limits = ()
    """How much may be used in a time."""
    budgets: Budgets = ()
    """How much may be spent in a period."""


class TeamChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be different about a team: fields that are left out stay as they are (RFC 7396)."""

    name: Text | UnsetType = UNSET
    """What people call it; no other team may have the same name."""
    max_concurrent: Concurrency | UnsetType = UNSET
    """The most requests that are served at once; null for no limit."""
    limits: Limits | UnsetType = UNSET
    """How much may be used in a time, all of it."""
    budgets: Budgets | UnsetType = UNSET
    """How much may be spent in a period, all of it."""
