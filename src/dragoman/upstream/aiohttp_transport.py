"""Upstreams over aiohttp: HTTP/1.1 with TLS, proxies and every odd case."""

import asyncio
import io
import os
import re
import ssl
import time
import weakref
from collections.abc import Callable
from typing import cast

import aiohttp
import yarl
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from dragoman import __version__
from dragoman.conversation.failure import FailureError
from dragoman.upstream import failures
from dragoman.upstream.aiohttp_names import NameResolver
from dragoman.upstream.aiohttp_response import AiohttpResponse
from dragoman.upstream.name_lookup import NameLookup
from dragoman.upstream.proxies import EnvironmentProxies
from dragoman.upstream.request_head import FRAMING
from dragoman.upstream.transport import UpstreamRequest, UpstreamResponse
from dragoman.upstream.unpacking import unpacked

_KEEP_ALIVE = 30.0
"""Seconds that an idle connection waits for its next request."""
_HEADER_LINE = 64 * 1024
"""Bytes of the longest status or header line."""
_HEADER_COUNT = 256
_LOOKUPS = 32
"""Names that are looked up at once at most."""
_BUFFER = 64 * 1024
"""Bytes of an answer that may wait to be read; at twice as many, no more are taken from the socket."""
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
        self._names = NameLookup(_LOOKUPS, "upstream")
        self._sending: set[asyncio.Task[object]] = set()
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
        task = cast("asyncio.Task[object]", asyncio.current_task())
        self._sending.add(task)
        try:
            try:
                session = self._session(pooled=not request.fresh)
                return await self._exchange(session, request, url, where, connect_timeout)
            except _StaleConnectionError:
                if request.resend is not None and not request.resend():
                    raise failures.no_answer(where) from None
                return await self._exchange(self._session(pooled=False), request, url, where, connect_timeout)
        except asyncio.CancelledError:
            if self._closed and not task.uncancel():
                # it was `close` that cancelled, and not the caller
                raise failures.stopping() from None
            raise
        finally:
            self._sending.discard(task)

    async def close(self) -> None:
        """See `Transport.close`."""
        self._closed = True
        self._names.close()
        for task in self._sending:
            task.cancel()
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
            names = NameResolver(self._names)
            self._pooled = self._open(
                aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE, ssl=tls, resolver=names)
            )
            self._fresh = self._open(aiohttp.TCPConnector(limit=0, force_close=True, ssl=tls, resolver=names))
        return self._pooled if pooled else self._fresh

    def _open(self, connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
        # trust_env stays off: besides proxies, which are looked up here, it would read ~/.netrc for
        # every request and send what it finds there in place of the upstream's key
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("accept", "accept-encoding", "content-type", "user-agent"),
            read_bufsize=_BUFFER,
            max_line_size=_HEADER_LINE,
            max_field_size=_HEADER_LINE,
            max_headers=_HEADER_COUNT,
            request_class=_Request,
        )

    async def _exchange(
        self,
        session: aiohttp.ClientSession,
        request: UpstreamRequest,
        url: yarl.URL,
        where: str,
        connect_timeout: float,
    ) -> UpstreamResponse:
        body = request.body
        watch = _Watch(self._used, request.connected)
        proxy = self._proxies.proxy_of(url.scheme, url.raw_host or "", url.port)
        if proxy is not None and not proxy.startswith(("http://", "https://")):
            raise failures.unreachable(where, "only proxies with http:// or https:// URLs can be used")
        try:
            response = await session.request(
                request.method,
                url,
                headers=_headers(request),
                data=(body if len(body) <= _WHOLE_BODY else io.BytesIO(body)) or None,
                proxy=proxy,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(connect=connect_timeout),
                middlewares=(watch,),
            )
        except (aiohttp.ClientError, OSError) as error:
            # not even as a cause: the texts of these errors hold whole URLs, keys and all
            raise _failure(error, where, connect_timeout) from None
        except ValueError:
            raise failures.bad_gateway(
                f"The request to {where} cannot be sent: its URL or a header is not valid."
            ) from None
        answer = AiohttpResponse(response, where, watch.connected_at, watch.lost)
        if answer.status == 101 or not _usable(response):
            answer.close()
            raise failures.not_http(where)
        return unpacked(answer, where)


