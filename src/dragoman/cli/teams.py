"""`dragoman teams`: teams of virtual keys, in the store of the gateway."""

from pathlib import Path

import click

from dragoman.cli.options import CONFIG, JSON, allowances

TEAM = click.argument("name", metavar="TEAM")


@click.group()
def teams() -> None:
    """Teams: limits and budgets that several keys share. TEAM is the name or the id of one."""


@teams.command()
@CONFIG
@click.option("--name", required=True, help="What it is called.")
@allowances
@JSON
def create(**order: object) -> None:
    """Make a team. Keys get into it with dragoman keys create --team."""
    import msgspec  # noqa: PLC0415 - slow imports wait until they are needed

    from dragoman.cli.team_orders import Order  # noqa: PLC0415 - as above
    from dragoman.cli.team_orders import create as run  # noqa: PLC0415 - as above

    run(msgspec.convert(order, Order))


@teams.command("list")
@CONFIG
@JSON
def list_all(config: Path | None, *, as_json: bool) -> None:
    """List all teams of the store, by name. Those of the configuration file: dragoman check."""
    from dragoman.cli.team_orders import list_all as run  # noqa: PLC0415 - slow imports wait

    run(config, as_json=as_json)


@teams.command()
@CONFIG
@TEAM
@JSON
def show(config: Path | None, name: str, *, as_json: bool) -> None:
    """Show one team and its keys."""
    from dragoman.cli.team_orders import show as run  # noqa: PLC0415 - slow imports wait

    run(config, name, as_json=as_json)


@teams.command()
@CONFIG
@TEAM
@click.option("--force", is_flag=True, help="Also with keys in it; they are without a team then.")
def delete(config: Path | None, name: str, *, force: bool) -> None:
    """Take a team away for good. One with keys stays, unless forced."""
    from dragoman.cli.team_orders import delete as run  # noqa: PLC0415 - slow imports wait

    run(config, name, force=force)
