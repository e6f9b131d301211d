"""The way to a streaming client: the head once, signs of life while there is nothing to say, the answer."""

import asyncio

from dragoman.conversation.failure import Failure
from dragoman.dialects.dialect import Dialect, Location, Sent
from dragoman.gateway.call import Client

Headers = list[tuple[str, str]]


class Outlet:
    """One client that is answered by a stream, through all attempts of its exchange.

    Signs of life may begin before there is an answer. They open the stream, and still another target may
    be tried: nothing of an answer has been said before `commit`.
    """

    def __init__(
        self, client: Client, dialect: Dialect, location: Location, headers: Headers, interval: float
    ) -> None:
        """Take the longest silence in seconds, besides the two ends and `headers`."""
        self._client = client
        self._dialect = dialect
        self._location = location
        self.headers = headers
        """The headers of a stream that opens before its answer: as much as is known by then."""
        self._interval = interval
        self._loop = asyncio.get_running_loop()
        self._spoken = self._loop.time()
        self._writing = False
        self._timer = self._loop.call_later(interval, self._tick)
        self._sign: asyncio.Task[None] | None = None
        self.committed = False
        """Whether the client has been sent something of an answer."""

    @property
    def left(self) -> bool:
        """Whether the client has gone away."""
        return self._client.left

    @property
    def opened(self) -> bool:
        """Whether the head of the answer has gone out: its status cannot change any more."""
        return self._client.started

    async def commit(self, headers: Headers, data: bytes) -> None:
        """Begin the answer. From here on there is no other."""
        self.committed = True
        await self._quiet()
        if not self._client.started:
            await self._client.start(200, headers)
        await self.write(data)

    async def write(self, data: bytes) -> None:
        """Send whole frames; waits while the client reads slowly."""
        if not data:
            return
        self._writing = True
        try:
            if self._sign is not None:
                await self._quiet()
            await self._client.write(data)
        finally:
            self._writing = False
            self._spoken = self._loop.time()

    async def refuse(self, failure: Failure) -> None:
        """End a stream that has been opened, but holds nothing yet, with the format's own error."""
        self._timer.cancel()
        await self._quiet()
        await self._client.write(self._dialect.stream_failure(failure, self._location, Sent()))
        await self._client.finish()

    async def finish(self) -> None:
        """End the answer."""
        self._timer.cancel()
        await self._quiet()
        await self._client.finish()

    def close(self) -> None:
        """No more signs of life, not even one that is on its way."""
        self._timer.cancel()
        if self._sign is not None:
            self._sign.cancel()

    def _tick(self) -> None:
        silence = self._loop.time() - self._spoken
        if silence < self._interval:
            self._timer = self._loop.call_later(self._interval - silence, self._tick)
            return
        taken = self._sign is None or self._sign.done()
        if taken and not self._writing and not self._client.left:
            self._spoken = self._loop.time()
            self._sign = self._loop.create_task(self._say_alive())
        self._timer = self._loop.call_later(self._interval, self._tick)

    async def _quiet(self) -> None:
        """Let a sign of life that is on its way go first: the head of the answer may be with it."""
        while (sign := self._sign) is not None:
            # awaited itself, it would be cancelled together with whoever waits here
            await asyncio.wait((sign,))
            if self._sign is sign:
                self._sign = None
            if not sign.cancelled():
                sign.result()

    async def _say_alive(self) -> None:
        if not self._client.started:
            await self._client.start(200, self.headers)
        await self._client.write(self._dialect.keep_alive(self._location))
