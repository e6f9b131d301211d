"""Limits, budgets and times as they are written on a command line."""

import datetime as dt
import re
from collections.abc import Sequence

import click
import msgspec

from dragoman.config.allowance import BudgetSettings, LimitSettings

_LIMIT = re.compile(r"(?P<most>[0-9][0-9_]*(?:\.[0-9]+)?)/(?P<per>second|minute|hour|day)")
_BUDGET = re.compile(
    r"(?P<most>[0-9][0-9_]*(?:\.[0-9]+)?)/(?P<per>day|week|month|total)(?:@(?P<zone>[\w/+-]+))?"
)
_WAIT = re.compile(r"(?P<count>[0-9]{1,6})(?P<unit>[smhdw])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_limits(
    requests: Sequence[str], tokens: Sequence[str], cost: Sequence[str]
) -> tuple[LimitSettings, ...]:
    """What `--requests`, `--tokens` and `--cost` say. Raises `click.BadParameter`."""
    given = [("requests", text) for text in requests]
    given += [("tokens", text) for text in tokens]
    given += [("cost", text) for text in cost]
    return tuple(_limit(kind, text) for kind, text in given)


def parse_budgets(budgets: Sequence[str]) -> tuple[BudgetSettings, ...]:
    """What `--budget` says. Raises `click.BadParameter`."""
    return tuple(_budget(text) for text in budgets)


def parse_end(text: str, now: float) -> float:
    """When something ends, in Unix seconds: after a time, as `30d`, or on a date. Raises
    `click.BadParameter`.
    """
    if _WAIT.fullmatch(text):
        return now + parse_wait(text, "--expires")
    try:
        moment = dt.datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
    except (ValueError, OverflowError):
        problem = "write a time, such as 12h, 30d or 8w, or a date, such as 2027-01-31 (in UTC)"
        raise click.BadParameter(problem, param_hint="--expires") from None


def parse_wait(text: str, option: str) -> float:
    """Seconds, written as `90s`, `15m`, `12h`, `30d` or `8w`. Raises `click.BadParameter`."""
    match = _WAIT.fullmatch(text)
    if match is None:
        raise click.BadParameter("write a number and s, m, h, d or w, such as 24h", param_hint=option)
    return float(int(match["count"]) * _UNITS[match["unit"]])


def _limit(kind: str, text: str) -> LimitSettings:
    match = _LIMIT.fullmatch(text)
    if match is None:
        example = "5/hour" if kind == "cost" else "100/minute"
        problem = f"write a number, a slash and second, minute, hour or day, such as {example}"
        raise click.BadParameter(problem, param_hint=f"--{kind}")
    try:
        most = float(match["most"]) if kind == "cost" else int(match["most"])
        return msgspec.convert({kind: most, "per": match["per"]}, LimitSettings)
    except (ValueError, msgspec.ValidationError):
        kind_of_number = "an amount" if kind == "cost" else "a whole number"
        problem = f"write {kind_of_number} greater than 0 that is not enormous"
        raise click.BadParameter(problem, param_hint=f"--{kind}") from None


def _budget(text: str) -> BudgetSettings:
    match = _BUDGET.fullmatch(text)
    if match is None:
        problem = (
            "write an amount, a slash and day, week, month or total, such as 50/month or 5/day@Europe/Berlin"
        )
        raise click.BadParameter(problem, param_hint="--budget")
    try:
        found = {"amount": float(match["most"]), "per": match["per"], "zone": match["zone"] or "UTC"}
        return msgspec.convert(found, BudgetSettings)
    except msgspec.ValidationError:
        problem = "write an amount greater than 0, and at most 1000000"
        raise click.BadParameter(problem, param_hint="--budget") from None
