"""What requests are looked for by, and which of it an index knows."""

import base64
import binascii
import math
import struct
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select, true

from dragoman.store.ledger_rows import name
from dragoman.store.tables import ATTEMPTS, COST_CLASS, REQUESTS, ROLLUPS

LEFT = 499
"""The status of requests whose client did not wait for the answer."""

MOST_FOUND = 10_000
"""Where an index knows of no more rows than these, all of them are looked at; where it knows of more, the
newest come first."""

MOST_SORTED = 200_000
"""The same for an index that has them in another order than that of time: they are put in order before they
are looked at."""

Outcome = Literal["ok", "failed", "left", "4xx", "5xx"]
"""How requests ended: answered, with a failure, with a client that left, with such a status."""

_LARGEST = 2**62
"""More than any amount, and less than what fits into eight bytes."""
_LAST = chr(0x10FFFF)
"""Comes after everything that a text goes on with."""

_C = REQUESTS.c
_Condition = ColumnElement[bool]
_UNUSUAL = or_(
    _C.status != literal(200, literal_execute=True), _C.failure != literal("", literal_execute=True)
)
"""What the rows of one index have in common, in its very words."""
_Text = Annotated[str, Meta(min_length=1, max_length=512)]
_Nanos = Annotated[int, Meta(ge=0, le=_LARGEST)]
_Moment = Annotated[float, Meta(ge=0, le=1e12)]


class FilterError(ValueError):
    """What was asked for makes no sense. `field` is its name in `Filters`, or that of a parameter."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field


class Scope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What sums can be taken of; None for all."""

    key: _Text | None = None
    """The id of a key, or its name."""
    team: _Text | None = None
    """The id of a team, or its name."""
    route: _Text | None = None
    target: _Text | None = None
    """`provider/model`."""


