"""Keys through the management API, on every database."""

import asyncio
import datetime as dt

import pytest
from structlog.testing import LogCapture
from tests.console.api import Api
from tests.console.conftest import SECRET, Clock

from dragoman.access.directory import KeyDirectory
from dragoman.store.database_keys import DatabaseKeys
from dragoman.store.engine import Database
from dragoman.testing.json_value import Object

pytestmark = pytest.mark.anyio

EVERYTHING = {
    "name": "ada-laptop",
    "owner": "ada@example.com",
    "tags": ["internal"],
    "routes": ["gpt-*", "claude-*"],
    "priority": 3,
    "max_concurrent": 8,
    "limits": [{"requests": 100, "per": "minute"}, {"tokens": 100_000, "per": "hour"}],
    "budgets": [{"amount": 25.5, "per": "month", "zone": "Europe/Berlin"}],
    "expires": "2027-01-31T00:00:00Z",
}


REST = {field: value for field, value in EVERYTHING.items() if field != "name"}


async def made(api: Api, its_name: str = "ada", /, **fields: object) -> Object:
    told = await api.post("/keys", {"name": its_name, **fields})
    assert told.status == 201, told.body
    return told.json


async def test_a_key_is_answered_as_it_was_ordered(api: Api) -> None:
    answer = await made(api, **REST)
    assert str(answer["key"]).startswith("sk-dr-")
    shown = (await api.get(f"/keys/{answer['id']}")).json
    assert {field: shown[field] for field in EVERYTHING if field not in {"name", "limits"}} == {
        field: value for field, value in EVERYTHING.items() if field not in {"name", "limits"}
    }
    limits = shown["limits"]
    assert isinstance(limits, list)
    assert [{k: v for k, v in one.items() if v is not None} for one in limits if isinstance(one, dict)] == [
        {"requests": 100, "per": "minute"},
        {"tokens": 100_000, "per": "hour"},
    ]
    assert shown["state"] == "active"


async def test_the_text_of_a_key_is_in_the_answers_of_create_and_rotate_only(
    api: Api, log: LogCapture
) -> None:
    created = await made(api)
    rotated = (await api.post(f"/keys/{created['id']}/rotate", {})).json
    texts = [str(created["key"]), str(rotated["key"])]
    assert texts[0] != texts[1]
    others = [
        await api.get("/keys"),
        await api.get(f"/keys/{created['id']}"),
        await api.patch(f"/keys/{created['id']}", {"owner": "ada"}),
        await api.post(f"/keys/{created['id']}/disable"),
        await api.get("/budgets"),
    ]
    for told in others:
        assert told.status == 200
        assert b"sk-dr-" not in told.body
        assert "key" not in told.json
    assert not any(text in str(log.entries) for text in texts)


async def test_no_answer_is_kept_by_anybody_on_its_way(api: Api) -> None:
    told = [await api.post("/keys", {"name": "ada"}), await api.get("/keys"), await api.get("/nothing")]
    assert [one.headers["cache-control"] for one in told] == ["no-store"] * 3


async def test_a_created_key_opens_the_gateway(api: Api, database: Database) -> None:
    answer = await made(api)
    directory = KeyDirectory(DatabaseKeys(database), lambda: SECRET)
    assert await directory.catch_up()
    found = directory.find(str(answer["key"]))
    assert found is not None
    assert found.id == answer["id"]


async def test_a_rotated_key_opens_with_both_texts_for_as_long_as_was_said(
    api: Api, database: Database, clock: Clock
) -> None:
    created = await made(api)
    rotated = (await api.post(f"/keys/{created['id']}/rotate", {"overlap": 60})).json
    assert rotated["rotated_until"] == "2026-11-22T14:01:00Z"
    directory = KeyDirectory(DatabaseKeys(database), lambda: SECRET, clock)
    await directory.catch_up()
    texts = [str(created["key"]), str(rotated["key"])]
    assert [directory.find(text) is not None for text in texts] == [True, True]
    clock.now += 61
    assert [directory.find(text) is not None for text in texts] == [False, True]
    assert (await api.get(f"/keys/{created['id']}")).json["rotated_until"] is None


