"""An upstream inside this process: a provider that is an object and not a host.

It keeps the promises of a real one, cancelling and closing included, so that a gateway can be tried
out, and tested, without a network.
"""

import asyncio
import time
import weakref
from collections.abc import Mapping, Sequence
from typing import Protocol
from urllib.parse import urlsplit

from dragoman.conversation.failure import FailureError
from dragoman.upstream import failures
from dragoman.upstream.transport import UpstreamRequest, UpstreamResponse, read_to_end

SCHEME = "embedded"
"""The scheme of the URLs that lead here: `embedded://name/v1/...`."""


class EmbeddedAnswer(Protocol):
    """An HTTP answer and its timing."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in lower case."""
        ...

    @property
    def chunks(self) -> Sequence[tuple[float, bytes]]:
        """The pieces of the body, each with the seconds that pass before it comes."""
        ...


class EmbeddedProvider(Protocol):
    """Whatever answers in place of a host."""

    def answer(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> EmbeddedAnswer:
        """Answer one request. `path` and `query` are as they stand in the URL, escapes included, and
        `query` without its question mark; header names are in lower case.
        """
        ...


class EmbeddedTransport:
    """Carries requests to one provider in this process, whatever host their URLs name."""

    def __init__(self, provider: EmbeddedProvider) -> None:
        self._provider = provider
        self._open: weakref.WeakSet[_Response] = weakref.WeakSet()
        self._closed = False

    async def send(self, request: UpstreamRequest, connect_timeout: float) -> UpstreamResponse:
        """See `Transport.send`."""
        # lets a cancellation in before the provider has seen the request
        await asyncio.sleep(0)
        if self._closed:
            raise failures.stopping()
        if request.connected is not None:
            request.connected()
        url = urlsplit(request.url)
        headers: dict[str, str] = {}
        for name, value in request.headers:
            key = name.lower()
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
        answer = self._provider.answer(request.method, url.path, url.query, headers, request.body)
        response = _Response(answer, url.netloc, self._open)
        self._open.add(response)
        return response

    async def close(self) -> None:
        """See `Transport.close`."""
        self._closed = True
        for response in list(self._open):
            response.close()


class _Response:
    """See `UpstreamResponse`."""

    def __init__(
        self, answer: EmbeddedAnswer, where: str, open_responses: "weakref.WeakSet[_Response]"
    ) -> None:
        self._answer = answer
        self._where = where
        self._open = open_responses
        self._chunks = iter(answer.chunks)
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time()
        self._complete_at = self._due + sum(delay for delay, _ in answer.chunks)
        self._connected_at = time.monotonic()
        self._failure: FailureError | None = None
        self._wake: asyncio.Future[None] | None = None

    @property
    def status(self) -> int:
        """See `UpstreamResponse.status`."""
        return self._answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        """See `UpstreamResponse.headers`."""
        return self._answer.headers

    @property
    def connected_at(self) -> float:
        """See `UpstreamResponse.connected_at`."""
        return self._connected_at

    @property
    def ended(self) -> bool:
        """See `UpstreamResponse.ended`."""
        return self._failure is None and self._complete_at <= self._loop.time()

    async def read(self, limit: int) -> bytes:
        """See `UpstreamResponse.read`."""
        return await read_to_end(self, limit, self._where)

    async def next(self) -> bytes:
        """See `UpstreamResponse.next`."""
        if self._failure is not None:
            raise self._failure
        for delay, piece in self._chunks:
            if not self.ended:
                try:
                    await self._wait(delay)
                except BaseException:
                    self.close()
                    raise
            if piece:
                return piece
        self._open.discard(self)
        return b""

    def close(self) -> None:
        """See `UpstreamResponse.close`."""
        if self not in self._open:
            return
        self._open.discard(self)
        self._failure = failures.let_go(self._where)
        if self._wake is not None and not self._wake.done():
            self._wake.set_exception(self._failure)

    async def _wait(self, delay: float) -> None:
        """Wait until the next piece is due, or until the answer is closed. A reader that comes late
        finds what has become due in the meantime, as it would on a socket.
        """
        self._due += delay
        wake = self._wake = self._loop.create_future()
        timer = self._loop.call_at(self._due, _end, wake)
        try:
            await wake
        finally:
            timer.cancel()
            self._wake = None


def _end(wake: asyncio.Future[None]) -> None:
    if not wake.done():
        wake.set_result(None)
