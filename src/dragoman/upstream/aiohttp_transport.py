"""Upstreams over aiohttp: HTTP/1.1 with TLS, proxies and every odd case."""

import asyncio
import io
import os
import re
import ssl
import weakref
from collections.abc import Mapping
from typing import cast

import aiohttp
import yarl
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from dragoman import __version__
from dragoman.conversation.failure import FailureError
from dragoman.upstream import failures
from dragoman.upstream.content_coding import ContentCodingError, ContentDecoder, content_decoder
from dragoman.upstream.proxies import EnvironmentProxies
from dragoman.upstream.transport import UpstreamRequest, UpstreamResponse, read_to_end

_KEEP_ALIVE = 30.0
"""Seconds that an idle connection waits for its next request."""
_HEADER_LINE = 64 * 1024
"""Bytes of the longest status or header line."""
_HEADER_COUNT = 512
_WHOLE_BODY = 256 * 1024
"""Bytes of a request body that are handed to the socket in one piece; larger ones go bit by bit."""

_URL_TEXT = re.compile("[!-~]*")
"""Spaces and line breaks would end the request line early, and let a model's name add to the request."""
_USER_AGENT = f"dragoman/{__version__}"

_LOST = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientConnectionResetError)


class AiohttpTransport:
    """A pool of connections, kept by aiohttp. It belongs to the event loop of its first `send`.

    Proxies come from the environment. `tls` replaces the system's own trust settings.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._proxies = EnvironmentProxies()
        self._pooled: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None
        self._used: weakref.WeakSet[ResponseHandler] = weakref.WeakSet()
        self._closed = False

    async def send(self, request: UpstreamRequest, connect_timeout: float) -> UpstreamResponse:
        """See `Transport.send`.

        A request that finds its kept connection closed by the server, before any byte of an answer,
        is sent once more on a new one: servers close idle connections when they like, and may do so
        while the request is on its way.
        """
        try:
            url = _url(request.url)
            where = _where(url)
        except ValueError:
            raise failures.bad_gateway("The upstream's URL is not valid.") from None
        if url.scheme not in ("http", "https"):
            raise failures.bad_gateway(f"The URL of {where} must begin with http:// or https://.")
        try:
            return await self._exchange(self._session(pooled=True), request, url, where, connect_timeout)
        except _StaleConnectionError:
            return await self._exchange(self._session(pooled=False), request, url, where, connect_timeout)

    async def close(self) -> None:
        """See `Transport.close`."""
        self._closed = True
        for protocol in list(self._used):
            if protocol.transport is not None:
                protocol.transport.abort()
        for session in (self._pooled, self._fresh):
            if session is not None:
                await session.close()

    def _session(self, *, pooled: bool) -> aiohttp.ClientSession:
        """The session that reuses connections, or the one that never does."""
        if self._closed:
            raise failures.stopping()
        if self._pooled is None or self._fresh is None:
            tls = True if self._tls is None else self._tls
            self._pooled = self._open(aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE, ssl=tls))
            self._fresh = self._open(aiohttp.TCPConnector(limit=0, force_close=True, ssl=tls))
        return self._pooled if pooled else self._fresh

    def _open(self, connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
        # trust_env stays off: besides proxies, which are looked up here, it would read ~/.netrc for
        # every request and send what it finds there in place of the upstream's key
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("accept", "accept-encoding", "content-type", "user-agent"),
            max_line_size=_HEADER_LINE,
            max_field_size=_HEADER_LINE,
            max_headers=_HEADER_COUNT,
            request_class=_Request,
            middlewares=(self._watch,),
        )

    async def _exchange(
        self,
        session: aiohttp.ClientSession,
        request: UpstreamRequest,
        url: yarl.URL,
        where: str,
        connect_timeout: float,
    ) -> "_Response":
        body = request.body
        proxy = self._proxies.proxy_of(url.scheme, url.raw_host or "", url.port)
        if proxy is not None and not proxy.startswith(("http://", "https://")):
            raise failures.unreachable(where, "only proxies with http:// or https:// URLs can be used")
        try:
            response = await session.request(
                request.method,
                url,
                headers=_headers(request.headers),
                data=(body if len(body) <= _WHOLE_BODY else io.BytesIO(body)) or None,
                proxy=proxy,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(connect=connect_timeout),
            )
        except (aiohttp.ClientError, OSError) as error:
            # not even as a cause: the texts of these errors hold whole URLs, keys and all
            raise _failure(error, where, connect_timeout) from None
        except ValueError:
            raise failures.bad_gateway(
                f"The request to {where} cannot be sent: its URL or a header is not valid."
            ) from None
        answer = _Response(response, where)
        if answer.status == 101:
            answer.close()
            raise failures.not_http(where)
        return answer

    async def _watch(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send the request and wait for the head of its answer. However that fails, no connection is
        left behind: by itself aiohttp lets the rest of a request trickle out first.
        """
        ours = cast("_Request", request)
        ours.used = self._used
        try:
            response = await handler(ours)
        except BaseException as error:
            if ours.socket is None:
                raise
            ours.socket.abort()
            if not isinstance(error, _LOST):
                raise
            if ours.reused and _unanswered(error):
                raise _StaleConnectionError from None
            # aiohttp would send some methods again by itself
            raise failures.no_answer(_where(ours.url)) from None
        if ours.socket is not None:
            _drop_unsent(response, ours.socket)
        return response


