"""Kept answers of `POST /v1/responses`."""

from typing import Protocol

import msgspec


class KeptResponse(msgspec.Struct, frozen=True):
    """One answer, or where an upstream keeps it. Times are in Unix seconds.

    `key` is the name of the client's key: nobody else may read it. `provider` is set, and the texts are
    empty, where the upstream of that name keeps the answer itself. `request` is a complete body,
    `history` what a next request has to begin with.
    """

    id: str
    key: str
    created: float
    expires: float
    provider: str | None = None
    model: str | None = None
    request: bytes = b""
    answer: bytes = b""
    history: bytes = b""


class ResponseStore(Protocol):
    """Where answers are kept."""

    async def put(self, response: KeptResponse) -> None:
        """Keep an answer, in place of one with the same id."""
        ...

    async def get(self, identity: str, key: str, now: float) -> KeptResponse | None:
        """An answer of this key; None where there is none, or not any more."""
        ...

    async def delete(self, identity: str, key: str) -> bool:
        """Keep an answer no longer; whether it was there."""
        ...

    async def prune(self, now: float) -> None:
        """Let go of what has expired."""
        ...


class MemoryResponseStore:
    """A `ResponseStore` in this process: gone when it ends."""

    def __init__(self) -> None:
        self._kept: dict[str, KeptResponse] = {}

    async def put(self, response: KeptResponse) -> None:
        """Keep an answer, in place of one with the same id."""
        self._kept[response.id] = response

    async def get(self, identity: str, key: str, now: float) -> KeptResponse | None:
        """An answer of this key; None where there is none, or not any more."""
        kept = self._kept.get(identity)
        return kept if kept is not None and kept.key == key and kept.expires > now else None

    async def delete(self, identity: str, key: str) -> bool:
        """Keep an answer no longer; whether it was there."""
        kept = self._kept.get(identity)
        if kept is None or kept.key != key:
            return False
        del self._kept[identity]
        return True

    async def prune(self, now: float) -> None:
        """Let go of what has expired."""
        for identity in [one.id for one in self._kept.values() if one.expires <= now]:
            del self._kept[identity]
