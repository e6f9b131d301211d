"""What all gateways remember together, in a Valkey or Redis server."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import cast

from redis.exceptions import RedisError

from dragoman.config.secret import Secret
from dragoman.coordination.memory import MemoryRecollection
from dragoman.coordination.valkey_connection import (
    CONNECT_LIMIT,
    NAMESPACE,
    OPERATION_LIMIT,
    PAUSE,
    ValkeyConnection,
)


class ValkeyRecollection:
    """See `Recollection`. A key stands for one value for good: what this process put is taken from
    its own memory while that lasts, without asking the server.

    When the server fails, that memory is all there is; see `ValkeyConnection`.
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
        self._server = ValkeyConnection(
            url, "each process remembers for itself", operation_limit, connect_limit, pause, clock
        )
        self._local = local

    async def get_many(self, keys: Sequence[str], /) -> list[bytes | None]:
        """See `Recollection.get_many`."""
        found = await self._local.get_many(keys)
        missing = [place for place, value in enumerate(found) if value is None]
        names = [NAMESPACE + keys[place] for place in missing]
        if missing and (shared := await self._server.ask(lambda: self._read(names))) is not None:
            for place, value in zip(missing, shared, strict=True):
                found[place] = value
        return found

    async def put_many(self, items: Mapping[str, bytes], /, ttl: float) -> None:
        """See `Recollection.put_many`."""
        await self._local.put_many(items, ttl)
        if items:
            await self._server.ask(lambda: self._write(items, ttl))

    async def close(self) -> None:
        """See `Recollection.close`."""
        await self._local.close()
        await self._server.close()

    async def _read(self, names: list[str]) -> list[bytes | None]:
        # the library's own type holds for every client at once
        return await cast("Awaitable[list[bytes | None]]", self._server.client.mget(names))

    async def _write(self, items: Mapping[str, bytes], ttl: float) -> None:
        milliseconds = int(ttl * 1000)
        async with self._server.client.pipeline(transaction=False) as pipeline:
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