class _StaleConnectionError(Exception):
    """The connection was kept from an earlier request, and was no good any more."""


class _Request(aiohttp.ClientRequest):
    """A request that remembers the connection it goes out on."""

    used: weakref.WeakSet[ResponseHandler] | None = None
    """The connections that carried a request before."""
    socket: asyncio.Transport | None = None
    reused = False

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:  # pyright: ignore[reportImplicitOverride] - `typing.override` begins with Python 3.12
        protocol = conn.protocol
        if self.used is not None and protocol is not None:
            self.socket = conn.transport
            self.reused = protocol in self.used
            if not self.reused:
                self.used.add(protocol)
                _ignore_outcome(protocol)
            if self.reused and protocol.should_close:
                # what waits there was not asked for: it must not be taken for the answer
                raise _StaleConnectionError
        return await super().send(conn)


class _Response:
    """See `UpstreamResponse`. aiohttp takes the connection back by itself once the body's end is in."""

    def __init__(self, response: aiohttp.ClientResponse, where: str) -> None:
        self._response = response
        self._where = where
        self._ended = False
        self._failure: FailureError | None = None
        self._lost = _watch_loss(response)
        self._headers = _joined(response)
        self._decoder: ContentDecoder | None = None
        self._undecodable: ContentCodingError | None = None
        try:
            self._decoder = content_decoder(self._headers)
        except ContentCodingError as error:
            # said when the body is read: status and headers are worth having without it
            self._undecodable = error
        if self._decoder is not None:
            # they describe the packed body, which nobody gets to see
            self._headers.pop("content-encoding")
            self._headers.pop("content-length", None)

    @property
    def status(self) -> int:
        """See `UpstreamResponse.status`."""
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        """See `UpstreamResponse.headers`. A body that is unpacked here has no `content-encoding` and
        no `content-length`.
        """
        return self._headers

    async def read(self, limit: int) -> bytes:
        """See `UpstreamResponse.read`."""
        return await read_to_end(self, limit, self._where)

    async def next(self) -> bytes:
        """See `UpstreamResponse.next`. What came in just before a connection broke may be lost."""
        if self._failure is not None:
            raise self._failure
        if self._ended:
            return b""
        try:
            piece = await self._next_piece()
        except ContentCodingError as error:
            raise self._fail(failures.not_decodable(self._where, error)) from None
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

    async def _next_piece(self) -> bytes:
        decoder = self._decoder
        if decoder is None:
            data = await self._receive()
            if data and self._undecodable is not None:
                raise self._undecodable
            return data
        piece = decoder.feed(b"") if decoder.pending else b""
        while not piece:
            packed = await self._receive()
            if not packed:
                decoder.close()
                break
            piece = decoder.feed(packed)
        return piece

    async def _receive(self) -> bytes:
        data = await self._response.content.readany()
        if not data and self._lost is not None and self._lost.done() and self._lost.exception() is not None:
            # a body that ends with its connection has ended only if that was closed in order
            raise aiohttp.ClientPayloadError
        return data

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