async def test_a_rotation_without_overlap_ends_the_old_text_at_once(api: Api, database: Database) -> None:
    created = await made(api)
    await api.post(f"/keys/{created['id']}/rotate", {})
    directory = KeyDirectory(DatabaseKeys(database), lambda: SECRET)
    await directory.catch_up()
    assert directory.find(str(created["key"])) is None


async def test_a_key_is_found_by_its_name_too(api: Api) -> None:
    answer = await made(api, "ada lovelace")
    assert (await api.get("/keys/ada%20lovelace")).json["id"] == answer["id"]


async def test_two_keys_cannot_have_the_same_name(api: Api) -> None:
    await made(api)
    told = await api.post("/keys", {"name": "ada"})
    assert told.status == 409
    assert told.error["type"] == "conflict"
    assert told.error["param"] == "name"


async def test_a_change_leaves_what_it_does_not_speak_of(api: Api) -> None:
    answer = await made(api, **REST)
    told = await api.patch(f"/keys/{answer['id']}", {"priority": -1, "owner": "grace"})
    expected = {**answer, "priority": -1, "owner": "grace"}
    expected.pop("key")
    assert told.json == expected


async def test_null_takes_away_what_may_be_missing(api: Api) -> None:
    await api.post("/teams", {"name": "research"})
    answer = await made(api, team="research", expires="2027-01-31T00:00:00Z", max_concurrent=2)
    changed = (
        await api.patch(f"/keys/{answer['id']}", {"team": None, "expires": None, "max_concurrent": None})
    ).json
    assert (changed["team"], changed["expires"], changed["max_concurrent"]) == (None, None, None)


@pytest.mark.parametrize("field", ["name", "owner", "tags", "routes", "limits", "budgets", "disabled"])
async def test_null_is_refused_where_nothing_may_be_missing(api: Api, field: str) -> None:
    await made(api)
    told = await api.patch("/keys/ada", {field: None})
    assert told.status == 400
    assert told.error["param"] == field


async def test_a_change_of_what_was_changed_meanwhile_is_refused(api: Api) -> None:
    answer = await api.post("/keys", {"name": "ada"})
    tag = answer.headers["etag"]
    changed = await api.patch("/keys/ada", {"owner": "ada"}, {"if-match": tag})
    assert changed.status == 200
    late = await api.patch("/keys/ada", {"owner": "grace"}, {"if-match": tag})
    assert (late.status, late.error["type"]) == (412, "precondition_failed")
    assert late.headers["etag"] == changed.headers["etag"]
    assert (await api.get("/keys/ada")).json["owner"] == "ada"
    again = await api.patch("/keys/ada", {"owner": "grace"}, {"if-match": late.headers["etag"]})
    assert again.status == 200


async def test_any_state_will_do_for_a_change_with_a_star(api: Api) -> None:
    await made(api)
    assert (await api.patch("/keys/ada", {"owner": "ada"}, {"if-match": "*"})).status == 200


async def test_a_weak_tag_matches_nothing(api: Api) -> None:
    tag = (await api.post("/keys", {"name": "ada"})).headers["etag"]
    assert (await api.patch("/keys/ada", {"owner": "ada"}, {"if-match": f"W/{tag}"})).status == 412


@pytest.mark.parametrize("order", ["rotate", "disable", "enable", "delete"])
async def test_every_order_heeds_the_state_that_it_is_for(api: Api, order: str) -> None:
    await made(api)
    headers = {"if-match": '"0"'}
    told = await (
        api.delete("/keys/ada", headers)
        if order == "delete"
        else api.post(f"/keys/ada/{order}", {} if order == "rotate" else None, headers)
    )
    assert told.status == 412
    assert (await api.get("/keys/ada")).status == 200


