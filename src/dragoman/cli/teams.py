"""`dragoman teams`: teams of virtual keys, in the store of the gateway."""

from pathlib import Path

import click
import msgspec

from dragoman.cli.amounts import allowances, parse_budgets, parse_limits
from dragoman.cli.options import CONFIG, JSON
from dragoman.config.allowance import TeamSettings

TEAM = click.argument("name", metavar="TEAM")


class Order(msgspec.Struct, frozen=True):
    """What `dragoman teams create` was asked for."""

    config: Path | None
    name: str
    requests: tuple[str, ...]
    tokens: tuple[str, ...]
    cost: tuple[str, ...]
    budgets: tuple[str, ...]
    max_concurrent: int | None
    as_json: bool


@click.group()
def teams() -> None:
    """Teams: limits and budgets that several keys share. TEAM is the name or the id of one."""


@teams.command()
@CONFIG
@click.option("--name", required=True, help="What it is called.")
@allowances
@JSON
def create(**given: object) -> None:
    """Make a team. Keys get into it with dragoman keys create --team."""
    from dragoman.cli.keeping import Keeping, keep  # noqa: PLC0415 - slow imports wait until they are needed
    from dragoman.cli.key_words import print_json, rules_in_words, team_fields  # noqa: PLC0415

    order = msgspec.convert(given, Order)
    rules = TeamSettings(
        max_concurrent=order.max_concurrent,
        limits=parse_limits(order.requests, order.tokens, order.cost),
        budgets=parse_budgets(order.budgets),
    )

    async def work(keeping: Keeping) -> None:
        team = await keeping.issuing.create_team(order.name, rules)
        if order.as_json:
            print_json(team_fields(team))
            return
        words = "; ".join(rules_in_words(team.rules)) or "held to nothing"
        click.echo(f"{team.name} ({team.id}): {words}", err=True)

    keep(order.config, work)


@teams.command("list")
@CONFIG
@JSON
def list_teams(config: Path | None, *, as_json: bool) -> None:
    """List all teams of the store, by name. Those of the configuration file: dragoman check."""
    from dragoman.cli.keeping import Keeping, keep  # noqa: PLC0415 - slow imports wait until they are needed
    from dragoman.cli.key_words import print_json, rules_in_words, table, team_fields  # noqa: PLC0415
    from dragoman.cli.spending import spent_of_teams  # noqa: PLC0415 - as above

    async def work(keeping: Keeping) -> None:
        found = await keeping.issuing.teams()
        spent = await spent_of_teams(keeping.database, found)
        if as_json:
            print_json([team_fields(team, spent[team.id]) for team in found])
            return
        members = [key.team for key in await keeping.issuing.keys()]
        rows = [
            (
                *(team.id, team.name, str(members.count(team.id))),
                "; ".join(rules_in_words(team.rules, spent[team.id])) or "-",
            )
            for team in found
        ]
        for line in table(("ID", "NAME", "KEYS", "RULES"), rows):
            click.echo(line)
        if not found:
            click.echo("There are no teams yet: dragoman teams create --name NAME", err=True)

    keep(config, work)


@teams.command()
@CONFIG
@TEAM
@JSON
def show(config: Path | None, name: str, *, as_json: bool) -> None:
    """Show one team and its keys."""
    from dragoman.cli.keeping import Keeping, keep  # noqa: PLC0415 - slow imports wait until they are needed
    from dragoman.cli.key_words import print_json, rules_in_words, team_fields  # noqa: PLC0415
    from dragoman.cli.spending import spent_of_teams  # noqa: PLC0415 - as above

    async def work(keeping: Keeping) -> None:
        team = await keeping.issuing.team(name)
        spent = (await spent_of_teams(keeping.database, [team]))[team.id]
        members = [key.name for key in await keeping.issuing.keys() if key.team == team.id]
        if as_json:
            print_json({**team_fields(team, spent), "keys": members})
            return
        lines = [("name", team.name), ("id", team.id), ("keys", ", ".join(members) or "-")]
        lines += [("rule", words) for words in rules_in_words(team.rules, spent)]
        for heading, words in lines:
            click.echo(f"{heading + ':':<15}{words}")

    keep(config, work)


@teams.command()
@CONFIG
@TEAM
@click.option("--force", is_flag=True, help="Also with keys in it; they are without a team then.")
def delete(config: Path | None, name: str, *, force: bool) -> None:
    """Take a team away for good. One with keys stays, unless forced."""
    from dragoman.cli.keeping import Keeping, keep  # noqa: PLC0415 - slow imports wait until they are needed

    async def work(keeping: Keeping) -> None:
        team = await keeping.issuing.delete_team(name, force=force)
        click.echo(f"{team.name} ({team.id}) is deleted.", err=True)

    keep(config, work)
