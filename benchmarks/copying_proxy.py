"""The least that a gateway can do with a large request: read it to its end, since the model's name may be
there, and send the same bytes on. What more a gateway takes than this is its own.
"""

import argparse
import asyncio
from typing import cast

import uvloop
from typing_extensions import override

from benchmarks.expectation import Progress


class Side(asyncio.Protocol):
    """One connection, whose messages go to another as they are, once they are there as a whole."""

    def __init__(self, other: "Side | None" = None) -> None:
        self.other = other
        self.transport: asyncio.Transport | None = None
        self._progress = Progress()
        self._early: list[bytes] = []

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send what has come before there was a connection."""
        self.transport = cast("asyncio.Transport", transport)
        for message in self._early:
            self.transport.write(message)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Close the other as well."""
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()

    @override
    def data_received(self, data: bytes) -> None:
        """Send a message on when it is complete."""
        if self._progress.add(data) and self.other is not None:
            self.other.send(self._progress.taken())

    def send(self, message: bytes) -> None:
        """Send a message, now or as soon as there is a connection."""
        if self.transport is None:
            self._early.append(message)
        else:
            self.transport.write(message)


class ClientSide(Side):
    """A client's connection, for which one to the upstream is opened."""

    def __init__(self, upstream: int) -> None:
        super().__init__()
        self._upstream = upstream

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connect to the upstream."""
        super().connection_made(transport)
        self.other = other = Side(self)
        loop = asyncio.get_running_loop()
        self._connecting = loop.create_task(
            loop.create_connection(lambda: other, "127.0.0.1", self._upstream)
        )


async def main() -> None:
    """Serve until killed."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--upstream", type=int, required=True)
    given = arguments.parse_args()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: ClientSide(given.upstream), "127.0.0.1", given.port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
