"""One connection that speaks HTTP/1.1: a request goes out, its answer comes in, then the next.

llhttp judges what comes in (as strictly as it can: two lengths, a length beside chunks, folded lines, lone
line feeds and the like are refused) and finds the ends of bodies; the text of a head is taken apart here.
"""

import asyncio
import time
from collections.abc import Callable
from typing import cast

import httptools

from dragoman.conversation.failure import FailureError
from dragoman.sockets.gathering import GatheringTransport
from dragoman.upstream import failures
from dragoman.upstream.http1_pool import Http1Pool
from dragoman.upstream.http1_response import Http1Response
from dragoman.upstream.request_head import Origin, RequestHead

_LARGEST_HEAD = 128 * 1024
"""Bytes of the head of an answer."""
_MOST_HEADERS = 256
_JOINED = 64 * 1024
"""Bytes of a body that go out with their head in one piece. Larger ones are not copied."""
_PIECE = 256 * 1024
"""Bytes of a larger body that are handed to the socket at once."""


class StaleConnectionError(Exception):
    """The connection was kept from an earlier request, and its server closed it without a word."""


class _UnaskedError(Exception):
    """Another answer follows an answer, and nobody asked for it."""


class Http1Connection(asyncio.Protocol):
    """Carries one request at a time: `ask`, then the answer's body, then back into the pool by itself.

    What comes in while nothing was asked ends it, so that it is never taken for the next answer.
    """

    __slots__ = (
        "_body",
        "_done",
        "_head",
        "_held",
        "_interim",
        "_keep",
        "_loop",
        "_parser",
        "_pool",
        "_response",
        "_rest",
        "_served",
        "_silent",
        "_skipped",
        "_status",
        "_transport",
        "_unasked",
        "_until_close",
        "_waiter",
        "_without_body",
        "connected_at",
        "good_until",
        "key",
        "made_at",
        "where",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, pool: Http1Pool, origin: Origin) -> None:
        self.key = origin.key
        self.where = origin.where
        self.made_at = self.good_until = self.connected_at = time.monotonic()
        """On the clock of `time.monotonic`, in seconds: when it was made, how long it may wait in the pool,
        and when its present request began to go out."""
        self._loop = loop
        self._pool = pool
        self._transport: GatheringTransport
        # what goes out
        self._rest: memoryview | None = None
        self._held = False
        # what comes in
        self._body: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[Http1Response] | None = None
        self._response: Http1Response | None = None
        self._served = False
        self._begin()

    def _begin(self, *, without_body: bool = False) -> None:
        """Be ready for an answer."""
        self._without_body = without_body
        self._head = b""
        self._status = 0
        self._skipped = 0
        self._silent = True
        self._interim = self._done = self._unasked = self._keep = self._until_close = False

    @property
    def usable(self) -> bool:
        """Whether a request can go out on it, as far as is known on this side."""
        return not self._transport.is_closing()

    # --- what its transport and its answers ask of it ----------------------------------------------

    def ask(
        self, head: RequestHead, body: bytes, connected: Callable[[], None] | None
    ) -> "asyncio.Future[Http1Response]":
        """Send a request; the answer is there once its head is. `connected` is called as it begins to go out.

        The future raises `FailureError`, or `StaleConnectionError` where the request may go out again. Who
        cancels it has to `abort` the connection.
        """
        self._begin(without_body=head.bodiless)
        self.connected_at = time.monotonic()
        if connected is not None:
            try:
                connected()
            except BaseException:
                self.abort()
                raise
        waiter = self._waiter = cast("asyncio.Future[Http1Response]", self._loop.create_future())
        size = len(body)
        if not size:
            self._transport.write(head.lines + (b"content-length: 0\r\n\r\n" if head.sized else b"\r\n"))
        elif size <= _JOINED:
            self._transport.write(b"%bcontent-length: %d\r\n\r\n%b" % (head.lines, size, body))
        else:
            self._rest = memoryview(body)
            self._transport.write(b"%bcontent-length: %d\r\n\r\n" % (head.lines, size))
            self._write_rest()
        return waiter

    def pause(self) -> None:
        """Take nothing more from the socket."""
        self._transport.pause_reading()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._transport.resume_reading()

    def abort(self) -> None:
        """Close the socket at once. Nobody is told."""
        self._waiter = self._response = self._rest = None
        self._pool.withdraw(self)
        self._transport.abort()

    def stop(self) -> None:
        """Close the socket because the transport closes, and tell whoever waits for it."""
        self._fail(failures.stopping())

    # --- what the event loop tells it --------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # pyright: ignore[reportImplicitOverride] - `typing.override` begins with Python 3.12
        """See `asyncio.BaseProtocol`."""
        self._transport = GatheringTransport(cast("asyncio.Transport", transport), self._pool.gathering)
        self._pool.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # pyright: ignore[reportImplicitOverride] - see above
        """See `asyncio.BaseProtocol`."""
        self._pool.forget(self)
        self._break()
        # they hold each other
        del self._parser

    def eof_received(self) -> None:  # pyright: ignore[reportImplicitOverride] - see above
        """The server has said all that it will. Over TLS, the event loops do not tell whether that was its
        own word or somebody cut the connection: a body without a length has to show itself that it is whole.
        """
        if self._until_close:
            self._finish()
        else:
            self._break()

    def data_received(self, data: bytes) -> None:  # pyright: ignore[reportImplicitOverride] - see above
        """See `asyncio.Protocol`."""
        response = self._response
        if response is None and self._waiter is None:
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            broken = True
        else:
            broken = False
        if response is None:
            self._silent = False
            response = self._receive_head(data, broken=broken)
            if response is None:
                return
        body = self._body
        if body:
            if not self._without_body:
                response.receive(body[0] if len(body) == 1 else b"".join(body))
            body.clear()
        if self._done and (not broken or self._unasked):
            self._finish()
        elif broken:
            # also a body that is longer than announced: its length is wrong, and it may be cut short
            self._break()

    def pause_writing(self) -> None:  # pyright: ignore[reportImplicitOverride] - see above
        """See `asyncio.BaseProtocol`."""
        self._held = True

    def resume_writing(self) -> None:  # pyright: ignore[reportImplicitOverride] - see above
        """See `asyncio.BaseProtocol`."""
        self._held = False
        self._write_rest()

    # --- what the parser tells it ------------------------------------------------------------------

    @property
    def on_body(self) -> object:
        """Bytes of a body: kept without a call into this class."""
        return self._body.append

    def on_message_begin(self) -> None:
        """The first byte of an answer, of an interim one, or of what should not be there."""
        if self._done:
            self._keep = False

    def on_headers_complete(self) -> None:
        """The end of a head, of an interim answer's (RFC 9110, 15.2) or of the answer itself."""
        if self._done:
            self._unasked = True
            raise _UnaskedError
        parser = self._parser
        status = parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            self._interim = True
            self._skipped += 1
        else:
            self._status = status
            self._keep = parser.should_keep_alive()

    def on_message_complete(self) -> None:
        """The end of an answer, or of an interim one."""
        if self._interim:
            self._interim = False
        else:
            self._done = True
            # a trailer may have ended it
            self._keep = self._keep and self._parser.should_keep_alive()

    # --- the answer --------------------------------------------------------------------------------

    def _receive_head(self, data: bytes, *, broken: bool) -> Http1Response | None:
        """The answer, once its head is whole."""
        head = self._head + data if self._head else data
        for _ in range(self._skipped):
            head = head.lstrip(b"\r\n").partition(b"\r\n\r\n")[2]
        self._skipped = 0
        if not self._status:
            self._head = head
            if broken or len(head) > _LARGEST_HEAD:
                self._fail(failures.not_http(self.where))
            return None
        self._head = b""
        headers = self._headers(head)
        if headers is None:
            self._fail(failures.not_http(self.where))
            return None
        response = self._response = Http1Response(self, self._loop, self._status, headers)
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            if waiter.done():
                # cancelled: whoever did that is about to abort the connection, which nobody may have by then
                self._keep = False
            else:
                waiter.set_result(response)
        return response

    def _headers(self, head: bytes) -> dict[str, str] | None:
        """The headers of the answer, its head being one that llhttp has passed; None where it is refused."""
        head = head.lstrip(b"\r\n")
        end = head.find(b"\r\n\r\n")
        lines = head[:end].decode("utf-8", "surrogateescape").split("\r\n")
        if self._status < 200 or not lines[0].startswith("HTTP/1.") or end > _LARGEST_HEAD:
            return None
        if len(lines) > _MOST_HEADERS:
            return None
        headers: dict[str, str] = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            name = name.lower()
            value = value.strip(" \t")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        coding = headers.get("transfer-encoding")
        if self._without_body or self._status in (204, 304):
            # to llhttp, an answer to HEAD seems to have a body: what follows would mislead it; and a server
            # that announces one where there can be none (RFC 9112, 6.1) may send it
            announced = coding is not None or headers.get("content-length", "0") != "0"
            self._keep = self._keep and not self._without_body and not (self._status == 204 and announced)
            self._without_body = self._done = True
        elif coding is None:
            self._until_close = "content-length" not in headers
        elif coding.lower() != "chunked":
            # no other coding was asked for (RFC 9112, 6.1)
            return None
        elif lines[0].startswith("HTTP/1.0"):
            # a framing that HTTP/1.0 does not have is not to be relied on any further (RFC 9112, 6.1)
            self._keep = False
        return headers

    def _finish(self) -> None:
        """The answer has come to its end; the connection waits for the next request, or is closed."""
        response, self._response = self._response, None
        kept = self._keep and self._rest is None and not self._transport.get_write_buffer_size()
        self._until_close = False
        if response is not None:
            response.finish()
        if kept:
            self._served = True
            self._pool.release(self)
        else:
            self.abort()

    def _break(self) -> None:
        """The connection is lost, or no good any more."""
        if self._waiter is not None and self._silent and self._served:
            self._fail(StaleConnectionError())
        elif self._waiter is not None:
            self._fail(failures.no_answer(self.where))
        else:
            self._fail(failures.broken_off(self.where))

    def _fail(self, failure: FailureError | StaleConnectionError) -> None:
        waiter, self._waiter = self._waiter, None
        response, self._response = self._response, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(failure)
            # looked at, for asyncio: who waits may be cancelled before it wakes
            waiter.exception()
        if response is not None and isinstance(failure, FailureError):
            response.fail(failure)
        self.abort()

    def _write_rest(self) -> None:
        """Hand the socket as much of a large body as it takes."""
        while self._rest is not None and not self._held:
            piece, rest = self._rest[:_PIECE], self._rest[_PIECE:]
            self._rest = rest or None
            self._transport.write(piece)
