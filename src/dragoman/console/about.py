"""What the management API says of itself."""

from collections.abc import Sequence

import msgspec

from dragoman import __version__
from dragoman.console.openapi import document
from dragoman.console.opening import BASE
from dragoman.console.operation import Answer, Asked, Operation


class Place(msgspec.Struct, frozen=True):
    """One operation."""

    method: str
    """The HTTP method."""
    path: str
    """The path, with `{name}` for what has to be filled in."""
    summary: str
    """What it does."""


class Index(msgspec.Struct, frozen=True):
    """What there is."""

    version: str
    """The gateway's version."""
    document: str
    """Where everything is described (OpenAPI 3.1)."""
    operations: tuple[Place, ...]
    """What can be asked."""


class About:
    """The operations that describe the others."""

    def __init__(self, others: Sequence[Operation]) -> None:
        self._operations = [*self._own(), *others]
        self._document: bytes | None = None

    def operations(self) -> list[Operation]:
        """All operations, the others included."""
        return self._operations

    def _own(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path="/",
                name="index",
                summary="List what can be asked",
                run=self.index,
                answer=Index,
                answer_example=Index(
                    __version__, f"{BASE}/openapi.json", (Place("GET", f"{BASE}/keys", "List keys"),)
                ),
            ),
            Operation(
                method="GET",
                path="/openapi.json",
                name="showDocument",
                summary="Describe everything (OpenAPI 3.1)",
                run=self.describe,
                media_types=("application/json",),
            ),
        ]

    async def index(self, _asked: Asked) -> Answer:
        """`GET /`."""
        places = tuple(Place(one.method, BASE + one.path, one.summary) for one in self._operations)
        return Answer(Index(__version__, f"{BASE}/openapi.json", places))

    async def describe(self, _asked: Asked) -> Answer:
        """`GET /openapi.json`."""
        if self._document is None:
            self._document = msgspec.json.encode(document(self._operations))
        return Answer(self._document)
