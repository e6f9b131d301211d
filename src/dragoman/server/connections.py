"""What all connections of a server have in common."""

import asyncio
from typing import TYPE_CHECKING

import msgspec
from starlette.types import ASGIApp

from dragoman.server.http_head import Clock
from dragoman.sockets.gathering import Gathering

if TYPE_CHECKING:
    from dragoman.server.http_protocol import HttpProtocol


class Patience(msgspec.Struct, frozen=True):
    """How long clients may take where the application does not look, in seconds."""

    head: float = 60.0
    """For the head of a request, from the connection's beginning or from its own first byte on; and for a
    body that nobody reads any more, from its answer on."""
    idle: float = 75.0
    """For the next request of a connection; longer than the pools of the usual clients keep it."""
    stall: float = 300.0
    """For taking more of an answer that has ended. Systems keep megabytes on the way, so that nothing seems
    to be taken for a while although it is."""
    first_words: float = 0.5
    """For the first request of a connection, from when the server is told to stop."""


class Connections:
    """What all connections of a server share."""

    def __init__(self, app: ASGIApp, patience: Patience, loop: asyncio.AbstractEventLoop) -> None:
        self.app = app
        self.patience = patience
        self.loop = loop
        self.gathering = Gathering(loop)
        self.clock = Clock()
        self.open: set[HttpProtocol] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        """What answers requests; also those of clients that have left meanwhile."""
        self.stopping = False
        """Whether connections end with the answer that they are waiting for."""
