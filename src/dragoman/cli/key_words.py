"""Keys and teams for people and for programs."""

import datetime as dt
from collections.abc import Iterator, Mapping

import click
import msgspec

from dragoman.config.allowance import BudgetSettings, KeyRules, LimitSettings, Rules
from dragoman.models.money import NANOS, render_dollars
from dragoman.store.keys import StoredKey, StoredTeam

Spent = Mapping[BudgetSettings, int]
"""Nano-dollars that were spent of budgets in their periods, as far as that is known."""


def state_of(key: StoredKey, now: float) -> str:
    """Whether a key opens anything: `active`, `disabled` or `expired`."""
    if key.disabled:
        return "disabled"
    return "expired" if key.expires is not None and key.expires <= now else "active"


def moment(seconds: float) -> str:
    """A time, in UTC."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%d %H:%M")


def rules_in_words(rules: Rules, spent: Spent | None = None) -> Iterator[str]:
    """What somebody is held to, each rule for itself."""
    if isinstance(rules, KeyRules):
        if rules.tags:
            yield f"tags {', '.join(rules.tags)}"
        if rules.routes:
            yield f"only models {', '.join(rules.routes)}"
    if rules.max_concurrent is not None:
        yield f"at most {rules.max_concurrent} requests at once"
    yield from (limit_in_words(limit) for limit in rules.limits)
    yield from (budget_in_words(budget, spent) for budget in rules.budgets)
    if isinstance(rules, KeyRules) and rules.priority:
        yield f"priority {rules.priority}"


def limit_in_words(limit: LimitSettings) -> str:
    """One limit."""
    if limit.cost is not None:
        most = _dollars(limit.cost)
    elif limit.tokens is not None:
        most = f"{limit.tokens} tokens"
    else:
        most = f"{limit.requests} requests"
    return f"{most} {'an' if limit.per == 'hour' else 'a'} {limit.per}"


def budget_in_words(budget: BudgetSettings, spent: Spent | None = None) -> str:
    """One budget, and what is left of it if that is known."""
    time = "in all" if budget.per == "total" else f"a {budget.per}"
    zone = "" if budget.zone == "UTC" or budget.per == "total" else f" in {budget.zone}"
    words = f"a budget of {_dollars(budget.amount)} {time}{zone}"
    if spent is None:
        return words
    used = spent.get(budget, 0)
    left = max(0, round(budget.amount * NANOS) - used)
    return f"{words} ({render_dollars(used)} spent, {render_dollars(left)} left)"


def key_fields(key: StoredKey, team: str | None, now: float, spent: Spent | None = None) -> dict[str, object]:
    """A key for programs, without what opens anything."""
    old = [one.expires for one in key.hashes if one.expires is not None and one.expires > now]
    return {
        "id": key.id,
        "name": key.name,
        "owner": key.owner,
        "state": state_of(key, now),
        "team": team,
        "tags": key.rules.tags,
        "routes": key.rules.routes,
        "priority": key.rules.priority,
        **_rule_fields(key.rules, spent),
        "expires": _exact(key.expires),
        "rotated_until": _exact(max(old, default=None)),
        "created": _exact(key.created),
        "updated": _exact(key.updated),
    }


def team_fields(team: StoredTeam, spent: Spent | None = None) -> dict[str, object]:
    """A team for programs."""
    return {
        "id": team.id,
        "name": team.name,
        **_rule_fields(team.rules, spent),
        "created": _exact(team.created),
        "updated": _exact(team.updated),
    }


def table(headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Lines with columns as wide as they have to be."""
    widths = [max(len(row[index]) for row in (headings, *rows)) for index in range(len(headings))]
    for row in (headings, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def print_json(value: object) -> None:
    """Print something for programs."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def _rule_fields(rules: Rules, spent: Spent | None) -> dict[str, object]:
    budgets: list[dict[str, object]] = []
    for budget in rules.budgets:
        known = {} if spent is None else {"spent": spent.get(budget, 0) / NANOS}
        budgets.append({**msgspec.structs.asdict(budget), **known})
    return {"max_concurrent": rules.max_concurrent, "limits": rules.limits, "budgets": budgets}


def _exact(seconds: float | None) -> str | None:
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()


def _dollars(amount: float) -> str:
    return render_dollars(round(amount * NANOS))
