"""The seam for what is remembered for a while: a bounded map from keys to bytes.

It may forget anything at any time, so nothing may depend on it for being right. Being able to go on
without it is what lets it answer fast, whatever happens to the machinery behind it.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol


class Recollection(Protocol):
    """Bytes by their keys, each for a limited time. No method raises because of what lies behind it."""

    async def get_many(self, keys: Sequence[str], /) -> list[bytes | None]:
        """What is remembered under each key, in their order; None where nothing is."""
        ...

    async def put_many(self, items: Mapping[str, bytes], /, ttl: float) -> None:
        """Remember these for `ttl` seconds, in place of what the keys stood for; without any time to
        live, nothing is remembered.
        """
        ...

    async def close(self) -> None:
        """Let go of every connection. What comes after finds nothing."""
        ...
