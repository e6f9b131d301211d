"""Sums through the management API, on every database."""

import pytest
from tests.console.api import Api
from tests.console.entries import BEGAN, entry, written

from dragoman.store.engine import Database

pytestmark = pytest.mark.anyio

TWO = {
    "requests": 2,
    "failures": 1,
    "cached": 0,
    "unpriced": 0,
    "input": 2000,
    "output": 200,
    "cache_read": 100,
    "cache_write": 0,
    "cost": 0.007,
    "mean_total": 1.5,
    "mean_first_token": 0.25,
}


async def test_a_team_sees_what_it_has_spent_this_month(api: Api, database: Database) -> None:
    team = {"team_id": "config:research", "team_name": "research"}
    await written(
        database, entry(1, **team), entry(2, **team, status=502, failure="server"), entry(3, key_id="key_2")
    )
    told = await api.get("/summary", team="research", since="2026-11-01")
    assert told.json["totals"] == TWO
    assert told.json["shares"] == []
    assert (told.json["since"], told.json["until"]) == ("2026-11-01T00:00:00Z", "2026-11-22T14:00:00Z")


async def test_a_summary_shows_the_largest_parts(api: Api, database: Database) -> None:
    await written(
        database,
        entry(1),
        entry(2, key_id="key_2", key_name="grace", cost=9_000_000),
        entry(3, key_id="key_3", key_name="joan", cost=1_000),
    )
    told = await api.get("/summary", by="key", limit=2)
    assert [(one["id"], one["name"]) for one in told.list("shares")] == [("key_2", "grace"), ("key_1", "ada")]


async def test_a_time_without_requests_has_no_averages(api: Api) -> None:
    totals = (await api.get("/summary")).json["totals"]
    assert isinstance(totals, dict)
    assert (totals["requests"], totals["cost"], totals["mean_total"]) == (0, 0.0, None)


async def test_a_chart_has_a_point_for_each_day_and_a_line_for_each_key(api: Api, database: Database) -> None:
    day = 86_400.0
    await written(
        database,
        entry(1),
        entry(2, began=BEGAN - day),
        entry(3, began=BEGAN - day, key_id="key_2", key_name="grace", cost=90_000_000),
        entry(4, began=BEGAN - 200 * day),
    )
    told = (await api.get("/usage", by="key")).list("series")
    assert [(line["id"], line["name"]) for line in told] == [("key_2", "grace"), ("key_1", "ada")]
    points = told[1]["points"]
    assert isinstance(points, list)
    begins = [point["begins"] for point in points if isinstance(point, dict)]
    assert begins == ["2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"]


async def test_a_chart_by_hour_shows_the_last_day(api: Api, database: Database) -> None:
    await written(database, entry(1), entry(2, began=BEGAN - 90_000))
    told = await api.get("/usage", span="hour", target="openai/gpt-4o")
    (line,) = told.list("series")
    points = line["points"]
    assert isinstance(points, list)
    assert len(points) == 1
    assert isinstance(points[0], dict)
    assert points[0]["begins"] == "2026-11-22T13:00:00Z"
    assert told.json["span"] == "hour"
