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

STOPPING = Failure(FailureKind.OVERLOADED, "The gateway is being stopped. Send the request again.")
"""What those are told whose answer is still on its way when the gateway can wait no longer."""


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
    failure: Failure | None = None
    try:
        while not pipeline.finished and (piece := await fan_in.next()) is not None:
            limits.pause()
            branch, data = piece
            await out.write(pipeline.feed(data, branch) if data else pipeline.close(branch))
            limits.alive()
    except FailureError as error:
        failure = error.failure
    except asyncio.CancelledError:
        if client.left or not (out.committed or limits.expired):
            raise
        failure = limits.failure() if limits.expired else STOPPING
    finally:
        cut_short = fan_in.open
        # before the client hears of the end: it may be slow to, and the upstream is not to wait for it
        fan_in.close()
    limits.lift()
    await out.end(failure, cut_short=cut_short)


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

    async def end(self, failure: Failure | None, *, cut_short: bool) -> None:
        """Nothing more will come. Raises `FailureError` where the client has seen nothing."""
        failure = failure or self._pipeline.reading.failure
        if not self.committed:
            raise FailureError(failure or Failure(FailureKind.BAD_GATEWAY, "The upstream answered nothing."))
        rest = b""
        if failure is not None:
            rest = self._pipeline.fail(failure)
        elif cut_short:
            rest = self._pipeline.close()
        if rest:
            await self._client.write(rest)
        await self._client.finish()