async def test_a_rotation_that_is_sent_twice_at_once_rotates_once(api: Api) -> None:
    tag = (await api.post("/keys", {"name": "ada"})).headers["etag"]
    told = await asyncio.gather(*(api.post("/keys/ada/rotate", {}, {"if-match": tag}) for _ in range(4)))
    assert sorted(one.status for one in told) == [200, 412, 412, 412]


async def test_changes_of_different_fields_at_once_are_all_made(api: Api) -> None:
    await made(api)
    fields = {"tags": ["a"], "routes": ["b"], "priority": 4, "max_concurrent": 5}
    told = await asyncio.gather(*(api.patch("/keys/ada", {name: value}) for name, value in fields.items()))
    assert [one.status for one in told] == [200] * 4
    shown = (await api.get("/keys/ada")).json
    assert {name: shown[name] for name in fields} == fields


async def test_disabling_and_enabling_can_be_repeated(api: Api) -> None:
    await made(api)
    states = [
        (await api.post(f"/keys/ada/{word}")).json["state"]
        for word in ("disable", "disable", "enable", "enable")
    ]
    assert states == ["disabled", "disabled", "active", "active"]


async def test_a_deleted_key_is_gone_and_its_name_is_free(api: Api) -> None:
    answer = await made(api)
    told = await api.delete("/keys/ada")
    assert (told.status, told.body) == (204, b"")
    assert (await api.get(f"/keys/{answer['id']}")).status == 404
    assert (await api.delete("/keys/ada")).status == 404
    await made(api)


async def test_keys_are_listed_a_page_at_a_time_the_newest_first(api: Api, clock: Clock) -> None:
    for number in range(5):
        clock.now += number % 2  # some were made at the same moment
        await made(api, f"key {number}")
    names: list[str] = []
    cursor: dict[str, object] = {}
    while True:
        told = await api.get("/keys", limit=2, **cursor)
        names += [str(key["name"]) for key in told.list("keys")]
        if told.json["next"] is None:
            break
        cursor = {"cursor": told.json["next"]}
    assert sorted(names) == [f"key {number}" for number in range(5)]
    created = [(await api.get(f"/keys/{name.replace(' ', '%20')}")).json["created"] for name in names]
    assert created == sorted(created, key=str, reverse=True)


async def test_a_page_goes_on_where_the_last_one_ended_whatever_was_made_meanwhile(
    api: Api, clock: Clock
) -> None:
    for number in range(4):
        clock.now += 1
        await made(api, f"key{number}")
    first = await api.get("/keys", limit=2)
    clock.now += 1
    await made(api, "newest")
    await api.delete("/keys/key2")
    second = await api.get("/keys", limit=2, cursor=first.json["next"])
    assert [key["name"] for key in first.list("keys")] == ["key3", "key2"]
    assert [key["name"] for key in second.list("keys")] == ["key1", "key0"]


