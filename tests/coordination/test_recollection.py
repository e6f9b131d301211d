"""What every recollection promises, in one process and through a server."""

import asyncio
from typing import Protocol

import pytest

from dragoman.coordination.recollection import Recollection

pytestmark = pytest.mark.anyio


class Pair(Protocol):
    @property
    def writer(self) -> Recollection: ...
    @property
    def reader(self) -> Recollection: ...


async def test_values_are_found_under_their_keys_and_in_the_order_asked_for(pair: Pair) -> None:
    await pair.writer.put_many({"a": b"1", "b": b"2"}, ttl=60)
    assert await pair.reader.get_many(["b", "c", "a", "b"]) == [b"2", None, b"1", b"2"]


async def test_no_keys_and_no_items_are_fine(pair: Pair) -> None:
    await pair.writer.put_many({}, ttl=60)
    assert await pair.reader.get_many([]) == []


async def test_any_key_and_any_bytes_survive(pair: Pair) -> None:
    items = {"": b"", "schlüssel \u2028 mit\r\n*1": bytes(range(256)), "large": b"x" * 1_000_000}
    await pair.writer.put_many(items, ttl=60)
    assert await pair.reader.get_many(list(items)) == list(items.values())


async def test_a_new_value_takes_the_place_of_the_old_one(pair: Pair) -> None:
    await pair.writer.put_many({"a": b"old"}, ttl=60)
    await pair.writer.put_many({"a": b"new"}, ttl=60)
    assert await pair.reader.get_many(["a"]) == [b"new"]


async def test_a_value_is_forgotten_after_its_time(pair: Pair) -> None:
    await pair.writer.put_many({"short": b"1"}, ttl=0.05)
    await pair.writer.put_many({"long": b"2"}, ttl=60)
    await asyncio.sleep(0.1)
    assert await pair.reader.get_many(["short", "long"]) == [None, b"2"]
    assert await pair.writer.get_many(["short", "long"]) == [None, b"2"]


@pytest.mark.parametrize("ttl", [0, -1])
async def test_without_time_to_live_nothing_is_remembered_not_even_what_was_there(
    pair: Pair, ttl: float
) -> None:
    await pair.writer.put_many({"a": b"old"}, ttl=60)
    await pair.writer.put_many({"a": b"new"}, ttl=ttl)
    assert await pair.reader.get_many(["a"]) == [None]


async def test_many_callers_at_once_get_what_is_theirs(pair: Pair) -> None:
    async def caller(number: int) -> None:
        await pair.writer.put_many({f"key {number}": b"%d" % number}, ttl=60)
        assert await pair.reader.get_many([f"key {number}"]) == [b"%d" % number]

    await asyncio.gather(*(caller(number) for number in range(200)))


async def test_after_the_end_nothing_fails(pair: Pair) -> None:
    await pair.writer.put_many({"a": b"1"}, ttl=60)
    await pair.reader.close()
    await pair.reader.close()
    await pair.reader.put_many({"b": b"2"}, ttl=60)
    assert (await pair.reader.get_many(["a"])) == [None]
