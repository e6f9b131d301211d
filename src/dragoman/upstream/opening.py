"""The transport that a gateway has: each host is reached as the environment's proxies have it."""

import ssl

from dragoman.upstream.http1_transport import Http1Transport
from dragoman.upstream.proxies import EnvironmentProxies
from dragoman.upstream.request_head import split_url
from dragoman.upstream.transport import Transport, UpstreamRequest, UpstreamResponse


def open_transport(tls: ssl.SSLContext | None = None) -> Transport:
    """Our own connections, and aiohttp's to hosts that the environment puts behind a proxy. `tls` replaces
    the system's own trust settings.
    """
    proxies = EnvironmentProxies()
    return _EitherTransport(tls, proxies) if proxies else Http1Transport(tls)


class _EitherTransport:
    """See `Transport`: one for each way, the one through proxies once there is something to send that way."""

    def __init__(self, tls: ssl.SSLContext | None, proxies: EnvironmentProxies) -> None:
        self._tls = tls
        self._proxies = proxies
        self._direct = Http1Transport(tls)
        self._through_proxies: Transport | None = None
        self._closed = False

    async def send(self, request: UpstreamRequest, connect_timeout: float) -> UpstreamResponse:
        """See `Transport.send`."""
        return await self._transport(request.url).send(request, connect_timeout)

    async def close(self) -> None:
        """See `Transport.close`."""
        self._closed = True
        await self._direct.close()
        if self._through_proxies is not None:
            await self._through_proxies.close()

    def _transport(self, url: str) -> Transport:
        origin, _ = split_url(url)
        if self._closed or not self._proxies.proxy_of(
            "https" if origin.secure else "http", origin.host, origin.port
        ):
            return self._direct
        if self._through_proxies is None:
            from dragoman.upstream.aiohttp_transport import AiohttpTransport  # noqa: PLC0415 - slow to import

            self._through_proxies = AiohttpTransport(self._tls)
        return self._through_proxies