class Filters(Scope, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What requests are looked for by; None where it does not matter. Everything that is said has to hold."""

    begins: _Moment | None = None
    """When they began at the earliest, in Unix seconds."""
    ends: _Moment | None = None
    """They began earlier than this."""
    owner: _Text | None = None
    model: _Text | None = None
    """What the client asked for."""
    dialect: _Text | None = None
    """The client's."""
    status: Annotated[int, Meta(ge=100, le=999)] | None = None
    outcome: Outcome | None = None
    failure: _Text | None = None
    """The kind of the failure."""
    cost_at_least: _Nanos | None = None
    cost_at_most: _Nanos | None = None
    stream: bool | None = None
    cached: bool | None = None
    unpriced: bool | None = None
    estimated: bool | None = None
    text: _Text | None = None
    """How the request's id, or the id that an upstream gave to an attempt, begins."""


class Holders(NamedTuple):
    """The ids that names of keys and teams stand for; None where none is asked for."""

    keys: tuple[str, ...] | None
    teams: tuple[str, ...] | None


class Position(NamedTuple):
    """A place in the order of requests, the newest first: after the one that began then and has this
    number.
    """

    began: float
    number: int


class Path(NamedTuple):
    """An index that has the wanted rows together."""

    conditions: tuple[_Condition, ...]
    most: int | None = None
    """None where it has them in the order of time. Else, so many of them may be put in that order."""
    alone: bool = False
    """Whether it also knows of conditions that its order does not follow: rows are found in the index alone
    before they are read."""


class Wanted(NamedTuple):
    """Filters as a database takes them."""

    rows: tuple[_Condition, ...]
    """What has to hold of a row, said so that no index is chosen for it."""
    paths: tuple[Path, ...]
    """The indexes that know of something that has to hold; first the one that is likely to know most."""
    sums: tuple[_Condition, ...]
    """What holds of sums in which such a request is counted. Empty where sums say nothing of it."""


def parse_position(cursor: str) -> Position:
    """What `render_position` wrote. Raises `FilterError` for anything else."""
    try:
        began, number = _CURSOR.unpack(base64.b64decode(f"{cursor}==".encode(), b"-_", validate=True))
    except (binascii.Error, struct.error, UnicodeError):
        began, number = math.nan, 0
    if math.isnan(began):
        raise FilterError("before", "this is no `next` of an earlier page")
    return Position(began, number)


def render_position(position: Position) -> str:
    """A place as a word for URLs, to be given back as it is."""
    return base64.urlsafe_b64encode(_CURSOR.pack(*position)).decode().rstrip("=")


_CURSOR = struct.Struct(">dq")


def build_wanted(filters: Filters, holders: Holders) -> Wanted:
    """The conditions that filters stand for."""
    rows: list[_Condition] = []
    paths: list[Path] = []
    if filters.text is not None:
        rows.append(_begins_with(filters.text))
        found = _C.id.in_(_ids_beginning_with(filters.text))
        paths.append(Path((found,), MOST_FOUND))
    flags = [
        (column, said)
        for column, said in ((_C.unpriced, filters.unpriced), (_C.estimated, filters.estimated))
        if said is not None
    ]
    unusual = [*_ending(filters, _C.status, _C.failure)]
    if unusual:
        rows += _ending(filters, _plain(_C.status), _plain(_C.failure))
        if filters.failure or filters.status not in {None, 200} or filters.outcome not in {None, "ok"}:
            more = (_flag(column, wanted=said) for column, said in flags)
            paths.append(Path((_UNUSUAL, *unusual, *more), alone=True))
    for column, said in flags:
        rows.append(_flag(column, wanted=said))
        paths += [Path((column == true(),))] if said else []
    rows += [
        _flag(column, wanted=said)
        for column, said in ((_C.stream, filters.stream), (_C.cached, filters.cached))
        if said is not None
    ]
    if filters.owner is not None:
        rows.append(_plain(_C.owner) == name(filters.owner))
        if filters.owner:
            paths.append(Path((_C.owner == name(filters.owner), _C.owner != _literal(""))))
    if holders.keys is not None:
        rows.append(_plain(_C.key_id).in_(holders.keys))
        paths += [Path((_C.key_id == key,)) for key in holders.keys if len(holders.keys) == 1]
    for column, said in ((_C.model, filters.model), (_C.dialect, filters.dialect)):
        if said is not None:
            rows.append(_plain(column) == name(said))
            paths.append(Path((column == name(said),)))
    rows += [
        _plain(column) == name(said)
        for column, said in ((_C.route, filters.route), (_C.target, filters.target))
        if said is not None
    ]
    if holders.teams is not None:
        rows.append(_plain(_C.team_id).in_(holders.teams))
    costs = _costs(filters)
    if costs:
        rows += _costs(filters, plain=True)
        paths.append(Path((*costs, *_cost_classes(filters)), MOST_SORTED))
    return Wanted(tuple(rows), tuple(paths), _sums(filters, holders))


def scope_conditions(scope: Scope, holders: Holders) -> tuple[_Condition, ...]:
    """What holds of sums within a scope."""
    columns = ROLLUPS.c
    found: list[_Condition] = []
    if holders.keys is not None:
        found.append(columns.key_id.in_(holders.keys))
    if holders.teams is not None:
        found.append(columns.team_id.in_(holders.teams))
    if scope.route is not None:
        found.append(columns.route == name(scope.route))
    if scope.target is not None:
        found.append(columns.target == name(scope.target))
    return tuple(found)


def after(position: Position) -> _Condition:
    """Rows that come after a place; an index of times is used for it."""
    began, number = position
    if number <= 0:
        # rows are numbered from 1, and indexes have no numbers
        return _C.began < began
    return and_(_C.began <= began, or_(_C.began < began, _C.id < number))


def after_plain(position: Position) -> _Condition:
    """The same without an index."""
    began, number = position
    return or_(_plain(_C.began) < began, and_(_plain(_C.began) == began, _plain(_C.id) < number))


def _plain(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column as an expression that no index knows: databases without statistics choose badly."""
    return func.coalesce(column, column)


def _flag(column: ColumnElement[bool], *, wanted: bool) -> _Condition:
    return case((column, 1), else_=0) == (1 if wanted else 0)


def _literal(value: str) -> ColumnElement[str]:
    """A constant in the text of the statement: partial indexes are found by it."""
    return literal(value, literal_execute=True)


def _ending(
    filters: Filters, status: ColumnElement[Any], failure: ColumnElement[Any]
) -> Iterator[_Condition]:
    """What is said of how requests ended."""
    if filters.status is not None:
        yield status == filters.status
    if filters.failure is not None:
        yield failure == name(filters.failure)
    match filters.outcome:
        case None:
            pass
        case "ok":
            yield status < 400
            yield failure == ""
        case "failed":
            yield status != LEFT
            yield failure != ""
        case "left":
            yield status == LEFT
        case "4xx":
            yield status.between(400, 498)
        case "5xx":
            yield status.between(500, 599)


def _costs(filters: Filters, *, plain: bool = False) -> tuple[_Condition, ...]:
    column = _plain(_C.cost) if plain else _C.cost
    found: list[_Condition] = []
    if filters.cost_at_least is not None:
        found.append(column >= min(filters.cost_at_least, _LARGEST))
    if filters.cost_at_most is not None:
        found.append(column <= min(filters.cost_at_most, _LARGEST))
    return tuple(found)


def _cost_classes(filters: Filters) -> tuple[_Condition, ...]:
    """The same of the classes of costs, which an index has."""
    found: list[_Condition] = []
    if filters.cost_at_least is not None:
        found.append(_class_of(filters.cost_at_least) <= COST_CLASS)
    if filters.cost_at_most is not None:
        found.append(_class_of(filters.cost_at_most) >= COST_CLASS)
    return tuple(found)


def _class_of(cost: int) -> int:
    digits = str(min(cost, _LARGEST))
    return len(digits) * 10 + int(digits[0])


def _sums(filters: Filters, holders: Holders) -> tuple[_Condition, ...]:
    columns = ROLLUPS.c
    found: list[_Condition] = []
    if filters.outcome == "failed" or filters.failure is not None:
        found.append(columns.failures > 0)
    if filters.cached:
        found.append(columns.cached > 0)
    if filters.unpriced:
        found.append(columns.unpriced > 0)
    if filters.cost_at_least:
        found.append(columns.cost >= min(filters.cost_at_least, _LARGEST))
    return (*scope_conditions(filters, holders), *found)


def _begins_with(text: str) -> _Condition:
    first, last = name(text), name(text) + _LAST
    inner = ATTEMPTS.c
    upstream = select(inner.id).where(
        inner.request_id == _C.request_id,
        inner.upstream_request_id >= first,
        inner.upstream_request_id < last,
    )
    own = _plain(_C.request_id)
    return or_(and_(own >= first, own < last), upstream.exists())


def _ids_beginning_with(text: str) -> Any:
    first, last = name(text), name(text) + _LAST
    inner = ATTEMPTS.c
    own = select(_C.id).where(_C.request_id >= first, _C.request_id < last).limit(MOST_FOUND + 1).subquery()
    upstream = (
        select(inner.request_id)
        .where(
            inner.upstream_request_id >= first,
            inner.upstream_request_id < last,
            inner.upstream_request_id != _literal(""),
        )
        .limit(MOST_FOUND + 1)
        .subquery()
    )
    theirs = select(_C.id).where(_C.request_id.in_(select(upstream.c.request_id)))
    return select(own.c.id).union(theirs)