async def test_keys_are_found_by_team_owner_tag_and_state(api: Api, clock: Clock) -> None:
    team = (await api.post("/teams", {"name": "research"})).json
    await made(api, "a", team="research", owner="ada", tags=["x", "y"])
    await made(api, "b", owner="ada", expires=_moment(clock.now + 10))
    await made(api, "c", tags=["y"])
    await api.post("/keys/c/disable")
    clock.now += 11

    async def names(**parameters: object) -> list[str]:
        return sorted(str(key["name"]) for key in (await api.get("/keys", **parameters)).list("keys"))

    assert await names(team="research") == await names(team=team["id"]) == ["a"]
    assert await names(team="nobody") == []
    assert await names(owner="ada") == ["a", "b"]
    assert await names(tag="y") == ["a", "c"]
    assert await names(state="expired") == ["b"]
    assert await names(state="disabled") == ["c"]
    assert await names(state="active", owner="ada") == ["a"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": " ada"}, "name"),
        ({"name": 7}, "name"),
        ({"name": "ada", "nick": "a"}, "nick"),
        ({"name": "ada", "limits": [{"requests": 5, "pre": "day"}]}, "limits[0].pre"),
        ({"name": "ada", "limits": [{"requests": 5}, {"per": "day"}]}, "limits[1]"),
        ({"name": "ada", "limits": [{"requests": 5, "tokens": 5}]}, "limits[0]"),
        ({"name": "ada", "limits": [{"requests": 0}]}, "limits[0].requests"),
        ({"name": "ada", "limits": [{"requests": 1.5}]}, "limits[0].requests"),
        ({"name": "ada", "limits": [{"requests": "5"}]}, "limits[0].requests"),
        ({"name": "ada", "limits": [{"requests": 5, "per": "year"}]}, "limits[0].per"),
        ({"name": "ada", "budgets": [{"amount": -1}]}, "budgets[0].amount"),
        ({"name": "ada", "budgets": [{"amount": 1e300}]}, "budgets[0].amount"),
        ({"name": "ada", "budgets": [{"amount": 1, "zone": "Mars/Olympus"}]}, "budgets[0].zone"),
        ({"name": "ada", "budgets": [{"amount": 1, "zone": "../../etc/passwd"}]}, "budgets[0].zone"),
        ({"name": "ada", "budgets": [{"amount": 1}, {"amount": 2}]}, "budgets[1]"),
        ({"name": "ada", "tags": "internal"}, "tags"),
        ({"name": "ada", "tags": ["a\nb"]}, "tags[0]"),
        ({"name": "ada", "routes": [None]}, "routes[0]"),
        ({"name": "ada", "priority": True}, "priority"),
        ({"name": "ada", "priority": 101}, "priority"),
        ({"name": "ada", "max_concurrent": 0}, "max_concurrent"),
        ({"name": "ada", "team": "nobody"}, "team"),
        ({"name": "ada", "expires": "tomorrow"}, "expires"),
        ({"name": "ada", "expires": "2027-01-31T00:00:00"}, "expires"),
        ({"name": "ada", "expires": "2020-01-31T00:00:00Z"}, "expires"),
        ({"name": "ada", "expires": 1_900_000_000}, "expires"),
    ],
)
async def test_what_cannot_be_meant_is_refused_with_the_path_of_the_field(
    api: Api, fields: object, param: str
) -> None:
    told = await api.post("/keys", fields)
    assert told.status == 400, told.body
    assert told.error["type"] == "invalid_request"
    assert told.error["param"] == param
    assert param in str(told.error["message"])
    assert (await api.get("/keys")).json["keys"] == []


@pytest.mark.parametrize("overlap", [-1, 1e12, "60", None])
async def test_a_rotation_takes_an_overlap_that_makes_sense(api: Api, overlap: object) -> None:
    await made(api)
    told = await api.post("/keys/ada/rotate", {"overlap": overlap})
    assert (told.status, told.error["param"]) == (400, "overlap")


async def test_every_change_is_noted_with_names_and_without_keys(api: Api, log: LogCapture) -> None:
    await api.post("/teams", {"name": "research"})
    answer = await made(api, team="research")
    await api.patch("/keys/ada", {"owner": "ada", "tags": ["x"]})
    await api.post("/keys/ada/rotate", {"overlap": 5})
    await api.post("/keys/ada/disable")
    await api.delete("/keys/ada")
    await api.get("/keys")
    entries = [entry for entry in log.entries if entry.get("key") == "ada"]
    assert [entry["event"] for entry in entries] == [
        "a key was created",
        "a key was changed",
        "a key was rotated",
        "a key was changed",
        "a key was deleted",
    ]
    assert {entry["key_id"] for entry in entries} == {str(answer["id"])}
    assert {(entry["by"], entry["address"]) for entry in entries} == {("admin", "192.0.2.1")}
    assert [entry.get("fields") for entry in entries] == [None, "owner, tags", None, "disabled", None]
    assert "sk-" not in str(log.entries)


async def test_what_was_refused_is_not_noted_as_a_change(api: Api, log: LogCapture) -> None:
    await api.post("/keys", {"name": ""})
    await api.patch("/keys/ada", {"owner": "x"})
    await api.delete("/keys/ada")
    assert log.entries == []


def _moment(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()
