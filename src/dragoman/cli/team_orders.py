"""What `dragoman teams` does."""

from pathlib import Path

import click
import msgspec

from dragoman.cli.amounts import parse_budgets, parse_limits
from dragoman.cli.keeping import Keeping, keep
from dragoman.cli.key_words import print_json, rules_in_words, table, team_fields
from dragoman.cli.spending import spent_of_teams
from dragoman.config.allowance import TeamSettings


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


def create(order: Order) -> None:
    """Make a team."""
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


def list_all(config: Path | None, *, as_json: bool) -> None:
    """Print all teams."""

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


def show(config: Path | None, name: str, *, as_json: bool) -> None:
    """Print one team."""

    async def work(keeping: Keeping) -> None:
        team = await keeping.issuing.team(name)
        spent = (await spent_of_teams(keeping.database, [team]))[team.id]
        members = [key.name for key in await keeping.issuing.keys() if key.team == team.id]
        if as_json:
            print_json({**team_fields(team, spent), "keys": members})
            return
        lines = [("name", team.name), ("id", team.id), ("keys", ", ".join(members) or "-")]
        lines += [("rule", rule) for rule in rules_in_words(team.rules, spent)]
        for heading, words in lines:
            click.echo(f"{heading + ':':<15}{words}")

    keep(config, work)


def delete(config: Path | None, name: str, *, force: bool) -> None:
    """Take a team away for good."""

    async def work(keeping: Keeping) -> None:
        team = await keeping.issuing.delete_team(name, force=force)
        click.echo(f"{team.name} ({team.id}) is deleted.", err=True)

    keep(config, work)
