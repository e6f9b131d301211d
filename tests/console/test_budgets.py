"""How budgets stand, through the management API, on every database."""

import pytest
from tests.console.api import Api
from tests.console.conftest import Clock
from tests.console.entries import entry, written

from dragoman.store.database_leases import DatabaseLeases
from dragoman.store.engine import Database
from dragoman.store.entry import Charge
from dragoman.store.leases import Account, Wish

pytestmark = pytest.mark.anyio

DOLLAR = 1_000_000_000


async def test_every_kind_of_holder_is_listed_with_what_is_left(api: Api) -> None:
    await api.post("/teams", {"name": "research", "budgets": [{"amount": 5, "per": "month"}]})
    await api.post("/keys", {"name": "ada", "budgets": [{"amount": 7, "per": "day", "zone": "Asia/Tokyo"}]})
    await api.post("/keys", {"name": "free"})
    told = (await api.get("/budgets")).list("budgets")
    assert [(one["kind"], one["name"], one["per"], one["amount"], one["left"]) for one in told] == [
        ("key", "ada", "day", 7.0, 7.0),
        ("key", "static", "day", 3.0, 3.0),
        ("route", "gpt-4o", "week", 300.0, 300.0),
        ("team", "old", "total", 30.0, 30.0),
        ("team", "research", "month", 5.0, 5.0),
    ]
    assert [one["resets"] for one in told] == [
        "2026-11-22T15:00:00Z",
        "2026-11-23T00:00:00Z",
        "2026-11-23T00:00:00Z",
        None,
        "2026-12-01T00:00:00Z",
    ]


async def test_what_was_spent_and_what_is_set_aside_is_not_left(
    api: Api, database: Database, clock: Clock
) -> None:
    key = (await api.post("/keys", {"name": "ada", "budgets": [{"amount": 7}]})).json["id"]
    account = Account(f"key:{key}", "month", "UTC", 1_793_491_200.0, 1_796_083_200.0)
    await written(database, entry(1, charges=(Charge(account.id, "", 2 * DOLLAR + 1),)))
    await DatabaseLeases(database).take(
        account, 7 * DOLLAR, Wish(DOLLAR, DOLLAR, DOLLAR), "tests", "", clock.now + 60, clock.now
    )
    (found,) = (await api.get("/budgets", of="ada")).list("budgets")
    assert (found["spent"], found["reserved"], found["left"]) == (2.000000001, 1.0, 3.999999999)
    assert found["begins"] == "2026-11-01T00:00:00Z"


async def test_a_budget_that_was_made_smaller_than_what_is_spent_has_less_than_nothing_left(
    api: Api, database: Database
) -> None:
    key = (await api.post("/keys", {"name": "ada", "budgets": [{"amount": 7}]})).json["id"]
    charge = Charge(f"key:{key}/month/UTC/1793491200", "", 3 * DOLLAR)
    await written(database, entry(1, charges=(charge,)))
    await api.patch("/keys/ada", {"budgets": [{"amount": 1}]})
    (found,) = (await api.get("/budgets", of=key)).list("budgets")
    assert (found["amount"], found["spent"], found["left"]) == (1.0, 3.0, -2.0)


async def test_budgets_are_found_by_kind_and_holder(api: Api) -> None:
    async def names(**parameters: object) -> list[object]:
        return [one["name"] for one in (await api.get("/budgets", **parameters)).list("budgets")]

    assert await names(kind="team") == ["old"]
    assert await names(of="gpt-4o") == ["gpt-4o"]
    assert await names(of="config:old") == ["old"]
    assert await names(kind="key", of="old") == []


async def test_budgets_are_listed_a_page_at_a_time(api: Api) -> None:
    first = await api.get("/budgets", limit=2)
    second = await api.get("/budgets", limit=2, cursor=first.json["next"])
    assert [one["name"] for one in first.list("budgets")] == ["static", "gpt-4o"]
    assert [one["name"] for one in second.list("budgets")] == ["old"]
    assert second.json["next"] is None
