"""Hints among all nodes, in a Valkey or Redis server: a sorted set, by the time until which they hold."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable
from typing import Final, Never, cast

from dragoman.config.secret import Secret
from dragoman.coordination.hints import LONGEST, PAUSE, Hear
from dragoman.coordination.valkey_connection import (
    CONNECT_LIMIT,
    NAMESPACE,
    OPERATION_LIMIT,
    ValkeyConnection,
)
from dragoman.coordination.valkey_scripts import HINTS, PUBLISH

MOST: Final = 1000
"""How many are kept, on the server and before they are sent."""

_KEY: Final = f"{NAMESPACE}hints"


class ValkeyHints:
    """See `Hints`. While the server is out of reach, nothing is told."""

    def __init__(
        self, url: Secret, operation_limit: float = OPERATION_LIMIT, connect_limit: float = CONNECT_LIMIT
    ) -> None:
        """Limits are in seconds. Raises `ValueError` for a URL that is none of a server."""
        self._server = ValkeyConnection(
            url, "nodes tell each other nothing of targets that rest", operation_limit, connect_limit
        )
        self._publish = self._server.client.register_script(PUBLISH)
        self._read = self._server.client.register_script(HINTS)
        self._unsent: deque[tuple[str, float]] = deque(maxlen=MOST)
        self._waiting = asyncio.Event()
        self._known: dict[bytes, bytes] = {}

    def publish(self, about: str, seconds: float, /) -> None:
        """See `Hints.publish`."""
        if len(about.encode("utf-8", "surrogatepass")) <= LONGEST:
            self._unsent.append((about, time.monotonic() + seconds))
            self._waiting.set()

    async def follow(self, hear: Hear, /) -> Never:
        """See `Hints.follow`."""
        next_look = time.monotonic()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, next_look - time.monotonic())):
                    await self._waiting.wait()
            self._waiting.clear()
            while self._unsent:
                await self._send(*self._unsent.popleft())
            if time.monotonic() >= next_look:
                await self._look(hear)
                next_look = time.monotonic() + PAUSE

    async def _send(self, about: str, until: float) -> None:
        text, seconds = about.encode("utf-8", "surrogatepass"), until - time.monotonic()
        if seconds <= 0:
            return
        answer = await self._server.ask(
            lambda: cast("Awaitable[bytes]", self._publish(keys=[_KEY], args=[text, seconds, MOST]))
        )
        if answer is not None:
            # what this process has said itself is no news to it
            self._known[text] = answer

    async def _look(self, hear: Hear) -> None:
        answer = await self._server.ask(
            lambda: cast("Awaitable[list[bytes]]", self._read(keys=[_KEY], args=[]))
        )
        if answer is None:
            return
        known, self._known = self._known, {}
        for text, until, seconds in zip(answer[::3], answer[1::3], answer[2::3], strict=True):
            self._known[text] = until
            if known.get(text) != until:
                hear(text.decode("utf-8", "surrogatepass"), float(seconds))

    async def close(self) -> None:
        """See `Hints.close`."""
        await self._server.close()
