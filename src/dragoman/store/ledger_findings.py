"""What a search of the ledger finds: money in nano-dollars, times in Unix seconds, durations in seconds."""

from decimal import Decimal
from typing import Literal

import msgspec
from sqlalchemy import RowMapping

from dragoman.store.entry import Charge, CostRow, UsageCounts

Span = Literal["hour", "day"]
"""How much time one point of a chart is for."""

By = Literal["key", "team", "route", "target"]
"""What sums can be taken apart by."""

Order = Literal["cost", "requests", "failures", "tokens"]
"""What the first of a list has most of."""


_decode = msgspec.json.Decoder().decode
_decode_lines = msgspec.json.Decoder(tuple[CostRow, ...]).decode


class RequestRow(msgspec.Struct, frozen=True, kw_only=True):
    """One request, as `Entry` describes it."""

    request_id: str
    revision: int
    began: float
    key_id: str
    key_name: str
    owner: str
    team_id: str
    team_name: str
    tags: tuple[str, ...]
    route: str
    model: str
    target: str
    dialect: str
    upstream_dialect: str
    plan: str
    purpose: str
    stream: bool
    cached: bool
    status: int
    stop: str
    failure: str
    error: str
    losses: str
    queue: float
    first_token: float | None
    total: float | None
    usage: UsageCounts
    estimated: bool
    unpriced: bool
    cost: int | None
    charges: tuple[Charge, ...]
    attempts: int
    """How many there were."""
    node: str


class CostItem(msgspec.Struct, frozen=True):
    """One line of a cost."""

    kind: str
    """A field of `Usage`, such as `input` or `cache_read`."""
    count: int
    price: str
    """US dollars for a million tokens, or for a thousand searches, as a decimal number."""
    cost: str
    """US dollars, exactly, as a decimal number."""


class AttemptRow(msgspec.Struct, frozen=True, kw_only=True):
    """One upstream request, as `AttemptEntry` describes it."""

    number: int
    target: str
    credential: str
    upstream_dialect: str
    plan: str
    outcome: str
    hedge: bool
    resent: int
    began: float
    queue: float | None
    connect: float | None
    first_byte: float | None
    first_token: float | None
    total: float | None
    failure: str
    error: str
    upstream_status: int | None
    upstream_request_id: str
    usage: UsageCounts
    estimated: bool
    unpriced: bool
    cost: int | None
    cost_rows: tuple[CostItem, ...]
    price_source: str


class BodyInfo(msgspec.Struct, frozen=True):
    """That a body is kept. `size` is in bytes, of what is kept of it."""

    kind: str
    media_type: str
    size: int
    truncated: bool


class Body(msgspec.Struct, frozen=True):
    """What is kept of a request's or an answer's body."""

    kind: str
    media_type: str
    content: bytes
    truncated: bool


class RequestDetail(msgspec.Struct, frozen=True):
    """One request, and everything that belongs to it."""

    request: RequestRow
    attempts: tuple[AttemptRow, ...]
    bodies: tuple[BodyInfo, ...]


class Page(msgspec.Struct, frozen=True):
    """Requests, the newest first."""

    rows: tuple[RequestRow, ...]
    next: str | None = None
    """Where the next page begins; None where there is none."""
    searched: float | None = None
    """Set where the search was stopped before the page was full, because it took long: everything that began
    after this moment has been looked at. `next` goes on from there."""


class Sums(msgspec.Struct, frozen=True):
    """Many requests together."""

    requests: int = 0
    failures: int = 0
    cached: int = 0
    unpriced: int = 0
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cost: int = 0
    total: float = 0.0
    """The seconds that all of them took."""
    first_token: float = 0.0
    """The seconds to the first token of those that had one."""
    first_tokens: int = 0
    """How many those are."""

    def plus(self, other: "Sums") -> "Sums":
        """Both together."""
        return Sums(
            *(
                mine + its
                for mine, its in zip(
                    msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True
                )
            )
        )

    def measure(self, order: Order) -> int:
        """How much of something there is."""
        match order:
            case "cost":
                return self.cost
            case "requests":
                return self.requests
            case "failures":
                return self.failures
            case "tokens":
                return self.input + self.output + self.cache_read + self.cache_write


class Point(msgspec.Struct, frozen=True):
    """One hour or day of a chart, in UTC."""

    begins: int
    sums: Sums


class Series(msgspec.Struct, frozen=True):
    """The line of one key, team, route or target. Hours and days without requests are left out."""

    id: str
    name: str
    points: tuple[Point, ...]


class Chart(msgspec.Struct, frozen=True):
    """Lines over a time, the most costly first. `begins` and `ends` are where its first point begins and its
    last one ends.
    """

    span: Span
    begins: int
    ends: int
    series: tuple[Series, ...]


class Share(msgspec.Struct, frozen=True):
    """What one key, team, route or target has of a total."""

    id: str
    name: str
    sums: Sums


def read_request(row: RowMapping) -> RequestRow:
    """A row of `REQUESTS`."""
    read = {"tags": _decode(row["tags"]), "charges": _decode(row["charges"])}
    return msgspec.convert(_values(row, RequestRow) | read, RequestRow)


def read_attempt(row: RowMapping) -> AttemptRow:
    """A row of `ATTEMPTS`."""
    lines = [_item(line) for line in read_lines(row["cost_rows"])]
    return msgspec.convert(_values(row, AttemptRow) | {"cost_rows": lines}, AttemptRow)


def read_lines(column: str) -> tuple[CostRow, ...]:
    """The lines of a cost that a row holds."""
    return _decode_lines(column)


def read_usage(row: RowMapping) -> UsageCounts:
    """The counts in a row of either."""
    return UsageCounts(*(row[count] for count in UsageCounts.__struct_fields__))


def _values(row: RowMapping, kind: type[RequestRow | AttemptRow]) -> dict[str, object]:
    usage = {count: row[count] for count in UsageCounts.__struct_fields__}
    return {name: usage if name == "usage" else row[name] for name in kind.__struct_fields__}


def _item(line: CostRow) -> dict[str, object]:
    # a thousand searches have a price, and a million of everything else
    dollars = (line.count * Decimal(line.price)).scaleb(-3 if line.kind == "searches" else -6)
    said = {"kind": line.kind, "count": line.count, "price": line.price}
    return {**said, "cost": f"{dollars.normalize():f}"}
