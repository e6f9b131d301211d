"""The two ends of an exchange as the gateway sees them: what a client asked, and how to answer it."""

from typing import Protocol

import msgspec

from dragoman.access.keys import KeyInfo
from dragoman.dialects.dialect import Dialect, Location


class Call(msgspec.Struct, frozen=True):
    """One client request, read to its last byte.

    `headers` are as HTTP servers give them: lower-case names, undecoded values. `key` says whose request
    it is: its name is for people, and what is kept for later belongs to its id. `request_id` is ours and
    goes back with the answer. `previous` is the id of the kept answer with whose conversation the body was
    completed.
    """

    dialect: Dialect
    location: Location
    body: bytes
    headers: list[tuple[bytes, bytes]]
    key: KeyInfo
    request_id: str
    previous: str | None = None


class Client(Protocol):
    """Where the answer goes. `respond` is the whole of it; else `start`, `write` and `finish`."""

    @property
    def started(self) -> bool:
        """Whether the client has been sent anything."""
        ...

    @property
    def left(self) -> bool:
        """Whether the client has gone away."""
        ...

    async def respond(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Send a whole answer."""
        ...

    async def start(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Send the head of a streamed answer."""
        ...

    async def write(self, data: bytes) -> None:
        """Send a piece of a streamed answer; waits while the client reads slowly. If that is cancelled,
        nothing of the piece has been sent.
        """
        ...

    async def finish(self) -> None:
        """End a streamed answer."""
        ...
