"""The management API, put together from its parts."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from starlette.types import ASGIApp

from dragoman.access.issuing import Issuing
from dragoman.access.key_info import KeyInfo
from dragoman.config.settings import Settings
from dragoman.console.about import About
from dragoman.console.admission import Admission
from dragoman.console.app import Management
from dragoman.console.budgets import Budgets
from dragoman.console.keys import Keys
from dragoman.console.operation import Operation
from dragoman.console.requests import Requests
from dragoman.console.teams import Teams
from dragoman.console.usage import Usage
from dragoman.store.leases import LeaseStore
from dragoman.store.ledger_search import LedgerSearch

Search = Callable[[], Awaitable[LedgerSearch]]
"""Opens the ledger; asked until it does for the first time."""


def management_app(
    *,
    settings: Callable[[], Settings],
    configured: Callable[[], Sequence[KeyInfo]],
    issuing: Issuing,
    leases: LeaseStore,
    search: Search,
    now: Callable[[], float] = time.time,
    admission: Admission | None = None,
) -> ASGIApp:
    """Serves `/dragoman/api/` and what lies under it.

    `settings` and `configured`, the keys of the configuration, are asked anew for every request that needs
    them. The store is not touched before a request asks for something in it. `now` is the time in Unix
    seconds.
    """
    return Management(
        operations(settings, configured, issuing, leases, search, now), settings, admission or Admission()
    )


def operations(
    settings: Callable[[], Settings],
    configured: Callable[[], Sequence[KeyInfo]],
    issuing: Issuing,
    leases: LeaseStore,
    search: Search,
    now: Callable[[], float] = time.time,
) -> list[Operation]:
    """Everything that can be asked."""
    opened = _once(search)
    return About(
        [
            *Keys(issuing, now).operations(),
            *Teams(issuing).operations(),
            *Budgets(settings, configured, issuing, leases, now).operations(),
            *Requests(opened).operations(),
            *Usage(opened, now).operations(),
        ]
    ).operations()


def _once(search: Search) -> Search:
    """The same search for everybody: it bounds how much is asked of the database at a time."""
    found: list[LedgerSearch] = []
    opening = asyncio.Lock()

    async def opened() -> LedgerSearch:
        async with opening:
            if not found:
                found.append(await search())
        return found[0]

    return opened
