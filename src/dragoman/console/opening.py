"""The management API, which costs nothing before it is used."""

import asyncio
from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

BASE = "/dragoman/api"
"""What every path begins with."""


def is_management(path: str) -> bool:
    """Whether a path is one of the management API. It has to be as it came, still percent-encoded: a proxy
    that keeps others away from there need not know every way to write it.
    """
    return path == BASE or path.startswith(f"{BASE}/")


class DeferredManagement:
    """See `dragoman.console.management.management_app`. What it needs is loaded at the first request, in a
    thread: that takes long enough for other requests to notice.
    """

    def __init__(self, build: Callable[[], ASGIApp]) -> None:
        """Take what makes the application; it may import whatever it likes."""
        self._build = build
        self._app: ASGIApp | None = None
        self._loading = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if self._app is None:
            async with self._loading:
                if self._app is None:
                    self._app = await asyncio.to_thread(self._build)
        await self._app(scope, receive, send)
