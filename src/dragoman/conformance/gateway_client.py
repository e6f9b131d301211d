"""HTTP to the gateway, as bytes: nothing is interpreted, retried or smoothed over."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Self

import aiohttp
import msgspec

PATIENCE = 20.0
"""Seconds after which a silent gateway counts as hanging."""


_SETTLING = 0.1
"""Seconds that a gateway gets to wait for its upstream in earnest."""


class Answered(msgspec.Struct, frozen=True):
    """One HTTP answer; header names are in lower case.

    `times` are the seconds from the request to each piece of the body. `broken` says that the
    connection ended before the answer did.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    times: tuple[float, ...] = ()
    broken: bool = False


class GatewayClient:
    """Sends requests. Use as an asynchronous context manager."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        # a kept connection may be closed from the other side just as the next request is sent
        fresh = aiohttp.TCPConnector(force_close=True)
        self._session = aiohttp.ClientSession(
            connector=fresh, timeout=timeout, headers={"accept-encoding": "identity"}, read_bufsize=2**20
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answered:
        """The answer to a request, read to its end. Status 0 means that there was none."""
        started = time.monotonic()
        pieces: list[bytes] = []
        times: list[float] = []
        try:
            async with self._open(method, url, headers, body) as response:
                answered = {name.lower(): value for name, value in response.headers.items()}
                broken = False
                try:
                    async for piece in response.content.iter_any():
                        pieces.append(piece)
                        times.append(time.monotonic() - started)
                except (aiohttp.ClientError, TimeoutError):
                    broken = True
                return Answered(response.status, answered, b"".join(pieces), tuple(times), broken)
        except (aiohttp.ClientError, TimeoutError) as error:
            words = str(error) or type(error).__name__
            return Answered(0, {}, words.encode(), broken=True)

    async def leave(
        self, url: str, headers: Mapping[str, str], body: bytes, waiting: Callable[[], bool] | None = None
    ) -> float:
        """Send a request and close the connection: at the first bytes of the answer, or, before there are
        any, as soon as `waiting` says so. The reading of `time.monotonic` when it was closed.
        """
        request = asyncio.ensure_future(self._first_piece(url, headers, body))
        given_up = time.monotonic() + PATIENCE
        while not request.done() and time.monotonic() < given_up:
            await asyncio.wait({request}, timeout=0.02)
            if waiting is not None and waiting():
                await asyncio.sleep(_SETTLING)
                break
        request.cancel()
        await asyncio.gather(request, return_exceptions=True)
        return time.monotonic()

    async def _first_piece(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        async with self._open("POST", url, headers, body) as response:
            await response.content.readany()
            response.close()

    def _open(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        if self._session is None:
            raise RuntimeError("use the client as a context manager")
        typed = {"content-type": "application/json"} if body is not None else {}
        return self._session.request(method, url, headers={**typed, **headers}, data=body)