class _Watch:
    """Sends one request and waits for the head of its answer. However that fails, no connection is left
    behind: by itself aiohttp lets the rest of a request trickle out first.
    """

    def __init__(self, used: weakref.WeakSet[ResponseHandler], connected: Callable[[], None] | None) -> None:
        self._used = used
        self._connected = connected
        self.connected_at = 0.0
        """See `UpstreamResponse.connected_at`; known once the answer's head is there."""
        self.lost: asyncio.Future[None] | None = None
        """Done when the connection is lost; known once the answer's head is there."""

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        ours = cast("_Request", request)
        ours.used, ours.connected = self._used, self._connected
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
            if response.status == 101:
                # what comes next on it is no answer to anything
                ours.socket.abort()
            _drop_unsent(response, ours.socket)
        self.connected_at, self.lost = ours.connected_at, ours.lost
        return response


class _StaleConnectionError(Exception):
    """The connection was kept from an earlier request, and was no good any more."""


class _Request(aiohttp.ClientRequest):
    """A request that remembers the connection it goes out on."""

    used: weakref.WeakSet[ResponseHandler] | None = None
    """The connections that carried a request before."""
    connected: Callable[[], None] | None = None
    socket: asyncio.Transport | None = None
    reused = False
    connected_at = 0.0
    lost: asyncio.Future[None] | None = None

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:  # pyright: ignore[reportImplicitOverride] - `typing.override` begins with Python 3.12
        self.connected_at = time.monotonic()
        if self.connected is not None:
            self.connected()
        protocol = conn.protocol
        if self.used is not None and protocol is not None:
            self.socket = conn.transport
            self.lost = protocol.closed
            self.reused = protocol in self.used
            if not self.reused:
                self.used.add(protocol)
                _ignore_outcome(protocol)
            if self.reused and protocol.should_close:
                # what waits there was not asked for: it must not be taken for the answer
                raise _StaleConnectionError
        return await super().send(conn)


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


def _unanswered(error: BaseException) -> bool:
    """Whether not one byte of an answer came; aiohttp keeps a broken-off head in place of a message."""
    return not isinstance(error, aiohttp.ServerDisconnectedError) or isinstance(error.message, str)


def _usable(response: aiohttp.ClientResponse) -> bool:
    """Whether the answer is in HTTP/1.x, and in no other coding than chunks: none was asked for. Without
    chunks at the end of its codings, aiohttp would take them for the body.
    """
    version = response.version
    codings = [coding.lower() for coding in response.headers.getall("transfer-encoding", [])]
    return version is not None and version.major == 1 and codings in ([], ["chunked"])


def _url(text: str) -> yarl.URL:
    if not _URL_TEXT.fullmatch(text):
        raise ValueError("a URL that would not end where it seems to")
    return yarl.URL(text, encoded=True)


def _where(url: yarl.URL) -> str:
    host = url.raw_host
    if not host:
        raise ValueError("a URL without a host")
    return f"[{host}]:{url.port}" if ":" in host else f"{host}:{url.port}"


def _headers(request: UpstreamRequest) -> list[tuple[str, str]]:
    given = request.headers
    names = {name.lower() for name, _ in given}
    if not request.method or not names.isdisjoint(FRAMING):
        raise ValueError("what aiohttp would put something else in place of")
    added = (("User-Agent", _USER_AGENT), ("Accept-Encoding", "identity"))
    return [*given, *(pair for pair in added if pair[0].lower() not in names)]


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
            return failures.unreachable(where, f"its TLS certificate was refused ({detail})", secure=True)
        case aiohttp.ClientConnectorSSLError():
            return failures.unreachable(where, "TLS failed", secure=True)
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
