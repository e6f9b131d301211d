"""`dragoman store`: look after the database of keys, budgets and the ledger."""

from pathlib import Path

import click

from dragoman.cli.options import CONFIG, JSON

NEW_FILE = click.Path(path_type=Path, dir_okay=False)
SINCE = click.option("--since", metavar="DATE", help="From then on, as 2026-11-01 or 2026-11-01T12:00 (UTC).")
UNTIL = click.option("--until", metavar="DATE", help="Before then.")


@click.group()
def store() -> None:
    """The database: check it, copy it, take the ledger out of it, and forget what is old.

    All of this may be done while the gateway runs, but for `restore`.
    """


@store.command()
@CONFIG
@JSON
def check(config: Path | None, as_json: bool) -> None:
    """Look whether the database answers and is sound, and what is in it. Changes nothing.

    Ends with status 1 where something is wrong.
    """
    from dragoman.cli.upkeep import check as run  # noqa: PLC0415 - slow imports wait until they are needed

    run(config, as_json=as_json)


@store.command()
@CONFIG
@click.argument("file", type=NEW_FILE)
def backup(config: Path | None, file: Path) -> None:
    """Copy everything as it is at this moment to FILE, a new SQLite file, from either kind of database."""
    from dragoman.cli.upkeep import backup as run  # noqa: PLC0415 - as above

    run(config, file)


@store.command()
@CONFIG
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
def restore(config: Path | None, file: Path) -> None:
    """Put what is in FILE, a backup, into an empty database, which no gateway may use meanwhile."""
    from dragoman.cli.upkeep import restore as run  # noqa: PLC0415 - as above

    run(config, file)


@store.command()
@CONFIG
@SINCE
@UNTIL
@click.option(
    "--format",
    "kind",
    type=click.Choice(["jsonl", "csv"]),
    default="jsonl",
    help="JSON Lines, with the attempts of each request, or CSV, without. Default: jsonl.",
)
@click.option("-o", "--output", type=NEW_FILE, help="A new file to write to, else standard output.")
def export(config: Path | None, since: str | None, until: str | None, kind: str, output: Path | None) -> None:
    """Write the requests of the ledger, the oldest first."""
    from dragoman.cli.ledger_export import run  # noqa: PLC0415 - as above

    run(config, since, until, kind, output)


@store.command()
@CONFIG
@click.option("--before", metavar="DATE", help="Forget what is older, whatever the configuration keeps.")
@click.option("--dry-run", is_flag=True, help="Only say how much that is.")
@JSON
def prune(config: Path | None, before: str | None, dry_run: bool, as_json: bool) -> None:
    """Forget requests and bodies that are older than the configuration keeps them ([ledger] retention and
    bodies_retention). Sums for charts stay, and so does what was spent.
    """
    from dragoman.cli.upkeep import prune as run  # noqa: PLC0415 - as above

    run(config, before, dry_run=dry_run, as_json=as_json)
