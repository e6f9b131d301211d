"""The one object that everything hangs off: built at start, renewed when the configuration changes, closed
at the end; no state elsewhere.
"""

import asyncio
import contextlib
import functools
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from dragoman.access.keys import KeyRing
from dragoman.config.bookkeeping import Ledger as LedgerSettings
from dragoman.config.settings import Memory, Retries, Timeouts
from dragoman.coordination.memory import MemoryRecollection
from dragoman.coordination.recollection import Recollection
from dragoman.dialects.dialect import Dialect
from dragoman.gateway.admission import Allowances
from dragoman.gateway.inlining import MediaSource
from dragoman.gateway.record import Record
from dragoman.gateway.repairs import Learnt
from dragoman.gateway.response_cache import MOST_KEPT, ResponseCache
from dragoman.gateway.time_limits import Watch
from dragoman.ledger.bodies import BodyKeeper
from dragoman.ledger.pricing import Pricing
from dragoman.providers.provider import Provider
from dragoman.routing.router import Router
from dragoman.routing.traffic import Traffic
from dragoman.store.entry import Entry
from dragoman.store.error import StoreError
from dragoman.store.responses import ResponseStore
from dragoman.telemetry.redaction import Redactor
from dragoman.upstream.transport import Transport

UPKEEP = 600.0
"""Seconds between two rounds of upkeep."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger("dragoman.gateway")


class Journal(Protocol):
    """Takes note of ended exchanges."""

    def __call__(self, record: Record, /) -> None:
        """Take note of one exchange. Must not block and must not raise."""
        ...


class Ledger(Protocol):
    """Takes what is written down of exchanges."""

    settings: LedgerSettings

    @property
    def full(self) -> bool:
        """Whether nothing more can be written down now."""
        ...

    def write(self, entry: Entry, /) -> bool:
        """Write an entry down; it is safe when this returns. False if it could not be. Must not raise."""
        ...


class Gateway:
    """What an exchange needs: who may ask, where requests go, how to get there, where it is noted."""

    def __init__(
        self,
        *,
        keys: KeyRing,
        router: Router,
        providers: Mapping[str, Provider],
        dialects: Mapping[str, Dialect],
        http: Transport,
        embedded: Transport,
        timeouts: Timeouts,
        journal: Journal,
        ledger: Ledger,
        allowances: Allowances,
        pricing: Pricing,
        now: Callable[[], float],
        kept_responses: ResponseStore,
        signatures: Recollection,
        answers: ResponseCache | None = None,
        remote_media: MediaSource | None = None,
        memory: Memory | None = None,
        retries: Retries | None = None,
        node: str = "",
        bodies: BodyKeeper | None = None,
    ) -> None:
        """Take the parts. `now` gives the time in Unix seconds. Without `remote_media`, nothing is fetched
        for upstreams that take no URLs.
        """
        self.keys = keys
        self.router = router
        self.providers = providers
        self.dialects = dialects
        self.timeouts = timeouts
        self.journal = journal
        self.now = now
        self.kept_responses = kept_responses
        self.signatures = signatures
        self.answers = answers or ResponseCache(MemoryRecollection(MOST_KEPT), now)
        """Answers for requests that are exactly the same."""
        self.remote_media = remote_media
        self.memory = memory or Memory()
        self.retries = retries or Retries()
        self.ledger = ledger
        self.allowances = allowances
        self.traffic: Traffic = allowances.traffic
        """What is going on at the targets."""
        self.pricing = pricing
        self.bodies = bodies or BodyKeeper(ledger.settings, Redactor(()))
        self.node = node
        """The name of this process, for people who read the ledger."""
        self.draining = False
        """Whether the gateway is being stopped: what is on its way may end, and nothing else should come."""
        self.learnt = Learnt()
        """What upstreams have taught about themselves by refusing."""
        self._http = http
        self._embedded = embedded

    @functools.cached_property
    def watch(self) -> Watch:
        """Looks after the time limits, on the event loop that serves."""
        return Watch(asyncio.get_running_loop())

    def transport(self, provider: Provider) -> Transport:
        """The way to a provider."""
        return self._embedded if provider.embedded else self._http

    def renew(
        self,
        *,
        keys: KeyRing,
        router: Router,
        providers: Mapping[str, Provider],
        timeouts: Timeouts,
        retries: Retries,
        allowances: Allowances,
        pricing: Pricing,
        bodies: BodyKeeper,
    ) -> None:
        """Go on with another configuration, from the next request on: those on their way keep the route that
        they have. What is known of the targets' health stays.
        """
        self.keys, self.router, self.providers = keys, router, providers
        self.timeouts, self.retries = timeouts, retries
        self.allowances, self.traffic = allowances, allowances.traffic
        self.pricing, self.bodies = pricing, bodies

    async def upkeep(self) -> None:
        """Let go of kept answers whose time is over, from time to time, until cancelled."""
        while True:
            await asyncio.sleep(UPKEEP)
            try:
                await self.kept_responses.prune(self.now())
            except StoreError as error:
                _log.warning("kept answers cannot be pruned", error=str(error))
            except Exception:  # noqa: BLE001 - a round that fails must not be the last one
                _log.exception("upkeep failed")

    async def close(self) -> None:
        """Close every upstream connection, and what is kept. One part that fails leaves none open."""
        async with contextlib.AsyncExitStack() as parts:
            kept = (self.remote_media, self.kept_responses, self.signatures, self.answers)
            for part in (*kept, self._embedded, self._http):
                if part is not None:
                    parts.push_async_callback(part.close)
