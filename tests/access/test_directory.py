"""The virtual keys of a store in the memory of a process."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Protocol

import msgspec
import pytest
from structlog.testing import capture_logs

from dragoman.access.directory import KeyDirectory
from dragoman.access.holder import Budget, Holder, Limit
from dragoman.access.issuing import Issuing, KeyChange, NewKey, TeamChange
from dragoman.access.keys import KeyRing
from dragoman.access.secret import KeySecret, new_virtual_key
from dragoman.config.allowance import BudgetSettings, KeyRules, LimitSettings, TeamSettings
from dragoman.store.error import StoreError
from dragoman.store.keys import Changes, KeyHash, KeyStore, StoredKey

pytestmark = pytest.mark.anyio


class Clock(Protocol):
    """See `conftest.Clock`."""

    now: float

    def __call__(self) -> float: ...


@pytest.fixture
async def directory(store: KeyStore, secret: KeySecret, clock: Clock) -> AsyncIterator[KeyDirectory]:
    """A directory that has not looked into its store yet."""
    directory = KeyDirectory(store, lambda: secret, clock)
    yield directory
    await directory.close()


async def test_a_key_is_known_after_a_look_with_all_that_holds_for_it(
    issuing: Issuing, directory: KeyDirectory, clock: Clock
) -> None:
    rules = KeyRules(
        max_concurrent=2,
        limits=(LimitSettings(tokens=10, per="day"),),
        budgets=(BudgetSettings(1.5),),
        tags=("gold",),
        routes=("gpt-*",),
        priority=3,
    )
    team = await issuing.create_team("research", TeamSettings(max_concurrent=5))
    issued = await issuing.create_key(NewKey("alice", "Alice", "research", rules, clock.now + 60))
    assert directory.find(issued.text) is None
    assert await directory.catch_up()
    info = directory.find(issued.text)
    assert info is not None
    assert (info.id, info.name, info.owner) == (issued.key.id, "alice", "Alice")
    assert (info.team_id, info.team_name) == (team.id, "research")
    assert (info.tags, info.routes, info.priority) == (("gold",), ("gpt-*",), 3)
    assert (info.expires, info.disabled) == (clock.now + 60, False)
    assert info.holders == (
        Holder("key", info.id, "alice", (Limit("tokens", 10, 86_400),), (Budget(1_500_000_000, "month"),), 2),
        Holder("team", team.id, "research", max_concurrent=5),
    )
    assert len(directory) == 1


async def test_an_unknown_key_is_looked_for_in_the_store(issuing: Issuing, directory: KeyDirectory) -> None:
    issued = await issuing.create_key(NewKey("alice"))
    found = await directory.seek(issued.text)
    assert found is not None
    assert found.name == "alice"
    assert await directory.seek(new_virtual_key()) is None


async def test_what_cannot_be_a_virtual_key_costs_no_look(secret: KeySecret) -> None:
    store = Counting()
    directory = KeyDirectory(store, lambda: secret)
    for text in ("sk-other", "", "sk-dr-", "'; DROP TABLE keys; --", "\x00", "\ud800"):
        assert await directory.seek(text) is None
    assert store.asked == []


async def test_a_key_that_is_disabled_or_has_expired_is_still_known(
    issuing: Issuing, directory: KeyDirectory, clock: Clock
) -> None:
    issued = await issuing.create_key(NewKey("alice", expires=clock.now + 5))
    await issuing.disable_key("alice")
    await directory.catch_up()
    clock.now += 10
    info = directory.find(issued.text)
    assert info is not None
    assert info.disabled
    assert info.expires == clock.now - 5
    await issuing.enable_key("alice")
    await directory.catch_up()
    info = directory.find(issued.text)
    assert info is not None
    assert not info.disabled


async def test_a_deleted_key_is_unknown(issuing: Issuing, directory: KeyDirectory) -> None:
    issued = await issuing.create_key(NewKey("alice"))
    await directory.catch_up()
    await issuing.delete_key("alice")
    assert directory.find(issued.text) is not None
    await directory.catch_up()
    assert directory.find(issued.text) is None
    assert len(directory) == 0


async def test_a_rotated_key_opens_with_both_texts_until_the_old_one_ends(
    issuing: Issuing, directory: KeyDirectory, clock: Clock
) -> None:
    old = await issuing.create_key(NewKey("alice"))
    new = await issuing.rotate_key("alice", overlap=60)
    await directory.catch_up()
    clock.now += 59.9
    assert directory.find(old.text) == directory.find(new.text) is not None
    clock.now += 0.1
    assert directory.find(old.text) is None
    assert directory.find(new.text) is not None


async def test_without_an_overlap_the_old_text_ends_at_once(
    issuing: Issuing, directory: KeyDirectory
) -> None:
    old = await issuing.create_key(NewKey("alice"))
    await directory.catch_up()
    new = await issuing.rotate_key("alice")
    await directory.catch_up()
    assert directory.find(old.text) is None
    assert directory.find(new.text) is not None


async def test_a_change_of_a_team_holds_for_its_keys_at_once(
    issuing: Issuing, directory: KeyDirectory
) -> None:
    await issuing.create_team("research", TeamSettings())
    rules = KeyRules(max_concurrent=1)
    issued = await issuing.create_key(NewKey("alice", team="research", rules=rules))
    await directory.catch_up()
    await issuing.change_team("research", TeamChange("science", TeamSettings(max_concurrent=7)))
    await directory.catch_up()
    info = directory.find(issued.text)
    assert info is not None
    assert info.team_name == "science"
    assert [(one.kind, one.max_concurrent) for one in info.holders] == [("key", 1), ("team", 7)]
    await issuing.delete_team("science", force=True)
    await directory.catch_up()
    info = directory.find(issued.text)
    assert info is not None
    assert (info.team_id, info.team_name) == ("", "")
    assert [one.kind for one in info.holders] == ["key"]


async def test_a_key_that_moves_takes_on_the_rules_of_its_new_team(
    issuing: Issuing, directory: KeyDirectory
) -> None:
    for number, name in enumerate(("one", "two"), 1):
        await issuing.create_team(name, TeamSettings(max_concurrent=number))
    issued = await issuing.create_key(NewKey("alice", team="one"))
    await directory.catch_up()
    await issuing.change_key("alice", KeyChange(team="two"))
    await directory.catch_up()
    info = directory.find(issued.text)
    assert info is not None
    assert [(one.name, one.max_concurrent) for one in info.holders] == [("two", 2)]


async def test_every_change_is_seen_within_two_seconds_by_who_follows(
    issuing: Issuing, directory: KeyDirectory
) -> None:
    issued = await issuing.create_key(NewKey("alice"))
    following = asyncio.create_task(directory.follow())
    try:
        await _until(lambda: directory.find(issued.text) is not None)
        await issuing.delete_key("alice")
        began = time.monotonic()
        await _until(lambda: directory.find(issued.text) is None)
        assert time.monotonic() - began < 2
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following


async def test_a_ring_knows_its_own_keys_and_those_of_the_directory(
    issuing: Issuing, directory: KeyDirectory
) -> None:
    issued = await issuing.create_key(NewKey("alice"))
    ring = KeyRing.of(["sk-one"]).with_directory(directory)
    assert ring.verify("sk-one") is not None
    assert ring.verify(issued.text) is None
    found = await ring.seek(issued.text)
    assert found is not None
    assert ring.verify(issued.text) == found
    assert await ring.seek(None) is None
    assert await ring.seek("") is None
    assert await ring.seek("sk-two") is None
    again = KeyRing.of(["sk-two"]).with_directory(directory)  # as after another reading of the file
    assert again.verify(issued.text) == found


class Counting:
    """A store that counts how often it is asked, and can be away."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.changed = Changes(0, (), ())
        self.away = False
        self.agrees = True
        self.delay = 0.0

    async def changes(self, since: int) -> Changes:
        self.asked.append(since)
        await asyncio.sleep(self.delay)
        if self.away:
            raise StoreError("The database is away.")
        return self.changed if self.changed.revision > since else Changes(self.changed.revision, (), ())

    async def agree_on_secret(self, fingerprint: str) -> bool:
        return self.agrees and bool(fingerprint)


