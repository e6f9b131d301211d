"""Entries of the ledger as rows of its tables, and what they add to sums and accounts.

Much of what is in an entry comes from clients and upstreams. What a database cannot hold is replaced here:
characters that are none, texts that are too long for an index, numbers beyond all reason.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlalchemy import Table

from dragoman.store.entry import AttemptEntry, Charge, Entry, UsageCounts
from dragoman.store.tables import ATTEMPTS, BODIES, REQUESTS, ROLLUPS

Row = tuple[object, ...]
Columns = list[list[object]]
"""The rows of one table, column by column."""
_Place = tuple[int, *tuple[str, ...]]
"""`begins`, `key_id`, `team_id`, `route`, `target`."""
_T = TypeVar("_T")


def _columns(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns if column.name != "id")


REQUEST = _columns(REQUESTS)
ATTEMPT = _columns(ATTEMPTS)
BODY = _columns(BODIES)
ROLLUP = _columns(ROLLUPS)
"""The columns of each kind of row, in their order; the database numbers rows by itself."""

MOST_COUNT = 10**12
"""The most tokens of one kind that one request is taken to have used."""
MOST_COST = 10**15
"""The most that one request is taken to cost, in nano-dollars: a million dollars."""

_NAME = 512
"""The most bytes of a text that indexes hold: four of them have to fit into a row of a Postgres index."""
_TEXT = 4096
"""The most characters of any other text."""
_MOST_SMALL = 32_767
_HOUR = 3600
_DAY = 24 * _HOUR
_UNFIT = re.compile("[\0\x10\ud800-\udfff]")
"""NUL, with which Postgres ends a text; DLE, with which `AnyText` writes NUL; halves of surrogate pairs."""

_encode = msgspec.json.Encoder().encode
_read_charges = msgspec.json.Decoder(list[Charge]).decode


class CountedRow(msgspec.Struct, frozen=True):
    """What sums and accounts depend on in a row of `requests`."""

    request_id: str
    revision: int
    began: float
    key_id: str
    team_id: str
    route: str
    target: str
    failure: str
    cached: bool
    unpriced: bool
    input: int | None
    output: int | None
    cache_read: int | None
    cache_write: int | None
    cost: int | None
    total: float | None
    first_token: float | None
    charges: str


_SUMMED = (
    *("began", "key_id", "team_id", "route", "target", "failure", "cached", "unpriced"),
    *("input", "output", "cache_read", "cache_write", "cost", "total", "first_token"),
)


class Taken(NamedTuple):
    """A request that is written down."""

    request_id: str
    """As the row has it, see `name`."""
    entry: Entry
    first: Entry
    """The first revision of it that comes now, maybe the entry itself."""
    earlier: CountedRow | None = None
    """The row whose place it takes: then it adds to sums and accounts only what it has more than that."""


class Batch:
    """What is written for some requests.

    It is worked out column by column, some hundred requests at a time: what most of them have in common, such
    as the names of keys and routes, is looked at once then, and what a column never holds costs nothing.
    """

    def __init__(self) -> None:
        self.requests: Columns = [[] for _ in REQUEST]
        self.attempts: Columns = [[] for _ in ATTEMPT]
        """Columns in the order of `REQUEST` and `ATTEMPT`; a Boolean is 0 or 1."""
        self.bodies: list[Row] = []
        """Rows with the columns of `BODY`."""
        self.charges: list[Charge] = []
        """What accounts pay."""
        self.replaced: list[str] = []
        """Requests of which there are rows already that have to go."""
        self._hours: dict[_Place, list[float]] = {}

    def add(self, taken: Sequence[Taken]) -> None:
        """Write requests down."""
        if not taken:
            return
        ids = [one.request_id for one in taken]
        entries = [one.entry for one in taken]
        charges = _fitting_charges([entry.charges for entry in entries])
        columns = _requests(ids, entries, charges)
        for column, field in zip(self.requests, REQUEST, strict=True):
            column.extend(columns[field])
        self._sum(columns)
        if attempts := [
            (request_id, number, attempt)
            for request_id, entry in zip(ids, entries, strict=True)
            for number, attempt in enumerate(entry.attempts, 1)
        ]:
            columns = _attempts(attempts)
            for column, field in zip(self.attempts, ATTEMPT, strict=True):
                column.extend(columns[field])
        for one, due in zip(taken, charges, strict=True):
            if one.entry.bodies:
                self.bodies += _bodies(one.entry, one.request_id)
            if one.earlier is None and one.first is one.entry:
                self.charges += due
            else:
                self._replace(one, due)

    @property
    def rollups(self) -> list[Row]:
        """What is added to sums, of hours and of days. In the order of their keys: whoever locks rows does
        so in the same order.
        """
        days: dict[_Place, list[float]] = {}
        for (begins, *place), sums in self._hours.items():
            _add(days, (begins // _DAY * _DAY, *place), sums)
        spans = ((1, self._hours), (24, days))
        return [(span, *place, *sums) for span, rows in spans for place, sums in sorted(rows.items())]

    def _replace(self, taken: Taken, charges: Sequence[Charge]) -> None:
        earlier = taken.earlier
        if earlier is None:
            (paid,) = _fitting_charges([taken.first.charges])
            self.charges += paid
        else:
            self.replaced.append(taken.request_id)
            self._sum({field: [getattr(earlier, field)] for field in CountedRow.__struct_fields__}, -1)
            paid = _read_charges(earlier.charges)
        self.charges += _beyond(charges, paid)

    def _sum(self, columns: Mapping[str, Sequence[Any]], sign: int = 1) -> None:
        hours = self._hours
        for row in zip(*[columns[field] for field in _SUMMED], strict=True):
            began, key_id, team_id, route, target, failure, cached, unpriced, *counts, total, first = row
            place = int(began // _HOUR) * _HOUR, key_id, team_id, route, target
            sums = hours.get(place)
            if sums is None:
                sums = hours[place] = [0] * 9 + [0.0, 0.0, 0]
            sums[0] += sign
            if failure:
                sums[1] += sign
            if cached:
                sums[2] += sign
            if unpriced:
                sums[3] += sign
            for number, count in enumerate(counts, 4):
                if count:
                    sums[number] += sign * count
            if total:
                sums[9] += sign * total
            if first is not None:
                sums[10] += sign * first
                sums[11] += sign


def _add(known: dict[_Place, list[float]], place: _Place, sums: Sequence[float]) -> None:
    there = known.get(place)
    known[place] = list(sums) if there is None else list(map(operator.add, there, sums))


def _requests(
    ids: Sequence[str], entries: Sequence[Entry], charges: Sequence[Sequence[Charge]]
) -> dict[str, Sequence[Any]]:
    """The columns of `REQUEST`."""
    fields = _fields(Entry, entries)
    columns = {field: fitting(fields[field]) for field, fitting in _REQUEST.items()}
    columns |= _usage(fields["usage"])
    columns["request_id"] = ids
    columns["tags"] = [_json(fitting_names(tags)) if tags else "[]" for tags in fields["tags"]]
    columns["charges"] = [_json(some) if some else "[]" for some in charges]
    columns["attempts"] = _small(list(map(len, fields["attempts"])))
    return columns


def _attempts(attempts: Sequence[tuple[str, int, AttemptEntry]]) -> dict[str, Sequence[Any]]:
    """The columns of `ATTEMPT`, of attempts with the ids of their requests and their numbers."""
    ids, numbers, entries = zip(*attempts, strict=True)
    fields = _fields(AttemptEntry, entries)
    columns = {field: fitting(fields[field]) for field, fitting in _ATTEMPT.items()}
    columns |= _usage(fields["usage"])
    columns["request_id"] = ids
    columns["number"] = _small(numbers)
    columns["cost_rows"] = [_json(rows) if rows else "[]" for rows in fields["cost_rows"]]
    return columns


def _bodies(entry: Entry, request_id: str) -> list[Row]:
    return [
        (request_id, name(body.kind), entry.began, name(body.media_type), body.content, body.truncated)
        for body in entry.bodies
    ]


def _fields(kind: type[msgspec.Struct], structs: Sequence[msgspec.Struct]) -> dict[str, Sequence[Any]]:
    """What these have in each of their fields."""
    columns = zip(*map(msgspec.structs.astuple, structs), strict=True)
    return dict(zip(kind.__struct_fields__, columns, strict=True))


def _fitting_charges(charges: Sequence[Sequence[Charge]]) -> Sequence[Sequence[Charge]]:
    """The charges of each request, made to fit where they do not."""
    flat = [one for some in charges for one in some]
    accounts, leases = [one.account for one in flat], [one.lease for one in flat]
    amounts = [one.amount for one in flat]
    fitting = (_texts(accounts), _texts(leases), _money(amounts))
    if fitting == (accounts, leases, amounts):
        return charges
    return [
        [Charge(text(one.account), text(one.lease), _bounded(one.amount, MOST_COST)) for one in some]
        for some in charges
    ]


def _beyond(charges: Sequence[Charge], paid: Sequence[Charge]) -> list[Charge]:
    """What is paid after `paid`, so that it is `charges` in the end. What is more comes out of the lease that
    is named, as what was paid did: its process has taken it out there already. What is less goes into none.
    """
    sums: dict[tuple[str, str], int] = {}
    for sign, some in ((1, charges), (-1, paid)):
        for one in some:
            place = (one.account, one.lease)
            sums[place] = sums.get(place, 0) + sign * one.amount
    return [
        Charge(account, lease if more > 0 else "", more) for (account, lease), more in sums.items() if more
    ]


def _usage(usages: Sequence[UsageCounts]) -> dict[str, Sequence[Any]]:
    return {field: _counts(column) for field, column in _fields(UsageCounts, usages).items()}


def _json(value: object) -> str:
    return _encode(value).decode()


def name(value: str) -> str:
    """A short text that any database and its indexes can hold."""
    if len(value) * 4 <= _NAME:
        return clean(value)
    return clean(value).encode()[:_NAME].decode(errors="ignore")


def text(value: str) -> str:
    """A text that any database can hold, cut where it is very long."""
    return clean(value if len(value) <= _TEXT else value[: _TEXT - 1] + "…")


def clean(value: str) -> str:
    """The text with a replacement for what not every database can hold."""
    if value.isprintable() or not _UNFIT.search(value):
        return value
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", value)


def fitting_names(values: Sequence[str]) -> Sequence[str]:
    """`name` for each."""
    return _fitting(values, _NAME // 4, name)


def _texts(values: Sequence[str]) -> Sequence[str]:
    return _fitting(values, _TEXT, text)


def _fitting(values: Sequence[str], most: int, fit: Callable[[str], str]) -> Sequence[str]:
    """The same values, made to fit where they do not: those of up to `most` printable characters do."""
    different = set(values)
    if len(max(different, key=len, default="")) <= most and "".join(different).isprintable():
        return values
    fitting = {value: fit(value) for value in different}
    return [fitting[value] for value in values]


def _counts(values: Sequence[int | None]) -> Sequence[int | None]:
    return _within(values, MOST_COUNT)


def _money(values: Sequence[int | None]) -> Sequence[int | None]:
    return _within(values, MOST_COST)


def _small(values: Sequence[int | None]) -> Sequence[int | None]:
    return _within(values, _MOST_SMALL)


def _within(values: Sequence[int | None], most: int) -> Sequence[int | None]:
    known = [value for value in values if value is not None]
    if not known or (-most <= min(known) and max(known) <= most):
        return values
    return [None if value is None else _bounded(value, most) for value in values]


def _flags(values: Sequence[bool]) -> Sequence[int]:
    # of what is no plain number, SQLite's driver asks each time whether it knows how to make one of it
    return list(map(int, values))


def _as_they_are(values: Sequence[_T]) -> Sequence[_T]:
    return values


def _bounded(value: int, most: int) -> int:
    return value if -most <= value <= most else max(-most, min(value, most))


_Fitting = Callable[[Sequence[Any]], Sequence[Any]]


def _by_field(kinds: Mapping[_Fitting, str]) -> dict[str, _Fitting]:
    return {field: fitting for fitting, fields in kinds.items() for field in fields.split()}


_REQUEST = _by_field(
    {
        fitting_names: "key_id key_name owner team_id team_name route model target dialect upstream_dialect "
        "plan purpose failure node",
        _texts: "stop error losses",
        _flags: "stream cached estimated unpriced",
        _small: "revision status",
        _money: "cost",
        _as_they_are: "began queue first_token total",
    }
)
_ATTEMPT = _by_field(
    {
        fitting_names: "target credential upstream_dialect plan outcome failure upstream_request_id",
        _texts: "error price_source",
        _flags: "hedge estimated unpriced",
        _small: "resent upstream_status",
        _money: "cost",
        _as_they_are: "began queue connect first_byte first_token total",
    }
)
"""How columns are made of the fields of the same name."""
