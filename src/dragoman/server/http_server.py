"""The HTTP server: accepts connections until it is told to stop, and then ends in order."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Sequence

import structlog
import uvicorn
from starlette.types import ASGIApp

from dragoman.server.connections import Connections, Patience
from dragoman.server.http_protocol import HttpProtocol

FAREWELL = 1.0
"""Seconds that answers which are broken off get to say so, and clients to take it."""
CLOSING = 10.0
"""Seconds that the application gets to close what it has opened."""

BACKLOG = 2048
"""Connections that may wait to be accepted."""
_TICK = 0.02
"""Seconds between two looks at who is still there."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger("dragoman.server")


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises `OSError` when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


class StartError(Exception):
    """The application could not start; the log says why."""


class HttpServer:
    """Serves one application on sockets that listen already.

    When it is stopped, the sockets are closed at once, and so are connections on which nothing is asked.
    Requests that have begun to come get their answers, within `shutdown_timeout()` seconds. Whoever is
    still being answered then is cancelled, which the application turns into an error of the client's
    format; whoever does not take that is cut off. `on_stop` is called when the stop begins.
    """

    def __init__(
        self,
        app: ASGIApp,
        shutdown_timeout: Callable[[], float],
        on_stop: Callable[[], None] = lambda: None,
        patience: Patience | None = None,
    ) -> None:
        self._app = app
        self._config = uvicorn.Config(
            app, http=HttpProtocol, ws="none", lifespan="on", interface="asgi3", log_config=None
        )
        self._shutdown_timeout = shutdown_timeout
        self._on_stop = on_stop
        self._patience = patience or Patience()
        self._shared: Connections | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_asked = False
        self._forced = False
        self._woken = asyncio.Event()
        self.started = False
        """Whether requests are served."""

    @property
    def connections(self) -> list[HttpProtocol]:
        """The connections that are open."""
        return [] if self._shared is None else list(self._shared.open)

    def run(self, sockets: Sequence[socket.socket]) -> None:
        """Serve in an event loop of its own, until stopped from elsewhere."""
        with asyncio.Runner(loop_factory=self.loop_factory()) as runner:
            runner.run(self.serve(sockets))

    def loop_factory(self) -> Callable[[], asyncio.AbstractEventLoop] | None:
        """What makes the event loop to serve in."""
        return self._config.get_loop_factory()

    async def serve(
        self, sockets: Sequence[socket.socket], on_start: Callable[[], None] = lambda: None
    ) -> None:
        """Serve until stopped. `on_start` is called when the first request can be answered. Raises
        `StartError`.
        """
        self._loop = asyncio.get_running_loop()
        if not self._config.loaded:
            self._config.load()
        lifespan = self._config.lifespan_class(self._config)
        await lifespan.startup()
        if lifespan.should_exit:
            raise StartError("The application could not start.")
        shared = self._shared = Connections(self._app, self._patience, self._loop)
        servers = [
            await self._loop.create_server(lambda: HttpProtocol(shared), sock=listener, backlog=BACKLOG)
            for listener in sockets
        ]
        self.started = True
        on_start()
        try:
            if not self._stop_asked:
                await self._woken.wait()
        finally:
            shared.stopping = True
            for server in servers:
                server.close()
            for listener in sockets:
                listener.close()
            self._on_stop()
        await self._see_off(shared)
        try:
            await asyncio.wait_for(lifespan.shutdown(), CLOSING)
        except TimeoutError:
            _log.warning("not everything was closed in time")

    def stop(self) -> None:
        """Stop in order. May be called from any thread, at any time, and more than once."""
        self._stop_asked = True
        self._wake()

    def force(self) -> None:
        """Stop without waiting for answers. May be called from any thread, at any time."""
        self._forced = True
        self.stop()

    def _wake(self) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended meanwhile
                self._loop.call_soon_threadsafe(self._woken.set)

    async def _see_off(self, shared: Connections) -> None:
        """Let everybody go: in order, then with an error, then without a word."""
        for connection in self.connections:
            connection.shutdown()
        if await self._gone(shared, self._shutdown_timeout(), unless_forced=True):
            return
        _log.warning("answers are broken off", answers=len(shared.tasks))
        for task in shared.tasks:
            task.cancel()
        if not await self._gone(shared, FAREWELL):
            for connection in self.connections:
                connection.transport.abort()
            await self._gone(shared, FAREWELL)

    async def _gone(self, shared: Connections, seconds: float, *, unless_forced: bool = False) -> bool:
        """Wait until nobody is there any more, but not longer than this; whether it is so."""
        until = time.monotonic() + seconds
        while shared.open or shared.tasks:
            if time.monotonic() >= until or (unless_forced and self._forced):
                return False
            await asyncio.sleep(_TICK)
        return True