def a_key(secret: KeySecret, text: str) -> StoredKey:
    opening = (KeyHash(secret.digest(text).hex(), 1.0),)
    return StoredKey("key_1", "alice", "", None, KeyRules(), False, None, 1.0, 1.0, hashes=opening)


async def test_a_flood_of_unknown_keys_costs_a_few_looks(secret: KeySecret) -> None:
    store = Counting()
    directory = KeyDirectory(store, lambda: secret)
    await directory.catch_up()
    began = time.monotonic()
    for _ in range(3):
        found = await asyncio.gather(*(directory.seek(new_virtual_key()) for _ in range(200)))
        assert found == [None] * 200
    took = time.monotonic() - began
    assert len(store.asked) <= 2 + took / 0.05


async def test_a_look_that_began_before_the_question_does_not_answer_it(secret: KeySecret) -> None:
    store = Counting()
    store.delay = 0.1
    directory = KeyDirectory(store, lambda: secret)
    early = asyncio.create_task(directory.catch_up())
    await asyncio.sleep(0.05)
    text = new_virtual_key()
    answer = asyncio.create_task(directory.seek(text))
    store.changed = Changes(1, (a_key(secret, text),), ())
    assert await answer is not None
    await early


async def test_while_the_store_is_away_known_keys_open_and_unknown_ones_are_not_refused(
    secret: KeySecret,
) -> None:
    store = Counting()
    text = new_virtual_key()
    store.changed = Changes(1, (a_key(secret, text),), ())
    directory = KeyDirectory(store, lambda: secret)
    assert await directory.catch_up()
    store.away = True
    with capture_logs() as logs:
        for _ in range(3):
            assert not await directory.catch_up()
        with pytest.raises(StoreError):
            await directory.seek(new_virtual_key())
        assert await directory.seek(text) is not None
    assert [one["log_level"] for one in logs] == ["warning"]
    store.away = False
    with capture_logs() as logs:
        assert await directory.catch_up()
        assert await directory.catch_up()
    assert [one["log_level"] for one in logs] == ["info"]


