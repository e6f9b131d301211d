"""The connections of a transport: those that wait for their next request, by server, and all of them."""

import asyncio
import time
from typing import TYPE_CHECKING

from dragoman.sockets.gathering import Gathering

if TYPE_CHECKING:
    from dragoman.upstream.http1_connection import Http1Connection

_KEEP_ALIVE = 30.0
"""Seconds that an idle connection waits for its next request."""
_OLDEST = 600.0
"""Seconds after which a connection carries no further request: its server's name may lead elsewhere now."""
_MOST_IDLE = 1024
"""Connections that wait at most, to all servers together."""


class Http1Pool:
    """Gives the connection that was used last, so that those too many come of age and go."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.gathering = Gathering(loop)
        """Sends what is written to its connections."""
        self._open: set[Http1Connection] = set()
        self._idle: dict[str, dict[Http1Connection, None]] = {}
        self._idle_count = 0
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    def take(self, key: str) -> "Http1Connection | None":
        """A connection to the server of this key (`Origin.key`) that nobody uses, if there is one."""
        idle = self._idle.get(key)
        if idle:
            now = time.monotonic()
            while idle:
                connection, _ = idle.popitem()
                self._idle_count -= 1
                if connection.good_until > now and connection.usable:
                    return connection
                connection.abort()
        return None

    def add(self, connection: "Http1Connection") -> None:
        """Remember a new connection until it is lost."""
        self._open.add(connection)

    def release(self, connection: "Http1Connection") -> None:
        """Keep a connection for the next request to its server, if it may be."""
        now = time.monotonic()
        if self._closed or self._idle_count >= _MOST_IDLE or connection.made_at + _OLDEST < now:
            connection.abort()
            return
        connection.good_until = now + _KEEP_ALIVE
        idle = self._idle.get(connection.key)
        if idle is None:
            idle = self._idle[connection.key] = {}
        idle[connection] = None
        self._idle_count += 1
        if self._sweep is None:
            self._sweep = self._loop.call_later(_KEEP_ALIVE, self._close_expired)

    def withdraw(self, connection: "Http1Connection") -> None:
        """Give a connection to nobody any more."""
        idle = self._idle.get(connection.key)
        if idle is not None and connection in idle:
            del idle[connection]
            self._idle_count -= 1

    def forget(self, connection: "Http1Connection") -> None:
        """The connection is lost."""
        self.withdraw(connection)
        self._open.discard(connection)

    def drop(self, connection: "Http1Connection") -> None:
        """Close a connection that came about too late. Not every event loop tells it then that it is lost."""
        if connection in self._open:
            self.forget(connection)
            connection.abort()

    async def close(self) -> None:
        """Close every connection, and keep none from now on."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for connection in list(self._open):
            connection.stop()
        for _ in range(5):
            # a socket is closed some turns of the event loop after it is told to, over TLS one more
            if not self._open:
                break
            await asyncio.sleep(0)

    def _close_expired(self) -> None:
        self._sweep = None
        now = time.monotonic()
        first = now + _KEEP_ALIVE
        for key, idle in list(self._idle.items()):
            for connection in list(idle):
                if connection.good_until <= now:
                    connection.abort()
                else:
                    first = min(first, connection.good_until)
            if not idle:
                del self._idle[key]
        if self._idle:
            # not for each on its own, where they come of age one after the other
            self._sweep = self._loop.call_later(max(first - now, _KEEP_ALIVE / 30), self._close_expired)
