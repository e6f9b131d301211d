"""A Valkey or Redis server that may be away: what is asked of it never fails and never takes long."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from redis.asyncio import Redis
from redis.asyncio.connection import BlockingConnectionPool, Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLostError
from redis.exceptions import RedisError

from dragoman.config.secret import Secret
from dragoman.coordination.valkey_address import ValkeyAddress, parse_valkey_url

NAMESPACE = "dragoman:"
"""What every key on the server begins with."""
OPERATION_LIMIT = 0.05
"""Seconds that the server has for an answer."""
CONNECT_LIMIT = 0.5
"""Seconds that a new connection may take."""
PAUSE = 1.0
"""Seconds for which the server is left alone after a failure."""

_CONNECTIONS = 64
_Answer = TypeVar("_Answer")
_log: structlog.stdlib.BoundLogger = structlog.get_logger("dragoman.coordination")


class ValkeyConnection:
    """Connections to one server, and whether it is out of reach.

    When it fails, that is said once; it is tried again after a pause, by one caller at a time, and it is said
    once more when that works. No connection is made before it is needed.
    """

    def __init__(
        self,
        url: Secret,
        without: str,
        operation_limit: float = OPERATION_LIMIT,
        connect_limit: float = CONNECT_LIMIT,
        pause: float = PAUSE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what happens `without` the server, for the log; limits and pause are in seconds.

        Raises `ValueError` for a URL that is none of a server; see `parse_valkey_url`.
        """
        self._address = parse_valkey_url(url)
        self._without = without
        self._limit = connect_limit + operation_limit
        self._pause = pause
        self._clock = clock
        self.client = _client(self._address, operation_limit, connect_limit)
        """For operations that are asked with `ask`."""
        self.out = False
        """Whether the server is out of reach, as far as is known."""
        self._next_attempt = 0.0
        self._closed = False

    async def ask(self, operation: Callable[[], Awaitable[_Answer]]) -> _Answer | None:
        """What the server says; None while it is out of reach."""
        if self._closed or (self.out and self._clock() < self._next_attempt):
            return None
        # while this attempt runs, nobody else waits for a server that may be gone
        self._next_attempt = self._clock() + self._pause
        try:
            async with asyncio.timeout(self._limit):
                answer = await operation()
        except (RedisError, OSError) as error:
            self._note_failure(error)
            return None
        if self.out:
            self.out = False
            _log.info("the Valkey server answers again", server=self._address.where)
        return answer

    async def close(self) -> None:
        """Let go of every connection. What is asked afterwards is not answered."""
        self._closed = True
        await self.client.aclose()

    def _note_failure(self, error: Exception) -> None:
        self._next_attempt = self._clock() + self._pause
        if self.out or self._closed:
            return
        self.out = True
        reason = str(error) or type(error).__name__
        if self._address.password is not None:
            reason = reason.replace(self._address.password.reveal(), "[redacted]")
        _log.warning(
            f"the Valkey server cannot be used; until it can, {self._without}",
            server=self._address.where,
            reason=reason,
        )


def _client(address: ValkeyAddress, operation_limit: float, connect_limit: float) -> Redis:
    pool = BlockingConnectionPool(
        connection_class=SSLConnection if address.tls else Connection,
        max_connections=_CONNECTIONS,
        timeout=None,
        host=address.host,
        port=address.port,
        db=address.database,
        username=address.username,
        password=None if address.password is None else address.password.reveal(),
        socket_timeout=operation_limit,
        socket_connect_timeout=connect_limit,
        # once, for a kept connection that the server has closed; never for one that takes too long
        retry=Retry(NoBackoff(), 1, (ConnectionLostError,)),
        # what would only add round trips to a new connection
        protocol=2,
        driver_info=None,
    )
    return Redis.from_pool(pool)
