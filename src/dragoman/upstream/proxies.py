"""Which proxy stands between us and an upstream, as the environment has it."""

import functools
import os
import sys
from collections.abc import Mapping

_SYSTEM_SETTINGS = sys.platform in {"darwin", "win32"}
"""Where the system names proxies in other places than the environment's variables as well."""


class EnvironmentProxies:
    """`HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, in either case, as they are when it is made."""

    def __init__(self) -> None:
        self._proxies = _proxies()
        self._bypassed = functools.lru_cache(1024)(_bypassed)

    def __bool__(self) -> bool:
        """Whether there is a proxy at all."""
        return any(self._proxies.get(scheme) for scheme in ("http", "https"))

    def proxy_of(self, scheme: str, host: str, port: int | None) -> str | None:
        """The proxy's URL for requests to a host; None where they go there directly."""
        proxy = self._proxies.get(scheme)
        if not proxy:
            return None
        if self._bypassed(host if port is None else f"{host}:{port}"):
            return None
        return proxy if "://" in proxy else f"http://{proxy}"


def _proxies() -> Mapping[str, str]:
    if not _SYSTEM_SETTINGS and not any(name.lower().endswith("_proxy") for name in os.environ):
        return {}
    import urllib.request  # noqa: PLC0415 - slow to import

    return urllib.request.getproxies()


def _bypassed(authority: str) -> bool:
    import urllib.request  # noqa: PLC0415 - slow to import

    return bool(urllib.request.proxy_bypass(authority))
