"""The end of a connection, as its server sees it."""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.upstream.conftest import Line

PROMPTLY = 1.0
"""Seconds within which the server must have seen it. It takes a few milliseconds; a busy machine gets
more, and a connection that is left to a timer or to the garbage collector is still found out."""


class Watched:
    """A server whose connections are watched for their end."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        """The server is where the test wants it to be."""
        self.gone = asyncio.Event()
        """The server saw the connection close."""
        self.drained = 0
        """Bytes that still came in between."""

    async def watch(self, line: "Line") -> None:
        self.reached.set()
        await line.gone()
        self.drained = line.drained
        self.gone.set()

    async def closed(self) -> None:
        await asyncio.wait_for(self.gone.wait(), PROMPTLY)
