"""Entries of the ledger as rows of its tables, and what they add to sums and accounts.

Much of what is in an entry comes from clients and upstreams. What a database cannot hold is replaced here:
characters that are none, texts that are too long for an index, numbers beyond all reason.
"""

import operator
import re
from collections.abc import Sequence

import msgspec
from sqlalchemy import Table

from dragoman.store.entry import AttemptEntry, Charge, Entry, UsageCounts
from dragoman.store.tables import ATTEMPTS, BODIES, REQUESTS, ROLLUPS

Row = tuple[object, ...]
_Place = tuple[int, *tuple[str, ...]]
"""`begins`, `key_id`, `team_id`, `route`, `target`."""


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


_counted = operator.itemgetter(*map(REQUEST.index, CountedRow.__struct_fields__))


class Batch:
    """What is written for some entries. Rows have the columns of their table, see `REQUEST` and so on."""

    def __init__(self) -> None:
        self.requests: list[Row] = []
        self.attempts: list[Row] = []
        self.bodies: list[Row] = []
        self.charges: list[Charge] = []
        """What accounts pay."""
        self.replaced: list[str] = []
        """Requests of which there are rows already that have to go."""
        self._hours: dict[_Place, list[float]] = {}

    def add(self, entry: Entry, first: Entry, earlier: CountedRow | None = None) -> None:
        """Write an entry down. `first` is the first revision of it that comes now, maybe itself. `earlier` is
        the row whose place it takes: then it adds to sums and accounts only what it has more than that.
        """
        request_id = name(entry.request_id)
        charges = _charges(entry)
        request = _request(entry, request_id, charges)
        self.requests.append(request)
        for number, attempt in enumerate(entry.attempts, 1):
            self.attempts.append(_attempt(attempt, request_id, number))
        for body in entry.bodies:
            self.bodies.append(
                (
                    request_id,
                    name(body.kind),
                    entry.began,
                    name(body.media_type),
                    body.content,
                    body.truncated,
                )
            )
        self._sum(CountedRow(*_counted(request)), 1)
        if earlier is not None:
            self.replaced.append(request_id)
            self._sum(earlier, -1)
            paid = _read_charges(earlier.charges)
        else:
            paid = charges if first is entry else _charges(first)
            self.charges += paid
        if paid is not charges:
            self.charges += _beyond(charges, paid)

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

    def _sum(self, row: CountedRow, sign: int) -> None:
        sums = (
            sign,
            sign if row.failure else 0,
            sign if row.cached else 0,
            sign if row.unpriced else 0,
            sign * (row.input or 0),
            sign * (row.output or 0),
            sign * (row.cache_read or 0),
            sign * (row.cache_write or 0),
            sign * (row.cost or 0),
            sign * (row.total or 0.0),
            sign * (row.first_token or 0.0),
            0 if row.first_token is None else sign,
        )
        hour = int(row.began // _HOUR) * _HOUR
        _add(self._hours, (hour, row.key_id, row.team_id, row.route, row.target), sums)


def _add(known: dict[_Place, list[float]], place: _Place, sums: Sequence[float]) -> None:
    there = known.get(place)
    known[place] = list(sums) if there is None else list(map(operator.add, there, sums))


def _request(entry: Entry, request_id: str, charges: Sequence[Charge]) -> Row:
    return (
        request_id,
        _small(entry.revision),
        entry.began,
        name(entry.key_id),
        name(entry.key_name),
        name(entry.owner),
        name(entry.team_id),
        name(entry.team_name),
        _json([name(tag) for tag in entry.tags]) if entry.tags else "[]",
        name(entry.route),
        name(entry.model),
        name(entry.target),
        name(entry.dialect),
        name(entry.upstream_dialect),
        name(entry.plan),
        name(entry.purpose),
        entry.stream,
        entry.cached,
        _small(entry.status),
        text(entry.stop),
        name(entry.failure),
        text(entry.error),
        text(entry.losses),
        entry.queue,
        entry.first_token,
        entry.total,
        *_usage(entry.usage),
        entry.estimated,
        entry.unpriced,
        _money(entry.cost),
        _json(charges) if charges else "[]",
        _small(len(entry.attempts)),
        name(entry.node),
    )


def _attempt(attempt: AttemptEntry, request_id: str, number: int) -> Row:
    return (
        request_id,
        _small(number),
        name(attempt.target),
        name(attempt.credential),
        name(attempt.upstream_dialect),
        name(attempt.plan),
        name(attempt.outcome),
        attempt.hedge,
        _small(attempt.resent),
        attempt.began,
        attempt.queue,
        attempt.connect,
        attempt.first_byte,
        attempt.first_token,
        attempt.total,
        name(attempt.failure),
        text(attempt.error),
        None if attempt.upstream_status is None else _small(attempt.upstream_status),
        name(attempt.upstream_request_id),
        *_usage(attempt.usage),
        attempt.estimated,
        attempt.unpriced,
        _money(attempt.cost),
        _json(attempt.cost_rows) if attempt.cost_rows else "[]",
        text(attempt.price_source),
    )


def _charges(entry: Entry) -> list[Charge]:
    return [
        Charge(text(one.account), text(one.lease), _bounded(one.amount, MOST_COST)) for one in entry.charges
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


def _usage(usage: UsageCounts) -> Row:
    return tuple(map(_count, msgspec.structs.astuple(usage)))


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


def _count(value: int | None) -> int | None:
    return value if value is None or 0 <= value <= MOST_COUNT else _bounded(value, MOST_COUNT)


def _money(value: int | None) -> int | None:
    return None if value is None else _bounded(value, MOST_COST)


def _small(value: int) -> int:
    return _bounded(value, _MOST_SMALL)


def _bounded(value: int, most: int) -> int:
    return value if -most <= value <= most else max(-most, min(value, most))
