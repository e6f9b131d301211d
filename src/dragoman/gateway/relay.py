"""The one loop over upstream bytes.

Nothing goes to the client before the first good piece of the answer (the commit point). Up to
there a failure is an exception, and another target may still be tried; from there on the answer is
ended with the client dialect's own error.
"""

import asyncio
from collections.abc import Sequence

from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.gateway.call import Client
from dragoman.gateway.fan_in import FanIn
from dragoman.gateway.pipeline import Pipeline
from dragoman.gateway.time_limits import TimeLimits
from dragoman.upstream.transport import UpstreamResponse

MAX_HELD = 1024 * 1024
"""Bytes held back at most while waiting for the first good piece of an answer."""


async def relay(
    upstreams: Sequence[UpstreamResponse],
    pipeline: Pipeline,
    client: Client,
    headers: list[tuple[str, str]],
    limits: TimeLimits,
) -> None:
    """Move a streamed answer from its upstreams, whose heads have come, to the client.

    Raises `FailureError` only before the commit point: the client has seen nothing then.
    """
    out = _Outlet(client, pipeline, headers)
    fan_in = FanIn(upstreams)
    try:
        while not pipeline.finished and (piece := await fan_in.next()) is not None:
            limits.alive()
            branch, data = piece
            await out.write(pipeline.feed(data, branch) if data else pipeline.close(branch))
            limits.alive()
        await out.finish(cut_short=fan_in.open)
    except FailureError as error:
        if not out.committed:
            raise
        await out.fail(error.failure)
    except asyncio.CancelledError:
        if not (out.committed and limits.expired):
            raise
        await out.fail(limits.failure())
    finally:
        await fan_in.close()


class _Outlet:
    """The client's side: holds the beginning back until the answer has proved good."""

    def __init__(self, client: Client, pipeline: Pipeline, headers: list[tuple[str, str]]) -> None:
        self._client = client
        self._pipeline = pipeline
        self._headers = headers
        self._held = bytearray()
        self.committed = False

    async def write(self, data: bytes) -> None:
        if self.committed:
            if data:
                await self._client.write(data)
            return
        self._held += data
        reading = self._pipeline.reading
        if reading.failure is not None and not (reading.meaningful and self._held):
            raise FailureError(reading.failure)
        if reading.meaningful or len(self._held) > MAX_HELD:
            self.committed = True
            await self._client.start(200, self._headers)
            if self._held:
                await self._client.write(bytes(self._held))
                self._held.clear()

    async def finish(self, *, cut_short: bool) -> None:
        failure = self._pipeline.reading.failure
        if not self.committed:
            raise FailureError(failure or Failure(FailureKind.BAD_GATEWAY, "The upstream answered nothing."))
        if failure is not None:
            await self.fail(failure)
            return
        rest = self._pipeline.close() if cut_short else b""
        if rest:
            await self._client.write(rest)
        await self._client.finish()

    async def fail(self, failure: Failure) -> None:
        rest = self._pipeline.fail(failure)
        if rest:
            await self._client.write(rest)
        await self._client.finish()
