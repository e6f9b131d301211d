"""Searches of the ledger that cannot be done, in the words of the management API."""

import contextlib
from collections.abc import Generator

from dragoman.console.problem import ProblemError, invalid
from dragoman.store.ledger_filters import FilterError
from dragoman.store.time_limit import SearchLimitError

_NAMES = {
    "begins": "since",
    "ends": "until",
    "before": "cursor",
    "count": "limit",
    "cost_at_least": "min_cost",
    "cost_at_most": "max_cost",
}
"""What the parameters of a search are called here, where that is something else."""


@contextlib.contextmanager
def searching() -> Generator[None]:
    """Turns what goes wrong inside into a `ProblemError`."""
    try:
        yield
    except FilterError as error:
        name = _NAMES.get(error.field, error.field)
        problem = str(error).removeprefix(f"{error.field}: ")
        raise invalid(f"'{name}': {problem}.", name) from None
    except SearchLimitError as error:
        raise ProblemError("unavailable", str(error)) from None
