"""Gateways that are wrong on purpose.

One is a proxy that speaks the format of its upstream on both sides, with a fault built in. The other pretends
to translate: it asks its upstream some question, and gives its client some answer.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable

import aiohttp
from aiohttp import web

from dragoman.conformance.cell import Cell
from dragoman.conformance.runner import Pattern, run, vendors
from dragoman.conformance.subject import UPSTREAM_KEY, VENDOR_MODELS, Subject
from dragoman.testing.server import FakeServer

KEY = "sk-client-of-the-proxy"

Change = Callable[[bytes], bytes]


class Fault:
    """What the proxy does wrong. Without anything, it is as good as a gateway can be for equal formats.

    `asked` and `answered` change bodies; `status` and `header` (dropped, in lower case) change the answer's
    head; `hoards` sends an answer only when it is complete, `stays` never notices that the client has
    left.
    """

    def __init__(
        self,
        *,
        asked: Change = bytes,
        answered: Change = bytes,
        status: int | None = None,
        header: str = "",
        hoards: bool = False,
        stays: bool = False,
    ) -> None:
        self.asked = asked
        self.answered = answered
        self.status = status
        self.header = header
        self.hoards = hoards
        self.stays = stays


async def measure(fault: Fault, *patterns: Pattern) -> list[Cell]:
    """The cells that the patterns take, played with the proxy."""
    async with vendors("127.0.0.1", 0) as fakes:
        upstream = patterns[0].upstream
        async with _proxy(fault, fakes[upstream]) as url:
            subject = Subject(url, KEY, models=VENDOR_MODELS)
            return await run(subject, fakes, patterns)


async def measure_pretender(*patterns: Pattern) -> list[Cell]:
    """The cells that the patterns take, for clients of Chat Completions before Anthropic, played with a
    gateway that only pretends.
    """
    async with vendors("127.0.0.1", 0) as fakes:
        fake = fakes["anthropic"]

        async def serve(session: aiohttp.ClientSession, _: web.Request) -> web.StreamResponse:
            headers = {"x-api-key": UPSTREAM_KEY, "anthropic-version": "2023-06-01"}
            async with session.post(f"{fake.url}/v1/messages", headers=headers, json=_QUESTION):
                return web.json_response(_ANSWER)

        async with _listening(serve) as url:
            return await run(Subject(url, KEY), fakes, patterns)


_QUESTION = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "Good evening"}],
}
_ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Good evening to you.", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
}


@contextlib.asynccontextmanager
async def _proxy(fault: Fault, fake: FakeServer) -> AsyncGenerator[str]:
    async def serve(session: aiohttp.ClientSession, request: web.Request) -> web.StreamResponse:
        work = asyncio.ensure_future(_pass_on(fault, fake, session, request))
        return await (asyncio.shield(work) if fault.stays else work)

    async with _listening(serve) as url:
        yield url


Serving = Callable[[aiohttp.ClientSession, web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def _listening(serve: Serving) -> AsyncGenerator[str]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:

        async def answer(request: web.Request) -> web.StreamResponse:
            return await serve(session, request)

        application = web.Application(client_max_size=2**24)
        application.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(application, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


async def _pass_on(
    fault: Fault, fake: FakeServer, session: aiohttp.ClientSession, request: web.Request
) -> web.StreamResponse:
    headers = {"content-type": "application/json", "anthropic-version": "2023-06-01"}
    headers |= {"authorization": f"Bearer {UPSTREAM_KEY}", "x-goog-api-key": UPSTREAM_KEY}
    body = fault.asked(await request.read())
    async with session.request(
        request.method, fake.url + request.path_qs, headers=headers, data=body
    ) as given:
        kept = {"content-type", "retry-after"} - {fault.header}
        head = {name: value for name, value in given.headers.items() if name.lower() in kept}
        answer = web.StreamResponse(status=fault.status or given.status, headers=head)
        await answer.prepare(request)
        pieces: list[bytes] = []
        with contextlib.suppress(ConnectionResetError):
            async for piece in given.content.iter_any():
                if fault.hoards:
                    pieces.append(piece)
                else:
                    await answer.write(fault.answered(piece))
            await answer.write(fault.answered(b"".join(pieces)))
            await answer.write_eof()
        return answer
