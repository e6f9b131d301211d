"""The one object that everything hangs off: built at start, closed at the end, no state elsewhere."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from dragoman.access.keys import KeyRing
from dragoman.config.settings import Memory, Timeouts
from dragoman.coordination.recollection import Recollection
from dragoman.dialects.dialect import Dialect
from dragoman.gateway.inlining import MediaSource
from dragoman.gateway.record import Record
from dragoman.gateway.repairs import Learnt
from dragoman.providers.provider import Provider
from dragoman.routing.router import Router
from dragoman.store.error import StoreError
from dragoman.store.responses import ResponseStore
from dragoman.upstream.transport import Transport

UPKEEP = 600.0
"""Seconds between two rounds of upkeep."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger("dragoman.gateway")


class Journal(Protocol):
    """Takes note of ended exchanges."""

    def __call__(self, record: Record, /) -> None:
        """Take note of one exchange. Must not block and must not raise."""
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
        now: Callable[[], float],
        kept_responses: ResponseStore,
        signatures: Recollection,
        remote_media: MediaSource | None = None,
        memory: Memory | None = None,
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
        self.remote_media = remote_media
        self.memory = memory or Memory()
        self.learnt = Learnt()
        """What upstreams have taught about themselves by refusing."""
        self._http = http
        self._embedded = embedded

    def transport(self, provider: Provider) -> Transport:
        """The way to a provider."""
        return self._embedded if provider.embedded else self._http

    async def upkeep(self) -> None:
        """Let go of kept answers whose time is over, from time to time, until cancelled."""
        while True:
            await asyncio.sleep(UPKEEP)
            try:
                await self.kept_responses.prune(self.now())
            except StoreError as error:
                _log.warning("kept answers cannot be pruned", error=str(error))

    async def close(self) -> None:
        """Close every upstream connection, and what is kept. One part that fails leaves none open."""
        async with contextlib.AsyncExitStack() as parts:
            for part in (self.remote_media, self.kept_responses, self.signatures, self._embedded, self._http):
                if part is not None:
                    parts.push_async_callback(part.close)
