"""Answers that are kept for requests that go on from them, as `POST /v1/responses` has it."""

from typing import Protocol

import msgspec


class KeptResponse(msgspec.Struct, frozen=True):
    """One answer, and the request that it is the answer to.

    `key` is the id of the client's key. `created` and `expires` are in Unix seconds. `provider`
    says where the answer is held, when it is an upstream that holds it. `request` is the complete body
    and `answer` the answer's; the wire format whose they are knows how a conversation goes on from them.
    """

    id: str
    key: str
    created: float
    expires: float
    provider: str | None
    request: bytes
    answer: bytes


class ResponseStore(Protocol):
    """Kept answers by id and by the client's key: no client finds, replaces or deletes another's,
    not even under an id that both have.

    Every method raises `StoreError` when the store cannot be used. `now` is in Unix seconds.
    """

    async def put(self, response: KeptResponse, /) -> None:
        """Keep an answer, in place of one that the same key has under the same id."""
        ...

    async def get(self, response_id: str, key: str, now: float) -> KeptResponse | None:
        """The answer; None where there is none, or none of this key, or its time is over."""
        ...

    async def delete(self, response_id: str, key: str) -> bool:
        """Forget an answer. Whether there was one."""
        ...

    async def prune(self, now: float) -> int:
        """Forget every answer whose time is over. How many there were."""
        ...

    async def close(self) -> None:
        """Let go of the database, for good."""
        ...
