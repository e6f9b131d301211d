"""What all nodes count together, in a Valkey or Redis server."""

import asyncio
import contextlib
import secrets
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Final, TypeVar, cast

from redis.commands.core import AsyncScript

from dragoman.config.secret import Secret
from dragoman.coordination import valkey_scripts
from dragoman.coordination.meters import SLACK, Draw, Drawn, Level, Meters, Slot, wait_for
from dragoman.coordination.pocket import LARGE, Pocket
from dragoman.coordination.valkey_connection import NAMESPACE, PAUSE, ValkeyConnection

OPERATION_LIMIT: Final = 0.2
CONNECT_LIMIT: Final = 0.2
"""Seconds that the server has, for an answer and for a new connection. Only those wait who meet with a failure
first: afterwards nobody but a task of its own asks whether it is back.
"""
LIFETIME: Final = 30.0
"""Seconds for which a slot is taken unless its process says that it still is."""
HEARTBEAT: Final = 10.0
"""Seconds between two times that it says so."""
TICK: Final = 0.2
"""Seconds between two looks at what goes back to the server."""
_MOST_FORGOTTEN: Final = 10_000
"""Slots that could not be given back and are kept in mind; without that they end after their lifetime."""

_Result = TypeVar("_Result")
_Argument = str | bytes | float


class ValkeyMeters:
    """See `Meters`. Exact among all that share the server; of a large bucket a process takes slices in advance,
    and what all of them grant is never more than the bucket gave.

    `local` counts along all the time, and decides while the server is out of reach.
    """

    def __init__(
        self,
        url: Secret,
        local: Meters,
        operation_limit: float = OPERATION_LIMIT,
        connect_limit: float = CONNECT_LIMIT,
        pause: float = PAUSE,
        lifetime: float = LIFETIME,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        """Limits, pause, lifetime and heartbeat are in seconds.

        Raises `ValueError` for a URL that is none of a server; see `parse_valkey_url`.
        """
        self._server = ValkeyConnection(
            url, "each node counts for itself what limits are for", operation_limit, connect_limit, pause
        )
        self._local = local
        self._lifetime = lifetime
        self._heartbeat = heartbeat
        client = self._server.client
        self._draws = client.register_script(valkey_scripts.DRAW)
        self._put_backs = client.register_script(valkey_scripts.PUT_BACK)
        self._enters = client.register_script(valkey_scripts.ENTER)
        self._holds = client.register_script(valkey_scripts.HOLD)
        self._leaves = client.register_script(valkey_scripts.LEAVE)
        self._counts = client.register_script(valkey_scripts.IN_USE)
        self._pockets: dict[str, Pocket] = {}
        self._members: dict[str, list[str]] = {}
        """By name, as whom this process has taken slots."""
        self._alone: Counter[str] = Counter()
        """Slots that were taken while the server was away."""
        self._forgotten: list[tuple[str, str]] = []
        """Slots, by name and member, that the server may still count."""
        self._who = secrets.token_hex(8)
        self._entered = 0
        self._following: asyncio.Task[None] | None = None
        self._unfinished: set[asyncio.Future[None]] = set()

    @property
    def degraded(self) -> bool:
        """See `Meters.degraded`."""
        return self._server.out or self._local.degraded

    # --- buckets

    async def draw(self, draws: Sequence[Draw], /) -> Drawn:
        """See `Meters.draw`."""
        self._follow()
        if self._server.out:
            return await self._local.draw(draws)
        taken = [self._pocketed(draw) for draw in draws]
        if all(part >= draw.amount for part, draw in zip(taken, draws, strict=True)):
            await self._count_along(draws)
            return self._granted(draws)
        return await self._whole(self._draw(draws, taken), lambda drawn: self._undrawn(draws, drawn))

    def _pocketed(self, draw: Draw) -> float:
        """What the pocket has of an amount, which is taken out of it."""
        if draw.most < LARGE:
            return 0.0
        pocket = self._pockets.get(draw.name)
        return 0.0 if pocket is None else pocket.take(draw)

    def _granted(self, draws: Sequence[Draw]) -> Drawn:
        now = time.monotonic()
        return Drawn(None, 0.0, tuple(self._pockets[draw.name].level(now) for draw in draws))

    async def _draw(self, draws: Sequence[Draw], taken: Sequence[float]) -> Drawn:
        """Ask the server for what the pockets lack."""
        pockets: list[Pocket | None] = []
        arguments: list[_Argument] = [SLACK]
        for draw, part in zip(draws, taken, strict=True):
            pocket, more = None, 0.0
            if draw.most >= LARGE:
                pocket = self._pockets.get(draw.name)
                if pocket is None:
                    pocket = self._pockets[draw.name] = Pocket(draw)
                if not pocket.asking:
                    pocket.asking = True
                    more = max(0.0, pocket.slice - pocket.held)
                    pockets.append(pocket)
            arguments += (draw.most, draw.seconds, draw.amount - part, more)
        try:
            answer = await self._run(self._draws, "bucket", (draw.name for draw in draws), arguments)
        finally:
            for pocket in pockets:
                if pocket is not None:
                    pocket.asking = False
        return Drawn(None, 0.0, ()) if answer is None else Drawn(None, 0.0, ())

    async def put_back(self, draws: Sequence[Draw], /) -> None:
        """See `Meters.put_back`."""
