"""`dragoman keys`: virtual keys, in the store of the gateway."""

from pathlib import Path

import click

from dragoman.cli.options import CONFIG, JSON, allowances

KEY = click.argument("name", metavar="KEY")


@click.group()
def keys() -> None:
    """Keys that clients present, each with rules of its own. KEY is the name or the id of one.

    They are kept in the store; a gateway that runs sees every change within a second.
    """


@keys.command()
@CONFIG
@click.option("--name", required=True, help="What it is called, in lists and in the ledger.")
@click.option("--owner", default="", help="Whom it is given to.")
@click.option("--team", help="The team that it belongs to.")
@click.option(
    "--route", "routes", multiple=True, metavar="PATTERN", help="A model that it may use, as gpt-*. Else all."
)
@click.option("--tag", "tags", multiple=True, help="A word that conditions of targets can ask for.")
@click.option("--priority", type=click.IntRange(-100, 100), default=0, help="Who waits less.")
@click.option("--expires", metavar="WHEN", help="When it ends: after 30d or 12h, or on 2027-01-31.")
@allowances
@JSON
def create(**order: object) -> None:
    """Make a key and print it, the only time that it can be seen.

    Only the key goes to standard output: KEY=$(dragoman keys create --name alice)
    """
    import msgspec  # noqa: PLC0415 - slow imports wait until they are needed

    from dragoman.cli.key_orders import Order  # noqa: PLC0415 - as above
    from dragoman.cli.key_orders import create as run  # noqa: PLC0415 - as above

    run(msgspec.convert(order, Order))


@keys.command("list")
@CONFIG
@JSON
def list_all(config: Path | None, *, as_json: bool) -> None:
    """List all keys, the newest first."""
    from dragoman.cli.key_orders import list_all as run  # noqa: PLC0415 - slow imports wait

    run(config, as_json=as_json)


@keys.command()
@CONFIG
@KEY
@JSON
def show(config: Path | None, name: str, *, as_json: bool) -> None:
    """Show one key, but not its text: that is kept nowhere."""
    from dragoman.cli.key_orders import show as run  # noqa: PLC0415 - slow imports wait

    run(config, name, as_json=as_json)


@keys.command()
@CONFIG
@KEY
@click.option("--overlap", default="0s", metavar="TIME", help="How long the old text opens as well, as 24h.")
@JSON
def rotate(config: Path | None, name: str, overlap: str, *, as_json: bool) -> None:
    """Give a key a new text and print it, the only time that it can be seen."""
    from dragoman.cli.key_orders import rotate as run  # noqa: PLC0415 - slow imports wait

    run(config, name, overlap, as_json=as_json)


@keys.command()
@CONFIG
@KEY
def disable(config: Path | None, name: str) -> None:
    """Let a key open nothing until it is enabled."""
    from dragoman.cli.key_orders import disable as run  # noqa: PLC0415 - slow imports wait

    run(config, name)


@keys.command()
@CONFIG
@KEY
def enable(config: Path | None, name: str) -> None:
    """Let a key open again."""
    from dragoman.cli.key_orders import enable as run  # noqa: PLC0415 - slow imports wait

    run(config, name)


@keys.command()
@CONFIG
@KEY
def delete(config: Path | None, name: str) -> None:
    """Take a key back for good. What it has used stays in the ledger."""
    from dragoman.cli.key_orders import delete as run  # noqa: PLC0415 - slow imports wait

    run(config, name)
