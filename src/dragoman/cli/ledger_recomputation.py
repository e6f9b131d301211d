"""`dragoman ledger recompute`: put the costs in the ledger right."""

import time
from pathlib import Path

import click
import msgspec

from dragoman.cli.loading import load
from dragoman.cli.upkeep import parse_moment, with_database
from dragoman.ledger.pricing import Pricing
from dragoman.ledger.recomputation import Correction, recompute
from dragoman.models.money import render_dollars
from dragoman.providers.price_list import build_prices
from dragoman.store.engine import Database
from dragoman.store.ledger_costs import Corrected, DatabaseCosts

_PAUSE = 2.0
"""Seconds between two lines about how far it has come."""


def run(
    config: Path | None, since: str, until: str | None, pattern: str | None, *, dry: bool, as_json: bool
) -> None:
    """Compute costs once more, and print the sums before and after. Ends the process with status 2 for a
    wrong configuration or date, and with 1 where the store cannot be used.
    """
    begins = parse_moment(since, "--since")
    ends = parse_moment(until, "--until") if until else time.time()
    settings, providers = load(config)
    correction = Correction(Pricing(build_prices(settings, providers), settings.ledger), pattern)
    shown = time.monotonic()

    def report(done: Corrected) -> None:
        nonlocal shown
        if time.monotonic() - shown > _PAUSE:
            shown = time.monotonic()
            click.echo(f"{done.requests} requests, {done.changed} with another cost", err=True)

    async def work(database: Database) -> Corrected:
        return await recompute(DatabaseCosts(database), correction, begins, ends, time.time, report, dry=dry)

    done = with_database(settings, work)
    if as_json:
        click.echo(msgspec.json.encode(done))
        return
    click.echo(f"requests: {done.requests}")
    click.echo(f"{'would change' if dry else 'changed'}: {done.changed} (attempts: {done.attempts})")
    click.echo(f"cost before: {render_dollars(done.before)}")
    click.echo(f"cost after: {render_dollars(done.after)} ({_signed(done.after - done.before)})")
    if done.unpriced:
        click.echo(f"still without a price: {done.unpriced} requests, which cost more than that")
    if dry:
        click.echo("Nothing was changed.")


def _signed(nanos: int) -> str:
    return render_dollars(nanos) if nanos < 0 else f"+{render_dollars(nanos)}"