async def test_who_follows_survives_a_store_that_is_away(secret: KeySecret) -> None:
    store = Counting()
    store.away = True
    directory = KeyDirectory(store, lambda: secret)
    following = asyncio.create_task(directory.follow())
    try:
        await _until(lambda: len(store.asked) >= 2)
        text = new_virtual_key()
        store.changed = Changes(1, (a_key(secret, text),), ())
        store.away = False
        await _until(lambda: directory.find(text) is not None)
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following


async def test_a_caller_that_leaves_takes_nobody_elses_look_away(secret: KeySecret) -> None:
    store = Counting()
    store.delay = 0.05
    directory = KeyDirectory(store, lambda: secret)
    first, second = (asyncio.create_task(directory.catch_up()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second
    with pytest.raises(asyncio.CancelledError):
        await first
    assert len(store.asked) == 1


async def test_after_a_store_is_restored_only_its_own_keys_open(secret: KeySecret) -> None:
    store = Counting()
    old, new = new_virtual_key(), new_virtual_key()
    store.changed = Changes(7, (a_key(secret, old),), ())
    directory = KeyDirectory(store, lambda: secret)
    await directory.catch_up()
    restored = msgspec.structs.replace(a_key(secret, new), id="key_2")
    store.changed = Changes(3, (restored,), ())
    await directory.catch_up()
    assert directory.find(old) is None
    assert directory.find(new) is not None


@pytest.mark.parametrize("known", [True, False])
async def test_keys_of_another_secret_open_nothing_and_it_is_said(secret: KeySecret, known: bool) -> None:
    store = Counting()
    text = new_virtual_key()
    store.changed = Changes(1, (a_key(secret, text),), ())
    store.agrees = False
    directory = KeyDirectory(store, lambda: secret if known else None)
    with capture_logs() as logs:
        assert not await directory.catch_up()
        assert not await directory.catch_up()
    assert directory.find(text) is None
    [warning] = logs
    assert "set [auth] secret to the same value on every gateway that shares this store" in warning["error"]
    assert text not in str(logs)


async def test_many_keys_are_taken_over_without_holding_anybody_up(secret: KeySecret) -> None:
    keys = tuple(
        StoredKey(
            f"key_{number}",
            f"name {number}",
            "",
            None,
            KeyRules(),
            False,
            None,
            1.0,
            1.0,
            hashes=(KeyHash(f"{number:064x}", 1.0),),
        )
        for number in range(10_000)
    )
    store = Counting()
    store.changed = Changes(1, keys, ())
    directory = KeyDirectory(store, lambda: secret)
    looking = asyncio.create_task(directory.catch_up())
    turns = 0
    while not looking.done():
        await asyncio.sleep(0)
        turns += 1
    assert len(directory) == 10_000
    assert turns >= 20


async def _until(holds: Callable[[], bool]) -> None:
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0.02)
    pytest.fail("It never came.")
