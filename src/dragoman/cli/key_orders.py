"""What `dragoman keys` does."""

import time
from pathlib import Path

import click
import msgspec

from dragoman.access.issuing import Issued, NewKey
from dragoman.cli.amounts import parse_budgets, parse_end, parse_limits, parse_wait
from dragoman.cli.keeping import Keeping, keep
from dragoman.cli.key_words import key_fields, moment, print_json, rules_in_words, state_of, table
from dragoman.cli.spending import spent_of_keys
from dragoman.config.allowance import KeyRules


class Order(msgspec.Struct, frozen=True):
    """What `dragoman keys create` was asked for."""

    config: Path | None
    name: str
    owner: str
    team: str | None
    routes: tuple[str, ...]
    tags: tuple[str, ...]
    priority: int
    expires: str | None
    requests: tuple[str, ...]
    tokens: tuple[str, ...]
    cost: tuple[str, ...]
    budgets: tuple[str, ...]
    max_concurrent: int | None
    as_json: bool


def create(order: Order) -> None:
    """Make a key and print it."""
    rules = KeyRules(
        max_concurrent=order.max_concurrent,
        limits=parse_limits(order.requests, order.tokens, order.cost),
        budgets=parse_budgets(order.budgets),
        tags=order.tags,
        routes=order.routes,
        priority=order.priority,
    )
    end = None if order.expires is None else parse_end(order.expires, time.time())
    new = NewKey(order.name, order.owner, order.team, rules, end)

    async def work(keeping: Keeping) -> None:
        issued = await keeping.issuing.create_key(new)
        if keeping.settings.auth.open:
            click.echo("Note: auth.open = true, so the gateway lets everybody in without a key.", err=True)
        await _tell(keeping, issued, as_json=order.as_json)

    keep(order.config, work)


def list_all(config: Path | None, *, as_json: bool) -> None:
    """Print all keys."""

    async def work(keeping: Keeping) -> None:
        found = await keeping.issuing.keys()
        teams = {team.id: team.name for team in await keeping.issuing.teams()}
        spent = await spent_of_keys(keeping.database, found)
        now = time.time()
        if as_json:
            print_json([key_fields(key, teams.get(key.team or ""), now, spent[key.id]) for key in found])
            return
        rows = [
            (
                *(key.id, key.name, key.owner or "-", teams.get(key.team or "", "-"), state_of(key, now)),
                "never" if key.expires is None else moment(key.expires),
                "; ".join(rules_in_words(key.rules, spent[key.id])) or "-",
            )
            for key in found
        ]
        for line in table(("ID", "NAME", "OWNER", "TEAM", "STATE", "ENDS (UTC)", "RULES"), rows):
            click.echo(line)
        if not found:
            click.echo("There are no keys yet: dragoman keys create --name NAME", err=True)

    keep(config, work)


def show(config: Path | None, name: str, *, as_json: bool) -> None:
    """Print one key."""

    async def work(keeping: Keeping) -> None:
        key = await keeping.issuing.key(name)
        team = None if key.team is None else (await keeping.issuing.team(key.team)).name
        spent = (await spent_of_keys(keeping.database, [key]))[key.id]
        now = time.time()
        if as_json:
            print_json(key_fields(key, team, now, spent))
            return
        old = [one.expires for one in key.hashes if one.expires is not None and one.expires > now]
        lines = [
            ("name", key.name),
            ("id", key.id),
            ("owner", key.owner or "-"),
            ("team", team or "-"),
            ("state", state_of(key, now)),
            ("made", f"{moment(key.created)} UTC"),
            ("changed", f"{moment(key.updated)} UTC"),
            ("ends", "never" if key.expires is None else f"{moment(key.expires)} UTC"),
            *(("old text ends", f"{moment(end)} UTC") for end in old),
            *(("rule", rule) for rule in rules_in_words(key.rules, spent)),
        ]
        for heading, words in lines:
            click.echo(f"{heading + ':':<15}{words}")

    keep(config, work)


def rotate(config: Path | None, name: str, overlap: str, *, as_json: bool) -> None:
    """Give a key a new text and print it."""
    seconds = parse_wait(overlap, "--overlap")

    async def work(keeping: Keeping) -> None:
        await _tell(keeping, await keeping.issuing.rotate_key(name, seconds), as_json=as_json)

    keep(config, work)


def disable(config: Path | None, name: str) -> None:
    """Let a key open nothing."""

    async def work(keeping: Keeping) -> None:
        key = await keeping.issuing.disable_key(name)
        click.echo(f"{key.name} ({key.id}) is disabled.", err=True)

    keep(config, work)


def enable(config: Path | None, name: str) -> None:
    """Let a key open again."""

    async def work(keeping: Keeping) -> None:
        key = await keeping.issuing.enable_key(name)
        click.echo(f"{key.name} ({key.id}) is enabled.", err=True)

    keep(config, work)


def delete(config: Path | None, name: str) -> None:
    """Take a key back for good."""

    async def work(keeping: Keeping) -> None:
        key = await keeping.issuing.delete_key(name)
        click.echo(f"{key.name} ({key.id}) is deleted.", err=True)

    keep(config, work)


async def _tell(keeping: Keeping, issued: Issued, *, as_json: bool) -> None:
    """Print a key's text, alone, and say on standard error what it is."""
    key = issued.key
    team = None if key.team is None else (await keeping.issuing.team(key.team)).name
    if as_json:
        print_json({**key_fields(key, team, time.time()), "key": issued.text})
        return
    owner = f", for {key.owner}" if key.owner else ""
    click.echo(f"{key.name} ({key.id}){owner}. This is the only time that the key is shown:", err=True)
    click.echo(issued.text)
    words = [f"team {team}"] if team else []
    words += rules_in_words(key.rules)
    words += [] if key.expires is None else [f"ends {moment(key.expires)} UTC"]
    words += [f"the one before opens until {moment(one.expires)} UTC" for one in key.hashes if one.expires]
    if words:
        click.echo("; ".join(words), err=True)
