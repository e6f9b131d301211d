"""What every store of kept answers promises."""

import asyncio

import msgspec
import pytest

from dragoman.store.responses import KeptResponse, ResponseStore

pytestmark = pytest.mark.anyio

RESPONSE = KeptResponse(
    id="resp_1",
    key="key 1",
    created=1_700_000_000.25,
    expires=1_700_000_100.5,
    provider=None,
    request=b'{"input":"gr\xc3\xb6\xc3\x9fe"}',
    answer=bytes(range(256)),
)
NOW = 1_700_000_050.0


def response(number: int, **changes: str | float) -> KeptResponse:
    return msgspec.structs.replace(RESPONSE, id=f"resp_{number}", **changes)


async def test_a_kept_answer_is_found_as_it_was(store: ResponseStore) -> None:
    elsewhere = response(2, provider="openai")
    await store.put(RESPONSE)
    await store.put(elsewhere)
    assert await store.get("resp_1", "key 1", NOW) == RESPONSE
    assert await store.get("resp_2", "key 1", NOW) == elsewhere


async def test_an_answer_that_nobody_kept_is_not_found(store: ResponseStore) -> None:
    assert await store.get("resp_1", "key 1", NOW) is None
    assert await store.delete("resp_1", "key 1") is False
    assert await store.prune(NOW) == 0


async def test_another_key_finds_and_deletes_nothing(store: ResponseStore) -> None:
    await store.put(RESPONSE)
    assert await store.get("resp_1", "key 2", NOW) is None
    assert await store.delete("resp_1", "key 2") is False
    assert await store.get("resp_1", "key 1", NOW) == RESPONSE


async def test_two_keys_may_each_have_an_answer_with_the_same_id(store: ResponseStore) -> None:
    theirs = msgspec.structs.replace(RESPONSE, key="key 2", answer=b"theirs")
    await store.put(RESPONSE)
    await store.put(theirs)
    assert await store.get("resp_1", "key 1", NOW) == RESPONSE
    assert await store.get("resp_1", "key 2", NOW) == theirs


async def test_an_answer_ends_with_its_last_moment(store: ResponseStore) -> None:
    await store.put(RESPONSE)
    assert await store.get("resp_1", "key 1", 1_700_000_100.25) == RESPONSE
    assert await store.get("resp_1", "key 1", 1_700_000_100.5) is None


async def test_an_answer_with_the_same_id_and_key_takes_the_others_place(store: ResponseStore) -> None:
    again = msgspec.structs.replace(RESPONSE, answer=b"new", expires=RESPONSE.expires + 100)
    await store.put(RESPONSE)
    await store.put(again)
    assert await store.get("resp_1", "key 1", RESPONSE.expires) == again


async def test_a_deleted_answer_is_gone_and_no_other(store: ResponseStore) -> None:
    await store.put(RESPONSE)
    await store.put(response(2))
    assert await store.delete("resp_1", "key 1") is True
    assert await store.delete("resp_1", "key 1") is False
    assert await store.get("resp_1", "key 1", NOW) is None
    assert await store.get("resp_2", "key 1", NOW) == response(2)


async def test_pruning_forgets_what_is_over_and_nothing_else(store: ResponseStore) -> None:
    for number in range(230):  # more than are forgotten at a time
        await store.put(response(number, expires=NOW - 1 if number % 9 else NOW + 1))
    await store.put(response(1000, expires=NOW))
    assert await store.prune(NOW) == 205
    assert await store.prune(NOW) == 0
    assert await store.get("resp_9", "key 1", NOW - 10) is not None
    assert await store.get("resp_10", "key 1", NOW - 10) is None
    assert await store.get("resp_1000", "key 1", NOW - 10) is None


@pytest.mark.parametrize("text", ["", "'; DROP TABLE responses; --", "ö\u2028\x00 🙂", "x" * 10_000])
async def test_any_id_and_any_key_are_only_text(store: ResponseStore, text: str) -> None:
    odd = msgspec.structs.replace(RESPONSE, id=text, key=text, provider=text)
    await store.put(odd)
    await store.put(RESPONSE)
    assert await store.get(text, text, NOW) == odd
    assert await store.delete(text, text) is True
    assert await store.get("resp_1", "key 1", NOW) == RESPONSE


async def test_large_bodies_are_kept_whole(store: ResponseStore) -> None:
    large = msgspec.structs.replace(RESPONSE, request=bytes(5_000_000), answer=b"x" * 5_000_000)
    await store.put(large)
    assert await store.get("resp_1", "key 1", NOW) == large


async def test_many_at_once_get_what_is_theirs(store: ResponseStore) -> None:
    async def client(number: int) -> None:
        mine = response(number, key=f"key {number}")
        await store.put(mine)
        assert await store.get(mine.id, mine.key, NOW) == mine
        assert await store.delete(mine.id, mine.key) is True

    await asyncio.gather(*(client(number) for number in range(40)))


async def test_a_cancelled_caller_leaves_the_store_usable(store: ResponseStore) -> None:
    await store.put(RESPONSE)
    for pause in (0, 0.0005, 0.001):
        tasks = [asyncio.create_task(store.put(response(number))) for number in range(2, 12)]
        await asyncio.sleep(pause)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert await store.get("resp_1", "key 1", NOW) == RESPONSE
    await store.put(response(2, provider="later"))
    assert await store.get("resp_2", "key 1", NOW) == response(2, provider="later")


async def test_what_a_cancelled_caller_began_is_kept(store: ResponseStore) -> None:
    await store.put(RESPONSE)
    task = asyncio.create_task(store.put(response(2)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    for _ in range(200):
        if await store.get("resp_2", "key 1", NOW) is not None:
            break
        await asyncio.sleep(0.01)
    assert await store.get("resp_2", "key 1", NOW) == response(2)


async def test_closing_twice_is_fine(store: ResponseStore) -> None:
    await store.put(RESPONSE)
    await store.close()
    await store.close()
