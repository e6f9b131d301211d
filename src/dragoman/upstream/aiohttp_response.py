"""The answer that comes over aiohttp, once its head is there."""

import asyncio
from collections.abc import Mapping

import aiohttp

from dragoman.conversation.failure import FailureError
from dragoman.upstream import failures
from dragoman.upstream.transport import read_to_end


class AiohttpResponse:
    """See `UpstreamResponse`. aiohttp takes the connection back by itself once the body's end is in.

    `where` is `host:port`. `lost` is done when the connection is, with an error where it broke.
    """

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        where: str,
        connected_at: float,
        lost: asyncio.Future[None] | None,
    ) -> None:
        self._response = response
        self._where = where
        self._connected_at = connected_at
        self._ended = False
        self._failure: FailureError | None = None
        self._lost = _watch_loss(response, lost)
        self._headers = _joined(response)

    @property
    def status(self) -> int:
        """See `UpstreamResponse.status`."""
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        """See `UpstreamResponse.headers`."""
        return self._headers

    @property
    def connected_at(self) -> float:
        """See `UpstreamResponse.connected_at`."""
        return self._connected_at

    @property
    def ended(self) -> bool:
        """See `UpstreamResponse.ended`."""
        body = self._response.content
        return self._failure is None and body.is_eof() and body.exception() is None and not self._cut_off

    async def read(self, limit: int) -> bytes:
        """See `UpstreamResponse.read`."""
        return await read_to_end(self, limit, self._where)

    async def next(self) -> bytes:
        """See `UpstreamResponse.next`. Over TLS, what a reader is more than 128 KiB behind is lost with a
        connection that breaks.
        """
        if self._failure is not None:
            raise self._failure
        if self._ended:
            return b""
        try:
            piece = await self._receive()
        except (aiohttp.ClientError, OSError, RuntimeError):
            raise self._fail(failures.broken_off(self._where)) from None
        except BaseException:
            self.close()
            raise
        if not piece:
            self._ended = True
        return piece

    def close(self) -> None:
        """See `UpstreamResponse.close`."""
        if self._ended or self._failure is not None:
            return
        self._fail(failures.let_go(self._where))

    async def _receive(self) -> bytes:
        body = self._response.content
        if body.exception() is not None and (data := _left(body)):
            return data
        data = await body.readany()
        if not data and self._cut_off:
            raise aiohttp.ClientPayloadError
        return data

    @property
    def _cut_off(self) -> bool:
        """A body that ends with its connection has ended only if that was closed in order."""
        return self._lost is not None and self._lost.done() and self._lost.exception() is not None

    def _fail(self, failure: FailureError) -> FailureError:
        """Close the socket and let every later `next` say why; the first failure counts."""
        if self._failure is None:
            self._failure = failure
            connection = self._response.connection
            socket = None if connection is None else connection.transport
            self._response.close()
            if socket is not None:
                socket.abort()
        return self._failure


def _left(body: aiohttp.StreamReader) -> bytes:
    """What came in before the connection broke: by itself aiohttp would drop it and tell of the break."""
    return body._read_nowait(-1)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - `read_nowait` raises as well


def _watch_loss(
    response: aiohttp.ClientResponse, lost: asyncio.Future[None] | None
) -> asyncio.Future[None] | None:
    """Make sure that the loss of its connection ends the wait for a body: aiohttp forgets to say so
    where it closes the connection itself, over a chunk that breaks the rules.

    Returns how the connection ended, for a body that lasts as long as its connection.
    """
    if lost is None:
        return None
    body = response.content

    def check(_: asyncio.Future[None]) -> None:
        if not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError())

    def forget() -> None:
        lost.remove_done_callback(check)

    lost.add_done_callback(check)
    # the connection lives on, and must not collect the bodies that it carried
    body.on_eof(forget)
    framed = "content-length" in response.headers or "transfer-encoding" in response.headers
    return None if framed else lost


def _joined(response: aiohttp.ClientResponse) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in response.headers.items():
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined
