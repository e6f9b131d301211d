"""`dragoman ledger`: look into the ledger, and put its costs right."""

from pathlib import Path

import click

from dragoman.cli.options import CONFIG, JSON

SINCE = click.option("--since", metavar="DATE", help="From then on, as 2026-11-01 or 2026-11-01T12:00 (UTC).")
UNTIL = click.option("--until", metavar="DATE", help="Before then.")


@click.group()
def ledger() -> None:
    """The ledger: find requests, see what they cost and why, and compute costs once more.

    All of this may be done while the gateway runs.
    """


@ledger.command()
@CONFIG
@SINCE
@UNTIL
@click.option("--key", help="The key, by its id or name.")
@click.option("--team", help="The team, by its id or name.")
@click.option("--owner", help="The key's owner.")
@click.option("--route", help="The route.")
@click.option("--model", help="The model that the client asked for.")
@click.option("--target", metavar="PROVIDER/MODEL", help="Where the answer came from.")
@click.option("--dialect", help="The client's wire format, as anthropic.")
@click.option("--status", type=click.IntRange(100, 999), help="The HTTP status, as 429.")
@click.option("--outcome", type=click.Choice(["ok", "failed", "left", "4xx", "5xx"]), help="How it ended.")
@click.option("--failure", help="The kind of failure, as rate_limit.")
@click.option("--min-cost", metavar="USD", help="It cost at least so many dollars, as 0.25.")
@click.option("--max-cost", metavar="USD", help="It cost at most so many dollars.")
@click.option("--stream/--no-stream", default=None, help="Streamed, or not.")
@click.option("--cached/--not-cached", default=None, help="Answered from the cache, or not.")
@click.option("--unpriced/--priced", default=None, help="Used something that had no price, or not.")
@click.option("--estimated/--not-estimated", default=None, help="With counts that are ours, or the vendor's.")
@click.option("--id", "text", metavar="TEXT", help="How its id, or an upstream's id of it, begins.")
@click.option(
    "--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="The most requests."
)
@click.option("--before", metavar="WORD", help="Go on where an earlier search has ended.")
@JSON
def search(config: Path | None, **orders: object) -> None:
    """Find requests, the newest first. Everything that is said has to hold."""
    import msgspec  # noqa: PLC0415 - slow imports wait until they are needed

    from dragoman.cli import ledger_search  # noqa: PLC0415 - as above

    ledger_search.search(config, msgspec.convert(orders, ledger_search.Orders))


@ledger.command()
@CONFIG
@click.argument("request_id")
@JSON
def show(config: Path | None, request_id: str, as_json: bool) -> None:
    """Show one request: its attempts, and what they cost, line by line."""
    from dragoman.cli.ledger_search import show as run  # noqa: PLC0415 - as above

    run(config, request_id, as_json=as_json)


@ledger.command()
@CONFIG
@click.option(
    "--by",
    type=click.Choice(["key", "team", "route", "target"]),
    default="key",
    show_default=True,
    help="What to take the sums apart by.",
)
@SINCE
@UNTIL
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="The most lines."
)
@JSON
def costs(config: Path | None, **orders: object) -> None:
    """Show what keys, teams, routes or targets have cost, the most costly first: of whole hours. Without a
    date, of the last 30 days.
    """
    import msgspec  # noqa: PLC0415 - as above

    from dragoman.cli import ledger_search  # noqa: PLC0415 - as above

    ledger_search.costs(config, msgspec.convert(orders, ledger_search.CostOrders))


@ledger.command()
@CONFIG
@click.option(
    "--since", metavar="DATE", required=True, help="Requests that began from then on, as 2026-11-01 (UTC)."
)
@click.option("--until", metavar="DATE", help="And before then. Default: up to now.")
@click.option("--model", metavar="PATTERN", help="Only of models like this, as anthropic/* or *sonnet*.")
@click.option("--dry-run", is_flag=True, help="Change nothing, and say what would change.")
@JSON
def recompute(
    config: Path | None, since: str, until: str | None, model: str | None, dry_run: bool, as_json: bool
) -> None:
    """Compute the costs of requests once more, from what they used, with the prices of today: those of this
    version, and those of the configuration. Sums and budgets follow.

    May be broken off at any moment and run again. What has no price now keeps the cost that it has.
    """
    from dragoman.cli.ledger_recomputation import run  # noqa: PLC0415 - as above

    run(config, since, until, model, dry=dry_run, as_json=as_json)
