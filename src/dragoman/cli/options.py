"""Options that several commands have."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

F = TypeVar("F", bound=Callable[..., object])

CONFIG = click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="DRAGOMAN_CONFIG",
    help="Configuration file (TOML). Default: ./dragoman.toml where it exists, else none is needed.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
REQUESTS = click.option("--requests", multiple=True, metavar="N/TIME", help="Most requests, as 100/minute.")
TOKENS = click.option("--tokens", multiple=True, metavar="N/TIME", help="Most tokens, as 1000000/day.")
COST = click.option("--cost", multiple=True, metavar="USD/TIME", help="Most US dollars, as 5/hour.")
BUDGET = click.option(
    "--budget",
    "budgets",
    multiple=True,
    metavar="USD/PERIOD[@ZONE]",
    help="Most US dollars in a period of the calendar: day, week, month or total, as 50/month@Europe/Berlin.",
)
MAX_CONCURRENT = click.option(
    "--max-concurrent", type=click.IntRange(1, 1_000_000), help="Most requests that are served at once."
)


def allowances(command: F) -> F:
    """The options that say what somebody is held to."""
    for option in (MAX_CONCURRENT, BUDGET, COST, TOKENS, REQUESTS):
        command = option(command)
    return command
