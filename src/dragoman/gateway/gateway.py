"""The one object that everything hangs off: built at start, closed at the end, no state elsewhere."""

from collections.abc import Callable, Mapping
from typing import Protocol

from dragoman.access.keys import KeyRing
from dragoman.config.settings import Timeouts
from dragoman.dialects.dialect import Dialect
from dragoman.gateway.record import Record
from dragoman.providers.provider import Provider
from dragoman.routing.router import Router
from dragoman.upstream.transport import Transport


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
        dialects: Mapping[str, Dialect],
        http: Transport,
        embedded: Transport,
        timeouts: Timeouts,
        journal: Journal,
        now: Callable[[], float],
    ) -> None:
        """Take the parts. `now` gives the time in Unix seconds."""
        self.keys = keys
        self.router = router
        self.dialects = dialects
        self.timeouts = timeouts
        self.journal = journal
        self.now = now
        self._http = http
        self._embedded = embedded

    def transport(self, provider: Provider) -> Transport:
        """The way to a provider."""
        return self._embedded if provider.embedded else self._http

    def spoken(self, provider: Provider, asked: Dialect) -> Dialect:
        """The wire format for a provider: the client's own where it is spoken there."""
        if asked.name in provider.dialects:
            return asked
        return self.dialects[provider.dialects[0]]

    async def close(self) -> None:
        """Close every upstream connection."""
        await self._http.close()
        await self._embedded.close()
