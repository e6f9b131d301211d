"""The one loop over upstream bytes.

Nothing of an answer goes to the client before its first good piece (the commit point). Up to there a
failure is an exception, and another target may still be tried; from there on the answer is ended
with the client dialect's own error.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from dragoman.conversation.failure import Failure, FailureError, FailureKind
from dragoman.gateway.fan_in import FanIn
from dragoman.gateway.outlet import Headers, Outlet
from dragoman.gateway.pipeline import Pipeline
from dragoman.gateway.time_limits import TimeLimits
from dragoman.upstream.transport import UpstreamResponse

MAX_HELD = 1024 * 1024
"""Bytes held back at most while waiting for the first good piece of an answer."""

STOPPING = Failure(FailureKind.OVERLOADED, "The gateway is being stopped. Send the request again.")
"""What those are told whose answer is still on its way when the gateway can wait no longer."""


BUG = Failure(FailureKind.SERVER, "Internal error.")
"""What is noted of an exchange that ended in an exception nobody had thought of."""


class Progress(Protocol):
    """What the relay tells of the attempt whose answer it moves."""

    @property
    def limits(self) -> TimeLimits:
        """How long the upstream may take."""
        ...

    def begun(self) -> None:
        """The answer begins: from here on there is no other. Raises `CancelledError` if there is one."""
        ...

    def release(self) -> None:
        """The upstream has done its part."""
        ...


async def nothing() -> None:
    """What there is to do before the end of most answers."""


async def relay(
    upstreams: Sequence[UpstreamResponse],
    pipeline: Pipeline,
    outlet: Outlet,
    headers: Callable[[], Headers],
    attempt: Progress,
    before_end: Callable[[], Awaitable[None]] = nothing,
    ending: Callable[[], Awaitable[None]] = nothing,
) -> None:
    """Move a streamed answer from its upstreams, whose heads have come, to the client.

    `headers` are asked for when the answer begins. `before_end` is awaited when the answer is complete,
    before the client hears its end: what its next request may build on has to be kept by then. `ending` is
    awaited after it, and also where the answer breaks off: the client hears of the end after what it took
    is written down. It may be awaited twice. Raises `FailureError` only before the commit point: the client
    has seen nothing of an answer then.
    """
    limits, out = attempt.limits, _Beginning(outlet, pipeline, headers, attempt)
    fan_in = FanIn(upstreams)
    failure: Failure | None = None
    last: bytes | None = None
    try:
        while not pipeline.finished and fan_in.open:
            data = await fan_in.next()
            limits.pause()
            if data:
                said = pipeline.feed(data, fan_in.branch)
                if pipeline.complete and not pipeline.finished:
                    said += pipeline.end()
                    fan_in.expect_end()
            else:
                fan_in.ended()
                said = pipeline.close(fan_in.branch)
            if not fan_in.open and pipeline.reading.failure is None:
                # the answer is whole: what happens from here on cannot take it back
                limits.lift()
                last = said
                if pipeline.reading.meaningful:
                    attempt.begun()
                await before_end()
                await ending()
                last = None
            if not out.committed:
                await out.hold(said)
            elif said:
                out.unsaid = said
                await outlet.write(said)
                out.unsaid = b""
            if pipeline.moved and pipeline.reading.meaningful:
                limits.alive()
            else:
                limits.resume()
    except FailureError as error:
        failure = error.failure
    except asyncio.CancelledError:
        if outlet.left or not (out.committed or limits.expired):
            raise
        if last is None:
            failure = limits.failure() if limits.expired else STOPPING
    finally:
        cut_short = fan_in.open > 0
        # before the client hears of the end: it may be slow to, and the upstream is not to wait for it
        fan_in.close()
    limits.lift()
    attempt.release()
    await out.end(failure, before_end, ending, last or b"", cut_short=cut_short)


class _Beginning:
    """Holds the beginning of an answer back until it has proved good."""

    def __init__(
        self, outlet: Outlet, pipeline: Pipeline, headers: Callable[[], Headers], attempt: Progress
    ) -> None:
        self._outlet = outlet
        self._pipeline = pipeline
        self._headers = headers
        self._attempt = attempt
        self._held = bytearray()
        self.unsaid = b""
        """What is being written: whoever is cancelled meanwhile has not sent it."""
        self.committed = False
        """Whether the client hears this answer: the outlet may belong to another one, that was quicker."""

    async def hold(self, data: bytes) -> None:
        """Keep what came before the commit point, or send all of it when that is reached."""
        self._held += data
        reading = self._pipeline.reading
        if reading.failure is not None and not (reading.meaningful and data):
            # also where the first words came with the break, and none of them can go out
            raise FailureError(reading.failure)
        if reading.meaningful or len(self._held) > MAX_HELD:
            self._attempt.begun()
            self.committed = True
            self.unsaid = bytes(self._held)
            await self._outlet.commit(self._headers(), self.unsaid)
            self.unsaid = b""
            self._held.clear()

    async def end(
        self,
        failure: Failure | None,
        before_end: Callable[[], Awaitable[None]],
        ending: Callable[[], Awaitable[None]],
        rest: bytes,
        *,
        cut_short: bool,
    ) -> None:
        """Nothing more will come but the `rest`. Raises `FailureError` where the client has seen nothing."""
        failure = failure or self._pipeline.reading.failure
        if not self.committed:
            raise FailureError(failure or Failure(FailureKind.BAD_GATEWAY, "The upstream answered nothing."))
        if failure is not None:
            rest = self._pipeline.fail(failure)
        elif cut_short:
            rest = self._pipeline.end()
            await before_end()
        await ending()
        await self._outlet.write(self.unsaid + rest)
        await self._outlet.finish()
