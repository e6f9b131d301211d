"""Keys and teams in the database: the same on SQLite and on Postgres."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import update

from dragoman.config.allowance import BudgetSettings, KeyRules, LimitSettings, TeamSettings
from dragoman.config.secret import Secret
from dragoman.store import database_keys
from dragoman.store.database_keys import DatabaseKeys
from dragoman.store.engine import Database
from dragoman.store.error import StoreError
from dragoman.store.keys import (
    Changes,
    KeyHash,
    KeyStore,
    NameTakenError,
    NoTeamError,
    StoredKey,
    StoredTeam,
    TeamInUseError,
)
from dragoman.store.opening import FILE, SharedDatabase, open_database
from dragoman.store.shared_keys import SharedKeys
from dragoman.store.tables import KEYS

pytestmark = pytest.mark.anyio

RULES = KeyRules(
    max_concurrent=4,
    limits=(LimitSettings(requests=5), LimitSettings(cost=2.5, per="day")),
    budgets=(BudgetSettings(50.0, "month", "Europe/Berlin"),),
    tags=("gold",),
    routes=("gpt-*", "anthropic/*"),
    priority=-3,
)


def a_key(number: int = 1, **fields: object) -> StoredKey:
    key = StoredKey(
        id=f"key_{number:016x}",
        name=f"name {number}",
        owner="Älice 🎈",
        team=None,
        rules=RULES,
        disabled=False,
        expires=None,
        created=1000.0 + number,
        updated=1000.0 + number,
        hashes=(KeyHash(f"{number:064x}", 1000.0),),
    )
    return msgspec.structs.replace(key, **fields)


def a_team(number: int = 1, **fields: object) -> StoredTeam:
    rules = TeamSettings(limits=(LimitSettings(tokens=10),))
    team = StoredTeam(f"team_{number:016x}", f"team {number}", rules, created=1.0, updated=2.0)
    return msgspec.structs.replace(team, **fields)


async def put(store: KeyStore, key: StoredKey) -> StoredKey:
    kept = await store.put_key(key)
    assert kept is not None
    return kept


async def put_team(store: KeyStore, team: StoredTeam) -> StoredTeam:
    kept = await store.put_team(team)
    assert kept is not None
    return kept


async def all_changes(store: KeyStore, since: int = 0) -> list[Changes]:
    steps: list[Changes] = []
    while not steps or steps[-1].more:
        steps.append(await store.changes(steps[-1].revision if steps else since))
    return steps


async def test_a_key_comes_back_as_it_was_put(database: Database) -> None:
    store = DatabaseKeys(database)
    team = await put_team(store, a_team())
    key = await put(store, a_key(team=team.id, expires=5.5, disabled=True))
    assert key == a_key(team=team.id, expires=5.5, disabled=True, revision=2)
    assert await store.key(key.id) == await store.key("name 1") == key
    assert await store.keys() == [key]
    assert await store.changes(0) == Changes(2, (key,), (team,))


async def test_what_is_not_there_is_not_found(database: Database) -> None:
    store = DatabaseKeys(database)
    assert await store.key("name 1") is None
    assert await store.team("team 1") is None
    assert await store.keys() == []
    assert await store.teams() == []
    assert await store.changes(0) == Changes(0, (), ())


@pytest.mark.parametrize("name", ["'; DROP TABLE keys; --", "%", "_", "name 1' OR '1'='1", "\x00", "\ud800"])
async def test_no_name_is_more_than_a_name(database: Database, name: str) -> None:
    store = DatabaseKeys(database)
    key = await put(store, a_key())
    assert await store.key(name) is None
    assert await store.team(name) is None
    assert await store.keys() == [key]


async def test_keys_are_listed_the_newest_first_and_teams_by_name(database: Database) -> None:
    store = DatabaseKeys(database)
    for number in (2, 3, 1):
        await store.put_key(a_key(number))
        await store.put_team(a_team(number))
    assert [key.name for key in await store.keys()] == ["name 3", "name 2", "name 1"]
    assert [team.name for team in await store.teams()] == ["team 1", "team 2", "team 3"]


async def test_an_id_goes_before_a_name(database: Database) -> None:
    store = DatabaseKeys(database)
    key = await put(store, a_key(1))
    await store.put_key(a_key(2, name=key.id))
    assert await store.key(key.id) == key


async def test_changes_are_what_came_after_a_revision(database: Database) -> None:
    store = DatabaseKeys(database)
    await store.put_key(a_key(1))
    second = await put(store, a_key(2))
    team = await put_team(store, a_team())
    assert await store.changes(1) == Changes(3, (second,), (team,))
    assert await store.changes(3) == Changes(3, (), ())
    again = await put(store, a_key(1, name="other"))
    assert again.revision == 4
    assert await store.changes(3) == Changes(4, (again,), ())


async def test_what_is_deleted_is_among_the_changes_but_not_among_all(database: Database) -> None:
    store = DatabaseKeys(database)
    await store.put_key(a_key(1))
    team = await put_team(store, a_team())
    gone = await put(store, a_key(1, deleted=9.0, hashes=()))
    await store.put_team(msgspec.structs.replace(team, deleted=9.0))
    assert await store.keys() == []
    assert await store.teams() == []
    assert await store.key("name 1") is None
    assert await store.key(gone.id) is None
    assert await store.team(team.id) is None
    changes = await store.changes(2)
    assert changes.keys == (gone,)
    assert [(one.name, one.deleted) for one in changes.teams] == [("team 1", 9.0)]
    assert await store.changes(0) == Changes(4, (), ())


async def test_a_name_is_free_again_once_its_owner_is_deleted(database: Database) -> None:
    store = DatabaseKeys(database)
    for number in (1, 2, 3):
        await store.put_key(a_key(number, name="alice"))
        await store.put_key(a_key(number, name="alice", deleted=9.0, hashes=()))
        team = await put_team(store, a_team(number, name="research"))
        await store.put_team(msgspec.structs.replace(team, deleted=9.0))
    assert (await put(store, a_key(4, name="alice"))).name == "alice"
    assert (await put_team(store, a_team(4, name="research"))).name == "research"


async def test_a_name_is_given_only_once(database: Database) -> None:
    store = DatabaseKeys(database)
    await store.put_key(a_key(1))
    await store.put_team(a_team(1))
    with pytest.raises(NameTakenError):
        await store.put_key(a_key(2, name="name 1"))
    with pytest.raises(NameTakenError):
        await store.put_team(a_team(2, name="team 1"))
    assert len(await store.keys()) == len(await store.teams()) == 1
    assert (await store.changes(0)).revision == 2  # what failed has changed nothing


async def test_of_those_who_race_for_a_name_one_gets_it(database: Database) -> None:
    store = DatabaseKeys(database)
    outcomes = await asyncio.gather(
        *(store.put_key(a_key(number, name="alice")) for number in range(1, 9)), return_exceptions=True
    )
    assert sum(isinstance(one, StoredKey) for one in outcomes) == 1
    assert sum(isinstance(one, NameTakenError) for one in outcomes) == 7


async def test_a_change_to_what_somebody_else_has_changed_is_not_made(database: Database) -> None:
    store = DatabaseKeys(database)
    key = await put(store, a_key())
    await store.put_key(a_key(owner="somebody else"))
    assert await store.put_key(a_key(owner="me"), expected=key.revision) is None
    found = await store.key(key.id)
    assert found is not None
    assert found.owner == "somebody else"
    assert await store.put_key(a_key(owner="me"), expected=found.revision) is not None
    team = await put_team(store, a_team())
    assert await store.put_team(a_team(name="x"), expected=team.revision) is not None
    assert await store.put_team(a_team(name="y"), expected=team.revision) is None


async def test_what_is_deleted_is_not_changed_back(database: Database) -> None:
    store = DatabaseKeys(database)
    key = await put(store, a_key())
    gone = await put(store, a_key(deleted=9.0, hashes=()))
    for expected in (key.revision, gone.revision):
        assert await store.put_key(a_key(), expected=expected) is None
    assert await store.key(key.id) is None


async def test_a_key_is_in_no_team_that_is_not_there(database: Database) -> None:
    store = DatabaseKeys(database)
    with pytest.raises(NoTeamError):
        await store.put_key(a_key(team="team_x"))
    team = await put_team(store, a_team())
    await store.put_team(msgspec.structs.replace(team, deleted=9.0))
    with pytest.raises(NoTeamError):
        await store.put_key(a_key(team=team.id))


async def test_a_team_with_keys_stays_if_it_has_to_be_empty(database: Database) -> None:
    store = DatabaseKeys(database)
    team = await put_team(store, a_team())
    key = await put(store, a_key(team=team.id))
    gone = msgspec.structs.replace(team, deleted=9.0)
    with pytest.raises(TeamInUseError, match="1 keys"):
        await store.put_team(gone, empty=True)
    assert await store.team(team.id) == team
    await store.put_key(a_key(deleted=8.0, hashes=(), team=team.id))
    assert await store.put_team(gone, empty=True) is not None
    assert key.team == team.id


async def test_the_keys_of_a_deleted_team_are_without_one(database: Database) -> None:
    store = DatabaseKeys(database)
    team = await put_team(store, a_team())
    key = await put(store, a_key(team=team.id))
    await store.put_team(msgspec.structs.replace(team, deleted=9.0))
    found = await store.key(key.id)
    assert found is not None
    assert found.team is None
    assert [one.team for one in await store.keys()] == [None]
    assert [one.team for one in (await store.changes(0)).keys] == [None]


async def test_while_a_key_is_rotated_it_has_two_hashes_the_newest_first(database: Database) -> None:
    store = DatabaseKeys(database)
    hashes = (KeyHash("cc", 3000.0), KeyHash("aa", 1000.0, expires=4000.0))
    await store.put_key(a_key())
    key = await put(store, a_key(hashes=hashes))
    assert key.hashes == hashes
    assert (await store.changes(0)).keys == (key,)


async def test_many_keys_come_in_steps_and_none_is_missed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_keys, "PAGE", 7)
    store = DatabaseKeys(database)
    team = await put_team(store, a_team())
    for number in range(1, 21):
        await store.put_key(a_key(number, team=team.id))
    await store.put_key(a_key(3, name="changed", team=team.id))
    await store.put_key(a_key(20, deleted=5.0, hashes=()))
    steps = await all_changes(store)
    assert [len(step.keys) for step in steps] == [7, 7, 6]
    names = [key.name for step in steps for key in step.keys if key.deleted is None]
    assert sorted(names) == sorted(["changed", *(f"name {one}" for one in range(1, 20) if one != 3)])
    assert all(len(key.hashes) == (key.deleted is None) for step in steps for key in step.keys)
    assert steps[-1].revision == 23


async def test_whoever_follows_misses_nothing_while_many_write(
    database: Database, store_url: Secret | None, tmp_path: Path
) -> None:
    """Several connections write at once; one reader takes each change as it appears."""
    writers = [open_database(store_url, tmp_path) for _ in range(3)]
    reader = DatabaseKeys(database)
    seen: dict[str, int] = {}
    done = asyncio.Event()

    async def write(which: int) -> None:
        store = DatabaseKeys(writers[which])
        for number in range(12):
            await store.put_key(a_key(100 * which + number + 1))

    async def follow() -> None:
        since = 0
        while not done.is_set() or (await reader.changes(since)).revision > since:
            changes = await reader.changes(since)
            for key in changes.keys:
                assert key.revision > since
                seen[key.id] = key.revision
            since = changes.revision

    following = asyncio.create_task(follow())
    try:
        await asyncio.gather(*(write(which) for which in range(3)))
    finally:
        done.set()
        await following
        for writer in writers:
            await writer.close()
    assert len(seen) == 36
    assert sorted(seen.values()) == list(range(1, 37))


async def test_a_key_whose_rules_cannot_be_read_opens_nothing(database: Database) -> None:
    store = DatabaseKeys(database)
    key = await put(store, a_key())
    newer = update(KEYS).values(rules='{"walks":true}')
    await database.run(lambda connection: connection.execute(newer), writes=True)
    assert [one.disabled for one in (await store.changes(0)).keys] == [True]
    assert [one.disabled for one in await store.keys()] == [True]
    with pytest.raises(StoreError, match=f"The rules of {key.id} cannot be read"):
        await store.key(key.id)


async def test_the_first_secret_is_the_one_that_counts(database: Database) -> None:
    store = DatabaseKeys(database)
    outcomes = await asyncio.gather(*(store.agree_on_secret(mark) for mark in "abcdabcd"))
    assert outcomes.count(True) == 2
    winner = "abcd"[outcomes.index(True)]
    assert await store.agree_on_secret(winner)
    assert not await store.agree_on_secret("e")


async def test_looking_for_changes_makes_no_database(tmp_path: Path) -> None:
    shared = SharedDatabase(None, tmp_path)
    store: KeyStore = SharedKeys(shared)
    assert await store.changes(0) == Changes(0, (), ())
    assert not (tmp_path / FILE).exists()
    key = await put(store, a_key())
    team = await put_team(store, a_team())
    assert await store.keys() == [key]
    assert await store.key("name 1") == key
    assert await store.teams() == [team]
    assert await store.team("team 1") == team
    assert await store.changes(0) == Changes(2, (key,), (team,))
    assert await store.agree_on_secret("a")
    await shared.close()
    with pytest.raises(StoreError):
        await store.changes(2)
