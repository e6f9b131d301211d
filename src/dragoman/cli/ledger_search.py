"""What the commands of `dragoman ledger` that look things up do."""

import datetime as dt
import sys
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

import click
import msgspec

from dragoman.cli.loading import fail
from dragoman.cli.upkeep import parse_moment, read_settings, with_database
from dragoman.models.money import render_dollars, to_nanos
from dragoman.store.engine import Database
from dragoman.store.entry import UsageCounts
from dragoman.store.ledger_filters import FilterError, Filters, Outcome, Scope
from dragoman.store.ledger_findings import AttemptRow, By, RequestDetail, RequestRow, Share
from dragoman.store.ledger_search import LedgerSearch

_MONTH = 30 * 86_400


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
        click.echo(msgspec.json.encode(page))
        return
    if page.rows:
        click.echo("\n".join(table(_HEAD, [_cells(row) for row in page.rows])))
    else:
        click.echo("Nothing was found.")
    if page.searched is not None:
        click.echo(f"The search was stopped, because it took long: it has come down to {_moment(page.searched)}.", err=True)
    if page.next is not None:
        click.echo(f"There is more: --before {page.next}", err=True)


def show(config: Path | None, request_id: str, *, as_json: bool) -> None:
    """Print one request. Ends the process with status 1 where there is none."""
    found = _look(config, lambda ledger: ledger.entry(request_id))
    if found is None:
        click.echo(f"There is no request {printable(request_id)} in the ledger.", err=True)
        sys.exit(1)
    click.echo(msgspec.json.encode(found) if as_json else "\n".join(_detail(found)))


def costs(config: Path | None, orders: CostOrders) -> None:
    """Print the sums of keys, teams, routes or targets."""
    ends = parse_moment(orders.until, "--until") if orders.until else time.time()
    begins = parse_moment(orders.since, "--since") if orders.since else ends - _MONTH
    shares = _look(config, lambda ledger: ledger.top(Scope(), begins, ends, orders.by, orders.limit))
    if orders.as_json:
        click.echo(msgspec.json.encode(shares))
    elif shares:
        head = (orders.by, "cost", "requests", "failed", "unpriced", "input", "output", "cached")
        click.echo("\n".join(table(head, [_sums(share) for share in shares])))
    else:
        click.echo("Nothing was found.")


def filters_of(orders: Orders) -> Filters:
    """What is looked for. Raises `click.BadParameter`."""
    said: dict[str, object] = {name: getattr(orders, name) for name in Filters.__struct_fields__ if hasattr(orders, name)}
    said["begins"] = parse_moment(orders.since, "--since") if orders.since else None
    said["ends"] = parse_moment(orders.until, "--until") if orders.until else None
    said["cost_at_least"] = _nanos(orders.min_cost, "--min-cost")
    said["cost_at_most"] = _nanos(orders.max_cost, "--max-cost")
    return msgspec.convert({name: value for name, value in said.items() if value is not None}, Filters)
