"""Kept answers in this process, for gateways without a file."""

from collections import OrderedDict

from dragoman.store.responses import KeptResponse

MAX_BYTES = 256 * 1024 * 1024
"""Bytes of bodies that are kept unless said otherwise."""


class MemoryResponses:
    """See `ResponseStore`. The oldest answers make room for new ones."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._responses: OrderedDict[tuple[str, str], KeptResponse] = OrderedDict()
        self._bytes = 0

    async def put(self, response: KeptResponse, /) -> None:
        """See `ResponseStore.put`. One that is too large by itself is not kept."""
        self._drop(response.id, response.key)
        if _size(response) > self._max_bytes:
            return
        self._responses[response.id, response.key] = response
        self._bytes += _size(response)
        while self._bytes > self._max_bytes:
            self._drop(*next(iter(self._responses)))

    async def get(self, response_id: str, key: str, now: float) -> KeptResponse | None:
        """See `ResponseStore.get`."""
        response = self._responses.get((response_id, key))
        return response if response is not None and response.expires > now else None

    async def delete(self, response_id: str, key: str) -> bool:
        """See `ResponseStore.delete`."""
        return self._drop(response_id, key)

    async def prune(self, now: float) -> int:
        """See `ResponseStore.prune`."""
        expired = [place for place, response in self._responses.items() if response.expires <= now]
        for place in expired:
            self._drop(*place)
        return len(expired)

    async def close(self) -> None:
        """See `ResponseStore.close`."""
        self._responses.clear()
        self._bytes = 0

    def _drop(self, response_id: str, key: str) -> bool:
        response = self._responses.pop((response_id, key), None)
        if response is None:
            return False
        self._bytes -= _size(response)
        return True


def _size(response: KeptResponse) -> int:
    return len(response.request) + len(response.answer)
