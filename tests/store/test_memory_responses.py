"""The bound of what is kept without a file."""

import msgspec
import pytest

from dragoman.store.memory_responses import MemoryResponses
from dragoman.store.responses import KeptResponse

pytestmark = pytest.mark.anyio


def response(number: int, size: int) -> KeptResponse:
    return KeptResponse(f"resp_{number}", "key", 0, 10, None, bytes(size - 1), b"a")


async def test_the_oldest_answers_make_room() -> None:
    store = MemoryResponses(max_bytes=100)
    for number in range(4):
        await store.put(response(number, 40))
    assert [await store.get(f"resp_{number}", "key", 5) is not None for number in range(4)] == [
        False,
        False,
        True,
        True,
    ]
    await store.delete("resp_2", "key")
    await store.put(response(5, 60))
    assert await store.get("resp_3", "key", 5) is not None


async def test_one_that_is_too_large_pushes_nothing_out_but_the_one_that_it_would_replace() -> None:
    store = MemoryResponses(max_bytes=100)
    await store.put(response(1, 40))
    await store.put(response(2, 40))
    await store.put(msgspec.structs.replace(response(1, 40), answer=bytes(100)))
    assert await store.get("resp_1", "key", 5) is None
    assert await store.get("resp_2", "key", 5) is not None
