"""The bounds of what one process remembers."""

import pytest

from dragoman.coordination.memory import MemoryRecollection

pytestmark = pytest.mark.anyio


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_the_entry_used_least_recently_makes_room() -> None:
    memory = MemoryRecollection(2)
    await memory.put_many({"a": b"1", "b": b"2"}, ttl=60)
    await memory.get_many(["a"])
    await memory.put_many({"c": b"3"}, ttl=60)
    assert await memory.get_many(["a", "b", "c"]) == [b"1", None, b"3"]
    assert len(memory) == 2


async def test_writing_an_entry_again_is_using_it() -> None:
    memory = MemoryRecollection(2)
    await memory.put_many({"a": b"1", "b": b"2"}, ttl=60)
    await memory.put_many({"a": b"new"}, ttl=60)
    await memory.put_many({"c": b"3"}, ttl=60)
    assert await memory.get_many(["a", "b", "c"]) == [b"new", None, b"3"]


async def test_bytes_are_bounded_too() -> None:
    memory = MemoryRecollection(100, max_bytes=30)
    await memory.put_many({"a": b"x" * 9, "b": b"x" * 9, "c": b"x" * 9}, ttl=60)
    await memory.put_many({"a": b"y" * 10}, ttl=60)
    assert await memory.get_many(["a", "b", "c"]) == [b"y" * 10, None, b"x" * 9]
    await memory.put_many({"a": b"", "c": b""}, ttl=60)
    await memory.put_many({"d": b"z" * 27}, ttl=60)
    assert await memory.get_many(["a", "c", "d"]) == [b"", b"", b"z" * 27]


async def test_what_is_too_large_by_itself_pushes_nothing_out() -> None:
    memory = MemoryRecollection(100, max_bytes=30)
    await memory.put_many({"a": b"1"}, ttl=60)
    await memory.put_many({"b": b"x" * 30}, ttl=60)
    assert await memory.get_many(["a", "b"]) == [b"1", None]


async def test_room_for_nothing_remembers_nothing() -> None:
    memory = MemoryRecollection(0)
    await memory.put_many({"a": b"1"}, ttl=60)
    assert await memory.get_many(["a"]) == [None]
    assert len(memory) == 0


async def test_an_entry_ends_with_its_last_moment_and_is_dropped() -> None:
    clock = Clock()
    memory = MemoryRecollection(10, clock=clock)
    await memory.put_many({"a": b"1"}, ttl=10)
    clock.now = 9.9
    assert await memory.get_many(["a"]) == [b"1"]
    clock.now = 10.0
    assert await memory.get_many(["a"]) == [None]
    assert len(memory) == 0


async def test_closing_forgets_everything() -> None:
    memory = MemoryRecollection(10)
    await memory.put_many({"a": b"1"}, ttl=60)
    await memory.close()
    assert await memory.get_many(["a"]) == [None]
