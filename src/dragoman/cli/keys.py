"""`dragoman keys`: virtual keys, in the store of the gateway."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from dragoman.cli.amounts import allowances, parse_budgets, parse_end, parse_limits, parse_wait
from dragoman.cli.options import CONFIG, JSON
from dragoman.config.allowance import KeyRules

if TYPE_CHECKING:
    from dragoman.access.issuing import Issued
    from dragoman.cli.keeping import Keeping
    from dragoman.cli.key_words import Spent
    from dragoman.store.keys import StoredKey

KEY = click.argument("name", metavar="KEY")


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
def create(**given: object) -> None:
    """Make a key and print it, the only time that it can be seen.

    Only the key goes to standard output: KEY=$(dragoman keys create --name alice)
    """
    from dragoman.access.issuing import NewKey  # noqa: PLC0415 - slow imports wait until they are needed
    from dragoman.cli.keeping import Keeping, keep  # noqa: PLC0415 - as above

    order = msgspec.convert(given, Order)
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


@keys.command("list")
@CONFIG
@JSON
def list_keys(config: Path | None, *, as_json: bool) -> None:
    """List all keys, the newest first."""
    from dragoman.cli import key_words as words  # noqa: PLC0415 - slow imports wait until they are needed
    from dragoman.cli.keeping import Keeping, keep  # noqa: PLC0415 - as above
    from dragoman.cli.spending import spent_of_keys  # noqa: PLC0415 - as above

    async def work(keeping: Keeping) -> None:
        found = await keeping.issuing.keys()
        teams = {team.id: team.name for team in await keeping.issuing.teams()}
        spent = await spent_of_keys(keeping.database, found)
        now = time.time()
        if as_json:
            fields = (words.key_fields(key, teams.get(key.team or ""), now, spent[key.id]) for key in found)
            words.print_json(list(fields))
            return
        rows = [
            (
                *(
                    key.id,
                    key.name,
                    key.owner or "-",
                    teams.get(key.team or "", "-"),
                    words.state_of(key, now),
                ),
                "never" if key.expires is None else words.moment(key.expires),
                "; ".join(words.rules_in_words(key.rules, spent[key.id])) or "-",
            )
            for key in found
        ]
        for line in words.table(("ID", "NAME", "OWNER", "TEAM", "STATE", "ENDS (UTC)", "RULES"), rows):
            click.echo(line)
        if not found:
            click.echo("There are no keys yet: dragoman keys create --name NAME", err=True)

    keep(config, work)


@keys.command()
@CONFIG
@KEY
@JSON
def show(config: Path | None, name: str, *, as_json: bool) -> None:
    """Show one key, but not its text: that is kept nowhere."""
    from dragoman.cli.keeping import Keeping, keep  # noqa: PLC0415 - slow imports wait until they are needed

    async def work(keeping: Keeping) -> None:
        await _show(keeping, await keeping.issuing.key(name), as_json=as_json)

    keep(config, work)


@keys.command()
@CONFIG
@KEY
@click.option("--overlap", default="0s", metavar="TIME", help="How long the old text opens as well, as 24h.")
@JSON
def rotate(config: Path | None, name: str, overlap: str, *, as_json: bool) -> None:
    """Give a key a new text and print it, the only time that it can be seen."""
    from dragoman.cli.keeping import Keeping, keep  # noqa: PLC0415 - slow imports wait until they are needed

    seconds = parse_wait(overlap, "--overlap")

    async def work(keeping: Keeping) -> None:
        await _tell(keeping, await keeping.issuing.rotate_key(name, seconds), as_json=as_json)

    keep(config, work)


@keys.command()
@CONFIG
@KEY
def disable(config: Path | None, name: str) -> None:
    """Let a key open nothing until it is enabled."""
    from dragoman.cli.keeping import Keeping, keep  # noqa: PLC0415 - slow imports wait until they are needed

    async def work(keeping: Keeping) -> None:
        key = await keeping.issuing.disable_key(name)
        click.echo(f"{key.name} ({key.id}) is disabled.", err=True)

    keep(config, work)


@keys.command()
@CONFIG
@KEY
def enable(config: Path | None, name: str) -> None:
    """Let a key open again."""
    from dragoman.cli.keeping import Keeping, keep  # noqa: PLC0415 - slow imports wait until they are needed

    async def work(keeping: Keeping) -> None:
        key = await keeping.issuing.enable_key(name)
        click.echo(f"{key.name} ({key.id}) is enabled.", err=True)

    keep(config, work)


@keys.command()
@CONFIG
@KEY
def delete(config: Path | None, name: str) -> None:
    """Take a key back for good. What it has used stays in the ledger."""
    from dragoman.cli.keeping import Keeping, keep  # noqa: PLC0415 - slow imports wait until they are needed

    async def work(keeping: Keeping) -> None:
        key = await keeping.issuing.delete_key(name)
        click.echo(f"{key.name} ({key.id}) is deleted.", err=True)

    keep(config, work)


async def _tell(keeping: "Keeping", issued: "Issued", *, as_json: bool) -> None:
    """Print a key's text, alone, and say on standard error what it is."""
    from dragoman.cli.key_words import key_fields, moment, print_json, rules_in_words  # noqa: PLC0415

    key, now = issued.key, time.time()
    team = await _team_name(keeping, key)
    if as_json:
        print_json({**key_fields(key, team, now), "key": issued.text})
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


async def _show(keeping: "Keeping", key: "StoredKey", *, as_json: bool) -> None:
    from dragoman.cli import key_words as words  # noqa: PLC0415 - slow imports wait until they are needed
    from dragoman.cli.spending import spent_of_keys  # noqa: PLC0415 - slow to import

    now = time.time()
    team = await _team_name(keeping, key)
    spent: Spent | None = (await spent_of_keys(keeping.database, [key]))[key.id]
    if as_json:
        words.print_json(words.key_fields(key, team, now, spent))
        return
    ends = {one.hash: one.expires for one in key.hashes if one.expires is not None and one.expires > now}
    lines = [
        ("name", key.name),
        ("id", key.id),
        ("owner", key.owner or "-"),
        ("team", team or "-"),
        ("state", words.state_of(key, now)),
        ("made", f"{words.moment(key.created)} UTC"),
        ("changed", f"{words.moment(key.updated)} UTC"),
        ("ends", "never" if key.expires is None else f"{words.moment(key.expires)} UTC"),
        *(("old text ends", f"{words.moment(end)} UTC") for end in ends.values()),
        *(("rule", rule) for rule in words.rules_in_words(key.rules, spent)),
    ]
    for heading, value in lines:
        click.echo(f"{heading + ':':<15}{value}")


async def _team_name(keeping: "Keeping", key: "StoredKey") -> str | None:
    return None if key.team is None else (await keeping.issuing.team(key.team)).name
