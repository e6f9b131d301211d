"""The answer that comes over one of our own connections, once its head is there."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from dragoman.conversation.failure import FailureError
from dragoman.upstream import failures
from dragoman.upstream.transport import read_to_end

if TYPE_CHECKING:
    from dragoman.upstream.http1_connection import Http1Connection

_BUFFER = 128 * 1024
"""Bytes that may wait to be read before no more are taken from the socket."""


class Http1Response:
    """See `UpstreamResponse`. Its connection calls `receive` for what came in, then `finish` or `fail`.

    Bytes that came in together are given together, so that a reader wakes once for all of them.
    """

    __slots__ = (
        "_connection",
        "_failure",
        "_loop",
        "_paused",
        "_pieces",
        "_size",
        "_waiter",
        "_where",
        "connected_at",
        "ended",
        "headers",
        "status",
    )

    def __init__(
        self,
        connection: "Http1Connection",
        loop: asyncio.AbstractEventLoop,
        status: int,
        headers: Mapping[str, str],
    ) -> None:
        self.status = status
        self.headers = headers
        self.connected_at = connection.connected_at
        self.ended = False
        self._where = connection.where
        self._connection: Http1Connection | None = connection
        self._loop = loop
        self._pieces: list[bytes] = []
        self._size = 0
        self._paused = False
        self._failure: FailureError | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def read(self, limit: int) -> bytes:
        """See `UpstreamResponse.read`."""
        return await read_to_end(self, limit, self._where)

    async def next(self) -> bytes:
        """See `UpstreamResponse.next`. Over TLS, what a reader is more than 128 KiB behind is lost with a
        connection that breaks.
        """
        while not self._pieces:
            if self._failure is not None:
                raise self._failure
            if self.ended:
                return b""
            waiter = self._waiter = self._loop.create_future()
            try:
                await waiter
            except BaseException:
                self.close()
                raise
        pieces = self._pieces
        piece = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._size = 0
        if self._paused and self._connection is not None:
            self._paused = False
            self._connection.resume()
        return piece

    def close(self) -> None:
        """See `UpstreamResponse.close`."""
        if self._failure is not None or (self.ended and not self._pieces):
            return
        self._pieces.clear()
        connection = self._connection
        self.fail(failures.let_go(self._where))
        if connection is not None:
            connection.abort()

    def receive(self, piece: bytes) -> None:
        """Take the next bytes of the body."""
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > _BUFFER and not self._paused and self._connection is not None:
            self._paused = True
            self._connection.pause()
        if self._waiter is not None:
            self._wake()

    def finish(self) -> None:
        """The body has come to its proper end: let go of the connection."""
        self.ended = True
        if self._paused and self._connection is not None:
            # whoever gets it next has to hear something
            self._paused = False
            self._connection.resume()
        self._release()

    def fail(self, failure: FailureError) -> None:
        """Nothing more will come, and this is why. What came before is given first."""
        self._failure = failure
        self._release()

    def _release(self) -> None:
        self._connection = None
        if self._waiter is not None:
            self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
