"""What the commands of `dragoman ledger` that look things up do."""

import datetime as dt
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeVar

import click
import msgspec

from dragoman.cli.loading import fail
from dragoman.cli.terminal import printable, printable_json
from dragoman.cli.upkeep import parse_moment, read_settings, with_database
from dragoman.models.money import render_dollars, to_nanos
from dragoman.store.engine import Database
from dragoman.store.entry import UsageCounts
from dragoman.store.ledger_filters import FilterError, Filters, Outcome, Scope
from dragoman.store.ledger_findings import AttemptRow, By, RequestDetail, RequestRow, Share
from dragoman.store.ledger_search import LedgerSearch

T = TypeVar("T")

_MONTH = 30 * 86_400
_PATIENCE, _LIMIT = 5.0, 60.0
"""Seconds; nobody else waits here, so there is more time than the gateway gives."""


class Orders(msgspec.Struct, frozen=True):
    """What the command line of a search says."""

    since: str | None
    until: str | None
    key: str | None
    team: str | None
    owner: str | None
    route: str | None
    model: str | None
    target: str | None
    dialect: str | None
    status: int | None
    outcome: Outcome | None
    failure: str | None
    min_cost: str | None
    max_cost: str | None
    stream: bool | None
    cached: bool | None
    unpriced: bool | None
    estimated: bool | None
    text: str | None
    limit: int
    before: str | None
    as_json: bool


class CostOrders(msgspec.Struct, frozen=True):
    """What the command line of `costs` says."""

    by: By
    since: str | None
    until: str | None
    limit: int
    as_json: bool


def search(config: Path | None, orders: Orders) -> None:
    """Print the requests that are found. Ends the process with status 2 for what makes no sense."""
    page = _look(config, lambda ledger: ledger.page(filters_of(orders), orders.before, orders.limit))
    if orders.as_json:
        click.echo(printable_json(msgspec.json.encode(page)))
        return
    if page.rows:
        click.echo("\n".join(table(_HEAD, [_cells(row) for row in page.rows])))
    else:
        click.echo("Nothing was found.")
    if page.searched is not None:
        click.echo(
            f"The search was stopped, because it took long: it has come down to {_moment(page.searched)}.",
            err=True,
        )
    if page.next is not None:
        click.echo(f"There is more: --before {page.next}", err=True)


def show(config: Path | None, request_id: str, *, as_json: bool) -> None:
    """Print one request. Ends the process with status 1 where there is none."""
    found = _look(config, lambda ledger: ledger.entry(request_id))
    if found is None:
        click.echo(f"There is no request {printable(request_id)} in the ledger.", err=True)
        sys.exit(1)
    click.echo(printable_json(msgspec.json.encode(found)) if as_json else "\n".join(_detail(found)))


def costs(config: Path | None, orders: CostOrders) -> None:
    """Print the sums of keys, teams, routes or targets."""
    ends = parse_moment(orders.until, "--until") if orders.until else time.time()
    begins = parse_moment(orders.since, "--since") if orders.since else ends - _MONTH
    shares = _look(config, lambda ledger: ledger.top(Scope(), begins, ends, orders.by, orders.limit))
    if orders.as_json:
        click.echo(printable_json(msgspec.json.encode(shares)))
    elif shares:
        head = (orders.by, "cost", "requests", "failed", "unpriced", "input", "output", "cached")
        click.echo("\n".join(table(head, [_sums(share) for share in shares])))
    else:
        click.echo("Nothing was found.")


