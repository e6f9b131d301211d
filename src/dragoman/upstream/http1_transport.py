"""Upstreams over connections of our own: HTTP/1.1, in the clear and over TLS, without proxies."""

import asyncio
import functools
import os
import ssl

from dragoman.conversation.failure import FailureError
from dragoman.upstream import failures
from dragoman.upstream.dialing import Address, dial
from dragoman.upstream.http1_connection import Http1Connection, StaleConnectionError
from dragoman.upstream.http1_pool import Http1Pool
from dragoman.upstream.media_url import literal_address
from dragoman.upstream.name_lookup import Lookup, NameLookup, RecentNames
from dragoman.upstream.request_head import Origin, request_head
from dragoman.upstream.transport import UpstreamRequest, UpstreamResponse
from dragoman.upstream.unpacking import unpacked

_LOOKUPS = 32
"""Names that are looked up at once at most."""
_HEADS = 256
"""Heads of requests that are remembered: one for each provider, key and model in use."""


class Http1Transport:
    """A pool of connections. It belongs to the event loop of its first `send`.

    `tls` replaces the system's own trust settings, `lookup` its resolver (hosts that are addresses are not
    looked up). What `lookup` raises goes to the caller of `send`, but for `OSError` and `UnicodeError`.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, lookup: Lookup | None = None) -> None:
        self._tls = tls
        self._heads = functools.lru_cache(_HEADS)(request_head)
        self._names = RecentNames(NameLookup(_LOOKUPS, "upstream"))
        self._lookup = lookup or self._names.addresses
        self._pool: Http1Pool | None = None
        self._connecting: set[asyncio.Timeout] = set()
        self._closed = False

    async def send(self, request: UpstreamRequest, connect_timeout: float) -> UpstreamResponse:
        """See `Transport.send`.

        A request that finds its kept connection closed by the server, before any byte of an answer,
        is sent once more on a new one: servers close idle connections when they like, and may do so
        while the request is on its way.
        """
        head = self._heads(request.method, request.url, request.headers)
        origin = head.origin
        pool = self._pool
        connection = None if pool is None or request.fresh else pool.take(origin.key)
        if connection is None:
            connection = await self._connect(origin, connect_timeout)
        while True:
            answer = connection.ask(head, request.body, request.connected)
            try:
                response = await answer
            except StaleConnectionError:
                if request.resend is not None and not request.resend():
                    raise failures.no_answer(origin.where) from None
            except BaseException:
                if answer.cancelled() or answer.exception() is not None:
                    connection.abort()
                else:
                    # it came at the same time, and the connection may serve somebody else by now
                    answer.result().close()
                raise
            else:
                return (
                    unpacked(response, origin.where) if "content-encoding" in response.headers else response
                )
            connection = await self._connect(origin, connect_timeout)

    async def close(self) -> None:
        """See `Transport.close`."""
        self._closed = True
        self._names.close()
        for limit in self._connecting:
            # one that has just run out cannot be changed any more
            if not limit.expired():
                limit.reschedule(0)
        if self._pool is not None:
            await self._pool.close()

    async def _connect(self, origin: Origin, connect_timeout: float) -> Http1Connection:
        if self._closed:
            raise failures.stopping()
        loop = asyncio.get_running_loop()
        if self._pool is None:
            self._pool = Http1Pool(loop)
        limit = asyncio.timeout(connect_timeout)
        try:
            async with limit:
                self._connecting.add(limit)
                connection = await self._open(loop, self._pool, origin, connect_timeout)
        except (OSError, UnicodeError) as error:
            # not even as a cause: what the caller sees says it all
            if self._closed:
                raise failures.stopping() from None
            if limit.expired():
                raise failures.connect_timeout(origin.where, connect_timeout) from None
            raise _failure(error, origin) from None
        finally:
            self._connecting.discard(limit)
        if self._closed:
            connection.abort()
            raise failures.stopping()
        return connection

    async def _open(
        self, loop: asyncio.AbstractEventLoop, pool: Http1Pool, origin: Origin, connect_timeout: float
    ) -> Http1Connection:
        line = await dial(await self._addresses(origin))
        connection = Http1Connection(loop, pool, origin)
        try:
            await loop.create_connection(
                lambda: connection,
                sock=line,
                ssl=self._trust() if origin.secure else None,
                # as certificates have it: without the dot of a whole name, and without a zone
                server_hostname=origin.host.rstrip(".").partition("%")[0] if origin.secure else None,
                # the limit for all of it ends the handshake as well
                ssl_handshake_timeout=connect_timeout + 1 if origin.secure else None,
            )
        except BaseException:
            pool.drop(connection)
            line.close()
            raise
        return connection

    async def _addresses(self, origin: Origin) -> list[Address]:
        if literal_address(origin.host) is not None:
            return [(origin.host, origin.port)]
        try:
            found = await self._lookup(origin.host, origin.port)
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise _UnresolvedError
        return found

    def _trust(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls


class _UnresolvedError(OSError):
    """The host's name has no address."""


def _failure(error: OSError | UnicodeError, origin: Origin) -> FailureError:
    """What to say of an error before there is a connection."""
    match error:
        case _UnresolvedError():
            return failures.unresolved(origin.where)
        case ssl.SSLCertVerificationError():
            reason = f"its TLS certificate was refused ({error.verify_message})"
            return failures.unreachable(origin.where, reason, secure=True)
        case ssl.SSLError():
            return failures.unreachable(origin.where, "TLS failed", secure=True)
        case OSError(errno=int(number)):
            # its own text differs between event loops and lists addresses
            return failures.unreachable(origin.where, os.strerror(number).lower())
        case ConnectionError() if origin.secure:
            # the event loop's own, for a handshake that the server ended
            return failures.unreachable(origin.where, "TLS failed", secure=True)
        case _:
            return failures.unreachable(origin.where, "no address of the host took the connection")
