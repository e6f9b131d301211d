"""What all gateways remember together, in a Valkey or Redis server."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar, cast

import structlog
from redis.asyncio import Redis
from redis.asyncio.connection import BlockingConnectionPool, Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLostError
from redis.exceptions import RedisError

from dragoman.config.secret import Secret
from dragoman.coordination.memory import MemoryRecollection
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


class ValkeyRecollection:
    """See `Recollection`. A key stands for one value for good: what this process put is taken from
    its own memory while that lasts, without asking the server.

    When the server fails, that memory is all there is. It is said once, the server is tried again
    after a pause, by one caller at a time, and it is said once more when that works.
    """

    def __init__(
        self,
        url: Secret,
        local: MemoryRecollection,
        operation_limit: float = OPERATION_LIMIT,
        connect_limit: float = CONNECT_LIMIT,
        pause: float = PAUSE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`local` is this process's own memory; limits and pause are in seconds.

        Raises `ValueError` for a URL that is none of a server; see `parse_valkey_url`.
        """
        self._address = parse_valkey_url(url)
        self._local = local
        self._limit = connect_limit + operation_limit
        self._pause = pause
        self._clock = clock
        self._client = _client(self._address, operation_limit, connect_limit)
        self._out = False
        self._next_attempt = 0.0
        self._closed = False

    async def get_many(self, keys: Sequence[str], /) -> list[bytes | None]:
        """See `Recollection.get_many`."""
        found = await self._local.get_many(keys)
        missing = [place for place, value in enumerate(found) if value is None]
        names = [NAMESPACE + keys[place] for place in missing]
        if missing and (shared := await self._ask(lambda: self._read(names))) is not None:
            for place, value in zip(missing, shared, strict=True):
                found[place] = value
        return found

    async def put_many(self, items: Mapping[str, bytes], /, ttl: float) -> None:
        """See `Recollection.put_many`."""
        await self._local.put_many(items, ttl)
        if items:
            await self._ask(lambda: self._write(items, ttl))

    async def close(self) -> None:
        """See `Recollection.close`."""
        self._closed = True
        await self._local.close()
        await self._client.aclose()

    async def _read(self, names: list[str]) -> list[bytes | None]:
        # the library's own type holds for every client at once
        return await cast("Awaitable[list[bytes | None]]", self._client.mget(names))

    async def _write(self, items: Mapping[str, bytes], ttl: float) -> None:
        milliseconds = int(ttl * 1000)
        async with self._client.pipeline(transaction=False) as pipeline:
            for key, value in items.items():
                if milliseconds > 0:
                    pipeline.set(NAMESPACE + key, value, px=milliseconds)
                else:
                    pipeline.delete(NAMESPACE + key)
            # the text of the error that it would raise itself holds keys and values
            answers = await pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, RedisError):
                raise answer

    async def _ask(self, operation: Callable[[], Awaitable[_Answer]]) -> _Answer | None:
        """What the server says; None while it is out of reach."""
        if self._closed or (self._out and self._clock() < self._next_attempt):
            return None
        # while this attempt runs, nobody else waits for a server that may be gone
        self._next_attempt = self._clock() + self._pause
        try:
            async with asyncio.timeout(self._limit):
                answer = await operation()
        except (RedisError, OSError) as error:
            self._note_failure(error)
            return None
        if self._out:
            self._out = False
            _log.info("the Valkey server answers again", server=self._address.where)
        return answer

    def _note_failure(self, error: Exception) -> None:
        self._next_attempt = self._clock() + self._pause
        if self._out or self._closed:
            return
        self._out = True
        reason = str(error) or type(error).__name__
        if self._address.password is not None:
            reason = reason.replace(self._address.password.reveal(), "[redacted]")
        _log.warning(
            "the Valkey server cannot be used; until it can, each process remembers for itself",
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
