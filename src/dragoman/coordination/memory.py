"""What this process alone remembers."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

MAX_BYTES = 64 * 1024 * 1024
"""Bytes of keys and values that are remembered unless said otherwise."""


class MemoryRecollection:
    """See `Recollection`. The entry that was used least recently makes room for a new one.

    Every entry is stored, found and dropped in constant time, so an expired one stays until it is
    asked for or its turn to make room has come. `clock` is in seconds.
    """

    def __init__(
        self,
        max_entries: int,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._clock = clock
        self._entries: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    async def get_many(self, keys: Sequence[str], /) -> list[bytes | None]:
        """See `Recollection.get_many`."""
        now = self._clock()
        return [self._get(key, now) for key in keys]

    async def put_many(self, items: Mapping[str, bytes], /, ttl: float) -> None:
        """See `Recollection.put_many`. A value that is too large by itself is not remembered."""
        expires = self._clock() + ttl
        for key, value in items.items():
            self._drop(key)
            if ttl > 0 and _size(key, value) <= self._max_bytes:
                self._entries[key] = (value, expires)
                self._bytes += _size(key, value)
                while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
                    self._drop(next(iter(self._entries)))

    async def close(self) -> None:
        """See `Recollection.close`."""
        self._entries.clear()
        self._bytes = 0

    def _get(self, key: str, now: float) -> bytes | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        value, expires = entry
        if expires <= now:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return value

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= _size(key, entry[0])


def _size(key: str, value: bytes) -> int:
    return len(key) + len(value)