def filters_of(orders: Orders) -> Filters:
    """What is looked for. Raises `click.BadParameter`."""
    said: dict[str, object] = {
        name: getattr(orders, name) for name in Filters.__struct_fields__ if hasattr(orders, name)
    }
    said["begins"] = parse_moment(orders.since, "--since") if orders.since else None
    said["ends"] = parse_moment(orders.until, "--until") if orders.until else None
    said["cost_at_least"] = _nanos(orders.min_cost, "--min-cost")
    said["cost_at_most"] = _nanos(orders.max_cost, "--max-cost")
    return msgspec.convert({name: value for name, value in said.items() if value is not None}, Filters)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with columns below each other; nothing in them does anything to a terminal."""
    cells = [[printable(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


_HEAD = ("began (UTC)", "request", "key", "model", "target", "status", "seconds", "tokens", "cost")


def _cells(row: RequestRow) -> tuple[str, ...]:
    usage = row.usage
    prompt = (usage.input or 0) + (usage.cache_read or 0) + (usage.cache_write or 0)
    tokens = "" if usage == UsageCounts() else f"{prompt}+{usage.output or 0}"
    return (
        _moment(row.began),
        row.request_id,
        row.key_name,
        row.model,
        row.target,
        f"{row.status} {row.failure}".rstrip(),
        "" if row.total is None else f"{row.total:.2f}",
        tokens,
        _cost(row.cost, unpriced=row.unpriced, estimated=row.estimated),
    )


def _sums(share: Share) -> tuple[str, ...]:
    sums = share.sums
    counts = (sums.requests, sums.failures, sums.unpriced, sums.input, sums.output, sums.cache_read)
    return (share.name or "(none)", render_dollars(sums.cost), *map(str, counts))


def _detail(found: RequestDetail) -> Iterator[str]:
    row = found.request
    facts = {
        "request": row.request_id,
        "began": f"{_moment(row.began)} UTC",
        "key": f"{row.key_name} ({row.key_id})" if row.key_name != row.key_id else row.key_id,
        "owner": row.owner,
        "team": row.team_name,
        "tags": ", ".join(row.tags),
        "model": row.model,
        "route": row.route,
        "target": row.target,
        "dialects": f"{row.dialect}, {row.upstream_dialect}" if row.upstream_dialect else row.dialect,
        "plan": row.plan,
        "purpose": row.purpose,
        "status": str(row.status),
        "stop": row.stop,
        "failure": row.failure,
        "error": row.error,
        "losses": row.losses,
        "times": _times(queue=row.queue or None, first_token=row.first_token, total=row.total),
        "cost": _cost(row.cost, unpriced=row.unpriced, estimated=row.estimated),
        "node": row.node,
    }
    yield from _facts(facts, "")
    marks = {"streamed": row.stream, "cached": row.cached}
    if any(marks.values()):
        yield ", ".join(mark for mark, is_so in marks.items() if is_so)
    for attempt in found.attempts:
        yield from _attempt(attempt)
    for charge in row.charges:
        yield f"charged: {render_dollars(charge.amount)} to {printable(charge.account)}"
    for body in found.bodies:
        cut = ", cut off" if body.truncated else ""
        yield f"body: {printable(body.kind)}, {printable(body.media_type)}, {body.size} bytes{cut}"


def _attempt(attempt: AttemptRow) -> Iterator[str]:
    hedge = ", a hedge" if attempt.hedge else ""
    yield f"attempt {attempt.number}: {printable(attempt.target)}, {printable(attempt.outcome)}{hedge}"
    status = "" if attempt.upstream_status is None else str(attempt.upstream_status)
    facts = {
        "upstream's id": attempt.upstream_request_id,
        "plan": f"{attempt.plan}, in {attempt.upstream_dialect}" if attempt.plan else "",
        "upstream's status": status,
        "failure": attempt.failure,
        "error": attempt.error,
        "times": _times(
            queue=attempt.queue,
            connect=attempt.connect,
            first_byte=attempt.first_byte,
            first_token=attempt.first_token,
            total=attempt.total,
        ),
    }
    yield from _facts(facts, "  ")
    lines = [
        (line.kind, str(line.count), f"x ${line.price}", f"= ${line.cost}") for line in attempt.cost_rows
    ]
    if lines:
        per = "prices are for a million tokens, or for a thousand searches"
        yield from (f"  {line}" for line in table(("line", "count", "price", "cost"), lines))
        yield f"  {per}: {printable(attempt.price_source)}"
    cost = _cost(attempt.cost, unpriced=attempt.unpriced, estimated=attempt.estimated)
    if cost:
        yield f"  cost: {cost}"


def _facts(facts: dict[str, str], indent: str) -> Iterator[str]:
    for name, value in facts.items():
        if value:
            yield f"{indent}{name}: {printable(value)}"


def _times(**seconds: float | None) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {value:.3f} s" for name, value in seconds.items() if value is not None
    )


def _cost(nanos: int | None, *, unpriced: bool, estimated: bool) -> str:
    words = [] if nanos is None else [render_dollars(nanos)]
    if unpriced:
        words.append("and something without a price" if words else "no price")
    if estimated and nanos is not None:
        words.append("(estimated)")
    return " ".join(words)


def _moment(seconds: float) -> str:
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return f"{seconds:g}"


def _nanos(dollars: str | None, option: str) -> int | None:
    if dollars is None:
        return None
    try:
        amount = Decimal(dollars)
    except InvalidOperation:
        amount = Decimal(-1)
    if not (amount.is_finite() and 0 <= amount <= 1_000_000_000):
        raise click.BadParameter("write an amount of US dollars, such as 0.25", param_hint=option)
    return to_nanos(amount)


def _look(config: Path | None, question: Callable[[LedgerSearch], Awaitable[T]]) -> T:
    """The answer to a question. Ends the process with status 2 for one that makes no sense."""

    async def work(database: Database) -> T:
        return await question(LedgerSearch(database, patience=_PATIENCE, limit=_LIMIT))

    try:
        return with_database(read_settings(config), work)
    except FilterError as error:
        fail(str(error))