def _drop_unsent(response: aiohttp.ClientResponse, socket: asyncio.Transport) -> None:
    """Close the connection at the answer's end if the request is not wholly sent by then, as when an
    upstream refuses a large body after its first bytes.
    """

    def check() -> None:
        if response.connection is not None or socket.get_write_buffer_size() > 0:
            socket.abort()

    response.content.on_eof(check)


def _ignore_outcome(protocol: ResponseHandler) -> None:
    """Keep quiet when a connection that nobody waits for breaks: asyncio logs errors not looked at."""

    def look(lost: asyncio.Future[None]) -> None:
        if not lost.cancelled():
            lost.exception()

    if protocol.closed is not None:
        protocol.closed.add_done_callback(look)


def _watch_loss(response: aiohttp.ClientResponse) -> asyncio.Future[None] | None:
    """Make sure that the loss of its connection ends the wait for a body: aiohttp forgets to say so
    where it closes the connection itself, over a chunk that breaks the rules.

    Returns how the connection ended, for a body that lasts as long as its connection.
    """
    connection = response.connection
    lost = None if connection is None or connection.protocol is None else connection.protocol.closed
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


def _unanswered(error: BaseException) -> bool:
    """Whether not one byte of an answer came; aiohttp keeps a broken-off head in place of a message."""
    return not isinstance(error, aiohttp.ServerDisconnectedError) or isinstance(error.message, str)


def _url(text: str) -> yarl.URL:
    if not _URL_TEXT.fullmatch(text):
        raise ValueError("a URL that would not end where it seems to")
    return yarl.URL(text, encoded=True)


def _where(url: yarl.URL) -> str:
    host = url.raw_host
    if not host:
        raise ValueError("a URL without a host")
    return f"[{host}]:{url.port}" if ":" in host else f"{host}:{url.port}"


def _headers(given: tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    names = {name.lower() for name, _ in given}
    added = (("User-Agent", _USER_AGENT), ("Accept-Encoding", "identity"))
    return [*given, *(pair for pair in added if pair[0].lower() not in names)]


def _joined(response: aiohttp.ClientResponse) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in response.headers.items():
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined


def _failure(error: aiohttp.ClientError | OSError, where: str, connect_timeout: float) -> FailureError:
    """What to say of an error before the head of the answer. The error's own text may hold the URL."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return failures.connect_timeout(where, connect_timeout)
        case aiohttp.ClientConnectorDNSError():
            return failures.unresolved(where)
        case aiohttp.ClientConnectorCertificateError():
            reason = error.certificate_error
            detail = (
                reason.verify_message if isinstance(reason, ssl.SSLCertVerificationError) else "not valid"
            )
            return failures.unreachable(where, f"its TLS certificate was refused ({detail})")
        case aiohttp.ClientConnectorSSLError():
            return failures.unreachable(where, "TLS failed")
        case aiohttp.ClientHttpProxyError():
            return failures.unreachable(where, f"the proxy refused with status {error.status}")
        case aiohttp.ClientProxyConnectionError():
            return failures.unreachable(where, f"the proxy could not be reached ({_reason(error)})")
        case aiohttp.ClientConnectorError():
            return failures.unreachable(where, _reason(error))
        case aiohttp.ClientResponseError():
            return failures.not_http(where)
        case aiohttp.InvalidURL():
            return failures.bad_gateway(f"The URL of {where} is not valid.")
        case _:
            return failures.no_answer(where)


def _reason(error: aiohttp.ClientConnectorError) -> str:
    """The error's number in words: its own text differs between event loops and lists addresses."""
    number = error.os_error.errno
    return os.strerror(number).lower() if number else "no address of the host took the connection"
