"""The seam for hints: short news for the other workers and nodes that hold for a while.

They may be lost, late or forgotten, so nothing may depend on them for being right.
"""

from collections.abc import Callable
from typing import Final, Never, Protocol

PAUSE: Final = 1.0
"""Seconds between two looks for what is new."""
LONGEST: Final = 400
"""Bytes of a hint; longer ones are not told."""

Hear = Callable[[str, float], None]
"""Is told a hint, and for how many seconds it still holds."""


class Hints(Protocol):
    """News among processes. No method raises because of what lies behind it."""

    def publish(self, about: str, seconds: float, /) -> None:
        """Tell the others something that holds for so many seconds. Does not wait for anything."""
        ...

    async def follow(self, hear: Hear, /) -> Never:
        """Tell what others have published, each once, until cancelled. Nothing is published but meanwhile."""
        ...

    async def close(self) -> None:
        """Let go of connections and files."""
        ...
