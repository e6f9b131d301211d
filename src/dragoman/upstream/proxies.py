"""Which proxy stands between us and an upstream, as the environment has it."""

import urllib.request
from collections.abc import Mapping


class EnvironmentProxies:
    """`HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, in either case."""

    def __init__(self) -> None:
        self._proxies: Mapping[str, str] = urllib.request.getproxies()

    def proxy_of(self, scheme: str, host: str, port: int | None) -> str | None:
        """The proxy's URL for requests to a host; None where they go there directly."""
        proxy = self._proxies.get(scheme)
        if not proxy:
            return None
        authority = host if port is None else f"{host}:{port}"
        if urllib.request.proxy_bypass(authority):
            return None
        return proxy if "://" in proxy else f"http://{proxy}"
