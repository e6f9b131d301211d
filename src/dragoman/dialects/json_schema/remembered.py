"""Conversions of schemas that are remembered: a client sends the same tools with every turn."""

import functools
from collections.abc import Callable
from typing import TypeVar

from dragoman.conversation.loss import Loss

T = TypeVar("T")

Conversion = Callable[[bytes, str, list[Loss]], T]
"""Makes something of a schema at a JSON path, adds what is lost to a list, and depends on nothing else."""

LARGEST = 8192
"""Bytes of a schema that is remembered."""
MOST = 256
"""How many results of one conversion are remembered."""


def remembered(convert: Conversion[T]) -> Conversion[T]:
    """The same conversion, done once for each schema and path that come again and again."""

    @functools.lru_cache(maxsize=MOST)
    def converted(schema: bytes, path: str) -> tuple[T, tuple[Loss, ...]]:
        losses: list[Loss] = []
        return convert(schema, path, losses), tuple(losses)

    @functools.wraps(convert)
    def recalled(schema: bytes, path: str, losses: list[Loss]) -> T:
        if len(schema) > LARGEST:
            return convert(schema, path, losses)
        result, lost = converted(schema, path)
        losses += lost
        return result

    return recalled
