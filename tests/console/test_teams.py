"""Teams through the management API, on every database."""

import asyncio

import pytest
from structlog.testing import LogCapture
from tests.console.api import Api

pytestmark = pytest.mark.anyio


async def test_a_team_is_answered_as_it_was_ordered(api: Api) -> None:
    budgets = [{"amount": 500.0, "per": "week", "zone": "Europe/Berlin"}]
    told = await api.post("/teams", {"name": "research", "max_concurrent": 4, "budgets": budgets})
    assert told.status == 201
    assert told.headers["location"] == f"/dragoman/api/teams/{told.json['id']}"
    for name in ("research", str(told.json["id"])):
        shown = await api.get(f"/teams/{name}")
        assert shown.json == told.json
        assert shown.json["budgets"] == budgets
        assert shown.headers["etag"] == told.headers["etag"]


async def test_a_change_leaves_what_it_does_not_speak_of(api: Api) -> None:
    created = (await api.post("/teams", {"name": "research", "max_concurrent": 4})).json
    changed = (await api.patch("/teams/research", {"name": "science"})).json
    assert changed == {**created, "name": "science"}
    emptied = (await api.patch("/teams/science", {"max_concurrent": None})).json
    assert emptied["max_concurrent"] is None


async def test_two_teams_cannot_have_the_same_name(api: Api) -> None:
    await api.post("/teams", {"name": "research"})
    await api.post("/teams", {"name": "science"})
    told = [
        await api.post("/teams", {"name": "science"}),
        await api.patch("/teams/research", {"name": "science"}),
    ]
    assert [(one.status, one.error["param"]) for one in told] == [(409, "name")] * 2


async def test_a_change_of_what_was_changed_meanwhile_is_refused(api: Api) -> None:
    tag = (await api.post("/teams", {"name": "research"})).headers["etag"]
    told = await asyncio.gather(
        *(api.patch("/teams/research", {"max_concurrent": n}, {"if-match": tag}) for n in (1, 2, 3))
    )
    assert sorted(one.status for one in told) == [200, 412, 412]
    assert (await api.delete("/teams/research", {"if-match": tag})).status == 412


async def test_changes_of_different_fields_at_once_are_all_made(api: Api) -> None:
    await api.post("/teams", {"name": "research"})
    limits = [{"requests": 5, "tokens": None, "cost": None, "per": "minute"}]
    budgets = [{"amount": 1.0, "per": "month", "zone": "UTC"}]
    changes: list[dict[str, object]] = [{"limits": limits}, {"budgets": budgets}, {"max_concurrent": 3}]
    told = await asyncio.gather(*(api.patch("/teams/research", change) for change in changes))
    assert [one.status for one in told] == [200] * 3
    shown = (await api.get("/teams/research")).json
    assert (shown["limits"], shown["budgets"], shown["max_concurrent"]) == (limits, budgets, 3)


async def test_a_team_with_keys_is_deleted_by_force_only(api: Api) -> None:
    await api.post("/teams", {"name": "research"})
    await api.post("/keys", {"name": "ada", "team": "research"})
    told = await api.delete("/teams/research")
    assert (told.status, told.error["type"]) == (409, "conflict")
    assert (await api.delete("/teams/research", query="force=true")).status == 204
    assert (await api.get("/keys/ada")).json["team"] is None
    assert (await api.get("/teams/research")).status == 404


async def test_teams_are_listed_a_page_at_a_time_by_name(api: Api) -> None:
    for name in ("b", "d", "a", "c", "é"):
        await api.post("/teams", {"name": name})
    first = await api.get("/teams", limit=3)
    second = await api.get("/teams", limit=3, cursor=first.json["next"])
    assert [team["name"] for team in [*first.list("teams"), *second.list("teams")]] == [
        "a",
        "b",
        "c",
        "d",
        "é",
    ]
    assert second.json["next"] is None


async def test_every_change_is_noted(api: Api, log: LogCapture) -> None:
    await api.post("/teams", {"name": "research"})
    await api.patch("/teams/research", {"max_concurrent": 1})
    await api.delete("/teams/research")
    assert [(entry["event"], entry["team"], entry["by"]) for entry in log.entries] == [
        ("a team was created", "research", "admin"),
        ("a team was changed", "research", "admin"),
        ("a team was deleted", "research", "admin"),
    ]
