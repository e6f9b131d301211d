"""Many clients at once, some of which leave in the middle of their answers."""

import asyncio
import random
from collections.abc import Sequence
from typing import NamedTuple, Self

import aiohttp
from tests.conftest import LiveGateway
from tests.money.house import key_of

STILLNESS = 0.4
"""Seconds without a word after which a client leaves."""


class Visit(NamedTuple):
    """One request: which route, whether streamed, and with which key."""

    route: str
    stream: bool = False
    max_tokens: int = 20
    key: int = 0


class Outcome(NamedTuple):
    """What became of it. Without a status, the gateway could not be reached, or was gone before the head."""

    visit: Visit
    status: int | None
    request_id: str = ""
    whole: bool = False
    """Whether the answer had its end."""
    body: bytes = b""


async def visit(session: aiohttp.ClientSession, gateway: LiveGateway, wish: Visit) -> Outcome:
    """Ask, and read the answer, or leave when nothing more comes of it."""
    asked = {
        "model": wish.route,
        "messages": [{"role": "user", "content": "Good evening"}],
        "max_tokens": wish.max_tokens,
        "stream": wish.stream,
    }
    headers = {"authorization": f"Bearer {key_of(wish.key)}"}
    body, status, request_id = b"", None, ""
    try:
        async with session.post(f"{gateway.url}/v1/chat/completions", json=asked, headers=headers) as answer:
            status, request_id = answer.status, answer.headers.get("x-request-id", "")
            while True:
                async with asyncio.timeout(STILLNESS if wish.route == "left" else 60):
                    piece = await answer.content.readany()
                if not piece:
                    break
                body += piece
    except (aiohttp.ClientError, ConnectionError, TimeoutError):
        return Outcome(wish, status, request_id, body=body)
    return Outcome(
        wish, status, request_id, whole=status != 200 or not wish.stream or b"[DONE]" in body, body=body
    )


async def crowd(
    gateways: Sequence[LiveGateway], wishes: Sequence[Visit], seed: int, *, spread: float = 0.05
) -> list[Outcome]:
    """All at once, within `spread` seconds, at gateways drawn at random."""
    draw = random.Random(seed)  # noqa: S311 - no secret

    async def come(session: aiohttp.ClientSession, wish: Visit) -> Outcome:
        gateway, delay = draw.choice(gateways), draw.uniform(0, spread)
        await asyncio.sleep(delay)
        return await visit(session, gateway, wish)

    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        return list(await asyncio.gather(*(come(session, wish) for wish in wishes)))


class Stream:
    """Clients that come and come again, each with its next request as soon as the last one is over."""

    def __init__(self, gateways: Sequence[LiveGateway], clients: int, seed: int) -> None:
        self._gateways = gateways
        self._clients = clients
        self._draw = random.Random(seed)  # noqa: S311 - no secret
        self.outcomes: list[Outcome] = []

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True))
        self._tasks = [asyncio.create_task(self._come()) for _ in range(self._clients)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over = True
        await asyncio.gather(*self._tasks)
        await self._session.close()

    _over = False

    async def _come(self) -> None:
        while not self._over:
            wish = Visit(self._draw.choice(["well", "translated"]), self._draw.random() < 0.5)
            outcome = await visit(self._session, self._draw.choice(self._gateways), wish)
            self.outcomes.append(outcome)
            if outcome.status is None:
                await asyncio.sleep(0.02)
