"""A mapping of bounded size: what was not used for longest goes first."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """Keeps the entries used last, at most `size` of them, and besides them only what is `busy`."""

    def __init__(self, size: int, busy: Callable[[Value], bool] | None = None) -> None:
        self._size = size
        self._busy = busy
        self._entries: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Value]:
        return iter(self._entries.values())

    def peek(self, key: Key) -> Value | None:
        """What stands under a key, without counting as use."""
        return self._entries.get(key)

    def use(self, key: Key) -> Value | None:
        """What stands under a key, which is now the most recently used."""
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def put(self, key: Key, value: Value) -> None:
        """Set an entry as the most recently used; what is too much goes."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._drop_oldest()

    def take(self, key: Key) -> Value | None:
        """Remove an entry, if it is there, and return it."""
        return self._entries.pop(key, None)

    def _drop_oldest(self) -> None:
        busy = self._busy
        oldest = next((key for key, value in self._entries.items() if busy is None or not busy(value)), None)
        if oldest is not None:
            del self._entries[oldest]
