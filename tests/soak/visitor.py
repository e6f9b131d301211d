"""A client on one connection that asks, waits for the answer, and sometimes leaves."""

import asyncio
from typing import cast

import httptools
from tests.live.client import Reply
from tests.soak.errands import Errand, Leaving
from typing_extensions import override


class Visitor(asyncio.Protocol):
    """One connection to the gateway, for one request after the other."""

    def __init__(self) -> None:
        self.usable = False
        """Whether another request may be sent."""
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[Reply | None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._bytes_until_leaving: float | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body = bytearray()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.usable = True

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.usable = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(
                ConnectionError(f"the gateway closed the connection: {exc} {bytes(self._body)!r}")
            )

    @override
    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    async def ask(self, text: bytes, one: Errand, patience: float) -> Reply | None:
        """The answer to a request; None where the client has left before it was complete.

        Raises `TimeoutError` where it takes longer than `patience` seconds, and `ConnectionError`.
        """
        self._answer = self._loop.create_future()
        self._parser = httptools.HttpResponseParser(self)
        self._headers = {}
        self._body.clear()
        self._bytes_until_leaving = None
        if one.leaving is Leaving.READING:
            self._bytes_until_leaving = one.patience
        self._transport.write(text)
        if one.leaving is Leaving.WAITING:
            self._timer = self._loop.call_later(one.patience, self._leave)
        try:
            async with asyncio.timeout(patience):
                return await self._answer
        except TimeoutError:
            self.close()
            raise
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def close(self) -> None:
        """Close the connection."""
        self.usable = False
        self._transport.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self._body += body
        if self._bytes_until_leaving is not None and len(self._body) >= self._bytes_until_leaving:
            self._leave()

    def on_message_complete(self) -> None:
        self.usable = self.usable and self._parser.should_keep_alive()
        if self._answer is not None and not self._answer.done():
            reply = Reply(self._parser.get_status_code(), self._headers, bytes(self._body))
            self._answer.set_result(reply)

    def _leave(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(None)
            self.close()
